/* The weights of a GPT-2: found by name, checked against config.json, used in place or converted to float32. */
#include "lm/gpt2.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "lm/fields.h"

#include <stdio.h>
#include <string.h>

#define CONVERT_PIECE (1 << 20) /* elements converted at a time */

/* A tensor wanted: its name without prefix, its shape, and where its data goes. */
typedef struct wanted {
    char name[64];
    int64_t rows, columns; /* columns 0: a vector of `rows` */
    const float **to;
} wanted;

typedef struct reader {
    const char *dir;
    const sae_env *env;
    sae_gpt2_weights *weights;
} reader;

static sae_status open_file(reader *r, const char *name, sae_error *err)
{
    sae_gpt2_weights *w = r->weights;
    char *path = sae_path_join(r->dir, name);
    if (!path) return sae_fail_memory(err, "a path", strlen(name));
    sae_status status = sae_safetensors_open(&w->files[w->n_files], path, err);
    if (status == SAE_OK) w->n_files++;
    sae_free(path);
    return status;
}

static bool is_open(const reader *r, const char *name)
{
    for (size_t i = 0; i < r->weights->n_files; i++) {
        const char *path = sae_safetensors_path(r->weights->files[i]), *slash = strrchr(path, '/');
        if (strcmp(slash ? slash + 1 : path, name) == 0) return true;
    }
    return false;
}

/* Opens every file that the index's weight_map names. */
static sae_status open_shards(reader *r, const char *path, sae_error *err)
{
    sae_status status;
    json_t *root = NULL, *value;
    const char *tensor;
    SAE_TRY(sae_fields_read(&root, path, (size_t)64 << 20, err));
    json_t *map = json_object_get(root, "weight_map");
    if (!json_is_object(map) || json_object_size(map) == 0) {
        status = sae_fail(err, SAE_E_FORMAT, "%s has no \"weight_map\"", path);
        goto done;
    }
    r->weights->files = sae_calloc(json_object_size(map), sizeof(sae_safetensors *));
    if (!r->weights->files) {
        status = sae_fail_memory(err, path, json_object_size(map) * sizeof(sae_safetensors *));
        goto done;
    }
    json_object_foreach(map, tensor, value)
    {
        const char *name = json_string_value(value);
        if (!name || strchr(name, '/')) {
            char shown[64];
            sae_printable(tensor, strlen(tensor), shown, sizeof shown);
            status = sae_fail(err, SAE_E_FORMAT, "%s gives no file in its own folder for tensor \"%s\"", path, shown);
            goto done;
        }
        if (!is_open(r, name)) SAE_TRY(open_file(r, name, err));
    }
done:
    json_decref(root);
    return status;
}

static sae_status open_files(reader *r, sae_error *err)
{
    sae_status status = SAE_OK;
    char *single = sae_path_join(r->dir, "model.safetensors");
    char *index = sae_path_join(r->dir, "model.safetensors.index.json");
    if (!single || !index) {
        status = sae_fail_memory(err, "a path", strlen(r->dir));
    } else if (sae_file_exists(single)) {
        r->weights->files = sae_calloc(1, sizeof(sae_safetensors *));
        status = r->weights->files ? open_file(r, "model.safetensors", err)
                                   : sae_fail_memory(err, single, sizeof(sae_safetensors *));
    } else if (sae_file_exists(index)) {
        status = open_shards(r, index, err);
    } else {
        status = sae_fail(err, SAE_E_IO,
                          "%s has neither model.safetensors nor model.safetensors.index.json (weights in other formats "
                          "can be saved as safetensors by transformers' save_pretrained)",
                          r->dir);
    }
    sae_free(single);
    sae_free(index);
    return status;
}

/* The tensor of that name, bare or with the prefix "transformer.", in any file; NULL if none. */
static const sae_tensor *find(const reader *r, const char *name, const char **path)
{
    char prefixed[96];
    snprintf(prefixed, sizeof prefixed, "transformer.%s", name);
    for (size_t i = 0; i < r->weights->n_files; i++) {
        const sae_tensor *tensor = sae_safetensors_find(r->weights->files[i], prefixed);
        if (!tensor) tensor = sae_safetensors_find(r->weights->files[i], name);
        if (!tensor) continue;
        *path = sae_safetensors_path(r->weights->files[i]);
        return tensor;
    }
    return NULL;
}

