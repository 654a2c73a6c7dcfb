/* Named tensors and values as they are gathered from a file, with the memory that was allocated for them. */
#ifndef SAE_IO_TENSOR_LIST_H
#define SAE_IO_TENSOR_LIST_H

#include <sae/io.h>

typedef struct sae_tensor_list {
    size_t count, room;
    sae_tensor *tensors;
    size_t n_values, values_room;
    sae_value *values;
    size_t n_owned, owned_room;
    void **owned; /* names, and data that does not lie in the file */
} sae_tensor_list;

/* Appends a tensor or a value; its name (and a value's text) is copied, data is not. */
sae_status sae_tensor_list_add(sae_tensor_list *list, const sae_tensor *tensor, sae_error *err);
sae_status sae_tensor_list_add_value(sae_tensor_list *list, const sae_value *value, sae_error *err);
/* Hands over memory from sae_alloc, to be freed with the list; on failure it is freed at once. */
sae_status sae_tensor_list_own(sae_tensor_list *list, void *memory, sae_error *err);
/* Sorts by name. SAE_E_FORMAT when two tensors, two values, or one of each have the same name. */
sae_status sae_tensor_list_sort(sae_tensor_list *list, const char *path, sae_error *err);
/* By name in a sorted list, or NULL. */
const sae_tensor *sae_tensor_list_find(const sae_tensor_list *list, const char *name);
const sae_value *sae_tensor_list_find_value(const sae_tensor_list *list, const char *name);
void sae_tensor_list_clear(sae_tensor_list *list);

#endif
