#include "export/words.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "export/json.h"

#include <string.h>

typedef struct word {
    const char *text;
    size_t size;
    bool broken, special;
} word;

struct sae_words {
    sae_arena texts;
    word *list;
    int64_t count, room;
    int64_t *slots; /* [n_slots] number + 1, or 0 */
    int64_t n_slots;
    bool failed;
};

sae_status sae_words_new(sae_words **out, sae_error *err)
{
    sae_words *w = sae_calloc(1, sizeof *w);
    if (!w) return sae_fail_memory(err, "words", sizeof *w);
    w->n_slots = 1 << 12;
    w->slots = sae_calloc((size_t)w->n_slots, sizeof *w->slots);
    if (!w->slots) {
        sae_free(w);
        return sae_fail_memory(err, "words", (size_t)1 << 15);
    }
    *out = w;
    return SAE_OK;
}

void sae_words_free(sae_words *w)
{
    if (!w) return;
    sae_arena_clear(&w->texts);
    sae_free(w->list);
    sae_free(w->slots);
    sae_free(w);
}

/* The slot of a text, or the empty one where it belongs. */
static int64_t slot_of(const sae_words *w, const word *wanted)
{
    int64_t at = (int64_t)(sae_hash(wanted->text, wanted->size) & (uint64_t)(w->n_slots - 1));
    for (;; at = (at + 1) & (w->n_slots - 1)) {
        const word *there = w->slots[at] ? &w->list[w->slots[at] - 1] : NULL;
        if (!there) return at;
        if (there->size == wanted->size && there->broken == wanted->broken && there->special == wanted->special &&
            memcmp(there->text, wanted->text, wanted->size) == 0)
            return at;
    }
}

static bool grow(sae_words *w)
{
    if (w->count == w->room) {
        int64_t room = w->room ? 2 * w->room : 1024;
        word *list = sae_realloc(w->list, (size_t)room, sizeof *list);
        if (!list) return false;
        w->list = list;
        w->room = room;
    }
    if (2 * w->count < w->n_slots) return true;
    int64_t *old = w->slots, *slots = sae_calloc((size_t)w->n_slots * 2, sizeof *slots);
    if (!slots) return false;
    w->slots = slots;
    w->n_slots *= 2;
    for (int64_t i = 0; i < w->count; i++) w->slots[slot_of(w, &w->list[i])] = i + 1;
    sae_free(old);
    return true;
}

int64_t sae_words_id(sae_words *w, const sae_piece *piece)
{
    if (!grow(w)) {
        w->failed = true;
        return 0;
    }
    word wanted = {piece->text, piece->size, piece->broken, piece->special};
    int64_t at = slot_of(w, &wanted);
    if (w->slots[at] == 0) {
        const char *copy = sae_arena_copy(&w->texts, piece->text, piece->size);
        if (!copy) {
            w->failed = true;
            return 0;
        }
        w->list[w->count++] = (word){copy, piece->size, piece->broken, piece->special};
        w->slots[at] = w->count;
    }
    return w->slots[at] - 1;
}

bool sae_words_failed(const sae_words *w)
{
    return w->failed;
}

void sae_words_put(const sae_words *w, FILE *out)
{
    for (int64_t i = 0; i < w->count; i++) {
        if (i) fputc(',', out);
        if (w->list[i].broken || w->list[i].special) fputc('[', out);
        sae_json_put_text(out, w->list[i].text, w->list[i].size);
        if (w->list[i].broken || w->list[i].special) fputs(w->list[i].special ? ",1]" : "]", out);
    }
}
