#include "report/page.h"

#include "base/base64.h"
#include "base/error.h"
#include "base/sha256.h"
#include "report/page_style.h"
#include "report/svg.h"
#include "report/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* <NAME …>text</NAME>; `tag` is the name with attributes. */
static void element(FILE *out, const char *tag, const char *text)
{
    fprintf(out, "<%s>", tag);
    sae_svg_text(out, text);
    fprintf(out, "</%.*s>", (int)strcspn(tag, " "), tag);
}

/* ---- beginning and end --------------------------------------------------------------------------------- */

/* The policy lets nothing in but this style, and pictures that are part of the page. */
static void write_policy(FILE *out, const char *css, size_t length)
{
    unsigned char digest[SAE_SHA256_BYTES];
    char text[SAE_BASE64_LENGTH(SAE_SHA256_BYTES) + 1];
    sae_sha256(css, length, digest);
    sae_base64(digest, sizeof digest, text);
    fprintf(out,
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-%s'; "
            "img-src data:; base-uri 'none'; form-action 'none'\"/>\n",
            text);
}

static void write_contents(FILE *out, const sae_page_head *head)
{
    fputs("<nav aria-label=\"Contents\"><ol>\n", out);
    if (head->above) {
        fputs("<li><a href=\"", out);
        sae_svg_text(out, head->above);
        fputs("\">↑ All SAEs</a></li>\n", out);
    }
    for (int s = 0; s < head->n_sections; s++) {
        fprintf(out, "<li><a href=\"#%s\">", head->sections[s].id);
        sae_svg_text(out, head->sections[s].title);
        fputs("</a></li>\n", out);
    }
    fputs("</ol></nav>\n", out);
}

sae_status sae_page_open(sae_page *page, const sae_page_head *head, sae_error *err)
{
    char *css = NULL;
    size_t length = 0;
    *page = (sae_page){.sections = head->sections};
    sae_status status = sae_page_style(&css, &length, err);
    if (status != SAE_OK) return status;
    status = sae_draft_open(&page->draft, "a page", err);
    if (status == SAE_OK) {
        FILE *out = page->out = page->draft.stream;
        fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n", out);
        write_policy(out, css, length);
        fputs("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
              "<meta name=\"referrer\" content=\"no-referrer\"/>\n<link rel=\"icon\" href=\"data:,\"/>\n",
              out);
        element(out, "title", head->title);
        fprintf(out, "\n<style>%s</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the results</a>\n",
                css);
        fputs("<header>\n", out);
        element(out, "p class=\"kind\"", head->kind);
        fputc('\n', out);
        element(out, "h1", head->title);
        fputc('\n', out);
        element(out, "p class=\"lead\"", head->lead);
        fputs("\n</header>\n", out);
        write_contents(out, head);
        fputs("<main id=\"main\">\n", out);
    }
    free(css);
    return status;
}

/* The last component of a path, without slashes behind it. */
static int last_component(const char *path, const char **start)
{
    size_t end = strlen(path), from;
    while (end > 1 && path[end - 1] == '/') end--;
    for (from = end; from > 0 && path[from - 1] != '/';) from--;
    *start = path + from;
    return (int)(end - from);
}

void sae_page_title(const sae_report_origin *origin, char *out, size_t size)
{
    const char *small = origin->saes[0].name, *large = origin->saes[origin->n_saes - 1].name, *a, *b;
    int a_length = last_component(small, &a), b_length = last_component(large, &b);
    if (origin->n_saes == 1)
        snprintf(out, size, "%.*s", a_length, a);
    else if (a_length == b_length && memcmp(a, b, (size_t)a_length) == 0)
        snprintf(out, size, "%s and %s", small, large);
    else
        snprintf(out, size, "%.*s and %.*s", a_length, a, b_length, b);
}

static void end_section(sae_page *page)
{
    if (page->open) fputs("</section>\n", page->out);
    page->open = false;
}

sae_status sae_page_save(sae_page *page, const char *path, sae_error *err)
{
    end_section(page);
    fprintf(page->out,
            "</main>\n<footer><p>Written by sae.c %s. This file is complete in itself: it loads nothing and runs no "
            "script.</p></footer>\n</body>\n</html>\n",
            sae_version());
    return sae_draft_save(&page->draft, path, err);
}

void sae_page_drop(sae_page *page)
{
    sae_draft_drop(&page->draft);
}

/* ---- text ---------------------------------------------------------------------------------------------- */

