/* The whole way from text to a trained SAE, stage by stage: through activations on disk, and from the running model. */
#define _XOPEN_SOURCE 700 /* nftw, mkdtemp */

#include <sae/bench.h>
#include <sae/train.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TOKENIZER_TOKENS = 1 << 20, DESCRIPTORS = 16 };

typedef struct way {
    const sae_bench_way_config *config;
    const sae_env *env;
    char *scratch, *acts, *sae, *streamed; /* the folder for everything, and what is made in it */
    sae_contexts *contexts;
    sae_bench_way *out;
} way;

/* ---- files ------------------------------------------------------------------------------------------------ */

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)kind, (void)where;
    return remove(path);
}

static sae_status make_folder(way *w, sae_error *err)
{
    w->scratch = sae_path_join(w->config->folder, "sae-bench-XXXXXX");
    if (!w->scratch) return sae_fail_memory(err, "a path", strlen(w->config->folder));
    if (!mkdtemp(w->scratch)) {
        sae_status status = sae_fail_errno(err, "cannot make a folder in %s", w->config->folder);
        sae_free(w->scratch);
        w->scratch = NULL;
        return status;
    }
    w->acts = sae_path_join(w->scratch, "acts");
    w->sae = sae_path_join(w->scratch, "sae");
    w->streamed = sae_path_join(w->scratch, "streamed");
    if (!w->acts || !w->sae || !w->streamed) return sae_fail_memory(err, "a path", strlen(w->scratch));
    return SAE_OK;
}

