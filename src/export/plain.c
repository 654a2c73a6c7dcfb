#include "export/plain.h"

#include "base/utf8.h"
#include "export/pieces.h"

#include <string.h>

static bool hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202f) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

static const char *entity(uint32_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\n':
        return "\u23ce";
    default:
        return NULL;
    }
}

void sae_plain_put_text(FILE *out, const char *text, size_t size)
{
    size_t skip;
    for (size_t at = 0; at < size;) {
        size_t step = sae_utf8_step(text + at, size - at, &skip);
        uint32_t c = step ? sae_utf8_decode(text + at, step) : 0xfffd;
        const char *written = entity(c);
        if (written)
            fputs(written, out);
        else if (hidden(c))
            fprintf(out, "U+%04X", c);
        else if (step)
            fwrite(text + at, 1, step, out);
        else
            fputs(SAE_UTF8_REPLACEMENT, out);
        at += step ? step : skip;
    }
}

static void put_effects(FILE *out, const char *verb, const char *style, const sae_store_effect *effects, size_t count,
                        sae_arena *arena)
{
    if (count == 0) return;
    fprintf(out, "<p>%s", verb);
    for (size_t i = 0; i < count; i++) {
        sae_piece piece = sae_piece_of(effects[i].text, arena);
        fprintf(out, " <bdi class=\"tok %s\">", style);
        sae_plain_put_text(out, piece.text, piece.size);
        fprintf(out, "</bdi> %+.2f", effects[i].value);
    }
    fputs("</p>\n", out);
}

static void put_example(FILE *out, const sae_store_example *e, sae_arena *arena)
{
    const sae_store_passage *t = &e->passage;
    size_t count, peak = (size_t)(e->row - t->first);
    const sae_piece *pieces = sae_pieces_of(t, arena, &count);
    fprintf(out, "<li><span class=\"peak\">%.3g</span><span class=\"passage\">%s", (double)e->value,
            t->before > 0 ? "\u2026" : "");
    for (size_t i = 0; pieces && i < count; i++) {
        bool here = pieces[i].first <= peak && peak < pieces[i].first + pieces[i].count;
        if (here) fputs("<b class=\"t pk\">", out);
        if (pieces[i].special)
            fputs("\u00b6", out);
        else
            sae_plain_put_text(out, pieces[i].text, pieces[i].size);
        if (here) fputs("</b>", out);
    }
    fprintf(out, "%s</span></li>\n", t->after > 0 ? "\u2026" : "");
}

void sae_plain_put_latent(FILE *out, const char *sae, int64_t tokens, const sae_store_latent *l, int64_t texts,
                          sae_arena *arena)
{
    fprintf(out, "<article><h2>Latent %lld of ", (long long)l->row.id);
    sae_plain_put_text(out, sae, strlen(sae));
    fputs("</h2>\n", out);
    if (l->dead)
        fprintf(out, "<p>Dead: it never fired on %lld tokens.</p>\n", (long long)tokens);
    else
        fprintf(out, "<p>Fires on %lld of %lld tokens; mean %.4g, at most %.4g.</p>\n", (long long)l->row.n_active,
                (long long)tokens, l->row.value[SAE_COLUMN_MEAN], l->row.value[SAE_COLUMN_MAX]);
    put_effects(out, "Boosts", "up", l->boosted, l->n_boosted, arena);
    put_effects(out, "Suppresses", "down", l->suppressed, l->n_suppressed, arena);
    for (size_t g = 0; g < l->n_groups; g++) {
        const sae_store_group *group = &l->groups[g];
        if (group->kind != SAE_EXAMPLES_TOP || group->count == 0) continue;
        fputs("<ol class=\"texts\">\n", out);
        for (size_t i = 0; i < group->count && (int64_t)i < texts; i++) put_example(out, &group->examples[i], arena);
        fputs("</ol>\n", out);
    }
    fputs("</article>\n", out);
}