void sae_page_begin(sae_page *page, int section)
{
    const sae_page_section *s = &page->sections[section];
    end_section(page);
    fprintf(page->out, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">", s->id, s->id);
    sae_svg_text(page->out, s->title);
    fputs("</h2>\n", page->out);
    page->open = true;
}

void sae_page_paragraph(sae_page *page, const char *text)
{
    element(page->out, "p", text);
    fputc('\n', page->out);
}

void sae_page_tiles(sae_page *page)
{
    fputs("<dl class=\"tiles\">\n", page->out);
}

void sae_page_tile(sae_page *page, const char *value, const char *name, const char *note)
{
    fputs("<div>", page->out);
    element(page->out, "dt", name);
    element(page->out, "dd class=\"value\"", value);
    element(page->out, "dd", note);
    fputs("</div>\n", page->out);
}

void sae_page_tiles_end(sae_page *page)
{
    fputs("</dl>\n", page->out);
}

void sae_page_terms(sae_page *page, const char *const (*terms)[2], int count)
{
    fputs("<dl class=\"terms\">\n", page->out);
    for (int t = 0; t < count; t++) {
        element(page->out, "dt", terms[t][0]);
        element(page->out, "dd", terms[t][1]);
        fputc('\n', page->out);
    }
    fputs("</dl>\n", page->out);
}

/* ---- tables -------------------------------------------------------------------------------------------- */

/* A part that can be scrolled can be reached by keyboard, and so has a name. */
static void scroll_begin(sae_page *page, const char *style, const char *name)
{
    fprintf(page->out, "<div class=\"%s\" role=\"region\" tabindex=\"0\" aria-label=\"", style);
    sae_svg_text(page->out, name);
    fputs("\">\n", page->out);
}

sae_table sae_page_table(sae_page *page, const char *caption, const char *const *columns, int count, int words)
{
    sae_table table = {.out = page->out, .words = words};
    scroll_begin(page, "scroll", caption);
    sae_table_begin(&table, caption, columns, count);
    return table;
}

void sae_page_table_end(sae_page *page, sae_table *table)
{
    sae_table_end(table);
    fputs("</div>\n", page->out);
}

/* ---- figures ------------------------------------------------------------------------------------------- */

/* The picture's own file, as part of the page. */
static sae_status write_download(sae_page *page, const sae_figure *figure, const void *results, const char *finding,
                                 sae_error *err)
{
    enum { PIECE = 3 * 1024 };
    char *picture = NULL, text[SAE_BASE64_LENGTH(PIECE) + 1];
    size_t length = 0;
    sae_status status = sae_figure_picture(figure, results, finding, &picture, &length, err);
    if (status != SAE_OK) return status;
    fprintf(page->out, "<a download=\"%s.svg\" href=\"data:image/svg+xml;base64,", figure->name);
    for (size_t i = 0; i < length; i += PIECE) {
        sae_base64(picture + i, length - i < PIECE ? length - i : PIECE, text);
        fputs(text, page->out);
    }
    fprintf(page->out, "\">Picture<span class=\"away\"> of figure %d</span> (SVG)</a>\n", page->figures);
    free(picture);
    return SAE_OK;
}

static void write_data(sae_page *page, const sae_figure *figure, const void *results)
{
    char name[64];
    sae_table table = {.out = page->out};
    snprintf(name, sizeof name, "Data of figure %d", page->figures);
    fprintf(page->out, "<a href=\"%s\">All numbers<span class=\"away\"> of figure %d</span> (CSV)</a>\n", figure->csv,
            page->figures);
    fprintf(page->out, "<details><summary>Table<span class=\"away\"> of figure %d</span></summary>\n", page->figures);
    scroll_begin(page, "scroll", name);
    figure->tabulate(&table, results);
    fputs("</div></details>\n", page->out);
}

sae_status sae_page_figure(sae_page *page, const sae_figure *figure, const void *results, sae_error *err)
{
    char *finding = NULL;
    FILE *out = page->out;
    sae_status status = SAE_OK;
    page->figures++;
    SAE_TRY(sae_figure_finding(figure, results, &finding, err));
    fprintf(out, "<figure id=\"figure-%s\">\n<figcaption><span class=\"number\">Figure %d</span>", figure->name,
            page->figures);
    element(out, "h3", figure->title);
    element(out, "p", finding);
    fputs("</figcaption>\n", out);
    SAE_TRY(sae_figure_draw(figure, results, SAE_CHART_WIDE, finding, out, err));
    SAE_TRY(sae_figure_draw(figure, results, SAE_CHART_NARROW, finding, out, err));
    fputs("<div class=\"tools\">\n", out);
    SAE_TRY(write_download(page, figure, results, finding, err));
    write_data(page, figure, results);
    fputs("</div>\n</figure>\n", out);
done:
    free(finding);
    return status;
}

