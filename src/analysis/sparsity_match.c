#include <sae/sparsity_match.h>

#include "analysis/encoded.h"
#include "analysis/threshold_shift.h"
#include "base/error.h"
#include "model/model.h"

#include <math.h>
#include <string.h>

/* The same SAE with shifted thresholds, and its path, by which messages call it. */
static sae_status shifted_model(const sae_model *model, float shift, sae_model **out, sae_error *err)
{
    sae_status status;
    sae_model *shifted = NULL;
    sae_model_info info = *sae_model_get_info(model);
    const sae_weights from = sae_model_get_weights(model);
    info.rule = SAE_RULE_THRESHOLD;
    SAE_TRY(sae_model_allocate(&shifted, &info, sae_model_path(model), err));
    size_t n = (size_t)info.n, d = (size_t)info.d;
    memcpy(shifted->owned[0], from.W_enc, n * d * sizeof(float));
    memcpy(shifted->owned[1], from.b_enc, n * sizeof(float));
    memcpy(shifted->owned[2], from.W_dec, n * d * sizeof(float));
    memcpy(shifted->owned[3], from.b_dec, d * sizeof(float));
    for (size_t i = 0; i < n; i++)
        shifted->owned[4][i] = sae_threshold_shifted(from.threshold ? from.threshold[i] : 0, shift);
    SAE_TRY(sae_model_check(shifted, "the SAE", err));
    SAE_TRY(sae_model_prepare(shifted, err));
    *out = shifted;
    shifted = NULL;
done:
    sae_model_free(shifted);
    return status;
}

/* Rows, how many of them, and how many activations they are to have. */
typedef struct goal {
    sae_source *source;
    int64_t tokens, wanted;
} goal;

static double l0_of(const goal *g, int64_t count)
{
    return (double)count / (double)g->tokens;
}

static sae_status too_few(const sae_model *model, const goal *g, int64_t count, sae_error *err)
{
    return sae_fail(
        err, SAE_E_VALUE,
        "%s cannot be brought to L0 %.6g: with all thresholds at 0 it has %.6g on these tokens; ask for at most "
        "that",
        *sae_model_path(model) ? sae_model_path(model) : "the SAE", l0_of(g, g->wanted), l0_of(g, count));
}

static sae_status match_one(const sae_model *model, const goal *g, sae_model **out, sae_sparsity_match *match,
                            const sae_env *env, sae_error *err)
{
    sae_status status;
    const sae_model_info *info = sae_model_get_info(model);
    const float *theta = sae_model_get_weights(model).threshold;
    sae_threshold_shift found;
    int64_t before;
    SAE_TRY(sae_find_threshold_shift(model, g->source, g->tokens, g->wanted, &found, env, err));
    before = found.before;
    if (before < 0) SAE_TRY(sae_count_activations(model, g->source, g->tokens, &before, env, err));
    *match = (sae_sparsity_match){.l0_before = l0_of(g, before), .l0 = l0_of(g, before), .shift = NAN};
    if (before == g->wanted) goto done;
    if (isinf(found.shift) && found.count < g->wanted) SAE_TRY(too_few(model, g, found.count, err));
    match->l0 = l0_of(g, found.count);
    match->shift = isinf(found.shift) ? 0 : (double)found.shift;
    for (int64_t i = 0; isinf(found.shift) && theta && i < info->n; i++) /* all that is positive fires */
        match->shift = fmin(match->shift, -(double)theta[i]);
    SAE_TRY(shifted_model(model, found.shift, out, err));
done:
    return status;
}

sae_status sae_match_sparsity(const sae_model *const *models, size_t n_models, int reference, double l0,
                              sae_source *source, int64_t max_tokens, sae_model **out, sae_sparsity_match *matches,
                              const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    const int64_t usable = sae_source_get_info(source)->usable;
    goal g = {.source = source, .tokens = max_tokens > 0 && max_tokens < usable ? max_tokens : usable};
    for (size_t i = 0; i < n_models; i++) out[i] = NULL;
    if (reference >= 0 ? (size_t)reference >= n_models : !(l0 > 0))
        return sae_fail(err, SAE_E_ARG, "an L0 of %g, or that of SAE %d of %zu, is none to bring SAEs to", l0,
                        reference, n_models);
    if (g.tokens < 1) return sae_fail(err, SAE_E_ARG, "the activations have no usable rows");
    for (size_t i = 0; i < n_models; i++) SAE_TRY(sae_encoded_check(models[i], source, err));
    if (reference >= 0) {
        SAE_TRY(sae_count_activations(models[reference], source, g.tokens, &g.wanted, env, err));
        double own = l0_of(&g, g.wanted);
        matches[reference] = (sae_sparsity_match){.l0_before = own, .l0 = own, .shift = NAN};
    } else {
        g.wanted = llround(l0 * (double)g.tokens);
    }
    for (size_t i = 0; i < n_models; i++)
        if (reference < 0 || i != (size_t)reference) SAE_TRY(match_one(models[i], &g, &out[i], &matches[i], env, err));
done:
    for (size_t i = 0; status != SAE_OK && i < n_models; i++) {
        sae_model_free(out[i]);
        out[i] = NULL;
    }
    return status;
}
