#include "cli/bench_lm.h"

#include "cli/table.h"

#include <stdio.h>
#include <string.h>

enum { CONTEXTS = 64 };

#define AMX_TIMES 4 /* how much faster than fp32 bf16 is to be with AMX */

sae_status cli_bench_lm_run(cli_bench_lm *bench, const cli_lm *lm, int64_t repeats, cli_app *app, sae_error *err)
{
    sae_status status =
        sae_bench_gpt2(12, 768, 12, 50257, 32, 128, repeats, bench->speed, &bench->count, &app->env, err);
    if (status != SAE_OK || !lm->lm || bench->count < 2) return status;
    status = sae_bench_compare_precision(lm->lm, lm->contexts, CONTEXTS, &bench->effect, &app->env, err);
    if (status == SAE_OK) snprintf(bench->model, sizeof bench->model, "%s", sae_lm_get_info(lm->lm).name);
    return status;
}

/* Whether the speed that is asked of AMX was reached; a machine without it has neither met nor missed it. */
static const char *amx_verdict(const sae_bench_lm *bf16)
{
    if (strcmp(sae_precision_unit(SAE_PRECISION_BF16), "AMX") != 0) return "skipped: no AMX";
    return bf16->times_fp32 >= AMX_TIMES ? "met" : "missed";
}

void cli_bench_lm_json(cli_json *json, const cli_bench_lm *bench)
{
    cli_json_array(json, "lm");
    for (size_t i = 0; i < bench->count; i++) {
        const sae_bench_lm *b = &bench->speed[i];
        cli_json_object(json, NULL);
        cli_json_int(json, "params", b->parameters);
        cli_json_text(json, "precision", sae_precision_name(b->precision));
        cli_json_text(json, "unit", sae_precision_unit(b->precision));
        cli_json_real(json, "tokens_per_s", b->tokens_per_s);
        cli_json_real(json, "gflops", b->gflops);
        cli_json_real(json, "sgemm_gflops", b->sgemm_gflops);
        cli_json_real(json, "ratio", b->ratio);
        cli_json_real(json, "times_fp32", b->times_fp32);
        cli_json_text(json, "amx_4_times", i ? amx_verdict(b) : NULL);
        cli_json_end(json);
    }
    cli_json_end(json);
    if (!*bench->model) {
        cli_json_null(json, "bf16_effect");
        return;
    }
    const sae_bench_precision *e = &bench->effect;
    cli_json_object(json, "bf16_effect");
    cli_json_text(json, "model", bench->model);
    cli_json_int(json, "tokens", e->tokens);
    cli_json_real(json, "activation_error", e->error);
    cli_json_int(json, "layer", e->layer);
    cli_json_real(json, "loss_fp32", e->loss32);
    cli_json_real(json, "loss_bf16", e->loss);
    cli_json_real(json, "loss_difference", e->loss - e->loss32);
    cli_json_end(json);
}

void cli_bench_lm_print(FILE *out, const cli_bench_lm *bench)
{
    static const char *const names[] = {"language model", "products by", "tokens/s", "GFLOP/s",
                                        "SGEMM's",        "ratio",       "× fp32",   "4 × with AMX"};
    cli_table table;
    if (bench->count == 0) return;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (size_t i = 0; i < bench->count; i++) {
        const sae_bench_lm *b = &bench->speed[i];
        char name[64];
        snprintf(name, sizeof name, "%.0f M parameters, %s", (double)b->parameters / 1e6,
                 sae_precision_name(b->precision));
        cli_table_text(&table, name);
        cli_table_text(&table, sae_precision_unit(b->precision));
        cli_table_count(&table, (int64_t)b->tokens_per_s);
        cli_table_number(&table, b->gflops, 4);
        cli_table_number(&table, b->sgemm_gflops, 4);
        cli_table_number(&table, b->ratio, 3);
        cli_table_number(&table, b->times_fp32, 3);
        cli_table_text(&table, i ? amx_verdict(b) : "");
    }
    fputc('\n', out);
    cli_table_print(&table, out);
    fputs("\n  The forward pass without logits. SGEMM's: plain fp32 products of its shapes, by the library on all "
          "threads.\n",
          out);
    if (bench->count < 2) fputs("  bf16 is skipped: this processor or this build has no products in bf16.\n", out);
    if (!*bench->model) return;
    const sae_bench_precision *e = &bench->effect;
    char tokens[48];
    cli_format_count(tokens, sizeof tokens, e->tokens);
    fprintf(
        out,
        "\n  What bf16 changes in %s, over %s tokens: the residual stream by %.2f%% after layer %d, where it is most\n"
        "  (‖difference‖/‖activation‖); the loss from %.4f to %.4f nats (%+.4f).\n",
        bench->model, tokens, 100 * e->error, e->layer, e->loss32, e->loss, e->loss - e->loss32);
}