/* ---- origin -------------------------------------------------------------------------------------------- */

static const char *known(const char *text)
{
    return text && *text ? text : "unknown";
}

typedef void fact(FILE *out, const sae_report_sae *sae);

static void path_of(FILE *out, const sae_report_sae *sae)
{
    fputs("<bdi>", out);
    sae_svg_text(out, sae->name);
    fputs("</bdi>", out);
}

static void kind_of(FILE *out, const sae_report_sae *sae)
{
    fputs(sae_arch_name(sae->info->arch), out);
    if (sae->info->k > 0) fprintf(out, ", k = %s", sae_count_words(sae->info->k).text);
}

static void width_of(FILE *out, const sae_report_sae *sae)
{
    fputs(sae_count_words(sae->info->n).text, out);
}

static void trained_on(FILE *out, const sae_report_sae *sae)
{
    fputs("<bdi>", out);
    sae_svg_text(out, known(sae->info->acts.model));
    fputs("</bdi>, <bdi>", out);
    sae_svg_text(out, known(sae->info->acts.hook_name));
    fputs("</bdi>", out);
}

/* What was done to bring the SAE to the others' sparsity. */
static void sparsity_of(FILE *out, const sae_report_sae *sae)
{
    if (!sae->match || isnan(sae->match->shift))
        fputs("thresholds left as they are", out);
    else
        fprintf(out, "L0 was %s; thresholds shifted by %s", sae_real_words(sae->match->l0_before, 4).text,
                sae_real_words(sae->match->shift, 3).text);
}

static bool any_match(const sae_report_origin *origin)
{
    for (size_t s = 0; s < origin->n_saes; s++)
        if (origin->saes[s].match) return true;
    return false;
}

void sae_page_origin(sae_page *page, const sae_report_origin *origin, const char *const *roles,
                     const sae_page_row *rows, int count)
{
    static const struct {
        const char *name;
        fact *write;
    } facts[] = {{"Path", path_of},
                 {"Kind", kind_of},
                 {"Latents", width_of},
                 {"Trained on", trained_on},
                 {"Brought to one sparsity", sparsity_of}};
    size_t shown = sizeof facts / sizeof *facts - !any_match(origin); /* the last one only where something was done */
    FILE *out = page->out;
    scroll_begin(page, "scroll words", "The SAEs");
    fputs("<table><caption>The SAEs</caption>\n<thead><tr><th scope=\"col\"><span class=\"away\">Fact</span></th>",
          out);
    for (size_t s = 0; s < origin->n_saes; s++)
        element(out, "th scope=\"col\"", roles ? roles[s] : sae_count_words((int64_t)s + 1).text);
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t f = 0; f < shown; f++) {
        fputs("<tr>", out);
        element(out, "th scope=\"row\"", facts[f].name);
        for (size_t s = 0; s < origin->n_saes; s++) {
            fputs("<td>", out);
            facts[f].write(out, &origin->saes[s]);
            fputs("</td>", out);
        }
        fputs("</tr>\n", out);
    }
    for (int r = 0; r < count; r++) {
        fputs("<tr>", out);
        element(out, "th scope=\"row\"", rows[r].name);
        for (size_t s = 0; s < origin->n_saes; s++)
            element(out, "td", sae_real_words(rows[r].values[s], rows[r].digits).text);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    if (!origin->rows) return;
    fputs("<p>Activations: <bdi>", out);
    sae_svg_text(out, known(origin->acts));
    fputs("</bdi>, model <bdi>", out);
    sae_svg_text(out, known(origin->rows->meta.model));
    fputs("</bdi>, hook <bdi>", out);
    sae_svg_text(out, known(origin->rows->meta.hook_name));
    fprintf(out, "</bdi>: %s of %s dimensions", sae_plural_words(origin->rows->usable, "usable row").text,
            sae_count_words(origin->rows->d).text);
    if (origin->rows->excluded > 0)
        fprintf(out, "; %s left out (first positions of contexts, or tokens that were excluded)",
                sae_plural_words(origin->rows->excluded, "row").text);
    fputs(".</p>\n", out);
}
