/* Labels in CSV (RFC 4180): fields may stand in double quotes, which are doubled within, and then hold commas and line
 * ends. */
#include "export/import.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 64 };
#define MOST_BYTES ((size_t)1 << 30)

typedef struct reader {
    const char *path;
    char *at, *end;
    size_t line; /* of the record that was read last */
    size_t next_line;
    char *fields[MOST_COLUMNS]; /* in the text, which is changed */
    int count;
} reader;

/* Takes one field out of the text, in place; *last: it ended its record. */
static bool read_field(reader *r, bool *last)
{
    char *from = r->at, *to = r->at;
    bool quoted = from < r->end && *from == '"';
    r->fields[r->count] = to;
    if (quoted) {
        for (from++; from < r->end; from++) {
            if (*from == '"' && !(from + 1 < r->end && from[1] == '"')) break;
            if (*from == '"') from++;
            r->next_line += *from == '\n';
            *to++ = *from;
        }
        if (from == r->end) return false; /* without the closing quote */
        from++;
    } else {
        while (from < r->end && *from != ',' && *from != '\n' && *from != '\r') *to++ = *from++;
    }
    if (from < r->end && *from == '\r') from++;
    if (from < r->end && *from != ',' && *from != '\n') return false; /* something after the closing quote */
    *last = from == r->end || *from == '\n';
    r->next_line += from < r->end && *from == '\n';
    r->at = from < r->end ? from + 1 : from;
    *to = 0;
    r->count++;
    return true;
}

static sae_status read_record(reader *r, sae_error *err)
{
    bool last = false;
    r->line = r->next_line;
    for (r->count = 0; !last;)
        if (r->count == MOST_COLUMNS || !read_field(r, &last))
            return sae_fail(err, SAE_E_FORMAT,
                            "%s, line %zu: not CSV (quotes that do not close, or more than %d columns)", r->path,
                            r->line, MOST_COLUMNS);
    return SAE_OK;
}

/* The first column that is called one of these; −1: none. */
static int find_column(const reader *r, const char *const *names)
{
    for (; *names; names++)
        for (int c = 0; c < r->count; c++)
            if (strcmp(r->fields[c], *names) == 0) return c;
    return -1;
}

static sae_status read_labels(sae_imported *list, reader *r, sae_error *err)
{
    static const char *const latents[] = {"latent", "index", "feature", "id", NULL};
    static const char *const labels[] = {"label", "description", "explanation", "text", NULL};
    sae_status status = read_record(r, err);
    if (status != SAE_OK) return status;
    int latent = find_column(r, latents), label = find_column(r, labels);
    if (latent < 0 || label < 0)
        return sae_fail(err, SAE_E_FORMAT, "%s has no columns latent and label in its first line", r->path);
    while (r->at < r->end && status == SAE_OK) {
        status = read_record(r, err);
        if (status != SAE_OK || (r->count == 1 && !*r->fields[0])) continue;
        char *end = NULL;
        long long id = latent < r->count ? strtoll(r->fields[latent], &end, 10) : -1;
        if (!end || *end || end == r->fields[latent] || label >= r->count)
            return sae_fail(err, SAE_E_FORMAT, "%s, line %zu: no number of a latent, or no label", r->path, r->line);
        status = sae_imported_add(list, id, r->fields[label], err);
    }
    return status;
}

sae_status sae_import_csv(sae_imported *list, sae_error *err)
{
    char *text = NULL;
    size_t length;
    sae_status status = sae_read_text(list->path, MOST_BYTES, &text, &length, err);
    if (status != SAE_OK) return status;
    bool mark = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0; /* how spreadsheets begin UTF-8 */
    reader r = {.path = list->path, .at = text + (mark ? 3 : 0), .end = text + length, .next_line = 1};
    status = read_labels(list, &r, err);
    sae_free(text);
    return status;
}
