#include "cli/bench_small.h"

#include "cli/table.h"

#include <stdlib.h>

enum { D = 256, LATENTS = 512, ROWS = 32768, MOST_ROUNDS = 20 };

sae_status cli_bench_small_run(sae_bench_fixed *fixed, int64_t k, int64_t repeats, cli_app *app, sae_error *err)
{
    float *rows = malloc((size_t)ROWS * D * sizeof *rows);
    if (!rows) return cli_fail_memory(err);
    sae_bench_power_law(ROWS, D, 1, rows);
    sae_bench_data data = {.name = "", .rows = rows, .count = ROWS, .d = D};
    sae_status status =
        sae_bench_fixed_cost(LATENTS, k < LATENTS ? k : LATENTS, repeats < MOST_ROUNDS ? repeats : MOST_ROUNDS, &data,
                             fixed, &app->env, err);
    free(rows);
    return status;
}

void cli_bench_small_json(cli_json *json, const sae_bench_fixed *f)
{
    if (f->n == 0) {
        cli_json_null(json, "small");
        return;
    }
    cli_json_object(json, "small");
    cli_json_int(json, "d", f->d);
    cli_json_int(json, "n", f->n);
    cli_json_int(json, "k", f->k);
    cli_json_array(json, "steps");
    for (int i = 0; i < SAE_BENCH_BATCHES; i++) {
        cli_json_object(json, NULL);
        cli_json_int(json, "B", f->batch[i]);
        cli_json_real(json, "seconds", f->seconds[i]);
        cli_json_end(json);
    }
    cli_json_end(json);
    cli_json_real(json, "intercept", f->intercept);
    cli_json_real(json, "adam", f->adam);
    cli_json_real(json, "fixed_cost", f->cost);
    cli_json_end(json);
}

void cli_bench_small_print(FILE *out, const sae_bench_fixed *f)
{
    static const char *const names[] = {"small SAE", "latents", "tokens", "step, µs", "tokens/s"};
    cli_table table;
    if (f->n == 0) return;
    fputc('\n', out);
    cli_table_start(&table, names, CLI_COUNT(names));
    for (int i = 0; i < SAE_BENCH_BATCHES; i++) {
        char name[64];
        snprintf(name, sizeof name, "batchtopk d=%lld", (long long)f->d);
        cli_table_text(&table, name);
        cli_table_count(&table, f->n);
        cli_table_count(&table, f->batch[i]);
        cli_table_number(&table, 1e6 * f->seconds[i], 3);
        cli_table_count(&table, (int64_t)((double)f->batch[i] / f->seconds[i]));
    }
    cli_table_print(&table, out);
    fprintf(
        out,
        "\n  Fixed cost of a step: %.0f µs at no tokens, by the line through these steps, less %.0f µs for Adam alone "
        "= %.0f µs.\n",
        1e6 * f->intercept, 1e6 * f->adam, 1e6 * f->cost);
}
