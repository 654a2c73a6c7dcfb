/* The dense step, tile by tile of rows, each in three parallel parts:
 *
 *   z = W_enc c + b_enc and f, by blocks of latents        (one product of size rows × latents × d)
 *   e = c − W_decᵀ f, by blocks of rows                    (one)
 *   ∂f = W_dec e, then gW_dec += fᵀe and gW_enc += ∂zᵀc, by blocks of latents   (three)
 *
 * z and f exist for one tile only. A block of latents belongs to one thread and meets the tiles in their order. */
#include "kernels/dense.h"

#include "base/alloc.h"
#include "base/error.h"
#include "kernels/blas.h"

#include <omp.h>
#include <string.h>

enum { DECODE_ROWS = 32 };

/* ---- memory --------------------------------------------------------------------------------------- */

sae_status sae_latent_sums_new(sae_latent_sums *out, int64_t n, sae_error *err)
{
    size_t count = (size_t)n;
    sae_latent_sums s = {sae_calloc(count, sizeof *s.active), sae_calloc(count, sizeof *s.f),
                         sae_calloc(count, sizeof *s.near), sae_calloc(count, sizeof *s.near_slope)};
    if (!s.active || !s.f || !s.near || !s.near_slope) {
        sae_latent_sums_clear(&s);
        return sae_fail_memory(err, "sums per latent", count * 32);
    }
    *out = s;
    return SAE_OK;
}

void sae_latent_sums_clear(sae_latent_sums *s)
{
    sae_free(s->active);
    sae_free(s->f);
    sae_free(s->near);
    sae_free(s->near_slope);
    *s = (sae_latent_sums){0};
}

double sae_dense_bytes(int64_t n, int64_t d, int threads)
{
    double latents = (double)n;
    return 4 * (2.0 * SAE_DENSE_ROWS * latents + (double)threads * SAE_DENSE_ROWS * SAE_DENSE_LATENTS +
                2 * latents * (double)d + latents);
}

sae_status sae_dense_scratch_new(sae_dense_scratch *out, int64_t n, int64_t d, int threads, sae_error *err)
{
    sae_dense_scratch s = {0};
    size_t matrix;
    sae_blas_init();
    if (sae_mul_size((size_t)n, (size_t)d, &matrix)) {
        s.z = sae_alloc_large((size_t)n, SAE_DENSE_ROWS * sizeof(float));
        s.f = sae_alloc_large((size_t)n, SAE_DENSE_ROWS * sizeof(float));
        s.product = sae_alloc((size_t)threads, SAE_DENSE_ROWS * SAE_DENSE_LATENTS * sizeof(float));
        s.gradient.W_enc = sae_alloc_large(matrix, sizeof(float));
        s.gradient.W_dec = sae_alloc_large(matrix, sizeof(float));
        s.gradient.b_enc = sae_alloc((size_t)n, sizeof(float));
    }
    if (!s.z || !s.f || !s.product || !s.gradient.W_enc || !s.gradient.W_dec || !s.gradient.b_enc) {
        sae_dense_scratch_clear(&s);
        return sae_fail_memory(err, "the dense step", (size_t)sae_dense_bytes(n, d, threads));
    }
    *out = s;
    return SAE_OK;
}

void sae_dense_scratch_clear(sae_dense_scratch *s)
{
    sae_free(s->z);
    sae_free(s->f);
    sae_free(s->product);
    sae_free(s->gradient.W_enc);
    sae_free(s->gradient.W_dec);
    sae_free(s->gradient.b_enc);
    *s = (sae_dense_scratch){0};
}

/* ---- sums from codes -------------------------------------------------------------------------------- */

void sae_latent_sums_fill(sae_latent_sums *sums, int64_t n, const sae_by_latent *active, const sae_by_latent *near,
                          int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        double f = 0, slope = 0;
        for (int64_t j = active->offsets[i]; j < active->offsets[i + 1]; j++) f += (double)active->f[j];
        for (int64_t j = near ? near->offsets[i] : 0; near && j < near->offsets[i + 1]; j++)
            slope += (double)near->slope[j];
        sums->active[i] = active->offsets[i + 1] - active->offsets[i];
        sums->near[i] = near ? near->offsets[i + 1] - near->offsets[i] : 0;
        sums->f[i] = f;
        sums->near_slope[i] = slope;
    }
}

/* ---- the three parts of a tile ------------------------------------------------------------------------ */

typedef struct tile {
    const sae_dense_step *step;
    sae_dense_scratch *scratch;
    const float *c; /* [rows, d] */
    float *e;       /* [rows, d] */
    int64_t rows;
} tile;

static float theta_of(const sae_dense_step *s, int64_t i)
{
    return s->theta ? s->theta[i] : 0;
}

static void encode_block(const tile *t, int64_t first, int64_t count)
{
    const sae_dense_step *s = t->step;
    sae_gemm_nt(t->rows, count, s->d, 1, t->c, s->d, s->W_enc + first * s->d, s->d, 0, t->scratch->z + first, s->n);
    for (int64_t b = 0; b < t->rows; b++) {
        float *z = t->scratch->z + b * s->n, *f = t->scratch->f + b * s->n;
        for (int64_t i = first; i < first + count; i++) {
            z[i] += s->b_enc[i];
            f[i] = z[i] > theta_of(s, i) ? z[i] : 0;
        }
    }
}

