/* Comparing SAEs of the golden file, for the tests. */
#ifndef SAE_TESTS_ANALYSIS_COMPARING_H
#define SAE_TESTS_ANALYSIS_COMPARING_H

#include "io/temp.h"
#include "model/sae_golden.h"

#include <sae/compare.h>

/* As make_sae_golden.py has them. */
static inline sae_compare_config golden_compare_config(void)
{
    sae_compare_config config = sae_compare_config_default();
    config.seed = 5;
    config.draws = 500;
    return config;
}

static inline sae_comparison *compare_rows(const sae_model *small, const sae_model *large, const float *x, int64_t rows,
                                           sae_compare_config config, const sae_env *env)
{
    sae_error err;
    sae_source *source = NULL;
    sae_comparison *c = NULL;
    sae_source_config how = sae_source_config_default();
    assert_ok(sae_source_open_memory(&source, x, rows, sae_model_get_info(large)->d, &how, &err));
    assert_ok(sae_compare(small, large, source, &config, &c, env, &err));
    sae_source_close(source);
    return c;
}

/* SAEs `small` and `large` of the golden file on its rows. */
static inline sae_comparison *golden_compare(int small, int large, sae_compare_config config)
{
    sae_safetensors *file = golden_open();
    float *x = golden_floats(file, "x");
    sae_model *a = golden_model(file, small, NULL), *b = golden_model(file, large, NULL);
    sae_comparison *c = compare_rows(a, b, x, golden_tensor(file, "x")->shape[0], config, NULL);
    free(x);
    sae_model_free(a);
    sae_model_free(b);
    sae_safetensors_close(file);
    return c;
}

#endif
