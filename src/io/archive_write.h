/* Writing tensors as NumPy's and PyTorch's zip archives. */
#ifndef SAE_IO_ARCHIVE_WRITE_H
#define SAE_IO_ARCHIVE_WRITE_H

#include <sae/tensor.h>
#include <stdbool.h>

/* A tensor to write. With `transposed` (2-D float32 only) its data lies in memory as [shape[1], shape[0]]. */
typedef struct sae_array {
    sae_tensor tensor;
    bool transposed;
} sae_array;

/* A float32 tensor [rows, cols], or [rows] when cols is 0. */
sae_tensor sae_tensor_f32(const char *name, const float *data, int64_t rows, int64_t cols);
/* A float32 array [rows, cols], or [rows] when cols is 0. */
sae_array sae_array_f32(const char *name, const float *data, int64_t rows, int64_t cols, bool transposed);
/* A tensor without dimensions. `value` is borrowed. */
sae_array sae_array_scalar(const char *name, sae_dtype dtype, const void *value);

/* An uncompressed .npz file. Atomic, and a function of the arrays alone; so is the next. */
sae_status sae_npz_write(const char *path, const sae_array *arrays, size_t count, sae_error *err);
/* A state dict as torch.save writes it (an OrderedDict of tensors, pickle protocol 2), which torch.load reads with
 * weights_only=True. Float32 and int32. */
sae_status sae_torch_write(const char *path, const sae_array *arrays, size_t count, sae_error *err);

#endif
