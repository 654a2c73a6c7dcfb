/* A comparison as tables and sentences for people. */
#ifndef CLI_COMPARE_PRINT_H
#define CLI_COMPARE_PRINT_H

#include <sae/compare.h>
#include <stdio.h>

/* The errors of both SAEs where comparison->latent is active and where not. */
void cli_compare_print_latent(const sae_comparison *comparison, FILE *out);
/* latents [CLI_SHOWN_LATENTS] = some of n at equal steps from the largest to the smallest cosine; *count of them. */
#define CLI_SHOWN_LATENTS 9
sae_status cli_shown_latents(const double *cosines, int64_t n, int64_t *latents, int64_t *count, sae_error *err);

sae_status cli_compare_print(const sae_comparison *comparison, FILE *out, sae_error *err);

#endif
