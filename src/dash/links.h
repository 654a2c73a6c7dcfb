/* Which latents go together: neighbours in the same SAE, matches in the others. */
#ifndef SAE_DASH_LINKS_H
#define SAE_DASH_LINKS_H

#include "dash/collect.h"
#include "dash/latent.h"
#include "dash/nearest.h"
#include "store/write.h"

enum { SAE_DASH_BY_COSINE, SAE_DASH_BY_PEARSON, SAE_DASH_BY_JACCARD, SAE_DASH_LINK_KINDS };
enum {
    SAE_DASH_MATCHES = 5,      /* of each kind, in another SAE */
    SAE_DASH_SHARED = 3,       /* of these, the nearest whose activations on this latent's texts are kept … */
    SAE_DASH_SHARED_TEXTS = 10 /* … on so many of its top examples */
};

typedef struct sae_dash_link {
    int32_t latent;
    double cosine, pearson, jaccard; /* NaN where one of the two never fired (pearson, jaccard) */
    int64_t together;
} sae_dash_link;

typedef struct sae_dash_links {
    int count;
    sae_dash_link links[SAE_DASH_NEIGHBOURS];
} sae_dash_links;

/* What links latents of all SAEs. */
typedef struct sae_dash_linker {
    const sae_dash_rows *rows;
    const sae_dash_directions *directions;
} sae_dash_linker;

/* What one thread adds up co-activations in; all zero between uses. */
typedef struct sae_dash_together {
    double *sums;     /* [widest SAE] Σ f_i f_j */
    int64_t *counts;  /* [widest SAE] rows on which both fire */
    int32_t *touched; /* [widest SAE] */
    int64_t n_touched;
} sae_dash_together;
sae_status sae_dash_together_new(sae_dash_together *out, const sae_dash_rows *rows, sae_error *err);
void sae_dash_together_clear(sae_dash_together *together);

/* Links of latent i of SAE a with those of SAE b, by each kind: 10 neighbours when a = b, else 5 matches. */
void sae_dash_link_latent(const sae_dash_linker *linker, sae_dash_together *scratch, size_t a, int64_t i,
                          const sae_dash_firings *firings, size_t b, sae_dash_links out[SAE_DASH_LINK_KINDS]);

/* Activations of latents of SAE b around the examples of another SAE's latent. */
sae_status sae_dash_shared_acts(const sae_dash_linker *linker, const sae_dash_where *where, size_t b,
                                const sae_dash_examples *top, int32_t latent, sae_dash_acts *out, sae_error *err);

/* Rows of the tables neighbour (a = b), match and best. */
sae_status sae_dash_links_write(const sae_dash_linker *linker, size_t a, int64_t i, size_t b,
                                const sae_dash_links links[SAE_DASH_LINK_KINDS], sae_store_writer *writer,
                                sae_error *err);

#endif
