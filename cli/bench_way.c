#include "cli/bench_way.h"

#include "cli/table.h"

#include <math.h>

enum { STAGES = 5 };

typedef struct stage {
    const char *name, *words;
    double seconds;
} stage;

static void list_stages(const sae_bench_way *r, stage stages[STAGES])
{
    const stage all[STAGES] = {{"tokenise", "tokenising", r->tokenise},
                               {"model", "the language model", r->model},
                               {"write", "writing activations", r->write},
                               {"read", "waiting for shuffled activations", r->waiting},
                               {"train", "training the SAE itself", r->train}};
    for (int i = 0; i < STAGES; i++) stages[i] = all[i];
}

static const stage *slowest(const stage stages[STAGES])
{
    const stage *most = &stages[0];
    for (int i = 1; i < STAGES; i++)
        if (stages[i].seconds > most->seconds) most = &stages[i];
    return most;
}

sae_status cli_bench_way_run(cli_bench_way *way, const cli_lm *lm, const sae_text_config *text, cli_app *app,
                             sae_error *err)
{
    way->config.lm = lm->lm;
    way->config.tokenizer = lm->tokenizer;
    way->config.text = text;
    way->config.hook = (sae_hook){.layer = (int)(sae_lm_get_info(lm->lm).layers / 2), .site = SAE_HOOK_RESID_PRE};
    return sae_bench_whole_way(&way->config, &way->result, &app->env, err);
}

void cli_bench_way_json(cli_json *json, const cli_bench_way *way)
{
    const sae_bench_way *r = &way->result;
    stage stages[STAGES];
    char hook[96];
    list_stages(r, stages);
    sae_hook_name(way->config.hook, hook, sizeof hook);
    cli_json_object(json, "end_to_end");
    cli_json_text(json, "hook_name", hook);
    cli_json_text(json, "precision", sae_precision_name(sae_lm_get_info(way->config.lm).precision));
    cli_json_int(json, "n", way->config.width);
    cli_json_int(json, "k", way->config.k);
    cli_json_int(json, "B", way->config.batch);
    cli_json_int(json, "tokens", r->tokens);
    cli_json_int(json, "trained", r->trained);
    cli_json_int(json, "text_bytes", r->text_bytes);
    cli_json_real(json, "tokenizer_bytes_per_core_s", r->bytes_per_core_s);
    cli_json_bool(json, "cold", r->cold);
    cli_json_array(json, "stages");
    for (int i = 0; i < STAGES; i++) {
        cli_json_object(json, NULL);
        cli_json_text(json, "stage", stages[i].name);
        cli_json_real(json, "seconds", stages[i].seconds);
        cli_json_real(json, "tokens_per_s", (double)r->tokens / stages[i].seconds);
        cli_json_end(json);
    }
    cli_json_end(json);
    cli_json_object(json, "files");
    cli_json_real(json, "seconds", r->files);
    cli_json_real(json, "tokens_per_s", (double)r->tokens / r->files);
    cli_json_end(json);
    cli_json_object(json, "streamed");
    cli_json_real(json, "seconds", r->streamed);
    cli_json_real(json, "model_seconds", r->streamed_model);
    cli_json_real(json, "tokens_per_s", (double)r->tokens / r->streamed);
    cli_json_end(json);
    cli_json_object(json, "reading_alone");
    cli_json_real(json, "seconds", r->read);
    cli_json_real(json, "tokens_per_s", (double)r->trained / r->read);
    cli_json_end(json);
    cli_json_text(json, "limit", slowest(stages)->name);
    cli_json_end(json);
}

void cli_bench_way_print(FILE *out, const cli_bench_way *way)
{
    static const char *const names[] = {"stage", "seconds", "tokens/s", "share"};
    const sae_bench_way *r = &way->result;
    stage stages[STAGES];
    char tokens[48], speed[48], reading[48], hook[96];
    cli_table table;
    list_stages(r, stages);
    sae_hook_name(way->config.hook, hook, sizeof hook);
    cli_format_count(tokens, sizeof tokens, r->tokens);
    fprintf(out, "From text to an SAE: %s tokens, %s in %s, %lld latents, k = %lld, batches of %lld\n\n", tokens, hook,
            sae_precision_name(sae_lm_get_info(way->config.lm).precision), (long long)way->config.width,
            (long long)way->config.k, (long long)way->config.batch);
    cli_table_start(&table, names, CLI_COUNT(names));
    for (int i = 0; i < STAGES; i++) {
        cli_table_text(&table, stages[i].words);
        cli_table_number(&table, stages[i].seconds, 3);
        cli_table_count(&table, (int64_t)((double)r->tokens / stages[i].seconds));
        cli_table_percent(&table, stages[i].seconds / r->files);
    }
    cli_table_text(&table, "together, through files");
    cli_table_number(&table, r->files, 3);
    cli_table_count(&table, (int64_t)((double)r->tokens / r->files));
    cli_table_percent(&table, 1);
    cli_table_text(&table, "together, from the running model");
    cli_table_number(&table, r->streamed, 3);
    cli_table_count(&table, (int64_t)((double)r->tokens / r->streamed));
    cli_table_text(&table, "");
    cli_table_print(&table, out);

    const stage *most = slowest(stages);
    cli_format_count(speed, sizeof speed, (int64_t)((double)r->trained / r->read));
    cli_format_count(reading, sizeof reading, (int64_t)((double)r->trained / r->train));
    fprintf(out,
            "\n  What limits it: %s (%.0f%% of the time).\n"
            "  Tokenising, writing and reading together: %.1f%%.\n"
            "  The tokenizer reads %.1f MB of text a second on one core.\n"
            "  Shuffled reading by itself gives %s tokens/s%s; training takes %s.\n",
            most->words, 100 * most->seconds / r->files, 100 * (r->tokenise + r->write + r->waiting) / r->files,
            r->bytes_per_core_s / 1e6, speed,
            r->cold ? ", from shards that were not in memory" : " (the shards stayed in memory: a file system there)",
            reading);
}
