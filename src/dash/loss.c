#include "dash/loss.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

/* Contexts of one length, as the language model takes them; shorter ones (of rows that were cut off) are passed over.
 */
static sae_status take_contexts(sae_contexts *out, const sae_dash_text *text, int64_t tokens, sae_error *err)
{
    int64_t most = tokens / text->ctx;
    sae_contexts c = {.ctx = text->ctx};
    if (most < 1) most = 1;
    if (most > text->rows / text->ctx) most = text->rows / text->ctx;
    c.tokens = sae_alloc((size_t)most, (size_t)text->ctx * sizeof *c.tokens);
    if (!c.tokens) return sae_fail_memory(err, "contexts", (size_t)(most * text->ctx) * sizeof *c.tokens);
    for (int64_t first = 0, end; first < text->rows && c.count < most; first = end) {
        end = sae_dash_context_end(text, first);
        if (end - first != text->ctx) continue;
        memcpy(c.tokens + c.count++ * c.ctx, text->tokens + first, (size_t)c.ctx * sizeof *c.tokens);
    }
    *out = c;
    return SAE_OK;
}

/* Where the rows are from: as the source says, or else the first SAE that does. */
static const sae_acts_meta *place_of(const sae_dash_input *in)
{
    const sae_acts_meta *meta = &sae_source_get_info(in->source)->meta;
    for (size_t i = 0; i < in->n_models && !*meta->hook_name; i++) meta = &sae_model_get_info(in->models[i])->acts;
    return meta;
}

sae_status sae_dash_losses(sae_eval_ce *losses, const sae_dash_input *in, const sae_dash_config *config,
                           const sae_dash_text *text, const sae_dash_rows *rows, const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_contexts contexts = {0};
    sae_hook hook;
    const sae_source_config every = sae_source_config_default();
    memset(losses, 0, in->n_models * sizeof *losses);
    if (!in->lm || config->ce_tokens == 0) return SAE_OK;
    const sae_acts_meta *place = place_of(in);
    if (!*place->hook_name || text->ctx < 2) {
        sae_log(env, SAE_LOG_INFO, "the cross-entropy is not measured: %s",
                *place->hook_name ? "the rows are no contexts of neighbouring tokens"
                                  : "neither the activations nor the SAEs say which hook they belong to");
        return SAE_OK;
    }
    SAE_TRY(sae_hook_parse(&hook, in->lm, place->hook_name, err));
    SAE_TRY(take_contexts(&contexts, text, config->ce_tokens, err));
    status = sae_evaluate_ce(in->models, in->n_models, in->lm, &contexts, hook, place->center_residual,
                             in->rows ? in->rows : &every, rows->evals[0].x_mean, losses, env, err);
    if (status == SAE_E_INTERRUPTED) status = sae_fail(err, status, "stopped; nothing was written");
done:
    sae_free(contexts.tokens);
    return status;
}
