/* Stitching: ΔMSE against real insertions, the quadratic form against direct sums, identities, paths, bad input. */
#include "analysis/stitching.h"

#include "analysis/roc.h"
#include "base/alloc.h"
#include "base/rng.h"

/* Pairs of the golden file: each kind of SAE that can be stitched is small once and large once. */
static const int cases[][2] = {{0, 1}, {2, 3}, {1, 2}, {3, 0}};
enum { CASES = sizeof cases / sizeof *cases };

/* ---- ΔMSE -------------------------------------------------------------------------------------------------- */

/* SAE A of the stitching with one more latent, made and run as an SAE of its own. */
static sae_model *with_latent(const sae_stitch *s, int64_t latent)
{
    sae_error err;
    size_t d = (size_t)s->d, n = (size_t)s->n_small, i = (size_t)latent;
    sae_weights a = sae_model_get_weights(s->inside->small), b = sae_model_get_weights(s->inside->large);
    float *W_enc = malloc((n + 1) * d * 4), *W_dec = malloc((n + 1) * d * 4);
    float *b_enc = malloc((n + 1) * 4), *threshold = malloc((n + 1) * 4);
    memcpy(W_enc, a.W_enc, n * d * 4);
    memcpy(W_dec, a.W_dec, n * d * 4);
    memcpy(b_enc, a.b_enc, n * 4);
    memcpy(threshold, a.threshold, n * 4);
    memcpy(W_enc + n * d, b.W_enc + i * d, d * 4);
    memcpy(W_dec + n * d, b.W_dec + i * d, d * 4);
    b_enc[n] = b.b_enc[i];
    threshold[n] = b.threshold[i];
    sae_model_info info = *sae_model_get_info(s->inside->small);
    info.n++;
    sae_weights weights = {W_enc, b_enc, W_dec, a.b_dec, threshold};
    sae_model *model = NULL;
    assert_ok(sae_model_create(&model, &info, &weights, &err));
    free(W_enc);
    free(W_dec);
    free(b_enc);
    free(threshold);
    return model;
}

/* errors [rows] of an SAE, decoded in double. */
static void errors_of(const sae_model *model, const float *x, int64_t rows, double *errors)
{
    sae_error err;
    sae_weights w = sae_model_get_weights(model);
    int64_t d = sae_model_get_info(model)->d;
    sae_codes *codes = sae_codes_new();
    assert_ok(sae_model_encode(model, x, rows, codes, NULL, &err));
    for (int64_t t = 0; t < rows; t++) {
        errors[t] = 0;
        for (int64_t j = 0; j < d; j++) {
            double r = (double)x[t * d + j] - (double)w.b_dec[j];
            for (int64_t e = codes->row_offsets[t]; e < codes->row_offsets[t + 1]; e++)
                r -= (double)codes->values[e] * (double)w.W_dec[codes->latents[e] * d + j];
            errors[t] += r * r;
        }
    }
    sae_codes_free(codes);
}

static void delta_is_that_of_inserting(void **state)
{
    (void)state;
    int fired = 0, silent = 0;
    for (int c = 0; c < CASES; c++) {
        pair p = pair_open(cases[c][0], cases[c][1]);
        sae_stitch *s = stitch(&p, sae_stitch_config_default());
        double *before = malloc((size_t)p.rows * sizeof *before), *after = malloc((size_t)p.rows * sizeof *after);
        errors_of(s->inside->small, p.x, p.rows, before);
        assert_close(s->base.mse, mean_of(before, p.rows), 1e-12);
        for (int64_t i = 0; i < s->n_large; i++) {
            sae_model *grown = with_latent(s, i);
            errors_of(grown, p.x, p.rows, after);
            sae_model_free(grown);
            double mean = 0, squares = 0;
            for (int64_t t = 0; t < p.rows; t++) mean += (after[t] - before[t]) / (double)p.rows;
            for (int64_t t = 0; t < p.rows; t++) squares += pow(after[t] - before[t] - mean, 2);
            if (s->n_active[i] == 0) {
                silent++;
                assert_true(isnan(s->delta_mse[i]) && isnan(s->delta_mse_se[i]));
                assert_true(mean == 0);
                continue;
            }
            fired++;
            double se = sqrt(squares / (double)(p.rows - 1) / (double)p.rows);
            assert_true(fabs(s->delta_mse[i] - mean) < 1e-11 * s->base.mse);
            assert_true(fabs(s->delta_mse_se[i] - se) < 1e-8 * (se + s->base.mse * 1e-3));
        }
        free(before);
        free(after);
        sae_stitch_free(s);
        pair_close(&p);
    }
    assert_true(fired >= 150 && silent > 0);
}

/* ---- the quadratic form -------------------------------------------------------------------------------------- */

