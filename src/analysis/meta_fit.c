#include "analysis/meta_fit.h"

#include "analysis/covariance.h"
#include "analysis/eigenvalues.h"
#include "analysis/pursuit.h"
#include "analysis/random_rows.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

sae_meta_fit sae_meta_fit_of(const sae_meta_rows *rows, const double *errors, int64_t atoms)
{
    double sum = 0;
    for (int64_t r = 0; r < rows->count; r++) sum += errors[r];
    return (sae_meta_fit){.l0 = (double)atoms / (double)rows->count,
                          .explained_variance = 1 - sum / rows->variance,
                          .explained_variance_uncentred = 1 - sum / rows->square};
}

/* ---- the meta-SAE ------------------------------------------------------------------------------------------ */

sae_status sae_meta_batchtopk_codes(const sae_model *meta, const sae_meta_rows *rows, int64_t k, sae_codes *codes,
                                    const sae_env *env, sae_error *err)
{
    sae_status status;
    const sae_model_info *info = sae_model_get_info(meta);
    sae_weights w = sae_model_get_weights(meta);
    int threads = sae_threads(env);
    size_t cells = (size_t)(rows->count * rows->d);
    sae_encoder *encoder = NULL;
    sae_shadow shadow = {0};
    sae_screen_kind kind = SAE_SCREEN_FP32;
    float *centred = sae_alloc(cells, sizeof *centred);
    if (!centred) SAE_TRY(sae_fail_memory(err, "decoder rows", cells * sizeof *centred));
    SAE_TRY(sae_screen_choose(env, rows->d, &kind, err));
    SAE_TRY(sae_shadow_new(&shadow, kind, info->n, rows->d, err));
    sae_center_rows(rows->unit, w.b_dec, rows->count, rows->d, centred, threads);
    sae_shadow_fill(&shadow, w.W_enc, threads);
    SAE_TRY(sae_encoder_new(&encoder, kind, rows->d, rows->count, 0, k, env, err));
    SAE_TRY(sae_codes_reserve(codes, rows->count, rows->count * k, err));
    sae_encode_job job = {
        .c = centred,
        .rows = rows->count,
        .d = rows->d,
        .n = info->n,
        .W_enc = w.W_enc,
        .b_enc = w.b_enc,
        .shadow = &shadow,
        .filter = SAE_FILTER_BATCH,
        .k = k,
    };
    SAE_TRY(sae_encode(encoder, &job, NULL, codes, NULL, err));
done:
    sae_encoder_free(encoder);
    sae_free(centred);
    sae_shadow_clear(&shadow);
    return status;
}

void sae_meta_code_errors(const sae_model *meta, const sae_meta_rows *rows, const sae_codes *codes, double *errors,
                          const sae_env *env)
{
    enum { PIECE = 256 }; /* dimensions at a time, so that no thread needs memory of its own */
    sae_weights w = sae_model_get_weights(meta);
    int64_t d = rows->d;
#pragma omp parallel for num_threads(sae_threads(env)) schedule(static)
    for (int64_t r = 0; r < rows->count; r++) {
        double e[PIECE], square = 0;
        for (int64_t first = 0; first < d; first += PIECE) {
            int64_t width = d - first < PIECE ? d - first : PIECE;
            const float *x = rows->unit + r * d + first, *b = w.b_dec + first;
            for (int64_t j = 0; j < width; j++) e[j] = (double)x[j] - (double)b[j];
            for (int64_t c = codes->row_offsets[r]; c < codes->row_offsets[r + 1]; c++) {
                const float *row = w.W_dec + codes->latents[c] * d + first;
                for (int64_t j = 0; j < width; j++) e[j] -= (double)codes->values[c] * (double)row[j];
            }
            for (int64_t j = 0; j < width; j++) square += e[j] * e[j];
        }
        errors[r] = square;
    }
}

/* ---- baselines --------------------------------------------------------------------------------------------- */

/* What k principal components leave is the sum of the other eigenvalues of the covariance. */
static sae_status fit_pca(sae_meta *meta, const sae_meta_rows *rows, const sae_env *env, sae_error *err)
{
    sae_status status;
    int64_t d = rows->d, rank = meta->k < d ? meta->k : d;
    double *C = sae_alloc((size_t)(d * d), sizeof *C), *values = sae_alloc((size_t)rank, sizeof *values);
    double trace = 0, explained = 0;
    if (!C || !values) SAE_TRY(sae_fail_memory(err, "a covariance", (size_t)(d * d) * sizeof *C));
    sae_report_progress(env, "principal components", "steps", 0, 2, NULL);
    SAE_TRY(sae_row_covariance(rows->unit, rows->count, d, C, env, err));
    sae_report_progress(env, "principal components", "steps", 1, 2, NULL);
    for (int64_t j = 0; j < d; j++) trace += C[j * d + j];
    SAE_TRY(sae_largest_eigenvalues(C, d, rank, values, env, err));
    for (int64_t i = 0; i < rank; i++) explained += values[i];
    double missed = fmax(0, 1 - explained / trace); /* rounding may go below */
    meta->pca = (sae_meta_fit){.l0 = (double)rank,
                               .explained_variance = 1 - missed,
                               .explained_variance_uncentred = 1 - missed * rows->variance / rows->square};
done:
    sae_free(C);
    sae_free(values);
    return status;
}

