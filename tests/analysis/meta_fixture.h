/* An SAE whose decoder rows are sums of a few planted parts, and meta-SAEs of it, for the tests. */
#ifndef SAE_TESTS_ANALYSIS_META_FIXTURE_H
#define SAE_TESTS_ANALYSIS_META_FIXTURE_H

#include "io/temp.h"

#include <sae/meta.h>

#include "analysis/random_rows.h"
#include "base/rng.h"

#include <math.h>

enum { META_D = 24, META_N = 300, META_PARTS = 20, META_EACH = 2 };

/* Row i = (1 + i mod 3)·(a sum of META_EACH parts with weights from 0.6 to 1.4, and a tenth of a common row). Latent i
 * fires where x·w_i is large. */
static inline void meta_rows_of_parts(float *W)
{
    static float parts[META_PARTS * META_D];
    sae_rng rng = sae_rng_make(3, "parts", 0);
    sae_random_rows(11, META_PARTS, META_D, parts, NULL);
    uint64_t draw = 0;
    for (int i = 0; i < META_N; i++) {
        float *row = W + i * META_D;
        for (int j = 0; j < META_D; j++) row[j] = 0.3f;
        for (int p = 0; p < META_EACH; p++) {
            const float *part = parts + sae_rng_below(&rng, draw, META_PARTS) * META_D;
            float weight = (float)(0.6 + 0.8 * sae_rng_uniform(&rng, draw + 1));
            draw += 2;
            for (int j = 0; j < META_D; j++) row[j] += weight * part[j];
        }
        for (int j = 0; j < META_D; j++) row[j] *= (float)(1 << i % 3);
    }
}

static inline sae_model *meta_model_of(const float *W, int64_t n, int64_t d)
{
    sae_error err;
    float *b_enc = calloc((size_t)n, sizeof *b_enc), *b_dec = calloc((size_t)d, sizeof *b_dec);
    float *threshold = malloc((size_t)n * sizeof *threshold);
    for (int64_t i = 0; i < n; i++) threshold[i] = 1;
    sae_model_info info = {.d = d, .n = n, .rule = SAE_RULE_THRESHOLD, .arch = SAE_ARCH_JUMPRELU};
    sae_weights weights = {W, b_enc, W, b_dec, threshold};
    sae_model *model = NULL;
    assert_ok(sae_model_create(&model, &info, &weights, &err));
    free(b_enc);
    free(b_dec);
    free(threshold);
    return model;
}

static inline sae_model *meta_model(void)
{
    static float W[META_N * META_D];
    meta_rows_of_parts(W);
    return meta_model_of(W, META_N, META_D);
}

static inline sae_meta_config meta_config(void)
{
    sae_meta_config config = sae_meta_config_default();
    config.width = 32;
    config.k = META_EACH;
    config.epochs = 60;
    return config;
}

static inline sae_meta *meta_of(const sae_model *model, const sae_model *against, sae_meta_config config,
                                const char *dir, const sae_env *env)
{
    sae_error err;
    sae_meta *meta = NULL;
    assert_ok(sae_meta_run(model, NULL, against, &config, dir, &meta, env, &err));
    return meta;
}

static inline sae_source *meta_source(const float *x, int64_t rows, int64_t d)
{
    sae_error err;
    sae_source *source = NULL;
    sae_source_config how = sae_source_config_default();
    assert_ok(sae_source_open_memory(&source, x, rows, d, &how, &err));
    return source;
}

#endif
