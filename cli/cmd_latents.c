/* sae latents: the contexts in which latents are most active, to read what they stand for. */
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json.h"
#include "cli/lists.h"
#include "cli/rows.h"
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

#define BATCH   4096
#define MAX_TOP 32
#define SPARE   8 /* kept beyond --top, to replace texts that repeat */

typedef struct settings {
    const char *acts, *model, *latent;
    int64_t count, top, max_tokens;
} settings;

static const sae_option *options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "acts",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, acts),
         .metavar = "ACTS",
         .help = "activations to look through, with their token ids"},
        {.name = "model",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, model),
         .metavar = "DIR",
         .help = "the language model of the activations, or its tokenizer.json; only the tokenizer is read"},
        {.name = "latent",
         .type = SAE_OPT_LIST,
         .offset = offsetof(settings, latent),
         .metavar = "ID[,ID...]",
         .help = "latents to show; without it, a few of middling density"},
        {.name = "count",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, count),
         .metavar = "N",
         .default_text = "6",
         .min = 1,
         .max = 1e6,
         .help = "how many latents to show without --latent"},
        {.name = "top",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, top),
         .metavar = "N",
         .default_text = "5",
         .min = 1,
         .max = MAX_TOP - SPARE,
         .help = "contexts to show of each latent"},
        {.name = "max-tokens",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, max_tokens),
         .metavar = "N",
         .default_text = "all",
         .zero_word = "all",
         .min = 0,
         .max = 1e15,
         .help = "look through so many rows at most"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static void defaults(void *out)
{
    settings *s = out;
    s->count = 6;
    s->top = 5;
}

/* A place where a latent is active; one per context at most. */
typedef struct place {
    float value;
    int64_t row, context; /* context: row of its first token */
} place;

typedef struct latent {
    int64_t active;
    double sum;
    int used;
    place places[MAX_TOP];
} latent;

/* Keeps the `keep` strongest places, the earlier of equals. */
static void offer(latent *l, place p, int keep)
{
    int weakest = 0, same = -1;
    for (int i = 0; i < l->used; i++) {
        if (l->places[i].context == p.context) same = i;
        if (l->places[i].value < l->places[weakest].value) weakest = i;
    }
    if (same >= 0) {
        if (p.value > l->places[same].value) l->places[same] = p;
    } else if (l->used < keep) {
        l->places[l->used++] = p;
    } else if (p.value > l->places[weakest].value) {
        l->places[weakest] = p;
    }
}

static int by_strength(const void *a_, const void *b_)
{
    const place *a = a_, *b = b_;
    if (a->value != b->value) return a->value < b->value ? 1 : -1;
    return (a->row > b->row) - (a->row < b->row);
}

/* One pass over the rows: counts and strongest places of every latent. */
static sae_status look_through(latent *latents, int64_t rows, int keep, const sae_model *model, const cli_rows *from,
                               cli_app *app, sae_error *err)
{
    sae_status status = SAE_OK;
    int64_t d = sae_model_get_info(model)->d, n = sae_model_get_info(model)->n;
    float *x = calloc(BATCH * (size_t)d, sizeof *x);
    int64_t *ids = calloc(BATCH, sizeof *ids);
    int32_t *positions = calloc(BATCH, sizeof *positions);
    sae_codes *codes = sae_codes_new();
    if (!x || !ids || !positions || !codes) CLI_TRY(cli_fail_memory(err));
    for (int64_t first = 0; first < rows; first += BATCH) {
        int64_t count = rows - first < BATCH ? rows - first : BATCH;
        CLI_TRY(cli_step(app, "looking through", "rows", first, rows, "nothing was written", err));
        CLI_TRY(sae_source_usable(from->source, first, count, x, ids, err));
        CLI_TRY(sae_model_encode(model, x, count, codes, &app->env, err));
        cli_gather_ids(from->acts, ids, count, NULL, positions, NULL);
        for (int64_t r = 0; r < count; r++) {
            for (int64_t c = codes->row_offsets[r]; c < codes->row_offsets[r + 1]; c++) {
                latent *l = &latents[codes->latents[c]];
                l->active++;
                l->sum += codes->values[c];
                offer(l, (place){codes->values[c], ids[r], ids[r] - positions[r]}, keep);
            }
        }
    }
    for (int64_t i = 0; i < n; i++) qsort(latents[i].places, (size_t)latents[i].used, sizeof(place), by_strength);
done:
    free(x);
    free(ids);
    free(positions);
    sae_codes_free(codes);
    return status;
}

typedef struct ranked {
    int64_t id, active;
} ranked;

