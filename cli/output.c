#include "cli/output.h"

cli_output cli_output_default(void)
{
    return (cli_output){.shard_tokens = 262144};
}

const sae_option *cli_output_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "out",
         .type = SAE_OPT_STRING,
         .offset = offsetof(cli_output, out),
         .metavar = "ACTS",
         .help = "directory to write; with several hooks each gets a subdirectory of its name"},
        {.name = "dtype",
         .type = SAE_OPT_CHOICE,
         .offset = offsetof(cli_output, dtype_word),
         .default_text = "f32",
         .choices = "f32|f16|bf16",
         .help = "numbers in the shards; f16 and bf16 take half the disk"},
        {.name = "shard-tokens",
         .type = SAE_OPT_INT,
         .offset = offsetof(cli_output, shard_tokens),
         .metavar = "N",
         .default_text = "262144",
         .min = 1,
         .max = 1e12,
         .help = "rows per shard file"},
        {.name = "force",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(cli_output, force),
         .help = "replace activations that are already there"},
    };
    *count = CLI_COUNT(table);
    return table;
}

sae_dtype cli_output_dtype(const cli_output *output)
{
    static const sae_dtype types[] = {SAE_DTYPE_F32, SAE_DTYPE_F16, SAE_DTYPE_BF16};
    return types[output->dtype_word];
}

sae_status cli_output_check(const cli_output *output, sae_error *err)
{
    if (output->out) return SAE_OK;
    return sae_fail(err, SAE_E_ARG, "--out is missing: the directory for the activations");
}
