/* A call's contexts, cut into tiles and spread over threads. */
#include "lm/gpt2.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

sae_status sae_gpt2_check_tokens(const sae_lm *lm, const int32_t *tokens, int64_t batch, int64_t ctx, sae_error *err)
{
    const sae_gpt2_config *c = &lm->config;
    int64_t rows;
    if (batch < 1 || ctx < 1 || !sae_mul_i64(batch, ctx, &rows))
        return sae_fail(err, SAE_E_ARG, "%lld contexts of %lld tokens: both must be positive", (long long)batch,
                        (long long)ctx);
    if (ctx > c->positions)
        return sae_fail(err, SAE_E_ARG,
                        "contexts of %lld tokens are too long for the model %s, which has %lld positions",
                        (long long)ctx, lm->name, (long long)c->positions);
    for (int64_t r = 0; r < rows; r++)
        if (tokens[r] < 0 || tokens[r] >= c->vocab)
            return sae_fail(
                err, SAE_E_VALUE,
                "token id %d (context %lld, position %lld) is outside the vocabulary of the model %s, which "
                "has %lld ids: the text was tokenised for another model",
                (int)tokens[r], (long long)(r / ctx), (long long)(r % ctx), lm->name, (long long)c->vocab);
    return SAE_OK;
}

sae_status sae_gpt2_for_tiles(const sae_lm *lm, int64_t batch, int64_t ctx, sae_gpt2_tile_fn fn, void *ud,
                              const sae_env *env, sae_error *err)
{
    const int64_t size = sae_gpt2_tile_contexts(ctx), tiles = (batch + size - 1) / size;
    int threads = sae_threads(env);
    if (threads > tiles) threads = (int)tiles;
    int64_t failed = tiles; /* number of the first tile that failed */
    sae_status status = SAE_OK;
    sae_error first = {0};
#pragma omp parallel num_threads(threads)
    {
        sae_gpt2_tile tile = {0};
        sae_error problem = {0};
        sae_status ready = sae_gpt2_tile_new(&tile, lm, ctx, &problem);
#pragma omp for schedule(dynamic)
        for (int64_t t = 0; t < tiles; t++) {
            int64_t left = batch - t * size;
            sae_status done = ready;
            if (done == SAE_OK) {
                tile.contexts = left < size ? left : size;
                tile.rows = tile.contexts * ctx;
                done = fn(ud, &tile, t * size, &problem);
            }
            if (done == SAE_OK) continue;
#pragma omp critical(sae_gpt2_for_tiles)
            if (status == SAE_OK || t < failed) {
                status = done;
                failed = t;
                first = problem;
            }
        }
        sae_gpt2_tile_free(&tile);
    }
    if (status != SAE_OK && err) *err = first;
    return status;
}
