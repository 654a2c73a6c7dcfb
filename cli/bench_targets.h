/* sae bench: what a step is meant to reach on two cores, beside what it reached. */
#ifndef CLI_BENCH_TARGETS_H
#define CLI_BENCH_TARGETS_H

#include "cli/json.h"

#include <sae/bench.h>
#include <stdio.h>

enum { CLI_BENCH_TARGETS = 6 };

typedef struct cli_bench_target {
    const char *name;
    double value, limit;
    bool at_least;       /* else: at most */
    const char *skipped; /* why there is no value; NULL: there is one */
} cli_bench_target;

/* `narrow` and `wide` are BatchTopK at d = 768 without dead latents and 12,288 and 98,304 latents; wide NULL: not
 * measured; small->n is 0 when that was not measured. screen: what sae_env_screen says. */
void cli_bench_targets(const sae_bench_step *narrow, const sae_bench_step *wide, const sae_bench_fixed *small,
                       const char *screen, cli_bench_target out[CLI_BENCH_TARGETS]);
/* The key "targets". */
void cli_bench_targets_json(cli_json *json, const cli_bench_target *targets);
void cli_bench_targets_print(FILE *out, const cli_bench_target *targets);

#endif
