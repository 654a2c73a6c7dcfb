#include "analysis/threshold_shift.h"

#include "analysis/code_pass.h"
#include "base/alloc.h"
#include "base/error.h"
#include "model/model.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* A key of 32 bits is found by its two digits, a pass over the rows for each. */
enum { DIGITS = 1 << 16 };

/* ---- floats in the order of their bits -------------------------------------------------------------------- */

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Larger floats have larger keys. */
static uint32_t key_of(float value)
{
    uint32_t bits = bits_of(value);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float float_of_key(uint32_t key)
{
    return float_of(key & 0x80000000u ? key & 0x7FFFFFFFu : ~key);
}

float sae_threshold_shifted(float theta, float shift)
{
    if (-theta > shift) return 0;
    uint32_t low = 0,
             high = bits_of(FLT_MAX); /* the largest t ≥ 0 with t − θ ≤ shift: bits of floats ≥ 0 are ordered */
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (float_of(middle) - theta <= shift)
            low = middle;
        else
            high = middle - 1;
    }
    return float_of(low);
}

/* ---- counting ------------------------------------------------------------------------------------------------ */

typedef struct search {
    const float *theta; /* [n] the thresholds that keys are measured from; NULL: 0 */
    bool low_digit;     /* second pass: only keys with the upper digit `high` count */
    uint32_t high;
    int64_t entries; /* activations seen */
    int64_t *counts; /* [DIGITS] */
} search;

static sae_status count_keys(void *ud, int64_t first, int64_t rows, const float *x, sae_codes *const *codes,
                             sae_error *err)
{
    (void)first;
    (void)x;
    (void)err;
    search *s = ud;
    int64_t entries = codes[0]->row_offsets[rows];
    s->entries += entries;
    for (int64_t e = 0; s->counts && e < entries; e++) {
        uint32_t key = key_of(codes[0]->values[e] - (s->theta ? s->theta[codes[0]->latents[e]] : 0));
        if (!s->low_digit)
            s->counts[key >> 16]++;
        else if (key >> 16 == s->high)
            s->counts[key & 0xFFFF]++;
    }
    return SAE_OK;
}

/* The digit in which the key of rank `wanted` (0: the largest) lies; *above = keys of larger digits. */
static uint32_t find_digit(const int64_t *counts, int64_t wanted, int64_t *above)
{
    uint32_t digit = DIGITS - 1;
    for (; *above + counts[digit] <= wanted; digit--) *above += counts[digit];
    return digit;
}

/* One pass with the thresholds shifted; s->counts anew. */
static sae_status count_shifted(search *s, const sae_model *model, float shift, sae_source *source, int64_t tokens,
                                const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_model *shifted = NULL;
    sae_model_info info = *sae_model_get_info(model);
    sae_weights weights = sae_model_get_weights(model);
    float *thresholds = sae_alloc((size_t)info.n, sizeof *thresholds);
    if (!thresholds) SAE_TRY(sae_fail_memory(err, "thresholds", (size_t)info.n * sizeof *thresholds));
    for (int64_t i = 0; i < info.n; i++)
        thresholds[i] = sae_threshold_shifted(weights.threshold ? weights.threshold[i] : 0, shift);
    weights.threshold = thresholds;
    info.rule = SAE_RULE_THRESHOLD;
    info.arch = SAE_ARCH_JUMPRELU;
    SAE_TRY(sae_model_view(&shifted, &info, &weights, err));
    memset(s->counts, 0, DIGITS * sizeof *s->counts);
    s->entries = 0;
    const sae_model *models[1] = {shifted};
    SAE_TRY(sae_code_pass(models, 1, source, tokens, "matching sparsity", count_keys, s, env, err));
done:
    sae_model_free(shifted);
    sae_free(thresholds);
    return status;
}

sae_status sae_find_threshold_shift(const sae_model *model, sae_source *source, int64_t tokens, int64_t wanted,
                                    sae_threshold_shift *out, const sae_env *env, sae_error *err)
{
    sae_status status;
    int64_t above = 0;
    search s = {.theta = sae_model_get_weights(model).threshold, .counts = sae_calloc(DIGITS, sizeof *s.counts)};
    if (!s.counts) SAE_TRY(sae_fail_memory(err, "counts of activations", DIGITS * sizeof *s.counts));
    if (s.theta) SAE_TRY(count_shifted(&s, model, 0, source, tokens, env, err));
    *out = (sae_threshold_shift){.count = s.entries, .before = s.theta ? s.entries : -1};
    if (s.theta && s.entries == wanted) goto done;
    if (s.entries <= wanted) SAE_TRY(count_shifted(&s, model, -HUGE_VALF, source, tokens, env, err));
    out->shift = -HUGE_VALF;
    out->count = s.entries;
    if (s.entries <= wanted) goto done;
    s.high = find_digit(s.counts, wanted, &above);
    s.low_digit = true;
    /* the second pass encodes only what is not below the first digit */
    SAE_TRY(
        count_shifted(&s, model, s.high > 0 ? float_of_key((s.high << 16) - 1) : -HUGE_VALF, source, tokens, env, err));
    out->shift = float_of_key(s.high << 16 | find_digit(s.counts, wanted, &above));
    out->count = above;
done:
    sae_free(s.counts);
    return status;
}

sae_status sae_count_activations(const sae_model *model, sae_source *source, int64_t tokens, int64_t *count,
                                 const sae_env *env, sae_error *err)
{
    search s = {0};
    sae_status status = sae_code_pass(&model, 1, source, tokens, "counting activations", count_keys, &s, env, err);
    *count = s.entries;
    return status;
}
