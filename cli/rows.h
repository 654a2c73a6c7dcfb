/* The rows that a command reads: activations opened with the options that every command has, and what people are
 * told about rows left out. */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include "cli/cli.h"

#include <sae/data.h>
#include <sae/model.h>

typedef struct cli_rows {
    sae_acts *acts; /* NULL when the rows come from the running model */
    sae_source *source;
    sae_source_config config; /* as the source was opened */
    int32_t *exclude;         /* config.exclude */
} cli_rows;

/* Fills rows->config with the defaults and the common options. */
sae_status cli_rows_configure(cli_rows *rows, const cli_app *app, sae_error *err);
/* Opens `path` with rows->config, which cli_rows_configure has filled, and tells what its rows are screened with. */
sae_status cli_rows_open(cli_rows *rows, const char *path, cli_app *app, sae_error *err);
void cli_rows_close(cli_rows *rows);

/* Tells what latents are screened with: for rows that come from elsewhere. */
void cli_say_screen(cli_app *app);

/* A warning when the activations are not of the kind that the SAE was trained on. */
void cli_warn_mismatch(cli_app *app, const sae_model *model, const sae_acts_meta *acts);

/* SAE_E_SHAPE that names both sides when the SAE cannot take the activations. */
sae_status cli_check_width(const sae_model *model, const sae_acts_meta *acts, const char *acts_path, sae_error *err);

/* rows [count] of activations → their ids, as sae_acts_read_ids for each. */
void cli_gather_ids(const sae_acts *acts, const int64_t *rows, int64_t count, int32_t *tokens, int32_t *positions,
                    int32_t *docs);

/* Prints "1,048,576 tokens (8,192 left out)". */
void cli_print_tokens(FILE *out, int64_t tokens, int64_t excluded);

#endif
