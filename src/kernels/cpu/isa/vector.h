/* The widest float vector of the instruction set that this file is compiled for, and the two things that the
 * compiler's vector types lack: unaligned access and comparison to a bit mask. */
#ifndef SAE_KERNELS_VECTOR_H
#define SAE_KERNELS_VECTOR_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define SAE_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define SAE_VECTOR_BYTES 32
#else
#define SAE_VECTOR_BYTES 16
#endif
#define SAE_WIDTH (SAE_VECTOR_BYTES / 4)

typedef float vf __attribute__((vector_size(SAE_VECTOR_BYTES)));
typedef int32_t vi __attribute__((vector_size(SAE_VECTOR_BYTES)));

static inline vf vf_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void vf_store(float *p, vf v)
{
    memcpy(p, &v, sizeof v);
}

static inline vf vf_set(float a)
{
    return a - (vf){0};
}

/* vf_not_less: bit l of the result: not (a[l] < b[l]), so set for NaN. vf_sum: lanes added in pairs l and l + half, for
 * halves of SAE_WIDTH down to 1. */
#if defined(__x86_64__)
#include <immintrin.h>
static inline float sum_of_four(__m128 a)
{
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_shuffle_ps(a, a, 1)));
}
#if defined(__AVX512F__)
static inline float vf_sum(vf a)
{
    __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd((__m512d)a, 1));
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256((__m512)a), high);
    return sum_of_four(_mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1)));
}
static inline uint32_t vf_not_less(vf a, vf b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_NLT_UQ);
}
static inline vf vf_sqrt(vf a)
{
    return (vf)_mm512_sqrt_ps((__m512)a);
}
#elif defined(__AVX2__)
static inline float vf_sum(vf a)
{
    return sum_of_four(_mm_add_ps(_mm256_castps256_ps128((__m256)a), _mm256_extractf128_ps((__m256)a, 1)));
}
static inline uint32_t vf_not_less(vf a, vf b)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_NLT_UQ));
}
static inline vf vf_sqrt(vf a)
{
    return (vf)_mm256_sqrt_ps((__m256)a);
}
#else
static inline float vf_sum(vf a)
{
    return sum_of_four((__m128)a);
}
static inline uint32_t vf_not_less(vf a, vf b)
{
    return (uint32_t)_mm_movemask_ps(_mm_cmpnlt_ps((__m128)a, (__m128)b));
}
static inline vf vf_sqrt(vf a)
{
    return (vf)_mm_sqrt_ps((__m128)a);
}
#endif
#else
#include <math.h>
static inline float vf_sum(vf a)
{
    for (int half = SAE_WIDTH / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) a[l] += a[l + half];
    return a[0];
}
static inline uint32_t vf_not_less(vf a, vf b)
{
    uint32_t mask = 0;
    for (int l = 0; l < SAE_WIDTH; l++) mask |= (uint32_t) !(a[l] < b[l]) << l;
    return mask;
}
static inline vf vf_sqrt(vf a)
{
    vf r;
    for (int l = 0; l < SAE_WIDTH; l++) r[l] = sqrtf(a[l]);
    return r;
}
#endif

#endif
