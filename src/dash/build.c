/* From SAEs and a text to a database: the order of the work. */
#include "base/alloc.h"
#include "base/error.h"
#include "dash/block.h"
#include "dash/loss.h"
#include "dash/results.h"
#include "dash/saes.h"
#include "dash/text.h"

#include <stdio.h>
#include <string.h>

sae_dash_config sae_dash_config_default(void)
{
    return (sae_dash_config){.memory = (int64_t)1 << 30, .ce_tokens = 16384};
}

const sae_option *sae_dash_option_table(size_t *count)
{
    static const sae_option table[] = {
        {.name = "seed",
         .type = SAE_OPT_INT,
         .offset = offsetof(sae_dash_config, seed),
         .metavar = "N",
         .default_text = "0",
         .min = 0,
         .max = 1e15,
         .help = "which firings are sampled"},
        {.name = "memory",
         .type = SAE_OPT_INT,
         .offset = offsetof(sae_dash_config, memory),
         .metavar = "BYTES",
         .default_text = "1G",
         .min = 1e6,
         .max = 1e15,
         .help = "for activations sorted by latent; less takes more passes over a temporary file"},
        {.name = "ce-tokens",
         .type = SAE_OPT_INT,
         .offset = offsetof(sae_dash_config, ce_tokens),
         .metavar = "N",
         .default_text = "16384",
         .zero_word = "off",
         .min = 0,
         .max = 1e15,
         .help = "with --model: measure the cross-entropy with reconstructions on the first N tokens"},
        {.name = "force",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(sae_dash_config, force),
         .help = "replace a database that is already there"},
    };
    *count = sizeof table / sizeof *table;
    return table;
}

static sae_status check(const sae_dash_input *in, sae_error *err)
{
    if (in->n_models < 1) return sae_fail(err, SAE_E_ARG, "there is no SAE to look at");
    if (!in->acts == !in->contexts)
        return sae_fail(err, SAE_E_ARG, "dashboards are made from activations or from contexts, one of them");
    return SAE_OK;
}

/* Everything that is known when latents are written. */
typedef struct build {
    const sae_dash_input *in;
    const sae_dash_config *config;
    sae_dash_text text;
    sae_dash_rows rows;
    sae_eval_ce *losses; /* [n_models] */
    sae_dash_directions directions;
    sae_dash_unembed unembed;
    sae_store_writer *writer;
    int64_t latents, done; /* of all SAEs */
    const sae_env *env;
} build;

static sae_status write_meta(const build *b, sae_error *err)
{
    const sae_dash_input *in = b->in;
    const sae_dash_text *text = &b->text;
    const sae_source_info *info = sae_source_get_info(in->source);
    char program[64];
    snprintf(program, sizeof program, "sae %s", sae_version());
    const struct {
        const char *key;
        sae_cell value;
    } pairs[] = {
        {"program", sae_cell_text(program)},
        {"model", sae_cell_text(info->meta.model)},
        {"model_path", sae_cell_text(in->model_path ? in->model_path : "")},
        {"hook_name", sae_cell_text(info->meta.hook_name)},
        {"d", sae_cell_int(info->d)},
        {"rows", sae_cell_int(text->rows)},
        {"tokens", sae_cell_int(b->rows.tokens)},
        {"excluded", sae_cell_int(info->excluded)},
        {"contexts", sae_cell_int(text->contexts)},
        {"documents", sae_cell_int(text->documents)},
        {"ctx", sae_cell_int(text->ctx)},
        {"vocab", sae_cell_int(in->tokenizer ? sae_tokenizer_vocab_size(in->tokenizer) : 0)},
        {"prepend_bos", sae_cell_int(info->meta.prepend_bos)},
        {"center_residual", sae_cell_int(info->meta.center_residual)},
        {"keep_first", sae_cell_int(in->rows && in->rows->keep_first)},
        {"seed", sae_cell_int(b->config->seed)},
        {"logit_space", sae_cell_text(b->unembed.space)},
    };
    sae_status status = SAE_OK;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs && status == SAE_OK; i++)
        status = sae_store_put_meta(b->writer, pairs[i].key, pairs[i].value, err);
    return status;
}

