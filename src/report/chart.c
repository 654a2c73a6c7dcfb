#include "report/chart.h"

#include "report/svg.h"

#include <string.h>

enum { LINE = 19, LETTERS = 640, SWATCH = 26, BETWEEN = 20, TITLE = 36, MOST_COLUMNS = 120 };
#define LETTER 7.0 /* mean width of a letter, in pixels */

/* Measures of a form: the space around the axes. */
typedef struct measures {
    double edge;  /* where texts begin */
    double left;  /* of the axes */
    double right; /* of the axes, from the right end */
    double across;
} measures;

static measures measures_of(const sae_chart *chart)
{
    static const measures all[] = {
        [SAE_CHART_ALONE] = {24, 76, 36, 640},
        [SAE_CHART_WIDE] = {0, 56, 24, 640},
        [SAE_CHART_NARROW] = {0, 44, 18, 258},
    };
    return all[chart->form];
}

static double width_of(const sae_chart *chart)
{
    measures m = measures_of(chart);
    return m.left + m.across + m.right;
}

static int columns_of(const sae_chart *chart)
{
    measures m = measures_of(chart);
    return (int)((width_of(chart) - 2 * m.edge) / LETTER);
}

double sae_chart_height(const sae_chart *chart, double wide)
{
    return chart->form == SAE_CHART_NARROW ? wide * 0.72 : wide;
}

int sae_chart_ticks(const sae_chart *chart)
{
    return chart->form == SAE_CHART_NARROW ? 6 : 11;
}

/* ---- lines of text ------------------------------------------------------------------------------------- */

