/* Numbers as they lie in files: element types and views. */
#ifndef SAE_TENSOR_H
#define SAE_TENSOR_H

#include <sae/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sae_dtype {
    SAE_DTYPE_F64,
    SAE_DTYPE_F32,
    SAE_DTYPE_F16,
    SAE_DTYPE_BF16,
    SAE_DTYPE_I64,
    SAE_DTYPE_I32,
    SAE_DTYPE_U8,
    SAE_DTYPE_OTHER /* listed, never read: bool, i8, i16, f8, … */
} sae_dtype;

#define SAE_MAX_RANK 8

/* A read-only view of a tensor, row-major, little-endian, not necessarily aligned.
 * `name` and `data` live as long as the file they were taken from is open. */
typedef struct sae_tensor {
    const char *name;
    sae_dtype dtype;
    int rank;
    int64_t shape[SAE_MAX_RANK];
    const void *data;
    size_t bytes; /* = product(shape) · sae_dtype_size(dtype); for SAE_DTYPE_OTHER what the file says */
} sae_tensor;

/* Bytes per element; 0 for SAE_DTYPE_OTHER. */
SAE_API size_t sae_dtype_size(sae_dtype dtype);
/* "f32", "bf16", … as in --dtype and acts.json. */
SAE_API const char *sae_dtype_name(sae_dtype dtype);
/* Product of the shape (1 for rank 0). */
SAE_API int64_t sae_tensor_elements(const sae_tensor *tensor);

/* out[j] = element first + j as float32, for any float dtype (f64 rounds to nearest).
 * The caller has checked first + count ≤ elements and that the dtype is a float (else zeros). */
SAE_API void sae_tensor_read_f32(const sae_tensor *tensor, int64_t first, int64_t count, float *out);

/* dst (of `dtype`, f32, f16, bf16 or f64) = src rounded to nearest even; Inf and NaN are kept. */
SAE_API void sae_f32_to_dtype(const float *src, int64_t count, sae_dtype dtype, void *dst);

#ifdef __cplusplus
}
#endif
#endif