static void decode_rows(const tile *t, int64_t first, int64_t count, const sae_ops *ops, double *row_square)
{
    const sae_dense_step *s = t->step;
    float *e = t->e + first * s->d;
    memcpy(e, t->c + first * s->d, (size_t)(count * s->d) * sizeof *e);
    sae_gemm_nn(count, s->d, s->n, -1, t->scratch->f + first * s->n, s->n, s->W_dec, s->d, 1, e, s->d);
    for (int64_t b = 0; b < count; b++) row_square[first + b] = ops->sum_squares(e + b * s->d, s->d);
}

/* product [rows, count]: slopes on entry, ∂L/∂z on return. */
static void slopes_to_gradients(const tile *t, int64_t first, int64_t count, float *product, sae_latent_sums *sums)
{
    const sae_dense_step *s = t->step;
    const float scale = 2 / (float)s->rows, half = s->bandwidth / 2;
    float *g_bias = t->scratch->gradient.b_enc;
    for (int64_t b = 0; b < t->rows; b++) {
        const float *z = t->scratch->z + b * s->n + first, *f = t->scratch->f + b * s->n + first;
        float *g = product + b * count;
        for (int64_t i = 0; i < count; i++) {
            float theta = theta_of(s, first + i);
            bool near = z[i] > theta - half && z[i] < theta + half;
            bool active = f[i] > 0;
            sums->near[first + i] += near;
            sums->near_slope[first + i] += near ? (double)g[i] : 0;
            sums->active[first + i] += active;
            sums->f[first + i] += (double)f[i];
            g[i] = active ? -scale * (g[i] - s->shift) : 0;
            g_bias[first + i] += g[i];
        }
    }
}

static void backward_block(const tile *t, int64_t first, int64_t count, float *product, sae_latent_sums *sums)
{
    const sae_dense_step *s = t->step;
    int64_t d = s->d;
    sae_gemm_nt(t->rows, count, d, 1, t->e, d, s->W_dec + first * d, d, 0, product, count);
    slopes_to_gradients(t, first, count, product, sums);
    sae_gemm_tn(count, d, t->rows, 1, product, count, t->c, d, 1, t->scratch->gradient.W_enc + first * d, d);
    sae_gemm_tn(count, d, t->rows, -2 / (float)s->rows, t->scratch->f + first, s->n, t->e, d, 1,
                t->scratch->gradient.W_dec + first * d, d);
}

static void clear_block(const sae_dense_step *s, int64_t first, int64_t count, sae_dense_scratch *scratch,
                        sae_latent_sums *sums)
{
    size_t latents = (size_t)count, cells = latents * (size_t)s->d;
    memset(scratch->gradient.W_enc + first * s->d, 0, cells * sizeof(float));
    memset(scratch->gradient.W_dec + first * s->d, 0, cells * sizeof(float));
    memset(scratch->gradient.b_enc + first, 0, latents * sizeof(float));
    memset(sums->active + first, 0, latents * sizeof *sums->active);
    memset(sums->near + first, 0, latents * sizeof *sums->near);
    memset(sums->f + first, 0, latents * sizeof *sums->f);
    memset(sums->near_slope + first, 0, latents * sizeof *sums->near_slope);
}

void sae_dense_run(const sae_dense_step *s, sae_dense_scratch *scratch, float *e, double *row_square,
                   sae_latent_sums *sums)
{
    const sae_ops *ops = sae_ops_best();
    int64_t blocks = (s->n + SAE_DENSE_LATENTS - 1) / SAE_DENSE_LATENTS;
    for (int64_t row = 0; row < s->rows; row += SAE_DENSE_ROWS) {
        int64_t rows = s->rows - row < SAE_DENSE_ROWS ? s->rows - row : SAE_DENSE_ROWS;
        int64_t row_blocks = (rows + DECODE_ROWS - 1) / DECODE_ROWS;
        tile t = {.step = s, .scratch = scratch, .c = s->c + row * s->d, .e = e + row * s->d, .rows = rows};
#pragma omp parallel num_threads(s->threads)
        {
            float *product = scratch->product + (int64_t)omp_get_thread_num() * SAE_DENSE_ROWS * SAE_DENSE_LATENTS;
#pragma omp for schedule(dynamic)
            for (int64_t block = 0; block < blocks; block++) {
                int64_t first = block * SAE_DENSE_LATENTS, rest = s->n - first;
                int64_t count = rest < SAE_DENSE_LATENTS ? rest : SAE_DENSE_LATENTS;
                if (row == 0) clear_block(s, first, count, scratch, sums);
                encode_block(&t, first, count);
            }
#pragma omp for schedule(dynamic)
            for (int64_t block = 0; block < row_blocks; block++) {
                int64_t first = block * DECODE_ROWS, rest = rows - first;
                decode_rows(&t, first, rest < DECODE_ROWS ? rest : DECODE_ROWS, ops, row_square + row);
            }
#pragma omp for schedule(dynamic)
            for (int64_t block = 0; block < blocks; block++) {
                int64_t first = block * SAE_DENSE_LATENTS, rest = s->n - first;
                backward_block(&t, first, rest < SAE_DENSE_LATENTS ? rest : SAE_DENSE_LATENTS, product, sums);
            }
        }
    }
}
