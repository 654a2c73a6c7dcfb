/* Writing a SAELens directory. cfg.json comes last: a directory that has one is whole. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/archive_write.h"
#include "io/st_write.h"
#include "io/strided.h"
#include "model/formats/saelens.h"
#include "model/model.h"

#include <unistd.h>

static sae_status write_bytes(void *out, const void *data, size_t bytes, sae_error *err)
{
    return sae_output_write(out, data, bytes, err);
}

/* Replaces the weights at `path`. The old description is removed once the new weights are safe on disk, so that a
 * full disk leaves the old pair and new weights never lie beside an old description. */
static sae_status write_weights(const sae_model *model, const char *path, const char *config, const char *scaler,
                                sae_error *err)
{
    sae_status status;
    sae_output out = {0};
    char *header = NULL;
    size_t length = 0, count = 4;
    const sae_weights *w = &model->weights;
    int64_t n = model->info.n, d = model->info.d;
    const sae_tensor tensors[5] = {sae_tensor_f32("W_enc", NULL, d, n), sae_tensor_f32("b_enc", w->b_enc, n, 0),
                                   sae_tensor_f32("W_dec", w->W_dec, n, d), sae_tensor_f32("b_dec", w->b_dec, d, 0),
                                   sae_tensor_f32("threshold", w->threshold, n, 0)};
    if (w->threshold && !sae_saelens_is_standard(&model->info)) count = 5;
    SAE_TRY(sae_st_header_format(&header, &length, path, tensors, count, NULL, 0, 8, err));
    SAE_TRY(sae_output_open(&out, path, err));
    SAE_TRY(sae_output_write(&out, header, length, err));
    SAE_TRY(sae_write_transposed(w->W_enc, n, d, write_bytes, &out, err)); /* the file has [d, n] */
    for (size_t i = 1; i < count; i++) SAE_TRY(sae_output_write(&out, tensors[i].data, tensors[i].bytes, err));
    if (fflush(out.stream) != 0 || fsync(fileno(out.stream)) != 0)
        SAE_TRY(sae_fail_errno(err, "cannot write %s", path));
    (void)unlink(config);
    (void)unlink(scaler);
    status = sae_output_commit(&out, err);
done:
    sae_output_abort(&out);
    sae_free(header);
    return status;
}

sae_status sae_model_save(const sae_model *model, const char *dir, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_written written = {0};
    char *config = sae_path_join(dir, SAE_SAELENS_CONFIG), *weights = sae_path_join(dir, SAE_SAELENS_WEIGHTS);
    char *scaler = sae_path_join(dir, SAE_SAELENS_SCALER); /* of a training checkpoint that was there before */
    if (!config || !weights || !scaler) SAE_TRY(sae_fail_memory(err, "a path", 0));
    SAE_TRY(sae_written_dirs(&written, dir, err));
    SAE_TRY(sae_written_file(&written, weights, err));
    SAE_TRY(write_weights(model, weights, config, scaler, err));
    SAE_TRY(sae_saelens_config_write(config, &model->info, err));
done:
    sae_written_end(&written, status == SAE_OK);
    sae_free(config);
    sae_free(weights);
    sae_free(scaler);
    return status;
}