static int by_density(const void *a_, const void *b_)
{
    const ranked *a = a_, *b = b_;
    if (a->active != b->active) return a->active > b->active ? 1 : -1;
    return (a->id > b->id) - (a->id < b->id);
}

/* `count` latents spread evenly over the middle half of those that fire, ordered by density. */
static sae_status choose(int64_t **out, size_t *n_out, const latent *latents, int64_t n, int64_t count, sae_error *err)
{
    ranked *alive = calloc((size_t)n + 1, sizeof *alive);
    int64_t *ids = calloc((size_t)count, sizeof *ids);
    int64_t n_alive = 0;
    if (!alive || !ids) {
        free(alive);
        free(ids);
        return cli_fail_memory(err);
    }
    for (int64_t i = 0; i < n; i++)
        if (latents[i].active) alive[n_alive++] = (ranked){i, latents[i].active};
    qsort(alive, (size_t)n_alive, sizeof *alive, by_density);
    int64_t from = n_alive / 4, middle = n_alive - 2 * from;
    if (count > middle) count = middle;
    for (int64_t i = 0; i < count; i++) ids[i] = alive[from + (2 * i + 1) * middle / (2 * count)].id;
    free(alive);
    *out = ids;
    *n_out = (size_t)count;
    return SAE_OK;
}

typedef struct view {
    const cli_rows *rows;
    const sae_tokenizer *tokenizer;
    int64_t tokens, excluded, top;
    int columns;
} view;

/* The next place whose text is not that of an earlier one; *at counts places, seen holds what was shown. */
static bool next_context(const view *v, const latent *l, int *at, cli_context *seen, int n_seen)
{
    for (; *at < l->used; ++*at) {
        cli_context *c = &seen[n_seen];
        cli_context_read(c, v->rows->acts, v->tokenizer, l->places[*at].row, v->columns);
        bool repeated = false;
        for (int i = 0; i < n_seen && !repeated; i++)
            repeated = strcmp(seen[i].before, c->before) == 0 && strcmp(seen[i].token, c->token) == 0;
        if (!repeated) return true;
    }
    return false;
}

static void latent_json(cli_json *json, const view *v, int64_t id, const latent *l, cli_context *seen)
{
    cli_json_object(json, NULL);
    cli_json_int(json, "id", id);
    cli_json_int(json, "n_active", l->active);
    cli_json_real(json, "density", (double)l->active / (double)v->tokens);
    cli_json_real(json, "mean", l->active ? l->sum / (double)l->active : (double)0);
    cli_json_array(json, "top");
    int shown = 0;
    for (int at = 0; shown < v->top && next_context(v, l, &at, seen, shown); at++, shown++) {
        const cli_context *c = &seen[shown];
        cli_json_object(json, NULL);
        cli_json_real(json, "activation", (double)l->places[at].value);
        cli_json_int(json, "row", l->places[at].row);
        cli_json_int(json, "document", c->document);
        cli_json_int(json, "position", c->position);
        cli_json_int(json, "token_id", c->token_id);
        cli_json_text(json, "before", c->before);
        cli_json_text(json, "token", c->token);
        cli_json_text(json, "after", c->after);
        cli_json_end(json);
    }
    cli_json_end(json);
    cli_json_end(json);
}

static void latent_text(FILE *out, const view *v, int64_t id, const latent *l, cli_context *seen)
{
    char active[48];
    cli_format_count(active, sizeof active, l->active);
    fprintf(out, "\n  Latent %lld, active on %s tokens (%.3g%%)\n", (long long)id, active,
            100 * (double)l->active / (double)v->tokens);
    int shown = 0;
    for (int at = 0; shown < v->top && next_context(v, l, &at, seen, shown); at++, shown++) {
        const cli_context *c = &seen[shown];
        bool space = c->token[0] == ' ' && c->token[1]; /* reads better outside of the marks */
        int pad = v->columns - cli_columns(c->before) - space;
        char value[32];
        cli_format_number(value, sizeof value, (double)l->places[at].value, 3);
        fprintf(out, "  %6s %*s%s%s\u00ab%s\u00bb%s\n", value, pad > 0 ? pad : 0, "", c->before, space ? " " : "",
                c->token + space, c->after);
    }
}

