/* Reports: a result as one page of HTML that needs no other file, no network and no script. It has the figures with
 * what they say in words, their numbers as tables, and each picture for download; it is readable on a phone, in the
 * dark, on paper, by keyboard and by screen reader. */
#ifndef SAE_REPORT_H
#define SAE_REPORT_H

#include <sae/compare.h>
#include <sae/stitch.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sae_report_sae {
    const char *name; /* where it was read from */
    const sae_model_info *info;
} sae_report_sae;

/* Where the numbers of a report come from. Names and metadata may be any text: all of it is escaped. */
typedef struct sae_report_origin {
    const sae_report_sae *saes; /* from the smallest to the largest */
    size_t n_saes;
    const char *acts; /* where the activations were read from */
    const sae_source_info *rows;
} sae_report_origin;

/* Write the page to `path`, whole or not at all. A function of the arguments only: the page holds no times. It links
 * to the CSV files beside it, by the names that `sae compare` and `sae stitch` give them. */
SAE_API sae_status sae_report_comparison(const sae_comparison *comparison, const sae_report_origin *origin,
                                         const char *path, sae_error *err);
SAE_API sae_status sae_report_stitch(const sae_stitch *stitch, const sae_report_origin *origin, const char *path,
                                     sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
