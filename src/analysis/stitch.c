#include "analysis/stitch.h"

#include "analysis/cosine.h"
#include "analysis/encoded.h"
#include "analysis/roc.h"
#include "analysis/stitch_form.h"
#include "analysis/stitch_path.h"
#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

#define USUAL_THRESHOLD 0.7

/* ---- configuration ---------------------------------------------------------------------------------- */

const char *sae_stitch_order_name(sae_stitch_order order)
{
    static const char *const names[SAE_STITCH_ORDERS] = {"cosine", "delta", "greedy", "random"};
    return names[order];
}

const char *sae_stitch_phase_name(sae_stitch_phase phase)
{
    static const char *const names[] = {"start", "insert", "swap", "remove"};
    return names[phase];
}

sae_stitch_config sae_stitch_config_default(void)
{
    return (sae_stitch_config){.threshold = USUAL_THRESHOLD, .every = 1, .max_pairs = 100000000};
}

const sae_option *sae_stitch_option_table(size_t *count)
{
#define AT(field) offsetof(sae_stitch_config, field)
    static const sae_option table[] = {
        {"threshold", SAE_OPT_FLOAT, AT(threshold), "F|auto", "0.7", 0, 1, NULL, "auto",
         "latents with a decoder cosine above this change places; auto: what predicts the sign best"},
        {"order", SAE_OPT_CHOICE, AT(order), NULL, "cosine", 1, 0, "cosine|delta|greedy", NULL,
         "what comes first: by cosine, by effect, or the best at each state"},
        {"every", SAE_OPT_INT, AT(every), "N", "1", 1, 1e9, NULL, NULL, "path entries after every N operations"},
        {"max-tokens", SAE_OPT_INT, AT(max_tokens), "N", "all", 0, 1e15, NULL, "all", "use at most this many rows"},
        {"max-pairs", SAE_OPT_INT, AT(max_pairs), "N", "100M", 1, 1e12, NULL, NULL,
         "refuse when more pairs of latents fire together (24 bytes each)"},
        {"seed", SAE_OPT_INT, AT(seed), "S", "0", 0, 9e15, NULL, NULL, "seed of the random order"},
    };
#undef AT
    *count = sizeof table / sizeof *table;
    return table;
}

/* ---- the object --------------------------------------------------------------------------------------- */

static void inside_free(struct sae_stitch_inside *inside)
{
    if (!inside) return;
    sae_model_free(inside->small);
    sae_model_free(inside->large);
    sae_stitch_rows_clear(&inside->rows);
    sae_stitch_graph_clear(&inside->graph);
    for (int o = 0; o < SAE_STITCH_ORDERS; o++) sae_free(inside->orders[o]);
    sae_free(inside->ids);
    sae_free(inside);
}

void sae_stitch_free(sae_stitch *s)
{
    if (!s) return;
    for (int o = 0; o < SAE_STITCH_ORDERS; o++) sae_free(s->paths[o].entries);
    sae_free(s->max_cos);
    sae_free(s->nearest);
    sae_free(s->n_active);
    sae_free(s->delta_mse);
    sae_free(s->delta_mse_se);
    sae_free(s->roc);
    sae_free(s->components);
    inside_free(s->inside);
    sae_free(s);
}

static sae_status stitch_new(sae_stitch **out, int64_t d, int64_t n_small, int64_t n_large, sae_error *err)
{
    size_t b = (size_t)n_large;
    sae_stitch *s = sae_calloc(1, sizeof *s);
    if (!s) return sae_fail_memory(err, "a stitching", sizeof *s);
    *s = (sae_stitch){.d = d, .n_small = n_small, .n_large = n_large};
    s->inside = sae_calloc(1, sizeof *s->inside);
    s->max_cos = sae_alloc(b, sizeof *s->max_cos);
    s->nearest = sae_alloc(b, sizeof *s->nearest);
    if (s->inside && s->max_cos && s->nearest) {
        *out = s;
        return SAE_OK;
    }
    sae_stitch_free(s);
    return sae_fail_memory(err, "a stitching", b * sizeof *s->max_cos);
}

/* ---- parts ----------------------------------------------------------------------------------------------- */

