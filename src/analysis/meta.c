#include <sae/meta.h>

#include "analysis/cosine.h"
#include "analysis/meta_fit.h"
#include "analysis/meta_parts.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#include <sae/train.h>

#include <math.h>
#include <string.h>

/* What makes a good fit: docs/mathematics.md, "Meta-SAEs". */
enum { USUAL_STEPS = 4000, LEAST_BATCH = 64, MOST_BATCH = 1024, BATCHES_OF_A_PASS = 8, FULL_RATE_WIDTH = 1024 };
#define FULL_RATE 1e-2

/* ---- configuration ---------------------------------------------------------------------------------- */

sae_meta_config sae_meta_config_default(void)
{
    sae_train_options train = sae_train_options_default();
    return (sae_meta_config){
        .k = 4,
        .warmup = train.warmup,
        .decay = train.decay,
        .k_aux = train.k_aux,
        .aux_alpha = train.aux_alpha,
        .checkpoint_every = train.checkpoint_every,
    };
}

const sae_option *sae_meta_option_table(size_t *count)
{
#define AT(field) offsetof(sae_meta_config, field)
    static const sae_option table[] = {
        {"width", SAE_OPT_INT, AT(width), "N", NULL, 1, 1 << 30, NULL, NULL, "number of meta-latents"},
        {"k", SAE_OPT_INT, AT(k), "K", "4", 1, 1 << 20, NULL, NULL, "meta-latents of a latent, on average"},
        {"epochs", SAE_OPT_INT, AT(epochs), "N", "auto", 1, 1e12, NULL, "auto",
         "passes over the decoder rows; auto: as many as make up 4,000 steps"},
        {"batch", SAE_OPT_INT, AT(batch), "N", "auto", 1, 1 << 22, NULL, "auto",
         "decoder rows per step; auto: an eighth of them, from 64 to 1,024"},
        {"lr", SAE_OPT_FLOAT, AT(lr), "F", "auto", 0, 1e3, NULL, "auto",
         "learning rate; auto is 1e-2·√(1024/width), at most 1e-2"},
        {"warmup", SAE_OPT_FLOAT, AT(warmup), "FRAC", "0.05", 0, 1, NULL, NULL,
         "share of the steps over which the learning rate rises"},
        {"decay", SAE_OPT_FLOAT, AT(decay), "FRAC", "0.2", 0, 1, NULL, NULL,
         "share of the steps at the end over which the learning rate falls to 0"},
        {"k-aux", SAE_OPT_INT, AT(k_aux), "N", "512", 0, 1 << 24, NULL, NULL,
         "dead meta-latents per row that AuxK trains on the residual; 0: none"},
        {"aux-alpha", SAE_OPT_FLOAT, AT(aux_alpha), "F", "1/32", 0, 1e6, NULL, NULL, "weight of the auxiliary loss"},
        {"seed", SAE_OPT_INT, AT(seed), "S", "0", 0, 9e15, NULL, NULL,
         "seed of the initial weights, the order of the rows and the random dictionaries"},
        {"max-tokens", SAE_OPT_INT, AT(max_tokens), "N", "all", 0, 1e15, NULL, "all",
         "use at most this many activations to see which latents fire"},
        {"checkpoint-every", SAE_OPT_INT, AT(checkpoint_every), "STEPS", "1000", 0, 1e15, NULL, NULL,
         "steps between checkpoints; 0: only when stopped"},
        {"resume", SAE_OPT_BOOL, AT(resume), NULL, NULL, 0, -1, NULL, NULL, "go on with what was stopped in --out"},
        {"force", SAE_OPT_BOOL, AT(force), NULL, NULL, 0, -1, NULL, NULL,
         "start anew although --out holds a meta-SAE or a run"},
    };
#undef AT
    *count = sizeof table / sizeof *table;
    return table;
}

static sae_status check(const sae_model *model, const sae_model *against, const sae_meta_config *config, sae_error *err)
{
    int64_t d = sae_model_get_info(model)->d, n = sae_model_get_info(model)->n;
    if (config->width < 1)
        return sae_fail(err, SAE_E_ARG, "%lld meta-latents are none: the width must be at least 1",
                        (long long)config->width);
    if (config->k < 1 || config->k > config->width)
        return sae_fail(err, SAE_E_ARG, "k is %lld: of %lld meta-latents, 1 to %lld can be active",
                        (long long)config->k, (long long)config->width, (long long)config->width);
    if (config->width > n)
        return sae_fail(err, SAE_E_ARG,
                        "%lld meta-latents are more than the %lld latents of the SAE: a row could be a meta-latent of "
                        "its own",
                        (long long)config->width, (long long)n);
    if (against && sae_model_get_info(against)->d != d)
        return sae_fail(
            err, SAE_E_SHAPE,
            "the SAE to compare with is for activations of %lld dimensions, the one that is taken apart for "
            "%lld",
            (long long)sae_model_get_info(against)->d, (long long)d);
    return SAE_OK;
}

