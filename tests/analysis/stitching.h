/* Stitching SAEs of the golden file, and what a state's error is by definition, for the tests. */
#ifndef SAE_TESTS_ANALYSIS_STITCHING_H
#define SAE_TESTS_ANALYSIS_STITCHING_H

#include "io/temp.h"
#include "model/sae_golden.h"

#include "analysis/stitch.h"

/* Rows and two SAEs; everything is freed by pair_close. */
typedef struct pair {
    sae_safetensors *file;
    sae_model *small, *large;
    float *x;
    int64_t rows, d;
} pair;

static inline pair pair_open(int small, int large)
{
    pair p = {.file = golden_open()};
    p.small = golden_model(p.file, small, NULL);
    p.large = golden_model(p.file, large, NULL);
    p.x = golden_floats(p.file, "x");
    p.rows = golden_tensor(p.file, "x")->shape[0];
    p.d = sae_model_get_info(p.small)->d;
    return p;
}

static inline void pair_close(pair *p)
{
    sae_model_free(p->small);
    sae_model_free(p->large);
    free(p->x);
    sae_safetensors_close(p->file);
}

static inline sae_status try_stitch(const pair *p, sae_stitch_config config, sae_stitch **out, const sae_env *env,
                                    sae_error *err)
{
    sae_error failure;
    sae_source *source = NULL;
    sae_source_config how = sae_source_config_default();
    if (sae_source_open_memory(&source, p->x, p->rows, p->d, &how, &failure) != SAE_OK) fail_msg("%s", failure.message);
    sae_status status = sae_stitch_run(p->small, p->large, source, &config, out, env, err);
    sae_source_close(source);
    return status;
}

static inline sae_stitch *stitch(const pair *p, sae_stitch_config config)
{
    sae_error err;
    sae_stitch *s = NULL;
    assert_ok(try_stitch(p, config, &s, NULL, &err));
    return s;
}

/* errors [rows] = ‖x − b − Σ s_i f_i w_i‖² in double with the codes of both SAEs' forms; b is the state's bias. */
static inline void direct_errors(const sae_stitch *s, const unsigned char *in, const float *x, int64_t rows,
                                 double *errors)
{
    sae_error err;
    const sae_model *sides[2] = {s->inside->small, s->inside->large};
    sae_codes *codes[2] = {sae_codes_new(), sae_codes_new()};
    double *r = malloc((size_t)s->d * sizeof *r), share = 0;
    for (int64_t i = 0; i < s->n_small; i++) share += !in[i];
    share /= (double)s->n_small;
    for (int side = 0; side < 2; side++) assert_ok(sae_model_encode(sides[side], x, rows, codes[side], NULL, &err));
    for (int64_t t = 0; t < rows; t++) {
        const float *b[2] = {sae_model_get_weights(sides[0]).b_dec, sae_model_get_weights(sides[1]).b_dec};
        for (int64_t j = 0; j < s->d; j++)
            r[j] = (double)x[t * s->d + j] - (double)b[0][j] - share * ((double)b[1][j] - (double)b[0][j]);
        for (int side = 0; side < 2; side++)
            for (int64_t e = codes[side]->row_offsets[t]; e < codes[side]->row_offsets[t + 1]; e++) {
                int64_t i = codes[side]->latents[e];
                const float *w = sae_model_get_weights(sides[side]).W_dec + i * s->d;
                if (!in[side * s->n_small + i]) continue;
                for (int64_t j = 0; j < s->d; j++) r[j] -= (double)codes[side]->values[e] * (double)w[j];
            }
        errors[t] = 0;
        for (int64_t j = 0; j < s->d; j++) errors[t] += r[j] * r[j];
    }
    free(r);
    sae_codes_free(codes[0]);
    sae_codes_free(codes[1]);
}

static inline double mean_of(const double *values, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += values[i];
    return sum / (double)n;
}

static inline double direct_mse(const sae_stitch *s, const unsigned char *in, const float *x, int64_t rows)
{
    double *errors = malloc((size_t)rows * sizeof *errors);
    direct_errors(s, in, x, rows, errors);
    double mse = mean_of(errors, rows);
    free(errors);
    return mse;
}

/* Zeroed flags of all latents, those of A set. */
static inline unsigned char *flags_of_small(const sae_stitch *s)
{
    unsigned char *in = calloc((size_t)(s->n_small + s->n_large), 1);
    memset(in, 1, (size_t)s->n_small);
    return in;
}

#endif
