#include "cli/stitch_print.h"

#include "cli/cli.h"
#include "cli/table.h"

#include <math.h>

/* A path is called smooth while the MSE stays this close to where it began. */
#define SMOOTH 1.01
/* By how much another threshold's sensitivity + specificity must be larger to be worth a word. */
#define CLEARLY 0.01
/* Lines of the table of cross-entropies; all are in path.csv. */
enum { SHOWN_POINTS = 16 };

static cli_facts facts_on(FILE *out)
{
    return (cli_facts){.out = out, .name_width = 34, .value_width = 7};
}

static void print_saes(const sae_stitch *s, FILE *out)
{
    static const char *const names[] = {"SAE", "latents", "L0", "MSE", "FVU"};
    const sae_stitch_quality *quality[2] = {&s->base, &s->large};
    const int64_t latents[2] = {s->n_small, s->n_large};
    cli_table table;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (int side = 0; side < 2; side++) {
        cli_table_text(&table, side ? "large" : "small");
        cli_table_count(&table, latents[side]);
        cli_table_number(&table, quality[side]->l0, 4);
        cli_table_number(&table, quality[side]->mse, 4);
        cli_table_number(&table, quality[side]->fvu, 4);
    }
    cli_table_print(&table, out);
    if (!isnan(s->theta_small) || !isnan(s->theta_large))
        fputs("\n  TopK is used through the threshold at which its mean L0 on these tokens is k.\n", out);
}

/* ---- insertions ---------------------------------------------------------------------------------------- */

typedef struct counts {
    int64_t below, below_improving, above, above_improving;
} counts;

static counts count_latents(const sae_stitch *s)
{
    counts c = {0};
    for (int64_t i = 0; i < s->n_large; i++) {
        if (isnan(s->delta_mse[i])) continue;
        bool improves = s->delta_mse[i] < 0;
        if (s->max_cos[i] < s->threshold) {
            c.below++;
            c.below_improving += improves;
        } else {
            c.above++;
            c.above_improving += improves;
        }
    }
    return c;
}

static void print_deltas(const sae_stitch *s, FILE *out)
{
    char text[160];
    cli_facts facts = facts_on(out);
    counts c = count_latents(s);
    fputs("\nInserting one latent of the large SAE into the small one\n\n", out);
    cli_fact_count(&facts, "latents that improve it", s->improving, "its MSE falls");
    cli_fact_count(&facts, "latents that worsen it", s->worsening, "");
    cli_fact_count(&facts, "latents that never fired", s->n_large - s->improving - s->worsening, "not known");
    cli_fact_number(&facts, "AUC of the maximum cosine", s->auc, 3, "1: a low cosine always improves");
    snprintf(text, sizeof text, "accuracy at threshold %.3g", s->threshold);
    cli_fact_percent(&facts, text, s->accuracy, "below it improve, others worsen");
    cli_fact_number(&facts, "best threshold", s->best_threshold, 3, "");
    fputc('\n', out);
    if (!isnan(s->best_threshold))
        cli_paragraph(out,
                      "The best threshold finds %.1f%% of the latents that improve and %.1f%% of those that worsen.",
                      100 * s->best.sensitivity, 100 * s->best.specificity);
    cli_paragraph(out,
                  "Of the %lld latents below %.3g that fired, %lld improve the small SAE; of the other %lld, %lld do.",
                  (long long)c.below, s->threshold, (long long)c.below_improving, (long long)c.above,
                  (long long)c.above_improving);
    double found = (double)c.below_improving / (double)s->improving +
                   (double)(c.above - c.above_improving) / (double)s->worsening; /* NaN when there is one sign only */
    if (s->best.sensitivity + s->best.specificity > found + CLEARLY)
        cli_paragraph(
            out, "For these SAEs %.3g is not the threshold that tells them apart best: %.3g is (--threshold auto).",
            s->threshold, s->best_threshold);
}

/* ---- the graph -------------------------------------------------------------------------------------------- */

static void print_graph(const sae_stitch *s, FILE *out)
{
    int64_t one_to_one = 0, one_to_many = 0, many_to_one = 0, many = 0, largest = 0, improving = 0;
    for (int64_t i = 0; i < s->n_swap; i++) {
        const sae_stitch_component *c = &s->components[i];
        if (c->n_small == 1)
            *(c->n_large == 1 ? &one_to_one : &one_to_many) += 1;
        else
            *(c->n_large == 1 ? &many_to_one : &many) += 1;
        if (c->n_small + c->n_large > largest) largest = c->n_small + c->n_large;
        improving += c->delta_mse < 0;
    }
    cli_facts facts = facts_on(out);
    fprintf(out, "\nLatents with a cosine above %.3g hang together and change places\n\n", s->threshold);
    cli_fact_count(&facts, "insertions", s->n_insert, "large latents without counterpart");
    cli_fact_count(&facts, "swaps", s->n_swap, "components with latents of both");
    cli_fact_count(&facts, "  one to one", one_to_one, "");
    cli_fact_count(&facts, "  one small to several large", one_to_many, "");
    cli_fact_count(&facts, "  several small to one large", many_to_one, "");
    cli_fact_count(&facts, "  several to several", many, "");
    cli_fact_count(&facts, "  latents in the largest", largest, "");
    cli_fact_count(&facts, "  swaps that improve the small SAE", improving, "each alone");
    cli_fact_count(&facts, "removals", s->n_remove, "small latents without counterpart");
}

/* ---- paths ------------------------------------------------------------------------------------------------ */

