/* Opening a model directory. */
#include "lm/gpt2.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "kernels/blas.h"

#include <string.h>

sae_status sae_lm_open(sae_lm **out, const char *dir, const sae_env *env, sae_error *err)
{
    sae_status status;
    char *path = NULL;
    sae_lm *lm = sae_calloc(1, sizeof *lm);
    if (!lm) return sae_fail_memory(err, "a model", sizeof *lm);
    if (!sae_is_directory(dir)) {
        status =
            sae_fail(err, SAE_E_IO, "%s is not a directory; a model is a directory with config.json and weights", dir);
        goto done;
    }
    path = sae_path_join(dir, "config.json");
    if (!path) {
        status = sae_fail_memory(err, "a path", strlen(dir));
        goto done;
    }
    SAE_TRY(sae_gpt2_config_read(&lm->config, path, err));
    SAE_TRY(sae_gpt2_weights_read(&lm->weights, dir, &lm->config, env, err));
    sae_path_name(dir, lm->name, sizeof lm->name);
    sae_blas_init();
    *out = lm;
    lm = NULL;
done:
    sae_free(path);
    sae_lm_close(lm);
    return status;
}

void sae_lm_close(sae_lm *lm)
{
    if (!lm) return;
    sae_gpt2_weights_clear(&lm->weights);
    sae_free(lm);
}

sae_lm_info sae_lm_get_info(const sae_lm *lm)
{
    const sae_gpt2_config *c = &lm->config;
    return (sae_lm_info){
        .name = lm->name,
        .layers = c->layers,
        .d = c->d,
        .heads = c->heads,
        .d_mlp = c->d_mlp,
        .positions = c->positions,
        .vocab = c->vocab,
        .parameters = lm->weights.parameters,
        .eos = c->eos,
        .precision = lm->weights.low ? SAE_PRECISION_BF16 : SAE_PRECISION_FP32,
    };
}
