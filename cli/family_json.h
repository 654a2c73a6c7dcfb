/* The JSON object of a family of SAEs. */
#ifndef CLI_FAMILY_JSON_H
#define CLI_FAMILY_JSON_H

#include "cli/sparsity.h"

#include <sae/family.h>
#include <stdio.h>

void cli_family_json(const sae_family *family, const cli_sparsity *sparsity, FILE *out);

#endif
