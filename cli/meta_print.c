#include "cli/meta_print.h"

#include "cli/cli.h"
#include "cli/table.h"

#include <math.h>
#include <stdlib.h>

enum { SHOWN_META_LATENTS = 8, SHOWN_LATENTS = 6 };

/* ---- how much is explained ------------------------------------------------------------------------------- */

static void print_fits(const sae_meta *m, FILE *out)
{
    static const char *const names[] = {"dictionary", "atoms", "L0", "explained", "uncentred"};
    const struct {
        const char *name;
        int64_t atoms;
        const sae_meta_fit *fit;
    } lines[] = {
        {"meta-SAE, BatchTopK", m->width, &m->batchtopk},
        {"meta-SAE, threshold", m->width, &m->threshold},
        {"principal components", m->k < m->d ? m->k : m->d, &m->pca},
        {"random decoder rows", m->width, &m->random_rows},
        {"random directions", m->width, &m->random_directions},
    };
    cli_table table;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (size_t i = 0; i < CLI_COUNT(lines); i++) {
        cli_table_text(&table, lines[i].name);
        cli_table_count(&table, lines[i].atoms);
        cli_table_number(&table, lines[i].fit->l0, 4);
        cli_table_percent(&table, lines[i].fit->explained_variance);
        cli_table_percent(&table, lines[i].fit->explained_variance_uncentred);
    }
    cli_table_print(&table, out);
    fprintf(out,
            "\n  explained  share of the rows' variance about their mean\n"
            "  uncentred  share of their squared length\n"
            "  BatchTopK  the %lld largest pre-activations of all rows\n"
            "  threshold  those above %.4g: the form that is saved\n"
            "  random     by orthogonal matching pursuit; a row is never its own atom\n",
            (long long)(m->k * m->rows), m->theta);
}

static void print_finding(const sae_meta *m, FILE *out)
{
    const struct {
        const char *name;
        double explained;
    } others[] = {{"principal components", m->pca.explained_variance},
                  {"random decoder rows", m->random_rows.explained_variance},
                  {"random directions", m->random_directions.explained_variance}};
    size_t best = 0;
    for (size_t i = 1; i < CLI_COUNT(others); i++)
        if (others[i].explained > others[best].explained) best = i;
    double own = m->batchtopk.explained_variance;
    fprintf(out, "\n  %lld meta-latents for each row explain %.1f%% of the rows' variance", (long long)m->k, 100 * own);
    if (own > others[best].explained)
        fprintf(out, ";\n  the best of the baselines, %s, %.1f%%.\n", others[best].name, 100 * others[best].explained);
    else
        fprintf(out, ",\n  no more than %s (%.1f%%): train longer (--epochs) or wider (--width).\n", others[best].name,
                100 * others[best].explained);
}

/* ---- parts -------------------------------------------------------------------------------------------------- */

typedef struct use {
    int64_t id, count;
} use;

static int by_count(const void *a_, const void *b_)
{
    const use *a = a_, *b = b_;
    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static void print_largest(const sae_meta *m, FILE *out)
{
    static const char *const names[] = {"meta-latent", "latents", "with the largest activations"};
    use *uses = malloc((size_t)m->width * sizeof *uses);
    cli_table table;
    if (!uses) return;
    for (int64_t i = 0; i < m->width; i++) uses[i] = (use){i, m->meta_offsets[i + 1] - m->meta_offsets[i]};
    qsort(uses, (size_t)m->width, sizeof *uses, by_count);
    cli_table_start(&table, names, CLI_COUNT(names));
    for (int64_t u = 0; u < m->width && u < SHOWN_META_LATENTS && uses[u].count > 0; u++) {
        char id[32], list[256];
        int used = 0;
        const sae_meta_part *parts = m->meta_parts + m->meta_offsets[uses[u].id];
        for (int64_t p = 0; p < uses[u].count && p < SHOWN_LATENTS; p++)
            used += snprintf(list + used, sizeof list - (size_t)used, "%s%d", p ? " " : "", parts[p].id);
        snprintf(id, sizeof id, "%lld", (long long)uses[u].id);
        cli_table_text(&table, id);
        cli_table_count(&table, uses[u].count);
        cli_table_text(&table, list);
    }
    fputs("\nMeta-latents that most latents have\n\n", out);
    cli_table_print(&table, out);
    free(uses);
}

static void print_parts(const sae_meta *m, FILE *out)
{
    cli_facts facts = {.out = out, .name_width = 31, .value_width = 7};
    fputs("\nDecompositions, by the threshold\n\n", out);
    cli_fact_count(&facts, "latents taken apart", m->rows, "");
    cli_fact_count(&facts, "  without a meta-latent", m->alone, "none is above the threshold");
    cli_fact_count(&facts, "meta-latents that no latent has", m->unused, "");
    print_largest(m, out);
}

/* ---- beside a smaller SAE ------------------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(const double *values, int64_t n)
{
    double *sorted = malloc((size_t)n * sizeof *sorted), value = NAN;
    if (!sorted) return value;
    for (int64_t i = 0; i < n; i++) sorted[i] = values[i];
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    value = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    free(sorted);
    return value;
}

static double share_above(const double *values, int64_t n, double threshold)
{
    int64_t above = 0;
    for (int64_t i = 0; i < n; i++) above += values[i] > threshold;
    return (double)above / (double)n;
}

static void print_against(const sae_meta *m, FILE *out)
{
    cli_facts facts = {.out = out, .name_width = 31, .value_width = 7};
    fprintf(out, "\nMeta-latents beside the %lld latents of the smaller SAE\n\n", (long long)m->n_against);
    cli_fact_number(&facts, "median of the maximum cosine", median(m->max_cos, m->width), 3, "");
    cli_fact_number(&facts, "  of random directions", median(m->random_max_cos, m->width), 3, "chance");
    cli_fact_percent(&facts, "maximum cosine above 0.7", share_above(m->max_cos, m->width, 0.7),
                     "the smaller SAE has these as latents");
}

void cli_meta_print(const sae_meta *m, FILE *out)
{
    print_fits(m, out);
    print_finding(m, out);
    print_parts(m, out);
    if (m->max_cos) print_against(m, out);
}
