/* Orthogonal matching pursuit against its definition in double, on dictionaries with duplicates, zeros and near ties.
 */
#include "io/temp.h"

#include "analysis/cosine.h"
#include "analysis/covariance.h"
#include "analysis/dot.h"
#include "analysis/pursuit.h"
#include "analysis/random_rows.h"
#include "base/alloc.h"

#include <math.h>
#include <string.h>

enum { MAX_D = 64, MAX_K = 40 };

typedef struct found {
    double *errors;
    int32_t *taken, *chosen;
} found;

static found pursue(const sae_pursuit_job *job, int threads)
{
    sae_error err;
    found f = {.errors = malloc((size_t)job->rows * sizeof *f.errors),
               .taken = malloc((size_t)job->rows * sizeof *f.taken),
               .chosen = malloc((size_t)(job->rows * job->k) * sizeof *f.chosen)};
    assert_ok(sae_pursue(job, f.errors, f.taken, f.chosen, "test", &(sae_env){.threads = threads}, &err));
    return f;
}

static void found_free(found *f)
{
    free(f->errors);
    free(f->taken);
    free(f->chosen);
}

static float *unit_rows(uint64_t seed, int64_t n, int64_t d)
{
    float *rows = malloc((size_t)(n * d) * sizeof *rows);
    sae_random_rows(seed, n, d, rows, NULL);
    sae_unit_rows(rows, 0, n, d, rows, 1);
    return rows;
}

/* The residual stays orthogonal to an orthonormal basis of the atoms taken, which Gram and Schmidt give (twice, for
 * accuracy): no Gram matrix, no Cholesky factor. Follows `chosen`, and checks that each was the best choice. */
static void check_row(const sae_pursuit_job *job, const found *f, int64_t r)
{
    static double basis[MAX_K][MAX_D], e[MAX_D];
    const int32_t *chosen = f->chosen + r * job->k;
    int64_t d = job->d, count = 0;
    for (int64_t j = 0; j < d; j++) e[j] = (double)job->x[r * d + j];
    double x2 = sae_dot_doubles(e, e, d);
    for (; count < job->k && chosen[count] >= 0; count++) {
        int32_t taken = chosen[count];
        const float *a = job->D + taken * d;
        double best = fabs(sae_dot_mixed(e, a, d));
        assert_true(!job->own || taken != job->own[r]);
        for (int64_t other = 0; other < job->atoms; other++) {
            if (job->own && other == job->own[r]) continue;
            double value = fabs(sae_dot_mixed(e, job->D + other * d, d));
            assert_true(value <= best + 1e-13 * sqrt(x2));
        }
        double *b = basis[count], square;
        for (int64_t j = 0; j < d; j++) b[j] = (double)a[j];
        for (int pass = 0; pass < 2; pass++)
            for (int64_t i = 0; i < count; i++) {
                double along = sae_dot_doubles(b, basis[i], d);
                for (int64_t j = 0; j < d; j++) b[j] -= along * basis[i][j];
            }
        square = sae_dot_doubles(b, b, d);
        assert_true(square > 0);
        for (int64_t j = 0; j < d; j++) b[j] /= sqrt(square);
        double along = sae_dot_doubles(e, b, d);
        for (int64_t j = 0; j < d; j++) e[j] -= along * b[j];
    }
    assert_int_equal(count, f->taken[r]);
    for (int64_t i = count; i < job->k; i++) assert_int_equal(chosen[i], -1);
    double error = sae_dot_doubles(e, e, d);
    if (fabs(error - f->errors[r]) > 1e-10 * x2)
        fail_msg("row %lld: error %g, not %g", (long long)r, f->errors[r], error);
}

static void check(const sae_pursuit_job *job)
{
    found one = pursue(job, 1), three = pursue(job, 3);
    for (int64_t r = 0; r < job->rows; r++) check_row(job, &one, r);
    assert_memory_equal(one.errors, three.errors, (size_t)job->rows * sizeof *one.errors);
    assert_memory_equal(one.chosen, three.chosen, (size_t)(job->rows * job->k) * sizeof *one.chosen);
    found_free(&one);
    found_free(&three);
}

/* Sizes below, at and above the tiles; more atoms asked for than there are dimensions or atoms. */
static void definition(void **state)
{
    (void)state;
    const int64_t sizes[][4] = {{1, 1, 1, 1}, {5, 3, 2, 2}, {40, 24, 700, 4}, {600, 17, 60, 3}, {257, 8, 30, 30}};
    for (int s = 0; s < 5; s++) {
        int64_t rows = sizes[s][0], d = sizes[s][1], atoms = sizes[s][2];
        float *x = malloc((size_t)(rows * d) * sizeof *x), *D = unit_rows(2, atoms, d);
        sae_random_rows(1, rows, d, x, NULL);
        check(&(sae_pursuit_job){.rows = rows, .d = d, .atoms = atoms, .k = sizes[s][3], .x = x, .D = D});
        free(x);
        free(D);
    }
}

