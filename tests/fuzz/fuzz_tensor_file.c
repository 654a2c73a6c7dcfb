/* A file of tensors of any kind: what is accepted has named tensors whose data can be read. */
#include "fuzz/target.h"

#include <sae/io.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sae_tensor_file *file = NULL;
    sae_error err;
    sae_status status = sae_tensor_file_open(&file, scratch_path(data, size), &err);
    if (status != SAE_OK) {
        REQUIRE(err.status == status && strlen(err.message) > 0 && !file);
        return 0;
    }
    for (size_t i = 0; i < sae_tensor_file_count(file); i++) {
        const sae_tensor *t = sae_tensor_file_at(file, i);
        float first;
        REQUIRE(sae_tensor_file_find(file, t->name) == t);
        if (t->dtype <= SAE_DTYPE_BF16 && sae_tensor_elements(t) > 0) sae_tensor_read_f32(t, 0, 1, &first);
    }
    for (size_t i = 0; i < sae_tensor_file_values(file); i++)
        REQUIRE(sae_tensor_file_value(file, sae_tensor_file_value_at(file, i)->name));
    REQUIRE(!sae_tensor_file_at(file, sae_tensor_file_count(file)));
    sae_tensor_file_close(file);
    return 0;
}