/* ---- the object --------------------------------------------------------------------------------------- */

void sae_meta_free(sae_meta *meta)
{
    if (!meta) return;
    sae_free(meta->ids);
    sae_free(meta->row_offsets);
    sae_free(meta->row_parts);
    sae_free(meta->explained);
    sae_free(meta->meta_offsets);
    sae_free(meta->meta_parts);
    sae_free(meta->max_cos);
    sae_free(meta->nearest);
    sae_free(meta->random_max_cos);
    sae_free(meta);
}

/* ---- training ------------------------------------------------------------------------------------------- */

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* Texts that the options point to. */
typedef struct option_texts {
    char width[32], k[32], lr[32], seed[32];
} option_texts;

static sae_status plan(sae_meta *meta, const sae_meta_config *config, sae_error *err)
{
    int64_t batch = config->batch > 0 ? config->batch : clamp(meta->rows / BATCHES_OF_A_PASS, LEAST_BATCH, MOST_BATCH);
    meta->batch = batch < meta->rows ? batch : meta->rows;
    meta->epochs = config->epochs;
    if (meta->epochs == 0) meta->epochs = (USUAL_STEPS * meta->batch + meta->rows - 1) / meta->rows;
    int64_t tokens;
    if (!sae_mul_i64(meta->epochs, meta->rows, &tokens))
        return sae_fail(err, SAE_E_ARG, "%lld passes over %lld rows are too many", (long long)meta->epochs,
                        (long long)meta->rows);
    meta->steps = tokens / meta->batch;
    return SAE_OK;
}

static sae_train_options train_options(const sae_meta *meta, const sae_meta_config *config, option_texts *texts)
{
    double lr = config->lr > 0 ? config->lr : FULL_RATE * fmin(1, sqrt(FULL_RATE_WIDTH / (double)config->width));
    sae_train_options options = sae_train_options_default();
    snprintf(texts->width, sizeof texts->width, "%lld", (long long)config->width);
    snprintf(texts->k, sizeof texts->k, "%lld", (long long)config->k);
    snprintf(texts->lr, sizeof texts->lr, "%.9g", lr);
    snprintf(texts->seed, sizeof texts->seed, "%lld", (long long)config->seed);
    options.arch = "batchtopk";
    options.width = texts->width;
    options.k = texts->k;
    options.lr = texts->lr;
    options.seed = texts->seed;
    options.shuffle_seed = config->seed;
    options.tokens = meta->epochs * meta->rows;
    options.batch = meta->batch;
    options.warmup = config->warmup;
    options.decay = config->decay;
    options.k_aux = config->k_aux;
    options.aux_alpha = config->aux_alpha;
    options.held_out = 0; /* all rows are to be explained, and none is like another */
    options.checkpoint_every = config->checkpoint_every;
    options.resume = config->resume;
    options.force = config->force;
    return options;
}

static sae_status train(sae_meta *meta, const sae_meta_rows *rows, const sae_meta_config *config, const char *dir,
                        const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_source *source = NULL;
    sae_train_result *result = NULL;
    option_texts texts;
    sae_source_config how = sae_source_config_default();
    SAE_TRY(plan(meta, config, err));
    sae_train_options options = train_options(meta, config, &texts);
    sae_train_source_config(&options, &how);
    SAE_TRY(sae_source_open_memory(&source, rows->unit, rows->count, rows->d, &how, err));
    if (!config->resume) SAE_TRY(sae_remove_replaced(dir, "meta.json", err));
    sae_log(env, SAE_LOG_INFO, "training on %lld decoder rows; what follows counts them as tokens",
            (long long)rows->count);
    status = sae_train(&options, source, dir, &result, env, err);
done:
    sae_train_result_free(result);
    sae_source_close(source);
    return status;
}

/* ---- measuring -------------------------------------------------------------------------------------------- */

