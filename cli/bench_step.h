/* sae bench: what was measured of a training step, as JSON. */
#ifndef CLI_BENCH_STEP_H
#define CLI_BENCH_STEP_H

#include "cli/json.h"

#include <sae/bench.h>

/* The keys from "seconds" to "peak_bytes" of an object that is begun. */
void cli_bench_step_json(cli_json *json, const sae_bench_step *b);

#endif
