#include "data/text_items.h"

#include "base/alloc.h"
#include "base/error.h"
#include "lm/bpe.h"

#include <string.h>

static sae_status open_next(sae_text_reader *r, sae_error *err)
{
    if (r->n_maps == r->map_room) {
        size_t room = 2 * r->map_room + 8;
        sae_map *maps = sae_realloc(r->maps, room, sizeof *maps);
        if (!maps) return sae_fail_memory(err, "text files", room * sizeof *maps);
        r->maps = maps;
        r->map_room = room;
    }
    const char *path = *r->files, *dot = strrchr(path, '.');
    sae_status status = sae_map_open(&r->maps[r->n_maps], path, err);
    if (status != SAE_OK) return status;
    r->n_maps++;
    r->files++;
    r->path = path;
    r->json_lines = dot && strcmp(dot, ".jsonl") == 0;
    r->at = r->document_end = 0;
    r->line = 0;
    return SAE_OK;
}

static size_t line_end(const sae_map *map, size_t at)
{
    const unsigned char *end = memchr(map->data + at, '\n', map->size - at);
    return end ? (size_t)(end - map->data) : map->size;
}

/* Whether a line is the separator; its end may be CR LF. */
static bool separates(const sae_text_reader *r, const unsigned char *line, size_t length, size_t split)
{
    bool carriage = length == split + 1 && line[split] == '\r';
    return (length == split || carriage) && memcmp(line, r->split, split) == 0;
}

/* The document that starts at `at`: up to the end, or to a line that is the separator. */
static void find_document(sae_text_reader *r, const sae_map *map)
{
    size_t length = r->split ? strlen(r->split) : 0;
    for (size_t at = r->at; r->split && at < map->size;) {
        size_t end = line_end(map, at);
        if (separates(r, map->data + at, end - at, length)) {
            r->separated = true;
            r->document_end = at;
            r->next_document = end < map->size ? end + 1 : end;
            return;
        }
        at = end + 1;
    }
    r->document_end = r->next_document = map->size;
}

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!memchr(" \t\r\n", text[i], 4)) return false;
    return true;
}

/* The next item of the open file; false at its end. */
static bool next_in_file(sae_text_reader *r, const sae_map *map, sae_text_item *item)
{
    const char *text = (const char *)map->data;
    *item = (sae_text_item){.path = r->path};
    while (r->json_lines && r->at < map->size) {
        size_t start = r->at, end = line_end(map, start);
        r->at = end + 1;
        r->line++;
        if (is_blank(text + start, end - start)) continue;
        item->text = text + start;
        item->length = end - start;
        item->offset = start;
        item->line = r->line;
        item->starts_document = true;
        return true;
    }
    while (r->at >= r->document_end && r->at < map->size) {
        find_document(r, map);
        item->starts_document = true;
        if (r->document_end == r->at) r->at = r->next_document;
    }
    if (r->at >= map->size) return false;
    item->text = text + r->at;
    item->offset = r->at;
    item->length =
        sae_bpe_next_cut(r->tokenizer, r->parse_special, item->text, r->document_end - r->at, SAE_ITEM_BYTES);
    r->at += item->length;
    if (r->at == r->document_end) r->at = r->next_document;
    return true;
}

sae_status sae_text_reader_next(sae_text_reader *reader, sae_text_item *item, bool *found, sae_error *err)
{
    for (;;) {
        *found = reader->path && next_in_file(reader, &reader->maps[reader->n_maps - 1], item);
        if (*found || !*reader->files) return SAE_OK;
        sae_status status = open_next(reader, err);
        if (status != SAE_OK) return status;
    }
}

void sae_text_reader_release(sae_text_reader *reader)
{
    if (reader->n_maps < 2) return;
    for (size_t i = 0; i + 1 < reader->n_maps; i++) sae_map_close(&reader->maps[i]);
    reader->maps[0] = reader->maps[reader->n_maps - 1];
    reader->n_maps = 1;
}

void sae_text_reader_close(sae_text_reader *reader)
{
    for (size_t i = 0; i < reader->n_maps; i++) sae_map_close(&reader->maps[i]);
    sae_free(reader->maps);
}
