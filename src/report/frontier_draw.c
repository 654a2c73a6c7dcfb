/* The L0–FVU frontier as text for a terminal. */
#include "report/draft.h"
#include "report/frontier.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

enum { MIN_COLUMNS = 60, MAX_COLUMNS = 120, INDENT = 2, LINES = 16, TICK_COLUMNS = 8, GLYPH = 4, LABEL = 24 };

/* One mark for each kind, by sae_arch. */
static const char *const filled_marks[SAE_ARCHS] = {"◆", "■", "●", "▲", "★"};
static const char *const hollow_marks[SAE_ARCHS] = {"◇", "□", "○", "△", "☆"};

typedef char cell[GLYPH]; /* one character in UTF-8, or "" */

/* The area within the axes. */
typedef struct canvas {
    const sae_frontier_plot *plot;
    cell *cells; /* [LINES, columns] */
    int columns;
    int covered; /* marks that others lie upon */
} canvas;

static cell *at(const canvas *c, int line, int column)
{
    return &c->cells[line * c->columns + column];
}

static int column_of(const canvas *c, double l0)
{
    return (int)lround(sae_axis_place(&c->plot->x, l0) * (c->columns - 1));
}

static int line_of(const canvas *c, double fvu)
{
    return (int)lround((1 - sae_axis_place(&c->plot->y, fvu)) * (LINES - 1));
}

/* Dots from one point of the frontier to the next. */
static void draw_frontier(const canvas *c)
{
    const sae_frontier_plot *plot = c->plot;
    for (size_t i = 0; i + 1 < plot->n_frontier; i++) {
        const sae_frontier_point *p = &plot->points[plot->frontier[i]], *q = &plot->points[plot->frontier[i + 1]];
        int column = column_of(c, p->l0), line = line_of(c, p->fvu);
        int right = column_of(c, q->l0) - column, down = line_of(c, q->fvu) - line;
        int steps = right > down ? right : down;
        for (int s = 1; s < steps; s++)
            strcpy(
                *at(c, line + (int)lround((double)s * down / steps), column + (int)lround((double)s * right / steps)),
                "·");
    }
}

/* Marks of the frontier lie upon the others. */
static void draw_marks(canvas *c, bool on_frontier)
{
    const sae_frontier_plot *plot = c->plot;
    for (size_t i = 0; i < plot->shown; i++) {
        const sae_frontier_point *p = &plot->points[plot->order[i]];
        if (p->on_frontier != on_frontier) continue;
        cell *here = at(c, line_of(c, p->fvu), column_of(c, p->l0));
        c->covered += **here && strcmp(*here, "·") != 0;
        strcpy(*here, (on_frontier ? filled_marks : hollow_marks)[p->arch]);
    }
}

/* Whether the characters of a label and one on each side of it are free. */
static bool is_free(const canvas *c, int line, int column, int length)
{
    if (line < 0 || line >= LINES || column < 0 || column + length > c->columns) return false;
    for (int i = column; i < column + length; i++)
        if (**at(c, line, i)) return false;
    return true;
}

/* Writes a series' width beside one of its marks, the last first; nowhere if there is no room. */
static void label_series(const canvas *c, const sae_series *series)
{
    char text[LABEL];
    int length = snprintf(text, sizeof text, "%lld", (long long)series->width);
    for (size_t i = series->count; i-- > 0;) {
        const sae_frontier_point *p = sae_series_point(c->plot, series, i);
        int line = line_of(c, p->fvu), column = column_of(c, p->l0);
        const int tries[][2] = {{line, column + 2},
                                {line, column - length - 1},
                                {line - 1, column - length / 2},
                                {line + 1, column - length / 2}};
        for (size_t t = 0; t < sizeof tries / sizeof *tries; t++) {
            if (!is_free(c, tries[t][0], tries[t][1], length)) continue;
            for (int k = 0; k < length; k++) snprintf(*at(c, tries[t][0], tries[t][1] + k), GLYPH, "%c", text[k]);
            return;
        }
    }
}

