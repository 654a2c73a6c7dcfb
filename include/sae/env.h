/* Where work runs: threads, where messages go, and how to stop it. Passed to every long function. */
#ifndef SAE_ENV_H
#define SAE_ENV_H

#include <sae/status.h>
#include <signal.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sae_log_level { SAE_LOG_INFO, SAE_LOG_WARN } sae_log_level;

/* How far a long task is. done and total are in `unit` (total 0: unknown); detail may be empty. */
typedef struct sae_progress {
    const char *what; /* "training", "harvesting", … */
    const char *unit; /* "tokens", "rows", … */
    double done, total;
    const char *detail; /* such as "loss 12.3  L0 8.0  dead 1.2%" */
} sae_progress;

/* NULL for `const sae_env *env` means: all cores, no messages, never stop. Callbacks are called from
 * the thread that called the library, never from its workers; the texts live only for the call. */
typedef struct sae_env {
    int threads; /* 0: all cores. Results never depend on it. */
    void (*log)(void *ud, sae_log_level level, const char *message);
    void (*progress)(void *ud, const sae_progress *progress);
    void *ud;
    const volatile sig_atomic_t *stop; /* set to non-zero (by a signal handler): stop at the next safe point */
} sae_env;

/* The number of threads that work with this env uses: env->threads, or the cores that this process may run on. */
SAE_API int sae_env_threads(const sae_env *env);

#ifdef __cplusplus
}
#endif
#endif
