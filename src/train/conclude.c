/* The end of a run: inference thresholds, and the SAE as a directory that others load. */
#include "train/run.h"

#include "base/alloc.h"
#include "base/error.h"
#include "model/coder.h"
#include "model/model.h"

#include <math.h>
#include <string.h>

enum { CALIBRATION_BATCHES = 100 };
#define HELD_OUT_VALUES ((int64_t)1 << 23) /* activations gathered to find the l0 threshold: 32 MB */

/* ---- the SAE in raw space ---------------------------------------------------------------------------- */

/* Weights for a model: the matrices are the trainer's, the biases are folded copies. */
typedef struct folded {
    float *b_enc, *b_dec, *threshold;
    sae_model_info info;
    sae_weights weights;
} folded;

static void folded_clear(folded *f)
{
    sae_free(f->b_enc);
    sae_free(f->b_dec);
    sae_free(f->threshold);
}

/* b_enc, b_dec and θ divided by the input scale: codes and reconstructions of raw rows, f in raw units. `theta` is
 * already raw; it is used by kinds that have one for all latents. */
static sae_status fold(const sae_training *t, double theta, const sae_acts_meta *meta, folded *out, sae_error *err)
{
    folded f = {0};
    f.b_enc = sae_alloc((size_t)t->n, sizeof(float));
    f.b_dec = sae_alloc((size_t)t->d, sizeof(float));
    f.threshold = sae_alloc((size_t)t->n, sizeof(float));
    if (!f.b_enc || !f.b_dec || !f.threshold) {
        folded_clear(&f);
        return sae_fail_memory(err, "an SAE", (size_t)t->n * 8);
    }
    bool relu = t->config.arch == SAE_ARCH_RELU;
    for (int64_t i = 0; i < t->n; i++) {
        f.b_enc[i] = (float)(t->p.b_enc[i] / t->scale);
        f.threshold[i] = t->p.theta ? (float)(t->p.theta[i] / t->scale) : relu ? 0 : (float)theta;
    }
    for (int64_t j = 0; j < t->d; j++) f.b_dec[j] = (float)(t->p.b_dec[j] / t->scale);
    bool topk = t->config.arch == SAE_ARCH_TOPK;
    f.info = (sae_model_info){
        .d = t->d,
        .n = t->n,
        .rule = topk ? SAE_RULE_TOPK : SAE_RULE_THRESHOLD,
        .k = t->config.k,
        .arch = t->config.arch,
        .input_norm = t->config.shared.input_scale == SAE_SCALE_TOKEN ? SAE_INPUT_TOKEN : SAE_INPUT_PLAIN,
        .subtract_b_dec = true,
        .acts = *meta,
        .knows_bos = *meta->hook_name != 0,
        .knows_centering = *meta->hook_name != 0,
    };
    f.weights = (sae_weights){t->p.W_enc, f.b_enc, t->p.W_dec, f.b_dec, topk ? NULL : f.threshold};
    *out = f;
    return SAE_OK;
}

sae_status sae_trainer_model(const sae_trainer *trainer, size_t i, double theta, const sae_acts_meta *meta,
                             sae_model **out, sae_error *err)
{
    folded f;
    sae_status status = fold(&trainer->saes[i], theta, meta, &f, err);
    if (status != SAE_OK) return status;
    status = sae_model_create(out, &f.info, &f.weights, err);
    folded_clear(&f);
    return status;
}

/* ---- calibrated θ ---------------------------------------------------------------------------------------- */

/* Rows that come next in the stream, since they were not the last to be fitted; but none that would have to be made by
 * running the model again: then the first of the group in which training ended. Returns where they begin. */
static int64_t calibration_rows(const sae_run *run, int64_t *batches)
{
    int64_t next = run->steps * run->batch, first, count;
    sae_source_group(run->source, next - 1, &first, &count);
    *batches = CALIBRATION_BATCHES;
    if (next + *batches * run->batch <= first + count) return next;
    if (count / run->batch < *batches) *batches = count > run->batch ? count / run->batch : 1;
    return first;
}