static void describe_shape(const sae_tensor *tensor, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "[");
    for (int i = 0; i < tensor->rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%lld", i ? ", " : "", (long long)tensor->shape[i]);
    if (used < size) snprintf(out + used, size - used, "]");
}

static sae_status check(const reader *r, const wanted *want, const sae_tensor *tensor, const char *path, sae_error *err)
{
    if (!tensor)
        return sae_fail(err, SAE_E_FORMAT, "the model in %s has no tensor \"%s\" (nor \"transformer.%s\")", r->dir,
                        want->name, want->name);
    bool fits = want->columns ? tensor->rank == 2 && tensor->shape[0] == want->rows && tensor->shape[1] == want->columns
                              : tensor->rank == 1 && tensor->shape[0] == want->rows;
    if (!fits) {
        char shape[128], expected[64];
        describe_shape(tensor, shape, sizeof shape);
        if (want->columns)
            snprintf(expected, sizeof expected, "[%lld, %lld]", (long long)want->rows, (long long)want->columns);
        else
            snprintf(expected, sizeof expected, "[%lld]", (long long)want->rows);
        return sae_fail(err, SAE_E_SHAPE, "tensor \"%s\" in %s has the shape %s; config.json makes it %s", tensor->name,
                        path, shape, expected);
    }
    if (tensor->dtype != SAE_DTYPE_F32 && tensor->dtype != SAE_DTYPE_F16 && tensor->dtype != SAE_DTYPE_BF16 &&
        tensor->dtype != SAE_DTYPE_F64)
        return sae_fail(err, SAE_E_UNSUPPORTED, "tensor \"%s\" in %s is not of a float type", tensor->name, path);
    return SAE_OK;
}

/* *want->to = the tensor's elements as float32: those of the mapped file where they can be used as they are. */
static sae_status fetch(reader *r, const wanted *want, sae_error *err)
{
    const char *path;
    const sae_tensor *tensor = find(r, want->name, &path);
    sae_status status = check(r, want, tensor, path, err);
    if (status != SAE_OK) return status;
    int64_t count = sae_tensor_elements(tensor);
    r->weights->parameters += count;
    if (tensor->dtype == SAE_DTYPE_F32 && (uintptr_t)tensor->data % sizeof(float) == 0) {
        *want->to = tensor->data;
        return SAE_OK;
    }
    float *data = sae_alloc((size_t)count, sizeof *data);
    if (!data) return sae_fail_memory(err, want->name, (size_t)count * sizeof *data);
    int64_t pieces = (count + CONVERT_PIECE - 1) / CONVERT_PIECE;
#pragma omp parallel for num_threads(sae_threads(r->env)) schedule(static)
    for (int64_t p = 0; p < pieces; p++) {
        int64_t first = p * CONVERT_PIECE, left = count - first;
        sae_tensor_read_f32(tensor, first, left < CONVERT_PIECE ? left : CONVERT_PIECE, data + first);
    }
    r->weights->converted[r->weights->n_converted++] = data;
    *want->to = data;
    return SAE_OK;
}

