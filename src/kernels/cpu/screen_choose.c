/* Which precision to screen with: what was asked for, or the fastest at hand by the measurements of docs/speed.md. */
#include "kernels/cpu/low_gemm.h"
#include "kernels/cpu/onednn/onednn.h"
#include "kernels/shadow.h"

#include "base/error.h"

#include <stdio.h>

static const char *const names[] = {"auto", "fp32", "bf16", "int8"};

/* Sums of products of two bytes, of which one is shifted to be positive, must fit int32. */
enum { MOST_BYTES = 65536 };

static sae_screen_kind fastest(int64_t d)
{
    if (d <= MOST_BYTES && sae_low_gemm_usable(SAE_SCREEN_INT8, NULL)) return SAE_SCREEN_INT8;
    return sae_low_gemm_usable(SAE_SCREEN_BF16, NULL) ? SAE_SCREEN_BF16 : SAE_SCREEN_FP32;
}

sae_status sae_screen_choose(const sae_env *env, int64_t d, sae_screen_kind *kind, sae_error *err)
{
    sae_screen_kind asked = env ? env->screen : SAE_SCREEN_AUTO;
    if (asked == SAE_SCREEN_AUTO) asked = fastest(d);
    if (asked == SAE_SCREEN_INT8 && d > MOST_BYTES)
        return sae_fail(err, SAE_E_ARG, "screening in int8 takes activations of at most %d dimensions, not %lld",
                        MOST_BYTES, (long long)d);
    if (asked != SAE_SCREEN_FP32 && !sae_low_gemm_usable(asked, NULL)) {
        const char *library = sae_onednn_name();
        return sae_fail(err, SAE_E_ARG,
                        "screening in %s needs oneDNN and a processor with %s (here: %s); --screen auto takes what "
                        "there is",
                        names[asked], asked == SAE_SCREEN_BF16 ? "AVX512_BF16 or AMX" : "VNNI or AMX",
                        library ? library : "no oneDNN");
    }
    *kind = asked;
    return SAE_OK;
}

sae_status sae_env_screen(const sae_env *env, char *out, size_t size, sae_error *err)
{
    sae_screen_kind kind = SAE_SCREEN_FP32;
    char kernel[64] = "";
    sae_status status = sae_screen_choose(env, 1, &kind, err);
    if (status != SAE_OK) return status;
    if (kind == SAE_SCREEN_FP32) {
        snprintf(out, size, "%s", names[kind]);
        return SAE_OK;
    }
    sae_low_gemm_usable(kind, kernel);
    snprintf(out, size, "%s, %s %s", names[kind], sae_onednn_name(), kernel);
    return SAE_OK;
}