static sae_status check(const sae_model *small, const sae_model *large, const sae_source *source,
                        const sae_stitch_config *config, sae_error *err)
{
    const sae_model_info *a = sae_model_get_info(small), *b = sae_model_get_info(large);
    if (a->d != b->d)
        return sae_fail(
            err, SAE_E_SHAPE,
            "the SAEs are for activations of %lld and %lld dimensions: their latents cannot live in one SAE",
            (long long)a->d, (long long)b->d);
    if (a->input_norm == SAE_INPUT_TOKEN || b->input_norm == SAE_INPUT_TOKEN)
        return sae_fail(err, SAE_E_UNSUPPORTED,
                        "the %s SAE standardises each token, so its decoder rows are scaled anew for every token and "
                        "cannot be summed with another SAE's; stitching needs SAEs without token scaling",
                        a->input_norm == SAE_INPUT_TOKEN ? "small" : "large");
    if (a->n > INT32_MAX - b->n)
        return sae_fail(err, SAE_E_ARG, "%lld and %lld latents are too many", (long long)a->n, (long long)b->n);
    if (config->order < SAE_STITCH_COSINE || config->order >= SAE_STITCH_RANDOM)
        return sae_fail(err, SAE_E_ARG, "%d is no order: choose cosine, delta or greedy", config->order);
    if (config->every < 1)
        return sae_fail(err, SAE_E_ARG, "entries after every %lld operations are none", (long long)config->every);
    if (sae_source_get_info(source)->usable < 1) return sae_fail(err, SAE_E_ARG, "the activations have no usable rows");
    return sae_encoded_check(large, source, err);
}

static void report(const sae_env *env, int done)
{
    sae_report_progress(env, "decoder cosines", "comparisons", done, 2, NULL);
}

static sae_status measure_latents(sae_stitch *s, sae_source *source, int64_t max_pairs, const sae_env *env,
                                  sae_error *err)
{
    sae_status status;
    struct sae_stitch_inside *in = s->inside;
    SAE_TRY(sae_stitch_rows_read(&in->rows, in->small, in->large, source, s->tokens, max_pairs, env, err));
    s->pairs = sae_pairs_count(&in->rows.form.q);
    s->n_active = in->rows.n_active;
    s->delta_mse = in->rows.delta;
    s->delta_mse_se = in->rows.se;
    in->rows.n_active = NULL;
    in->rows.delta = in->rows.se = NULL;
    report(env, 0);
    SAE_TRY(sae_max_cosine(sae_model_get_weights(in->large).W_dec, s->n_large, sae_model_get_weights(in->small).W_dec,
                           s->n_small, s->d, s->max_cos, s->nearest, env, err));
    SAE_TRY(sae_roc_compute(s, err));
done:
    return status;
}

static void choose_threshold(sae_stitch *s, double wanted, const sae_env *env)
{
    s->threshold_auto = wanted == 0;
    s->threshold = s->threshold_auto ? s->best_threshold : wanted;
    if (isnan(s->threshold)) {
        s->threshold = USUAL_THRESHOLD;
        sae_log(
            env, SAE_LOG_WARN,
            "%lld latents of the large SAE improve the small one and %lld worsen it: no threshold tells them apart, "
            "so %g is used",
            (long long)s->improving, (long long)s->worsening, s->threshold);
    }
    sae_roc_accuracy(s);
}

static sae_status fill_components(sae_stitch *s, const double *effects, sae_error *err)
{
    struct sae_stitch_inside *in = s->inside;
    const sae_stitch_graph *g = &in->graph;
    s->n_insert = g->n_insert;
    s->n_swap = g->n_swap;
    s->n_remove = g->n_remove;
    s->operations = g->n_operations;
    s->components = sae_alloc((size_t)(g->n_swap + g->n_remove), sizeof *s->components);
    in->ids = sae_alloc((size_t)(s->n_small + s->n_large), sizeof *in->ids);
    if (!s->components || !in->ids)
        return sae_fail_memory(err, "components", (size_t)(g->n_swap + g->n_remove) * sizeof *s->components);
    for (int64_t m = 0; m < s->n_small + s->n_large; m++)
        in->ids[m] = g->members[m] < s->n_small ? g->members[m] : g->members[m] - (int32_t)s->n_small;
    for (int64_t o = g->n_insert; o < g->n_operations; o++) {
        const sae_stitch_operation *operation = &g->operations[o];
        const int32_t *ids = in->ids + (operation->members - g->members);
        s->components[o - g->n_insert] = (sae_stitch_component){
            .n_small = operation->n_small,
            .n_large = operation->n_large,
            .small = ids,
            .large = ids + operation->n_small,
            .max_cos = g->max_cos[o],
            .delta_mse = effects[o],
        };
    }
    return SAE_OK;
}