/* Rows that are atoms, or sums of two orthogonal ones, are explained without a rest, and no more atoms are taken. */
static void exact_sums(void **state)
{
    (void)state;
    enum { D = 16, K = 5 };
    float atoms[D * D] = {0}, x[3 * D] = {0};
    for (int i = 0; i < D; i++) atoms[i * D + i] = 1;
    x[3] = -2;
    x[D + 1] = 1.5f;
    x[D + 9] = -0.25f;
    found f = pursue(&(sae_pursuit_job){.rows = 3, .d = D, .atoms = D, .k = K, .x = x, .D = atoms}, 1);
    for (int r = 0; r < 3; r++) assert_true(f.errors[r] == 0);
    assert_int_equal(f.taken[0], 1);
    assert_int_equal(f.chosen[0], 3);
    assert_int_equal(f.taken[1], 2);
    assert_int_equal(f.chosen[K], 1);
    assert_int_equal(f.chosen[K + 1], 9);
    assert_int_equal(f.taken[2], 0); /* zeros */
    found_free(&f);
}

/* Rows that are atoms themselves, atoms that are there twice, an atom of zeros, atoms that float32 cannot tell apart.
 */
static void awkward_atoms(void **state)
{
    (void)state;
    enum { D = 32, ATOMS = 300, ROWS = 120 };
    float *atoms = unit_rows(3, ATOMS, D), *x = malloc(ROWS * D * sizeof *x);
    int32_t own[ROWS];
    memcpy(atoms + 7 * D, atoms + 200 * D, D * sizeof *atoms);
    memset(atoms + 11 * D, 0, D * sizeof *atoms);
    for (int i = 20; i < 40; i++) { /* 20 neighbours of one atom, a few bits away */
        memcpy(atoms + i * D, atoms + 19 * D, D * sizeof *atoms);
        for (int j = 0; j < D; j++) atoms[i * D + j] *= 1 + (float)((i * 7 + j * 13) % 5 - 2) * 0x1p-23f;
    }
    for (int r = 0; r < ROWS; r++) {
        own[r] = r % 3 == 0 ? r : -1;
        memcpy(x + r * D, atoms + r * D, D * sizeof *x);
        if (r % 3 == 2)
            for (int j = 0; j < D; j++) x[r * D + j] += 0.5f * atoms[(r * 2 + 1) % ATOMS * D + j];
    }
    sae_pursuit_job job = {.rows = ROWS, .d = D, .atoms = ATOMS, .k = 4, .x = x, .D = atoms, .own = own};
    check(&job);
    found f = pursue(&job, 2);
    for (int r = 0; r < ROWS; r++) {
        if (r % 3 == 0 && (r < 19 || r >= 40) && r != 7) assert_true(f.errors[r] > 0.01); /* not by itself */
        if (r % 3 == 1) assert_true(f.errors[r] < 1e-12 && f.taken[r] == (r == 11 ? 0 : 1));
    }
    assert_int_equal(f.chosen[7 * 4], 7); /* of equals the first */
    found_free(&f);
    free(x);
    free(atoms);
}

static void more_atoms_explain_more(void **state)
{
    (void)state;
    enum { D = 24, ATOMS = 80, ROWS = 50 };
    float *atoms = unit_rows(4, ATOMS, D), *x = unit_rows(5, ROWS, D);
    double before[ROWS];
    for (int r = 0; r < ROWS; r++) before[r] = 1 + 1e-6;
    for (int k = 1; k <= 26; k++) {
        found f = pursue(&(sae_pursuit_job){.rows = ROWS, .d = D, .atoms = ATOMS, .k = k, .x = x, .D = atoms}, 2);
        for (int r = 0; r < ROWS; r++) {
            assert_true(f.errors[r] <= before[r]);
            if (k >= D) assert_true(f.errors[r] < 1e-12 && f.taken[r] <= D); /* all of space is spanned */
            before[r] = f.errors[r] + 1e-15;
        }
        found_free(&f);
    }
    free(x);
    free(atoms);
}

static void stopped_and_out_of_memory(void **state)
{
    (void)state;
    sae_error err;
    float x[4] = {1, 0, 0, 1}, D[2] = {1, 0};
    double errors[2];
    volatile sig_atomic_t stop = 1;
    sae_pursuit_job job = {.rows = 2, .d = 2, .atoms = 1, .k = 1, .x = x, .D = D};
    assert_int_equal(sae_pursue(&job, errors, NULL, NULL, "test", &(sae_env){.stop = &stop}, &err), SAE_E_INTERRUPTED);
    sae_status status = SAE_E_MEMORY;
    for (uint64_t n = 1; status != SAE_OK; n++) {
        assert_true(n < 100);
        sae_alloc_fail_after(n);
        status = sae_pursue(&job, errors, NULL, NULL, "test", &(sae_env){.threads = 1}, &err);
        sae_alloc_fail_after(0);
        assert_true(status == SAE_OK || status == SAE_E_MEMORY);
    }
    assert_true(errors[0] == 0 && errors[1] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definition),
        cmocka_unit_test(exact_sums),
        cmocka_unit_test(awkward_atoms),
        cmocka_unit_test(more_atoms_explain_more),
        cmocka_unit_test(stopped_and_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
