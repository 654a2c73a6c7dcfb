/* Contexts from text files: items are tokenised in parallel, a wave at a time, and cut in their order. */
#include "data/contexts.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "data/text_items.h"
#include "lm/bpe.h"

#include <omp.h>

#define WAVE_ITEMS 4096
#define MIN_WAVE   ((int64_t)1 << 20) /* bytes of text in a wave: enough work for all threads, … */
#define MAX_WAVE   ((int64_t)1 << 26) /* … and ids that fit into memory with ease */

typedef struct slot {
    sae_text_item item;
    size_t valid; /* bytes of it before the first that is not UTF-8 */
    sae_ids ids;
    sae_status status;
    sae_error problem;
} slot;

typedef struct wave {
    const sae_text_config *config;
    slot *slots; /* [WAVE_ITEMS] */
    int64_t count;
    sae_bpe_worker **workers; /* [threads] */
    int threads;
} wave;

static void encode_wave(wave *w)
{
#pragma omp parallel for num_threads(w->threads) schedule(dynamic)
    for (int64_t i = 0; i < w->count; i++) {
        sae_bpe_worker *worker = w->workers[omp_get_thread_num()];
        slot *s = &w->slots[i];
        s->ids.count = 0;
        const sae_text_item *item = &s->item;
        s->valid = item->line ? item->length : sae_utf8_valid_prefix(item->text, item->length);
        s->status = item->line ? sae_bpe_encode_json_line(worker, item->text, item->length, item->path, item->line,
                                                          w->config->parse_special, &s->ids, &s->problem)
                               : sae_bpe_encode(worker, item->text, item->length, w->config->parse_special, &s->ids,
                                                &s->problem);
    }
}

/* Fills the wave with items; *done when the files are at their end. */
static sae_status fill_wave(wave *w, sae_text_reader *reader, int64_t bytes, bool *done, sae_error *err)
{
    int64_t filled = 0;
    bool found = true;
    for (w->count = 0; w->count < WAVE_ITEMS && filled < bytes; w->count++) {
        sae_status status = sae_text_reader_next(reader, &w->slots[w->count].item, &found, err);
        if (status != SAE_OK) return status;
        if (!found) break;
        filled += (int64_t)w->slots[w->count].item.length;
    }
    *done = !found;
    return SAE_OK;
}

/* Gives the wave's ids to the cutter, each document with the EOS id before it; *doc: documents so far. */
static sae_status cut_wave(const wave *w, sae_cutter *cutter, int32_t eos, int64_t *doc, sae_error *err)
{
    for (int64_t i = 0; i < w->count && !sae_cutter_full(cutter); i++) {
        const slot *s = &w->slots[i];
        sae_status status = s->status;
        if (status != SAE_OK) {
            if (err) *err = s->problem;
            return status;
        }
        if (s->ids.count == 0) continue;
        if (s->item.starts_document) {
            if (*doc == INT32_MAX) return sae_fail(err, SAE_E_UNSUPPORTED, "more than %d documents", INT32_MAX);
            status = sae_cutter_add(cutter, &eos, 1, (int32_t)(*doc)++, err);
        }
        if (status == SAE_OK) status = sae_cutter_add(cutter, s->ids.data, s->ids.count, (int32_t)(*doc - 1), err);
        if (status != SAE_OK) return status;
    }
    return SAE_OK;
}

/* Said once: the file is likely in another encoding, or no text. */
static void warn_invalid(const wave *w, bool *warned, const sae_env *env)
{
    for (int64_t i = 0; i < w->count && !*warned; i++) {
        const slot *s = &w->slots[i];
        if (s->valid == s->item.length) continue;
        *warned = true;
        sae_log(env, SAE_LOG_WARN,
                "%s is not UTF-8 at byte %zu; what is not is read as U+FFFD (the replacement character)", s->item.path,
                s->item.offset + s->valid);
    }
}

/* Text for one wave: about what is still missing, at two bytes a token. */
static int64_t wave_bytes(const sae_cutter *cutter)
{
    int64_t missing = cutter->limit - cutter->out->count, bytes;
    if (!sae_mul_i64(missing, 2 * cutter->out->ctx, &bytes) || bytes > MAX_WAVE) return MAX_WAVE;
    return bytes < MIN_WAVE ? MIN_WAVE : bytes;
}

static sae_status make_wave(wave *w, const sae_text_config *config, const sae_tokenizer *tokenizer, const sae_env *env,
                            sae_error *err)
{
    *w = (wave){.config = config, .threads = sae_threads(env)};
    w->slots = sae_calloc(WAVE_ITEMS, sizeof *w->slots);
    w->workers = sae_calloc((size_t)w->threads, sizeof(sae_bpe_worker *));
    if (!w->slots || !w->workers) return sae_fail_memory(err, "tokenising", WAVE_ITEMS * sizeof *w->slots);
    for (int t = 0; t < w->threads; t++) {
        sae_status status = sae_bpe_worker_new(&w->workers[t], tokenizer, (size_t)MAX_WAVE, err);
        if (status != SAE_OK) return status;
    }
    return SAE_OK;
}

static void free_wave(wave *w)
{
    for (int64_t i = 0; w->slots && i < WAVE_ITEMS; i++) sae_free(w->slots[i].ids.data);
    for (int t = 0; w->workers && t < w->threads; t++) sae_bpe_worker_free(w->workers[t]);
    sae_free(w->slots);
    sae_free(w->workers);
}

sae_status sae_cut_text(sae_cutter *cutter, const sae_text_config *config, const sae_tokenizer *tokenizer, int32_t eos,
                        const sae_env *env, sae_error *err)
{
    sae_status status;
    wave w = {0};
    sae_text_reader reader = {
        .files = config->files,
        .split = config->split,
        .tokenizer = tokenizer,
        .parse_special = config->parse_special,
    };
    int64_t doc = 0;
    bool done = false, warned = false;
    SAE_TRY(make_wave(&w, config, tokenizer, env, err));
    while (!done && !sae_cutter_full(cutter)) {
        if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped while reading the text"));
        SAE_TRY(fill_wave(&w, &reader, wave_bytes(cutter), &done, err));
        encode_wave(&w);
        warn_invalid(&w, &warned, env);
        SAE_TRY(cut_wave(&w, cutter, eos, &doc, err));
        sae_text_reader_release(&reader);
        const sae_contexts *c = cutter->out;
        sae_report_progress(env, "tokenising", "tokens", (double)(c->count * c->ctx),
                            config->max_tokens ? (double)(cutter->limit * c->ctx) : 0, "");
    }
    if (doc == 0)
        SAE_TRY(sae_fail(err, SAE_E_ARG, "there is no text in %s%s", config->files[0],
                         config->files[1] ? " and the files after it" : ""));
    if (config->split && !reader.separated && !reader.json_lines)
        sae_log(env, SAE_LOG_WARN, "no line equals --split \"%s\": each file is one document", config->split);
done:
    sae_text_reader_close(&reader);
    free_wave(&w);
    return status;
}
