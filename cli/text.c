#include "cli/text.h"

#include "cli/lists.h"

#include <stdlib.h>
#include <string.h>

#define SITES "resid_pre|resid_mid|resid_post|attn_out|mlp_out|z|mlp_post"

const sae_option *cli_place_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "model",
         .type = SAE_OPT_STRING,
         .offset = offsetof(cli_place, model),
         .metavar = "DIR",
         .help = "the language model: a Hugging Face directory of a GPT-2"},
        {.name = "layer",
         .type = SAE_OPT_LIST,
         .offset = offsetof(cli_place, layer),
         .metavar = "L[,L...]",
         .help = "layers to take activations from, counted from 0"},
        {.name = "site",
         .type = SAE_OPT_CHOICE,
         .offset = offsetof(cli_place, site),
         .default_text = "resid_pre",
         .choices = SITES,
         .help = "where in the layers"},
        {.name = "hook",
         .type = SAE_OPT_LIST,
         .offset = offsetof(cli_place, hook),
         .metavar = "NAME[,NAME...]",
         .help = "instead of --layer and --site: TransformerLens names such as blocks.4.hook_resid_pre"},
        {.name = "center-residual",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(cli_place, center_residual),
         .help = "subtract each row's mean over d at resid_* hooks, as TransformerLens' centred weights do"},
    };
    *count = CLI_COUNT(table);
    return table;
}

const sae_option *cli_model_options(size_t *count)
{
    const sae_option *table = cli_place_options(count);
    *count = 1;
    return table;
}

const sae_option *cli_text_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "tokens",
         .type = SAE_OPT_STRING,
         .offset = offsetof(sae_text_config, tokens_file),
         .metavar = "FILE.npy",
         .help = "instead of --text: token ids, one long row or [contexts, ctx]"},
        {.name = "text",
         .type = SAE_OPT_FILES,
         .offset = offsetof(sae_text_config, files),
         .metavar = "FILE...",
         .help = "text: .jsonl (a document is the key \"text\" of a line), any other name is plain text"},
        {.name = "ctx",
         .type = SAE_OPT_INT,
         .offset = offsetof(sae_text_config, ctx),
         .metavar = "N",
         .default_text = "128",
         .min = 2,
         .max = 1 << 20,
         .help = "tokens per context"},
        {.name = "max-tokens",
         .type = SAE_OPT_INT,
         .offset = offsetof(sae_text_config, max_tokens),
         .metavar = "N",
         .default_text = "all",
         .zero_word = "all",
         .min = 0,
         .max = 1e15,
         .help = "stop reading text after so many tokens"},
        {.name = "prepend-bos",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(sae_text_config, prepend_bos),
         .help = "put the BOS token first in each context"},
        {.name = "split",
         .type = SAE_OPT_STRING,
         .offset = offsetof(sae_text_config, split),
         .metavar = "STR",
         .help = "lines equal to this separate the documents of a text file"},
        {.name = "parse-special",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(sae_text_config, parse_special),
         .help = "read special tokens written in the text, such as <|endoftext|>, as such"},
    };
    *count = CLI_COUNT(table);
    return table;
}

const sae_option *cli_text_only_options(size_t *count)
{
    const sae_option *table = cli_text_options(count);
    --*count;
    return table + 1;
}

sae_status cli_lm_check(const char *model, const sae_text_config *text, sae_error *err)
{
    if (!model) return sae_fail(err, SAE_E_ARG, "--model is missing: the directory of the language model");
    if (text->files && text->tokens_file)
        return sae_fail(err, SAE_E_ARG, "--text and --tokens exclude each other: the text is read or given as ids");
    if (!text->files && !text->tokens_file)
        return sae_fail(err, SAE_E_ARG, "--text is missing: the files that the language model is to read");
    return SAE_OK;
}

