/* Sums of pairs against dense sums; where rows are cut and how many threads add them does not show; the bound. */
#include "testing.h"

#include "analysis/pairs.h"
#include "base/rng.h"
#include "io/temp.h"

#include <stdlib.h>
#include <string.h>

enum { SMALL = 70, LARGE = 130, LATENTS = SMALL + LARGE, ROWS = 300, BLOCK = 23 };

/* Activations of one row, and the dense sums over all rows. */
typedef struct dense {
    float rows[ROWS][LATENTS];
    double sums[LATENTS][LATENTS];
} dense;

static dense *make_dense(void)
{
    dense *d = calloc(1, sizeof *d);
    sae_rng rng = sae_rng_make(3, "pairs", 0);
    for (uint64_t r = 0; r < ROWS; r++)
        for (uint64_t i = 0; i < LATENTS; i++) {
            bool on = i != 5 && sae_rng_uniform(&rng, 2 * (r * LATENTS + i)) < (i % 7 == 0 ? 0.2 : 0.03);
            if (on) d->rows[r][i] = (float)sae_rng_uniform(&rng, 2 * (r * LATENTS + i) + 1) + 0.1f;
        }
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < LATENTS; i++)
            for (int j = 0; j < LATENTS; j++) d->sums[i][j] += (double)d->rows[r][i] * (double)d->rows[r][j];
    return d;
}

static void fill_codes(sae_codes *codes, const dense *d, int first, int rows, int begin, int end)
{
    sae_error err;
    assert_ok(sae_codes_reserve(codes, rows, (int64_t)rows * (end - begin), &err));
    codes->rows = rows;
    codes->row_offsets[0] = 0;
    for (int r = 0; r < rows; r++) {
        int64_t to = codes->row_offsets[r];
        for (int i = begin; i < end; i++) {
            if (d->rows[first + r][i] == 0) continue;
            codes->latents[to] = i - begin;
            codes->values[to++] = d->rows[first + r][i];
        }
        codes->row_offsets[r + 1] = to;
    }
}

static sae_status sum_pairs(const dense *d, int64_t max_pairs, int64_t kept, int threads, sae_pairs *out,
                            sae_error *err)
{
    const sae_env env = {.threads = threads};
    sae_pair_sums *sums = NULL;
    sae_codes *codes[2] = {sae_codes_new(), sae_codes_new()};
    sae_status status = sae_pair_sums_new(&sums, LATENTS, max_pairs, kept, err);
    for (int first = 0; status == SAE_OK && first < ROWS; first += BLOCK) {
        int rows = ROWS - first < BLOCK ? ROWS - first : BLOCK;
        fill_codes(codes[0], d, first, rows, 0, SMALL);
        fill_codes(codes[1], d, first, rows, SMALL, LATENTS);
        status = sae_pair_sums_add(sums, (const sae_codes *const[2]){codes[0], codes[1]}, SMALL, &env, err);
    }
    if (status == SAE_OK) status = sae_pair_sums_take(sums, out, &env, err);
    sae_pair_sums_free(sums);
    sae_codes_free(codes[0]);
    sae_codes_free(codes[1]);
    return status;
}

static void dense_sums(void **state)
{
    (void)state;
    static const int kept[] = {1 << 20, 700, 1};
    sae_error err;
    dense *d = make_dense();
    for (int k = 0; k < 3; k++)
        for (int threads = 1; threads < 8; threads += 3) {
            sae_pairs pairs = {0};
            assert_ok(sum_pairs(d, LATENTS * LATENTS, kept[k], threads, &pairs, &err));
            int64_t expected_pairs = 0;
            for (int i = 0; i < LATENTS; i++) {
                int64_t e = pairs.offsets[i];
                for (int j = 0; j < LATENTS; j++) {
                    if (d->sums[i][j] == 0) continue;
                    assert_true(e < pairs.offsets[i + 1]);
                    assert_int_equal(pairs.columns[e], j);
                    assert_true(pairs.values[e++] == d->sums[i][j]); /* the same order of the same sums */
                    expected_pairs += j > i;
                }
                assert_int_equal(e, pairs.offsets[i + 1]);
            }
            assert_int_equal(sae_pairs_count(&pairs), expected_pairs);
            assert_int_equal(pairs.offsets[5], pairs.offsets[6]); /* the latent that never fires */
            sae_pairs_clear(&pairs);
        }
    free(d);
}

static void too_many_pairs(void **state)
{
    (void)state;
    sae_error err;
    dense *d = make_dense();
    sae_pairs pairs = {0};
    assert_ok(sum_pairs(d, LATENTS * LATENTS, 1 << 20, 2, &pairs, &err));
    int64_t count = sae_pairs_count(&pairs);
    sae_pairs_clear(&pairs);
    assert_ok(sum_pairs(d, count, 100, 2, &pairs, &err));
    sae_pairs_clear(&pairs);
    assert_int_equal(sum_pairs(d, count - 1, 1 << 20, 2, &pairs, &err), SAE_E_MEMORY);
    assert_contains(err.message, "--max-pairs");
    assert_contains(err.message, "on the first 300 rows");
    assert_int_equal(sum_pairs(d, 100, 1, 2, &pairs, &err), SAE_E_MEMORY); /* seen long before the end */
    assert_contains(err.message, "on the first 23 rows");
    assert_null(pairs.offsets);
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_sums),
        cmocka_unit_test(too_many_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
