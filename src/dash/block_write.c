/* What was worked out for latents, as rows of tables. */
#include "dash/block.h"

#include "analysis/cosine.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Norm of the decoder row, and its cosine with the encoder's. */
static void directions(const sae_model *model, int64_t latent, double *norm, double *cosine)
{
    sae_weights w = sae_model_get_weights(model);
    int64_t d = sae_model_get_info(model)->d;
    const float *enc = w.W_enc + latent * d, *dec = w.W_dec + latent * d;
    double ee = sae_dot_double(enc, enc, d), dd = sae_dot_double(dec, dec, d);
    *norm = sqrt(dd);
    *cosine = ee > 0 && dd > 0 ? sae_dot_double(enc, dec, d) / (sqrt(ee) * sqrt(dd)) : (double)NAN;
}

static sae_status write_latent(const sae_dash_block *b, int64_t latent, const sae_dash_latent *l,
                               sae_store_writer *writer, sae_error *err)
{
    const sae_dash_stats *s = &l->stats;
    const sae_dash_examples *top = &l->examples[SAE_EXAMPLES_TOP];
    const sae_dash_links *own = &l->links[b->sae][SAE_DASH_BY_COSINE];
    const float *threshold = sae_model_get_weights(b->model).threshold;
    bool alive = l->n_active > 0;
    double norm, cosine;
    directions(b->model, latent, &norm, &cosine);
    sae_cell cells[] = {
        sae_cell_int(b->sae),
        sae_cell_int(latent),
        sae_cell_int(l->n_active),
        sae_cell_real(s->max),
        sae_cell_real(s->mean),
        sae_cell_real(s->std),
        sae_cell_real(s->skew),
        sae_cell_real(s->kurtosis),
        alive ? sae_cell_real((double)s->quantiles[4]) : sae_cell_null(),
        alive ? sae_cell_real((double)s->quantiles[6]) : sae_cell_null(),
        alive ? sae_cell_real((double)s->quantiles[8]) : sae_cell_null(),
        sae_cell_real(norm),
        sae_cell_real(cosine),
        threshold ? sae_cell_real((double)threshold[latent]) : sae_cell_null(),
        own->count > 0 ? sae_cell_real(own->links[0].cosine) : sae_cell_null(),
        top->count > 0 ? sae_cell_int(b->where.text->tokens[top->picks[0].row]) : sae_cell_null(),
        l->effects.count > 0 ? sae_cell_int(l->effects.boosted[0]) : sae_cell_null(),
        alive ? sae_cell_blob(s->spark, SAE_STORE_SPARK, 1) : sae_cell_null(),
    };
    return sae_store_put(writer, SAE_TABLE_LATENT, cells, COUNT(cells), err);
}

static sae_status write_detail(const sae_dash_block *b, int64_t latent, const sae_dash_latent *l,
                               sae_store_writer *writer, sae_error *err)
{
    const sae_dash_stats *s = &l->stats;
    const sae_dash_effects *e = &l->effects;
    size_t alive = l->n_active > 0, effects = (size_t)e->count, neurons = (size_t)l->neurons.count;
    sae_cell cells[] = {
        sae_cell_int(b->sae),
        sae_cell_int(latent),
        sae_cell_real(s->min),
        sae_cell_blob(s->quantiles, alive * SAE_DASH_QUANTILES, sizeof *s->quantiles),
        sae_cell_blob(s->hist, alive * SAE_DASH_BINS, sizeof *s->hist),
        sae_cell_real(s->log_lo),
        sae_cell_real(s->log_hi),
        sae_cell_blob(s->log_hist, alive * SAE_DASH_LOG_BINS, sizeof *s->log_hist),
        effects ? sae_cell_real(e->std) : sae_cell_null(),
        effects ? sae_cell_real(e->lo) : sae_cell_null(),
        effects ? sae_cell_real(e->hi) : sae_cell_null(),
        sae_cell_blob(e->hist, effects > 0 ? SAE_DASH_BINS : 0, sizeof *e->hist),
        sae_cell_blob(e->boosted, effects, sizeof *e->boosted),
        sae_cell_blob(e->boosted_by, effects, sizeof *e->boosted_by),
        sae_cell_blob(e->suppressed, effects, sizeof *e->suppressed),
        sae_cell_blob(e->suppressed_by, effects, sizeof *e->suppressed_by),
        sae_cell_blob(l->neurons.neurons, neurons, sizeof *l->neurons.neurons),
        sae_cell_blob(l->neurons.values, neurons, sizeof *l->neurons.values),
        sae_cell_blob(l->neurons.shares, neurons, sizeof *l->neurons.shares),
    };
    return sae_store_put(writer, SAE_TABLE_DETAIL, cells, COUNT(cells), err);
}

