/* Rows of an activation directory or file, gathered from the mapped shards. */
#include "base/error.h"
#include "base/parallel.h"
#include "data/source.h"

static void ids(const void *self, int64_t first, int64_t count, int32_t *tokens, int32_t *positions)
{
    sae_acts_read_ids(self, first, count, tokens, positions, NULL);
}

static sae_status gather(const void *self, sae_window window, const int64_t *rows, int64_t count, float *out,
                         sae_error *err)
{
    (void)window;
    return sae_acts_gather(self, rows, count, out, err);
}

static void will_need(const void *self, int64_t first, int64_t count)
{
    sae_acts_will_need(self, first, count);
}

static void leave_open(void *self)
{
    (void)self; /* the activations are borrowed */
}

sae_status sae_source_open_acts(sae_source **out, const sae_acts *acts, const sae_source_config *config,
                                const sae_env *env, sae_error *err)
{
    static const sae_source_backend backend = {
        .ids = ids, .gather = gather, .will_need = will_need, .close = leave_open};
    const sae_acts_meta *meta = sae_acts_get_meta(acts);
    if (!sae_acts_has_positions(acts) && !config->keep_first)
        sae_log(env, SAE_LOG_INFO, "%s does not say where contexts begin: no row is skipped as a first position",
                sae_acts_path(acts));
    sae_source_layout layout = {
        .name = sae_acts_path(acts),
        .chunk_rows = sae_source_chunk_rows(meta->n_tokens),
        .bytes_per_row = meta->d * (int64_t)sae_dtype_size(meta->dtype),
        .threads = sae_threads(env),
        .meta = *meta,
    };
    return sae_source_create(out, &backend, (void *)acts, &layout, config, err);
}
