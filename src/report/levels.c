#include "report/levels.h"

#include <math.h>

enum { STEP = 46, NAME = 14, BAR = 21, THICK = 15 };

static void draw_level(const sae_chart *chart, const sae_level *level, int row)
{
    double top = chart->top + row * STEP, right = chart->left;
    sae_chart_text(chart, chart->left, top + NAME, "t", "start", level->name);
    if (level->value > 0) {
        right = sae_chart_x(chart, level->value);
        fprintf(
            chart->out,
            "<rect class=\"g\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/><g class=\"%s\"><rect "
            "fill=\"currentColor\" fill-opacity=\"%.2f\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/></g>\n",
            chart->left, top + BAR, right - chart->left, THICK, level->style, level->opacity, chart->left, top + BAR,
            right - chart->left, THICK);
    }
    sae_chart_text(chart, right + 7, top + BAR + THICK - 3, "t n o", "start", level->number.text);
}

void sae_levels_draw(sae_chart *chart, const sae_level *levels, int count, double full, const char *x_name)
{
    double most = full;
    for (int i = 0; i < count; i++) most = fmax(most, levels[i].value); /* fmax passes over NaN */
    /* a number stands behind the longest bar */
    double room = chart->form == SAE_CHART_NARROW ? 1.3 : 1.12;
    chart->x = sae_axis_linear(0, full > 0 ? full : most * room, sae_chart_ticks(chart) - 1);
    sae_chart_frame frame = {.down = count * STEP + 6.0, .x_name = x_name, .y_name = ""};
    sae_chart_begin(chart, &frame);
    sae_chart_grid_x(chart);
    for (int i = 0; i < count; i++) draw_level(chart, &levels[i], i);
    sae_chart_ground(chart);
    sae_chart_end(chart);
}
