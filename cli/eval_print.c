#include "cli/eval_print.h"

#include "cli/json.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DENSITY_LOW  (-8.0) /* log10 of the lowest density in the histogram */
#define DENSITY_STEP 0.2

static void density_json(cli_json *json, const sae_eval *eval)
{
    cli_json_object(json, "density");
    cli_json_array(json, "edges");
    for (int i = 0; i <= SAE_DENSITY_BINS; i++)
        cli_json_real(json, NULL, round((DENSITY_LOW + DENSITY_STEP * i) * 10) / 10);
    cli_json_end(json);
    cli_json_ints(json, "counts", eval->density_counts, SAE_DENSITY_BINS);
    cli_json_end(json);
}

static void ce_json(cli_json *json, const sae_eval_ce *ce)
{
    if (!ce) {
        cli_json_null(json, "ce");
        return;
    }
    cli_json_object(json, "ce");
    cli_json_real(json, "clean", ce->clean);
    cli_json_real(json, "spliced", ce->spliced);
    cli_json_real(json, "zero", ce->zero);
    cli_json_real(json, "mean", ce->mean);
    cli_json_real(json, "recovered", ce->recovered);
    cli_json_real(json, "recovered_mean", ce->recovered_mean);
    cli_json_real(json, "kl", ce->kl);
    cli_json_int(json, "tokens", ce->tokens);
    cli_json_end(json);
}

void cli_eval_print_json(const cli_eval_results *r, FILE *out)
{
    cli_json json;
    cli_json_start(&json, out);
    cli_json_int(&json, "tokens", r->evals[0].tokens);
    cli_json_int(&json, "excluded", r->excluded);
    cli_json_array(&json, "saes");
    for (size_t i = 0; i < r->n; i++) {
        const sae_model_info *info = sae_model_get_info(r->models[i]);
        const sae_eval *e = &r->evals[i];
        cli_json_object(&json, NULL);
        cli_json_text(&json, "path", sae_model_path(r->models[i]));
        cli_json_text(&json, "arch", sae_arch_name(info->arch));
        cli_json_int(&json, "d", info->d);
        cli_json_int(&json, "n", info->n);
        if (info->k > 0)
            cli_json_int(&json, "k", info->k);
        else
            cli_json_null(&json, "k");
        cli_json_real(&json, "l0", e->l0);
        cli_json_real(&json, "mse", e->mse);
        cli_json_real(&json, "mse_per_dim", e->mse_per_dim);
        cli_json_real(&json, "fvu", e->fvu);
        cli_json_real(&json, "explained_variance", e->explained_variance);
        cli_json_real(&json, "cosine", e->cosine);
        cli_json_real(&json, "l2_ratio", e->l2_ratio);
        cli_json_real(&json, "rel_bias", e->rel_bias);
        cli_json_bool(&json, "on_frontier", r->points[i].on_frontier);
        cli_json_int(&json, "dead", e->dead);
        cli_json_real(&json, "theta", info->has_theta ? info->theta : (double)NAN);
        density_json(&json, e);
        ce_json(&json, r->ce ? &r->ce[i] : NULL);
        cli_json_end(&json);
    }
    cli_json_end(&json);
    cli_json_finish(&json);
}

static void print_reconstruction(const cli_eval_results *r, FILE *out)
{
    static const char *const names[] = {"SAE",       "width",  "L0",       "MSE",      "per dim", "FVU",
                                        "explained", "cosine", "l2 ratio", "rel bias", "dead"};
    cli_table table;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (size_t i = 0; i < r->n; i++) {
        const sae_eval *e = &r->evals[i];
        cli_table_text(&table, sae_model_path(r->models[i]));
        cli_table_count(&table, sae_model_get_info(r->models[i])->n);
        cli_table_number(&table, e->l0, 4);
        cli_table_number(&table, e->mse, 4);
        cli_table_number(&table, e->mse_per_dim, 4);
        cli_table_number(&table, e->fvu, 4);
        cli_table_percent(&table, e->explained_variance);
        cli_table_number(&table, e->cosine, 4);
        cli_table_number(&table, e->l2_ratio, 4);
        cli_table_number(&table, e->rel_bias, 4);
        cli_table_count(&table, e->dead);
    }
    cli_table_print(&table, out);
    fputs("\n"
          "  L0         active latents per token\n"
          "  MSE        squared error of the reconstruction, summed over the dimensions\n"
          "  per dim    the same divided by d\n"
          "  FVU        share of the activations' variance that the reconstruction misses\n"
          "  explained  the rest of the variance\n"
          "  cosine     between activation and reconstruction, mean over tokens\n"
          "  l2 ratio   length of the reconstruction over that of the activation\n"
          "  rel bias   1 where the reconstruction has the length that fits best\n"
          "  dead       latents that never fired on these tokens\n",
          out);
}

