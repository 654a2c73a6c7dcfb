/* Reading a SAELens directory. The file has W_enc as [d, n]; here latents are rows, [n, d]. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "model/model.h"
#include "model/saelens.h"

#include <math.h>
#include <stdio.h>

/* 64 × 64 floats: a tile of the source and one of the destination stay in the first-level cache. */
enum { TILE = 64 };

static void shape_text(const sae_tensor *tensor, char *out, size_t size)
{
    size_t used = 0;
    if (size) out[0] = 0;
    for (int i = 0; i < tensor->rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%lld", i ? ", " : "", (long long)tensor->shape[i]);
}

/* The tensor `name` of shape [rows, cols], or [rows] when cols is 0. */
static sae_status find(const sae_safetensors *file, const char *name, int64_t rows, int64_t cols,
                       const sae_tensor **out, sae_error *err)
{
    const char *path = sae_safetensors_path(file);
    const sae_tensor *tensor = sae_safetensors_find(file, name);
    if (!tensor) return sae_fail(err, SAE_E_FORMAT, "%s has no tensor %s", path, name);
    int rank = cols ? 2 : 1;
    if (tensor->rank == rank && tensor->shape[0] == rows && (!cols || tensor->shape[1] == cols)) {
        if (tensor->dtype > SAE_DTYPE_BF16)
            return sae_fail(err, SAE_E_FORMAT, "%s: %s has dtype %s, not a float type", path, name,
                            sae_dtype_name(tensor->dtype));
        *out = tensor;
        return SAE_OK;
    }
    char shape[128], expected[64];
    shape_text(tensor, shape, sizeof shape);
    if (cols)
        snprintf(expected, sizeof expected, "%lld, %lld", (long long)rows, (long long)cols);
    else
        snprintf(expected, sizeof expected, "%lld", (long long)rows);
    bool transposed = cols && tensor->rank == 2 && tensor->shape[0] == cols && tensor->shape[1] == rows;
    return sae_fail(err, SAE_E_SHAPE, "%s: %s has shape [%s]; by " SAE_SAELENS_CONFIG " it must be [%s]%s", path, name,
                    shape, expected, transposed ? " (it is stored transposed)" : "");
}

/* out [n, d] = tensor [d, n] transposed. */
static void read_transposed(const sae_tensor *tensor, int64_t n, int64_t d, float *out)
{
    int64_t tiles = (n + TILE - 1) / TILE;
#pragma omp parallel for num_threads(sae_threads(NULL)) schedule(static)
    for (int64_t t = 0; t < tiles; t++) {
        float tile[TILE][TILE];
        int64_t first = t * TILE, width = n - first < TILE ? n - first : TILE;
        for (int64_t row = 0; row < d; row += TILE) {
            int64_t height = d - row < TILE ? d - row : TILE;
            for (int64_t r = 0; r < height; r++) sae_tensor_read_f32(tensor, (row + r) * n + first, width, tile[r]);
            for (int64_t c = 0; c < width; c++)
                for (int64_t r = 0; r < height; r++) out[(first + c) * d + row + r] = tile[r][c];
        }
    }
}

static void read_rows(const sae_tensor *tensor, int64_t n, int64_t d, float *out)
{
#pragma omp parallel for num_threads(sae_threads(NULL)) schedule(static)
    for (int64_t i = 0; i < n; i++) sae_tensor_read_f32(tensor, i * d, d, out + i * d);
}

/* z_i·‖w_i‖ is what such a file selects on and calls the activation, f_i·w_i/‖w_i‖ what it decodes. A row of
 * zeros makes a latent that never fires. */
static void fold_decoder_norms(sae_model *model)
{
    int64_t n = model->info.n, d = model->info.d;
    float *W_enc = model->owned[0], *b_enc = model->owned[1], *W_dec = model->owned[2];
#pragma omp parallel for num_threads(sae_threads(NULL)) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        double square = 0;
        for (int64_t j = 0; j < d; j++) square += (double)W_dec[i * d + j] * (double)W_dec[i * d + j];
        double norm = sqrt(square);
        for (int64_t j = 0; j < d; j++) {
            W_enc[i * d + j] = (float)((double)W_enc[i * d + j] * norm);
            if (norm > 0) W_dec[i * d + j] = (float)((double)W_dec[i * d + j] / norm);
        }
        b_enc[i] = (float)((double)b_enc[i] * norm);
    }
}

