/* One latent in the words that SAEDashboard and Neuronpedia share. */
#ifndef SAE_EXPORT_FEATURE_H
#define SAE_EXPORT_FEATURE_H

#include "export/pieces.h"

#include <sae/export.h>
#include <stdio.h>

/* What the SAE is called: model "gpt2-small", layer "8", set "res-name", source "8-res-name". */
typedef struct sae_feature_names {
    char model[256], layer[16], set[256], source[288], hook[128];
    const char *creator, *creator_name;
    const char *sae; /* its name in the database */
    int64_t tokens, contexts, ctx;
} sae_feature_names;

/* SAE_E_ARG when the selection is of several SAEs, or source has no layer in front. */
sae_status sae_feature_names_make(sae_feature_names *out, sae_store *store, const sae_export_selection *selection,
                                  const sae_neuronpedia *given, sae_error *err);

typedef struct sae_feature {
    sae_store *store;
    const sae_store_latent *latent;
    sae_arena arena;
} sae_feature;
sae_status sae_feature_read(sae_feature *out, sae_store *store, const sae_export_latent *at, sae_error *err);
/* SAE_E_MEMORY when some text could not be made. */
sae_status sae_feature_clear(sae_feature *feature, sae_error *err);

typedef enum sae_feature_form {
    SAE_FEATURE_DASHBOARD, /* a feature of batch-N.json, activations included */
    SAE_FEATURE_NEURON     /* a row of Neuronpedia's table "Neuron" */
} sae_feature_form;
/* One JSON object. */
void sae_feature_put(sae_feature *feature, const sae_feature_names *names, sae_feature_form form, FILE *out);

/* Keys of an example's tokens and activations that both formats have, without braces: "tokens":[…],"values":[…]. */
void sae_feature_put_tokens(const sae_store_passage *passage, sae_arena *arena, FILE *out);
/* Interval and share of a group, as both write them: binMin −1, binMax the maximum and binContains −1 for the top. */
void sae_feature_group_bounds(const sae_store_latent *latent, const sae_store_group *group, double bounds[3]);
/* Of a group's examples: place of the peak in the passage. */
int64_t sae_feature_peak(const sae_store_example *example);

#endif