static void any_set_of_latents(void **state)
{
    (void)state;
    sae_rng rng = sae_rng_make(1, "subsets", 0);
    uint64_t draw = 0;
    for (int c = 0; c < CASES; c++) {
        pair p = pair_open(cases[c][0], cases[c][1]);
        sae_stitch *s = stitch(&p, sae_stitch_config_default());
        unsigned char *in = flags_of_small(s);
        for (int trial = 0; trial < 20; trial++) {
            double share = trial / 19.0; /* from no latent to all */
            for (int64_t i = 0; i < s->n_small + s->n_large; i++) in[i] = sae_rng_uniform(&rng, draw++) < share;
            sae_quadratic_sums sums = sae_quadratic_of(&s->inside->rows.form, in);
            double mse = sae_quadratic_mse(&s->inside->rows.form, &sums), direct = direct_mse(s, in, p.x, p.rows);
            if (fabs(mse - direct) > 1e-12 * direct) fail_msg("MSE is %.17g, not %.17g", mse, direct);
        }
        free(in);
        sae_stitch_free(s);
        pair_close(&p);
    }
}

/* A TopK SAE gets the threshold with which k latents are active on average. */
static void threshold_of_topk(void **state)
{
    (void)state;
    int seen = 0;
    for (int number = 0; number < 4; number++) {
        pair p = pair_open(number, 1);
        const sae_model_info *info = sae_model_get_info(p.small);
        sae_stitch *s = stitch(&p, sae_stitch_config_default());
        if (info->rule == SAE_RULE_TOPK) {
            seen++;
            assert_close(s->base.l0, (double)info->k, 1e-12);
            assert_true(s->theta_small > 0);
        } else {
            assert_true(isnan(s->theta_small));
            sae_model_info form = *sae_model_get_info(s->inside->small);
            assert_true(!form.subtract_b_dec && form.rule == SAE_RULE_THRESHOLD);
            double *of_model = malloc((size_t)p.rows * sizeof *of_model);
            errors_of(p.small, p.x, p.rows, of_model);
            assert_close(s->base.mse, mean_of(of_model, p.rows), 1e-5); /* centring folded: rounded once more */
            free(of_model);
        }
        sae_stitch_free(s);
        pair_close(&p);
    }
    assert_true(seen > 0);
}

/* ---- how well cosines predict ------------------------------------------------------------------------------------ */

static void curve(void **state)
{
    (void)state;
    /* two of the cosines are equal, one with each sign; one latent never fired */
    double cosines[] = {0.1, 0.3, 0.3, 0.5, 0.6, 0.9, 0.2}, delta[] = {-1, -2, 1, -1, 0, 3, NAN};
    sae_error err;
    sae_stitch s = {.n_large = 7, .max_cos = cosines, .delta_mse = delta, .threshold = 0.55};
    assert_ok(sae_roc_compute(&s, &err));
    assert_int_equal(s.improving, 3);
    assert_int_equal(s.worsening, 3);
    assert_close(s.auc, 7.5 / 9, 1e-15); /* of 9 comparisons one is a tie, one is wrong */
    assert_int_equal(s.n_roc, 6);
    assert_true(s.roc[0].sensitivity == 0 && s.roc[0].specificity == 1);
    assert_true(s.roc[5].sensitivity == 1 && s.roc[5].specificity == 0 && isnan(s.roc[5].threshold));
    assert_close(s.roc[2].threshold, 0.4, 1e-15);
    assert_close(s.roc[2].sensitivity, 2.0 / 3, 1e-15);
    assert_close(s.best_threshold, 0.55, 1e-15);
    assert_close(s.best.sensitivity + s.best.specificity, 1 + 2.0 / 3, 1e-15);
    sae_roc_accuracy(&s);
    assert_close(s.accuracy, 5.0 / 6, 1e-15);
    sae_free(s.roc);
    /* nothing to tell apart */
    double worse[] = {1, 2, 3, 4, 5, 6, 7};
    sae_stitch all = {.n_large = 7, .max_cos = cosines, .delta_mse = worse};
    assert_ok(sae_roc_compute(&all, &err));
    assert_true(isnan(all.auc) && isnan(all.best_threshold) && isnan(all.best.sensitivity) && all.n_roc == 0);
}

static void automatic_threshold(void **state)
{
    (void)state;
    pair p = pair_open(0, 1);
    sae_stitch_config config = sae_stitch_config_default();
    sae_stitch *usual = stitch(&p, config);
    config.threshold = 0;
    sae_stitch *s = stitch(&p, config);
    assert_true(s->threshold_auto && !usual->threshold_auto && usual->threshold == 0.7);
    assert_true(s->threshold == s->best_threshold && s->best_threshold == usual->best_threshold);
    double p_rate = (double)s->improving / (double)(s->improving + s->worsening);
    assert_close(s->accuracy, s->best.sensitivity * p_rate + s->best.specificity * (1 - p_rate), 1e-12);
    sae_stitch_free(usual);
    sae_stitch_free(s);
    pair_close(&p);
}

