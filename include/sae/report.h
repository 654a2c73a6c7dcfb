/* Reports: a result as one page of HTML that needs no other file, no network and no script. It has the figures with
 * what they say in words, their numbers as tables, and each picture for download; it is readable on a phone, in the
 * dark, on paper, by keyboard and by screen reader. */
#ifndef SAE_REPORT_H
#define SAE_REPORT_H

#include <sae/compare.h>
#include <sae/family.h>
#include <sae/meta.h>
#include <sae/sparsity_match.h>
#include <sae/stitch.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sae_report_sae {
    const char *name; /* where it was read from */
    const sae_model_info *info;
    const sae_sparsity_match *match; /* what was done to its thresholds; NULL: nothing was asked for */
} sae_report_sae;

/* Where the numbers of a report come from. Names and metadata may be any text: all of it is escaped. */
typedef struct sae_report_origin {
    const sae_report_sae *saes; /* from the smallest to the largest */
    size_t n_saes;
    const char *acts;            /* where the activations were read from; NULL: none were needed */
    const sae_source_info *rows; /* NULL then */
    const char *above;           /* the page of a larger result that this is a part of, NULL: none */
} sae_report_origin;

/* Write the page to `path`, whole or not at all. A function of the arguments only: the page holds no times. It links
 * to the CSV files beside it, by the names that the commands give them. */
SAE_API sae_status sae_report_comparison(const sae_comparison *comparison, const sae_report_origin *origin,
                                         const char *path, sae_error *err);
/* The page links to those of neighbours, "1-2/index.html" and so on. */
SAE_API sae_status sae_report_family(const sae_family *family, const sae_report_origin *origin, const char *path,
                                     sae_error *err);
SAE_API sae_status sae_report_stitch(const sae_stitch *stitch, const sae_report_origin *origin, const char *path,
                                     sae_error *err);
/* origin->saes: the SAE that was taken apart, and where there is one the smaller SAE before it. */
SAE_API sae_status sae_report_meta(const sae_meta *meta, const sae_report_origin *origin, const char *path,
                                   sae_error *err);

/* The pictures of a family, and of a meta-SAE, as sae_comparison_draw_histogram and its like. */
SAE_API sae_status sae_family_draw_matrix(const sae_family *family, const char *path, sae_error *err);
SAE_API sae_status sae_family_draw_first(const sae_family *family, const char *path, sae_error *err);
SAE_API sae_status sae_family_draw_tree(const sae_family *family, const char *path, sae_error *err);
/* Explained variance beside the baselines: */
SAE_API sae_status sae_meta_draw_baselines(const sae_meta *meta, const char *path, sae_error *err);
/* How well each latent is explained, and by how many meta-latents: */
SAE_API sae_status sae_meta_draw_decomposition(const sae_meta *meta, const char *path, sae_error *err);
/* How many latents each meta-latent has: */
SAE_API sae_status sae_meta_draw_meta_latents(const sae_meta *meta, const char *path, sae_error *err);
/* Maximum cosines with the smaller SAE's latents, beside those of random directions. SAE_E_ARG without one. */
SAE_API sae_status sae_meta_draw_against(const sae_meta *meta, const char *path, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
