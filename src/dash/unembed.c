/* Where the output tokens' directions come from: the language model, or files. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "dash/effects.h"
#include "io/dtype.h"
#include "lm/gpt2.h"

#include <stdio.h>
#include <string.h>

/* ---- the language model -------------------------------------------------------------------------------------- */

static sae_status from_model(sae_dash_unembed *u, const sae_dash_input *in, sae_error *err)
{
    const sae_lm *lm = in->lm;
    const char *name = sae_source_get_info(in->source)->meta.hook_name;
    int64_t width = sae_source_get_info(in->source)->d;
    sae_hook hook = {.site = SAE_HOOK_RESID_PRE};
    if (*name) {
        sae_status status = sae_hook_parse(&hook, lm, name, err);
        if (status != SAE_OK) return status;
    }
    if (sae_hook_width(lm, hook) != width)
        return sae_fail(err, SAE_E_SHAPE, "%s of model %s has %lld dimensions, the activations have %lld",
                        *name ? name : "the residual stream", lm->name, (long long)sae_hook_width(lm, hook),
                        (long long)width);
    u->vocab = lm->config.vocab;
    u->d = lm->config.d;
    u->rows = lm->weights.unembed;
    u->gain = lm->weights.ln_f.gain;
    u->centre = true;
    if (hook.site == SAE_HOOK_Z) u->into = lm->weights.layers[hook.layer].attn_out.weight;
    if (hook.site == SAE_HOOK_MLP_POST) u->into = lm->weights.layers[hook.layer].mlp_out.weight;
    return SAE_OK;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* The tensor of `dims` dimensions with the first of the usual names that is there, or else the only one of `dims`. */
static sae_status choose(const sae_tensor **out, const sae_tensor_file *file, int dims, const char *const *names,
                         sae_error *err)
{
    const char *path = sae_tensor_file_path(file), *first = *names;
    *out = NULL;
    for (; *names; names++) {
        const sae_tensor *t = sae_tensor_file_find(file, *names);
        if (!t || t->rank != dims) continue;
        *out = t;
        return SAE_OK;
    }
    for (size_t i = 0; i < sae_tensor_file_count(file); i++) {
        const sae_tensor *t = sae_tensor_file_at(file, i);
        if (t->rank != dims) continue;
        if (*out)
            return sae_fail(err, SAE_E_FORMAT,
                            "%s has several %d-dimensional arrays and none with a usual name; call the one to take "
                            "%s, or save it alone",
                            path, dims, first);
        *out = t;
    }
    return *out ? SAE_OK : sae_fail(err, SAE_E_FORMAT, "%s has no %d-dimensional array", path, dims);
}

static sae_status copy_floats(const sae_tensor *t, const char *path, float **out, sae_error *err)
{
    int64_t count = sae_tensor_elements(t);
    if (!sae_dtype_is_float(t->dtype)) return sae_fail(err, SAE_E_FORMAT, "%s does not hold floats", path);
    if (count < 1) return sae_fail(err, SAE_E_SHAPE, "the array in %s is empty", path);
    *out = sae_alloc((size_t)count, sizeof **out);
    if (!*out) return sae_fail_memory(err, path, (size_t)count * sizeof **out);
    sae_tensor_read_f32(t, 0, count, *out);
    int64_t width = t->shape[t->rank - 1];
    int64_t bad = sae_first_nonfinite(*out, count);
    return bad < 0 ? SAE_OK : sae_check_row(*out + bad / width * width, width, path, bad / width, err);
}

static sae_status read_tensor(const char *path, int dims, const char *const *names, float **out, int64_t shape[2],
                              sae_error *err)
{
    sae_status status;
    sae_npy *npy = NULL;
    sae_tensor_file *file = NULL;
    const sae_tensor *t;
    if (sae_has_ending(path, ".npy")) {
        SAE_TRY(sae_npy_open(&npy, path, err));
        t = sae_npy_tensor(npy);
        if (t->rank != dims)
            SAE_TRY(sae_fail(err, SAE_E_SHAPE, "%s has %d dimensions instead of %d", path, t->rank, dims));
    } else {
        SAE_TRY(sae_tensor_file_open(&file, path, err));
        SAE_TRY(choose(&t, file, dims, names, err));
    }
    for (int i = 0; i < dims; i++) shape[i] = t->shape[i];
    status = copy_floats(t, path, out, err);
done:
    sae_npy_close(npy);
    sae_tensor_file_close(file);
    return status;
}

/* [d, vocab] as [vocab, d]. */
static sae_status transpose(float **data, int64_t rows, int64_t columns, sae_error *err)
{
    float *out = sae_alloc((size_t)(rows * columns), sizeof *out);
    if (!out) return sae_fail_memory(err, "the unembedding", (size_t)(rows * columns) * sizeof *out);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) out[c * rows + r] = (*data)[r * columns + c];
    sae_free(*data);
    *data = out;
    return SAE_OK;
}

