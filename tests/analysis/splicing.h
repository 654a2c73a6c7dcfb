/* The demo model with a short text and a place to splice SAEs in, for the tests. */
#ifndef SAE_TESTS_ANALYSIS_SPLICING_H
#define SAE_TESTS_ANALYSIS_SPLICING_H

#include "io/temp.h"

#include <sae/data.h>
#include <sae/lm.h>

#include <math.h>

enum { CTX = 24, COUNT = 5 };

static const char TEXT[] =
    "The river rose in the night, and in the morning the bridge was gone. Men came from the town with ropes and long "
    "poles, but the water was too fast for them. They stood on the bank and spoke of the old bridge, and of the year "
    "when the mill was carried away. In the afternoon the rain stopped. A boy counted the logs that went by, and when "
    "he "
    "came to two hundred he went home, because his mother had called him for the third time, and because he was cold. "
    "The next day there was a ferry, and the day after that a letter from the city which said that nothing could be "
    "done.";

typedef struct splicing {
    sae_lm *lm;
    sae_contexts contexts;
    sae_hook hook;
    sae_source_config rows;
    double *x_mean;
    int64_t d;
} splicing;

static inline int splicing_setup(void **state)
{
    sae_error err;
    splicing *b = calloc(1, sizeof *b);
    sae_tokenizer *tokenizer = NULL;
    int32_t *ids = NULL;
    int64_t count = 0, capacity = 0;
    assert_ok(sae_lm_open(&b->lm, SAE_SOURCE_DIR "/demo/model", NULL, &err));
    assert_ok(sae_tokenizer_open(&tokenizer, SAE_SOURCE_DIR "/demo/model", &err));
    assert_ok(sae_tokenizer_encode(tokenizer, TEXT, strlen(TEXT), false, &ids, &count, &capacity, &err));
    sae_tokenizer_close(tokenizer);
    assert_true(count >= CTX * COUNT);
    b->contexts = (sae_contexts){.count = COUNT, .ctx = CTX, .tokens = ids};
    b->rows = sae_source_config_default();
    assert_ok(sae_hook_parse(&b->hook, b->lm, "blocks.4.hook_resid_pre", &err));
    b->d = sae_hook_width(b->lm, b->hook);
    b->x_mean = calloc((size_t)b->d, sizeof *b->x_mean);
    float *x = malloc((size_t)(COUNT * CTX * b->d) * sizeof *x);
    assert_ok(sae_lm_hooks(b->lm, ids, COUNT, CTX, &b->hook, 1, false, &x, NULL, &err));
    for (int64_t r = 0; r < COUNT * CTX; r++)
        for (int64_t j = 0; r % CTX && j < b->d; j++) b->x_mean[j] += (double)x[r * b->d + j] / (COUNT * (CTX - 1));
    free(x);
    *state = b;
    return 0;
}

static inline int splicing_teardown(void **state)
{
    splicing *b = *state;
    sae_lm_close(b->lm);
    free(b->contexts.tokens);
    free(b->x_mean);
    free(b);
    return 0;
}

#endif
