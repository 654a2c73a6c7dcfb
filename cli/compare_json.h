/* A comparison as JSON, for stdout and for compare.json. */
#ifndef CLI_COMPARE_JSON_H
#define CLI_COMPARE_JSON_H

#include <sae/compare.h>
#include <stdio.h>

void cli_compare_json(const sae_comparison *comparison, const char *small, const char *large, FILE *out);

#endif
