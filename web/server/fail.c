#include "web/server/fail.h"

#include <stdarg.h>
#include <stdio.h>

sae_status web_fail(sae_error *err, sae_status status, const char *format, ...)
{
    va_list args;
    if (!err) return status;
    va_start(args, format);
    err->status = status;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

sae_status web_fail_memory(sae_error *err)
{
    return web_fail(err, SAE_E_MEMORY, "out of memory");
}
