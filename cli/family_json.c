#include "cli/family_json.h"

#include "cli/compare_json.h"
#include "cli/json.h"

static void members(cli_json *json, const sae_family *f)
{
    cli_json_array(json, "saes");
    for (size_t i = 0; i < f->n_members; i++) {
        const sae_family_member *m = &f->members[i];
        cli_json_object(json, NULL);
        cli_json_text(json, "path", m->path);
        cli_json_int(json, "n", m->n);
        cli_json_real(json, "l0", m->l0);
        cli_json_real(json, "mse", m->mse);
        cli_json_int(json, "never_fired", m->never_fired);
        cli_json_int(json, "first", f->n_first[i]);
        cli_json_end(json);
    }
    cli_json_end(json);
}

static void matrix(cli_json *json, const sae_family *f)
{
    cli_json_array(json, "novel");
    for (size_t i = 0; i < f->n_members; i++)
        cli_json_ints(json, NULL, f->novel + i * f->n_members, (int64_t)f->n_members);
    cli_json_end(json);
    cli_json_array(json, "novel_share");
    for (size_t i = 0; i < f->n_members; i++) {
        cli_json_array(json, NULL);
        for (size_t j = 0; j < f->n_members; j++)
            cli_json_real(json, NULL, (double)f->novel[i * f->n_members + j] / (double)f->members[i].n);
        cli_json_end(json);
    }
    cli_json_end(json);
}

static void tree(cli_json *json, const sae_family *f)
{
    size_t smaller = f->n_members - 1;
    int64_t n = f->members[smaller].n;
    cli_json_object(json, "tree");
    cli_json_ids(json, "first", f->first, n);
    cli_json_array(json, "nearest");
    for (size_t j = 0; j < smaller; j++) cli_json_ids(json, NULL, f->ancestor + (int64_t)j * n, n);
    cli_json_end(json);
    cli_json_array(json, "cos");
    for (size_t j = 0; j < smaller; j++) cli_json_reals(json, NULL, f->ancestor_cos + (int64_t)j * n, n);
    cli_json_end(json);
    cli_json_end(json);
}

void cli_family_json(const sae_family *f, const cli_sparsity *sparsity, FILE *out)
{
    cli_json json;
    cli_json_start(&json, out);
    members(&json, f);
    cli_json_int(&json, "tokens", f->tokens);
    cli_json_real(&json, "threshold", f->threshold);
    cli_sparsity_json(&json, sparsity);
    matrix(&json, f);
    cli_json_array(&json, "neighbours");
    for (size_t i = 0; i + 1 < f->n_members; i++) {
        cli_json_object(&json, NULL);
        cli_compare_members(&json, f->neighbours[i], f->members[i].path, f->members[i + 1].path);
        cli_json_end(&json);
    }
    cli_json_end(&json);
    tree(&json, f);
    cli_json_finish(&json);
}
