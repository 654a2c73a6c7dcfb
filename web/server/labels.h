/* Labels and lists as requests need them. */
#ifndef WEB_LABELS_H
#define WEB_LABELS_H

#include "web/server/app.h"

/* Which latents of an SAE the parameters label=TEXT and list=ID let through. *ids is NULL when neither was given; free
 * it. */
sae_status web_labels_filter(web_request *request, int64_t sae, int64_t **ids, size_t *count, sae_error *err);

#endif
