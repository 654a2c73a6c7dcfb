/* One page with many latents: data for the program that draws them. */
#include "base/base64.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "export/json.h"
#include "export/page_files.h"
#include "export/plain.h"
#include "export/words.h"

#include <sae/export.h>

#include <stdlib.h>
#include <string.h>

#define MOST_BYTES  (50L << 20)
#define PLAIN_TEXTS 5

typedef struct page {
    FILE *out;
    FILE *plain; /* in memory: for browsers that run no script */
    sae_words *words;
    int64_t texts, around;
} page;

static void put_numbers(FILE *out, const int64_t *values, size_t count)
{
    fputc('[', out);
    for (size_t i = 0; i < count; i++) fprintf(out, i ? ",%lld" : "%lld", (long long)values[i]);
    fputc(']', out);
}

static void put_word(page *p, sae_store_text text, sae_arena *arena)
{
    sae_piece piece = sae_piece_of(text, arena);
    fprintf(p->out, "%lld", (long long)sae_words_id(p->words, &piece));
}

static void put_effects(page *p, const char *key, const sae_store_effect *effects, size_t count, sae_arena *arena)
{
    fprintf(p->out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ",[" : "[", p->out);
        put_word(p, effects[i].text, arena);
        fputc(',', p->out);
        sae_json_put_real(p->out, effects[i].value, 4);
        fputc(']', p->out);
    }
    fputc(']', p->out);
}

static void put_links(FILE *out, int64_t sae, const sae_store_links *links, size_t most, bool *first)
{
    for (size_t i = 0; i < links->count && i < most; i++) {
        const sae_store_link *l = &links->links[i];
        fprintf(out, *first ? "[%lld,%lld," : ",[%lld,%lld,", (long long)sae, (long long)l->latent);
        sae_json_put_real(out, l->cosine, 4);
        fputc(',', out);
        sae_json_put_real(out, l->pearson, 3);
        fputc(']', out);
        *first = false;
    }
}

/* [value, piece of the peak, row, more, [words], [piece, activation, …], cut: 1 before, 2 after] */
static void put_example(page *p, const sae_store_example *e, sae_arena *arena)
{
    const sae_store_passage *t = &e->passage;
    size_t count, act = 0, peak = (size_t)(e->row - t->first), peak_piece = 0;
    const sae_piece *pieces = sae_pieces_of(t, arena, &count);
    for (size_t i = 0; pieces && i < count; i++)
        if (pieces[i].first <= peak) peak_piece = i;
    fputc('[', p->out);
    sae_json_put_real(p->out, (double)e->value, 4);
    fprintf(p->out, ",%zu,%lld,%lld,[", peak_piece, (long long)e->row, (long long)e->more);
    for (size_t i = 0; pieces && i < count; i++)
        fprintf(p->out, i ? ",%lld" : "%lld", (long long)sae_words_id(p->words, &pieces[i]));
    fputs("],[", p->out);
    bool first = true;
    for (size_t i = 0; pieces && i < count; i++) {
        double most = 0;
        for (; act < t->n_acts && t->offsets[act] < pieces[i].first + pieces[i].count; act++)
            if ((double)t->values[act] > most) most = (double)t->values[act];
        if (!(most > 0)) continue;
        fprintf(p->out, first ? "%zu," : ",%zu,", i);
        sae_json_put_real(p->out, most, 3);
        first = false;
    }
    fprintf(p->out, "],%d]", (t->before > 0 ? 1 : 0) + (t->after > 0 ? 2 : 0));
}

static void put_groups(page *p, const sae_store_latent *l, sae_arena *arena)
{
    bool first = true;
    fputs(",\"g\":[", p->out);
    for (size_t g = 0; g < l->n_groups; g++) {
        const sae_store_group *group = &l->groups[g];
        int64_t most = group->kind == SAE_EXAMPLES_INTERVAL ? (p->texts + 4) / 5 : p->texts;
        if (group->count == 0 || group->kind == SAE_EXAMPLES_RANDOM) continue;
        fprintf(p->out, first ? "[\"%s\"," : ",[\"%s\",", sae_store_kind_name(group->kind));
        sae_json_put_real(p->out, group->lo, 3);
        fputc(',', p->out);
        sae_json_put_real(p->out, group->hi, 3);
        fprintf(p->out, ",%lld,[", (long long)group->population);
        for (size_t i = 0; i < group->count && (int64_t)i < most; i++) {
            if (i) fputc(',', p->out);
            put_example(p, &group->examples[i], arena);
        }
        fputs("]]", p->out);
        first = false;
    }
    fputc(']', p->out);
}

