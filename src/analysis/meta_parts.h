/* Which latents have which meta-latents, and the other way round. */
#ifndef SAE_ANALYSIS_META_PARTS_H
#define SAE_ANALYSIS_META_PARTS_H

#include "analysis/meta_rows.h"

#include <sae/meta.h>

/* Fills in parts, row_offsets, row_parts, meta_offsets, meta_parts, unused and alone from the codes of the rows. */
sae_status sae_meta_list_parts(sae_meta *meta, const sae_model *model, const sae_meta_rows *rows,
                               const sae_codes *codes, const sae_env *env, sae_error *err);

#endif
