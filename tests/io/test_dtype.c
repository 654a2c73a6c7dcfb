/* Conversions, exhaustively: every half value, and every place where rounding to a half changes. */
#include "testing.h"

#include "io/dtype.h"

#include <math.h>
#include <stdlib.h>

/* The value of a half by the definition of the format: `exponent_bits` bits of exponent, `fraction_bits` of fraction.
 */
static double half_value(unsigned half, int exponent_bits, int fraction_bits)
{
    int bias = (1 << (exponent_bits - 1)) - 1, top = (1 << exponent_bits) - 1;
    int exponent = (int)(half >> fraction_bits) & top;
    double fraction = half & ((1u << fraction_bits) - 1), sign = half >> 15 ? -1 : 1;
    if (exponent == top) return fraction != 0 ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp(fraction + ldexp(1, fraction_bits), exponent - bias - fraction_bits);
}

typedef struct half_format {
    sae_dtype dtype;
    int exponent_bits, fraction_bits;
} half_format;

static const half_format formats[] = {{SAE_DTYPE_F16, 5, 10}, {SAE_DTYPE_BF16, 8, 7}};

static void every_half_reads_exactly(void **state)
{
    (void)state;
    uint16_t halves[65536];
    float *out = malloc(sizeof(float[65536]));
    for (int f = 0; f < 2; f++) {
        for (unsigned i = 0; i < 65536; i++) halves[i] = (uint16_t)i;
        sae_dtype_to_f32(halves, 65536, formats[f].dtype, out);
        for (unsigned i = 0; i < 65536; i++) {
            double want = half_value(i, formats[f].exponent_bits, formats[f].fraction_bits);
            if (isnan(want))
                assert_true(isnan(out[i]));
            else if (out[i] != want || !signbit(out[i]) != !signbit(want))
                fail_msg("%s %04x reads as %a, not %a", sae_dtype_name(formats[f].dtype), i, (double)out[i], want);
        }
    }
    free(out);
}

static unsigned rounded(sae_dtype dtype, float value)
{
    uint16_t half = 0xdead;
    sae_f32_to_dtype(&value, 1, dtype, &half);
    return half;
}

static void every_half_survives_a_round_trip(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++)
        for (unsigned i = 0; i < 65536; i++) {
            uint16_t half = (uint16_t)i;
            float value;
            sae_dtype_to_f32(&half, 1, formats[f].dtype, &value);
            unsigned back = rounded(formats[f].dtype, value);
            if (isnan(value))
                assert_true(isnan(half_value(back, formats[f].exponent_bits, formats[f].fraction_bits)));
            else if (back != i)
                fail_msg("%s %04x comes back as %04x", sae_dtype_name(formats[f].dtype), i, back);
        }
}

/* Rounding is a staircase: it is right everywhere if it is right at each midpoint of two neighbours (to the even
 * one) and directly beside it. The step behind the largest finite value leads to Inf. */
static void every_midpoint_rounds_to_even(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++) {
        const half_format *format = &formats[f];
        unsigned infinity = ((1u << format->exponent_bits) - 1) << format->fraction_bits;
        for (unsigned low = 0; low < infinity; low++) {
            double a = half_value(low, format->exponent_bits, format->fraction_bits);
            double b = low + 1 < infinity ? half_value(low + 1, format->exponent_bits, format->fraction_bits)
                                          : 2 * a - half_value(low - 1, format->exponent_bits, format->fraction_bits);
            float middle = (float)((a + b) / 2);
            assert_true((double)middle == (a + b) / 2); /* float32 has the bits to hold it */
            unsigned even = low % 2 == 0 ? low : low + 1;
            for (unsigned sign = 0; sign <= 0x8000; sign += 0x8000) {
                float s = sign ? -1.0f : 1.0f;
                unsigned at = rounded(format->dtype, s * middle);
                unsigned below = rounded(format->dtype, s * nextafterf(middle, 0));
                unsigned above = rounded(format->dtype, s * nextafterf(middle, INFINITY));
                if (at != (even | sign) || below != (low | sign) || above != ((low + 1) | sign))
                    fail_msg("%s: around the midpoint of %04x and the next: %04x %04x %04x",
                             sae_dtype_name(format->dtype), low, below, at, above);
            }
        }
        assert_int_equal(rounded(format->dtype, 3.4028235e38f), infinity);
        assert_int_equal(rounded(format->dtype, -INFINITY), infinity | 0x8000);
        assert_true(isnan(half_value(rounded(format->dtype, NAN), format->exponent_bits, format->fraction_bits)));
        /* A NaN whose payload lies only in the bits that are cut off must not turn into Inf. */
        float thin = sae_bits_float(0x7f800001u);
        assert_true(isnan(half_value(rounded(format->dtype, thin), format->exponent_bits, format->fraction_bits)));
        assert_int_equal(rounded(format->dtype, sae_bits_float(1)), 0);
    }
}

