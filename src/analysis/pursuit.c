#include "analysis/pursuit.h"

#include "analysis/cosine.h"
#include "analysis/dot.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "kernels/blas.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { TILE_ROWS = 256, TILE_ATOMS = 512 };

/* Squares relative to the row's or the atom's own below which there is only rounding. */
#define NOTHING 1e-13

/* ---- one row ---------------------------------------------------------------------------------------------- */

/* The atoms that a row has, and the least squares with them: L·Lᵀ is their Gram matrix. */
typedef struct combination {
    int64_t count;
    int32_t *atoms;       /* [k] */
    double *L;            /* [k, k] */
    double *products;     /* [k] x·a */
    double *y, *gamma;    /* [k] L·y = products, Lᵀ·γ = y */
    double *residual;     /* [d] */
    double residual2, x2; /* ‖e‖², ‖x‖² */
} combination;

/* What one thread needs. */
typedef struct workspace {
    float *products; /* [TILE_ROWS, atoms] x·aᵀ */
    float *now;      /* [atoms] e·a of one row */
    combination c;
} workspace;

static bool is_taken(const combination *c, int64_t atom)
{
    for (int64_t i = 0; i < c->count; i++)
        if (c->atoms[i] == atom) return true;
    return false;
}

/* e·a in float32 for all atoms, and by how much it can be off. */
static float correlate(const sae_pursuit_job *job, const combination *c, const float *G, const float *products,
                       float *now)
{
    double size = sqrt(c->x2);
    memcpy(now, products, (size_t)job->atoms * sizeof *now);
    for (int64_t i = 0; i < c->count; i++) {
        const float *row = G + (int64_t)c->atoms[i] * job->atoms, gamma = (float)c->gamma[i];
        for (int64_t j = 0; j < job->atoms; j++) now[j] -= gamma * row[j];
        size += fabs(c->gamma[i]);
    }
    /* d·u/(1 − d·u) for each sum, the rounding of γ and of each step; u = 2⁻²⁴ */
    return (float)(1.02 * (double)(job->d + 8 + 2 * c->count) * 0x1p-24 * size);
}

static float highest_of(const float *values, int64_t n)
{
    enum { LANES = 16 };
    float lanes[LANES] = {0}, highest = 0;
    int64_t whole = n / LANES * LANES;
    for (int64_t j = 0; j < whole; j += LANES)
        for (int64_t l = 0; l < LANES; l++) {
            float size = fabsf(values[j + l]);
            lanes[l] = size > lanes[l] ? size : lanes[l];
        }
    for (int64_t j = whole; j < n; j++) lanes[0] = fmaxf(lanes[0], fabsf(values[j]));
    for (int l = 0; l < LANES; l++) highest = fmaxf(highest, lanes[l]);
    return highest;
}

/* The atom with the largest |e·a|, or −1 when all are orthogonal to e. */
static int64_t largest(const sae_pursuit_job *job, const combination *c, int64_t own, float *now, float margin)
{
    if (own >= 0) now[own] = 0;
    for (int64_t i = 0; i < c->count; i++) now[c->atoms[i]] = 0;
    float cut = highest_of(now, job->atoms) - 2 * margin;
    int64_t best = -1;
    double value = 0;
    for (int64_t j = 0; j < job->atoms; j++) {
        if (fabsf(now[j]) < cut || j == own || is_taken(c, j)) continue;
        double exact = fabs(sae_dot_mixed(c->residual, job->D + j * job->d, job->d));
        if (exact <= value) continue;
        value = exact;
        best = j;
    }
    return best;
}

/* Takes an atom in; false when it lies in the span of the others. */
static bool add(const sae_pursuit_job *job, combination *c, const float *x, int64_t atom)
{
    int64_t n = c->count, k = job->k, d = job->d;
    const float *a = job->D + atom * d;
    double *row = c->L + n * k, pivot = sae_dot_double(a, a, d), own = pivot;
    for (int64_t i = 0; i < n; i++) {
        double value = sae_dot_double(a, job->D + c->atoms[i] * d, d);
        for (int64_t j = 0; j < i; j++) value -= row[j] * c->L[i * k + j];
        row[i] = value / c->L[i * k + i];
        pivot -= row[i] * row[i];
    }
    if (!(pivot > NOTHING * own)) return false;
    row[n] = sqrt(pivot);
    c->atoms[n] = (int32_t)atom;
    c->products[n] = sae_dot_double(x, a, d);
    c->y[n] = c->products[n];
    for (int64_t j = 0; j < n; j++) c->y[n] -= row[j] * c->y[j];
    c->y[n] /= row[n];
    c->count = n + 1;
    for (int64_t i = n; i >= 0; i--) {
        c->gamma[i] = c->y[i];
        for (int64_t j = i + 1; j <= n; j++) c->gamma[i] -= c->L[j * k + i] * c->gamma[j];
        c->gamma[i] /= c->L[i * k + i];
    }
    return true;
}

static void set_residual(const sae_pursuit_job *job, combination *c, const float *x)
{
    double *e = c->residual;
    for (int64_t j = 0; j < job->d; j++) e[j] = (double)x[j];
    for (int64_t i = 0; i < c->count; i++) {
        const float *a = job->D + c->atoms[i] * job->d;
        for (int64_t j = 0; j < job->d; j++) e[j] -= c->gamma[i] * (double)a[j];
    }
    c->residual2 = sae_dot_doubles(e, e, job->d);
}

