/* A comparison as JSON, for stdout and for compare.json. */
#ifndef CLI_COMPARE_JSON_H
#define CLI_COMPARE_JSON_H

#include "cli/json.h"
#include "cli/sparsity.h"

#include <sae/compare.h>
#include <stdio.h>

/* The members of a comparison; the object around them is the caller's. */
void cli_compare_members(cli_json *json, const sae_comparison *comparison, const char *small, const char *large);
void cli_compare_json(const sae_comparison *comparison, const char *small, const char *large,
                      const cli_sparsity *sparsity, FILE *out);

#endif
