#include "cli/splice.h"

cli_splice cli_splice_default(void)
{
    return (cli_splice){.text_tokens = 65536};
}

const sae_option *cli_splice_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "model",
         .type = SAE_OPT_STRING,
         .offset = offsetof(cli_splice, model),
         .metavar = "DIR",
         .help = "the language model that the activations are from"},
        {.name = "text",
         .type = SAE_OPT_FILES,
         .offset = offsetof(cli_splice, text),
         .metavar = "FILE...",
         .help = "text to predict, cut into contexts as the activations were"},
        {.name = "text-tokens",
         .type = SAE_OPT_INT,
         .offset = offsetof(cli_splice, text_tokens),
         .metavar = "N",
         .default_text = "65536",
         .zero_word = "all",
         .min = 0,
         .max = 1e15,
         .help = "read so many tokens of text at most"},
        {.name = "split",
         .type = SAE_OPT_STRING,
         .offset = offsetof(cli_splice, split),
         .metavar = "STR",
         .help = "lines equal to this separate the documents of a text file"},
        {.name = "parse-special",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(cli_splice, parse_special),
         .help = "read special tokens written in the text as such"},
    };
    *count = CLI_COUNT(table);
    return table;
}

sae_status cli_splice_check(const cli_splice *splice, sae_error *err)
{
    if (!splice->model == !splice->text) return SAE_OK;
    return sae_fail(err, SAE_E_ARG, "--model and --text go together: the language model reads the text");
}

sae_status cli_splice_open(cli_lm *out, const cli_splice *splice, const sae_acts_meta *acts, cli_app *app,
                           sae_error *err)
{
    sae_text_config text = sae_text_config_default();
    text.files = splice->text;
    text.split = splice->split;
    text.parse_special = splice->parse_special;
    text.max_tokens = splice->text_tokens;
    text.prepend_bos = acts->prepend_bos;
    if (acts->ctx) text.ctx = acts->ctx;
    return cli_lm_open(out, splice->model, &text, app, err);
}

sae_status cli_splice_find_place(cli_splice_place *out, const sae_lm *lm, const sae_acts_meta *acts,
                                 const sae_model *model, sae_error *err)
{
    const sae_model_info *info = sae_model_get_info(model);
    const sae_acts_meta *meta = *acts->hook_name ? acts : &info->acts;
    if (!*meta->hook_name)
        return sae_fail(err, SAE_E_ARG,
                        "neither the activations nor %s say which hook they belong to, so reconstructions cannot be "
                        "put back into the language model; leave --model out",
                        sae_model_path(model));
    out->center = meta->center_residual;
    return sae_hook_parse(&out->hook, lm, meta->hook_name, err);
}
