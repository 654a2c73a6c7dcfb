/* The mean over all novel latents, with bootstrap intervals. */
#ifndef SAE_ANALYSIS_NOVEL_MEAN_H
#define SAE_ANALYSIS_NOVEL_MEAN_H

#include <sae/compare.h>

/* Fills c->novel_mean from large_in_small, n_active, large, small, tokens, threshold and min_active. */
sae_status sae_novel_mean_compute(sae_comparison *c, int64_t draws, uint64_t seed, const sae_env *env, sae_error *err);

#endif
