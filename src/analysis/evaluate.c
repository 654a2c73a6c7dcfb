#include <sae/analysis.h>

#include "analysis/evaluation.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

#include <math.h>
#include <string.h>

/* ---- what is added up --------------------------------------------------------------------------- */

typedef struct model_sums {
    double active, error, cosine, ratio, xh, hh;
    int64_t ratio_rows;
    int64_t n, *fired; /* [n] */
} model_sums;

/* The rows' mean and variance are taken about a shift near the mean, so that nothing is lost when the mean is
 * large against the spread. */
typedef struct row_moments {
    int64_t d;
    double *shift, *sum, *square; /* [d] each */
} row_moments;

struct sae_evaluation {
    size_t n_models;
    model_sums *models;
    row_moments rows;
    int64_t tokens;
    int threads;
};

void sae_evaluation_free(sae_evaluation *e)
{
    if (!e) return;
    for (size_t i = 0; e->models && i < e->n_models; i++) sae_free(e->models[i].fired);
    sae_free(e->models);
    sae_free(e->rows.shift);
    sae_free(e->rows.sum);
    sae_free(e->rows.square);
    sae_free(e);
}

static sae_status make(sae_evaluation *e, const sae_model *const *models, sae_error *err)
{
    size_t d = (size_t)e->rows.d, n_models = e->n_models;
    e->models = sae_calloc(n_models, sizeof *e->models);
    e->rows.shift = sae_calloc(d, sizeof(double));
    e->rows.sum = sae_calloc(d, sizeof(double));
    e->rows.square = sae_calloc(d, sizeof(double));
    if (!e->models || !e->rows.shift || !e->rows.sum || !e->rows.square)
        return sae_fail_memory(err, "sums of an evaluation", d * 3 * sizeof(double));
    for (size_t i = 0; i < n_models; i++) {
        size_t n = (size_t)sae_model_get_info(models[i])->n;
        e->models[i] = (model_sums){.n = (int64_t)n, .fired = sae_calloc(n, sizeof(int64_t))};
        if (!e->models[i].fired) return sae_fail_memory(err, "counts of latents", n * sizeof(int64_t));
    }
    return SAE_OK;
}

sae_status sae_evaluation_new(sae_evaluation **out, const sae_model *const *models, size_t n_models, int64_t d,
                              const sae_env *env, sae_error *err)
{
    sae_evaluation *e = sae_calloc(1, sizeof *e);
    if (!e) return sae_fail_memory(err, "sums of an evaluation", sizeof *e);
    e->n_models = n_models;
    e->rows.d = d;
    e->threads = sae_threads(env);
    sae_status status = make(e, models, err);
    if (status == SAE_OK)
        *out = e;
    else
        sae_evaluation_free(e);
    return status;
}

/* ---- one block ------------------------------------------------------------------------------------ */

static void add_rows(row_moments *m, bool first_block, int64_t rows, const float *x, int threads)
{
    enum { WIDTH = 64 };
    int64_t d = m->d, strips = (d + WIDTH - 1) / WIDTH;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t s = 0; s < strips; s++) {
        int64_t begin = s * WIDTH, end = begin + WIDTH < d ? begin + WIDTH : d;
        if (first_block) {
            for (int64_t r = 0; r < rows; r++)
                for (int64_t j = begin; j < end; j++) m->shift[j] += (double)x[r * d + j];
            for (int64_t j = begin; j < end; j++) m->shift[j] /= (double)rows;
        }
        for (int64_t r = 0; r < rows; r++)
            for (int64_t j = begin; j < end; j++) {
                double v = (double)x[r * d + j] - m->shift[j];
                m->sum[j] += v;
                m->square[j] += v * v;
            }
    }
}

static void add_view(model_sums *m, int64_t rows, const sae_encoded_view *view)
{
    const sae_codes *codes = view->codes;
    int64_t entries = codes->row_offsets[rows];
    m->active += (double)entries;
    for (int64_t e = 0; e < entries; e++) m->fired[codes->latents[e]]++;
    for (int64_t r = 0; r < rows; r++) {
        const sae_row_sums *s = &view->sums[r];
        m->error += s->ee;
        m->xh += s->xh;
        m->hh += s->hh;
        /* the roots are taken one by one: the product of two squares could overflow */
        if (s->xx > 0 && s->hh > 0) m->cosine += s->xh / (sqrt(s->xx) * sqrt(s->hh));
        if (s->xx > 0) {
            m->ratio += sqrt(s->hh) / sqrt(s->xx);
            m->ratio_rows++;
        }
    }
}

