/* Errors of the web server: one sentence for a person, as everywhere. */
#ifndef WEB_FAIL_H
#define WEB_FAIL_H

#include <sae/status.h>

/* Fills err with a formatted sentence and returns status. */
sae_status web_fail(sae_error *err, sae_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
sae_status web_fail_memory(sae_error *err);

/* As in the library: needs a local `sae_status status` and a label `done`. */
#define WEB_TRY(call)                                                                                                  \
    do {                                                                                                               \
        status = (call);                                                                                               \
        if (status != SAE_OK) goto done;                                                                               \
    } while (0)

#endif
