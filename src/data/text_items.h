/* Text files as a line of items to tokenise: documents, pieces of long documents, lines of .jsonl. */
#ifndef SAE_DATA_TEXT_ITEMS_H
#define SAE_DATA_TEXT_ITEMS_H

#include <sae/data.h>

#include "base/file.h"

#define SAE_ITEM_BYTES (1 << 18) /* longer documents are cut, where that changes no id */

typedef struct sae_text_item {
    const char *text; /* in a mapped file, valid until sae_text_reader_release */
    size_t length;
    const char *path; /* of its file */
    size_t offset;    /* bytes of the file before it */
    int64_t line;     /* .jsonl: number of the line that `text` is, from 1; else 0 */
    bool starts_document;
} sae_text_item;

/* Where reading stands. Set the first four fields, zero the others, and end with sae_text_reader_close. */
typedef struct sae_text_reader {
    const char *const *files; /* those to come, NULL-terminated; .jsonl by its name, everything else is text */
    const char *split;        /* or NULL */
    const sae_tokenizer *tokenizer;
    bool parse_special;
    sae_map *maps; /* files open, the last one being read */
    size_t n_maps, map_room;
    const char *path; /* of the file being read; NULL: none */
    bool json_lines;
    size_t at;           /* next byte of it */
    size_t document_end; /* end of the text document that `at` lies in, or ≤ at */
    size_t next_document;
    int64_t line;   /* lines of it that were read */
    bool separated; /* some line of a text file equalled `split` */
} sae_text_reader;

/* The next item; *found = false at the end of all files. Empty documents and blank lines of .jsonl are left out. */
sae_status sae_text_reader_next(sae_text_reader *reader, sae_text_item *item, bool *found, sae_error *err);
/* All items so far are done with: closes the files that they lay in. */
void sae_text_reader_release(sae_text_reader *reader);
void sae_text_reader_close(sae_text_reader *reader);

#endif
