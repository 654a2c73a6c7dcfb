#include "export/feature.h"

#include "base/error.h"
#include "export/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CREATOR "clkht01d40000jv08hvalcvly" /* the user that Neuronpedia's own seeds make */

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* "blocks.8.hook_resid_pre" → layer 8, site "res". */
static const char *site_of(const char *hook, char layer[16])
{
    static const struct {
        const char *part, *site;
    } sites[] = {
        {"resid", "res"}, {"attn.hook_z", "att"}, {"attn_out", "att"}, {"mlp_out", "mlp"}, {"mlp.hook_post", "mlp"}};
    size_t digits = strncmp(hook, "blocks.", 7) == 0 ? strspn(hook + 7, "0123456789") : 0;
    snprintf(layer, 16, "%.*s", digits > 0 && digits < 15 ? (int)digits : 1, digits > 0 ? hook + 7 : "0");
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++)
        if (strstr(hook, sites[i].part)) return sites[i].site;
    return "sae";
}

sae_status sae_feature_names_make(sae_feature_names *out, sae_store *store, const sae_export_selection *selection,
                                  const sae_neuronpedia *given, sae_error *err)
{
    const sae_store_meta *m = sae_store_get_meta(store);
    if (selection->count == 0) return sae_fail(err, SAE_E_ARG, "there is no latent to export");
    for (size_t i = 1; i < selection->count; i++)
        if (selection->latents[i].sae != selection->latents[0].sae)
            return sae_fail(err, SAE_E_ARG, "this format takes the latents of one SAE; --sae NAME says of which");
    const sae_store_sae *s = sae_store_get_sae(store, selection->latents[0].sae);
    if (!s) return sae_fail(err, SAE_E_ARG, "there is no SAE %lld", (long long)selection->latents[0].sae);
    *out = (sae_feature_names){.sae = s->name, .tokens = m->tokens, .contexts = m->contexts, .ctx = m->ctx};
    const char *site = site_of(m->hook_name, out->layer);
    snprintf(out->model, sizeof out->model, "%s", given->model ? given->model : m->model);
    snprintf(out->hook, sizeof out->hook, "%s", m->hook_name);
    snprintf(out->set, sizeof out->set, "%s-%.200s", site, s->name);
    if (given->source) {
        const char *dash = strchr(given->source, '-');
        size_t digits = strspn(given->source, "0123456789");
        if (!dash || digits == 0 || given->source + digits != dash || digits > 15 || !dash[1] || strlen(dash) > 255)
            return sae_fail(err, SAE_E_ARG, "the source id \"%.64s\" is not LAYER-SET, such as 8-res-mine",
                            given->source);
        snprintf(out->layer, sizeof out->layer, "%.*s", (int)digits, given->source);
        snprintf(out->set, sizeof out->set, "%s", dash + 1);
    }
    snprintf(out->source, sizeof out->source, "%s-%s", out->layer, out->set);
    out->creator = given->creator ? given->creator : CREATOR;
    out->creator_name = given->creator_name ? given->creator_name : "sae.c";
    return SAE_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

sae_status sae_feature_read(sae_feature *out, sae_store *store, const sae_export_latent *at, sae_error *err)
{
    *out = (sae_feature){.store = store};
    return sae_store_get_latent(store, at->sae, at->latent, SAE_STORE_REACH, &out->latent, err);
}

sae_status sae_feature_clear(sae_feature *f, sae_error *err)
{
    bool failed = f->arena.failed;
    sae_arena_clear(&f->arena);
    sae_store_free(f->latent);
    f->latent = NULL;
    return failed ? sae_fail(err, SAE_E_MEMORY, "out of memory for texts") : SAE_OK;
}

int64_t sae_feature_peak(const sae_store_example *e)
{
    return e->row - e->passage.first;
}

void sae_feature_group_bounds(const sae_store_latent *l, const sae_store_group *g, double bounds[3])
{
    bool interval = g->kind == SAE_EXAMPLES_INTERVAL;
    bounds[0] = interval ? g->lo : -1;
    bounds[1] = interval ? g->hi : l->row.value[SAE_COLUMN_MAX];
    bounds[2] = interval ? (double)g->population / (double)l->row.n_active : -1;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void key(FILE *out, const char *name)
{
    fprintf(out, ",\"%s\":", name);
}

static void put_ids(FILE *out, const char *name, const sae_store_link *links, size_t count)
{
    key(out, name);
    fputc('[', out);
    for (size_t i = 0; i < count; i++) fprintf(out, i ? ",%lld" : "%lld", (long long)links[i].latent);
    fputc(']', out);
}

static void put_neurons(const sae_store_latent *l, FILE *out)
{
    fputs("\"neuron_alignment_indices\":[", out);
    for (size_t i = 0; i < l->n_neurons; i++) fprintf(out, i ? ",%lld" : "%lld", (long long)l->neurons[i].neuron);
    fputs("],\"neuron_alignment_values\":[", out);
    for (size_t i = 0; i < l->n_neurons; i++) {
        if (i) fputc(',', out);
        sae_json_put_real(out, l->neurons[i].value, 6);
    }
    fputs("],\"neuron_alignment_l1\":[", out);
    for (size_t i = 0; i < l->n_neurons; i++) {
        if (i) fputc(',', out);
        sae_json_put_real(out, l->neurons[i].share, 6);
    }
    fputs("],\"correlated_neurons_indices\":[],\"correlated_neurons_pearson\":[],\"correlated_neurons_l1\":[]", out);
}

static void put_correlated(const sae_store_latent *l, FILE *out)
{
    size_t count = l->by_pearson.count < 3 ? l->by_pearson.count : 3;
    const sae_store_link *links = l->by_pearson.links;
    put_ids(out, "correlated_features_indices", links, count);
    key(out, "correlated_features_pearson");
    fputc('[', out);
    for (size_t i = 0; i < count; i++) {
        if (i) fputc(',', out);
        sae_json_put_real(out, links[i].pearson, 6);
    }
    fputc(']', out);
    key(out, "correlated_features_l1");
    fputc('[', out);
    for (size_t i = 0; i < count; i++) {
        if (i) fputc(',', out);
        sae_json_put_real(out, links[i].cosine, 6);
    }
    fputc(']', out);
}

static void put_effects(sae_feature *f, const char *strings, const char *numbers, const sae_store_effect *effects,
                        size_t count, FILE *out)
{
    key(out, strings);
    fputc('[', out);
    for (size_t i = 0; i < count; i++) {
        sae_piece piece = sae_piece_of(effects[i].text, &f->arena);
        if (i) fputc(',', out);
        sae_json_put_text(out, piece.text, piece.size);
    }
    fputc(']', out);
    key(out, numbers);
    fputc('[', out);
    for (size_t i = 0; i < count; i++) {
        if (i) fputc(',', out);
        sae_json_put_real(out, effects[i].value, 6);
    }
    fputc(']', out);
}

/* Bin centres and counts, as there. */
static void put_hist(const char *values, const char *heights, const sae_store_hist *h, FILE *out)
{
    key(out, values);
    fputc('[', out);
    for (size_t b = 0; b < h->bins; b++) {
        if (b) fputc(',', out);
        sae_json_put_real(out, (h->edges[b] + h->edges[b + 1]) / 2, 6);
    }
    fputc(']', out);
    key(out, heights);
    fputc('[', out);
    for (size_t b = 0; b < h->bins; b++) fprintf(out, b ? ",%lld" : "%lld", (long long)h->counts[b]);
    fputc(']', out);
}

void sae_feature_put_tokens(const sae_store_passage *p, sae_arena *arena, FILE *out)
{
    const sae_store_text *texts = sae_token_texts(p, arena);
    size_t act = 0;
    fputs("\"tokens\":[", out);
    for (size_t t = 0; texts && t < p->count; t++) {
        if (t) fputc(',', out);
        sae_json_put_text(out, texts[t].data, texts[t].size);
    }
    fputs("],\"values\":[", out);
    for (size_t t = 0; t < p->count; t++) {
        bool here = act < p->n_acts && p->offsets[act] == t;
        if (t) fputc(',', out);
        sae_json_put_real(out, here ? (double)p->values[act++] : 0, 5);
    }
    fputc(']', out);
}

/* Top texts, then the intervals from the highest: the groups that SAEDashboard has. */
static void put_activations(sae_feature *f, FILE *out)
{
    const sae_store_latent *l = f->latent;
    bool first = true;
    key(out, "activations");
    fputc('[', out);
    for (size_t g = 0; g < l->n_groups; g++) {
        const sae_store_group *group = &l->groups[g];
        double bounds[3];
        if (group->kind != SAE_EXAMPLES_TOP && group->kind != SAE_EXAMPLES_INTERVAL) continue;
        sae_feature_group_bounds(l, group, bounds);
        for (size_t i = 0; i < group->count; i++) {
            fputs(first ? "{\"bin_min\":" : ",{\"bin_min\":", out);
            first = false;
            sae_json_put_real(out, bounds[0], 6);
            key(out, "bin_max");
            sae_json_put_real(out, bounds[1], 6);
            key(out, "bin_contains");
            sae_json_put_real(out, bounds[2], 6);
            fprintf(out, ",\"qualifying_token_index\":%lld,", (long long)sae_feature_peak(&group->examples[i]));
            sae_feature_put_tokens(&group->examples[i].passage, &f->arena, out);
            fputc('}', out);
        }
    }
    fputc(']', out);
}

void sae_feature_put(sae_feature *f, const sae_feature_names *names, sae_feature_form form, FILE *out)
{
    const sae_store_latent *l = f->latent;
    fputc('{', out);
    if (form == SAE_FEATURE_DASHBOARD) {
        fprintf(out, "\"feature_index\":%lld,", (long long)l->row.id);
    } else {
        fputs("\"modelId\":", out);
        sae_json_put_word(out, names->model);
        key(out, "layer");
        sae_json_put_word(out, names->source);
        fprintf(out, ",\"index\":\"%lld\",\"creatorId\":", (long long)l->row.id);
        sae_json_put_word(out, names->creator);
        key(out, "sourceSetName");
        sae_json_put_word(out, names->set);
        key(out, "hookName");
        sae_json_put_word(out, names->hook);
        key(out, "maxActApprox");
        sae_json_put_real(out, l->dead ? 0 : l->row.value[SAE_COLUMN_MAX], 7);
        fputs(",\"hasVector\":false,\"vector\":[],", out);
        size_t count = l->by_cosine.count;
        fputs("\"topkCosSimIndices\":[", out);
        for (size_t i = 0; i < count; i++) fprintf(out, i ? ",%lld" : "%lld", (long long)l->by_cosine.links[i].latent);
        fputs("],\"topkCosSimValues\":[", out);
        for (size_t i = 0; i < count; i++) {
            if (i) fputc(',', out);
            sae_json_put_real(out, l->by_cosine.links[i].cosine, 6);
        }
        fputs("],", out);
    }
    put_neurons(l, out);
    put_correlated(l, out);
    put_effects(f, "neg_str", "neg_values", l->suppressed, l->n_suppressed, out);
    put_effects(f, "pos_str", "pos_values", l->boosted, l->n_boosted, out);
    key(out, "frac_nonzero");
    sae_json_put_real(out, (double)l->row.n_active / (double)names->tokens, 9);
    put_hist("freq_hist_data_bar_values", "freq_hist_data_bar_heights", &l->hist, out);
    put_hist("logits_hist_data_bar_values", "logits_hist_data_bar_heights", &l->logit_hist, out);
    fputs(",\"decoder_weights_dist\":[]", out);
    if (form == SAE_FEATURE_DASHBOARD) {
        fprintf(out, ",\"n_prompts_total\":%lld,\"n_tokens_in_prompt\":%lld,\"dataset\":\"\",\"vector\":[]",
                (long long)names->contexts, (long long)names->ctx);
        put_activations(f, out);
    }
    fputc('}', out);
}