static void put_latent(page *p, int64_t sae, const sae_store_latent *l, sae_arena *arena)
{
    static const struct {
        const char *key;
        sae_store_column column;
    } numbers[] = {
        {"max", SAE_COLUMN_MAX}, {"mean", SAE_COLUMN_MEAN}, {"p50", SAE_COLUMN_P50}, {"p99", SAE_COLUMN_P99}};
    FILE *out = p->out;
    bool first = true;
    fprintf(out, "{\"s\":%lld,\"i\":%lld,\"n\":%lld,\"dead\":%s,\"w\":", (long long)sae, (long long)l->row.id,
            (long long)l->row.n_active, l->dead ? "true" : "false");
    if (l->row.top_token >= 0)
        put_word(p, l->row.top_text, arena);
    else
        fputs("null", out);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        fprintf(out, ",\"%s\":", numbers[i].key);
        sae_json_put_real(out, l->row.value[numbers[i].column], 5);
    }
    fputs(",\"h\":", out);
    put_numbers(out, l->hist.counts, l->hist.bins);
    fputs(",\"e\":[", out);
    if (l->logit_hist.bins > 0) {
        sae_json_put_real(out, l->logit_hist.edges[0], 4);
        fputc(',', out);
        sae_json_put_real(out, l->logit_hist.edges[l->logit_hist.bins], 4);
        fputc(',', out);
        put_numbers(out, l->logit_hist.counts, l->logit_hist.bins);
    }
    fputc(']', out);
    put_effects(p, "up", l->boosted, l->n_boosted, arena);
    put_effects(p, "dn", l->suppressed, l->n_suppressed, arena);
    fputs(",\"nb\":[", out);
    put_links(out, sae, &l->by_cosine, 5, &first);
    fputs("],\"mt\":[", out);
    first = true;
    for (size_t m = 0; m < l->n_matches; m++) put_links(out, l->matches[m].sae, &l->matches[m].by_cosine, 3, &first);
    fputc(']', out);
    put_groups(p, l, arena);
    fputc('}', out);
}

/* ---- the document ---------------------------------------------------------------------------------------------- */

static void hash_of(const char *text, char out[SAE_BASE64_LENGTH(SAE_SHA256_BYTES) + 1])
{
    unsigned char digest[SAE_SHA256_BYTES];
    sae_sha256(text, strlen(text), digest);
    sae_base64(digest, sizeof digest, out);
}

static void put_policy(FILE *out)
{
    char style[SAE_BASE64_LENGTH(SAE_SHA256_BYTES) + 1], script[sizeof style];
    hash_of(sae_page_css, style);
    hash_of(sae_page_js, script);
    fprintf(out,
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-%s'; "
            "style-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n",
            script, style);
}

static void put_head(FILE *out)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n", out);
    put_policy(out);
    fputs("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>Latents</title>\n<style>",
          out);
    fputs(sae_page_css, out);
    fputs("</style>\n</head>\n<body>\n<script type=\"application/json\" id=\"data\">{", out);
}

/* What the program fills, or what stands there without it. */
static void put_frame(FILE *out, const char *plain, size_t size)
{
    fputs("<a class=\"skip\" href=\"#main\">To the latent</a>\n"
          "<nav aria-label=\"Latents\"><header><p id=\"found\" role=\"status\">Latents</p><small id=\"origin\"></small>"
          "<input id=\"find\" type=\"search\" placeholder=\"Number or token\" aria-label=\"Find a latent by number, "
          "token or "
          "SAE\"></header><ol id=\"list\"></ol><footer><span class=\"keys\"><kbd>j</kbd> <kbd>k</kbd> next, back "
          "<kbd>/</kbd> find</span><label><input id=\"keys\" type=\"checkbox\" checked>keys</label></footer></nav>\n"
          "<main id=\"main\" tabindex=\"-1\"><noscript><h1>Latents</h1>\n<p>Scripts do not run here: what follows is "
          "what can be shown without them.</p>\n",
          out);
    fwrite(plain, 1, size, out);
    fputs("</noscript></main>\n<div id=\"say\" class=\"unseen\" role=\"status\"></div>\n", out);
}

