/* JSON from files that may be hostile: size and nesting are bounded before jansson sees the text. */
#ifndef SAE_IO_JSON_H
#define SAE_IO_JSON_H

#include <jansson.h>
#include <sae/status.h>
#include <stddef.h>

/* Length of the JSON object or array that starts at text[0]; 0 when it nests deeper than `depth` or does not end
 * within `length`. Only brackets and strings are looked at: whether it is JSON is for jansson to say. */
size_t sae_json_extent(const char *text, size_t length, int depth);

/* Parses a whole text, an object or array, nested at most `depth` deep; a key that comes twice is refused. `path` is
 * for messages. SAE_E_FORMAT names the line. Release *out with json_decref. */
sae_status sae_json_parse(json_t **out, const char *path, const char *text, size_t length, int depth, sae_error *err);
/* The same from a file of at most `limit` bytes. */
sae_status sae_json_read(json_t **out, const char *path, size_t limit, int depth, sae_error *err);
/* Writes a JSON text, indented, atomically. */
sae_status sae_json_write(const char *path, const json_t *json, sae_error *err);

/* A JSON string, also of text that is not UTF-8 (a directory's name can be anything): then other bytes than printable
 * ASCII become '?'. NULL when out of memory. */
json_t *sae_json_text(const char *text);

#endif