/* ---- one SAE after the other ---------------------------------------------------------------------------------- */

/* The latents of one range of columns. */
static sae_status write_range(const build *b, sae_dash_block *block, int64_t end, sae_error *err)
{
    sae_status status = SAE_OK;
    for (int64_t first = block->columns->first; first < end; first += SAE_DASH_BLOCK) {
        if (sae_should_stop(b->env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped; nothing was written"));
        block->first = first;
        block->count = end - first < SAE_DASH_BLOCK ? end - first : SAE_DASH_BLOCK;
        SAE_TRY(sae_dash_block_run(block, err));
        SAE_TRY(sae_dash_block_write(block, b->writer, err));
        sae_report_progress(b->env, "looking at latents", "latents", (double)(b->done + first + block->count),
                            (double)b->latents, NULL);
    }
done:
    return status;
}

static sae_status write_sae(build *b, size_t sae, sae_error *err)
{
    sae_status status;
    sae_dash_columns columns = {0};
    const sae_dash_spool *spool = &b->rows.spools[sae];
    sae_dash_linker linker = {&b->rows, &b->directions};
    sae_dash_block block = {.sae = (int64_t)sae,
                            .model = b->in->models[sae],
                            .where = {&b->text, b->rows.row_of, b->config->seed},
                            .columns = &columns,
                            .linker = &linker,
                            .unembed = &b->unembed};
    SAE_TRY(sae_dash_block_make(&block, b->env, err));
    for (int64_t first = 0, count; first < spool->n; first += count) {
        count = sae_dash_columns_fit(spool, first, b->config->memory);
        SAE_TRY(sae_dash_columns_read(&columns, spool, first, count, b->env, err));
        SAE_TRY(write_range(b, &block, first + count, err));
        sae_dash_columns_clear(&columns);
    }
    b->done += spool->n;
done:
    sae_dash_columns_clear(&columns);
    sae_dash_block_clear(&block);
    return status;
}

static sae_status write_all(build *b, sae_error *err)
{
    sae_status status;
    for (size_t i = 0; i < b->in->n_models; i++) b->latents += b->rows.spools[i].n;
    SAE_TRY(write_meta(b, err));
    SAE_TRY(sae_dash_text_write(&b->text, b->in->tokenizer, b->writer, err));
    SAE_TRY(sae_dash_saes_write(b->in, b->rows.evals, b->losses, b->writer, err));
    SAE_TRY(sae_dash_results_write(b->in, b->writer, b->env, err));
    for (size_t i = 0; i < b->in->n_models; i++) SAE_TRY(write_sae(b, i, err));
done:
    return status;
}

sae_status sae_dash_build(const sae_dash_input *in, const sae_dash_config *config, const char *path, const sae_env *env,
                          sae_error *err)
{
    sae_status status;
    build b = {.in = in, .config = config, .env = env};
    SAE_TRY(check(in, err));
    b.losses = sae_alloc(in->n_models, sizeof *b.losses);
    if (!b.losses) SAE_TRY(sae_fail_memory(err, "losses", in->n_models * sizeof *b.losses));
    SAE_TRY(sae_store_writer_open(&b.writer, path, config->force, err));
    SAE_TRY(sae_dash_unembed_open(&b.unembed, in, err));
    SAE_TRY(sae_dash_text_read(&b.text, in, err));
    SAE_TRY(sae_dash_collect(&b.rows, in, config, &b.text, path, env, err));
    SAE_TRY(sae_dash_losses(b.losses, in, config, &b.text, &b.rows, env, err));
    SAE_TRY(sae_dash_directions_make(&b.directions, in->models, in->n_models, env, err));
    SAE_TRY(write_all(&b, err));
    status = sae_store_writer_finish(b.writer, err);
    b.writer = NULL;
done:
    sae_store_writer_abort(b.writer);
    sae_dash_directions_clear(&b.directions);
    sae_dash_rows_clear(&b.rows);
    sae_free(b.losses);
    sae_dash_text_clear(&b.text);
    sae_dash_unembed_clear(&b.unembed);
    return status;
}
