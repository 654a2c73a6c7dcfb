/* sae bench --end-to-end: text to a trained SAE, stage by stage. */
#ifndef CLI_BENCH_WAY_H
#define CLI_BENCH_WAY_H

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <sae/bench.h>

/* What is measured, and what was found. The hook is the residual stream before the middle layer. */
typedef struct cli_bench_way {
    sae_bench_way_config config;
    sae_bench_way result;
} cli_bench_way;

/* Runs it on an opened model; config's width, k, batch and folder are set. */
sae_status cli_bench_way_run(cli_bench_way *way, const cli_lm *lm, const sae_text_config *text, cli_app *app,
                             sae_error *err);
/* The key "end_to_end". */
void cli_bench_way_json(cli_json *json, const cli_bench_way *way);
void cli_bench_way_print(FILE *out, const cli_bench_way *way);

#endif