/* Bytes of the next line of `text`: at most `most` characters, broken at a space. */
static size_t line_length(const char *text, int most)
{
    size_t best = 0, i = 0;
    for (int columns = 0; text[i] && columns <= most; i++) {
        if (text[i] == ' ') best = i;
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return text[i] && best > 0 ? best : i;
}

static int count_lines(const char *text, int most)
{
    int lines = 0;
    for (; *text; lines++) {
        text += line_length(text, most);
        while (*text == ' ') text++;
    }
    return lines;
}

static void write_lines(const sae_chart *chart, double x, double y, const char *anchor, const char *text)
{
    for (int columns = columns_of(chart); *text; y += LINE) {
        char part[4 * MOST_COLUMNS + 8];
        size_t length = line_length(text, columns);
        if (length >= sizeof part) length = sizeof part - 1;
        memcpy(part, text, length);
        part[length] = 0;
        sae_chart_text(chart, x, y, "m", anchor, part);
        text += length;
        while (*text == ' ') text++;
    }
}

/* An axis' label, with a true minus sign. */
static void label_of(const sae_axis *axis, int tick, char *out, size_t size)
{
    char label[48];
    sae_axis_label(axis, tick, label, sizeof label);
    snprintf(out, size, "%s%s", *label == '-' ? "\xe2\x88\x92" : "", label + (*label == '-'));
}

static int letters(const char *text)
{
    int count = 0;
    for (; *text; text++) count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

void sae_chart_text(const sae_chart *chart, double x, double y, const char *style, const char *anchor, const char *text)
{
    fprintf(chart->out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", style, x, y, anchor);
    sae_svg_text(chart->out, text);
    fputs("</text>\n", chart->out);
}

/* ---- the key ------------------------------------------------------------------------------------------- */

static void write_swatch(const sae_chart *chart, const sae_chart_entry *e, double x, double y)
{
    fprintf(chart->out, "<g class=\"%s\">", e->style);
    if (e->swatch == SAE_SWATCH_LINE)
        fprintf(chart->out,
                "<path fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-dasharray=\"%s\" "
                "d=\"M%.1f %.1fh%d\"/>",
                e->dashes ? e->dashes : "none", x, y, SWATCH);
    else if (e->swatch == SAE_SWATCH_BOX)
        fprintf(chart->out,
                "<rect fill=\"currentColor\" fill-opacity=\"%.2f\" x=\"%.1f\" y=\"%.1f\" width=\"14\" "
                "height=\"12\" rx=\"2\"/>",
                e->opacity, x + SWATCH - 14, y - 6);
    else
        fprintf(chart->out, "<circle fill=\"currentColor\" fill-opacity=\"%.2f\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>",
                e->opacity, x + SWATCH - 6, y);
    fputs("</g>\n", chart->out);
}

/* The entries one after the other, in as many rows as they need; returns the rows. Nothing is written if !draw. */
static int write_key(const sae_chart *chart, const sae_chart_frame *frame, double top, bool draw)
{
    measures m = measures_of(chart);
    double x = m.edge, right = width_of(chart) - m.edge;
    int rows = frame->entries > 0;
    for (int i = 0; i < frame->entries; i++) {
        const sae_chart_entry *e = &frame->key[i];
        double wide = SWATCH + 7 + letters(e->text) * LETTER;
        if (x > m.edge && x + wide > right) {
            x = m.edge;
            rows++;
        }
        double y = top + LINE * (rows - 1);
        if (draw) {
            write_swatch(chart, e, x, y - 4.5);
            sae_chart_text(chart, x + SWATCH + 7, y, "t", "start", e->text);
        }
        x += wide + BETWEEN;
    }
    return rows;
}

/* ---- beginning and end --------------------------------------------------------------------------------- */

static void write_start(const sae_chart *chart, double width, double height)
{
    static const char *const classes[] = {
        [SAE_CHART_ALONE] = "", [SAE_CHART_WIDE] = "class=\"wide\" ", [SAE_CHART_NARROW] = "class=\"narrow\" "};
    FILE *out = chart->out;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" %swidth=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
            "role=\"img\" aria-labelledby=\"%s-title %s-desc\">\n<title id=\"%s-title\">",
            classes[chart->form], width, height, width, height, chart->id, chart->id, chart->id);
    sae_svg_text(out, chart->title);
    fprintf(out, "</title>\n<desc id=\"%s-desc\">", chart->id);
    if (chart->form == SAE_CHART_ALONE) {
        sae_svg_text(out, chart->finding);
        fputc(' ', out);
    }
    sae_svg_text(out, chart->shows);
    fputs("</desc>\n", out);
    if (chart->form != SAE_CHART_ALONE) return;
    fputs("<style>\n", out);
    sae_svg_rules(out);
    fputs("</style>\n", out);
    fprintf(out, "<rect class=\"g\" width=\"%.0f\" height=\"%.0f\"/>\n", width, height);
}

void sae_chart_begin(sae_chart *chart, const sae_chart_frame *frame)
{
    measures m = measures_of(chart);
    bool alone = chart->form == SAE_CHART_ALONE;
    int most = columns_of(chart);
    double y = 0;
    chart->left = m.left;
    chart->across = m.across;
    chart->down = frame->down;
    int x_lines = count_lines(frame->x_name, most), y_lines = count_lines(frame->y_name, most);
    int finding_lines = alone ? count_lines(chart->finding, most) : 0;
    if (alone) y = TITLE + 6 + LINE * finding_lines + 14;
    double key = y + 14, name = key + LINE * write_key(chart, frame, 0, false) + (frame->entries ? 8 : 0);
    chart->top = name + LINE * (y_lines - 1) + 17;
    chart->bottom = chart->top + chart->down;
    chart->below = chart->bottom + 24 + LINE * x_lines + frame->room;
    write_start(chart, width_of(chart), chart->below + (alone ? 20 : 6));
    if (alone) {
        sae_chart_text(chart, m.edge, TITLE, "h", "start", chart->title);
        write_lines(chart, m.edge, TITLE + 6 + LINE, "start", chart->finding);
    }
    write_key(chart, frame, key, true);
    write_lines(chart, m.edge, name, "start", frame->y_name);
    bool fits = letters(frame->x_name) * LETTER < m.across;
    write_lines(chart, fits ? m.left + m.across / 2 : width_of(chart) / 2, chart->bottom + 24 + LINE - 3, "middle",
                frame->x_name);
}

void sae_chart_end(const sae_chart *chart)
{
    fputs("</svg>\n", chart->out);
}

/* ---- axes ---------------------------------------------------------------------------------------------- */

double sae_chart_x(const sae_chart *chart, double value)
{
    return chart->left + chart->across * sae_axis_place(&chart->x, value);
}

double sae_chart_y(const sae_chart *chart, double value)
{
    return chart->top + chart->down * (1 - sae_axis_place(&chart->y, value));
}

void sae_chart_grid_y(const sae_chart *chart)
{
    char label[64];
    for (int t = 0; t < chart->y.count; t++) {
        double y = sae_chart_y(chart, chart->y.ticks[t]);
        label_of(&chart->y, t, label, sizeof label);
        fprintf(chart->out, "<path class=\"l\" d=\"M%.1f %.1fh%.1f\"/>", chart->left, y, chart->across);
        sae_chart_text(chart, chart->left - 8, y + 4.5, "m", "end", label);
    }
}

void sae_chart_grid_x(const sae_chart *chart)
{
    char label[64];
    for (int t = 0; t < chart->x.count; t++) {
        double x = sae_chart_x(chart, chart->x.ticks[t]);
        label_of(&chart->x, t, label, sizeof label);
        fprintf(chart->out, "<path class=\"l\" d=\"M%.1f %.1fV%.1f\"/>", x, chart->top, chart->bottom);
        sae_chart_text(chart, x, chart->bottom + 19, "m", "middle", label);
    }
}

void sae_chart_ground(const sae_chart *chart)
{
    fprintf(chart->out, "<path class=\"a\" d=\"M%.1f %.1fh%.1f\"/>\n", chart->left, chart->top + chart->down,
            chart->across);
}

void sae_chart_marker(const sae_chart *chart, double value, const char *text)
{
    double x = sae_chart_x(chart, value);
    bool left = x - chart->left > letters(text) * LETTER + 12;
    fprintf(chart->out, "<path class=\"a\" stroke-dasharray=\"4 4\" d=\"M%.1f %.1fV%.1f\"/>\n", x, chart->top,
            chart->bottom);
    if (*text) sae_chart_text(chart, left ? x - 7 : x + 7, chart->top + 12, "m o", left ? "end" : "start", text);
}

/* ---- series -------------------------------------------------------------------------------------------- */

sae_chart_entry sae_chart_series(int series, const char *text)
{
    static const char *const dashes[SAE_CHART_SERIES] = {NULL, "7 4", "2 4", "11 4 2 4"};
    static const char *const styles[SAE_CHART_SERIES] = {"c2", "c1", "c3", "c4"};
    return (sae_chart_entry){SAE_SWATCH_LINE, styles[series], dashes[series], 1, text};
}

void sae_chart_line(const sae_chart *chart, const double *points, int64_t count, const sae_chart_entry *entry)
{
    fprintf(chart->out,
            "<path class=\"%s\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linejoin=\"round\" "
            "stroke-dasharray=\"%s\" d=\"",
            entry->style, entry->dashes ? entry->dashes : "none");
    for (int64_t i = 0; i < count; i++)
        fprintf(chart->out, "%c%.1f %.1f", i ? 'L' : 'M', sae_chart_x(chart, points[2 * i]),
                sae_chart_y(chart, points[2 * i + 1]));
    fputs("\"/>\n", chart->out);
}
