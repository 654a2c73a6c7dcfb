#include "report/chart.h"
#include "report/svg.h"

#include <string.h>

enum { EDGE = 24, LEFT = 84, BELOW = 66, LINE = 19, COLUMNS = 92, HEAD = 62, GAP = 34 };

/* Bytes of the next line of `text`: at most COLUMNS characters, broken at a space. */
static size_t line_length(const char *text)
{
    size_t best = 0, columns = 0, i = 0;
    for (; text[i] && columns <= COLUMNS; i++) {
        if (text[i] == ' ') best = i;
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return text[i] && best > 0 ? best : i;
}

static int count_lines(const char *text)
{
    int lines = 0;
    for (; *text; lines++) {
        text += line_length(text);
        while (*text == ' ') text++;
    }
    return lines;
}

static void write_lines(FILE *out, const char *text)
{
    for (int line = 0; *text; line++) {
        char part[4 * COLUMNS + 8];
        size_t length = line_length(text);
        if (length >= sizeof part) length = sizeof part - 1;
        memcpy(part, text, length);
        part[length] = 0;
        fprintf(out, "<text class=\"m\" x=\"%d\" y=\"%d\">", EDGE, HEAD + line * LINE);
        sae_svg_text(out, part);
        fputs("</text>\n", out);
        text += length;
        while (*text == ' ') text++;
    }
}

void sae_chart_begin(sae_chart *chart, const char *title, const char *finding, int keys)
{
    FILE *out = chart->out;
    chart->left = LEFT;
    chart->across = SAE_CHART_ACROSS;
    chart->down = SAE_CHART_DOWN;
    chart->top = HEAD + LINE * (count_lines(finding) + keys) + GAP;
    double width = LEFT + SAE_CHART_ACROSS + EDGE, height = chart->top + SAE_CHART_DOWN + BELOW;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
            "role=\"img\" aria-labelledby=\"title desc\">\n<title id=\"title\">",
            width, height, width, height);
    sae_svg_text(out, title);
    fputs("</title>\n<desc id=\"desc\">", out);
    sae_svg_text(out, finding);
    fputs("</desc>\n", out);
    sae_svg_style(out);
    fprintf(out, "<rect class=\"g\" width=\"%.0f\" height=\"%.0f\"/>\n", width, height);
    fprintf(out, "<text class=\"t\" x=\"%d\" y=\"36\" style=\"font-size:18px;font-weight:600\">", EDGE);
    sae_svg_text(out, title);
    fputs("</text>\n", out);
    write_lines(out, finding);
}

void sae_chart_end(const sae_chart *chart)
{
    fputs("</svg>\n", chart->out);
}

double sae_chart_x(const sae_chart *chart, double value)
{
    return chart->left + chart->across * sae_axis_place(&chart->x, value);
}

double sae_chart_y(const sae_chart *chart, double value)
{
    return chart->top + chart->down * (1 - sae_axis_place(&chart->y, value));
}

void sae_chart_axes(const sae_chart *chart, const char *x_name, const char *y_name, bool ticks_x)
{
    FILE *out = chart->out;
    char label[48];
    double bottom = chart->top + chart->down, right = chart->left + chart->across;
    fprintf(out, "<text class=\"m\" x=\"%d\" y=\"%.0f\">", EDGE, chart->top - 14);
    sae_svg_text(out, y_name);
    fputs("</text>\n", out);
    for (int t = 0; t < chart->y.count; t++) {
        double y = sae_chart_y(chart, chart->y.ticks[t]);
        sae_axis_label(&chart->y, t, label, sizeof label);
        fprintf(out,
                "<path class=\"l\" d=\"M%.0f %.2fH%.0f\"/><text class=\"m\" x=\"%.0f\" y=\"%.2f\" "
                "text-anchor=\"end\">%s</text>\n",
                chart->left, y, right, chart->left - 9, y + 4.5, label);
    }
    for (int t = 0; ticks_x && t < chart->x.count; t++) {
        double x = sae_chart_x(chart, chart->x.ticks[t]);
        sae_axis_label(&chart->x, t, label, sizeof label);
        fprintf(out,
                "<path class=\"l\" d=\"M%.2f %.0fV%.0f\"/><text class=\"m\" x=\"%.2f\" y=\"%.0f\" "
                "text-anchor=\"middle\">%s</text>\n",
                x, chart->top, bottom, x, bottom + 20, label);
    }
    fprintf(out, "<path class=\"a\" d=\"M%.0f %.2fH%.0f\"/>\n", chart->left, bottom, right);
    fprintf(out, "<text class=\"m\" x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">", chart->left + chart->across / 2,
            bottom + 44);
    sae_svg_text(out, x_name);
    fputs("</text>\n", out);
}

static const char *const dashes[SAE_CHART_SERIES] = {"none", "7 4", "2 4", "11 4 2 4"};
static const int colours[SAE_CHART_SERIES] = {2, 1, 3, 4};

void sae_chart_line(const sae_chart *chart, const double *points, int64_t count, int series)
{
    fprintf(chart->out,
            "<path class=\"c%d\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linejoin=\"round\" "
            "stroke-dasharray=\"%s\" d=\"",
            colours[series], dashes[series]);
    for (int64_t i = 0; i < count; i++)
        fprintf(chart->out, "%c%.2f %.2f", i ? 'L' : 'M', sae_chart_x(chart, points[2 * i]),
                sae_chart_y(chart, points[2 * i + 1]));
    fputs("\"/>\n", chart->out);
}

void sae_chart_key(const sae_chart *chart, int line, int series, const char *text)
{
    double y = chart->top - GAP - LINE * (SAE_CHART_SERIES - line) + 10;
    fprintf(chart->out,
            "<path class=\"c%d\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-dasharray=\"%s\" "
            "d=\"M%d %.1fh40\"/><text class=\"t\" x=\"%d\" y=\"%.1f\">",
            colours[series], dashes[series], EDGE, y, EDGE + 52, y + 4.5);
    sae_svg_text(chart->out, text);
    fputs("</text>\n", chart->out);
}
