#include "report/sizes.h"

#include "report/words.h"

static int class_of(int64_t size)
{
    if (size <= 0) return 0;
    int class = 1;
    for (int64_t top = 1; top < size; top *= 2) class ++;
    return class;
}

static sae_words class_words(int class)
{
    sae_words words;
    long long top = class > 0 ? 1LL << (class - 1) : 0;
    if (class < 3)
        snprintf(words.text, sizeof words.text, "%lld", top);
    else
        snprintf(words.text, sizeof words.text, "%lld–%lld", top / 2 + 1, top);
    return words;
}

sae_sizes sae_sizes_none(void)
{
    return (sae_sizes){.first = 0, .end = 0};
}

void sae_sizes_add(sae_sizes *sizes, int64_t size)
{
    int class = class_of(size);
    if (++sizes->counts[class] > sizes->most) sizes->most = sizes->counts[class];
    if (sizes->end == 0 || class < sizes->first) sizes->first = class;
    if (class >= sizes->end) sizes->end = class + 1;
}

void sae_sizes_draw(sae_chart *chart, const sae_sizes *sizes, const char *x_name, const char *y_name)
{
    int shown = sizes->end > sizes->first ? sizes->end - sizes->first : 1;
    sae_chart_frame frame = {.down = sae_chart_height(chart, 270), .x_name = x_name, .y_name = y_name};
    chart->x = sae_axis_linear(0, shown, 9);
    chart->y = sae_axis_linear(0, (double)sizes->most * 1.1, 7);
    sae_chart_begin(chart, &frame);
    sae_chart_grid_y(chart);
    double step = chart->across / shown, ground = chart->top + chart->down;
    double width = step * 0.7 < 90 ? step * 0.7 : 90;
    for (int class = sizes->first; class < sizes->end; class ++) {
        double x = chart->left + (class - sizes->first + 0.5) * step;
        double y = sae_chart_y(chart, (double)sizes->counts[class]);
        if (sizes->counts[class])
            fprintf(chart->out,
                    "<g class=\"cl\"><rect fill=\"currentColor\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                    "height=\"%.1f\"/></g>\n",
                    x - width / 2, y, width, ground - y);
        sae_chart_text(chart, x, y - 7, "t n o", "middle", sae_count_words(sizes->counts[class]).text);
        sae_chart_text(chart, x, ground + 19, "m", "middle", class_words(class).text);
    }
    sae_chart_ground(chart);
    sae_chart_end(chart);
}

void sae_sizes_tabulate(sae_table *table, const sae_sizes *sizes, const char *caption, const char *const columns[2])
{
    sae_table_begin(table, caption, columns, 2);
    for (int class = sizes->first; class < sizes->end; class ++) {
        sae_table_row(table);
        sae_table_text(table, class_words(class).text);
        sae_table_count(table, sizes->counts[class]);
    }
    sae_table_end(table);
}
