/* config.json of a GPT-2. */
#include "lm/gpt2.h"

#include "base/error.h"
#include "lm/fields.h"

#include <math.h>
#include <string.h>

static sae_status read_activation(const json_t *root, const char *path, sae_activation *out, sae_error *err)
{
    static const struct {
        const char *name;
        sae_activation activation;
    } known[] = {
        {"gelu_new", SAE_ACTIVATION_GELU_TANH},  {"gelu_pytorch_tanh", SAE_ACTIVATION_GELU_TANH},
        {"gelu_fast", SAE_ACTIVATION_GELU_TANH}, {"gelu", SAE_ACTIVATION_GELU},
        {"relu", SAE_ACTIVATION_RELU},
    };
    const char *name;
    sae_status status = sae_field_text(root, "activation_function", path, &name, err);
    if (status != SAE_OK) return status;
    if (!name) name = "gelu_new";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, known[i].name) != 0) continue;
        *out = known[i].activation;
        return SAE_OK;
    }
    return sae_fail(err, SAE_E_UNSUPPORTED,
                    "%s has the activation_function \"%.40s\"; supported are gelu_new, gelu and relu", path, name);
}

/* eos_token_id: a number, a list (its first is taken), or nothing. */
static int32_t read_eos(const json_t *root, int64_t vocab)
{
    const json_t *value = json_object_get(root, "eos_token_id");
    if (json_is_array(value)) value = json_array_get(value, 0);
    int64_t id = json_is_integer(value) ? json_integer_value(value) : -1;
    return id >= 0 && id < vocab ? (int32_t)id : -1;
}

static sae_status read_epsilon(const json_t *root, const char *path, float *out, sae_error *err)
{
    const json_t *value = json_object_get(root, "layer_norm_epsilon");
    double epsilon = value ? json_number_value(value) : 1e-5;
    if (!(epsilon > 0 && epsilon < 1))
        return sae_fail(err, SAE_E_FORMAT, "\"layer_norm_epsilon\" in %s must be a number between 0 and 1", path);
    *out = (float)epsilon;
    return SAE_OK;
}

static sae_status read_sizes(const json_t *root, const char *path, sae_gpt2_config *c, sae_error *err)
{
    sae_status status;
    SAE_TRY(sae_field_int(root, "n_embd", 1, 1 << 17, NULL, path, &c->d, err));
    SAE_TRY(sae_field_int(root, "n_layer", 1, 4096, NULL, path, &c->layers, err));
    SAE_TRY(sae_field_int(root, "n_head", 1, 4096, NULL, path, &c->heads, err));
    SAE_TRY(sae_field_int(root, "n_positions", 1, 1 << 24, NULL, path, &c->positions, err));
    SAE_TRY(sae_field_int(root, "vocab_size", 1, 1 << 24, NULL, path, &c->vocab, err));
    int64_t usual = 4 * c->d;
    SAE_TRY(sae_field_int(root, "n_inner", 1, 1 << 20, &usual, path, &c->d_mlp, err));
    if (c->d % c->heads != 0)
        return sae_fail(err, SAE_E_FORMAT, "%s: n_embd %lld is not a multiple of n_head %lld", path, (long long)c->d,
                        (long long)c->heads);
    c->d_head = c->d / c->heads;
done:
    return status;
}

sae_status sae_gpt2_config_read(sae_gpt2_config *out, const char *path, sae_error *err)
{
    sae_status status;
    sae_gpt2_config c = {0};
    json_t *root = NULL;
    const char *type;
    bool cross;
    SAE_TRY(sae_fields_read(&root, path, 16 << 20, err));
    SAE_TRY(sae_field_text(root, "model_type", path, &type, err));
    if (!type || strcmp(type, "gpt2") != 0) {
        status = sae_fail(err, SAE_E_UNSUPPORTED,
                          "%s is of a model of type %.40s; only gpt2 runs here (for others, harvest activations with "
                          "examples/harvest_hf.py)",
                          path, type ? type : "(none)");
        goto done;
    }
    SAE_TRY(read_sizes(root, path, &c, err));
    SAE_TRY(read_activation(root, path, &c.activation, err));
    SAE_TRY(read_epsilon(root, path, &c.epsilon, err));
    SAE_TRY(sae_field_bool(root, "scale_attn_weights", true, path, &c.scale_attention, err));
    SAE_TRY(sae_field_bool(root, "scale_attn_by_inverse_layer_idx", false, path, &c.scale_by_layer, err));
    SAE_TRY(sae_field_bool(root, "tie_word_embeddings", true, path, &c.tied, err));
    SAE_TRY(sae_field_bool(root, "add_cross_attention", false, path, &cross, err));
    if (cross) {
        status = sae_fail(err, SAE_E_UNSUPPORTED, "%s has add_cross_attention, which is not supported", path);
        goto done;
    }
    /* reorder_and_upcast_attn only says to compute scores in float32, as is always done here. */
    c.eos = read_eos(root, c.vocab);
    *out = c;
done:
    json_decref(root);
    return status;
}