static sae_status measure_sae(sae_meta *meta, const sae_model *sae, const sae_meta_rows *rows, const sae_env *env,
                              sae_error *err)
{
    sae_status status;
    sae_codes *codes = sae_codes_new();
    double *errors = sae_alloc((size_t)rows->count, sizeof *errors);
    meta->explained = errors;
    if (!codes || !errors) SAE_TRY(sae_fail_memory(err, "errors of rows", (size_t)rows->count * sizeof *errors));
    meta->theta = sae_model_get_info(sae)->theta;
    SAE_TRY(sae_meta_batchtopk_codes(sae, rows, meta->k, codes, env, err));
    sae_meta_code_errors(sae, rows, codes, errors, env);
    meta->batchtopk = sae_meta_fit_of(rows, errors, codes->row_offsets[rows->count]);
    SAE_TRY(sae_model_encode(sae, rows->unit, rows->count, codes, env, err));
    sae_meta_code_errors(sae, rows, codes, errors, env);
    meta->threshold = sae_meta_fit_of(rows, errors, codes->row_offsets[rows->count]);
    for (int64_t r = 0; r < rows->count; r++)
        errors[r] = rows->centred2[r] > 0 ? 1 - errors[r] / rows->centred2[r] : NAN;
    SAE_TRY(sae_meta_list_parts(meta, sae, rows, codes, env, err));
done:
    sae_codes_free(codes);
    return status;
}

static sae_status measure_against(sae_meta *meta, const sae_model *sae, const sae_model *against, uint64_t seed,
                                  const sae_env *env, sae_error *err)
{
    sae_status status;
    const float *W = sae_model_get_weights(sae).W_dec, *keys = sae_model_get_weights(against).W_dec;
    size_t width = (size_t)meta->width;
    int64_t n = sae_model_get_info(against)->n;
    float *random = sae_alloc(width, (size_t)meta->d * sizeof *random);
    meta->n_against = n;
    meta->max_cos = sae_alloc(width, sizeof *meta->max_cos);
    meta->nearest = sae_alloc(width, sizeof *meta->nearest);
    meta->random_max_cos = sae_alloc(width, sizeof *meta->random_max_cos);
    if (!random || !meta->max_cos || !meta->nearest || !meta->random_max_cos)
        SAE_TRY(sae_fail_memory(err, "decoder cosines", width * (size_t)meta->d * sizeof *random));
    SAE_TRY(sae_max_cosine(W, meta->width, keys, n, meta->d, meta->max_cos, meta->nearest, env, err));
    sae_meta_random_directions(seed, meta->width, meta->d, random, env);
    SAE_TRY(sae_max_cosine(random, meta->width, keys, n, meta->d, meta->random_max_cos, NULL, env, err));
done:
    sae_free(random);
    return status;
}

/* What is in `dir` after a resumed run must be what was asked for. */
static sae_status check_saved(const sae_meta *meta, const sae_model *sae, const char *dir, sae_error *err)
{
    const sae_model_info *info = sae_model_get_info(sae);
    if (info->d == meta->d && info->n == meta->width && info->k == meta->k && info->has_theta) return SAE_OK;
    return sae_fail(err, SAE_E_FORMAT,
                    "%s holds an SAE of %lld latents, d %lld and k %lld, not the meta-SAE of %lld, %lld and %lld; "
                    "--force starts anew",
                    dir, (long long)info->n, (long long)info->d, (long long)info->k, (long long)meta->width,
                    (long long)meta->d, (long long)meta->k);
}

sae_status sae_meta_run(const sae_model *model, sae_source *acts, const sae_model *against,
                        const sae_meta_config *config, const char *dir, sae_meta **out, const sae_env *env,
                        sae_error *err)
{
    sae_status status;
    sae_meta_rows rows = {0};
    sae_model *sae = NULL;
    sae_meta *meta = NULL;
    SAE_TRY(check(model, against, config, err));
    meta = sae_calloc(1, sizeof *meta);
    if (!meta) SAE_TRY(sae_fail_memory(err, "a meta-SAE", sizeof *meta));
    SAE_TRY(sae_meta_rows_make(&rows, model, acts, config->max_tokens, env, err));
    if (config->width > rows.count)
        SAE_TRY(sae_fail(err, SAE_E_ARG, "%lld meta-latents are more than the %lld decoder rows that are left",
                         (long long)config->width, (long long)rows.count));
    meta->d = rows.d;
    meta->n = sae_model_get_info(model)->n;
    meta->width = config->width;
    meta->k = config->k;
    meta->tokens = rows.tokens;
    meta->never_fired = rows.never_fired;
    meta->zero_rows = rows.zero_rows;
    meta->rows = rows.count;
    meta->ids = rows.ids;
    rows.ids = NULL;
    SAE_TRY(train(meta, &rows, config, dir, env, err));
    SAE_TRY(sae_model_load(&sae, dir, err));
    SAE_TRY(check_saved(meta, sae, dir, err));
    SAE_TRY(measure_sae(meta, sae, &rows, env, err));
    SAE_TRY(sae_meta_baselines(meta, &rows, (uint64_t)config->seed, env, err));
    if (against) SAE_TRY(measure_against(meta, sae, against, (uint64_t)config->seed, env, err));
    *out = meta;
    meta = NULL;
done:
    sae_meta_free(meta);
    sae_model_free(sae);
    sae_meta_rows_clear(&rows);
    return status;
}
