/* Where work runs: threads, where messages go, and how to stop it. Passed to every long function.
 *
 * What the library shares with the program that calls it: LC_NUMERIC must be "C" (options and text files have decimal
 * points; a thread with another locale calls uselocale around it); and the BLAS library is told, once, to use one
 * thread for a product, since the library's own threads call it (openblas_set_num_threads and its like; do not raise
 * it). */
#ifndef SAE_ENV_H
#define SAE_ENV_H

#include <sae/status.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

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

/* What encoding screens candidates with before it computes exactly those that matter. Codes are the same bits with
 * each: only speed differs. AUTO: the fastest that this processor and this build have. */
typedef enum sae_screen_kind { SAE_SCREEN_AUTO, SAE_SCREEN_FP32, SAE_SCREEN_BF16, SAE_SCREEN_INT8 } sae_screen_kind;

/* NULL for `const sae_env *env` means: all cores, no messages, never stop. Callbacks are called from
 * the thread that called the library, never from its workers; the texts live only for the call. */
typedef struct sae_env {
    int threads; /* 0: all cores. Results never depend on it. */
    void (*log)(void *ud, sae_log_level level, const char *message);
    void (*progress)(void *ud, const sae_progress *progress);
    void *ud;
    const volatile sig_atomic_t *stop; /* set to non-zero (by a signal handler): stop at the next safe point */
    sae_screen_kind screen;
} sae_env;

/* The number of threads that work with this env uses: env->threads, or the cores that this process may run on. */
SAE_API int sae_env_threads(const sae_env *env);

/* What encoding with this env screens with: "fp32", or "bf16, oneDNN 2.6.3 brg:avx512_core_bf16" with the library and
 * what it calls its kernel; cut to size. SAE_E_ARG when env->screen names one that this processor or build lacks. */
SAE_API sae_status sae_env_screen(const sae_env *env, char *out, size_t size, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
