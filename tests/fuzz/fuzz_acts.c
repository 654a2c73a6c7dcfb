/* acts.json, and a single file as activations: whatever is accepted can be read. */
#include "fuzz/target.h"

#include "io/acts_meta.h"

#include <string.h>

static void read_rows(const char *path)
{
    sae_acts *acts;
    sae_error err;
    if (sae_acts_open(&acts, path, &err) != SAE_OK) return;
    const sae_acts_meta *meta = sae_acts_get_meta(acts);
    float *row = malloc((size_t)meta->d * sizeof *row);
    REQUIRE(row);
    for (int64_t r = 0; r < meta->n_tokens; r++) {
        int32_t token, position, doc;
        sae_status status = sae_acts_read(acts, r, 1, row, &err);
        REQUIRE(status == SAE_OK || status == SAE_E_VALUE);
        sae_acts_read_ids(acts, r, 1, &token, &position, &doc);
    }
    sae_acts_will_need(acts, 0, meta->n_tokens);
    free(row);
    sae_acts_close(acts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = scratch_path(data, size);
    sae_acts_meta meta;
    sae_error err;
    if (sae_acts_meta_read(&meta, path, &err) == SAE_OK) {
        REQUIRE(meta.d > 0 && meta.n_tokens > 0 && meta.ctx >= 0);
        REQUIRE(memchr(meta.model, 0, sizeof meta.model) && memchr(meta.hook_name, 0, sizeof meta.hook_name));
        REQUIRE(meta.dtype == SAE_DTYPE_F32 || meta.dtype == SAE_DTYPE_F16 || meta.dtype == SAE_DTYPE_BF16);
    }
    read_rows(path);
    return 0;
}
