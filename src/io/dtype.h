/* Element types by name, and single values of the two half formats. */
#ifndef SAE_IO_DTYPE_H
#define SAE_IO_DTYPE_H

#include <sae/tensor.h>
#include <stdbool.h>
#include <string.h>

/* f64, f32, f16 or bf16. */
bool sae_dtype_is_float(sae_dtype dtype);
/* The dtype called `name` ("f32", "bf16", "i64", …); SAE_DTYPE_OTHER when there is none. */
sae_dtype sae_dtype_parse(const char *name);

/* out[j] = src[j] as float32; src is `count` elements of a float dtype, not necessarily aligned. */
void sae_dtype_to_f32(const void *src, int64_t count, sae_dtype dtype, float *out);

/* True when all values are finite. */
bool sae_all_finite(const float *values, int64_t count);
/* Index of the first NaN or Inf, or −1. */
int64_t sae_first_nonfinite(const float *values, int64_t count);
/* SAE_E_VALUE for a row [d] that is not finite: "WHERE holds NaN at row NUMBER …". */
sae_status sae_check_row(const float *row, int64_t d, const char *where, int64_t number, sae_error *err);

static inline uint32_t sae_float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float sae_bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* a where `condition` holds, else b: by masks, because compilers turn ?: into a branch around the arithmetic of
 * the side not taken, and then do not vectorise the loop. */
static inline uint32_t sae_select(bool condition, uint32_t a, uint32_t b)
{
    uint32_t mask = 0u - (uint32_t)condition;
    return (a & mask) | (b & ~mask);
}

/* Exact, without a subnormal float in between (processors take a slow path for those). */
static inline float sae_f16_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, magnitude = half & 0x7fffu;
    uint32_t normal = (magnitude << 13) + (112u << 23);                        /* exponent bias 15 → 127 */
    uint32_t special = normal + (112u << 23);                                  /* exponent 31 → 255 */
    uint32_t subnormal = sae_float_bits((float)(int32_t)magnitude * 0x1p-24f); /* and zero */
    uint32_t large = sae_select(magnitude >= 0x7c00u, special, normal);
    return sae_bits_float(sign | sae_select(magnitude < 0x400u, subnormal, large));
}

/* Round to nearest even; overflow gives Inf; a NaN stays a NaN (quiet). */
static inline uint16_t sae_f32_to_f16(float value)
{
    uint32_t bits = sae_float_bits(value), sign = bits & 0x80000000u, magnitude = bits ^ sign;
    /* Adding 0.5 puts the last bit of the sum at 2^-24, the unit of subnormal halves: the addition rounds. */
    uint32_t subnormal = sae_float_bits(sae_bits_float(magnitude) + 0.5f) - sae_float_bits(0.5f);
    uint32_t normal = (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    uint32_t nan = 0x7e00u | (magnitude >> 13 & 0x3ffu);
    uint32_t special = sae_select(magnitude > 0x7f800000u, nan, 0x7c00u);
    uint32_t finite = sae_select(magnitude < 113u << 23, subnormal, normal);
    return (uint16_t)(sign >> 16 | sae_select(magnitude >= 143u << 23, special, finite));
}

static inline float sae_bf16_to_f32(uint16_t half)
{
    return sae_bits_float((uint32_t)half << 16);
}

/* Round to nearest even; overflow gives Inf; a NaN stays a NaN (quiet). */
static inline uint16_t sae_f32_to_bf16(float value)
{
    uint32_t bits = sae_float_bits(value);
    uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    uint32_t nan = bits >> 16 | 0x40u;
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

#endif
