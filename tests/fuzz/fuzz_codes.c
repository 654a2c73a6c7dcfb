/* Code files: whatever is accepted can be read row by row, and keeps what the header promises. */
#include "fuzz/target.h"

#include <math.h>
#include <sae/io.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sae_codes_file *file;
    sae_error err;
    sae_status status = sae_codes_file_open(&file, scratch_path(data, size), &err);
    if (status != SAE_OK) {
        REQUIRE(err.status == status && strlen(err.message) > 0);
        return 0;
    }
    sae_codes *codes = sae_codes_new();
    REQUIRE(codes);
    for (int64_t r = 0; r < sae_codes_file_rows(file); r++) {
        int32_t token, position, doc, last = -1;
        REQUIRE(sae_codes_file_read(file, r, 1, codes, &token, &position, &doc, &err) == SAE_OK);
        REQUIRE(codes->rows == 1 && codes->row_offsets[0] == 0 && codes->row_offsets[1] >= 0);
        for (int64_t i = 0; i < codes->row_offsets[1]; i++) {
            REQUIRE(codes->latents[i] > last && codes->latents[i] < sae_codes_file_latents(file));
            REQUIRE(isfinite(codes->values[i]) && codes->values[i] > 0);
            last = codes->latents[i];
        }
    }
    REQUIRE(sae_codes_file_meta(file)->d > 0);
    sae_codes_free(codes);
    sae_codes_file_close(file);
    return 0;
}
