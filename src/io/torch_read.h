/* What torch.save wrote: a zip archive with a pickle that describes tensors, and their storages. */
#ifndef SAE_IO_TORCH_READ_H
#define SAE_IO_TORCH_READ_H

#include "io/tensor_list.h"
#include "io/zip.h"

/* Whether the archive has PREFIX/data.pkl. */
bool sae_torch_is(const sae_zip *zip);

/* Appends the tensors and values of a state dict. Nested dictionaries, lists and tuples become names with dots between
 * ("decoder.weight", "groups.0"). Runs no code: see pickle.h. Refused with the reason: Python objects, storages of
 * another size than described, tensors that reach outside of their storage, other byte order, nesting beyond 8 levels,
 * and views that would take much more memory than the file has. */
sae_status sae_torch_read(sae_tensor_list *list, const char *path, const sae_zip *zip, sae_error *err);

#endif
