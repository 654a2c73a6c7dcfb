/* From SAEs and a text to a database: the order of the work. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "dash/block.h"
#include "dash/saes.h"
#include "dash/text.h"

#include <stdio.h>
#include <string.h>

sae_dash_config sae_dash_config_default(void)
{
    return (sae_dash_config){.memory = (int64_t)1 << 30};
}

const sae_option *sae_dash_option_table(size_t *count)
{
    static const sae_option table[] = {
        {.name = "seed",
         .type = SAE_OPT_INT,
         .offset = offsetof(sae_dash_config, seed),
         .metavar = "N",
         .default_text = "0",
         .min = 0,
         .max = 1e15,
         .help = "which firings are sampled"},
        {.name = "memory",
         .type = SAE_OPT_INT,
         .offset = offsetof(sae_dash_config, memory),
         .metavar = "BYTES",
         .default_text = "1G",
         .min = 1e6,
         .max = 1e15,
         .help = "for activations sorted by latent; less takes more passes over a temporary file"},
        {.name = "force",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(sae_dash_config, force),
         .help = "replace a database that is already there"},
    };
    *count = sizeof table / sizeof *table;
    return table;
}

static sae_status check(const sae_dash_input *in, sae_error *err)
{
    if (in->n_models < 1) return sae_fail(err, SAE_E_ARG, "there is no SAE to look at");
    if (!in->acts == !in->contexts)
        return sae_fail(err, SAE_E_ARG, "dashboards are made from activations or from contexts, one of them");
    return SAE_OK;
}

static sae_status write_meta(const sae_dash_input *in, const sae_dash_config *config, const sae_dash_text *text,
                             int64_t tokens, sae_store_writer *writer, sae_error *err)
{
    const sae_source_info *info = sae_source_get_info(in->source);
    char program[64];
    snprintf(program, sizeof program, "sae %s", sae_version());
    const struct {
        const char *key;
        sae_cell value;
    } pairs[] = {
        {"program", sae_cell_text(program)},
        {"model", sae_cell_text(info->meta.model)},
        {"model_path", sae_cell_text(in->model_path ? in->model_path : "")},
        {"hook_name", sae_cell_text(info->meta.hook_name)},
        {"d", sae_cell_int(info->d)},
        {"rows", sae_cell_int(text->rows)},
        {"tokens", sae_cell_int(tokens)},
        {"excluded", sae_cell_int(info->excluded)},
        {"contexts", sae_cell_int(text->contexts)},
        {"documents", sae_cell_int(text->documents)},
        {"ctx", sae_cell_int(text->ctx)},
        {"vocab", sae_cell_int(in->tokenizer ? sae_tokenizer_vocab_size(in->tokenizer) : 0)},
        {"prepend_bos", sae_cell_int(info->meta.prepend_bos)},
        {"center_residual", sae_cell_int(info->meta.center_residual)},
        {"keep_first", sae_cell_int(in->keep_first)},
        {"seed", sae_cell_int(config->seed)},
        {"logit_space", sae_cell_text("")},
    };
    sae_status status = SAE_OK;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs && status == SAE_OK; i++)
        status = sae_store_put_meta(writer, pairs[i].key, pairs[i].value, err);
    return status;
}

/* ---- one SAE after the other ---------------------------------------------------------------------------------- */

static sae_status block_make(sae_dash_block *b, const sae_dash_spool *spool, const sae_env *env, sae_error *err)
{
    int64_t most = 0;
    for (int64_t i = 0; i < spool->n; i++)
        if (spool->counts[i] > most) most = spool->counts[i];
    b->threads = sae_threads(env);
    b->scratch = sae_calloc((size_t)b->threads, sizeof *b->scratch);
    b->latents = sae_calloc(SAE_DASH_BLOCK, sizeof *b->latents);
    if (!b->scratch || !b->latents) return sae_fail_memory(err, "a block of latents", sizeof *b->latents);
    sae_status status = SAE_OK;
    for (int t = 0; t < b->threads && status == SAE_OK; t++) status = sae_dash_scratch_new(&b->scratch[t], most, err);
    return status;
}

/* The latents of one range of columns. */
static sae_status write_range(sae_dash_block *b, int64_t end, int64_t done, int64_t total, sae_store_writer *writer,
                              const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    for (int64_t first = b->columns->first; first < end; first += SAE_DASH_BLOCK) {
        if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped; nothing was written"));
        b->first = first;
        b->count = end - first < SAE_DASH_BLOCK ? end - first : SAE_DASH_BLOCK;
        SAE_TRY(sae_dash_block_run(b, err));
        SAE_TRY(sae_dash_block_write(b, writer, err));
        sae_report_progress(env, "writing", "latents", (double)(done + first + b->count), (double)total, NULL);
    }
done:
    return status;
}

static sae_status write_sae(const sae_dash_input *in, const sae_dash_config *config, size_t sae,
                            const sae_dash_rows *rows, const sae_dash_text *text, int64_t done, int64_t total,
                            sae_store_writer *writer, const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_dash_columns columns = {0};
    const sae_dash_spool *spool = &rows->spools[sae];
    sae_dash_block b = {.sae = (int64_t)sae,
                        .model = in->models[sae],
                        .where = {text, rows->row_of, config->seed},
                        .columns = &columns};
    SAE_TRY(block_make(&b, spool, env, err));
    for (int64_t first = 0, count; first < spool->n; first += count) {
        count = sae_dash_columns_fit(spool, first, config->memory);
        SAE_TRY(sae_dash_columns_read(&columns, spool, first, count, env, err));
        SAE_TRY(write_range(&b, first + count, done, total, writer, env, err));
        sae_dash_columns_clear(&columns);
    }
done:
    sae_dash_columns_clear(&columns);
    sae_dash_block_clear(&b);
    return status;
}

static sae_status write_all(const sae_dash_input *in, const sae_dash_config *config, const sae_dash_rows *rows,
                            const sae_dash_text *text, sae_store_writer *writer, const sae_env *env, sae_error *err)
{
    sae_status status;
    int64_t total = 0, done = 0;
    for (size_t i = 0; i < in->n_models; i++) total += rows->spools[i].n;
    SAE_TRY(write_meta(in, config, text, rows->tokens, writer, err));
    SAE_TRY(sae_dash_text_write(text, in->tokenizer, writer, err));
    SAE_TRY(sae_dash_saes_write(in, rows, writer, env, err));
    for (size_t i = 0; i < in->n_models; i++) {
        SAE_TRY(write_sae(in, config, i, rows, text, done, total, writer, env, err));
        done += rows->spools[i].n;
    }
done:
    return status;
}

sae_status sae_dash_build(const sae_dash_input *in, const sae_dash_config *config, const char *path, const sae_env *env,
                          sae_error *err)
{
    sae_status status;
    sae_store_writer *writer = NULL;
    sae_dash_text text = {0};
    sae_dash_rows rows = {0};
    SAE_TRY(check(in, err));
    SAE_TRY(sae_store_writer_open(&writer, path, config->force, err));
    SAE_TRY(sae_dash_text_read(&text, in, err));
    SAE_TRY(sae_dash_collect(&rows, in, config, path, env, err));
    SAE_TRY(write_all(in, config, &rows, &text, writer, env, err));
    status = sae_store_writer_finish(writer, err);
    writer = NULL;
done:
    sae_store_writer_abort(writer);
    sae_dash_rows_clear(&rows);
    sae_dash_text_clear(&text);
    return status;
}