/* Eq. 8 with the final weights: the mean over batches of training size of the smallest activation kept. */
static sae_status calibrate(sae_run *run, size_t i, double *theta, sae_error *err)
{
    sae_trainer *w = run->trainer;
    sae_training *t = &w->saes[i];
    double sum = 0;
    int64_t counted = 0, batches, first = calibration_rows(run, &batches);
    for (int64_t batch = 0; batch < batches; batch++) {
        sae_status status = sae_run_rows(run, first + batch * run->batch, run->batch, err);
        if (status != SAE_OK) return status;
        float smallest;
        status = sae_trainer_smallest_kept(w, t, run->x, &smallest, err);
        if (status != SAE_OK) return status;
        if (smallest > 0) {
            sum += smallest;
            counted++;
        }
        sae_report_progress(run->env, "calibrating", "batches", (double)(batch + 1), (double)batches,
                            run->configs[i].name);
        if (sae_should_stop(run->env))
            return sae_fail(err, SAE_E_INTERRUPTED,
                            "stopped while calibrating the threshold; nothing is lost: the same command with --resume "
                            "ends the run");
    }
    *theta = counted > 0 ? sum / (double)counted / t->scale : NAN;
    return SAE_OK;
}

/* ---- θ for an L0, and L0 for a θ ------------------------------------------------------------------------- */

typedef struct activations {
    float *values; /* all positive */
    int64_t count, capacity, rows;
} activations;

static sae_status add_values(activations *all, const sae_codes *codes, sae_error *err)
{
    int64_t added = codes->row_offsets[codes->rows], need = all->count + added;
    if (need > all->capacity) {
        int64_t capacity = need + need / 2;
        float *values = sae_realloc(all->values, (size_t)capacity, sizeof *values);
        if (!values) return sae_fail_memory(err, "held-out activations", (size_t)capacity * sizeof *values);
        all->values = values;
        all->capacity = capacity;
    }
    if (added > 0) memcpy(all->values + all->count, codes->values, (size_t)added * sizeof(float));
    all->count = need;
    return SAE_OK;
}

/* Every activation above `low` on held-out rows. */
static sae_status gather_held_out(sae_run *run, const sae_training *t, double low, const sae_acts_meta *meta,
                                  activations *all, sae_error *err)
{
    sae_status status;
    folded f = {0};
    sae_model *model = NULL;
    sae_coder *coder = NULL;
    sae_codes *codes = sae_codes_new();
    int64_t rows = sae_source_get_info(run->source)->held_out, most = HELD_OUT_VALUES / t->config.k;
    if (rows > most) rows = most;
    if (!codes) return sae_fail_memory(err, "codes", sizeof *codes);
    SAE_TRY(fold(t, low, meta, &f, err));
    SAE_TRY(sae_model_view(&model, &f.info, &f.weights, err));
    SAE_TRY(sae_coder_new(&coder, model, run->batch, run->env, err));
    all->count = 0;
    all->rows = rows;
    for (int64_t first = 0; first < rows; first += run->batch) {
        int64_t count = rows - first < run->batch ? rows - first : run->batch;
        SAE_TRY(sae_source_held_out(run->source, first, count, run->x, err));
        SAE_TRY(sae_coder_encode(coder, run->x, count, first, codes, err));
        SAE_TRY(add_values(all, codes, err));
    }
done:
    sae_coder_free(coder);
    sae_model_free(model);
    sae_codes_free(codes);
    folded_clear(&f);
    return status;
}

/* Mean number of activations above θ. */
static double l0_at(const activations *all, double theta)
{
    if (isnan(theta)) return NAN;
    int64_t above = 0;
    for (int64_t i = 0; i < all->count; i++) above += all->values[i] > (float)theta;
    return (double)above / (double)all->rows;
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The value with exactly `before` others before it in descending order; bits of positive floats sort like the numbers,
 * so 31 halvings find it where sorting millions takes seconds. */
static float in_order(const activations *all, int64_t before)
{
    uint32_t low = 0, high = 0x7f800000; /* more than `before` are at least `low`, not so `high` */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        float least = from_bits(middle);
        int64_t count = 0;
        for (int64_t i = 0; i < all->count; i++) count += all->values[i] >= least;
        if (count > before)
            low = middle;
        else
            high = middle;
    }
    return from_bits(low);
}

