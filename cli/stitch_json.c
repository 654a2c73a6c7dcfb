#include "cli/stitch_json.h"

#include "cli/json.h"

static void quality(cli_json *json, const char *key, const sae_stitch_quality *q)
{
    cli_json_object(json, key);
    cli_json_real(json, "mse", q->mse);
    cli_json_real(json, "fvu", q->fvu);
    cli_json_real(json, "l0", q->l0);
    cli_json_end(json);
}

/* The members of an entry; the object stays open. */
static void entry_members(cli_json *json, const sae_stitch_entry *e)
{
    cli_json_text(json, "phase", sae_stitch_phase_name(e->phase));
    cli_json_int(json, "operations", e->operations);
    cli_json_int(json, "inserted", e->inserted);
    cli_json_int(json, "removed", e->removed);
    cli_json_real(json, "mse", e->quality.mse);
    cli_json_real(json, "fvu", e->quality.fvu);
    cli_json_real(json, "l0", e->quality.l0);
    cli_json_real(json, "ce", e->ce);
}

static void path(cli_json *json, const char *key, const sae_stitch_path *p)
{
    cli_json_array(json, key);
    for (int64_t i = 0; i < p->n_entries; i++) {
        cli_json_object(json, NULL);
        entry_members(json, &p->entries[i]);
        cli_json_end(json);
    }
    cli_json_end(json);
}

static void roc(cli_json *json, const sae_stitch *s)
{
    cli_json_object(json, "roc");
    cli_json_array(json, "threshold");
    for (int64_t i = 0; i < s->n_roc; i++) cli_json_real(json, NULL, s->roc[i].threshold);
    cli_json_end(json);
    cli_json_array(json, "sensitivity");
    for (int64_t i = 0; i < s->n_roc; i++) cli_json_real(json, NULL, s->roc[i].sensitivity);
    cli_json_end(json);
    cli_json_array(json, "specificity");
    for (int64_t i = 0; i < s->n_roc; i++) cli_json_real(json, NULL, s->roc[i].specificity);
    cli_json_end(json);
    cli_json_end(json);
}

static void components(cli_json *json, const sae_stitch *s)
{
    cli_json_array(json, "components");
    for (int64_t i = 0; i < s->n_swap + s->n_remove; i++) {
        const sae_stitch_component *c = &s->components[i];
        cli_json_object(json, NULL);
        cli_json_ids(json, "small", c->small, c->n_small);
        cli_json_ids(json, "large", c->large, c->n_large);
        cli_json_real(json, "max_cos", c->max_cos);
        cli_json_real(json, "delta_mse", c->delta_mse);
        cli_json_end(json);
    }
    cli_json_end(json);
}

/* What each order comes to; the paths of those that were not asked for beside the one that was. */
static void orders(cli_json *json, const sae_stitch *s)
{
    cli_json_object(json, "orders");
    for (int o = 0; o < SAE_STITCH_ORDERS; o++) {
        cli_json_object(json, sae_stitch_order_name((sae_stitch_order)o));
        cli_json_real(json, "highest_mse", s->paths[o].highest_mse);
        cli_json_int(json, "rises", s->paths[o].rises);
        cli_json_end(json);
    }
    cli_json_end(json);
    cli_json_object(json, "other_paths");
    for (int o = 0; o < SAE_STITCH_RANDOM; o++)
        if (o != s->order) path(json, sae_stitch_order_name((sae_stitch_order)o), &s->paths[o]);
    cli_json_end(json);
}

static void cross_entropy(cli_json *json, const sae_stitch_ce *ce)
{
    if (!ce->tokens) {
        cli_json_null(json, "ce");
        return;
    }
    cli_json_object(json, "ce");
    cli_json_real(json, "clean", ce->clean);
    cli_json_real(json, "zero", ce->zero);
    cli_json_real(json, "small", ce->small);
    cli_json_real(json, "large", ce->large);
    cli_json_int(json, "tokens", ce->tokens);
    cli_json_int(json, "points", ce->points);
    cli_json_end(json);
}

void cli_stitch_json(const sae_stitch *s, const char *small, const char *large, const cli_stitch_saved *saved,
                     size_t n_saved, FILE *out)
{
    cli_json json;
    cli_json_start(&json, out);
    cli_json_object(&json, "saes"); /* the key "large" is that of its quality */
    cli_json_text(&json, "small", small);
    cli_json_text(&json, "large", large);
    cli_json_end(&json);
    cli_json_int(&json, "tokens", s->tokens);
    cli_json_int(&json, "pairs", s->pairs);
    cli_json_real(&json, "threshold", s->threshold);
    cli_json_bool(&json, "threshold_auto", s->threshold_auto);
    cli_json_real(&json, "theta_small", s->theta_small);
    cli_json_real(&json, "theta_large", s->theta_large);
    cli_json_reals(&json, "max_cos", s->max_cos, s->n_large);
    cli_json_ids(&json, "nearest", s->nearest, s->n_large);
    cli_json_ints(&json, "n_active", s->n_active, s->n_large);
    cli_json_reals(&json, "delta_mse", s->delta_mse, s->n_large);
    cli_json_reals(&json, "delta_mse_se", s->delta_mse_se, s->n_large);
    cli_json_int(&json, "improving", s->improving);
    cli_json_int(&json, "worsening", s->worsening);
    cli_json_real(&json, "auc", s->auc);
    cli_json_real(&json, "accuracy", s->accuracy);
    cli_json_real(&json, "best_threshold", s->best_threshold);
    cli_json_real(&json, "sensitivity", s->best.sensitivity);
    cli_json_real(&json, "specificity", s->best.specificity);
    roc(&json, s);
    quality(&json, "base", &s->base);
    quality(&json, "large", &s->large);
    cli_json_int(&json, "insertions", s->n_insert);
    cli_json_int(&json, "swaps", s->n_swap);
    cli_json_int(&json, "removals", s->n_remove);
    components(&json, s);
    cli_json_text(&json, "order", sae_stitch_order_name((sae_stitch_order)s->order));
    path(&json, "path", &s->paths[s->order]);
    path(&json, "path_random", &s->paths[SAE_STITCH_RANDOM]);
    orders(&json, s);
    cross_entropy(&json, &s->ce);
    cli_json_real(&json, "end_error", s->end_error);
    cli_json_array(&json, "saved");
    for (size_t i = 0; i < n_saved; i++) {
        cli_json_object(&json, NULL);
        cli_json_text(&json, "path", saved[i].path);
        cli_json_real(&json, "at", saved[i].at);
        entry_members(&json, &saved[i].entry);
        cli_json_end(&json);
    }
    cli_json_end(&json);
    cli_json_finish(&json);
}