static void clear(way *w)
{
    if (w->scratch) (void)nftw(w->scratch, remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
    sae_contexts_free(w->contexts);
    sae_free(w->scratch);
    sae_free(w->acts);
    sae_free(w->sae);
    sae_free(w->streamed);
}

/* Share of a file's pages that lie in memory; 0 for one that cannot be mapped. */
static double resident(int file, size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page;
    unsigned char *in_memory = pages ? sae_alloc(pages, 1) : NULL;
    void *map = in_memory ? mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
    size_t count = 0;
    if (map != MAP_FAILED) {
        if (mincore(map, size, in_memory) == 0)
            for (size_t i = 0; i < pages; i++) count += in_memory[i] & 1;
        munmap(map, size);
    }
    sae_free(in_memory);
    return pages ? (double)count / (double)pages : 0;
}

/* Asks the system to forget the shards; whether it did, which a file system in memory does not. */
static bool forget_shards(const way *w)
{
    bool cold = true;
    for (int64_t i = 0; i < w->out->shards; i++) {
        char name[48];
        struct stat about;
        snprintf(name, sizeof name, "acts-%05lld.safetensors", (long long)i);
        char *path = sae_path_join(w->acts, name);
        int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        sae_free(path);
        if (file < 0) return false;
        bool gone = fstat(file, &about) == 0 && posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0 &&
                    resident(file, (size_t)about.st_size) < 0.1;
        cold = cold && gone;
        close(file);
    }
    return cold;
}

/* ---- text ------------------------------------------------------------------------------------------------- */

/* Bytes of the texts that the contexts are made of. */
static int64_t text_bytes(const sae_tokenizer *tokenizer, const sae_contexts *contexts)
{
    int64_t bytes = 0;
    const int32_t eos = sae_tokenizer_eos(tokenizer);
    for (int64_t i = 0; i < contexts->count * contexts->ctx; i++) {
        size_t length = 0;
        if (contexts->tokens[i] != eos) (void)sae_tokenizer_bytes(tokenizer, contexts->tokens[i], &length);
        bytes += (int64_t)length;
    }
    return bytes;
}

static double thread_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static sae_status tokenise(way *w, sae_error *err)
{
    sae_status status;
    const sae_bench_way_config *c = w->config;
    sae_env alone = *w->env;
    sae_text_config some = *c->text;
    sae_contexts *contexts = NULL;
    int32_t eos = sae_tokenizer_eos(c->tokenizer);
    alone.threads = 1;
    if (some.max_tokens == 0 || some.max_tokens > TOKENIZER_TOKENS) some.max_tokens = TOKENIZER_TOKENS;
    double began = thread_seconds();
    SAE_TRY(sae_contexts_read(&contexts, &some, c->tokenizer, eos, &alone, err));
    w->out->bytes_per_core_s = (double)text_bytes(c->tokenizer, contexts) / (thread_seconds() - began);
    began = sae_now();
    SAE_TRY(sae_contexts_read(&w->contexts, c->text, c->tokenizer, eos, w->env, err));
    w->out->tokenise = sae_now() - began;
    w->out->tokens = w->contexts->count * w->contexts->ctx;
    w->out->text_bytes = text_bytes(c->tokenizer, w->contexts);
done:
    sae_contexts_free(contexts);
    return status;
}

/* ---- through files ---------------------------------------------------------------------------------------- */

static sae_status harvest(way *w, sae_error *err)
{
    sae_harvest_seconds seconds;
    const sae_harvest_config config = {
        .hooks = &w->config->hook, .n_hooks = 1, .dtype = SAE_DTYPE_F32, .shard_tokens = 262144, .seconds = &seconds};
    sae_status status = sae_harvest(w->config->lm, w->contexts, &config, w->acts, &w->out->shards, w->env, err);
    if (status != SAE_OK) return status;
    w->out->model = seconds.model;
    w->out->write = seconds.write;
    return SAE_OK;
}

/* The shuffled rows of the shards. */
static sae_status open_shards(const way *w, sae_acts **acts, sae_source **source, sae_error *err)
{
    const sae_source_config config = sae_source_config_default();
    sae_status status = sae_acts_open(acts, w->acts, err);
    return status == SAE_OK ? sae_source_open_acts(source, *acts, &config, w->env, err) : status;
}

/* One pass over them, and nothing else. */
static sae_status read_all(way *w, double *seconds, sae_error *err)
{
    sae_status status;
    sae_acts *acts = NULL;
    sae_source *source = NULL;
    float *rows = NULL;
    double began = sae_now();
    SAE_TRY(open_shards(w, &acts, &source, err));
    const sae_source_info *info = sae_source_get_info(source);
    rows = sae_alloc((size_t)w->config->batch, (size_t)info->d * sizeof *rows);
    if (!rows) SAE_TRY(sae_fail_memory(err, "rows", (size_t)(w->config->batch * info->d) * sizeof *rows));
    for (int64_t first = 0; first < info->train; first += w->config->batch) {
        int64_t left = info->train - first;
        SAE_TRY(sae_source_train(source, first, left < w->config->batch ? left : w->config->batch, rows, err));
        sae_report_progress(w->env, "reading shards", "tokens", (double)first, (double)info->train, "");
        if (sae_should_stop(w->env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped; nothing was measured"));
    }
    *seconds = sae_now() - began;
done:
    sae_source_close(source);
    sae_acts_close(acts);
    sae_free(rows);
    return status;
}

/* ---- training --------------------------------------------------------------------------------------------- */

typedef struct trained {
    double seconds, reading; /* from opening the rows on; of these, waiting for rows */
    int64_t tokens;
} trained;

/* Trains on the shards or, with `from_model`, on the running model's activations. */
static sae_status train(const way *w, bool from_model, const char *out, trained *result, sae_error *err)
{
    sae_status status;
    const sae_bench_way_config *c = w->config;
    const sae_source_config config = sae_source_config_default();
    char width[32], k[32];
    sae_acts *acts = NULL;
    sae_source *source = NULL;
    sae_train_result *saes = NULL;
    sae_train_options options = sae_train_options_default();
    snprintf(width, sizeof width, "%lld", (long long)c->width);
    snprintf(k, sizeof k, "%lld", (long long)c->k);
    options.arch = "batchtopk";
    options.width = width;
    options.k = k;
    options.batch = c->batch;
    options.log_every = INT32_MAX;
    double began = sae_now();
    SAE_TRY(from_model ? sae_source_open_lm(&source, c->lm, w->contexts, c->hook, false, c->text->prepend_bos, &config,
                                            w->env, err)
                       : open_shards(w, &acts, &source, err));
    SAE_TRY(sae_train(&options, source, out, &saes, w->env, err));
    *result = (trained){sae_now() - began, saes->reading, saes->tokens};
done:
    sae_train_result_free(saes);
    sae_source_close(source);
    sae_acts_close(acts);
    return status;
}

sae_status sae_bench_whole_way(const sae_bench_way_config *config, sae_bench_way *out, const sae_env *env,
                               sae_error *err)
{
    sae_status status;
    sae_bench_way measured = {0};
    trained from_files, from_model;
    const sae_env plain = {0};
    way w = {.config = config, .env = env ? env : &plain, .out = &measured};
    SAE_TRY(make_folder(&w, err));
    SAE_TRY(tokenise(&w, err));
    SAE_TRY(harvest(&w, err));
    measured.cold = forget_shards(&w);
    SAE_TRY(read_all(&w, &measured.read, err));
    measured.cold = forget_shards(&w) && measured.cold;
    SAE_TRY(train(&w, false, w.sae, &from_files, err));
    SAE_TRY(train(&w, true, w.streamed, &from_model, err));
    measured.waiting = from_files.reading;
    measured.train = from_files.seconds - from_files.reading;
    measured.trained = from_files.tokens;
    measured.streamed = measured.tokenise + from_model.seconds;
    measured.streamed_model = from_model.reading;
    measured.files = measured.tokenise + measured.model + measured.write + measured.waiting + measured.train;
    *out = measured;
done:
    clear(&w);
    return status;
}
