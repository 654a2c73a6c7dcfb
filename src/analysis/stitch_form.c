#include "analysis/stitch_form.h"

#include "analysis/code_pass.h"
#include "base/alloc.h"
#include "base/error.h"
#include "model/fold.h"

#include <math.h>
#include <string.h>

/* ---- folding ------------------------------------------------------------------------------------------ */

static sae_status with_thresholds(const sae_model *model, float theta, sae_model **out, sae_error *err)
{
    sae_status status;
    sae_model_info info = *sae_model_get_info(model);
    sae_weights weights = sae_model_get_weights(model);
    float *b_enc = sae_alloc((size_t)info.n, sizeof *b_enc),
          *thresholds = sae_alloc((size_t)info.n, sizeof *thresholds);
    if (!b_enc || !thresholds) SAE_TRY(sae_fail_memory(err, "a folded SAE", (size_t)info.n * 2 * sizeof *b_enc));
    sae_bias_for_input(model, false, b_enc);
    for (int64_t i = 0; i < info.n; i++) thresholds[i] = weights.threshold ? weights.threshold[i] : theta;
    weights.b_enc = b_enc;
    weights.threshold = thresholds;
    info.rule = SAE_RULE_THRESHOLD;
    info.arch = SAE_ARCH_JUMPRELU;
    info.subtract_b_dec = false;
    SAE_TRY(sae_model_create(out, &info, &weights, err));
done:
    sae_free(b_enc);
    sae_free(thresholds);
    return status;
}

/* ---- the threshold of TopK ------------------------------------------------------------------------------ */

/* The bits of positive floats are in the order of their values: a digit of 16 bits is found in each of two passes. */
enum { DIGITS = 1 << 16 };

typedef struct search {
    uint32_t high; /* second pass: only values with these upper 16 bits count … */
    bool low_digit;
    int64_t above;   /* … and so many are larger */
    int64_t *counts; /* [DIGITS] */
} search;

static sae_status count_digits(void *ud, int64_t first, int64_t rows, const float *x, sae_codes *const *codes,
                               sae_error *err)
{
    (void)first;
    (void)x;
    (void)err;
    search *s = ud;
    int64_t entries = codes[0]->row_offsets[rows];
    for (int64_t e = 0; e < entries; e++) {
        uint32_t bits;
        memcpy(&bits, &codes[0]->values[e], sizeof bits);
        if (!s->low_digit)
            s->counts[bits >> 16]++;
        else if (bits >> 16 == s->high)
            s->counts[bits & 0xFFFF]++;
    }
    return SAE_OK;
}

/* The digit in which the value of rank `wanted` (0: the largest) lies, or −1 when there are fewer; *above = values of
 * larger digits. */
static int64_t find_digit(const int64_t *counts, int64_t wanted, int64_t *above)
{
    for (int64_t digit = DIGITS - 1; digit >= 0; digit--) {
        if (*above + counts[digit] > wanted) return digit;
        *above += counts[digit];
    }
    return -1;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* *theta = the activation of rank k·tokens. The second pass encodes only what is not below the first digit. */
static sae_status theta_of_topk(const sae_model *model, sae_source *source, int64_t tokens, float *theta,
                                const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_model *form = NULL;
    int64_t wanted;
    search s = {.counts = sae_calloc(DIGITS, sizeof *s.counts)};
    if (!s.counts) SAE_TRY(sae_fail_memory(err, "counts of activations", DIGITS * sizeof *s.counts));
    if (!sae_mul_i64(sae_model_get_info(model)->k, tokens, &wanted))
        SAE_TRY(sae_fail(err, SAE_E_ARG, "%lld rows are too many", (long long)tokens));
    SAE_TRY(with_thresholds(model, 0, &form, err));
    const sae_model *forms[1] = {form};
    SAE_TRY(sae_code_pass(forms, 1, source, tokens, "threshold of TopK", count_digits, &s, env, err));
    int64_t high = find_digit(s.counts, wanted, &s.above);
    *theta = 0;
    if (high < 0) goto done;
    s.high = (uint32_t)high;
    s.low_digit = true;
    memset(s.counts, 0, DIGITS * sizeof *s.counts);
    sae_model_free(form);
    form = NULL;
    /* just below the first value of the digit, since a latent is active above its threshold */
    SAE_TRY(with_thresholds(model, high > 0 ? float_of((s.high << 16) - 1) : 0, &form, err));
    forms[0] = form;
    SAE_TRY(sae_code_pass(forms, 1, source, tokens, "threshold of TopK", count_digits, &s, env, err));
    *theta = float_of(s.high << 16 | (uint32_t)find_digit(s.counts, wanted, &s.above));
done:
    sae_free(s.counts);
    sae_model_free(form);
    return status;
}

sae_status sae_stitch_form(const sae_model *model, sae_source *source, int64_t tokens, sae_model **out, double *theta,
                           const sae_env *env, sae_error *err)
{
    float value = 0;
    bool topk = sae_model_get_info(model)->rule == SAE_RULE_TOPK;
    if (topk) {
        sae_status status = theta_of_topk(model, source, tokens, &value, env, err);
        if (status != SAE_OK) return status;
    }
    *theta = topk ? (double)value : NAN;
    return with_thresholds(model, value, out, err);
}
