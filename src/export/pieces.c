#include "export/pieces.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* Bytes with those that are no UTF-8 written as \xNN. */
static void show(const char *bytes, size_t size, sae_arena *arena, sae_piece *out)
{
    size_t used = 0, skip;
    char *text = sae_arena_alloc(arena, 4 * size + 1, 1);
    for (size_t at = 0; text && at < size;) {
        size_t step = sae_utf8_step(bytes + at, size - at, &skip);
        if (step) {
            memcpy(text + used, bytes + at, step);
            used += step;
            at += step;
            continue;
        }
        used += (size_t)sprintf(text + used, "\\x%02X", (unsigned char)bytes[at++]);
        out->broken = true;
    }
    out->text = text ? text : "";
    out->size = used;
}

sae_piece sae_piece_of(sae_store_text text, sae_arena *arena)
{
    sae_piece piece = {.count = 1};
    show(text.data, text.size, arena, &piece);
    return piece;
}

const sae_piece *sae_pieces_of(const sae_store_passage *p, sae_arena *arena, size_t *count)
{
    sae_piece *pieces = sae_arena_alloc(arena, p->count, sizeof *pieces);
    *count = 0;
    for (size_t t = 0; pieces && t < p->count;) {
        sae_piece *piece = &pieces[(*count)++];
        size_t size = 0, used = 0;
        *piece = (sae_piece){.first = t, .count = 1, .special = p->tokens[t].special};
        while (t + piece->count < p->count && p->tokens[t + piece->count].joined) piece->count++;
        for (size_t k = 0; k < piece->count; k++) size += p->tokens[t + k].text.size;
        char *bytes = sae_arena_alloc(arena, size + 1, 1);
        for (size_t k = 0; bytes && k < piece->count; k++) {
            memcpy(bytes + used, p->tokens[t + k].text.data, p->tokens[t + k].text.size);
            used += p->tokens[t + k].text.size;
        }
        if (bytes) show(bytes, size, arena, piece);
        t += piece->count;
    }
    return arena->failed ? NULL : pieces;
}

/* What of token `first + k` is shown with it: the start of a piece has the characters that begin in it. */
static sae_store_text own_text(const sae_store_passage *p, const sae_piece *piece, size_t k, sae_arena *arena)
{
    const sae_store_token *tokens = p->tokens + piece->first;
    size_t begin = 0, end = 0, skip;
    for (size_t i = 0; i <= k; i++) {
        begin = end;
        end += tokens[i].text.size;
    }
    /* all bytes of the piece, and from them the characters that begin within [begin, end) */
    size_t size = end;
    for (size_t i = k + 1; i < piece->count; i++) size += tokens[i].text.size;
    char *bytes = sae_arena_alloc(arena, size + 1, 1), *out = sae_arena_alloc(arena, 3 * size + 1, 1);
    size_t used = 0;
    for (size_t i = 0; bytes && i < piece->count; i++) {
        memcpy(bytes + used, tokens[i].text.data, tokens[i].text.size);
        used += tokens[i].text.size;
    }
    used = 0;
    for (size_t at = 0; bytes && out && at < end;) {
        size_t step = sae_utf8_step(bytes + at, size - at, &skip);
        if (at >= begin) {
            memcpy(out + used, step ? bytes + at : SAE_UTF8_REPLACEMENT, step ? step : 3);
            used += step ? step : 3;
        }
        at += step ? step : skip;
    }
    return (sae_store_text){out ? out : "", used};
}

const sae_store_text *sae_token_texts(const sae_store_passage *p, sae_arena *arena)
{
    size_t count;
    sae_store_text *texts = sae_arena_alloc(arena, p->count, sizeof *texts);
    const sae_piece *pieces = sae_pieces_of(p, arena, &count);
    for (size_t i = 0; texts && pieces && i < count; i++)
        for (size_t k = 0; k < pieces[i].count; k++) texts[pieces[i].first + k] = own_text(p, &pieces[i], k, arena);
    return arena->failed ? NULL : texts;
}
