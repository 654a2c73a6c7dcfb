#include "cli/rows.h"

#include "cli/lists.h"
#include "cli/table.h"

#include <stdlib.h>

sae_status cli_rows_configure(cli_rows *rows, const cli_app *app, sae_error *err)
{
    int64_t *ids = NULL;
    size_t count = 0;
    sae_status status = cli_list_ints(&ids, &count, "exclude-tokens", app->common.exclude_tokens, 0, INT32_MAX, err);
    if (status != SAE_OK) return status;
    rows->exclude = calloc(count + 1, sizeof *rows->exclude);
    if (!rows->exclude) {
        free(ids);
        return cli_fail_memory(err);
    }
    for (size_t i = 0; i < count; i++) rows->exclude[i] = (int32_t)ids[i];
    free(ids);
    rows->config = sae_source_config_default();
    rows->config.keep_first = app->common.keep_first;
    rows->config.exclude = rows->exclude;
    rows->config.n_exclude = count;
    return SAE_OK;
}

void cli_say_screen(cli_app *app)
{
    char screen[160];
    if (sae_env_screen(&app->env, screen, sizeof screen, NULL) == SAE_OK) cli_say(app, "screen: %s", screen);
}

sae_status cli_rows_open(cli_rows *rows, const char *path, cli_app *app, sae_error *err)
{
    if (!path) return sae_fail(err, SAE_E_ARG, "--acts is missing: the activations to read");
    sae_status status = sae_acts_open(&rows->acts, path, err);
    if (status != SAE_OK) return status;
    cli_say_screen(app);
    return sae_source_open_acts(&rows->source, rows->acts, &rows->config, &app->env, err);
}

void cli_rows_close(cli_rows *rows)
{
    sae_source_close(rows->source);
    sae_acts_close(rows->acts);
    free(rows->exclude);
    *rows = (cli_rows){0};
}

void cli_warn_mismatch(cli_app *app, const sae_model *model, const sae_acts_meta *acts)
{
    char text[768];
    sae_model_mismatch(model, acts, text, sizeof text);
    if (*text) cli_warn(app, "%s", text);
}

sae_status cli_check_width(const sae_model *model, const sae_acts_meta *acts, const char *acts_path, sae_error *err)
{
    int64_t d = sae_model_get_info(model)->d;
    if (d == acts->d) return SAE_OK;
    return sae_fail(err, SAE_E_SHAPE, "%s takes activations of width %lld, but %s has width %lld",
                    sae_model_path(model), (long long)d, acts_path, (long long)acts->d);
}

void cli_gather_ids(const sae_acts *acts, const int64_t *rows, int64_t count, int32_t *tokens, int32_t *positions,
                    int32_t *docs)
{
    for (int64_t i = 0; i < count;) {
        int64_t run = 1; /* neighbouring rows are read together */
        while (i + run < count && rows[i + run] == rows[i] + run) run++;
        sae_acts_read_ids(acts, rows[i], run, tokens ? tokens + i : NULL, positions ? positions + i : NULL,
                          docs ? docs + i : NULL);
        i += run;
    }
}

void cli_print_tokens(FILE *out, int64_t tokens, int64_t excluded)
{
    char used[48], left[48];
    cli_format_count(used, sizeof used, tokens);
    cli_format_count(left, sizeof left, excluded);
    fprintf(out, "%s tokens", used);
    if (excluded) fprintf(out, " (%s left out: first positions and excluded ids)", left);
}