static void pursue_row(const sae_pursuit_job *job, combination *c, int64_t r, const float *G, const float *products,
                       float *now)
{
    const float *x = job->x + r * job->d;
    int64_t own = job->own ? job->own[r] : -1;
    c->count = 0;
    set_residual(job, c, x);
    c->x2 = c->residual2;
    while (c->count < job->k && c->residual2 > NOTHING * c->x2) {
        float margin = correlate(job, c, G, products, now);
        int64_t atom = largest(job, c, own, now, margin);
        if (atom < 0 || !add(job, c, x, atom)) break;
        set_residual(job, c, x);
    }
}

/* ---- all rows --------------------------------------------------------------------------------------------- */

static void workspaces_free(workspace *w, int threads)
{
    for (int t = 0; w && t < threads; t++) {
        sae_free(w[t].products);
        sae_free(w[t].now);
        sae_free(w[t].c.atoms);
        sae_free(w[t].c.L);
    }
    sae_free(w);
}

static workspace *workspaces_new(const sae_pursuit_job *job, int threads)
{
    size_t atoms = (size_t)job->atoms, k = (size_t)job->k, d = (size_t)job->d;
    workspace *w = sae_calloc((size_t)threads, sizeof *w);
    for (int t = 0; w && t < threads; t++) {
        combination *c = &w[t].c;
        w[t].products = sae_alloc(atoms, TILE_ROWS * sizeof(float));
        w[t].now = sae_alloc(atoms, sizeof(float));
        c->atoms = sae_alloc(k, sizeof *c->atoms);
        c->L = sae_alloc(k * k + 3 * k + d, sizeof *c->L);
        if (w[t].products && w[t].now && c->atoms && c->L) {
            c->products = c->L + k * k;
            c->y = c->products + k;
            c->gamma = c->y + k;
            c->residual = c->gamma + k;
            continue;
        }
        workspaces_free(w, threads);
        return NULL;
    }
    return w;
}

/* out [count, atoms] = rows of x times the atoms. */
static void multiply(const sae_pursuit_job *job, const float *x, int64_t count, float *out)
{
    for (int64_t first = 0; first < job->atoms; first += TILE_ATOMS) {
        int64_t width = job->atoms - first < TILE_ATOMS ? job->atoms - first : TILE_ATOMS;
        sae_gemm_nt(count, width, job->d, 1, x, job->d, job->D + first * job->d, job->d, 0, out + first, job->atoms);
    }
}

static void make_gram(const sae_pursuit_job *job, float *G, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t first = 0; first < job->atoms; first += TILE_ROWS) {
        int64_t count = job->atoms - first < TILE_ROWS ? job->atoms - first : TILE_ROWS;
        multiply(job, job->D + first * job->d, count, G + first * job->atoms);
    }
}

static void keep_result(const sae_pursuit_job *job, const combination *c, int64_t r, double *errors, int32_t *taken,
                        int32_t *chosen)
{
    errors[r] = c->residual2;
    if (taken) taken[r] = (int32_t)c->count;
    for (int64_t i = 0; chosen && i < job->k; i++) chosen[r * job->k + i] = i < c->count ? c->atoms[i] : -1;
}

sae_status sae_pursue(const sae_pursuit_job *job, double *errors, int32_t *taken, int32_t *chosen, const char *what,
                      const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    size_t cells = 0;
    float *G = NULL;
    int64_t tiles = (job->rows + TILE_ROWS - 1) / TILE_ROWS, done = 0;
    int threads = sae_threads(env);
    workspace *w = workspaces_new(job, threads);
    if (sae_mul_size((size_t)job->atoms, (size_t)job->atoms, &cells)) G = sae_alloc(cells, sizeof *G);
    if (!w || !G) SAE_TRY(sae_fail_memory(err, "products of atoms", cells * sizeof *G));
    sae_blas_init();
    make_gram(job, G, threads);
    sae_report_progress(env, what, "rows", 0, (double)job->rows, NULL);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t t = 0; t < tiles; t++) {
        workspace *own = &w[omp_get_thread_num()];
        int64_t first = t * TILE_ROWS, count = job->rows - first < TILE_ROWS ? job->rows - first : TILE_ROWS, before;
        if (sae_should_stop(env)) continue;
        multiply(job, job->x + first * job->d, count, own->products);
        for (int64_t r = first; r < first + count; r++) {
            pursue_row(job, &own->c, r, G, own->products + (r - first) * job->atoms, own->now);
            keep_result(job, &own->c, r, errors, taken, chosen);
        }
#pragma omp atomic capture
        {
            done += count;
            before = done;
        }
        if (omp_get_thread_num() == 0) /* the thread that called */
            sae_report_progress(env, what, "rows", (double)before, (double)job->rows, NULL);
    }
    if (sae_should_stop(env)) status = sae_fail(err, SAE_E_INTERRUPTED, "stopped during the pursuit");
done:
    workspaces_free(w, threads);
    sae_free(G);
    return status;
}
