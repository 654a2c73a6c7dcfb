#include "dash/saes.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/rng.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NAME 128

/* The last component of the path in plain characters; a number is added until no other SAE has it. */
static void make_name(char *out, char (*names)[NAME], size_t index, const char *path)
{
    char last[NAME - 16];
    sae_path_name(path, last, sizeof last);
    for (char *c = last; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                     strchr("._-", *c) != NULL;
        if (!plain) *c = '-';
    }
    if (!*last) strcpy(last, "sae");
    snprintf(out, NAME, "%s", last);
    for (size_t i = 0, number = 2; i < index;) {
        if (strcmp(names[i], out) != 0) {
            i++;
            continue;
        }
        snprintf(out, NAME, "%s-%zu", last, number++);
        i = 0;
    }
}

uint64_t sae_dash_hash(const sae_model *model)
{
    const sae_model_info *info = sae_model_get_info(model);
    sae_weights w = sae_model_get_weights(model);
    uint64_t n = (uint64_t)info->n, d = (uint64_t)info->d;
    uint64_t parts[6] = {n,
                         sae_hash(w.W_enc, n * d * sizeof(float)),
                         sae_hash(w.b_enc, n * sizeof(float)),
                         sae_hash(w.W_dec, n * d * sizeof(float)),
                         sae_hash(w.b_dec, d * sizeof(float)),
                         w.threshold ? sae_hash(w.threshold, n * sizeof(float)) : (uint64_t)info->k};
    return sae_hash(parts, sizeof parts);
}

static sae_cell loss_cell(const sae_eval_ce *ce, double value)
{
    return ce->tokens > 0 ? sae_cell_real(value) : sae_cell_null();
}

static sae_status write_sae(const sae_model *model, size_t index, const char *name, const char *path, uint64_t hash,
                            const sae_eval *e, const sae_eval_ce *ce, sae_store_writer *writer, sae_error *err)
{
    const sae_model_info *info = sae_model_get_info(model);
    char hex[17];
    snprintf(hex, sizeof hex, "%016" PRIx64, hash);
    sae_cell cells[] = {
        sae_cell_int((int64_t)index),
        sae_cell_text(name),
        sae_cell_text(path),
        sae_cell_text(hex),
        sae_cell_text(sae_arch_name(info->arch)),
        sae_cell_text(sae_format_name(sae_model_get_format(model))),
        sae_cell_text(info->rule == SAE_RULE_TOPK ? "topk" : "threshold"),
        sae_cell_int(info->d),
        sae_cell_int(info->n),
        sae_cell_int(info->k),
        info->has_theta ? sae_cell_real(info->theta) : sae_cell_null(),
        sae_cell_int(info->input_norm == SAE_INPUT_TOKEN),
        sae_cell_int(e->tokens),
        sae_cell_real(e->l0),
        sae_cell_real(e->mse),
        sae_cell_real(e->mse_per_dim),
        sae_cell_real(e->fvu),
        sae_cell_real(e->explained_variance),
        sae_cell_real(e->cosine),
        sae_cell_real(e->l2_ratio),
        sae_cell_real(e->rel_bias),
        sae_cell_int(e->dead),
        loss_cell(ce, ce->clean),
        loss_cell(ce, ce->spliced),
        loss_cell(ce, ce->zero),
        loss_cell(ce, ce->mean),
        loss_cell(ce, ce->recovered),
        loss_cell(ce, ce->kl),
        sae_cell_int(ce->tokens),
        sae_cell_blob(e->density_counts, SAE_DENSITY_BINS, sizeof *e->density_counts),
    };
    return sae_store_put(writer, SAE_TABLE_SAE, cells, sizeof cells / sizeof *cells, err);
}

sae_status sae_dash_saes_write(const sae_dash_input *in, const sae_eval *evals, const sae_eval_ce *losses,
                               sae_store_writer *writer, sae_error *err)
{
    sae_status status = SAE_OK;
    char(*names)[NAME] = sae_calloc(in->n_models, NAME);
    if (!names) return sae_fail_memory(err, "names", in->n_models * NAME);
    for (size_t i = 0; i < in->n_models && status == SAE_OK; i++) {
        make_name(names[i], names, i, in->paths[i]);
        status = write_sae(in->models[i], i, names[i], in->paths[i], sae_dash_hash(in->models[i]), &evals[i],
                           &losses[i], writer, err);
    }
    sae_free(names);
    return status;
}
