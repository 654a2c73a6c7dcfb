/* A meta-SAE as text for people. */
#ifndef CLI_META_PRINT_H
#define CLI_META_PRINT_H

#include <sae/meta.h>
#include <stdio.h>

void cli_meta_print(const sae_meta *meta, FILE *out);

#endif
