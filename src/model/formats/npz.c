/* Gemma Scope's params.npz: W_enc [d, n], W_dec [n, d], b_enc, b_dec, threshold; float32. JumpReLU, inputs not centred.
 */
#include "model/formats/format.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/archive_write.h"
#include "model/fold.h"
#include "model/formats/layout.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char weights_name[] = "params.npz";

/* Early files have lower-case names. */
static const sae_layout upper = {.W_enc = "W_enc",
                                 .W_dec = "W_dec",
                                 .b_enc = "b_enc",
                                 .b_dec = "b_dec",
                                 .threshold = "threshold",
                                 .W_enc_by_input = true};
static const sae_layout lower = {.W_enc = "w_enc",
                                 .W_dec = "w_dec",
                                 .b_enc = "b_enc",
                                 .b_dec = "b_dec",
                                 .threshold = "threshold",
                                 .W_enc_by_input = true};

static bool holds(const sae_tensor_file *file)
{
    return sae_tensor_file_kind(file) == SAE_FILE_NPZ;
}

/* The text behind `before` in `path`, up to the next slash or dash. */
static bool part_behind(const char *path, const char *before, char *out, size_t size)
{
    const char *at = strstr(path, before);
    if (!at) return false;
    at += strlen(before);
    size_t length = strcspn(at, "/-");
    if (length == 0 || length >= size) return false;
    memcpy(out, at, length);
    out[length] = 0;
    return true;
}

/* The only place where such a file says what it was trained on is its path in the release:
 * gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82/params.npz. */
static void read_path(const char *path, sae_model_info *info)
{
    static const struct {
        const char *part, *hook;
    } sites[] = {{"-res/", "hook_resid_post"}, {"-mlp/", "hook_mlp_out"}, {"-att/", "attn.hook_z"}};
    char size[16], layer[16];
    if (!part_behind(path, "gemma-scope-", size, sizeof size)) return;
    snprintf(info->acts.model, sizeof info->acts.model, "gemma-2-%s%s", size, strstr(path, "-it-") ? "-it" : "");
    info->knows_bos = info->acts.prepend_bos = true;
    if (!part_behind(path, "layer_", layer, sizeof layer)) return;
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++)
        if (strstr(path, sites[i].part))
            snprintf(info->acts.hook_name, sizeof info->acts.hook_name, "blocks.%d.%s", atoi(layer), sites[i].hook);
}

/* Some loaders know a factor per latent; no release has one that is not 1. */
static sae_status check_scaling(const sae_tensor_file *file, int64_t n, sae_error *err)
{
    static const char name[] = "scaling_factor";
    float *factor = NULL;
    if (!sae_tensor_file_find(file, name)) return SAE_OK;
    sae_status status = sae_layout_vector(file, name, n, "its biases", &factor, err);
    for (int64_t i = 0; status == SAE_OK && i < n; i++)
        if (!(fabsf(factor[i] - 1) <= 1e-5f))
            status =
                sae_fail(err, SAE_E_UNSUPPORTED,
                         "%s: scaling_factor is %g at index %lld, and the file does not say whether it is to be used",
                         sae_tensor_file_path(file), (double)factor[i], (long long)i);
    sae_free(factor);
    return status;
}

static sae_status read(sae_source *source, sae_model **out, sae_error *err)
{
    sae_status status;
    sae_model *model = NULL;
    char *full = realpath(source->path, NULL);
    sae_model_info info = {.rule = SAE_RULE_THRESHOLD, .arch = SAE_ARCH_JUMPRELU};
    const sae_layout *layout = sae_tensor_file_find(source->file, lower.W_enc) ? &lower : &upper;
    SAE_TRY(sae_layout_sizes(layout, source->file, &info.n, &info.d, err));
    SAE_TRY(check_scaling(source->file, info.n, err));
    if (full) read_path(full, &info);
    SAE_TRY(sae_model_allocate(&model, &info, source->path, err));
    SAE_TRY(sae_layout_read(layout, source->file, "its biases", model, err));
    *out = model;
    model = NULL;
done:
    sae_model_free(model);
    free(full);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static bool names_file(const char *path)
{
    return sae_has_ending(path, ".npz");
}

static sae_status write(const sae_model *model, const char *path, sae_error *err)
{
    sae_status status = SAE_OK;
    const sae_model_info *info = &model->info;
    const sae_weights *w = &model->weights;
    char *file = NULL;
    float *b_enc = NULL;
    sae_written written = {0};
    if (info->rule == SAE_RULE_TOPK)
        return sae_fail(err, SAE_E_UNSUPPORTED,
                        "an .npz holds thresholds and cannot say that this SAE takes the %lld largest of each token; "
                        "write it as saelens, sparsify or dictionary_learning",
                        (long long)info->k);
    if (info->input_norm == SAE_INPUT_TOKEN)
        return sae_fail(err, SAE_E_UNSUPPORTED,
                        "an .npz cannot say that this SAE standardises each token; write it as saelens");
    b_enc = sae_alloc((size_t)info->n, sizeof *b_enc);
    file = names_file(path) ? sae_strdup(path) : sae_path_join(path, weights_name);
    if (!b_enc || !file) SAE_TRY(sae_fail_memory(err, path, (size_t)info->n * sizeof *b_enc));
    if (!names_file(path)) SAE_TRY(sae_written_dirs(&written, path, err));
    sae_bias_for_input(model, false, b_enc);
    const sae_array arrays[] = {sae_array_f32("W_enc", w->W_enc, info->d, info->n, true),
                                sae_array_f32("W_dec", w->W_dec, info->n, info->d, false),
                                sae_array_f32("b_enc", b_enc, info->n, 0, false),
                                sae_array_f32("b_dec", w->b_dec, info->d, 0, false),
                                sae_array_f32("threshold", w->threshold, info->n, 0, false)};
    status = sae_npz_write(file, arrays, sizeof arrays / sizeof *arrays, err);
done:
    sae_written_end(&written, status == SAE_OK);
    sae_free(file);
    sae_free(b_enc);
    return status;
}

const sae_format_entry sae_format_npz = {
    .format = SAE_FORMAT_NPZ, .name = "npz", .weights = weights_name, .holds = holds, .read = read, .write = write};