static void wide_types(void **state)
{
    (void)state;
    const double wide[] = {1.0, -0.1, 1e300, 1e-300, 16777217.0, NAN};
    float out[6];
    sae_dtype_to_f32(wide, 6, SAE_DTYPE_F64, out);
    assert_true(out[0] == 1.0f && out[1] == -0.1f && isinf(out[2]) && out[3] == 0 && out[4] == 16777216.0f);
    assert_true(isnan(out[5]));
    double back[2];
    sae_f32_to_dtype((const float[]){0.1f, -3.5f}, 2, SAE_DTYPE_F64, back);
    assert_true(back[0] == (double)0.1f && back[1] == -3.5);
    float same[2];
    sae_f32_to_dtype((const float[]){0.1f, -3.5f}, 2, SAE_DTYPE_F32, same);
    assert_true(same[0] == 0.1f && same[1] == -3.5f);
}

/* The loops handle pieces of any length at any address; also what is not a float reads as zeros. */
static void unaligned_pieces(void **state)
{
    (void)state;
    unsigned char bytes[2 * 100 + 1];
    float out[100];
    for (int i = 0; i < 100; i++) {
        uint16_t half = (uint16_t)(0x3c00 + i);
        memcpy(bytes + 1 + 2 * i, &half, 2);
    }
    sae_tensor tensor = {
        .name = "t", .dtype = SAE_DTYPE_F16, .rank = 1, .shape = {100}, .data = bytes + 1, .bytes = 200};
    for (int first = 0; first < 20; first++)
        for (int count = 0; count < 60; count++) {
            sae_tensor_read_f32(&tensor, first, count, out);
            for (int i = 0; i < count; i++) assert_true(out[i] == 1.0f + (float)(first + i) / 1024);
        }
    tensor.dtype = SAE_DTYPE_U8;
    out[0] = 7;
    sae_tensor_read_f32(&tensor, 0, 1, out);
    assert_true(out[0] == 0);
}

static void finding_bad_values(void **state)
{
    (void)state;
    float values[67];
    for (int n = 0; n <= 67; n++)
        for (int bad = 0; bad < n; bad++) {
            for (int i = 0; i < 67; i++) values[i] = i % 2 ? 3.4e38f : -1e-40f;
            assert_true(sae_all_finite(values, n));
            assert_int_equal(sae_first_nonfinite(values, n), -1);
            values[bad] = bad % 3 == 0 ? NAN : bad % 3 == 1 ? INFINITY : -INFINITY;
            assert_false(sae_all_finite(values, n));
            assert_int_equal(sae_first_nonfinite(values, n), bad);
        }
}

static void names_and_sizes(void **state)
{
    (void)state;
    const size_t sizes[] = {8, 4, 2, 2, 8, 4, 1};
    for (int i = 0; i < SAE_DTYPE_OTHER; i++) {
        assert_int_equal(sae_dtype_size((sae_dtype)i), sizes[i]);
        assert_int_equal(sae_dtype_parse(sae_dtype_name((sae_dtype)i)), i);
        assert_int_equal(sae_dtype_is_float((sae_dtype)i), i <= SAE_DTYPE_BF16);
    }
    assert_int_equal(sae_dtype_size(SAE_DTYPE_OTHER), 0);
    assert_int_equal(sae_dtype_parse("float32"), SAE_DTYPE_OTHER);
    sae_tensor scalar = {.rank = 0}, matrix = {.rank = 2, .shape = {3, 5}};
    assert_int_equal(sae_tensor_elements(&scalar), 1);
    assert_int_equal(sae_tensor_elements(&matrix), 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_reads_exactly),
        cmocka_unit_test(every_half_survives_a_round_trip),
        cmocka_unit_test(every_midpoint_rounds_to_even),
        cmocka_unit_test(wide_types),
        cmocka_unit_test(unaligned_pieces),
        cmocka_unit_test(finding_bad_values),
        cmocka_unit_test(names_and_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
