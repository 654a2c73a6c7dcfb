/* A comparison as tables and sentences for people. */
#ifndef CLI_COMPARE_PRINT_H
#define CLI_COMPARE_PRINT_H

#include <sae/compare.h>
#include <stdio.h>

sae_status cli_compare_print(const sae_comparison *comparison, FILE *out, sae_error *err);

#endif
