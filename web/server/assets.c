#include "web/server/assets.h"

#include "web/server/fail.h"
#include "web/server/reply.h"

#include <stdlib.h>
#include <string.h>

typedef struct prepared {
    char etag[WEB_ETAG_SIZE];
    char *zipped;
    size_t zipped_size;
} prepared;

struct web_assets {
    prepared *files; /* [web_asset_count] */
};

void web_assets_close(web_assets *assets)
{
    if (!assets) return;
    for (size_t i = 0; assets->files && i < web_asset_count; i++) free(assets->files[i].zipped);
    free(assets->files);
    free(assets);
}

sae_status web_assets_open(web_assets **out, sae_error *err)
{
    web_assets *assets = calloc(1, sizeof *assets);
    if (assets) assets->files = calloc(web_asset_count, sizeof *assets->files);
    if (!assets || !assets->files) {
        web_assets_close(assets);
        return web_fail_memory(err);
    }
    for (size_t i = 0; i < web_asset_count; i++) {
        const web_asset *file = &web_asset_files[i];
        web_reply reply = {.body = (char *)(size_t)file->data, .size = file->size};
        web_reply_tag(&reply);
        memcpy(assets->files[i].etag, reply.etag, sizeof reply.etag);
        assets->files[i].zipped = web_gzip(file->data, file->size, &assets->files[i].zipped_size);
    }
    *out = assets;
    return SAE_OK;
}

static const char *type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
    };
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].ending, ending) == 0) return types[i].type;
    return "application/octet-stream";
}

bool web_assets_find(const web_assets *assets, const char *name, web_asset_view *out)
{
    size_t low = 0, high = web_asset_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, web_asset_files[middle].name);
        if (order == 0) {
            const web_asset *file = &web_asset_files[middle];
            const prepared *p = &assets->files[middle];
            *out = (web_asset_view){.type = type_of(name),
                                    .etag = p->etag,
                                    .plain = (const char *)file->data,
                                    .plain_size = file->size,
                                    .zipped = p->zipped,
                                    .zipped_size = p->zipped_size};
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}
