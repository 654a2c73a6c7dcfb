/* A family of SAEs as tables for people. */
#ifndef CLI_FAMILY_PRINT_H
#define CLI_FAMILY_PRINT_H

#include <sae/family.h>
#include <stdio.h>

sae_status cli_family_print(const sae_family *family, FILE *out, sae_error *err);

#endif
