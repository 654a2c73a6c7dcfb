#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifndef SAE_VERSION
#error "SAE_VERSION comes from CMake"
#endif

const char *sae_version(void)
{
    return SAE_VERSION;
}

const char *sae_status_name(sae_status status)
{
    static const char *const names[] = {
        [SAE_OK] = "ok",
        [SAE_E_ARG] = "wrong argument",
        [SAE_E_IO] = "input/output failed",
        [SAE_E_FORMAT] = "bad file",
        [SAE_E_SHAPE] = "shapes do not fit",
        [SAE_E_VALUE] = "bad value in data",
        [SAE_E_MEMORY] = "out of memory",
        [SAE_E_UNSUPPORTED] = "not supported",
        [SAE_E_EXISTS] = "output exists",
        [SAE_E_INTERRUPTED] = "interrupted",
    };
    size_t i = (size_t)status;
    return i < sizeof names / sizeof *names ? names[i] : "unknown status";
}

static void fill(sae_error *err, sae_status status, const char *format, va_list args)
{
    if (!err) return;
    err->status = status;
    vsnprintf(err->message, sizeof err->message, format, args);
}

sae_status sae_fail(sae_error *err, sae_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, status, format, args);
    va_end(args);
    return status;
}

sae_status sae_fail_errno(sae_error *err, const char *format, ...)
{
    int code = errno;
    sae_status status = code == ENOMEM ? SAE_E_MEMORY : SAE_E_IO;
    va_list args;
    va_start(args, format);
    fill(err, status, format, args);
    va_end(args);
    if (err) {
        size_t used = strlen(err->message);
        snprintf(err->message + used, sizeof err->message - used, ": %s", strerror(code));
    }
    return status;
}

sae_status sae_fail_memory(sae_error *err, const char *what, size_t bytes)
{
    return sae_fail(err, SAE_E_MEMORY, "out of memory: %zu bytes for %s", bytes, what);
}

void sae_log(const sae_env *env, sae_log_level level, const char *format, ...)
{
    if (!env || !env->log) return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    env->log(env->ud, level, text);
}

void sae_report_progress(const sae_env *env, const char *what, const char *unit, double done, double total,
                         const char *detail)
{
    if (!env || !env->progress) return;
    sae_progress progress = {.what = what, .unit = unit, .done = done, .total = total, .detail = detail ? detail : ""};
    env->progress(env->ud, &progress);
}

bool sae_should_stop(const sae_env *env)
{
    return env && env->stop && *env->stop;
}