static sae_status held_out_thetas(sae_run *run, const sae_training *t, const sae_acts_meta *meta, sae_thetas *thetas,
                                  sae_error *err)
{
    sae_status status;
    activations all = {0};
    double least = fmin(thetas->calibrated, thetas->running); /* fmin takes the number where one is NaN */
    double low = least > 0 ? 0.5 * least : 0;
    int64_t wanted;
    SAE_TRY(gather_held_out(run, t, low, meta, &all, err));
    wanted = t->config.k * all.rows;
    if (all.count <= wanted && low > 0) SAE_TRY(gather_held_out(run, t, 0, meta, &all, err));
    if (wanted > 0 && all.count >= wanted) {
        /* between the last to keep and the first to drop, far from the rounding of other programs; where no float lies
         * between them the first to drop, which is not above itself */
        float keep = in_order(&all, wanted - 1), drop = all.count > wanted ? in_order(&all, wanted) : 0;
        float middle = (float)(((double)keep + (double)drop) / 2);
        thetas->l0 = (double)(middle < keep ? middle : drop);
        thetas->l0_l0 = l0_at(&all, thetas->l0);
    } else {
        thetas->l0 = 0; /* fewer than k positive on average: keep them all */
        thetas->l0_l0 = all.rows > 0 ? (double)all.count / (double)all.rows : NAN;
    }
    thetas->l0_calibrated = l0_at(&all, thetas->calibrated);
    thetas->l0_running = l0_at(&all, thetas->running);
done:
    sae_free(all.values);
    return status;
}

static double chosen_theta(const sae_run *run, const sae_thetas *thetas)
{
    switch ((sae_theta_rule)run->options.theta) {
    case SAE_THETA_RUNNING:
        return thetas->running;
    case SAE_THETA_L0:
        return thetas->l0;
    case SAE_THETA_CALIBRATED:
        break;
    }
    return thetas->calibrated;
}

sae_status sae_run_conclude(sae_run *run, size_t i, sae_train_sae *out, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_training *t = &run->trainer->saes[i];
    const sae_source_info *info = sae_source_get_info(run->source);
    sae_model *model = NULL;
    folded f = {0};
    out->theta = NAN;
    out->lambda = t->config.k > 0 ? NAN : sae_thresholds_lambda(t, run->steps, run->steps);
    out->thetas = (sae_thetas){NAN, NAN, NAN, NAN, NAN, NAN};
    if (t->config.arch == SAE_ARCH_BATCHTOPK || t->config.arch == SAE_ARCH_MATRYOSHKA) {
        out->thetas.running = sae_running_theta_value(&t->theta) / t->scale;
        SAE_TRY(calibrate(run, i, &out->thetas.calibrated, err));
        if (info->held_out > 0) SAE_TRY(held_out_thetas(run, t, &info->meta, &out->thetas, err));
        out->theta = chosen_theta(run, &out->thetas);
        if (!(isfinite(out->theta) && out->theta >= 0)) {
            if (run->options.theta == SAE_THETA_L0)
                status = sae_fail(err, SAE_E_VALUE, "%s has no threshold: --theta l0 needs held-out rows (--held-out)",
                                  run->dirs[i]);
            else
                status = sae_fail(err, SAE_E_VALUE,
                                  "%s has no threshold: none of its latents is active any more (lr %g); try a smaller "
                                  "--lr",
                                  run->dirs[i], t->config.lr);
            goto done;
        }
    }
    SAE_TRY(fold(t, out->theta, &info->meta, &f, err));
    SAE_TRY(sae_model_view(&model, &f.info, &f.weights, err));
    SAE_TRY(sae_model_save(model, run->dirs[i], err));
done:
    sae_model_free(model);
    folded_clear(&f);
    return status;
}