static sae_status find_paths(sae_stitch *s, const sae_stitch_config *config, const sae_env *env, sae_error *err)
{
    sae_status status;
    struct sae_stitch_inside *in = s->inside;
    const sae_quadratic *form = &in->rows.form;
    size_t n = (size_t)in->graph.n_operations;
    sae_stitch_walk start = {0};
    double *effects = sae_alloc(n, sizeof *effects);
    if (!effects) SAE_TRY(sae_fail_memory(err, "effects of operations", n * sizeof *effects));
    SAE_TRY(sae_stitch_walk_make(&start, form, &in->graph, err));
    sae_stitch_effects(&start, effects);
    SAE_TRY(fill_components(s, effects, err));
    for (int o = 0; o < SAE_STITCH_ORDERS; o++) {
        in->orders[o] = sae_alloc(n, sizeof *in->orders[o]);
        if (!in->orders[o]) SAE_TRY(sae_fail_memory(err, "an order of operations", n * sizeof *in->orders[o]));
        SAE_TRY(sae_stitch_arrange((sae_stitch_order)o, form, &in->graph, effects, (uint64_t)config->seed,
                                   in->orders[o], env, err));
        SAE_TRY(sae_stitch_follow(form, &in->graph, in->orders[o], config->every, &s->paths[o], err));
    }
done:
    sae_free(effects);
    sae_stitch_walk_clear(&start);
    return status;
}

/* A and B by the definition of the form, not by the sums of a path. */
static sae_status measure_ends(sae_stitch *s, sae_error *err)
{
    const sae_quadratic *form = &s->inside->rows.form;
    unsigned char *in = sae_calloc((size_t)form->n, 1);
    if (!in) return sae_fail_memory(err, "a set of latents", (size_t)form->n);
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < form->n; i++) in[i] = (i < form->n_small) == (side == 0);
        sae_quadratic_sums sums = sae_quadratic_of(form, in);
        sae_stitch_quality *q = side == 0 ? &s->base : &s->large;
        q->mse = sae_quadratic_mse(form, &sums);
        q->fvu = form->variance > 0 ? q->mse / form->variance : NAN;
        q->l0 = sums.l0;
    }
    sae_free(in);
    return SAE_OK;
}

/* ---- all of it --------------------------------------------------------------------------------------------- */

sae_status sae_stitch_run(const sae_model *small, const sae_model *large, sae_source *source,
                          const sae_stitch_config *config, sae_stitch **out, const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_stitch *s = NULL;
    SAE_TRY(check(small, large, source, config, err));
    const sae_model_info *a = sae_model_get_info(small), *b = sae_model_get_info(large);
    int64_t usable = sae_source_get_info(source)->usable;
    sae_encoded_warn(small, source, env);
    sae_encoded_warn(large, source, env);
    SAE_TRY(stitch_new(&s, a->d, a->n, b->n, err));
    s->tokens = config->max_tokens > 0 && config->max_tokens < usable ? config->max_tokens : usable;
    s->order = config->order;
    struct sae_stitch_inside *in = s->inside;
    SAE_TRY(sae_stitch_form(small, source, s->tokens, &in->small, &s->theta_small, env, err));
    SAE_TRY(sae_stitch_form(large, source, s->tokens, &in->large, &s->theta_large, env, err));
    SAE_TRY(measure_latents(s, source, config->max_pairs, env, err));
    choose_threshold(s, config->threshold, env);
    SAE_TRY(measure_ends(s, err));
    report(env, 1);
    SAE_TRY(sae_stitch_graph_make(&in->graph, sae_model_get_weights(in->small).W_dec, s->n_small,
                                  sae_model_get_weights(in->large).W_dec, s->n_large, s->d, s->threshold, s->max_cos,
                                  env, err));
    report(env, 2);
    SAE_TRY(find_paths(s, config, env, err));
    SAE_TRY(sae_stitch_measure_end(s, source, env, err));
    *out = s;
    s = NULL;
done:
    sae_stitch_free(s);
    return status;
}
