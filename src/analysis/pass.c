#include "analysis/pass.h"

#include "base/error.h"

sae_status sae_pass(const sae_model *const *models, size_t n_models, sae_source *source, bool held_out,
                    int64_t max_tokens, const char *what, sae_pass_fn visit, void *ud, int64_t *tokens,
                    const sae_env *env, sae_error *err)
{
    sae_status status;
    const sae_source_info *info = sae_source_get_info(source);
    int64_t rows_there = held_out ? info->held_out : info->usable;
    int64_t total = max_tokens > 0 && max_tokens < rows_there ? max_tokens : rows_there;
    if (total < 1) return sae_fail(err, SAE_E_ARG, "the activations have no %s rows", held_out ? "held-out" : "usable");
    sae_encoded e;
    SAE_TRY(sae_encoded_new(&e, models, n_models, source, env, err));
    for (int64_t first = 0; first < total; first += e.capacity) {
        if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped during %s", what));
        int64_t rows = total - first < e.capacity ? total - first : e.capacity;
        SAE_TRY(held_out ? sae_source_held_out(source, first, rows, e.x, err)
                         : sae_source_usable(source, first, rows, e.x, NULL, err));
        SAE_TRY(sae_encoded_make(&e, first, rows, env, err));
        visit(ud, first, rows, e.x, e.views);
        sae_report_progress(env, what, "tokens", (double)(first + rows), (double)total, NULL);
    }
    *tokens = total;
done:
    sae_encoded_clear(&e);
    return status;
}