static void print_lines(const canvas *c, int margin, FILE *out)
{
    char label[LABEL];
    for (int line = 0; line < LINES; line++) {
        const char *tick = "│";
        *label = 0;
        for (int t = 0; t < c->plot->y.count; t++) {
            if (line_of(c, c->plot->y.ticks[t]) != line) continue;
            sae_axis_label(&c->plot->y, t, label, sizeof label);
            tick = "┤";
        }
        int last = c->columns - 1;
        while (last >= 0 && !**at(c, line, last)) last--;
        fprintf(out, "%*s %s", margin, label, tick);
        for (int column = 0; column <= last; column++) fputs(**at(c, line, column) ? *at(c, line, column) : " ", out);
        fputc('\n', out);
    }
}

/* The horizontal axis, and its labels under their ticks. */
static void print_scale(const canvas *c, int margin, FILE *out)
{
    char label[LABEL];
    int used = 0;
    fprintf(out, "%*s └", margin, "");
    for (int column = 0; column < c->columns; column++) {
        bool tick = false;
        for (int t = 0; t < c->plot->x.count; t++) tick |= column_of(c, c->plot->x.ticks[t]) == column;
        fputs(tick ? "┬" : "─", out);
    }
    fprintf(out, "\n%*s  ", margin, "");
    for (int t = 0; t < c->plot->x.count; t++) {
        sae_axis_label(&c->plot->x, t, label, sizeof label);
        int length = (int)strlen(label), from = column_of(c, c->plot->x.ticks[t]) - length / 2;
        if (from < used + (used > 0) || from + length > c->columns) continue;
        used += fprintf(out, "%*s%s", from - used, "", label);
    }
    fprintf(out, "\n%*s  L0: active latents per token, on a logarithmic scale\n\n", margin, "");
}

static void print_legend(const canvas *c, FILE *out)
{
    const sae_frontier_plot *plot = c->plot;
    for (size_t s = 0; s < plot->n_series; s++)
        if (s == 0 || plot->series[s].arch != plot->series[s - 1].arch)
            fprintf(out, "%*s%s %s", s ? 3 : INDENT, "", filled_marks[plot->series[s].arch],
                    sae_arch_name(plot->series[s].arch));
    if (plot->n_widths > 1) fputs("   numbers: width", out);
    if (plot->shown) fputc('\n', out);
    fprintf(out, "%*sfilled  on the frontier, which dots join\n", INDENT, "");
    fprintf(out, "%*shollow  another SAE is no worse in both and better in one\n", INDENT, "");
    if (c->covered) fprintf(out, "%*sMarks hidden under others: %d\n", INDENT, "", c->covered);
    if (plot->hidden)
        fprintf(out, "%*sNot shown, since L0 is 0 or a value is unknown: %zu\n", INDENT, "", plot->hidden);
}

static int widest_label(const sae_axis *axis)
{
    int widest = 0;
    for (int t = 0; t < axis->count; t++) {
        char label[LABEL];
        sae_axis_label(axis, t, label, sizeof label);
        if ((int)strlen(label) > widest) widest = (int)strlen(label);
    }
    return widest;
}

sae_status sae_frontier_draw(const sae_frontier_point *points, size_t count, int columns, char **text, sae_error *err)
{
    sae_frontier_plot plot;
    if (columns < MIN_COLUMNS) columns = MIN_COLUMNS;
    if (columns > MAX_COLUMNS) columns = MAX_COLUMNS;
    sae_status status = sae_frontier_plot_make(&plot, points, count, columns / TICK_COLUMNS, 6, err);
    if (status != SAE_OK) return status;
    int margin = INDENT + widest_label(&plot.y);
    if (margin < INDENT + 3) margin = INDENT + 3;
    canvas c = {.plot = &plot, .columns = columns - margin - 2};
    c.cells = sae_calloc((size_t)(LINES * c.columns), sizeof *c.cells);
    sae_draft draft;
    if (!c.cells) SAE_TRY(sae_fail_memory(err, "a plot", 0));
    SAE_TRY(sae_draft_open(&draft, "a plot", err));
    draw_frontier(&c);
    draw_marks(&c, false);
    draw_marks(&c, true);
    for (size_t s = 0; plot.n_widths > 1 && s < plot.n_series; s++) label_series(&c, &plot.series[s]);
    fprintf(draft.stream, "%*s\n", margin, "FVU");
    print_lines(&c, margin, draft.stream);
    print_scale(&c, margin, draft.stream);
    print_legend(&c, draft.stream);
    status = sae_draft_take(&draft, text, err);
done:
    sae_free(c.cells);
    sae_frontier_plot_clear(&plot);
    return status;
}
