/* The latents with the nearest decoder directions, for every latent of every SAE. */
#ifndef SAE_DASH_NEAREST_H
#define SAE_DASH_NEAREST_H

#include "analysis/cosine_tiles.h"

#include <sae/model.h>
#include <stdbool.h>

enum { SAE_DASH_NEIGHBOURS = 10 };

/* Descending by cosine, ties by id. */
typedef struct sae_dash_nearest {
    int32_t count, latents[SAE_DASH_NEIGHBOURS];
    float cosines[SAE_DASH_NEIGHBOURS];
} sae_dash_nearest;

/* For SAEs 0 … n_models − 1. */
typedef struct sae_dash_directions {
    size_t n_models;
    sae_cosine_side *sides;   /* [n_models] decoder rows */
    sae_dash_nearest **lists; /* [n_models·n_models]: lists[a·n_models + b][i] are the latents of b nearest to i of a;
                                 for a = b all but i itself */
} sae_dash_directions;

sae_status sae_dash_directions_make(sae_dash_directions *out, const sae_model *const *models, size_t n_models,
                                    const sae_env *env, sae_error *err);
void sae_dash_directions_clear(sae_dash_directions *directions);

static inline const sae_dash_nearest *sae_dash_nearest_of(const sae_dash_directions *d, size_t a, int64_t latent,
                                                          size_t b)
{
    return &d->lists[a * d->n_models + b][latent];
}
/* Whether j of b is the nearest to i of a, and i the nearest to j. */
bool sae_dash_mutual(const sae_dash_directions *directions, size_t a, int64_t i, size_t b, int64_t j);

#endif
