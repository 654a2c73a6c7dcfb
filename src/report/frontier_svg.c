/* The L0–FVU frontier as an SVG picture. */
#include "report/draft.h"
#include "report/frontier.h"
#include "report/labels.h"
#include "report/svg.h"
#include "report/words.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

enum {
    LEFT = 68,    /* of the axes */
    ACROSS = 560, /* and their lengths */
    DOWN = 330,
    TOP = 132,   /* room for headings */
    BELOW = 64,  /* room for the horizontal axis's labels */
    EDGE = 24,   /* around everything */
    COLUMN = 30, /* from the axes to labels beside them */
    LINE = 17,   /* of text */
    LETTER = 7,  /* width that a letter of 13 pixels has at most on average */
    RADIUS = 5,  /* of marks */
    LABEL = 48
};

typedef struct picture {
    sae_frontier_plot plot;
    size_t count;
    int64_t tokens;
    double width, height, down;
    sae_label *labels; /* [plot.n_series] */
    FILE *out;
} picture;

static double x_of(const picture *p, double l0)
{
    return LEFT + ACROSS * sae_axis_place(&p->plot.x, l0);
}

static double y_of(const picture *p, double fvu)
{
    return TOP + p->down * (1 - sae_axis_place(&p->plot.y, fvu));
}

static void series_name(const picture *p, const sae_series *series, char *out, size_t size)
{
    if (p->plot.n_widths > 1)
        snprintf(out, size, "%s %lld", sae_arch_name(series->arch), (long long)series->width);
    else
        snprintf(out, size, "%s", sae_arch_name(series->arch));
}

/* ---- headings --------------------------------------------------------------------------------------- */

/* A mark of this kind about (0, 0). */
static void mark(FILE *out, sae_arch arch, bool filled)
{
    static const char *const shapes[SAE_ARCHS] = {
        "M0 -6.2L6.2 0L0 6.2L-6.2 0Z",                                                   /* diamond */
        "M-4.6 -4.6H4.6V4.6H-4.6Z",                                                      /* square */
        "M5 0A5 5 0 1 1 -5 0A5 5 0 1 1 5 0Z",                                            /* circle */
        "M0 -5.9L5.6 4.2H-5.6Z",                                                         /* triangle */
        "M0 -6.6L1.9 -2.1L6.4 -1.7L3 1.3L4 5.8L0 3.4L-4 5.8L-3 1.3L-6.4 -1.7L-1.9 -2.1Z" /* star */
    };
    fprintf(out, "<path d=\"%s\" %s stroke=\"currentColor\" stroke-width=\"1.8\" stroke-linejoin=\"round\"/>",
            shapes[arch], filled ? "fill=\"currentColor\"" : "class=\"g\"");
}

static void describe(const picture *p)
{
    fprintf(p->out, "<title id=\"title\">Sparsity and reconstruction of %zu SAE%s</title>\n<desc id=\"desc\">",
            p->count, p->count == 1 ? "" : "s");
    fprintf(p->out,
            "FVU, the share of the activations' variance that an SAE misses, over L0, its active latents per "
            "token, measured on %lld tokens. On the Pareto frontier by rising L0:",
            (long long)p->tokens);
    for (size_t i = 0; i < p->plot.n_frontier; i++) {
        const sae_frontier_point *q = &p->plot.points[p->plot.frontier[i]];
        fprintf(p->out, "%s %s of width %lld with L0 %.4g and FVU %.4g", i ? ";" : "", sae_arch_name(q->arch),
                (long long)q->width, q->l0, q->fvu);
    }
    fputs(".</desc>\n", p->out);
}

static void headings(const picture *p)
{
    FILE *out = p->out;
    fprintf(out, "<text class=\"h\" x=\"%d\" y=\"40\">", EDGE);
    fprintf(out, "Sparsity and reconstruction of %zu SAE%s", p->count, p->count == 1 ? "" : "s");
    if (p->plot.n_widths == 1) fprintf(out, " with %lld latents", (long long)p->plot.series[0].width);
    fprintf(out, "</text>\n<text class=\"m\" x=\"%d\" y=\"62\">Measured on ", EDGE);
    fputs(sae_count_words(p->tokens).text, out);
    fprintf(out, " tokens. Lower left is better.%s</text>\n", p->plot.n_widths > 1 ? " Thicker line: wider SAE." : "");
    /* the key: what the band and hollow marks mean */
    fprintf(out,
            "<path class=\"b\" d=\"M%d 84H%d\" stroke-width=\"9\" stroke-linecap=\"round\"/>"
            "<text class=\"m\" x=\"%d\" y=\"88.5\">Pareto frontier</text>\n",
            EDGE + 5, EDGE + 25, EDGE + 38);
    fprintf(out, "<g class=\"m\" style=\"color:#8b95a1\" transform=\"translate(%d 84)\">", EDGE + 164);
    mark(out, SAE_ARCH_BATCHTOPK, false);
    fprintf(out, "</g><text class=\"m\" x=\"%d\" y=\"88.5\">another SAE is no worse in both and better in one</text>\n",
            EDGE + 177);
    if (p->plot.hidden)
        fprintf(out,
                "<text class=\"m\" x=\"%d\" y=\"%.0f\">Not shown, since L0 is 0 or a value is unknown: %zu</text>\n",
                EDGE, p->height - 14, p->plot.hidden);
}