sae_status cli_lm_open_model(sae_lm **out, const char *model, cli_app *app, sae_error *err)
{
    const sae_precision precision = (sae_precision)app->common.precision;
    sae_lm *lm;
    sae_status status = sae_lm_open(&lm, model, &app->env, err);
    if (status != SAE_OK) return status;
    status = sae_lm_set_precision(lm, precision, &app->env, err);
    if (status != SAE_OK) {
        sae_lm_close(lm);
        return status;
    }
    cli_say(app, "language model in %s (%s)", sae_precision_name(precision), sae_precision_unit(precision));
    *out = lm;
    return SAE_OK;
}

sae_status cli_lm_open(cli_lm *out, const char *model, const sae_text_config *text, cli_app *app, sae_error *err)
{
    sae_status status = cli_lm_check(model, text, err);
    cli_lm opened = {0};
    if (status != SAE_OK) return status;
    CLI_TRY(cli_lm_open_model(&opened.lm, model, app, err));
    sae_lm_info info = sae_lm_get_info(opened.lm);
    if (text->ctx > info.positions) {
        status = sae_fail(err, SAE_E_ARG, "--ctx is %lld, but %s has only %lld positions", (long long)text->ctx, model,
                          (long long)info.positions);
        goto done;
    }
    status = sae_tokenizer_open(&opened.tokenizer, model, err);
    if (status != SAE_OK && text->files) goto done;
    int32_t eos = opened.tokenizer ? sae_tokenizer_eos(opened.tokenizer) : info.eos;
    CLI_TRY(sae_contexts_read(&opened.contexts, text, opened.tokenizer, eos, &app->env, err));
    *out = opened;
    return SAE_OK;
done:
    cli_lm_close(&opened);
    return status;
}

void cli_lm_close(cli_lm *lm)
{
    sae_contexts_free(lm->contexts);
    sae_tokenizer_close(lm->tokenizer);
    sae_lm_close(lm->lm);
    *lm = (cli_lm){0};
}

/* The hook at --site of the layer written in `word`. */
static sae_status layer_hook(sae_hook *out, const cli_place *place, const sae_lm *lm, const char *word, sae_error *err)
{
    int64_t layer;
    char name[96];
    sae_status status = cli_list_int(&layer, "layer", word, 0, INT32_MAX, err);
    if (status != SAE_OK) return status;
    sae_hook_name((sae_hook){.layer = (int)layer, .site = (sae_hook_site)place->site}, name, sizeof name);
    return sae_hook_parse(out, lm, name, err);
}

sae_status cli_place_hooks(const cli_place *place, const sae_lm *lm, sae_hook **hooks, size_t *count, sae_error *err)
{
    sae_status status = SAE_OK;
    cli_list list = {0};
    sae_hook *found = NULL;
    if (place->layer && place->hook)
        return sae_fail(err, SAE_E_ARG, "--layer and --hook exclude each other: name the place once");
    if (!place->layer && !place->hook)
        return sae_fail(err, SAE_E_ARG, "--layer is missing: the layer whose activations are wanted (or --hook)");
    CLI_TRY(cli_list_split(&list, place->layer ? "layer" : "hook", place->layer ? place->layer : place->hook, err));
    found = calloc(list.count, sizeof *found);
    if (!found) {
        status = cli_fail_memory(err);
        goto done;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (place->layer)
            CLI_TRY(layer_hook(&found[i], place, lm, list.words[i], err));
        else
            CLI_TRY(sae_hook_parse(&found[i], lm, list.words[i], err));
        for (size_t j = 0; j < i; j++) {
            if (found[j].layer != found[i].layer || found[j].site != found[i].site) continue;
            status =
                sae_fail(err, SAE_E_ARG, "--%s names \"%s\" twice", place->layer ? "layer" : "hook", list.words[i]);
            goto done;
        }
    }
    *hooks = found;
    *count = list.count;
    found = NULL;
done:
    free(found);
    cli_list_free(&list);
    return status;
}
