/* The histograms of maximum cosines as text for a terminal. */
#include <sae/compare.h>

#include "report/draft.h"

enum {
    STEP = 2, /* bins of 0.02 per line */
    LINES = SAE_COS_BINS / STEP,
    LABEL = 14, /* columns of "  0.96 … 1.00 " */
    COUNT = 9,  /* columns behind a bar: a space and the number */
    MIN_COLUMNS = 60
};

static int64_t line_count(const int64_t *bins, int line)
{
    int64_t count = 0;
    for (int b = 0; b < STEP; b++) count += bins[line * STEP + b];
    return count;
}

static int64_t largest(const int64_t *bins)
{
    int64_t most = 0;
    for (int l = 0; l < LINES; l++) most = line_count(bins, l) > most ? line_count(bins, l) : most;
    return most;
}

/* The lowest line with something in it. */
static int lowest(const sae_comparison *c)
{
    for (int l = 0; l < LINES; l++)
        if (line_count(c->hist_large_in_small, l) || line_count(c->hist_small_in_large, l)) return l;
    return LINES - 1;
}

/* A bar of at most `width` columns, to an eighth of a column, and the count. What is there is seen: a count above 0
 * has at least the thinnest bar. Returns the columns used. */
static int draw_bar(FILE *out, int64_t count, int64_t most, int width)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    if (count == 0) return 0;
    int units = (int)((double)count / (double)most * width * 8 + 0.5);
    if (units == 0) units = 1;
    for (int i = 0; i < units / 8; i++) fputs("█", out);
    fputs(eighths[units % 8], out);
    return (units + 7) / 8 + fprintf(out, " %lld", (long long)count);
}

static void draw_lines(FILE *out, const sae_comparison *c, int width)
{
    int64_t most_large = largest(c->hist_large_in_small), most_small = largest(c->hist_small_in_large);
    for (int l = LINES - 1; l >= lowest(c); l--) {
        double lower = -1 + l * (2.0 / LINES), upper = -1 + (l + 1) * (2.0 / LINES);
        int64_t left = line_count(c->hist_large_in_small, l), right = line_count(c->hist_small_in_large, l);
        fprintf(out, "%5.2f … %5.2f%s", lower, upper, left || right ? " " : "");
        int used = draw_bar(out, left, most_large, width);
        if (right) fprintf(out, "%*s", width + COUNT - used, "");
        draw_bar(out, right, most_small, width);
        fputc('\n', out);
    }
}

static void summary(char *out, size_t size, int64_t below, int64_t n)
{
    snprintf(out, size, "%lld of %lld (%.1f %%)", (long long)below, (long long)n, 100.0 * (double)below / (double)n);
}

sae_status sae_comparison_draw(const sae_comparison *c, int columns, char **text, sae_error *err)
{
    char large[64], small[64];
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a histogram", err);
    if (status != SAE_OK) return status;
    if (columns < MIN_COLUMNS) columns = MIN_COLUMNS;
    int width = (columns - LABEL - 2 * COUNT) / 2, side = width + COUNT;
    FILE *out = draft.stream;
    fprintf(out, "%*s%-*s%s\n", LABEL, "max cosine  ", side, "large in small", "small in large");
    draw_lines(out, c, width);
    summary(large, sizeof large, c->novel, c->n_large);
    summary(small, sizeof small, c->small_below, c->n_small);
    fprintf(out, "  below %5.2f  %-*s%s\n", c->threshold, side, large, small);
    return sae_draft_take(&draft, text, err);
}