/* ---- paths ---------------------------------------------------------------------------------------------------------
 */

static void check_path(const sae_stitch *s, const pair *p, sae_stitch_order order)
{
    sae_error err;
    const sae_stitch_path *path = &s->paths[order];
    const sae_stitch_entry *last = &path->entries[path->n_entries - 1];
    assert_int_equal(path->n_entries, s->operations + 1);
    assert_int_equal(path->entries[0].phase, SAE_STITCH_START);
    assert_close(path->entries[0].quality.mse, s->base.mse, 1e-12);
    assert_close(last->quality.mse, s->large.mse, 1e-10);
    assert_close(last->quality.l0, s->large.l0, 1e-10);
    assert_int_equal(last->inserted, s->n_large);
    assert_int_equal(last->removed, s->n_small);
    double highest = 0;
    for (int64_t e = 0; e < path->n_entries; e++) {
        const sae_stitch_entry *entry = &path->entries[e];
        highest = fmax(highest, entry->quality.mse);
        assert_int_equal(entry->operations, e);
        assert_close(entry->quality.fvu / entry->quality.mse, s->base.fvu / s->base.mse, 1e-12);
        if (e % 9) continue;
        sae_model *model = NULL;
        sae_stitch_entry again;
        assert_ok(sae_stitch_model(s, order, e, &model, &again, &err));
        assert_int_equal(again.phase, entry->phase);
        assert_int_equal(again.inserted, entry->inserted);
        assert_int_equal(again.removed, entry->removed);
        assert_int_equal(sae_model_get_info(model)->n, s->n_small - entry->removed + entry->inserted);
        assert_close(entry->quality.mse, again.quality.mse, 1e-11);
        assert_close(entry->quality.l0, again.quality.l0, 1e-11);
        /* the SAE that is there, run as such: its bias is rounded to float32 */
        double *errors = malloc((size_t)p->rows * sizeof *errors);
        errors_of(model, p->x, p->rows, errors);
        assert_close(mean_of(errors, p->rows), entry->quality.mse, 1e-5);
        free(errors);
        sae_model_free(model);
    }
    assert_true(highest == path->highest_mse);
}

static void every_order_leads_from_a_to_b(void **state)
{
    (void)state;
    for (int c = 0; c < CASES; c++) {
        pair p = pair_open(cases[c][0], cases[c][1]);
        sae_stitch_config config = sae_stitch_config_default();
        config.threshold = 0.5;
        sae_stitch *s = stitch(&p, config);
        assert_int_equal(s->operations, s->n_insert + s->n_swap + s->n_remove);
        assert_true(s->n_insert > 0 && s->n_swap > 0 && s->n_remove > 0);
        for (int o = 0; o < SAE_STITCH_ORDERS; o++) check_path(s, &p, (sae_stitch_order)o);
        assert_true(s->end_error < 1e-6);
        sae_stitch_free(s);
        pair_close(&p);
    }
}

/* An operation done, or taken back. */
static void toggle(unsigned char *in, const sae_stitch_operation *operation)
{
    for (int64_t m = 0; m < operation->n_small + operation->n_large; m++) in[operation->members[m]] ^= 1;
}

/* At each state no other operation would do better. */
static void greedy_takes_the_best(void **state)
{
    (void)state;
    pair p = pair_open(0, 1);
    sae_stitch *s = stitch(&p, sae_stitch_config_default());
    const sae_stitch_operation *operations = s->inside->graph.operations;
    const int32_t *order = s->inside->orders[SAE_STITCH_GREEDY];
    unsigned char *in = flags_of_small(s);
    for (int64_t done = 0; done < 12; done++) {
        double taken = s->paths[SAE_STITCH_GREEDY].entries[done + 1].quality.mse;
        for (int64_t o = done; o < s->operations; o++) {
            toggle(in, &operations[order[o]]);
            double mse = direct_mse(s, in, p.x, p.rows);
            toggle(in, &operations[order[o]]);
            if (o == done) assert_close(mse, taken, 1e-10);
            assert_true(mse > taken * (1 - 1e-10));
        }
        toggle(in, &operations[order[done]]);
    }
    free(in);
    sae_stitch_free(s);
    pair_close(&p);
}

