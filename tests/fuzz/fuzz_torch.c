/* The bytes are the pickle of a torch archive, put between good members, so that no checksum stands before it. Whatever
 * is accepted must have names and readable data. */
#include "fuzz/target.h"

#include "io/torch_read.h"

#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char storage[400] = {1, 2, 3};
    sae_zip_member members[] = {
        {.name = "a/data.pkl", .data = data, .stored = size, .size = size, .crc = (uint32_t)crc32(0, data, (uInt)size)},
        {.name = "a/data/0", .data = storage, .stored = 240, .size = 240, .crc = (uint32_t)crc32(0, storage, 240)},
        {.name = "a/data/1", .data = storage, .stored = 40, .size = 40, .crc = (uint32_t)crc32(0, storage, 40)},
        {.name = "a/data/2", .data = storage, .stored = 4, .size = 4, .crc = (uint32_t)crc32(0, storage, 4)},
    };
    size_t by_name[] = {0, 1, 2, 3};
    const sae_zip zip = {.count = 4, .members = members, .by_name = by_name};
    sae_tensor_list list = {0};
    sae_error err;
    sae_status status = sae_torch_read(&list, "fuzz", &zip, &err);
    if (status == SAE_OK) status = sae_tensor_list_sort(&list, "fuzz", &err);
    if (status != SAE_OK) REQUIRE(err.status == status && strlen(err.message) > 0);
    for (size_t i = 0; i < list.count; i++) {
        const sae_tensor *t = &list.tensors[i];
        unsigned sum = 0;
        REQUIRE(t->rank >= 0 && t->rank <= SAE_MAX_RANK);
        if (t->dtype != SAE_DTYPE_OTHER) REQUIRE((size_t)sae_tensor_elements(t) * sae_dtype_size(t->dtype) == t->bytes);
        for (size_t j = 0; j < t->bytes; j++) sum += ((const unsigned char *)t->data)[j];
        REQUIRE(sum <= t->bytes * 255);
    }
    sae_tensor_list_clear(&list);
    return 0;
}
