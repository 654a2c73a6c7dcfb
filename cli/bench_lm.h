/* sae bench: the language model in fp32 and bf16. */
#ifndef CLI_BENCH_LM_H
#define CLI_BENCH_LM_H

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <sae/bench.h>

typedef struct cli_bench_lm {
    sae_bench_lm speed[2]; /* of a random model of 124 M parameters, fp32 and then bf16 */
    size_t count;          /* 0: nothing was measured; 1: no bf16 here */
    char model[256];       /* the model whose activations and loss were compared; "": none */
    sae_bench_precision effect;
} cli_bench_lm;

/* lm->lm may be NULL: then nothing is compared. */
sae_status cli_bench_lm_run(cli_bench_lm *bench, const cli_lm *lm, int64_t repeats, cli_app *app, sae_error *err);
/* The keys "lm" and "precision". */
void cli_bench_lm_json(cli_json *json, const cli_bench_lm *bench);
void cli_bench_lm_print(FILE *out, const cli_bench_lm *bench);

#endif