static void put_origin(FILE *out, const sae_store *store)
{
    const sae_store_meta *m = sae_store_get_meta(store);
    const struct {
        const char *key, *text;
    } texts[] = {{"program", m->program}, {"build", m->build}, {"model", m->model}, {"hook", m->hook_name}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fprintf(out, "\"%s\":", texts[i].key);
        sae_json_put_word(out, texts[i].text);
        fputc(',', out);
    }
    fprintf(out, "\"tokens\":%lld,\"saes\":[", (long long)m->tokens);
    for (size_t i = 0; i < m->n_saes; i++) {
        const sae_store_sae *s = sae_store_get_sae(store, (int64_t)i);
        fputs(i ? ",{\"name\":" : "{\"name\":", out);
        sae_json_put_word(out, s->name);
        fputs(",\"arch\":", out);
        sae_json_put_word(out, s->arch);
        fprintf(out, ",\"n\":%lld}", (long long)s->n);
    }
    fputs("],\n\"latents\":[\n", out);
}

static sae_status put_latents(page *p, sae_store *store, const sae_export_selection *selection, sae_error *err)
{
    sae_status status = SAE_OK;
    for (size_t i = 0; i < selection->count && status == SAE_OK; i++) {
        const sae_store_latent *latent;
        sae_arena arena = {0};
        const sae_export_latent *at = &selection->latents[i];
        status = sae_store_get_latent(store, at->sae, at->latent, p->around, &latent, err);
        if (status != SAE_OK) break;
        if (i) fputs(",\n", p->out);
        put_latent(p, at->sae, latent, &arena);
        sae_plain_put_latent(p->plain, sae_store_get_sae(store, at->sae)->name, sae_store_get_meta(store)->tokens,
                             latent, PLAIN_TEXTS, &arena);
        if (arena.failed || sae_words_failed(p->words))
            status = sae_fail(err, SAE_E_MEMORY, "out of memory for a page");
        if (ftell(p->out) + ftell(p->plain) > MOST_BYTES)
            status = sae_fail(err, SAE_E_ARG,
                              "a page of %zu latents would have more than 50 MB; choose fewer (--latents) or "
                              "shorter texts (--around, --texts)",
                              selection->count);
        sae_arena_clear(&arena);
        sae_store_free(latent);
    }
    return status;
}

sae_status sae_export_html(sae_store *store, const sae_export_selection *selection, int64_t texts, int64_t around,
                           const char *path, sae_error *err)
{
    sae_status status;
    sae_output file = {0};
    char *plain = NULL;
    size_t size = 0;
    page p = {.texts = texts, .around = around};
    if (selection->count == 0) return sae_fail(err, SAE_E_ARG, "there is no latent to export");
    p.plain = open_memstream(&plain, &size);
    if (!p.plain) return sae_fail(err, SAE_E_MEMORY, "out of memory for a page");
    SAE_TRY(sae_words_new(&p.words, err));
    SAE_TRY(sae_output_open(&file, path, err));
    p.out = file.stream;
    put_head(p.out);
    put_origin(p.out, store);
    SAE_TRY(put_latents(&p, store, selection, err));
    fputs("],\n\"words\":[", p.out);
    sae_words_put(p.words, p.out);
    fputs("]}</script>\n", p.out);
    if (fflush(p.plain) != 0) SAE_TRY(sae_fail(err, SAE_E_MEMORY, "out of memory for a page"));
    put_frame(p.out, plain, size);
    fputs("<script>", p.out);
    fputs(sae_page_js, p.out);
    fputs("</script>\n</body>\n</html>\n", p.out);
    status = sae_output_commit(&file, err);
done:
    fclose(p.plain);
    free(plain);
    sae_output_abort(&file);
    sae_words_free(p.words);
    return status;
}
