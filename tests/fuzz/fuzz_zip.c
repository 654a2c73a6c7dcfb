/* A zip archive: whatever is accepted must lie within the file without overlapping, and be readable or refused. */
#include "fuzz/target.h"

#include "base/alloc.h"
#include "io/zip.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sae_zip zip;
    sae_error err;
    sae_status status = sae_zip_parse(&zip, "fuzz", data, size, &err);
    if (status != SAE_OK) {
        REQUIRE(err.status == status && strlen(err.message) > 0);
        return 0;
    }
    size_t total = 0;
    for (size_t i = 0; i < zip.count; i++) {
        const sae_zip_member *member = &zip.members[i];
        const unsigned char *content;
        void *owned;
        REQUIRE(member->data >= data && member->stored <= (size_t)(data + size - member->data));
        REQUIRE(sae_zip_find(&zip, member->name) == member);
        if (i > 0) REQUIRE(strcmp(zip.members[zip.by_name[i - 1]].name, zip.members[zip.by_name[i]].name) < 0);
        total += member->size;
        if (sae_zip_read(member, "fuzz", &content, &owned, &err) != SAE_OK) continue;
        unsigned sum = 0;
        for (size_t j = 0; j < member->size; j++) sum += content[j];
        REQUIRE(sum <= member->size * 255);
        sae_free(owned);
    }
    REQUIRE(total <= size * SAE_ZIP_MAX_RATIO + SAE_ZIP_ALLOWANCE);
    sae_zip_clear(&zip);
    return 0;
}
