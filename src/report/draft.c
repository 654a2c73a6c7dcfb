#include "report/draft.h"

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stdlib.h>

sae_status sae_draft_open(sae_draft *draft, const char *what, sae_error *err)
{
    *draft = (sae_draft){.what = what};
    draft->stream = open_memstream(&draft->text, &draft->length);
    return draft->stream ? SAE_OK : sae_fail_memory(err, what, 0);
}

sae_status sae_draft_take(sae_draft *draft, char **out, sae_error *err)
{
    bool failed = ferror(draft->stream) != 0;
    failed |= fclose(draft->stream) != 0;
    draft->stream = NULL;
    if (failed) {
        free(draft->text);
        return sae_fail_memory(err, draft->what, draft->length);
    }
    *out = draft->text;
    return SAE_OK;
}

sae_status sae_draft_save(sae_draft *draft, const char *path, sae_error *err)
{
    char *text = NULL;
    sae_status status = sae_draft_take(draft, &text, err);
    if (status != SAE_OK) return status;
    status = sae_write_file(path, text, draft->length, err);
    free(text);
    return status;
}

void sae_draft_drop(sae_draft *draft)
{
    if (!draft->stream) return;
    fclose(draft->stream);
    free(draft->text);
    draft->stream = NULL;
}