static void print_smoothness(const sae_stitch *s, FILE *out)
{
    const sae_stitch_path *p = &s->paths[s->order];
    const char *name = sae_stitch_order_name((sae_stitch_order)s->order);
    double start = fmax(s->base.mse, s->large.mse);
    int best = s->order;
    for (int o = 0; o < SAE_STITCH_RANDOM; o++)
        if (s->paths[o].highest_mse < s->paths[best].highest_mse) best = o;
    fputc('\n', out);
    if (p->highest_mse <= start * SMOOTH)
        cli_paragraph(out,
                      "In %s order the way from the small SAE to the large one is smooth: the MSE never exceeds %.4g.",
                      name, p->highest_mse);
    else
        cli_paragraph(out, "In %s order the way is not smooth: the MSE rises from %.4g to %.4g before it ends at %.4g.",
                      name, s->base.mse, p->highest_mse, s->large.mse);
    if (best != s->order)
        fprintf(out, "  The order that rises least is %s: %.4g at most.\n",
                sae_stitch_order_name((sae_stitch_order)best), s->paths[best].highest_mse);
}

static void print_paths(const sae_stitch *s, FILE *out)
{
    static const char *const names[] = {"order", "MSE at the start", "half way", "end", "highest", "rises"};
    cli_table table;
    fprintf(out, "\nFrom the small SAE to the large one in %lld operations\n\n", (long long)s->operations);
    cli_table_start(&table, names, CLI_COUNT(names));
    for (int o = 0; o < SAE_STITCH_ORDERS; o++) {
        const sae_stitch_path *p = &s->paths[o];
        cli_table_text(&table, sae_stitch_order_name((sae_stitch_order)o));
        cli_table_number(&table, p->entries[0].quality.mse, 4);
        cli_table_number(&table, p->entries[p->n_entries / 2].quality.mse, 4);
        cli_table_number(&table, p->entries[p->n_entries - 1].quality.mse, 4);
        cli_table_number(&table, p->highest_mse, 4);
        cli_table_count(&table, p->rises);
    }
    cli_table_print(&table, out);
    fputs("\n  highest  largest MSE of all states\n  rises    operations that raise it\n  random   the baseline\n",
          out);
    print_smoothness(s, out);
    if (s->end_error == 0)
        fputs("  The SAE at the end reconstructs exactly as the large one does.\n", out);
    else
        fprintf(out, "  The SAE at the end reconstructs as the large one does, to %.1e of its largest value.\n",
                s->end_error);
}

/* ---- cross-entropy ------------------------------------------------------------------------------------------ */

/* The largest of a path's measured states. */
static double highest_ce(const sae_stitch_path *p)
{
    double highest = -INFINITY;
    for (int64_t i = 0; i < p->n_entries; i++)
        if (p->entries[i].ce > highest) highest = p->entries[i].ce;
    return highest;
}

/* The next measured entry from `i` on. */
static int64_t next_ce(const sae_stitch_path *p, int64_t i)
{
    while (i < p->n_entries && isnan(p->entries[i].ce)) i++;
    return i;
}

static void print_ce_words(const sae_stitch *s, FILE *out)
{
    const char *name = sae_stitch_order_name((sae_stitch_order)s->order);
    double own = highest_ce(&s->paths[s->order]), random = highest_ce(&s->paths[SAE_STITCH_RANDOM]);
    double ends = fmax(s->ce.small, s->ce.large);
    fputc('\n', out);
    cli_paragraph(out,
                  "Predicting %lld tokens costs the language model %.4g nats each with its own activations (%.4g with "
                  "zeros), %.4g with the small SAE and %.4g with the large one.",
                  (long long)s->ce.tokens, s->ce.clean, s->ce.zero, s->ce.small, s->ce.large);
    if (own <= ends + (SMOOTH - 1) * (ends - s->ce.clean))
        cli_paragraph(out,
                      "In %s order no state that was measured costs more than its ends; in random order up to %.4g.",
                      name, random);
    else
        cli_paragraph(out, "On the way in %s order it costs up to %.4g; in random order up to %.4g.", name, own,
                      random);
}

static void print_ce(const sae_stitch *s, FILE *out)
{
    static const char *const names[] = {"operations", "inserted", "removed", "MSE", "CE", "random: MSE", "CE"};
    const sae_stitch_path *own = &s->paths[s->order], *random = &s->paths[SAE_STITCH_RANDOM];
    cli_table table;
    fprintf(out, "\nCross-entropy along the way, in %s order and at random\n\n",
            sae_stitch_order_name((sae_stitch_order)s->order));
    cli_table_start(&table, names, CLI_COUNT(names));
    int64_t shown = s->ce.points < SHOWN_POINTS ? s->ce.points : SHOWN_POINTS, line = 0, point = 0;
    for (int64_t i = next_ce(own, 0); i < own->n_entries; i = next_ce(own, i + 1)) { /* the same entries of both */
        char operations[48];
        if (point++ != line * (s->ce.points - 1) / (shown - 1)) continue;
        line++;
        cli_format_count(operations, sizeof operations, own->entries[i].operations);
        cli_table_text(&table, operations);
        cli_table_count(&table, own->entries[i].inserted);
        cli_table_count(&table, own->entries[i].removed);
        cli_table_number(&table, own->entries[i].quality.mse, 4);
        cli_table_number(&table, own->entries[i].ce, 4);
        cli_table_number(&table, random->entries[i].quality.mse, 4);
        cli_table_number(&table, random->entries[i].ce, 4);
    }
    cli_table_print(&table, out);
    print_ce_words(s, out);
}

void cli_stitch_print(const sae_stitch *s, FILE *out)
{
    print_saes(s, out);
    print_deltas(s, out);
    print_graph(s, out);
    print_paths(s, out);
    if (s->ce.tokens) print_ce(s, out);
}