/* ---- axes ------------------------------------------------------------------------------------------- */

static void axes(const picture *p)
{
    FILE *out = p->out;
    char label[LABEL];
    double bottom = TOP + p->down;
    fprintf(out, "<text class=\"m\" x=\"%d\" y=\"%d\">FVU: share of the variance that is missed</text>\n", EDGE,
            TOP - 14);
    for (int t = 0; t < p->plot.y.count; t++) {
        double y = y_of(p, p->plot.y.ticks[t]);
        sae_axis_label(&p->plot.y, t, label, sizeof label);
        fprintf(out,
                "<path class=\"l\" d=\"M%d %.2fH%d\"/><text class=\"m\" x=\"%d\" y=\"%.2f\" "
                "text-anchor=\"end\">%s</text>\n",
                LEFT, y, LEFT + ACROSS, LEFT - 9, y + 4.5, label);
    }
    for (int t = 0; t < p->plot.x.count; t++) {
        double x = x_of(p, p->plot.x.ticks[t]);
        sae_axis_label(&p->plot.x, t, label, sizeof label);
        fprintf(out,
                "<path class=\"l\" d=\"M%.2f %dV%.2f\"/><text class=\"m\" x=\"%.2f\" y=\"%.2f\" "
                "text-anchor=\"middle\">%s</text>\n",
                x, TOP, bottom, x, bottom + 20, label);
    }
    fprintf(out, "<path class=\"a\" d=\"M%d %.2fH%d\"/>\n", LEFT, bottom, LEFT + ACROSS);
    fprintf(out,
            "<text class=\"m\" x=\"%d\" y=\"%.2f\" text-anchor=\"middle\">L0: active latents per token "
            "(logarithmic)</text>\n",
            LEFT + ACROSS / 2, bottom + 42);
}

/* ---- SAEs ------------------------------------------------------------------------------------------- */

static void band(const picture *p)
{
    if (p->plot.n_frontier == 0) return;
    fputs("<path class=\"b\" stroke-width=\"13\" stroke-linecap=\"round\" stroke-linejoin=\"round\" d=\"", p->out);
    for (size_t i = 0; i < p->plot.n_frontier; i++) {
        const sae_frontier_point *q = &p->plot.points[p->plot.frontier[i]];
        fprintf(p->out, "%c%.2f %.2f", i ? 'L' : 'M', x_of(p, q->l0), y_of(p, q->fvu));
    }
    fputs(p->plot.n_frontier == 1 ? "h0.01\"/>\n" : "\"/>\n", p->out); /* a line without length is not drawn */
}

static void line(const picture *p, const sae_series *series)
{
    if (series->count < 2) return;
    double rank = p->plot.n_widths > 1 ? (double)series->rank / (double)(p->plot.n_widths - 1) : 0.3;
    fprintf(p->out, "<path fill=\"none\" stroke=\"currentColor\" stroke-width=\"%.2f\" stroke-linejoin=\"round\" d=\"",
            1.2 + 2 * rank);
    for (size_t i = 0; i < series->count; i++) {
        const sae_frontier_point *q = sae_series_point(&p->plot, series, i);
        fprintf(p->out, "%c%.2f %.2f", i ? 'L' : 'M', x_of(p, q->l0), y_of(p, q->fvu));
    }
    fputs("\"/>\n", p->out);
}

static void marks(const picture *p, const sae_series *series)
{
    for (size_t i = 0; i < series->count; i++) {
        const sae_frontier_point *q = sae_series_point(&p->plot, series, i);
        fprintf(p->out, "<g transform=\"translate(%.2f %.2f)\"><title>", x_of(p, q->l0), y_of(p, q->fvu));
        sae_svg_text(p->out, q->path);
        fprintf(p->out, ": %s, width %lld, L0 %.4g, FVU %.4g%s</title>", sae_arch_name(q->arch), (long long)q->width,
                q->l0, q->fvu, q->on_frontier ? ", on the frontier" : "");
        mark(p->out, q->arch, q->on_frontier);
        fputs("</g>\n", p->out);
    }
}

static void label(const picture *p, const sae_series *series, const sae_label *place)
{
    char name[LABEL];
    series_name(p, series, name, sizeof name);
    if (!place->beside)
        fprintf(p->out, "<path fill=\"none\" stroke=\"currentColor\" opacity=\"0.55\" d=\"M%.2f %.2fH%d L%.2f %.2f\"/>",
                place->x + RADIUS + 4, place->y, LEFT + ACROSS + 4, place->text_x - 5, place->text_y);
    fprintf(p->out, "<text x=\"%.2f\" y=\"%.2f\" fill=\"currentColor\" style=\"font-weight:500\">%s</text>\n",
            place->text_x, place->text_y + 4.5, name);
}