static sae_status fetch_layer(reader *r, const sae_gpt2_config *c, int64_t number, sae_error *err)
{
    sae_gpt2_layer *layer = &r->weights->layers[number];
    const struct {
        const char *name;
        int64_t rows, columns;
        const float **to;
    } parts[] = {
        {"ln_1.weight", c->d, 0, &layer->ln_1.gain},
        {"ln_1.bias", c->d, 0, &layer->ln_1.bias},
        {"attn.c_attn.weight", c->d, 3 * c->d, &layer->qkv.weight},
        {"attn.c_attn.bias", 3 * c->d, 0, &layer->qkv.bias},
        {"attn.c_proj.weight", c->d, c->d, &layer->attn_out.weight},
        {"attn.c_proj.bias", c->d, 0, &layer->attn_out.bias},
        {"ln_2.weight", c->d, 0, &layer->ln_2.gain},
        {"ln_2.bias", c->d, 0, &layer->ln_2.bias},
        {"mlp.c_fc.weight", c->d, c->d_mlp, &layer->mlp_in.weight},
        {"mlp.c_fc.bias", c->d_mlp, 0, &layer->mlp_in.bias},
        {"mlp.c_proj.weight", c->d_mlp, c->d, &layer->mlp_out.weight},
        {"mlp.c_proj.bias", c->d, 0, &layer->mlp_out.bias},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        wanted want = {.rows = parts[i].rows, .columns = parts[i].columns, .to = parts[i].to};
        snprintf(want.name, sizeof want.name, "h.%lld.%s", (long long)number, parts[i].name);
        sae_status status = fetch(r, &want, err);
        if (status != SAE_OK) return status;
    }
    return SAE_OK;
}

static sae_status fetch_unembedding(reader *r, const sae_gpt2_config *c, sae_error *err)
{
    const wanted head = {"lm_head.weight", c->vocab, c->d, &r->weights->unembed};
    const char *path;
    r->weights->unembed = r->weights->wte;
    if (!c->tied) return fetch(r, &head, err);
    /* Files of tied models may repeat the embedding as lm_head. One that differs was trained by itself, whatever
     * config.json says; transformers 5 takes it, too (version 4 does not). */
    const sae_tensor *own = find(r, head.name, &path), *wte = find(r, "wte.weight", &path);
    if (!own || (own->bytes == wte->bytes && memcmp(own->data, wte->data, wte->bytes) == 0)) return SAE_OK;
    sae_log(r->env, SAE_LOG_WARN,
            "config.json in %s ties the unembedding to the embedding, but lm_head.weight differs from wte.weight: "
            "lm_head.weight is used (\"tie_word_embeddings\": false says so)",
            r->dir);
    return fetch(r, &head, err);
}

sae_status sae_gpt2_weights_read(sae_gpt2_weights *out, const char *dir, const sae_gpt2_config *config,
                                 const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_gpt2_weights w = {0};
    reader r = {.dir = dir, .env = env, .weights = &w};
    w.layers = sae_calloc((size_t)config->layers, sizeof *w.layers);
    w.converted = sae_calloc(12 * (size_t)config->layers + 5, sizeof *w.converted);
    if (!w.layers || !w.converted) {
        status = sae_fail_memory(err, "a model", (size_t)config->layers * sizeof *w.layers);
        goto done;
    }
    SAE_TRY(open_files(&r, err));
    SAE_TRY(fetch(&r, &(wanted){"wte.weight", config->vocab, config->d, &w.wte}, err));
    SAE_TRY(fetch(&r, &(wanted){"wpe.weight", config->positions, config->d, &w.wpe}, err));
    for (int64_t i = 0; i < config->layers; i++) SAE_TRY(fetch_layer(&r, config, i, err));
    SAE_TRY(fetch(&r, &(wanted){"ln_f.weight", config->d, 0, &w.ln_f.gain}, err));
    SAE_TRY(fetch(&r, &(wanted){"ln_f.bias", config->d, 0, &w.ln_f.bias}, err));
    SAE_TRY(fetch_unembedding(&r, config, err));
    *out = w;
    w = (sae_gpt2_weights){0};
done:
    sae_gpt2_weights_clear(&w);
    return status;
}

void sae_gpt2_weights_clear(sae_gpt2_weights *weights)
{
    for (size_t i = 0; i < weights->n_files; i++) sae_safetensors_close(weights->files[i]);
    for (size_t i = 0; i < weights->n_converted; i++) sae_free(weights->converted[i]);
    sae_free(weights->files);
    sae_free(weights->converted);
    sae_free(weights->layers);
    sae_free(weights->low);
    *weights = (sae_gpt2_weights){0};
}
