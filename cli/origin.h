/* Where the numbers of a report come from, put together from what a command has read. */
#ifndef CLI_ORIGIN_H
#define CLI_ORIGIN_H

#include <sae/report.h>

typedef struct cli_origin {
    sae_report_sae saes[2];
    sae_report_origin report; /* points to `saes` of the object that it was made for */
} cli_origin;

/* Of SMALL and LARGE, named by words[0] and words[1]. */
void cli_origin_of(cli_origin *out, const char *const *words, const sae_model *small, const sae_model *large,
                   const char *acts, const sae_source *source);

#endif
