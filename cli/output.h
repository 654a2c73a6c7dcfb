/* Options of commands that write an activation directory. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli/cli.h"

#include <sae/io.h>

typedef struct cli_output {
    const char *out;
    int dtype_word; /* index into the words of --dtype */
    int64_t shard_tokens;
    bool force;
} cli_output;

cli_output cli_output_default(void);
const sae_option *cli_output_options(size_t *count);
/* The type that --dtype names. */
sae_dtype cli_output_dtype(const cli_output *output);
/* SAE_E_ARG when --out was not given. */
sae_status cli_output_check(const cli_output *output, sae_error *err);

#endif
