/* Writing a SAELens directory. cfg.json comes last: a directory that has one is whole. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "io/st_write.h"
#include "model/model.h"
#include "model/saelens.h"

#include <unistd.h>

enum { TILE = 64 };

/* out [width, n] = dimensions first … first + width − 1 of in [n, d], transposed. */
static void transpose_strip(const float *in, int64_t n, int64_t d, int64_t first, int64_t width, float *out)
{
    int64_t tiles = (n + TILE - 1) / TILE;
#pragma omp parallel for num_threads(sae_threads(NULL)) schedule(static)
    for (int64_t t = 0; t < tiles; t++) {
        int64_t begin = t * TILE, end = begin + TILE < n ? begin + TILE : n;
        for (int64_t j = 0; j < width; j++)
            for (int64_t i = begin; i < end; i++) out[j * n + i] = in[i * d + first + j];
    }
}

/* W_enc lies in the file as [d, n]. It is written strip by strip, so that saving needs no second copy. */
static sae_status write_transposed(sae_output *out, const float *W, int64_t n, int64_t d, sae_error *err)
{
    sae_status status = SAE_OK;
    float *strip = sae_alloc((size_t)n * TILE, sizeof *strip);
    if (!strip) return sae_fail_memory(err, "a strip of W_enc", (size_t)n * TILE * sizeof *strip);
    for (int64_t first = 0; status == SAE_OK && first < d; first += TILE) {
        int64_t width = d - first < TILE ? d - first : TILE;
        transpose_strip(W, n, d, first, width, strip);
        status = sae_output_write(out, strip, (size_t)(n * width) * sizeof *strip, err);
    }
    sae_free(strip);
    return status;
}

static sae_tensor tensor(const char *name, const float *data, int64_t rows, int64_t cols)
{
    sae_tensor t = {.name = name, .dtype = SAE_DTYPE_F32, .rank = cols ? 2 : 1, .shape = {rows, cols}, .data = data};
    t.bytes = (size_t)(rows * (cols ? cols : 1)) * sizeof(float);
    return t;
}

/* Replaces the weights at `path`. The old description is removed once the new weights are safe on disk, so that a
 * full disk leaves the old pair and new weights never lie beside an old description. */
static sae_status write_weights(const sae_model *model, const char *path, const char *config, sae_error *err)
{
    sae_status status;
    sae_output out = {0};
    char *header = NULL;
    size_t length = 0, count = 4;
    const sae_weights *w = &model->weights;
    int64_t n = model->info.n, d = model->info.d;
    const sae_tensor tensors[5] = {tensor("W_enc", NULL, d, n), tensor("b_enc", w->b_enc, n, 0),
                                   tensor("W_dec", w->W_dec, n, d), tensor("b_dec", w->b_dec, d, 0),
                                   tensor("threshold", w->threshold, n, 0)};
    if (w->threshold && !sae_saelens_is_standard(&model->info)) count = 5;
    SAE_TRY(sae_st_header_format(&header, &length, path, tensors, count, NULL, 0, 8, err));
    SAE_TRY(sae_output_open(&out, path, err));
    SAE_TRY(sae_output_write(&out, header, length, err));
    SAE_TRY(write_transposed(&out, w->W_enc, n, d, err));
    for (size_t i = 1; i < count; i++) SAE_TRY(sae_output_write(&out, tensors[i].data, tensors[i].bytes, err));
    if (fflush(out.stream) != 0 || fsync(fileno(out.stream)) != 0)
        SAE_TRY(sae_fail_errno(err, "cannot write %s", path));
    (void)unlink(config);
    status = sae_output_commit(&out, err);
done:
    sae_output_abort(&out);
    sae_free(header);
    return status;
}

sae_status sae_model_save(const sae_model *model, const char *dir, sae_error *err)
{
    sae_status status = SAE_OK;
    char *config = sae_path_join(dir, SAE_SAELENS_CONFIG), *weights = sae_path_join(dir, SAE_SAELENS_WEIGHTS);
    if (!config || !weights) SAE_TRY(sae_fail_memory(err, "a path", 0));
    SAE_TRY(sae_make_dirs(dir, err));
    SAE_TRY(write_weights(model, weights, config, err));
    SAE_TRY(sae_saelens_config_write(config, &model->info, err));
done:
    sae_free(config);
    sae_free(weights);
    return status;
}
