/* Arrays whose elements do not lie one after another. */
#ifndef SAE_IO_STRIDED_H
#define SAE_IO_STRIDED_H

#include <sae/tensor.h>
#include <stdbool.h>

/* Whether elements of this shape with these strides (counted in elements) lie row-major without gaps. */
bool sae_is_contiguous(int rank, const int64_t *shape, const int64_t *stride);

/* out = the elements row-major, `size` bytes each; element (i_1 … i_rank) lies at data + size·Σ i·stride. The caller
 * has checked that all of them lie in memory. */
void sae_strided_copy(int rank, const int64_t *shape, const int64_t *stride, size_t size, const unsigned char *data,
                      unsigned char *out);

/* out [n, d] = a tensor [d, n] of a float dtype, transposed, as float32. */
void sae_read_transposed(const sae_tensor *tensor, int64_t n, int64_t d, float *out);
/* out [n, d] = a tensor [n, d] of a float dtype as float32, by several threads. */
void sae_read_rows(const sae_tensor *tensor, int64_t n, int64_t d, float *out);

/* Receives bytes in order. */
typedef sae_status (*sae_sink)(void *target, const void *data, size_t bytes, sae_error *err);

/* Hands W [n, d] on as [d, n], strip by strip, so that writing a transposed matrix needs no second copy. */
sae_status sae_write_transposed(const float *W, int64_t n, int64_t d, sae_sink sink, void *target, sae_error *err);

#endif
