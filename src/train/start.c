/* Before the first step: the input's scale and b_dec, from the first rows of the training stream. */
#include "train/run.h"

#include "base/alloc.h"
#include "base/error.h"
#include "kernels/ops.h"

#include <math.h>
#include <string.h>

enum { SCALE_ROWS = 100000, B_DEC_ROWS = 32768, MEDIAN_ROUNDS = 100 };

/* Calls add(ud, rows, count) on consecutive blocks of the first `total` rows of the stream. */
typedef void (*block_fn)(void *ud, const float *rows, int64_t count);

static sae_status for_blocks(sae_run *run, int64_t total, block_fn add, void *ud, sae_error *err)
{
    const sae_source_info *info = sae_source_get_info(run->source);
    if (total > info->train) total = info->train;
    for (int64_t first = 0; first < total; first += run->batch) {
        int64_t count = total - first < run->batch ? total - first : run->batch;
        sae_status status = sae_run_rows(run, first, count, err);
        if (status != SAE_OK) return status;
        add(ud, run->x, count);
    }
    return SAE_OK;
}

/* ---- scale ------------------------------------------------------------------------------------------ */

typedef struct norms {
    int64_t d, rows;
    float *first; /* [d] the first row */
    bool differ;  /* another row is not like it */
    double sum, square;
} norms;

static void add_norms(void *ud, const float *rows, int64_t count)
{
    norms *n = ud;
    const sae_ops *ops = sae_ops_best();
    size_t row = (size_t)n->d * sizeof *rows;
    if (n->rows == 0) memcpy(n->first, rows, row);
    for (int64_t b = 0; b < count; b++) {
        n->differ = n->differ || memcmp(rows + b * n->d, n->first, row) != 0;
        double square = ops->sum_squares(rows + b * n->d, n->d);
        n->sum += sqrt(square);
        n->square += square;
    }
    n->rows += count;
}

/* *rms: √E‖x‖² of the scaled input. */
static sae_status find_scale(sae_run *run, double *scale, double *rms, sae_error *err)
{
    sae_status status;
    sae_input_scale how = (sae_input_scale)run->options.input_scale;
    *scale = 1;
    *rms = sqrt((double)run->d); /* with `token` every row has that size */
    norms n = {.d = run->d, .first = sae_alloc((size_t)run->d, sizeof *n.first)};
    if (!n.first) return sae_fail_memory(err, "a row", (size_t)run->d * sizeof *n.first);
    /* `token` needs no scale: no reason to run a model on rows of later groups */
    SAE_TRY(for_blocks(run, how == SAE_SCALE_TOKEN ? run->batch : SCALE_ROWS, add_norms, &n, err));
    double rows = (double)n.rows;
    if (how == SAE_SCALE_NORM) *scale = sqrt((double)run->d) / (n.sum / rows);
    if (how == SAE_SCALE_RMS) *scale = 1 / sqrt(n.square / rows);
    if (how != SAE_SCALE_TOKEN) *rms = *scale * sqrt(n.square / rows);
    if (!(isfinite(*scale) && *scale > 0))
        status = sae_fail(err, SAE_E_VALUE, "the activations have no size: E‖x‖ is %g over %lld rows", n.sum / rows,
                          (long long)n.rows);
    else if (!n.differ && n.rows > 1)
        status = sae_fail(err, SAE_E_VALUE,
                          "the first %lld activations are all the same: there is nothing to learn from them",
                          (long long)n.rows);
done:
    sae_free(n.first);
    return status;
}

/* ---- b_dec ------------------------------------------------------------------------------------------ */

/* Weighted sums of scaled rows; weights 1 give the mean, 1/distance one round of Weiszfeld. */
typedef struct centre {
    const sae_training *t;
    float *row;         /* [d] */
    const double *from; /* [d] the last estimate; NULL: all weights 1 */
    double *sum;        /* [d] */
    double weight;
} centre;

static void add_weighted(void *ud, const float *rows, int64_t count)
{
    centre *c = ud;
    int64_t d = c->t->d;
    for (int64_t b = 0; b < count; b++) {
        sae_training_rows(c->t, rows + b * d, 1, false, c->row, 1);
        double weight = 1;
        if (c->from) {
            double square = 0;
            for (int64_t j = 0; j < d; j++) square += (c->row[j] - c->from[j]) * (c->row[j] - c->from[j]);
            weight = 1 / fmax(sqrt(square), 1e-12);
        }
        for (int64_t j = 0; j < d; j++) c->sum[j] += weight * c->row[j];
        c->weight += weight;
    }
}

static sae_status find_b_dec(sae_run *run, const sae_training *t, double *b, sae_error *err)
{
    sae_status status = SAE_OK;
    int64_t d = run->d;
    bool median = run->options.b_dec_init == SAE_B_DEC_MEDIAN;
    memset(b, 0, (size_t)d * sizeof *b);
    if (run->options.b_dec_init == SAE_B_DEC_ZERO) return SAE_OK;
    float *row = sae_alloc((size_t)d, sizeof *row);
    double *sum = sae_alloc((size_t)d, sizeof *sum);
    if (!row || !sum) {
        status = sae_fail_memory(err, "b_dec", (size_t)d * sizeof *sum);
        goto done;
    }
    for (int round = 0; round <= (median ? MEDIAN_ROUNDS : 0); round++) {
        centre c = {.t = t, .row = row, .from = round > 0 ? b : NULL, .sum = sum};
        double moved = 0, size = 0;
        memset(sum, 0, (size_t)d * sizeof *sum);
        SAE_TRY(for_blocks(run, B_DEC_ROWS, add_weighted, &c, err));
        for (int64_t j = 0; j < d; j++) {
            double next = sum[j] / c.weight;
            moved += (next - b[j]) * (next - b[j]);
            size += next * next;
            b[j] = next;
        }
        if (round > 0 && moved <= 1e-12 * size) break; /* a millionth of its length */
        if (sae_should_stop(run->env)) {
            status = sae_fail(err, SAE_E_INTERRUPTED, "stopped before the first step; nothing was written");
            goto done;
        }
    }
done:
    sae_free(row);
    sae_free(sum);
    return status;
}

sae_status sae_run_start(sae_run *run, const sae_model *init, sae_error *err)
{
    sae_status status;
    sae_trainer *w = run->trainer;
    double scale, rms, *b = sae_alloc((size_t)run->d, sizeof *b);
    if (!b) return sae_fail_memory(err, "b_dec", (size_t)run->d * sizeof *b);
    SAE_TRY(find_scale(run, &scale, &rms, err));
    for (size_t i = 0; i < w->count; i++) w->saes[i].scale = scale;
    sae_trainer_set_input_rms(w, rms);
    /* the same for all SAEs of the grid: it depends on the data and on options that they share */
    if (!init) SAE_TRY(find_b_dec(run, &w->saes[0], b, err));
    for (size_t i = 0; i < w->count; i++) {
        sae_training *t = &w->saes[i];
        if (init)
            sae_training_init_from(t, init, w->threads);
        else
            for (int64_t j = 0; j < run->d; j++) t->p.b_dec[j] = (float)b[j];
    }
    status = SAE_OK;
done:
    sae_free(b);
    return status;
}