/* Early versions wrote a scaling factor per latent, used only when it had been fine-tuned. */
static sae_status check_scaling_factor(const sae_safetensors *file, sae_error *err)
{
    const sae_tensor *tensor = sae_safetensors_find(file, "scaling_factor");
    for (int64_t i = 0; tensor && i < sae_tensor_elements(tensor); i++) {
        float value;
        sae_tensor_read_f32(tensor, i, 1, &value);
        if (!(fabsf(value - 1) <= 1e-5f))
            return sae_fail(err, SAE_E_UNSUPPORTED,
                            "%s: scaling_factor is %g at index %lld; only factors of 1 are supported",
                            sae_safetensors_path(file), (double)value, (long long)i);
    }
    return SAE_OK;
}

static sae_status read_weights(const sae_safetensors *file, sae_model *model, bool thresholds, sae_error *err)
{
    sae_status status;
    int64_t n = model->info.n, d = model->info.d;
    const sae_tensor *W_enc, *b_enc, *W_dec, *b_dec, *threshold = NULL;
    SAE_TRY(check_scaling_factor(file, err));
    SAE_TRY(find(file, "W_enc", d, n, &W_enc, err));
    SAE_TRY(find(file, "b_enc", n, 0, &b_enc, err));
    SAE_TRY(find(file, "W_dec", n, d, &W_dec, err));
    SAE_TRY(find(file, "b_dec", d, 0, &b_dec, err));
    if (thresholds) SAE_TRY(find(file, "threshold", n, 0, &threshold, err));
    read_transposed(W_enc, n, d, model->owned[0]);
    sae_tensor_read_f32(b_enc, 0, n, model->owned[1]);
    read_rows(W_dec, n, d, model->owned[2]);
    sae_tensor_read_f32(b_dec, 0, d, model->owned[3]);
    if (threshold) sae_tensor_read_f32(threshold, 0, n, model->owned[4]);
    for (int64_t i = 0; model->owned[4] && !threshold && i < n; i++) model->owned[4][i] = 0;
done:
    return status;
}

sae_status sae_model_load(sae_model **out, const char *dir, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_model *model = NULL;
    sae_safetensors *file = NULL;
    sae_model_info info;
    bool fold_norms = false, standard;
    char *config = sae_path_join(dir, SAE_SAELENS_CONFIG), *weights = sae_path_join(dir, SAE_SAELENS_WEIGHTS);
    if (!config || !weights) {
        status = sae_fail_memory(err, "a path", 0);
        goto done;
    }
    if (sae_file_exists(dir) && !sae_file_exists(config)) {
        status = sae_fail(err, SAE_E_FORMAT, "%s is not a saved SAE: it has no " SAE_SAELENS_CONFIG, dir);
        goto done;
    }
    SAE_TRY(sae_saelens_config_read(config, &info, &fold_norms, &standard, err));
    SAE_TRY(sae_safetensors_open(&file, weights, err));
    SAE_TRY(sae_model_allocate(&model, &info, dir, err));
    SAE_TRY(read_weights(file, model, info.rule == SAE_RULE_THRESHOLD && !standard, err));
    SAE_TRY(sae_model_check(model, weights, err));
    if (fold_norms) fold_decoder_norms(model);
    SAE_TRY(sae_model_prepare(model, err));
    *out = model;
    model = NULL;
done:
    sae_model_free(model);
    sae_safetensors_close(file);
    sae_free(config);
    sae_free(weights);
    return status;
}
