/* How the latents of a family split: each latent's parent is its nearest of the next smaller width, where their cosine
 * reaches the threshold. */
#ifndef SAE_REPORT_FOREST_H
#define SAE_REPORT_FOREST_H

#include <sae/family.h>

enum { SAE_FOREST_LEAVES = 7, SAE_FOREST_MEMBERS = 16 }; /* of a tree that is drawn */

/* What becomes of the latents of a member at the next width. */
typedef struct sae_forest_fate {
    int64_t none, one, split; /* latents that are the parent of none, one, more */
} sae_forest_fate;

/* Latents are numbered through: first[m] + i is latent i of member m. */
typedef struct sae_forest {
    const sae_family *family;
    int64_t *first;         /* [M + 1] */
    int64_t *descendants;   /* latents of the largest SAE below each; of the largest itself 1 */
    int64_t *children;      /* latents of the next member below each */
    sae_forest_fate *fates; /* [M − 1] */
} sae_forest;

typedef struct sae_forest_node {
    int64_t latent, next; /* the latter: where its next child is sought */
    int member, parent;   /* the latter: index of its node, −1 of the root's */
    int first, last;      /* lines of the leaves below it */
    bool inner;
} sae_forest_node;

/* Parents stand before their children. */
typedef struct sae_forest_tree {
    sae_forest_node nodes[SAE_FOREST_LEAVES * SAE_FOREST_MEMBERS];
    int count, leaves;
} sae_forest_tree;

sae_status sae_forest_make(sae_forest *forest, const sae_family *family, sae_error *err);
void sae_forest_clear(sae_forest *forest);
/* roots [most]: the latents of the smallest SAE with most descendants, at least two; of equals the smaller ids. Returns
 * how many there are. */
int sae_forest_roots(const sae_forest *forest, int most, int64_t *roots);
/* The tree of a latent of the smallest SAE, cut off after SAE_FOREST_LEAVES leaves, in a family of at most
 * SAE_FOREST_MEMBERS SAEs. */
void sae_forest_tree_make(sae_forest_tree *tree, const sae_family *family, int64_t root);

#endif
