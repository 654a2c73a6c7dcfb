#include "cli/meta_json.h"

#include "cli/json.h"

#include <math.h>

static void fit(cli_json *json, const char *key, const sae_meta_fit *f)
{
    cli_json_object(json, key);
    cli_json_real(json, "l0", f->l0);
    cli_json_real(json, "explained_variance", f->explained_variance);
    cli_json_real(json, "explained_variance_uncentred", f->explained_variance_uncentred);
    cli_json_end(json);
}

static void baselines(cli_json *json, const sae_meta *m)
{
    cli_json_object(json, "baselines");
    cli_json_real(json, "pca", m->pca.explained_variance);
    cli_json_real(json, "random_rows", m->random_rows.explained_variance);
    cli_json_real(json, "random_directions", m->random_directions.explained_variance);
    cli_json_end(json);
    cli_json_object(json, "fits");
    fit(json, "batchtopk", &m->batchtopk);
    fit(json, "threshold", &m->threshold);
    fit(json, "pca", &m->pca);
    fit(json, "random_rows", &m->random_rows);
    fit(json, "random_directions", &m->random_directions);
    cli_json_end(json);
}

/* [[id, activation, cosine], …] */
static void parts(cli_json *json, const char *key, const sae_meta_part *list, int64_t first, int64_t end)
{
    cli_json_array(json, key);
    for (int64_t p = first; p < end; p++) {
        cli_json_array(json, NULL);
        cli_json_int(json, NULL, list[p].id);
        cli_json_real(json, NULL, (double)list[p].activation);
        cli_json_real(json, NULL, list[p].cosine);
        cli_json_end(json);
    }
    cli_json_end(json);
}

static void latents(cli_json *json, const sae_meta *m)
{
    cli_json_array(json, "latents");
    for (int64_t r = 0; r < m->rows; r++) {
        cli_json_object(json, NULL);
        cli_json_int(json, "id", m->ids[r]);
        cli_json_real(json, "explained", m->explained[r]);
        parts(json, "meta", m->row_parts, m->row_offsets[r], m->row_offsets[r + 1]);
        cli_json_end(json);
    }
    cli_json_end(json);
    cli_json_array(json, "meta_latents");
    for (int64_t i = 0; i < m->width; i++) {
        cli_json_object(json, NULL);
        cli_json_int(json, "id", i);
        parts(json, "latents", m->meta_parts, m->meta_offsets[i], m->meta_offsets[i + 1]);
        cli_json_end(json);
    }
    cli_json_end(json);
}

static void against(cli_json *json, const sae_meta *m, const char *path)
{
    if (!m->max_cos) {
        cli_json_null(json, "against");
        return;
    }
    cli_json_object(json, "against");
    cli_json_text(json, "sae", path);
    cli_json_int(json, "latents", m->n_against);
    cli_json_reals(json, "max_cos", m->max_cos, m->width);
    cli_json_array(json, "argmax");
    for (int64_t i = 0; i < m->width; i++) cli_json_int(json, NULL, m->nearest[i]);
    cli_json_end(json);
    cli_json_reals(json, "random_max_cos", m->random_max_cos, m->width);
    cli_json_end(json);
}

void cli_meta_json(const sae_meta *m, const cli_meta_paths *paths, FILE *out)
{
    cli_json json;
    cli_json_start(&json, out);
    cli_json_text(&json, "sae", paths->sae);
    cli_json_text(&json, "out", paths->out);
    cli_json_int(&json, "d", m->d);
    cli_json_int(&json, "n", m->n);
    cli_json_int(&json, "width", m->width);
    cli_json_int(&json, "k", m->k);
    cli_json_real(&json, "l0", m->batchtopk.l0);
    cli_json_real(&json, "theta", m->theta);
    cli_json_int(&json, "rows", m->rows);
    cli_json_real(&json, "tokens", m->tokens > 0 ? (double)m->tokens : NAN);
    cli_json_int(&json, "never_fired", m->never_fired);
    cli_json_int(&json, "zero_rows", m->zero_rows);
    cli_json_int(&json, "steps", m->steps);
    cli_json_int(&json, "batch", m->batch);
    cli_json_int(&json, "epochs", m->epochs);
    cli_json_real(&json, "explained_variance", m->batchtopk.explained_variance);
    cli_json_real(&json, "explained_variance_uncentred", m->batchtopk.explained_variance_uncentred);
    baselines(&json, m);
    cli_json_int(&json, "unused", m->unused);
    cli_json_int(&json, "alone", m->alone);
    latents(&json, m);
    against(&json, m, paths->against);
    cli_json_finish(&json);
}
