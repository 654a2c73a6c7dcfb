#include "analysis/eigenvalues.h"

#include "analysis/dot.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { ROWS_FOR_THREADS = 256 }; /* below, threads cost more than they bring */

/* ---- to tridiagonal form -------------------------------------------------------------------------------- */

/* A reflection H = I − τ·v·vᵀ of the coordinates first … n − 1, and with p = τ·A·v the vector w = p − (τ/2)(vᵀp)·v:
 * H·A·H = A − v·wᵀ − w·vᵀ. */
typedef struct reflection {
    double *v, *w; /* [n], used from `first` */
    double tau;
} reflection;

/* v, τ such that H·x = (β, 0, …, 0) for x = the entries first … n − 1 of `column`; returns β. */
static double reflect(const double *column, int64_t first, int64_t n, reflection *r)
{
    double largest = 0;
    for (int64_t i = first; i < n; i++) largest = fmax(largest, fabs(column[i]));
    r->tau = 0;
    if (largest == 0) return 0;
    for (int64_t i = first; i < n; i++) r->v[i] = column[i] / largest; /* squares neither overflow nor vanish */
    double alpha = r->v[first], rest = sae_dot_doubles(r->v + first + 1, r->v + first + 1, n - first - 1);
    if (rest == 0) return column[first];
    double beta = alpha > 0 ? -sqrt(alpha * alpha + rest) : sqrt(alpha * alpha + rest);
    r->v[first] = alpha - beta;
    r->tau = 2 / (r->v[first] * r->v[first] + rest);
    return beta * largest;
}

/* The last reflection's update of the entries from `first` on, and with the same visit of each row its product with the
 * next v: the matrix passes through the processor once per column. */
static void apply(double *A, int64_t n, int64_t first, const reflection *last, const reflection *next, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static) if (n - first >= ROWS_FOR_THREADS)
    for (int64_t i = first; i < n; i++) {
        double *row = A + i * n, v = last->v[i], w = last->w[i];
        if (last->tau != 0)
            for (int64_t j = first; j < n; j++) row[j] -= v * last->w[j] + w * last->v[j];
        next->w[i] = sae_dot_doubles(row + first, next->v + first, n - first);
    }
}

static void swap(reflection *a, reflection *b)
{
    reflection c = *a;
    *a = *b;
    *b = c;
}

/* diagonal [n], off [n − 1] of the tridiagonal matrix with the eigenvalues of A. */
static sae_status tridiagonal(double *A, int64_t n, double *diagonal, double *off, const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    int threads = sae_threads(env);
    double *memory = sae_calloc((size_t)n, 5 * sizeof *memory);
    if (!memory) return sae_fail_memory(err, "a tridiagonal matrix", (size_t)n * 5 * sizeof *memory);
    reflection last = {.v = memory, .w = memory + n}, next = {.v = memory + 2 * n, .w = memory + 3 * n};
    double *column = memory + 4 * n;
    for (int64_t k = 0; k < n; k++) {
        if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped while finding eigenvalues"));
        /* row k as the last reflection leaves it */
        for (int64_t j = k; j < n; j++)
            column[j] = A[k * n + j] - (last.tau != 0 ? last.v[k] * last.w[j] + last.w[k] * last.v[j] : 0);
        diagonal[k] = column[k];
        if (k + 1 == n) break;
        off[k] = reflect(column, k + 1, n, &next);
        apply(A, n, k + 1, &last, &next, threads);
        if (next.tau != 0) {
            for (int64_t i = k + 1; i < n; i++) next.w[i] *= next.tau;
            double half = 0.5 * next.tau * sae_dot_doubles(next.v + k + 1, next.w + k + 1, n - k - 1);
            for (int64_t i = k + 1; i < n; i++) next.w[i] -= half * next.v[i];
        }
        swap(&last, &next);
    }
done:
    sae_free(memory);
    return status;
}

/* ---- bisection ------------------------------------------------------------------------------------------- */

typedef struct tridiagonal_matrix {
    int64_t n;
    const double *diagonal, *off;
    double low, high;  /* all eigenvalues lie between */
    double resolution; /* no eigenvalue is known better than this */
    double smallest;   /* a pivot of 0 becomes this */
} tridiagonal_matrix;

/* Gershgorin's discs, a little widened. */
static void bound(tridiagonal_matrix *t)
{
    double low = HUGE_VAL, high = -HUGE_VAL, size = 0, largest = 0;
    for (int64_t i = 0; i < t->n; i++) {
        double before = i > 0 ? fabs(t->off[i - 1]) : 0, after = i + 1 < t->n ? fabs(t->off[i]) : 0;
        low = fmin(low, t->diagonal[i] - before - after);
        high = fmax(high, t->diagonal[i] + before + after);
        largest = fmax(largest, after * after);
    }
    size = fmax(fabs(low), fabs(high));
    t->low = low - 4 * (double)t->n * DBL_EPSILON * size - DBL_MIN;
    t->high = high + 4 * (double)t->n * DBL_EPSILON * size + DBL_MIN;
    t->resolution = DBL_EPSILON * size;
    t->smallest = DBL_MIN * fmax(1, largest);
}

/* Eigenvalues below x: negative pivots of the factorisation of T − x. */
static int64_t count_below(const tridiagonal_matrix *t, double x)
{
    int64_t count = 0;
    double pivot = 1;
    for (int64_t i = 0; i < t->n; i++) {
        double square = i > 0 ? t->off[i - 1] * t->off[i - 1] : 0;
        pivot = t->diagonal[i] - x - square / pivot;
        if (fabs(pivot) < t->smallest) pivot = -t->smallest;
        count += pivot < 0;
    }
    return count;
}

/* Eigenvalue number `index`, counted from the smallest. */
static double eigenvalue(const tridiagonal_matrix *t, int64_t index)
{
    double low = t->low, high = t->high;
    double middle = low + (high - low) / 2;
    while (high - low > t->resolution && middle > low && middle < high) {
        if (count_below(t, middle) > index)
            high = middle;
        else
            low = middle;
        middle = low + (high - low) / 2;
    }
    return middle;
}

sae_status sae_largest_eigenvalues(double *A, int64_t n, int64_t count, double *values, const sae_env *env,
                                   sae_error *err)
{
    double *diagonal = sae_alloc((size_t)n, 2 * sizeof *diagonal), *off = diagonal ? diagonal + n : NULL;
    if (!diagonal) return sae_fail_memory(err, "eigenvalues", (size_t)n * 2 * sizeof *diagonal);
    sae_status status = tridiagonal(A, n, diagonal, off, env, err);
    if (status == SAE_OK) {
        tridiagonal_matrix t = {.n = n, .diagonal = diagonal, .off = off};
        bound(&t);
#pragma omp parallel for num_threads(sae_threads(env)) schedule(static)
        for (int64_t i = 0; i < count; i++) values[i] = eigenvalue(&t, n - 1 - i);
    }
    sae_free(diagonal);
    return status;
}
