/* The generator against the published Philox test vectors, and the shape of its distributions. */
#include "base/rng.h"
#include "testing.h"

#include <math.h>

static void known_answers(void **state)
{
    (void)state;
    /* philox4x32-10 with counter = key = 0, and with all bits set (Random123 kat_vectors). */
    uint32_t out[4];
    sae_rng zero = {{0, 0}, {0, 0}};
    sae_rng_words(&zero, 0, out);
    assert_int_equal(out[0], 0x6627e8d5u);
    assert_int_equal(out[1], 0xe169c58du);
    assert_int_equal(out[2], 0xbc57ac4cu);
    assert_int_equal(out[3], 0x9b00dbd8u);
    sae_rng ones = {{~0u, ~0u}, {~0u, ~0u}};
    sae_rng_words(&ones, ~(uint64_t)0, out);
    assert_int_equal(out[0], 0x408f276du);
    assert_int_equal(out[1], 0x41c83b0eu);
    assert_int_equal(out[2], 0xa20bc7c6u);
    assert_int_equal(out[3], 0x6d5451fdu);
}

static void streams_differ(void **state)
{
    (void)state;
    sae_rng a = sae_rng_make(1, "init", 0), b = sae_rng_make(1, "init", 1), c = sae_rng_make(1, "shuffle", 0),
            d = sae_rng_make(2, "init", 0);
    uint64_t first = sae_rng_u64(&a, 0);
    assert_int_not_equal(first, sae_rng_u64(&b, 0));
    assert_int_not_equal(first, sae_rng_u64(&c, 0));
    assert_int_not_equal(first, sae_rng_u64(&d, 0));
    assert_int_not_equal(first, sae_rng_u64(&a, 1));
}

static void moments(void **state)
{
    (void)state;
    sae_rng rng = sae_rng_make(7, "test", 0);
    const int n = 200000;
    double sum = 0, square = 0, uniform = 0;
    for (int i = 0; i < n; i++) {
        double x = sae_rng_normal(&rng, (uint64_t)i);
        assert_true(isfinite(x));
        sum += x;
        square += x * x;
        uniform += sae_rng_uniform(&rng, (uint64_t)i);
    }
    /* five standard errors */
    assert_true(fabs(sum / n) < 5 / sqrt(n));
    assert_true(fabs(square / n - 1) < 5 * sqrt(2.0 / n));
    assert_true(fabs(uniform / n - 0.5) < 5 * sqrt(1.0 / 12 / n));
}

static void shuffle_is_a_permutation(void **state)
{
    (void)state;
    int64_t items[1000], seen[1000] = {0}, moved = 0;
    for (int i = 0; i < 1000; i++) items[i] = i;
    sae_rng rng = sae_rng_make(3, "test", 0);
    sae_rng_shuffle_i64(&rng, items, 1000);
    for (int i = 0; i < 1000; i++) {
        seen[items[i]]++;
        moved += items[i] != i;
    }
    for (int i = 0; i < 1000; i++) assert_int_equal(seen[i], 1);
    assert_true(moved > 950);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(streams_differ),
        cmocka_unit_test(moments),
        cmocka_unit_test(shuffle_is_a_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