void sae_meta_random_directions(uint64_t seed, int64_t n, int64_t d, float *out, const sae_env *env)
{
    sae_random_rows(seed, n, d, out, env);
    for (int64_t i = 0; i < n; i++) sae_unit_rows(out, i, 1, d, out + i * d, 1);
}

/* atoms [width, d] = that many different rows of x at unit length, in ascending order; own [count] as in a pursuit. */
static sae_status draw_rows(const float *x, int64_t count, int64_t d, int64_t width, uint64_t seed, float *atoms,
                            int32_t *own, sae_error *err)
{
    sae_rng rng = sae_rng_make(seed, "random decoder rows", 0);
    int64_t *order = sae_alloc((size_t)count, sizeof *order), next = 0;
    if (!order) return sae_fail_memory(err, "an order of rows", (size_t)count * sizeof *order);
    for (int64_t r = 0; r < count; r++) order[r] = r;
    sae_rng_shuffle_i64(&rng, order, count);
    for (int64_t r = 0; r < count; r++) own[r] = -1;
    for (int64_t i = 0; i < width; i++) own[order[i]] = 0;
    for (int64_t r = 0; r < count; r++) {
        if (own[r] < 0) continue;
        own[r] = (int32_t)next;
        sae_unit_rows(x, r, 1, d, atoms + next++ * d, 1);
    }
    sae_free(order);
    return SAE_OK;
}

typedef struct pursuit_space {
    float *centred, *atoms; /* [count, d], [width, d] */
    int32_t *own, *taken;   /* [count] */
    double *errors;         /* [count] */
} pursuit_space;

static void pursuit_space_free(pursuit_space *s)
{
    sae_free(s->centred);
    sae_free(s->atoms);
    sae_free(s->own);
    sae_free(s->taken);
    sae_free(s->errors);
}

static sae_status fit_atoms(const sae_meta *meta, const sae_meta_rows *rows, const pursuit_space *s, const int32_t *own,
                            const char *what, sae_meta_fit *out, const sae_env *env, sae_error *err)
{
    sae_pursuit_job job = {.rows = rows->count,
                           .d = rows->d,
                           .atoms = meta->width,
                           .k = meta->k,
                           .x = s->centred,
                           .D = s->atoms,
                           .own = own};
    sae_status status = sae_pursue(&job, s->errors, s->taken, NULL, what, env, err);
    if (status != SAE_OK) return status;
    int64_t atoms = 0;
    for (int64_t r = 0; r < rows->count; r++) atoms += s->taken[r];
    *out = sae_meta_fit_of(rows, s->errors, atoms);
    return SAE_OK;
}

sae_status sae_meta_baselines(sae_meta *meta, const sae_meta_rows *rows, uint64_t seed, const sae_env *env,
                              sae_error *err)
{
    sae_status status;
    size_t n = (size_t)rows->count, d = (size_t)rows->d;
    pursuit_space s = {.centred = sae_alloc(n, d * sizeof *s.centred),
                       .atoms = sae_alloc((size_t)meta->width, d * sizeof *s.atoms),
                       .own = sae_alloc(n, sizeof *s.own),
                       .taken = sae_alloc(n, sizeof *s.taken),
                       .errors = sae_alloc(n, sizeof *s.errors)};
    if (!s.centred || !s.atoms || !s.own || !s.taken || !s.errors)
        SAE_TRY(sae_fail_memory(err, "decoder rows", n * d * sizeof *s.centred));
    SAE_TRY(fit_pca(meta, rows, env, err));
#pragma omp parallel for num_threads(sae_threads(env)) schedule(static)
    for (int64_t r = 0; r < rows->count; r++)
        for (int64_t j = 0; j < rows->d; j++)
            s.centred[r * rows->d + j] = (float)((double)rows->unit[r * rows->d + j] - rows->mean[j]);
    SAE_TRY(draw_rows(s.centred, rows->count, rows->d, meta->width, seed, s.atoms, s.own, err));
    SAE_TRY(fit_atoms(meta, rows, &s, s.own, "pursuit with random rows", &meta->random_rows, env, err));
    sae_meta_random_directions(seed, meta->width, rows->d, s.atoms, env);
    SAE_TRY(fit_atoms(meta, rows, &s, NULL, "pursuit with random directions", &meta->random_directions, env, err));
done:
    pursuit_space_free(&s);
    return status;
}