static sae_status print_result(cli_app *app, const view *v, const char *sae, const latent *latents, const int64_t *ids,
                               size_t n_ids, sae_error *err)
{
    cli_context *seen = calloc(MAX_TOP, sizeof *seen);
    if (!seen) return cli_fail_memory(err);
    if (app->common.json) {
        cli_json json;
        cli_json_start(&json, app->out);
        cli_json_text(&json, "sae", sae);
        cli_json_int(&json, "tokens", v->tokens);
        cli_json_int(&json, "excluded", v->excluded);
        cli_json_array(&json, "latents");
        for (size_t i = 0; i < n_ids; i++) latent_json(&json, v, ids[i], &latents[ids[i]], seen);
        cli_json_finish(&json);
    } else {
        fprintf(app->out, "Latents of %s: where each is most active among ", sae);
        cli_print_tokens(app->out, v->tokens, v->excluded);
        fputs("\n  activation, then the text with the latent's token marked\n", app->out);
        for (size_t i = 0; i < n_ids; i++) latent_text(app->out, v, ids[i], &latents[ids[i]], seen);
    }
    free(seen);
    return SAE_OK;
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    const settings *s = settings_;
    sae_status status = SAE_OK;
    sae_model *model = NULL;
    sae_tokenizer *tokenizer = NULL;
    cli_rows rows = {0};
    latent *latents = NULL;
    int64_t *ids = NULL;
    size_t n_ids = 0;
    if (!s->model) return sae_fail(err, SAE_E_ARG, "--model is missing: the language model whose tokenizer reads ids");
    CLI_TRY(cli_rows_configure(&rows, app, err));
    CLI_TRY(sae_model_load(&model, words[0], err));
    int64_t n = sae_model_get_info(model)->n;
    if (s->latent) CLI_TRY(cli_list_ints(&ids, &n_ids, "latent", s->latent, 0, n - 1, err));
    CLI_TRY(sae_tokenizer_open(&tokenizer, s->model, err));
    CLI_TRY(cli_rows_open(&rows, s->acts, app, err));
    if (!sae_acts_has_positions(rows.acts))
        CLI_TRY(sae_fail(err, SAE_E_UNSUPPORTED, "%s has no token ids; contexts are shown of what sae harvest wrote",
                         s->acts));
    const sae_source_info *info = sae_source_get_info(rows.source);
    CLI_TRY(cli_check_width(model, &info->meta, s->acts, err));
    cli_warn_mismatch(app, model, &info->meta);
    latents = calloc((size_t)n, sizeof *latents);
    if (!latents) CLI_TRY(cli_fail_memory(err));
    view v = {.rows = &rows,
              .tokenizer = tokenizer,
              .excluded = info->excluded,
              .top = s->top,
              .columns = app->common.json ? 44 : 30};
    v.tokens = s->max_tokens && s->max_tokens < info->usable ? s->max_tokens : info->usable;
    CLI_TRY(look_through(latents, v.tokens, (int)s->top + SPARE, model, &rows, app, err));
    if (!ids) CLI_TRY(choose(&ids, &n_ids, latents, n, s->count, err));
    status = print_result(app, &v, words[0], latents, ids, n_ids, err);
done:
    free(latents);
    free(ids);
    cli_rows_close(&rows);
    sae_tokenizer_close(tokenizer);
    sae_model_free(model);
    return status;
}

static const char *const usage[] = {"SAE --acts ACTS --model DIR [--latent ID,...] [--OPTION VALUE]...", NULL};
static const cli_note arguments[] = {{"SAE", "directory of the SAE"}};
static const cli_group groups[] = {{"What to look at", options, 0}};
static const cli_note examples[] = {
    {"sae --acts acts --model gpt2", "A few latents, to get an idea:"},
    {"sae --acts acts --model gpt2 --latent 17,204 --top 20", "Two latents in more depth:"},
};
static const cli_note json_keys[] = {
    {"sae, tokens, excluded", "the SAE, rows looked through, and rows left out"},
    {"latents", "array of {id, n_active, density, mean, top}: on how many tokens the latent is active, the share of "
                "tokens, and its mean activation there"},
    {"top", "strongest first, one per context: {activation, row, document, position, token_id, before, token, after}"},
};

const cli_command cli_latents = {
    .name = "latents",
    .summary = "show the texts on which latents are most active",
    .usage = usage,
    .description =
        "Encodes activations and prints the tokens on which latents are most active, with the text around them. "
        "One token per context is taken, and texts that repeat are shown once. Without --latent it takes latents "
        "spread evenly over the middle half of those that fire, ordered by how often they do.",
    .arguments = arguments,
    .n_arguments = CLI_COUNT(arguments),
    .min_words = 1,
    .max_words = 1,
    .groups = groups,
    .n_groups = CLI_COUNT(groups),
    .settings_size = sizeof(settings),
    .defaults = defaults,
    .examples = examples,
    .n_examples = CLI_COUNT(examples),
    .json = json_keys,
    .n_json = CLI_COUNT(json_keys),
    .run = run,
};
