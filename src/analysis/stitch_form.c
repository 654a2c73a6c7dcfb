#include "analysis/stitch_form.h"

#include "analysis/threshold_shift.h"
#include "base/alloc.h"
#include "base/error.h"
#include "model/fold.h"

#include <math.h>

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

/* Of the form itself, whose pre-activations are rounded in another way than those of the model. */
static sae_status theta_of_topk(const sae_model *model, sae_source *source, int64_t tokens, float *theta,
                                const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_model *form = NULL;
    sae_threshold_shift found;
    int64_t wanted;
    if (!sae_mul_i64(sae_model_get_info(model)->k, tokens, &wanted))
        SAE_TRY(sae_fail(err, SAE_E_ARG, "%lld rows are too many", (long long)tokens));
    SAE_TRY(with_thresholds(model, 0, &form, err));
    SAE_TRY(sae_find_threshold_shift(form, source, tokens, wanted, &found, env, err));
    *theta = sae_threshold_shifted(0, found.shift);
done:
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
