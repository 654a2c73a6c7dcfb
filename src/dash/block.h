/* Blocks of latents: worked out in parallel, then written in order. */
#ifndef SAE_DASH_BLOCK_H
#define SAE_DASH_BLOCK_H

#include "dash/collect.h"
#include "dash/effects.h"
#include "dash/latent.h"
#include "dash/links.h"
#include "store/write.h"

enum { SAE_DASH_BLOCK = 256 }; /* latents */

/* Everything about one latent that goes into the database. */
typedef struct sae_dash_latent {
    int64_t n_active;
    sae_dash_stats stats;
    sae_dash_examples examples[SAE_EXAMPLE_KINDS];
    sae_dash_acts acts[SAE_EXAMPLE_KINDS];
    sae_dash_effects effects;
    sae_dash_neurons neurons;
    sae_dash_links (*links)[SAE_DASH_LINK_KINDS]; /* [SAEs] */
    sae_dash_acts *shared;                        /* [SAEs, SAE_DASH_SHARED] of the nearest latents there */
} sae_dash_latent;

typedef struct sae_dash_block {
    int64_t sae;
    const sae_model *model;
    sae_dash_where where;
    const sae_dash_columns *columns;
    const sae_dash_linker *linker;
    const sae_dash_unembed *unembed;
    int64_t first, count;
    sae_dash_latent *latents; /* [SAE_DASH_BLOCK] */
    int threads;
    sae_dash_scratch *scratch;   /* [threads] */
    sae_dash_together *together; /* [threads] */
} sae_dash_block;

/* Memory for a block; the fields before latents are set. SAE_E_MEMORY leaves what is to be cleared. */
sae_status sae_dash_block_make(sae_dash_block *block, const sae_env *env, sae_error *err);

/* Works out latents first … first + count − 1, which lie in the columns. */
sae_status sae_dash_block_run(sae_dash_block *block, sae_error *err);
/* Rows of the tables latent, detail, example, neighbour, match, best and shared. */
sae_status sae_dash_block_write(const sae_dash_block *block, sae_store_writer *writer, sae_error *err);
void sae_dash_block_clear(sae_dash_block *block);

#endif
