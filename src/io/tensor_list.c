#include "io/tensor_list.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* Room for one more element. */
static sae_status grow(void **items, size_t count, size_t *room, size_t size, sae_error *err)
{
    if (count < *room) return SAE_OK;
    size_t wanted = *room ? *room * 2 : 16;
    void *more = sae_realloc(*items, wanted, size);
    if (!more) return sae_fail_memory(err, "a list of tensors", wanted * size);
    *items = more;
    *room = wanted;
    return SAE_OK;
}

sae_status sae_tensor_list_own(sae_tensor_list *list, void *memory, sae_error *err)
{
    void *owned = list->owned;
    sae_status status = grow(&owned, list->n_owned, &list->owned_room, sizeof *list->owned, err);
    list->owned = owned;
    if (status != SAE_OK)
        sae_free(memory);
    else
        list->owned[list->n_owned++] = memory;
    return status;
}

static sae_status keep_text(sae_tensor_list *list, const char *text, const char **out, sae_error *err)
{
    char *copy = sae_strdup(text);
    if (!copy) return sae_fail_memory(err, "a name", strlen(text));
    *out = copy;
    return sae_tensor_list_own(list, copy, err);
}

sae_status sae_tensor_list_add(sae_tensor_list *list, const sae_tensor *tensor, sae_error *err)
{
    sae_status status;
    sae_tensor copy = *tensor;
    void *tensors = list->tensors;
    status = grow(&tensors, list->count, &list->room, sizeof copy, err);
    list->tensors = tensors;
    if (status == SAE_OK) status = keep_text(list, tensor->name, &copy.name, err);
    if (status == SAE_OK) list->tensors[list->count++] = copy;
    return status;
}

sae_status sae_tensor_list_add_value(sae_tensor_list *list, const sae_value *value, sae_error *err)
{
    sae_status status;
    sae_value copy = *value;
    void *values = list->values;
    status = grow(&values, list->n_values, &list->values_room, sizeof copy, err);
    list->values = values;
    if (status == SAE_OK) status = keep_text(list, value->name, &copy.name, err);
    if (status == SAE_OK && value->type == SAE_VALUE_TEXT) status = keep_text(list, value->text, &copy.text, err);
    if (status == SAE_OK) list->values[list->n_values++] = copy;
    return status;
}

static int tensor_order(const void *a, const void *b)
{
    const sae_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int value_order(const void *a, const void *b)
{
    const sae_value *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static sae_status twice(const char *path, const char *name, sae_error *err)
{
    char shown[64];
    sae_printable(name, strlen(name), shown, sizeof shown);
    return sae_fail(err, SAE_E_FORMAT, "%s holds %s twice", path, shown);
}

sae_status sae_tensor_list_sort(sae_tensor_list *list, const char *path, sae_error *err)
{
    if (list->count) qsort(list->tensors, list->count, sizeof *list->tensors, tensor_order);
    if (list->n_values) qsort(list->values, list->n_values, sizeof *list->values, value_order);
    for (size_t i = 1; i < list->count; i++)
        if (tensor_order(&list->tensors[i - 1], &list->tensors[i]) == 0) return twice(path, list->tensors[i].name, err);
    for (size_t i = 1; i < list->n_values; i++)
        if (value_order(&list->values[i - 1], &list->values[i]) == 0) return twice(path, list->values[i].name, err);
    for (size_t i = 0; i < list->n_values; i++)
        if (sae_tensor_list_find(list, list->values[i].name)) return twice(path, list->values[i].name, err);
    return SAE_OK;
}

const sae_tensor *sae_tensor_list_find(const sae_tensor_list *list, const char *name)
{
    sae_tensor key = {.name = name};
    return list->count ? bsearch(&key, list->tensors, list->count, sizeof key, tensor_order) : NULL;
}

const sae_value *sae_tensor_list_find_value(const sae_tensor_list *list, const char *name)
{
    sae_value key = {.name = name};
    return list->n_values ? bsearch(&key, list->values, list->n_values, sizeof key, value_order) : NULL;
}

void sae_tensor_list_clear(sae_tensor_list *list)
{
    for (size_t i = 0; i < list->n_owned; i++) sae_free(list->owned[i]);
    sae_free(list->owned);
    sae_free(list->tensors);
    sae_free(list->values);
    *list = (sae_tensor_list){0};
}
