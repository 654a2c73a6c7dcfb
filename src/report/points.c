#include "report/points.h"

#include "report/words.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 84, ROWS = 62, SHADES = 8 };
#define RADIUS        5.2 /* of a hexagon; a phone's are smaller */
#define RADIUS_NARROW 4.2
#define SIN60         0.8660254037844386

static bool known(const sae_points *p, int64_t i)
{
    return !isnan(p->x[i]) && !isnan(p->y[i]);
}

int64_t sae_points_known(const sae_points *points)
{
    int64_t count = 0;
    for (int64_t i = 0; i < points->count; i++) count += known(points, i);
    return count;
}

static bool within(const sae_axis *axis, double value)
{
    return value >= axis->low && value <= axis->high;
}

int64_t sae_points_beyond(const sae_points *points, const sae_axis *x, const sae_axis *y)
{
    int64_t count = 0;
    for (int64_t i = 0; i < points->count; i++)
        count += known(points, i) && !(within(x, points->x[i]) && within(y, points->y[i]));
    return count;
}

int sae_points_key(const sae_points *points, const char *noun, sae_chart_entry *entry)
{
    if (sae_points_known(points) <= SAE_POINTS_MARKS) return 0;
    *entry = (sae_chart_entry){SAE_SWATCH_BOX, points->style, NULL, 0.7, noun};
    return 1;
}

static double clamped(const sae_axis *axis, double value)
{
    return fmin(fmax(value, axis->low), axis->high);
}

static double place_x(const sae_chart *chart, const sae_points *p, int64_t i)
{
    return sae_chart_x(chart, clamped(&chart->x, p->x[i]));
}

static double place_y(const sae_chart *chart, const sae_points *p, int64_t i)
{
    return sae_chart_y(chart, clamped(&chart->y, p->y[i]));
}

/* ---- marks --------------------------------------------------------------------------------------------- */

static void draw_marks(const sae_chart *chart, const sae_points *p)
{
    bool titles = chart->form != SAE_CHART_NARROW; /* a finger points at nothing */
    fprintf(chart->out, "<g class=\"%s\" fill=\"currentColor\" fill-opacity=\"0.55\">\n", p->style);
    for (int64_t i = 0; i < p->count; i++) {
        if (!known(p, i)) continue;
        fprintf(chart->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"", place_x(chart, p, i), place_y(chart, p, i),
                titles ? "2.8" : "2.2");
        if (titles)
            fprintf(chart->out, "><title>latent %lld: %s %s, %s %s</title></circle>\n", (long long)i, p->x_noun,
                    sae_fixed_words(p->x[i], 3).text, p->y_noun, sae_real_words(p->y[i], 3).text);
        else
            fputs("/>\n", chart->out);
    }
    fputs("</g>\n", chart->out);
}

/* ---- hexagons ------------------------------------------------------------------------------------------ */

/* Hexagons with a corner up, in rows that every second time are moved by half a hexagon. Column and row 0 are beyond
 * the axes, where points of their border may fall. */
typedef struct grid {
    double radius, across, down; /* of a hexagon; from one to the next */
    int64_t counts[ROWS][COLUMNS], most;
} grid;

static int limited(double value, int end)
{
    return value < 0 ? 0 : value >= end ? end - 1 : (int)value;
}

/* The hexagon whose middle is nearest to (x, y), from the corner of the axes. */
static int64_t *cell_at(grid *g, double x, double y)
{
    double v = y / g->down, row = round(v), odd = fabs(fmod(row, 2)) / 2;
    double u = x / g->across - odd, column = round(u);
    if (fabs(v - row) * 3 > 1) { /* near an edge of the row: the next row may be nearer */
        double other_row = row + (v < row ? -1 : 1), other_odd = odd > 0 ? 0 : 0.5;
        double other_u = x / g->across - other_odd, other_column = round(other_u);
        double here = pow((u - column) * g->across, 2) + pow((v - row) * g->down, 2);
        double there = pow((other_u - other_column) * g->across, 2) + pow((v - other_row) * g->down, 2);
        if (there < here) {
            row = other_row;
            column = other_column;
        }
    }
    return &g->counts[limited(row + 1, ROWS)][limited(column + 1, COLUMNS)];
}

static void count_points(grid *g, const sae_chart *chart, const sae_points *p)
{
    for (int64_t i = 0; i < p->count; i++) {
        if (!known(p, i)) continue;
        int64_t *cell = cell_at(g, place_x(chart, p, i) - chart->left, place_y(chart, p, i) - chart->top);
        if (++*cell > g->most) g->most = *cell;
    }
}

/* 0 … SHADES − 1, by the logarithm of the count. */
static int shade_of(const grid *g, int64_t count)
{
    return g->most < 2 ? SHADES - 1 : (int)(log((double)count) / log((double)g->most) * (SHADES - 1) + 0.5);
}

static void draw_hexagon(const grid *g, const sae_chart *chart, int row, int column)
{
    double r = g->radius * 0.96, half = r * SIN60;
    double x = chart->left + (column - 1 + ((row - 1) % 2 ? 0.5 : 0)) * g->across;
    double y = chart->top + (row - 1) * g->down;
    fprintf(chart->out, "M%.1f %.1fl%.2f %.2fv%.2fl%.2f %.2fl%.2f %.2fv%.2fz", x, y - r, half, r / 2, r, -half, r / 2,
            -half, -r / 2, -r);
}

static void draw_shade(const grid *g, const sae_chart *chart, int shade)
{
    bool titles = chart->form != SAE_CHART_NARROW;
    fprintf(chart->out, "<g fill-opacity=\"%.2f\">", 0.16 + 0.84 * shade / (SHADES - 1));
    if (!titles) fputs("<path d=\"", chart->out);
    for (int row = 0; row < ROWS; row++)
        for (int column = 0; column < COLUMNS; column++) {
            int64_t count = g->counts[row][column];
            if (count == 0 || shade_of(g, count) != shade) continue;
            if (titles) fputs("<path d=\"", chart->out);
            draw_hexagon(g, chart, row, column);
            if (titles) fprintf(chart->out, "\"><title>%s latents</title></path>\n", sae_count_words(count).text);
        }
    fputs(titles ? "</g>\n" : "\"/></g>\n", chart->out);
}

static void draw_hexagons(const sae_chart *chart, const sae_points *p)
{
    grid g = {.radius = chart->form == SAE_CHART_NARROW ? RADIUS_NARROW : RADIUS};
    g.across = 2 * SIN60 * g.radius;
    g.down = 1.5 * g.radius;
    count_points(&g, chart, p);
    fprintf(chart->out, "<g class=\"%s\" fill=\"currentColor\">\n", p->style);
    for (int shade = 0; shade < SHADES; shade++) draw_shade(&g, chart, shade);
    fputs("</g>\n", chart->out);
}

void sae_points_draw(const sae_chart *chart, const sae_points *points)
{
    if (sae_points_known(points) <= SAE_POINTS_MARKS)
        draw_marks(chart, points);
    else
        draw_hexagons(chart, points);
}