static sae_status write_examples(const sae_dash_block *b, int64_t latent, int kind, const sae_dash_examples *e,
                                 const sae_dash_acts *a, sae_store_writer *writer, sae_error *err)
{
    int32_t rows[SAE_DASH_MOST];
    float peaks[SAE_DASH_MOST];
    uint16_t more[SAE_DASH_MOST], copies[SAE_DASH_MOST];
    size_t count = (size_t)e->count, groups = (size_t)e->groups;
    if (count == 0) return SAE_OK;
    for (size_t i = 0; i < count; i++) {
        rows[i] = e->picks[i].row;
        peaks[i] = e->picks[i].value;
        more[i] = e->picks[i].more;
        copies[i] = e->picks[i].copies;
    }
    sae_cell cells[] = {
        sae_cell_int(b->sae),
        sae_cell_int(latent),
        sae_cell_int(kind),
        sae_cell_blob(e->populations, groups, sizeof *e->populations),
        sae_cell_blob(e->counts, groups, sizeof *e->counts),
        sae_cell_blob(rows, count, sizeof *rows),
        sae_cell_blob(peaks, count, sizeof *peaks),
        sae_cell_blob(more, count, sizeof *more),
        sae_cell_blob(copies, count, sizeof *copies),
        sae_cell_blob(a->counts, count, sizeof *a->counts),
        sae_cell_blob(a->offsets, (size_t)a->used, sizeof *a->offsets),
        sae_cell_blob(a->values, (size_t)a->used, sizeof *a->values),
    };
    return sae_store_put(writer, SAE_TABLE_EXAMPLE, cells, COUNT(cells), err);
}

/* What other SAEs' nearest latents do on the top examples. */
static sae_status write_shared(const sae_dash_block *b, int64_t latent, const sae_dash_latent *l, size_t other,
                               sae_store_writer *writer, sae_error *err)
{
    sae_status status = SAE_OK;
    const sae_dash_links *nearest = &l->links[other][SAE_DASH_BY_COSINE];
    int texts = l->examples[SAE_EXAMPLES_TOP].count;
    if (texts > SAE_DASH_SHARED_TEXTS) texts = SAE_DASH_SHARED_TEXTS;
    for (int k = 0; texts > 0 && k < nearest->count && k < SAE_DASH_SHARED && status == SAE_OK; k++) {
        const sae_dash_acts *a = &l->shared[other * SAE_DASH_SHARED + (size_t)k];
        sae_cell cells[] = {
            sae_cell_int(b->sae),
            sae_cell_int(latent),
            sae_cell_int((int64_t)other),
            sae_cell_int(nearest->links[k].latent),
            sae_cell_blob(a->counts, (size_t)texts, sizeof *a->counts),
            sae_cell_blob(a->offsets, (size_t)a->used, sizeof *a->offsets),
            sae_cell_blob(a->values, (size_t)a->used, sizeof *a->values),
        };
        status = sae_store_put(writer, SAE_TABLE_SHARED, cells, COUNT(cells), err);
    }
    return status;
}

static sae_status write_links(const sae_dash_block *b, int64_t latent, const sae_dash_latent *l,
                              sae_store_writer *writer, sae_error *err)
{
    sae_status status = SAE_OK;
    size_t own = (size_t)b->sae;
    for (size_t other = 0; other < b->linker->rows->n_models && status == SAE_OK; other++) {
        status = sae_dash_links_write(b->linker, own, latent, other, l->links[other], writer, err);
        if (status == SAE_OK && other != own) status = write_shared(b, latent, l, other, writer, err);
    }
    return status;
}

sae_status sae_dash_block_write(const sae_dash_block *b, sae_store_writer *writer, sae_error *err)
{
    sae_status status = SAE_OK;
    for (int64_t i = 0; i < b->count && status == SAE_OK; i++) {
        const sae_dash_latent *l = &b->latents[i];
        status = write_latent(b, b->first + i, l, writer, err);
        if (status == SAE_OK) status = write_detail(b, b->first + i, l, writer, err);
        for (int k = 0; k < SAE_EXAMPLE_KINDS && status == SAE_OK; k++)
            status = write_examples(b, b->first + i, k, &l->examples[k], &l->acts[k], writer, err);
        if (status == SAE_OK) status = write_links(b, b->first + i, l, writer, err);
    }
    return status;
}
