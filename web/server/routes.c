#include "web/server/handlers.h"
#include "web/server/route.h"

const web_route web_routes[] = {
    {"GET", "meta", web_get_meta},
    {"GET", "saes", web_get_saes},
    {"GET", "saes/:", web_get_sae},
    {"GET", "saes/:/latents", web_get_latents},
    {"GET", "saes/:/latents/:", web_get_latent},
    {"GET", "saes/:/latents/:/place", web_get_place},
    {"GET", "saes/:/latents/:/pair/:/:", web_get_pair},
    {"GET", "saes/:/latents/:/nearest/:", web_get_nearest},
    {"GET", "compare/:/:", web_get_compare},
    {"GET", "results", web_get_results},
    {"GET", "results/:", web_get_result},
    {"GET", "results/:/vectors", web_get_vectors},
    {"GET", "texts/:", web_get_text},
    {"GET", "documents/:", web_get_document},
    {0},
};
