/* The header of a .npy file: whatever is accepted must fill the rest of the file exactly. */
#include "fuzz/target.h"

#include "io/npy_header.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sae_npy_header header;
    sae_error err;
    sae_status status = sae_npy_header_parse(&header, "fuzz", data, size, &err);
    if (status != SAE_OK) {
        REQUIRE(err.status == status && strlen(err.message) > 0);
        return 0;
    }
    const unsigned char *begin = header.array.data;
    REQUIRE(begin >= data + 10 && header.array.bytes == (size_t)(data + size - begin));
    REQUIRE(header.array.rank >= 0 && header.array.rank <= SAE_MAX_RANK);
    REQUIRE((size_t)sae_tensor_elements(&header.array) * header.element_size == header.array.bytes);
    return 0;
}
