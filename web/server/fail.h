/* Errors of the web server: sae_fail of the library, and shorthands. */
#ifndef WEB_FAIL_H
#define WEB_FAIL_H

#include <sae/status.h>

static inline sae_status web_fail_memory(sae_error *err)
{
    return sae_fail(err, SAE_E_MEMORY, "out of memory");
}

/* As in the library: needs a local `sae_status status` and a label `done`. */
#define WEB_TRY(call)                                                                                                  \
    do {                                                                                                               \
        status = (call);                                                                                               \
        if (status != SAE_OK) goto done;                                                                               \
    } while (0)

#endif