void sae_evaluation_add(sae_evaluation *e, int64_t rows, const float *x, const sae_encoded_view *views)
{
    add_rows(&e->rows, e->tokens == 0, rows, x, e->threads);
    for (size_t i = 0; i < e->n_models; i++) add_view(&e->models[i], rows, &views[i]);
    e->tokens += rows;
}

static void visit(void *ud, int64_t first, int64_t rows, const float *x, const sae_encoded_view *views)
{
    (void)first;
    sae_evaluation_add(ud, rows, x, views);
}

/* ---- results -------------------------------------------------------------------------------------- */

/* Σ‖x − x̄‖² over all rows. */
static double total_variance(const row_moments *m, int64_t tokens)
{
    double total = 0;
    for (int64_t j = 0; j < m->d; j++) total += m->square[j] - m->sum[j] * m->sum[j] / (double)tokens;
    return total;
}

static void density_histogram(sae_eval *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (out->density[i] <= 0) {
            out->dead++;
            continue;
        }
        double bin = floor((log10(out->density[i]) + 8) * (SAE_DENSITY_BINS / 8.0));
        int64_t b = bin < 0 ? 0 : bin >= SAE_DENSITY_BINS ? SAE_DENSITY_BINS - 1 : (int64_t)bin;
        out->density_counts[b]++;
    }
}

static sae_status fill(sae_eval *out, const sae_evaluation *e, const model_sums *m, sae_error *err)
{
    double count = (double)e->tokens, variance = total_variance(&e->rows, e->tokens);
    int64_t d = e->rows.d, n = m->n, tokens = e->tokens;
    *out = (sae_eval){.tokens = tokens, .l0 = m->active / count, .mse = m->error / count};
    out->mse_per_dim = out->mse / (double)d;
    out->fvu = variance > 0 ? m->error / variance : NAN;
    out->explained_variance = 1 - out->fvu;
    out->cosine = m->cosine / count;
    out->l2_ratio = m->ratio_rows > 0 ? m->ratio / (double)m->ratio_rows : NAN;
    out->rel_bias = m->xh != 0 ? m->hh / m->xh : NAN;
    out->density = sae_alloc((size_t)n, sizeof *out->density);
    out->x_mean = sae_alloc((size_t)d, sizeof *out->x_mean);
    if (!out->density || !out->x_mean) return sae_fail_memory(err, "results", (size_t)(n + d) * sizeof(double));
    for (int64_t i = 0; i < n; i++) out->density[i] = (double)m->fired[i] / count;
    for (int64_t j = 0; j < d; j++) out->x_mean[j] = e->rows.shift[j] + e->rows.sum[j] / count;
    density_histogram(out, n);
    return SAE_OK;
}

sae_status sae_evaluation_results(const sae_evaluation *e, sae_eval *results, sae_error *err)
{
    sae_status status = SAE_OK;
    memset(results, 0, e->n_models * sizeof *results);
    for (size_t i = 0; i < e->n_models && status == SAE_OK; i++) status = fill(&results[i], e, &e->models[i], err);
    for (size_t i = 0; i < e->n_models && status != SAE_OK; i++) sae_eval_clear(&results[i]);
    return status;
}

void sae_eval_clear(sae_eval *eval)
{
    sae_free(eval->density);
    sae_free(eval->x_mean);
    *eval = (sae_eval){0};
}

static sae_status evaluate(const sae_model *const *models, size_t n_models, sae_source *source, bool held_out,
                           int64_t max_tokens, sae_eval *results, const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_evaluation *e = NULL;
    int64_t tokens = 0;
    memset(results, 0, n_models * sizeof *results);
    SAE_TRY(sae_evaluation_new(&e, models, n_models, sae_source_get_info(source)->d, env, err));
    SAE_TRY(sae_pass(models, n_models, source, held_out, max_tokens, "evaluation", visit, e, &tokens, env, err));
    status = sae_evaluation_results(e, results, err);
done:
    sae_evaluation_free(e);
    return status;
}

sae_status sae_evaluate(const sae_model *const *models, size_t n_models, sae_source *source, int64_t max_tokens,
                        sae_eval *results, const sae_env *env, sae_error *err)
{
    return evaluate(models, n_models, source, false, max_tokens, results, env, err);
}

sae_status sae_evaluate_held_out(const sae_model *const *models, size_t n_models, sae_source *source, sae_eval *results,
                                 const sae_env *env, sae_error *err)
{
    return evaluate(models, n_models, source, true, 0, results, env, err);
}
