#include "cli/bench_targets.h"

#include <string.h>

void cli_bench_targets(const sae_bench_step *narrow, const sae_bench_step *wide, const sae_bench_fixed *small,
                       const char *screen, cli_bench_target out[CLI_BENCH_TARGETS])
{
    const bool amx = strstr(screen, "amx") != NULL, known = narrow->peak_bytes >= 0;
    const cli_bench_target targets[CLI_BENCH_TARGETS] = {
        {"step / SGEMM, with AMX", narrow->ratio, 0.55, false, amx ? NULL : "no AMX"},
        {"step / SGEMM, without AMX", narrow->ratio, 1.25, false, amx ? "AMX is here" : NULL},
        {"update, share of the triad", narrow->update_share, 0.7, true, NULL},
        {"memory / what it may take", (double)narrow->peak_bytes / narrow->memory_limit, 1, false,
         known ? NULL : "unknown here"},
        {"a latent of 98,304 / of 12,288", wide ? wide->total / narrow->total / 8 : 0, 1.1, false,
         wide ? NULL : "not measured"},
        {"fixed cost, 512 latents, in µs", 1e6 * small->cost, 100, false, small->n > 0 ? NULL : "not measured"},
    };
    memcpy(out, targets, sizeof targets);
}

static const char *verdict(const cli_bench_target *t)
{
    if (t->skipped) return "skipped";
    return (t->at_least ? t->value >= t->limit : t->value <= t->limit) ? "met" : "missed";
}

void cli_bench_targets_json(cli_json *json, const cli_bench_target *targets)
{
    cli_json_array(json, "targets");
    for (int i = 0; i < CLI_BENCH_TARGETS; i++) {
        const cli_bench_target *t = &targets[i];
        cli_json_object(json, NULL);
        cli_json_text(json, "name", t->name);
        cli_json_real(json, "limit", t->limit);
        if (t->skipped)
            cli_json_null(json, "value");
        else
            cli_json_real(json, "value", t->value);
        cli_json_text(json, "verdict", verdict(t));
        cli_json_end(json);
    }
    cli_json_end(json);
}

void cli_bench_targets_print(FILE *out, const cli_bench_target *targets)
{
    fprintf(out, "\nTargets (2 cores, BatchTopK; d = 768, 12,288 latents where nothing else is said):\n");
    for (int i = 0; i < CLI_BENCH_TARGETS; i++) {
        const cli_bench_target *t = &targets[i];
        if (t->skipped)
            fprintf(out, "  %-32s skipped: %s\n", t->name, t->skipped);
        else
            fprintf(out, "  %-32s %.2f (%s %.2f): %s\n", t->name, t->value, t->at_least ? "at least" : "at most",
                    t->limit, verdict(t));
    }
}