static void print_ce(const cli_eval_results *r, FILE *out)
{
    static const char *const names[] = {"cross-entropy", "clean",     "spliced",   "zeroed",
                                        "mean",          "recovered", "over mean", "KL(clean|spliced)"};
    cli_table table;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (size_t i = 0; i < r->n; i++) {
        const sae_eval_ce *ce = &r->ce[i];
        const char *path = sae_model_path(r->models[i]), *slash = strrchr(path, '/');
        cli_table_text(&table, slash && slash[1] ? slash + 1 : path);
        cli_table_number(&table, ce->clean, 4);
        cli_table_number(&table, ce->spliced, 4);
        cli_table_number(&table, ce->zero, 4);
        cli_table_number(&table, ce->mean, 4);
        cli_table_percent(&table, ce->recovered);
        cli_table_percent(&table, ce->recovered_mean);
        cli_table_number(&table, ce->kl, 4);
    }
    fputc('\n', out);
    cli_table_print(&table, out);
    char tokens[48];
    cli_format_count(tokens, sizeof tokens, r->ce[0].tokens);
    fprintf(out,
            "\n"
            "  Loss of the language model in nats per token, over %s predicted tokens: with\n"
            "  its own activations (clean), with reconstructions in their place (spliced),\n"
            "  with zeros, and with the mean activation.\n"
            "  recovered  (zeroed - spliced) / (zeroed - clean): 100%% would be perfect\n"
            "  over mean  the same with the mean in place of zeros, which is harder\n",
            tokens);
}

static void print_density(const sae_eval *e, FILE *out)
{
    int64_t most = 1;
    int low = SAE_DENSITY_BINS, high = -1;
    for (int i = 0; i < SAE_DENSITY_BINS; i++) {
        if (!e->density_counts[i]) continue;
        if (i < low) low = i;
        high = i;
        if (e->density_counts[i] > most) most = e->density_counts[i];
    }
    fputs("\n  How often latents fire (share of tokens, and how many latents)\n", out);
    for (int i = low; i <= high; i++) {
        int bar = (int)lround(50.0 * (double)e->density_counts[i] / (double)most);
        fprintf(out, "  %8.2g .. %-8.2g %6lld ", pow(10, DENSITY_LOW + DENSITY_STEP * i),
                pow(10, DENSITY_LOW + DENSITY_STEP * (i + 1)), (long long)e->density_counts[i]);
        for (int j = 0; j < bar; j++) fputc('#', out);
        fputc('\n', out);
    }
}

static sae_status print_frontier(const cli_eval_results *r, FILE *out, sae_error *err)
{
    char *drawing = NULL;
    sae_status status = sae_frontier_draw(r->points, r->n, cli_terminal_columns(STDOUT_FILENO), &drawing, err);
    if (status != SAE_OK) return status;
    fprintf(out, "\nL0-FVU frontier: lower left is better\n\n%s", drawing);
    free(drawing);
    return SAE_OK;
}

sae_status cli_eval_print_tables(const cli_eval_results *r, const char *acts, FILE *out, sae_error *err)
{
    fprintf(out, "Reconstruction of ");
    cli_print_tokens(out, r->evals[0].tokens, r->excluded);
    fprintf(out, " from %s\n\n", acts);
    print_reconstruction(r, out);
    if (r->ce) print_ce(r, out);
    if (r->n > 1) return print_frontier(r, out, err);
    print_density(&r->evals[0], out);
    return SAE_OK;
}
