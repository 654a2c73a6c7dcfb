/* Comparing more than two SAEs of the same activations: a family of widths (docs/mathematics.md, "A family of SAEs").
 */
#ifndef SAE_FAMILY_H
#define SAE_FAMILY_H

#include <sae/compare.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sae_family_member {
    size_t given;        /* which of the SAEs that were given, from 0 */
    const char *path;    /* sae_model_path, owned by the family */
    int64_t n;           /* latents */
    double mse, l0;      /* mean of ‖x − x̂‖² over all tokens (sum over d), mean number of active latents */
    int64_t never_fired; /* latents that are active on no token */
} sae_family_member;

/* Members stand by ascending width, those of equal width in the order in which they were given; M is n_members, n the
 * width of the last one, the largest. Every array is owned by the family. */
typedef struct sae_family {
    int64_t d, tokens;
    double threshold;
    size_t n_members;
    sae_family_member *members;  /* [M] */
    sae_comparison **neighbours; /* [M − 1] of members i (small) and i + 1 (large); `latent` is that of the last one */
    /* novel[i·M + j]: latents of member i whose maximum cosine with member j's is below the threshold; 0 for i = j. Its
     * share is that over members[i].n. */
    int64_t *novel;
    /* The nearest latent of each smaller member to each latent of the largest. */
    int32_t *ancestor;    /* [M − 1, n] */
    double *ancestor_cos; /* [M − 1, n] the cosine of their decoder directions */
    /* [n] the first member with a latent of cosine ≥ threshold, M − 1 when only the largest has it; and how many
     * latents of the largest have each member as their first */
    int32_t *first;
    int64_t *n_first; /* [M] */
} sae_family;

/* n_models ≥ 2 SAEs in inference form over the usable rows of `source`, all in one pass; neighbours are what
 * sae_compare gives for the two SAEs, bit for bit. config as for sae_compare; config->latent is of the largest SAE.
 * Errors as sae_compare, with the paths of the SAEs. */
SAE_API sae_status sae_family_compare(const sae_model *const *models, size_t n_models, sae_source *source,
                                      const sae_compare_config *config, sae_family **out, const sae_env *env,
                                      sae_error *err);
SAE_API void sae_family_free(sae_family *family);

/* CSV files, written whole or not at all; unknown values are empty fields. Members have the numbers 1 … M.
 * One line per member: number, sae, n, l0, mse, never_fired, first (latents of the largest that it is the first to
 * have). */
SAE_API sae_status sae_family_write_members(const sae_family *family, const char *path, sae_error *err);
/* One line per ordered pair of members: member, other, latents, novel, share. */
SAE_API sae_status sae_family_write_matrix(const sae_family *family, const char *path, sae_error *err);
/* One line per latent of the largest: latent, n_active, first (a member's number), and for each smaller member
 * nearest_NUMBER, cos_NUMBER. */
SAE_API sae_status sae_family_write_tree(const sae_family *family, const char *path, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
