/* A small SAELens directory written by a test: a good one, of which single things are then changed. */
#ifndef SAE_TESTS_MODEL_SAE_PARTS_H
#define SAE_TESTS_MODEL_SAE_PARTS_H

#include "io/temp.h"

#include <sae/model.h>

enum { D = 3, N = 5 };

/* What a test writes as sae_weights.safetensors: defaults to a good SAE, of which single things are changed. */
typedef struct parts {
    float W_enc[D * N], b_enc[N], W_dec[N * D], b_dec[D], threshold[N], extra[N];
    sae_tensor tensors[6];
    size_t count;
} parts;

static inline sae_tensor tensor_of(const char *name, const float *data, int64_t rows, int64_t cols)
{
    sae_tensor t = {.name = name, .dtype = SAE_DTYPE_F32, .rank = cols ? 2 : 1, .shape = {rows, cols}, .data = data};
    t.bytes = (size_t)(rows * (cols ? cols : 1)) * 4;
    return t;
}

static inline void good_parts(parts *p)
{
    for (int i = 0; i < D * N; i++) {
        p->W_enc[i] = (float)(i % 7) - 3;
        p->W_dec[i] = (float)(i % 5) - 2;
    }
    for (int i = 0; i < N; i++) {
        p->b_enc[i] = (float)i;
        p->threshold[i] = 0.5f * (float)i;
        p->extra[i] = 1;
    }
    for (int j = 0; j < D; j++) p->b_dec[j] = (float)j;
    p->tensors[0] = tensor_of("W_enc", p->W_enc, D, N);
    p->tensors[1] = tensor_of("b_enc", p->b_enc, N, 0);
    p->tensors[2] = tensor_of("W_dec", p->W_dec, N, D);
    p->tensors[3] = tensor_of("b_dec", p->b_dec, D, 0);
    p->tensors[4] = tensor_of("threshold", p->threshold, N, 0);
    p->tensors[5] = tensor_of("scaling_factor", p->extra, N, 0);
    p->count = 5;
}

static inline sae_status load_parts(void **state, const char *cfg, const parts *p, sae_model **out, sae_error *err)
{
    mkdir(temp_path(state, "sae"), 0777);
    put_file(temp_path(state, "sae/cfg.json"), cfg, strlen(cfg));
    const char *path = temp_path(state, "sae/sae_weights.safetensors");
    if (sae_safetensors_write(path, p->tensors, p->count, NULL, 0, err) != SAE_OK) fail_msg("%s", err->message);
    return sae_model_load(out, temp_path(state, "sae"), err);
}

#define CFG(rest) "{\"d_in\":3,\"d_sae\":5,\"metadata\":{\"sae_lens_version\":\"6.1.0\"}," rest "}"

#endif
