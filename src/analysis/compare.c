#include <sae/compare.h>

#include "analysis/comparison.h"
#include "base/error.h"

#include <stddef.h>

/* ---- configuration ------------------------------------------------------------------------------ */

sae_compare_config sae_compare_config_default(void)
{
    return (sae_compare_config){.threshold = 0.7, .min_active = 10, .latent = -1, .draws = 2000};
}

const sae_option *sae_compare_option_table(size_t *count)
{
#define AT(field) offsetof(sae_compare_config, field)
    static const sae_option table[] = {
        {"threshold", SAE_OPT_FLOAT, AT(threshold), "F", "0.7", -1, 1, NULL, NULL,
         "a latent of LARGE is novel when its maximum decoder cosine is below this"},
        {"min-active", SAE_OPT_INT, AT(min_active), "N", "10", 0, 1e12, NULL, NULL,
         "tokens on which a latent must be active, and inactive, to enter means and pairs"},
        {"max-tokens", SAE_OPT_INT, AT(max_tokens), "N", "all", 0, 1e15, NULL, "all",
         "compare on at most this many rows"},
        {"latent", SAE_OPT_INT, AT(latent), "ID", NULL, -1, 2147483647, NULL, NULL,
         "also print the table of this latent of LARGE"},
        {"draws", SAE_OPT_INT, AT(draws), "N", "2000", 1, 1e7, NULL, NULL, "bootstrap draws"},
        {"seed", SAE_OPT_INT, AT(seed), "S", "0", 0, 9e15, NULL, NULL, "seed of random baselines and bootstrap"},
    };
#undef AT
    *count = sizeof table / sizeof *table;
    return table;
}

/* ---- all of it -------------------------------------------------------------------------------------- */

sae_status sae_compare(const sae_model *small, const sae_model *large, sae_source *source,
                       const sae_compare_config *config, sae_comparison **out, const sae_env *env, sae_error *err)
{
    sae_status status;
    const sae_model *models[2] = {small, large};
    sae_comparison *c = NULL;
    sae_compare_rows rows = {0};
    SAE_TRY(sae_comparison_check(small, large, source, env, err));
    SAE_TRY(sae_comparison_check_config(large, config, err));
    SAE_TRY(sae_comparison_start(&c, small, large, config, env, err));
    c->latent = config->latent;
    const sae_compare_pair pair = {.small = 0, .large = 1, .nearest = c->argmax, .partner = c->partner};
    SAE_TRY(sae_compare_rows_read(&rows, models, 2, &pair, 1, source, config->max_tokens, env, err));
    SAE_TRY(sae_comparison_finish(c, &rows, &pair, 0, config, env, err));
    *out = c;
    c = NULL;
done:
    sae_compare_rows_clear(&rows);
    sae_comparison_free(c);
    return status;
}
