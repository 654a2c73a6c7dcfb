#include "model/formats/dictionary_learning.h"

#include "base/alloc.h"
#include "base/error.h"
#include "io/archive_write.h"
#include "io/json.h"
#include "model/fold.h"
#include "model/formats/saelens.h"

#include <stdio.h>
#include <string.h>

typedef enum class_kind { AUTOENCODER, AUTOENCODER_NEW, TOPK, BATCHTOPK, JUMPRELU } class_kind;

static const struct {
    const char *dict_class, *trainer_class;
    bool centred; /* the class subtracts b_dec from its inputs */
} kinds[] = {
    [AUTOENCODER] = {"AutoEncoder", "StandardTrainer", true},
    [AUTOENCODER_NEW] = {"AutoEncoderNew", "StandardTrainerAprilUpdate", false},
    [TOPK] = {"AutoEncoderTopK", "TopKTrainer", true},
    [BATCHTOPK] = {"BatchTopKSAE", "BatchTopKTrainer", true},
    [JUMPRELU] = {"JumpReluAutoEncoder", "JumpReluTrainer", false},
};

/* AutoEncoder divides by the decoder's norms when it is loaded. */
static bool has_zero_row(const sae_model *model)
{
    int64_t d = model->info.d;
    for (int64_t i = 0; i < model->info.n; i++) {
        const float *row = model->weights.W_dec + i * d;
        int64_t j = 0;
        while (j < d && row[j] == 0) j++;
        if (j == d) return true;
    }
    return false;
}

static class_kind kind_of(const sae_model *model)
{
    const sae_model_info *info = &model->info;
    if (info->rule == SAE_RULE_TOPK) return TOPK;
    if (info->has_theta && info->theta == 0)
        return info->subtract_b_dec && !has_zero_row(model) ? AUTOENCODER : AUTOENCODER_NEW;
    bool batch = info->arch == SAE_ARCH_BATCHTOPK || info->arch == SAE_ARCH_MATRYOSHKA;
    return info->has_theta && batch && info->k > 0 ? BATCHTOPK : JUMPRELU;
}

static sae_status write_config(const sae_model *model, class_kind kind, const char *path, sae_error *err)
{
    const sae_model_info *info = &model->info;
    const char *hook = info->acts.hook_name;
    int layer = 0;
    if (sscanf(hook, "blocks.%d.", &layer) != 1) layer = 0;
    json_t *trainer =
        json_pack("{s:s, s:s, s:I, s:I, s:i, s:o, s:s, s:s}", "trainer_class", kinds[kind].trainer_class, "dict_class",
                  kinds[kind].dict_class, "activation_dim", (json_int_t)info->d, "dict_size", (json_int_t)info->n,
                  "layer", layer, "lm_name", sae_json_text(info->acts.model), "submodule_name", hook, "device", "cpu");
    int bad = trainer == NULL;
    if (kind == TOPK || kind == BATCHTOPK) bad |= json_object_set_new(trainer, "k", json_integer(info->k));
    json_t *config = json_pack("{s:o, s:{s:I, s:s, s:I}}", "trainer", trainer, "buffer", "d_submodule",
                               (json_int_t)info->d, "io", "out", "ctx_len", (json_int_t)info->acts.ctx);
    bad |= !config || sae_saelens_metadata_write(config, info, false) != 0;
    sae_status status = bad ? sae_fail_memory(err, path, 0) : sae_json_write(path, config, err);
    json_decref(config);
    return status;
}

static sae_status write_weights(const sae_model *model, class_kind kind, const float *b_enc, const char *path,
                                sae_error *err)
{
    const sae_weights *w = &model->weights;
    int64_t n = model->info.n, d = model->info.d;
    sae_array arrays[6];
    size_t count = 0;
    int32_t k = (int32_t)model->info.k;
    float theta = kind == BATCHTOPK ? (float)model->info.theta : -1; /* −1: none was estimated */
    if (kind == JUMPRELU) {
        arrays[count++] = sae_array_f32("W_enc", w->W_enc, d, n, true);
        arrays[count++] = sae_array_f32("b_enc", b_enc, n, 0, false);
        arrays[count++] = sae_array_f32("W_dec", w->W_dec, n, d, false);
        arrays[count++] = sae_array_f32("b_dec", w->b_dec, d, 0, false);
        arrays[count++] = sae_array_f32("threshold", w->threshold, n, 0, false);
        return sae_torch_write(path, arrays, count, err);
    }
    const char *b_dec = kind == AUTOENCODER ? "bias" : kind == AUTOENCODER_NEW ? "decoder.bias" : "b_dec";
    arrays[count++] = sae_array_f32(b_dec, w->b_dec, d, 0, false);
    arrays[count++] = sae_array_f32("encoder.weight", w->W_enc, n, d, false);
    arrays[count++] = sae_array_f32("encoder.bias", b_enc, n, 0, false);
    arrays[count++] = sae_array_f32("decoder.weight", w->W_dec, d, n, true);
    if (kind == TOPK || kind == BATCHTOPK) {
        arrays[count++] = sae_array_scalar("k", SAE_DTYPE_I32, &k);
        arrays[count++] = sae_array_scalar("threshold", SAE_DTYPE_F32, &theta);
    }
    return sae_torch_write(path, arrays, count, err);
}

sae_status sae_dictionary_learning_write(const sae_model *model, const char *dir, sae_error *err)
{
    sae_status status;
    sae_format_paths paths = {0};
    float *b_enc = NULL;
    class_kind kind = kind_of(model);
    size_t bytes = (size_t)model->info.n * sizeof *b_enc;
    if (model->info.input_norm == SAE_INPUT_TOKEN)
        return sae_fail(err, SAE_E_UNSUPPORTED,
                        "dictionary_learning does not standardise tokens, which this SAE needs; write it as saelens");
    b_enc = sae_alloc((size_t)model->info.n, sizeof *b_enc);
    if (!b_enc) return sae_fail_memory(err, dir, bytes);
    SAE_TRY(sae_format_prepare(&paths, dir, SAE_DICTIONARY_LEARNING_CONFIG, SAE_DICTIONARY_LEARNING_WEIGHTS, err));
    sae_bias_for_input(model, kinds[kind].centred, b_enc);
    SAE_TRY(write_weights(model, kind, b_enc, paths.fresh, err));
    SAE_TRY(sae_format_place(&paths, err));
    status = write_config(model, kind, paths.config, err);
done:
    sae_format_done(&paths, status == SAE_OK);
    sae_free(b_enc);
    return status;
}