static sae_status from_files(sae_dash_unembed *u, const sae_dash_input *in, sae_error *err)
{
    static const char *const inner[] = {".attn.hook_z", ".mlp.hook_post"};
    static const char *const unembeds[] = {"W_U",
                                           "lm_head.weight",
                                           "embed_out.weight",
                                           "model.embed_tokens.weight",
                                           "transformer.wte.weight",
                                           "wte.weight",
                                           "unembed",
                                           NULL};
    static const char *const norms[] = {"model.norm.weight",
                                        "gpt_neox.final_layer_norm.weight",
                                        "final_layer_norm.weight",
                                        "ln_f.weight",
                                        "transformer.ln_f.weight",
                                        "weight",
                                        "gain",
                                        NULL};
    const char *hook = sae_source_get_info(in->source)->meta.hook_name;
    int64_t shape[2] = {0}, gain[2] = {0}, d = sae_source_get_info(in->source)->d;
    sae_status status;
    for (int i = 0; i < 2; i++)
        if (strstr(hook, inner[i]))
            return sae_fail(err, SAE_E_UNSUPPORTED,
                            "activations of %s do not lie in the residual stream, which %s is for; the model's output "
                            "matrix leads there (--model DIR has it)",
                            hook, in->unembed);
    SAE_TRY(read_tensor(in->unembed, 2, unembeds, &u->own[0], shape, err));
    if (shape[1] != d && shape[0] == d) {
        SAE_TRY(transpose(&u->own[0], shape[0], shape[1], err));
        shape[0] = shape[1];
        shape[1] = d;
    }
    if (shape[1] != d) {
        status = sae_fail(err, SAE_E_SHAPE, "%s is [%lld, %lld], which does not fit activations of %lld dimensions",
                          in->unembed, (long long)shape[0], (long long)shape[1], (long long)d);
        goto done;
    }
    if (in->final_norm) {
        SAE_TRY(read_tensor(in->final_norm, 1, norms, &u->own[1], gain, err));
        if (gain[0] != d) {
            status = sae_fail(err, SAE_E_SHAPE, "the gain in %s has %lld values, the activations %lld dimensions",
                              in->final_norm, (long long)gain[0], (long long)d);
            goto done;
        }
    }
    u->vocab = shape[0];
    u->d = d;
    u->rows = u->own[0];
    u->gain = u->own[1];
    u->centre = !in->rms_norm;
done:
    return status;
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

sae_status sae_dash_unembed_open(sae_dash_unembed *out, const sae_dash_input *in, sae_error *err)
{
    *out = (sae_dash_unembed){.vocab = 0};
    if (!in->lm && !in->unembed) return SAE_OK;
    sae_status status = in->lm ? from_model(out, in, err) : from_files(out, in, err);
    if (status != SAE_OK) return status;
    /* ids without a token pad the matrix */
    if (in->tokenizer && sae_tokenizer_vocab_size(in->tokenizer) < out->vocab)
        out->vocab = sae_tokenizer_vocab_size(in->tokenizer);
    out->mean = sae_calloc((size_t)out->d, sizeof *out->mean);
    if (!out->mean) return sae_fail_memory(err, "the unembedding's mean", (size_t)out->d * sizeof *out->mean);
    for (int64_t v = 0; v < out->vocab; v++)
        for (int64_t j = 0; j < out->d; j++) out->mean[j] += (double)out->rows[v * out->d + j];
    for (int64_t j = 0; j < out->d; j++) out->mean[j] /= (double)out->vocab;
    snprintf(out->space, sizeof out->space, "%s%s%sW_U, minus the mean over the vocabulary",
             out->into ? "through the layer's output matrix, " : "", out->centre ? "centred over d, " : "",
             out->gain ? "gain of the final norm folded into " : "");
    return SAE_OK;
}

void sae_dash_unembed_clear(sae_dash_unembed *u)
{
    sae_free(u->mean);
    for (int i = 0; i < 2; i++) sae_free(u->own[i]);
    *u = (sae_dash_unembed){0};
}