/* Lines first, so that no line lies upon a mark. */
static void draw_series(const picture *p)
{
    static void (*const layers[])(const picture *, const sae_series *) = {line, marks};
    for (size_t l = 0; l < 2; l++) {
        for (size_t s = 0; s < p->plot.n_series; s++) {
            const sae_series *series = &p->plot.series[s];
            fprintf(p->out, "<g class=\"c%d\">\n", (int)series->arch);
            layers[l](p, series);
            if (l == 1) label(p, series, &p->labels[s]);
            fputs("</g>\n", p->out);
        }
    }
}

/* ---- the whole -------------------------------------------------------------------------------------- */

/* What labels must not touch: series' lines, marks, and the frontier's band. */
static size_t find_segments(const picture *p, sae_segment *segments)
{
    size_t n = 0;
    for (size_t s = 0; s < p->plot.n_series; s++) {
        const sae_series *series = &p->plot.series[s];
        for (size_t i = 0; i < series->count; i++) {
            const sae_frontier_point *from = sae_series_point(&p->plot, series, i);
            const sae_frontier_point *to = sae_series_point(&p->plot, series, i + 1 < series->count ? i + 1 : i);
            segments[n++] = (sae_segment){x_of(p, from->l0), y_of(p, from->fvu), x_of(p, to->l0), y_of(p, to->fvu)};
        }
    }
    for (size_t i = 0; i + 1 < p->plot.n_frontier; i++) {
        const sae_frontier_point *from = &p->plot.points[p->plot.frontier[i]];
        const sae_frontier_point *to = &p->plot.points[p->plot.frontier[i + 1]];
        segments[n++] = (sae_segment){x_of(p, from->l0), y_of(p, from->fvu), x_of(p, to->l0), y_of(p, to->fvu)};
    }
    return n;
}

static sae_status lay_out(picture *p, sae_error *err)
{
    size_t n = p->plot.n_series, widest = 0;
    p->down = fmax(DOWN, (double)n * LINE); /* a line for each label */
    p->height = TOP + p->down + BELOW + (p->plot.hidden ? LINE : 0);
    p->labels = sae_calloc(n + 1, sizeof *p->labels);
    size_t *order = sae_calloc(n + 1, sizeof *order);
    sae_segment *segments = sae_calloc(2 * p->plot.shown + 1, sizeof *segments);
    sae_status status = SAE_OK;
    if (!p->labels || !order || !segments) {
        status = sae_fail_memory(err, "a plot", p->plot.shown * sizeof *segments);
        goto done;
    }
    for (size_t s = 0; s < n; s++) {
        const sae_series *series = &p->plot.series[s];
        const sae_frontier_point *last = sae_series_point(&p->plot, series, series->count - 1);
        char name[LABEL];
        series_name(p, series, name, sizeof name);
        if (strlen(name) > widest) widest = strlen(name);
        p->labels[s] =
            (sae_label){.x = x_of(p, last->l0), .y = y_of(p, last->fvu), .width = (double)strlen(name) * LETTER};
    }
    const sae_label_area area = {.right = LEFT + ACROSS,
                                 .column = LEFT + ACROSS + COLUMN,
                                 .top = TOP,
                                 .bottom = TOP + p->down,
                                 .height = LINE,
                                 .clearance = RADIUS + 2};
    sae_labels_place(p->labels, n, segments, find_segments(p, segments), &area, order);
    p->width = area.column + (double)widest * LETTER + EDGE;
done:
    sae_free(order);
    sae_free(segments);
    return status;
}

sae_status sae_frontier_write_svg(const sae_frontier_point *points, size_t count, int64_t tokens, const char *path,
                                  sae_error *err)
{
    picture p = {.count = count, .tokens = tokens};
    sae_draft draft;
    sae_status status = sae_frontier_plot_make(&p.plot, points, count, 9, 8, err);
    if (status != SAE_OK) return status;
    SAE_TRY(lay_out(&p, err));
    SAE_TRY(sae_draft_open(&draft, "a picture", err));
    p.out = draft.stream;
    fprintf(p.out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
            "role=\"img\" aria-labelledby=\"title desc\">\n",
            p.width, p.height, p.width, p.height);
    describe(&p);
    fputs("<style>\n", p.out);
    sae_svg_rules(p.out);
    fputs("</style>\n", p.out);
    fprintf(p.out, "<rect class=\"g\" width=\"%.0f\" height=\"%.0f\"/>\n", p.width, p.height);
    headings(&p);
    axes(&p);
    band(&p);
    draw_series(&p);
    fputs("</svg>\n", p.out);
    status = sae_draft_save(&draft, path, err);
done:
    sae_free(p.labels);
    sae_frontier_plot_clear(&p.plot);
    return status;
}
