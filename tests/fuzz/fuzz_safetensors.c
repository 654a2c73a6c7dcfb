/* The header of a safetensors file: whatever is accepted must lie within the file, side by side. */
#include "fuzz/target.h"

#include "io/st_header.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sae_st_header header;
    sae_error err;
    sae_status status = sae_st_header_parse(&header, "fuzz", data, size, &err);
    if (status != SAE_OK) {
        REQUIRE(err.status == status && strlen(err.message) > 0);
        return 0;
    }
    const unsigned char *at = NULL;
    for (size_t i = 0; i < header.count; i++) {
        const sae_tensor *t = &header.tensors[i];
        const unsigned char *begin = t->data;
        REQUIRE(begin >= data + 8 && t->bytes <= (size_t)(data + size - begin));
        REQUIRE(i == 0 || begin == at);
        REQUIRE(t->rank >= 0 && t->rank <= SAE_MAX_RANK);
        if (t->dtype != SAE_DTYPE_OTHER) REQUIRE((size_t)sae_tensor_elements(t) * sae_dtype_size(t->dtype) == t->bytes);
        at = begin + t->bytes;
        if (i > 0)
            REQUIRE(strcmp(header.tensors[header.by_name[i - 1]].name, header.tensors[header.by_name[i]].name) < 0);
    }
    REQUIRE(header.count == 0 || at == data + size);
    sae_st_header_clear(&header);
    return 0;
}
