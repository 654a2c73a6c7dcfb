/* NumPy's .npz: a zip archive of .npy files. */
#ifndef SAE_IO_NPZ_H
#define SAE_IO_NPZ_H

#include "io/tensor_list.h"
#include "io/zip.h"

/* Whether every member is an .npy file, by their names. */
bool sae_npz_is(const sae_zip *zip);

/* Appends the arrays, called like their members without ".npy". What .npy files may be (sae_npy_open) holds for each:
 * SAE_E_UNSUPPORTED for arrays stored by columns. Messages name "PATH:MEMBER". */
sae_status sae_npz_read(sae_tensor_list *list, const char *path, const sae_zip *zip, sae_error *err);

#endif
