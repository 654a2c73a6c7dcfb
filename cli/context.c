#include "cli/context.h"

#include "cli/table.h"
#include "cli/utf8.h"

#include <stdio.h>
#include <string.h>

#define AROUND 64 /* tokens read on each side */

typedef struct token_text {
    char data[4096];
    size_t used;
} token_text;

static void append(token_text *to, const sae_tokenizer *tokenizer, int32_t id)
{
    size_t length = 0;
    const char *text = sae_tokenizer_bytes(tokenizer, id, &length);
    if (!text || length > sizeof to->data - to->used) return;
    memcpy(to->data + to->used, text, length);
    to->used += length;
}

/* Bytes to one line of valid UTF-8. */
static void show(char *out, size_t size, const token_text *from)
{
    size_t n = 0;
    for (size_t i = 0; i < from->used;) {
        const char *s = from->data + i;
        size_t length = cli_utf8_length(s, from->used - i);
        unsigned char c = (unsigned char)*s;
        bool control = c < 0x20 || c == 0x7F || (length == 2 && c == 0xC2 && (unsigned char)s[1] < 0xA0);
        const char *piece = s;
        size_t bytes = length;
        if (length == 0 || control) {
            piece = c == '\n' ? "\u23ce" : c == '\t' ? " " : "\ufffd";
            bytes = strlen(piece);
        }
        if (n + bytes >= size) break;
        memcpy(out + n, piece, bytes);
        n += bytes;
        i += length ? length : 1;
    }
    out[n] = 0;
}

void cli_context_read(cli_context *out, const sae_acts *acts, const sae_tokenizer *tokenizer, int64_t row, int columns)
{
    int32_t tokens[2 * AROUND + 1], positions[2 * AROUND + 1], documents[2 * AROUND + 1];
    int64_t rows = sae_acts_get_meta(acts)->n_tokens;
    int64_t first = row > AROUND ? row - AROUND : 0, last = row + AROUND < rows ? row + AROUND : rows - 1;
    int64_t here = row - first, count = last - first + 1;
    token_text before = {.used = 0}, token = {.used = 0}, after = {.used = 0};
    sae_acts_read_ids(acts, first, count, tokens, positions, documents);

    int64_t start = here;
    while (start > 0 && positions[start - 1] == positions[start] - 1 && documents[start - 1] == documents[here])
        start--;
    /* The token that precedes a document says nothing about it. */
    if (start < here && sae_tokenizer_is_special(tokenizer, tokens[start])) start++;
    for (int64_t i = start; i < here; i++) append(&before, tokenizer, tokens[i]);
    append(&token, tokenizer, tokens[here]);
    for (int64_t i = here + 1; i < count && positions[i] == positions[i - 1] + 1 && documents[i] == documents[here];
         i++)
        append(&after, tokenizer, tokens[i]);

    out->token_id = tokens[here];
    out->position = positions[here];
    out->document = documents[here];
    char whole[sizeof before.data];
    show(whole, sizeof whole, &before);
    int excess = cli_columns(whole) - columns;
    const char *kept = whole + (excess > 0 ? cli_prefix_bytes(whole, excess) : 0);
    snprintf(out->before, sizeof out->before, "%.*s", cli_prefix_bytes(kept, columns), kept);
    show(out->token, sizeof out->token, &token);
    show(whole, sizeof whole, &after);
    snprintf(out->after, sizeof out->after, "%.*s", cli_prefix_bytes(whole, columns), whole);
}
