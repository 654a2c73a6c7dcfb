/* The files of web/page, which the build puts into the program (cmake/web.cmake). */
#ifndef WEB_ASSETS_H
#define WEB_ASSETS_H

#include <sae/status.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct web_asset {
    const char *name;
    const unsigned char *data;
    size_t size;
} web_asset;

/* Made by the build; sorted by name. */
extern const web_asset web_asset_files[];
extern const size_t web_asset_count;

/* The same with their compressed forms. */
typedef struct web_assets web_assets;
typedef struct web_asset_view {
    const char *type, *etag;
    const char *plain, *zipped; /* zipped NULL: there is none */
    size_t plain_size, zipped_size;
} web_asset_view;

sae_status web_assets_open(web_assets **out, sae_error *err);
void web_assets_close(web_assets *assets);
/* false when there is no such file. */
bool web_assets_find(const web_assets *assets, const char *name, web_asset_view *out);

#endif
