/* Dashboards for other programs and other people (docs/dashboards.md, "Exports"). */
#ifndef SAE_EXPORT_H
#define SAE_EXPORT_H

#include <sae/data.h>
#include <sae/model.h>
#include <sae/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which latents of a database; all of one SAE for the formats of tools that know only one at a time. */
typedef struct sae_export_latent {
    int64_t sae, latent;
} sae_export_latent;

typedef struct sae_export_selection {
    const sae_export_latent *latents;
    size_t count;
} sae_export_selection;

/* One HTML file with the latents and nothing outside it: style, program and data stand in it under a content security
 * policy of hashes, so that it runs offline and nothing else can. `texts`: of each group at most so many, with `around`
 * tokens on each side. The same bytes for the same database. SAE_E_ARG for more than 50 MB. */
SAE_API sae_status sae_export_html(sae_store *store, const sae_export_selection *selection, int64_t texts,
                                   int64_t around, const char *path, sae_error *err);

/* SAEDashboard's batch-0.json, … with 128 latents each, and skipped_indexes.json (dead latents), into `dir`. Contexts
 * are whole. The keys _l1 of correlated_features hold the cosine, as there. */
SAE_API sae_status sae_export_saedashboard(sae_store *store, const sae_export_selection *selection, const char *dir,
                                           const sae_env *env, sae_error *err);

/* What Neuronpedia's import wants to know beyond the database. */
typedef struct sae_neuronpedia {
    const char *model;   /* its id there, "gpt2-small"; NULL: the database's */
    const char *source;  /* "8-name": layer and source set; NULL: made of hook and SAE */
    const char *creator; /* id of the user that it belongs to; NULL: the one that its own seeds make */
    const char *creator_name;
} sae_neuronpedia;
/* dir/config/{release,model,sourceset,source}.jsonl, dir/features and dir/activations/batch-N.jsonl.gz, and load.sql,
 * which loads them into a Neuronpedia of one's own. */
SAE_API sae_status sae_export_neuronpedia(sae_store *store, const sae_export_selection *selection,
                                          const sae_neuronpedia *names, const char *dir, const sae_env *env,
                                          sae_error *err);

/* delphi's latent cache, dir/HOOK/{first_last}.safetensors and config.json: every activation of the model's latents on
 * the rows of `acts`, encoded anew; `splits` files. Memory: 16 bytes for each. SAE_E_UNSUPPORTED for contexts of
 * several lengths. */
SAE_API sae_status sae_export_delphi(const sae_model *model, sae_source *source, const sae_acts *acts, int64_t splits,
                                     const char *tokenizer, const char *dir, const sae_env *env, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
