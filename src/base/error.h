/* Reporting failure: how functions inside libsae fill a sae_error and pass one on. */
#ifndef SAE_BASE_ERROR_H
#define SAE_BASE_ERROR_H

#include <sae/env.h>
#include <sae/status.h>

/* sae_fail with ": strerror(errno)" appended; SAE_E_MEMORY for ENOMEM, else SAE_E_IO. */
sae_status sae_fail_errno(sae_error *err, const char *format, ...) SAE_PRINTF(2, 3);

/* SAE_E_MEMORY with the size asked for. */
sae_status sae_fail_memory(sae_error *err, const char *what, size_t bytes);

/* The one control-flow macro of the library: needs a local `sae_status status` and a label `done`. */
#define SAE_TRY(call)                                                                                                  \
    do {                                                                                                               \
        status = (call);                                                                                               \
        if (status != SAE_OK) goto done;                                                                               \
    } while (0)

/* Messages to the caller's log; env and its callbacks may be NULL. */
void sae_log(const sae_env *env, sae_log_level level, const char *format, ...) SAE_PRINTF(3, 4);
void sae_report_progress(const sae_env *env, const char *what, const char *unit, double done, double total,
                         const char *detail);
/* True when the caller asked to stop. */
bool sae_should_stop(const sae_env *env);

#endif
