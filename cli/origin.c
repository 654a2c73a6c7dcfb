#include "cli/origin.h"

void cli_origin_of(cli_origin *out, const char *const *words, const sae_model *small, const sae_model *large,
                   const char *acts, const sae_source *source)
{
    out->saes[0] = (sae_report_sae){words[0], sae_model_get_info(small)};
    out->saes[1] = (sae_report_sae){words[1], sae_model_get_info(large)};
    out->report = (sae_report_origin){out->saes, 2, acts, sae_source_get_info(source)};
}
