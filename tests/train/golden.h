/* Reading tests/golden/train_*.safetensors (float64 PyTorch; make_train_golden.py says what is in them). */
#ifndef SAE_TESTS_TRAIN_GOLDEN_H
#define SAE_TESTS_TRAIN_GOLDEN_H

#include "testing.h"

#include <sae/io.h>
#include <sae/train.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline const sae_tensor *golden(const sae_safetensors *file, const char *prefix, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s%s", prefix, *prefix ? "." : "", name);
    const sae_tensor *t = sae_safetensors_find(file, full);
    if (!t) fail_msg("golden file has no %s", full);
    return t;
}

/* A malloc'ed copy in double, from f32 or f64. */
static inline double *golden_doubles(const sae_tensor *t)
{
    int64_t count = sae_tensor_elements(t);
    double *out = malloc((size_t)count * sizeof *out);
    for (int64_t i = 0; i < count; i++) {
        if (t->dtype == SAE_DTYPE_F64) {
            memcpy(&out[i], (const char *)t->data + 8 * i, 8);
        } else {
            float x;
            memcpy(&x, (const char *)t->data + 4 * i, 4);
            out[i] = x;
        }
    }
    return out;
}

static inline double golden_number(const sae_safetensors *file, const char *key)
{
    const char *text = sae_safetensors_metadata(file, key);
    if (!text) fail_msg("golden file has no metadata %s", key);
    return strtod(text, NULL);
}

/* ‖a − b‖/‖b‖ of two arrays. */
static inline double relative_error(const double *a, const double *b, int64_t count)
{
    double difference = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        size += b[i] * b[i];
    }
    return sqrt(difference / size);
}

static inline sae_arch golden_arch(const sae_safetensors *file)
{
    const char *name = sae_safetensors_metadata(file, "arch");
    for (int arch = 0; arch < SAE_ARCHS; arch++)
        if (strcmp(name, sae_arch_name((sae_arch)arch)) == 0) return (sae_arch)arch;
    fail_msg("golden file of unknown arch %s", name);
    return SAE_ARCHS;
}

/* The grid entry that the golden file describes. */
static inline sae_train_config golden_config(const sae_safetensors *file, bool variance, bool clip)
{
    sae_train_options o = sae_train_options_default();
    double steps = golden_number(file, "total_steps");
    o.warmup = golden_number(file, "warmup_steps") / steps;
    o.decay = golden_number(file, "decay_steps") / steps;
    o.beta1 = golden_number(file, "beta1");
    o.beta2 = golden_number(file, "beta2");
    o.input_scale = SAE_SCALE_NONE;
    o.k_aux = (int64_t)golden_number(file, "k_aux");
    o.aux_alpha = golden_number(file, "aux_alpha");
    o.aux_norm = variance ? SAE_AUX_VARIANCE : SAE_AUX_NONE;
    o.dead_tokens = (int64_t)golden_number(file, "dead_tokens");
    o.clip = clip ? golden_number(file, "clip") : 0;
    o.lambda_warmup = 0;
    o.bandwidth = golden_number(file, "bandwidth"); /* the trainer's rms is set to 1 */
    sae_train_config config = {
        .arch = golden_arch(file),
        .width = (int64_t)golden_number(file, "n"),
        .k = (int64_t)golden_number(file, "k"),
        .lambda = golden_number(file, "lambda"),
        .lr = golden_number(file, "lr"),
        .shared = o,
    };
    const char *text = sae_safetensors_metadata(file, "prefixes");
    for (char *end; *text; text = *end ? end + 1 : end)
        config.prefix_ends[config.n_prefixes++] = (int32_t)strtol(text, &end, 10);
    return config;
}

#endif
