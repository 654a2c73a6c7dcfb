/* sae convert: an SAE of any tool, written as another reads it. */
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/theta_for_l0.h"

#include <sae/model.h>

#include <math.h>
#include <string.h>

typedef struct settings {
    int to; /* index into the words of --to, which are in the order of sae_format */
    double theta;
    const char *acts;
    bool force;
} settings;

static const sae_option *options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "to",
         .type = SAE_OPT_CHOICE,
         .offset = offsetof(settings, to),
         .default_text = "saelens",
         .choices = "saelens|sparsify|dictionary_learning|npz",
         .help = "whose format to write"},
        {.name = "theta",
         .type = SAE_OPT_FLOAT,
         .offset = offsetof(settings, theta),
         .metavar = "F",
         .default_text = "the file's",
         .min = 0,
         .max = 1e30,
         .help = "threshold of all latents, for a BatchTopK SAE whose file has none"},
        {.name = "acts",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, acts),
         .metavar = "ACTS",
         .help = "instead of --theta: activations on which the SAE then has k active latents per token"},
        {.name = "force",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(settings, force),
         .help = "write although OUT is already there"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static void defaults(void *out)
{
    ((settings *)out)->theta = (double)NAN;
}

static void print_result(cli_app *app, const char *in, const char *out, const sae_model *model, sae_format to)
{
    const sae_model_info *info = sae_model_get_info(model);
    const char *from = sae_format_name(sae_model_get_format(model));
    double theta = info->has_theta ? info->theta : (double)NAN;
    if (app->common.json) {
        cli_json json;
        cli_json_start(&json, app->out);
        cli_json_text(&json, "sae", in);
        cli_json_text(&json, "out", out);
        cli_json_text(&json, "from", from);
        cli_json_text(&json, "to", sae_format_name(to));
        cli_json_text(&json, "arch", sae_arch_name(info->arch));
        cli_json_int(&json, "d", info->d);
        cli_json_int(&json, "n", info->n);
        if (info->k > 0)
            cli_json_int(&json, "k", info->k);
        else
            cli_json_null(&json, "k");
        cli_json_real(&json, "theta", theta);
        cli_json_finish(&json);
        return;
    }
    cli_facts facts = {.out = app->out, .name_width = 8, .value_width = 12};
    fprintf(app->out, "%s (%s) written to %s (%s)\n\n", in, from, out, sae_format_name(to));
    cli_fact(&facts, "arch", sae_arch_name(info->arch), "how it was trained, as far as its files say");
    cli_fact_count(&facts, "d", info->d, "numbers per token");
    cli_fact_count(&facts, "n", info->n, "latents");
    if (info->k > 0)
        cli_fact_count(&facts, "k", info->k,
                       info->rule == SAE_RULE_TOPK ? "active latents of a token" : "active latents, on average");
    if (info->has_theta) cli_fact_number(&facts, "theta", theta, 6, "threshold of all latents");
}

/* A BatchTopK SAE without a threshold, with the one that gives its own k. */
static sae_status load_measured(cli_app *app, sae_model **out, const char *in, const char *acts, sae_error *err)
{
    sae_status status;
    sae_model *open_model = NULL;
    double theta;
    CLI_TRY(sae_model_load_theta(&open_model, in, 0, err));
    int64_t k = sae_model_get_info(open_model)->k;
    if (k == 0)
        CLI_TRY(sae_fail(err, SAE_E_UNSUPPORTED, "%s does not say how many latents are active (k); use --theta", in));
    CLI_TRY(cli_theta_for_l0(app, open_model, acts, k, &theta, err));
    status = sae_model_load_theta(out, in, theta, err);
done:
    sae_model_free(open_model);
    return status;
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    const settings *s = settings_;
    const char *in = words[0], *out = words[1];
    sae_format to = (sae_format)s->to;
    sae_model *model = NULL;
    sae_status status = SAE_OK;
    if (cli_exists(out) && !s->force)
        return sae_fail(err, SAE_E_EXISTS, "%s is already there; --force writes to it", out);
    if (s->acts && !isnan(s->theta)) return sae_fail(err, SAE_E_ARG, "--theta and --acts exclude each other");
    if (s->acts)
        CLI_TRY(load_measured(app, &model, in, s->acts, err));
    else if (!isnan(s->theta))
        CLI_TRY(sae_model_load_theta(&model, in, s->theta, err));
    else
        CLI_TRY(sae_model_load(&model, in, err));
    CLI_TRY(sae_model_save_as(model, to, out, err));
    print_result(app, in, out, model, to);
done:
    sae_model_free(model);
    return status;
}

static const char *const usage[] = {"IN OUT [--to FORMAT]", NULL};
static const cli_note arguments[] = {
    {"IN", "an SAE: a directory or file of SAELens, sparsify, dictionary_learning, Gemma Scope, OpenAI, BatchTopK or "
           "Matryoshka SAE"},
    {"OUT", "what to write: a directory; for npz a directory or a file whose name ends with .npz"},
};
static const cli_group groups[] = {{"Conversion", options, 0}};
static const cli_note examples[] = {
    {"gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 gemma",
     "Gemma Scope's params.npz as a SAELens directory:"},
    {"sae/topk-512-k8 for-sparsify --to sparsify", "An SAE of one's own for EleutherAI's sparsify:"},
    {"checkpoints/gpt2_blocks.8.hook_resid_pre_768 batchtopk --acts acts",
     "A checkpoint of the BatchTopK repository, with a threshold by activations:"},
};
static const cli_note json_keys[] = {
    {"sae, out", "IN and OUT"},
    {"from, to", "the formats: saelens, sparsify, dictionary_learning, npz; from also openai and batchtopk"},
    {"arch, d, n", "relu, topk, batchtopk, jumprelu or matryoshka; numbers per token; latents"},
    {"k, theta", "active latents and threshold of all latents; null where there is none"},
};

const cli_command cli_convert = {
    .name = "convert",
    .summary = "write an SAE of one tool as another reads it",
    .usage = usage,
    .description =
        "Reads an SAE in the format of any tool that sae knows, and writes it in that of another. Which format IN "
        "has is seen from its files. Codes and reconstructions stay as they are: scales of the inputs, decoder "
        "norms and centring are folded into the weights where the formats differ. What a format cannot express "
        "is refused: sparsify has only TopK, npz only thresholds, and only saelens standardises tokens.\n\n"
        "BatchTopK chooses latents across a batch in training and needs a threshold afterwards. Files of the "
        "BatchTopK repository have none: --theta gives it, or --acts activations to set it by.\n\n"
        "Every other command reads these formats too, without converting.",
    .arguments = arguments,
    .n_arguments = CLI_COUNT(arguments),
    .min_words = 2,
    .max_words = 2,
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
