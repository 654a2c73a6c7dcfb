/* sae bench: what a step of a small SAE costs however small the batch is. */
#ifndef CLI_BENCH_SMALL_H
#define CLI_BENCH_SMALL_H

#include "cli/cli.h"
#include "cli/json.h"

#include <sae/bench.h>
#include <stdio.h>

/* d = 256, 512 latents. fixed->n stays 0 when this was not measured. */
sae_status cli_bench_small_run(sae_bench_fixed *fixed, int64_t k, int64_t repeats, cli_app *app, sae_error *err);
/* The key "small": null when it was not measured. */
void cli_bench_small_json(cli_json *json, const sae_bench_fixed *fixed);
void cli_bench_small_print(FILE *out, const sae_bench_fixed *fixed);

#endif