/* Cosine: insertions by density × largest activation, swaps by cosine, removals. Delta: what improves first. */
static void orders_are_as_said(void **state)
{
    (void)state;
    pair p = pair_open(0, 1);
    sae_stitch_config config = sae_stitch_config_default();
    config.threshold = 0.5;
    sae_stitch *s = stitch(&p, config);
    const sae_stitch_graph *g = &s->inside->graph;
    const sae_quadratic *form = &s->inside->rows.form;
    const int32_t *cosine = s->inside->orders[SAE_STITCH_COSINE], *delta = s->inside->orders[SAE_STITCH_DELTA];
    double key = HUGE_VAL;
    for (int64_t o = 0; o < s->operations; o++) {
        const sae_stitch_operation *operation = &g->operations[cosine[o]];
        int32_t first = operation->members[0];
        assert_int_equal(operation->phase, o < s->n_insert               ? SAE_STITCH_INSERT
                                           : o < s->n_insert + s->n_swap ? SAE_STITCH_SWAP
                                                                         : SAE_STITCH_REMOVE);
        if (o == s->n_insert) key = HUGE_VAL;
        if (operation->phase == SAE_STITCH_REMOVE) continue;
        double now =
            operation->phase == SAE_STITCH_SWAP ? g->max_cos[cosine[o]] : form->density[first] * form->top[first];
        assert_true(now <= key);
        key = now;
    }
    bool improving = true;
    key = -HUGE_VAL;
    for (int64_t o = 0; o < s->operations; o++) {
        const sae_stitch_operation *operation = &g->operations[delta[o]];
        int64_t latent = operation->members[0] - s->n_small;
        double effect = 0;
        if (operation->phase != SAE_STITCH_INSERT)
            effect = s->components[delta[o] - s->n_insert].delta_mse;
        else if (!isnan(s->delta_mse[latent]))
            effect = s->delta_mse[latent];
        bool helps = operation->phase == SAE_STITCH_INSERT && effect < 0;
        assert_true(improving || !helps); /* none comes later */
        if (improving && !helps) key = -HUGE_VAL;
        improving = helps;
        assert_true(effect >= key - 1e-10 * s->base.mse);
        key = effect;
    }
    sae_stitch_free(s);
    pair_close(&p);
}

/* A component's effect is that of swapping it alone. */
static void effects_of_swaps(void **state)
{
    (void)state;
    pair p = pair_open(2, 3);
    sae_stitch_config config = sae_stitch_config_default();
    config.threshold = 0.5;
    sae_stitch *s = stitch(&p, config);
    for (int64_t c = 0; c < s->n_swap + s->n_remove; c++) {
        const sae_stitch_component *component = &s->components[c];
        unsigned char *in = flags_of_small(s);
        for (int64_t i = 0; i < component->n_small; i++) in[component->small[i]] = 0;
        for (int64_t i = 0; i < component->n_large; i++) in[s->n_small + component->large[i]] = 1;
        double effect = direct_mse(s, in, p.x, p.rows) - s->base.mse;
        assert_true(fabs(component->delta_mse - effect) < 1e-10 * s->base.mse);
        assert_int_equal(isnan(component->max_cos), c >= s->n_swap);
        if (c > 0 && c < s->n_swap) assert_true(component->max_cos <= component[-1].max_cos);
        free(in);
    }
    sae_stitch_free(s);
    pair_close(&p);
}

static void entries_after_every_few_operations(void **state)
{
    (void)state;
    pair p = pair_open(0, 1);
    sae_stitch_config config = sae_stitch_config_default();
    sae_stitch *all = stitch(&p, config);
    config.every = 7;
    sae_stitch *some = stitch(&p, config);
    const sae_stitch_path *a = &all->paths[SAE_STITCH_COSINE], *b = &some->paths[SAE_STITCH_COSINE];
    assert_int_equal(b->n_entries, 1 + all->operations / 7 + (all->operations % 7 != 0));
    for (int64_t e = 0; e < b->n_entries; e++) {
        const sae_stitch_entry *x = &b->entries[e], *y = &a->entries[x->operations];
        assert_true(x->quality.mse == y->quality.mse && x->quality.l0 == y->quality.l0 && x->phase == y->phase);
    }
    assert_int_equal(b->entries[b->n_entries - 1].operations, all->operations);
    assert_true(a->highest_mse == b->highest_mse);
    sae_stitch_free(all);
    sae_stitch_free(some);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delta_is_that_of_inserting), cmocka_unit_test(any_set_of_latents),
        cmocka_unit_test(threshold_of_topk),          cmocka_unit_test(curve),
        cmocka_unit_test(automatic_threshold),        cmocka_unit_test(every_order_leads_from_a_to_b),
        cmocka_unit_test(greedy_takes_the_best),      cmocka_unit_test(orders_are_as_said),
        cmocka_unit_test(effects_of_swaps),           cmocka_unit_test(entries_after_every_few_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
