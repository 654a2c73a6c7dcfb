/* The header of a NumPy array file. */
#ifndef SAE_IO_NPY_HEADER_H
#define SAE_IO_NPY_HEADER_H

#include <sae/tensor.h>
#include <stdbool.h>

typedef struct sae_npy_header {
    sae_tensor array;    /* a view into the file; SAE_DTYPE_OTHER for u2 */
    size_t element_size; /* bytes */
} sae_npy_header;

/* Parses and checks a whole file that lies at file[0 … size); `path` is for messages. SAE_E_FORMAT with the reason;
 * SAE_E_UNSUPPORTED for arrays that NumPy can write and this library does not read. */
sae_status sae_npy_header_parse(sae_npy_header *out, const char *path, const unsigned char *file, size_t size,
                                sae_error *err);

/* The header in front of this array's data, for format 1.0; data then starts at a multiple of 64. *length ≤
 * SAE_NPY_HEADER. SAE_E_UNSUPPORTED for a dtype that NumPy does not have. */
#define SAE_NPY_HEADER 320
sae_status sae_npy_header_format(char out[SAE_NPY_HEADER], size_t *length, const char *path, const sae_tensor *array,
                                 sae_error *err);

/* The descr of a dtype ("<f4"), NULL for those that NumPy does not have. */
const char *sae_npy_descr(sae_dtype dtype);

#endif
