#include "cli/sparsity.h"

#include "cli/lists.h"
#include "cli/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_L0 1e-6
#define MOST_L0  1e6

static bool is_word(const char *asked)
{
    return strcmp(asked, "small") == 0 || strcmp(asked, "large") == 0;
}

sae_status cli_sparsity_check(const char *asked, sae_error *err)
{
    double l0;
    if (!asked || is_word(asked)) return SAE_OK;
    if (cli_list_float(&l0, "sparsity-match", asked, LEAST_L0, MOST_L0, err) == SAE_OK) return SAE_OK;
    return sae_fail(err, SAE_E_ARG,
                    "--sparsity-match is \"%s\"; it takes an L0 such as 8, or small or large for that of an SAE",
                    asked);
}

/* Whose L0 the others get: the narrowest (the first of equals), or the widest (the last). */
static size_t reference_of(const char *asked, sae_model *const *models, size_t n)
{
    bool small = strcmp(asked, "small") == 0;
    if (n == 2) return small ? 0 : 1;
    size_t found = 0;
    for (size_t i = 1; i < n; i++) {
        int64_t here = sae_model_get_info(models[i])->n, best = sae_model_get_info(models[found])->n;
        if (small ? here < best : here >= best) found = i;
    }
    return found;
}

sae_status cli_sparsity_apply(cli_sparsity *sparsity, const char *asked, const char *const *words, sae_model **models,
                              size_t n, sae_source *source, int64_t max_tokens, cli_app *app, sae_error *err)
{
    sae_status status;
    double l0 = 0;
    int reference = -1;
    sae_model **matched = calloc(n, sizeof *matched);
    *sparsity = (cli_sparsity){.asked = asked, .words = words, .n = n, .matches = calloc(n, sizeof *sparsity->matches)};
    if (!matched || !sparsity->matches) CLI_TRY(cli_fail_memory(err));
    if (is_word(asked))
        reference = (int)reference_of(asked, models, n);
    else
        CLI_TRY(cli_list_float(&l0, "sparsity-match", asked, LEAST_L0, MOST_L0, err));
    CLI_TRY(sae_match_sparsity((const sae_model *const *)models, n, reference, l0, source, max_tokens, matched,
                               sparsity->matches, &app->env, err));
    for (size_t i = 0; i < n; i++) {
        if (!matched[i]) continue;
        sae_model_free(models[i]);
        models[i] = matched[i];
    }
done:
    free(matched);
    return status;
}

void cli_sparsity_free(cli_sparsity *sparsity)
{
    free(sparsity->matches);
    *sparsity = (cli_sparsity){0};
}

void cli_sparsity_json(cli_json *json, const cli_sparsity *sparsity)
{
    if (!sparsity->asked) {
        cli_json_null(json, "sparsity_match");
        return;
    }
    cli_json_array(json, "sparsity_match");
    for (size_t i = 0; i < sparsity->n; i++) {
        const sae_sparsity_match *m = &sparsity->matches[i];
        cli_json_object(json, NULL);
        cli_json_text(json, "path", sparsity->words[i]);
        cli_json_real(json, "l0_before", m->l0_before);
        cli_json_real(json, "l0", m->l0);
        cli_json_real(json, "shift", m->shift);
        cli_json_end(json);
    }
    cli_json_end(json);
}

void cli_sparsity_print(const cli_sparsity *sparsity, FILE *out)
{
    static const char *const names[] = {"SAE", "L0 before", "L0", "thresholds"};
    if (!sparsity->asked) return;
    fputs("Brought to one L0; all that follows is of SAEs with these thresholds\n\n", out);
    cli_table table;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (size_t i = 0; i < sparsity->n; i++) {
        const sae_sparsity_match *m = &sparsity->matches[i];
        char text[48];
        snprintf(text, sizeof text, "%s by %.4g", m->shift < 0 ? "lowered" : "raised", fabs(m->shift));
        cli_table_text(&table, sparsity->words[i]);
        cli_table_number(&table, m->l0_before, 5);
        cli_table_number(&table, m->l0, 5);
        cli_table_text(&table, isnan(m->shift) ? "as they are" : text);
    }
    cli_table_print(&table, out);
    fputs("\n  Thresholds of a TopK SAE, which has none, count as 0.\n\n", out);
}
