/* sae inspect: what a path holds. */
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/table.h"

#include <sae/lm.h>
#include <sae/model.h>
#include <sae/store.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One result, written either way: as JSON or as lines for a person. */
typedef struct report {
    cli_json json;
    FILE *out; /* NULL: JSON */
    cli_facts facts;
} report;

static void say_text(report *r, const char *key, const char *value)
{
    if (!r->out)
        cli_json_known(&r->json, key, value);
    else
        cli_fact(&r->facts, key, *value ? value : "unknown", "");
}

static void say_count(report *r, const char *key, int64_t value)
{
    if (!r->out)
        cli_json_int(&r->json, key, value);
    else
        cli_fact_count(&r->facts, key, value, "");
}

static void say_number(report *r, const char *key, double value)
{
    if (!r->out)
        cli_json_real(&r->json, key, value);
    else
        cli_fact_number(&r->facts, key, value, 6, "");
}

/* `known` false prints null: the file does not say. */
static void say_bool(report *r, const char *key, bool value, bool known)
{
    if (r->out)
        cli_fact(&r->facts, key, known ? (value ? "yes" : "no") : "unknown", "");
    else if (known)
        cli_json_bool(&r->json, key, value);
    else
        cli_json_null(&r->json, key);
}

static void say_optional(report *r, const char *key, int64_t value)
{
    if (value > 0)
        say_count(r, key, value);
    else if (r->out)
        cli_fact(&r->facts, key, "unknown", "");
    else
        cli_json_null(&r->json, key);
}

static void begin(report *r, cli_app *app, const char *kind, const char *title, const char *path)
{
    *r = (report){.out = app->common.json ? NULL : app->out,
                  .facts = {.out = app->out, .name_width = 18, .value_width = 0}};
    if (r->out) {
        fprintf(r->out, "%s: %s\n\n", path, title);
        return;
    }
    cli_json_start(&r->json, app->out);
    cli_json_text(&r->json, "kind", kind);
    cli_json_text(&r->json, "path", path);
}

static void finish(report *r)
{
    if (!r->out) cli_json_finish(&r->json);
}

static void say_tensor(report *r, const sae_tensor *tensor)
{
    const char *dtype = sae_dtype_name(tensor->dtype);
    if (!r->out) {
        cli_json_object(&r->json, NULL);
        cli_json_text(&r->json, "name", tensor->name);
        cli_json_text(&r->json, "dtype", dtype);
        cli_json_ints(&r->json, "shape", tensor->shape, tensor->rank);
        cli_json_end(&r->json);
        return;
    }
    char shape[SAE_MAX_RANK * 24 + 16];
    size_t used = (size_t)snprintf(shape, sizeof shape, "%-5s [", dtype);
    for (int i = 0; i < tensor->rank && used < sizeof shape; i++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%s%" PRId64, i ? ", " : "", tensor->shape[i]);
    if (used < sizeof shape) snprintf(shape + used, sizeof shape - used, "]");
    cli_fact(&r->facts, tensor->name ? tensor->name : "array", shape, "");
}

static void say_tensors(report *r, const sae_tensor_file *file)
{
    if (!r->out)
        cli_json_array(&r->json, "tensors");
    else
        fputs("\n  tensors\n", r->out);
    for (size_t i = 0; i < sae_tensor_file_count(file); i++) say_tensor(r, sae_tensor_file_at(file, i));
    if (!r->out) cli_json_end(&r->json);
}

static void say_value(report *r, const sae_value *value)
{
    if (r->out) {
        if (value->type == SAE_VALUE_TEXT)
            cli_fact(&r->facts, value->name, value->text, "");
        else if (value->type == SAE_VALUE_BOOL)
            cli_fact(&r->facts, value->name, value->integer ? "true" : "false", "");
        else if (value->type == SAE_VALUE_INT)
            cli_fact_count(&r->facts, value->name, value->integer, "");
        else
            cli_fact_number(&r->facts, value->name, value->real, 9, "");
        return;
    }
    cli_json_object(&r->json, NULL);
    cli_json_text(&r->json, "name", value->name);
    if (value->type == SAE_VALUE_TEXT)
        cli_json_text(&r->json, "value", value->text);
    else if (value->type == SAE_VALUE_BOOL)
        cli_json_bool(&r->json, "value", value->integer != 0);
    else if (value->type == SAE_VALUE_INT)
        cli_json_int(&r->json, "value", value->integer);
    else
        cli_json_real(&r->json, "value", value->real);
    cli_json_end(&r->json);
}

/* Metadata of a safetensors file; texts and numbers of a state dict. */
static void say_values(report *r, const sae_tensor_file *file)
{
    size_t count = sae_tensor_file_values(file);
    if (!r->out)
        cli_json_array(&r->json, "values");
    else if (count)
        fputs("\n  values\n", r->out);
    for (size_t i = 0; i < count; i++) say_value(r, sae_tensor_file_value_at(file, i));
    if (!r->out) cli_json_end(&r->json);
}

static void say_origin(report *r, const sae_acts_meta *meta, bool knows_bos, bool knows_centering)
{
    say_text(r, "model", meta->model);
    say_text(r, "hook_name", meta->hook_name);
    say_optional(r, "ctx", meta->ctx);
    say_bool(r, "prepend_bos", meta->prepend_bos, knows_bos);
    say_bool(r, "center_residual", meta->center_residual, knows_centering);
    say_text(r, "precision", meta->precision);
}

static sae_status say_sae(cli_app *app, const char *path, const sae_model *model, sae_error *err)
{
    sae_tensor_file *file = NULL;
    report r;
    sae_status status = sae_tensor_file_open(&file, sae_model_weights_file(model), err);
    if (status != SAE_OK) return status;
    const sae_model_info *info = sae_model_get_info(model);
    begin(&r, app, "sae", "a sparse autoencoder", path);
    say_text(&r, "format", sae_format_name(sae_model_get_format(model)));
    say_text(&r, "arch", sae_arch_name(info->arch));
    say_text(&r, "rule", info->rule == SAE_RULE_TOPK ? "topk" : "threshold");
    say_count(&r, "d", info->d);
    say_count(&r, "n", info->n);
    say_optional(&r, "k", info->k);
    say_number(&r, "theta", info->has_theta ? info->theta : (double)NAN);
    say_text(&r, "input_norm", info->input_norm == SAE_INPUT_TOKEN ? "token" : "none");
    say_bool(&r, "subtract_b_dec", info->subtract_b_dec, true);
    say_origin(&r, &info->acts, info->knows_bos, info->knows_centering);
    say_tensors(&r, file);
    say_values(&r, file);
    finish(&r);
    sae_tensor_file_close(file);
    return SAE_OK;
}

static sae_status inspect_sae(cli_app *app, const char *path, sae_error *err)
{
    sae_model *model = NULL;
    sae_status status = sae_model_load(&model, path, err);
    if (status == SAE_OK) status = say_sae(app, path, model, err);
    sae_model_free(model);
    return status;
}

static sae_status inspect_acts(cli_app *app, const char *path, sae_error *err)
{
    sae_acts *acts = NULL;
    report r;
    sae_status status = sae_acts_open(&acts, path, err);
    if (status != SAE_OK) return status;
    const sae_acts_meta *meta = sae_acts_get_meta(acts);
    begin(&r, app, "acts", "activations of a language model", path);
    say_count(&r, "tokens", meta->n_tokens);
    say_count(&r, "d", meta->d);
    say_text(&r, "dtype", sae_dtype_name(meta->dtype));
    say_origin(&r, meta, true, true);
    say_count(&r, "shards", (int64_t)sae_acts_shards(acts));
    finish(&r);
    sae_acts_close(acts);
    return SAE_OK;
}

static sae_status inspect_codes(cli_app *app, const char *path, const sae_tensor_file *raw, sae_error *err)
{
    sae_codes_file *file = NULL;
    report r;
    sae_status status = sae_codes_file_open(&file, path, err);
    if (status != SAE_OK) return status;
    int64_t rows = sae_codes_file_rows(file), entries = sae_tensor_elements(sae_tensor_file_find(raw, "latents"));
    begin(&r, app, "codes", "active latents of activations", path);
    say_count(&r, "rows", rows);
    say_count(&r, "n", sae_codes_file_latents(file));
    say_count(&r, "entries", entries);
    say_number(&r, "l0", rows ? (double)entries / (double)rows : (double)NAN);
    say_optional(&r, "d", sae_codes_file_meta(file)->d);
    say_origin(&r, sae_codes_file_meta(file), true, true);
    say_tensors(&r, raw);
    say_values(&r, raw);
    finish(&r);
    sae_codes_file_close(file);
    return SAE_OK;
}

static sae_status inspect_model(cli_app *app, const char *path, sae_error *err)
{
    sae_lm *lm = NULL;
    sae_tokenizer *tokenizer = NULL;
    report r;
    sae_status status = sae_lm_open(&lm, path, &app->env, err);
    if (status != SAE_OK) return status;
    sae_lm_info info = sae_lm_get_info(lm);
    sae_error no_tokenizer;
    (void)sae_tokenizer_open(&tokenizer, path, &no_tokenizer);
    begin(&r, app, "model", "a GPT-2 language model", path);
    say_text(&r, "name", info.name);
    say_count(&r, "parameters", info.parameters);
    say_count(&r, "layers", info.layers);
    say_count(&r, "d", info.d);
    say_count(&r, "heads", info.heads);
    say_count(&r, "d_mlp", info.d_mlp);
    say_count(&r, "positions", info.positions);
    say_count(&r, "vocab", info.vocab);
    say_bool(&r, "tokenizer", tokenizer != NULL, true);
    if (r.out)
        fprintf(r.out,
                "\n  hooks, for L from 0 to %lld: blocks.L.hook_resid_pre, hook_resid_mid, hook_resid_post,\n"
                "  hook_attn_out, hook_mlp_out, attn.hook_z, mlp.hook_post\n",
                (long long)info.layers - 1);
    finish(&r);
    sae_tokenizer_close(tokenizer);
    sae_lm_close(lm);
    return SAE_OK;
}

static bool holds_codes(const sae_tensor_file *file)
{
    return sae_tensor_file_find(file, "row_offsets") && sae_tensor_file_find(file, "latents") &&
           sae_tensor_file_find(file, "values");
}

/* A file of tensors: codes, an SAE that its weights alone describe, or just tensors. */
static sae_status inspect_tensors(cli_app *app, const char *path, sae_error *err)
{
    static const char *const kinds[] = {
        [SAE_FILE_SAFETENSORS] = "safetensors", [SAE_FILE_NPZ] = "npz", [SAE_FILE_TORCH] = "torch"};
    sae_tensor_file *file = NULL;
    sae_model *model = NULL;
    sae_error reason;
    report r;
    sae_status status = sae_tensor_file_open(&file, path, err);
    if (status != SAE_OK) return status;
    sae_file_kind kind = sae_tensor_file_kind(file);
    if (kind == SAE_FILE_SAFETENSORS && holds_codes(file)) {
        status = inspect_codes(app, path, file, err);
    } else if (kind != SAE_FILE_SAFETENSORS && sae_model_load(&model, path, &reason) == SAE_OK) {
        status = say_sae(app, path, model, err);
    } else {
        begin(&r, app, kinds[kind], "tensors", path);
        if (kind != SAE_FILE_SAFETENSORS) say_text(&r, "not_an_sae", reason.message);
        say_tensors(&r, file);
        say_values(&r, file);
        finish(&r);
    }
    sae_model_free(model);
    sae_tensor_file_close(file);
    return status;
}

static sae_status inspect_npy(cli_app *app, const char *path, sae_error *err)
{
    sae_npy *file = NULL;
    report r;
    sae_status status = sae_npy_open(&file, path, err);
    if (status != SAE_OK) return status;
    const sae_tensor *tensor = sae_npy_tensor(file);
    begin(&r, app, "npy", "a NumPy array", path);
    if (r.out) {
        say_tensor(&r, tensor);
    } else {
        cli_json_text(&r.json, "dtype", sae_dtype_name(tensor->dtype));
        cli_json_ints(&r.json, "shape", tensor->shape, tensor->rank);
    }
    finish(&r);
    sae_npy_close(file);
    return SAE_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* A database of sae dash. */
static sae_status inspect_dashboards(cli_app *app, const char *path, sae_error *err)
{
    sae_store *store = NULL;
    report r;
    sae_status status = sae_store_open(&store, path, err);
    if (status != SAE_OK) return status;
    const sae_store_meta *meta = sae_store_get_meta(store);
    begin(&r, app, "dashboards", "dashboards, which sae serve shows", path);
    say_text(&r, "model", meta->model);
    say_text(&r, "hook_name", meta->hook_name);
    say_count(&r, "d", meta->d);
    say_count(&r, "tokens", meta->tokens);
    say_count(&r, "documents", meta->documents);
    say_count(&r, "results", (int64_t)meta->n_results);
    if (r.out)
        fputs("\n  SAEs\n", r.out);
    else
        cli_json_array(&r.json, "saes");
    for (size_t i = 0; i < meta->n_saes; i++) {
        const sae_store_sae *s = sae_store_get_sae(store, (int64_t)i);
        if (r.out) {
            cli_fact_count(&r.facts, s->name, s->n, "latents");
            continue;
        }
        cli_json_object(&r.json, NULL);
        cli_json_text(&r.json, "name", s->name);
        cli_json_text(&r.json, "path", s->path);
        cli_json_int(&r.json, "n", s->n);
        cli_json_end(&r.json);
    }
    if (!r.out) cli_json_end(&r.json);
    finish(&r);
    sae_store_close(store);
    return SAE_OK;
}

/* How every SQLite database begins. */
static bool is_database(const char *path)
{
    static const char magic[] = "SQLite format 3";
    char start[sizeof magic] = "";
    FILE *file = fopen(path, "rbe");
    bool whole = file && fread(start, 1, sizeof start, file) == sizeof start;
    if (file) fclose(file);
    return whole && memcmp(start, magic, sizeof magic) == 0;
}

static sae_status inspect_file(cli_app *app, const char *path, sae_error *err)
{
    if (ends_with(path, ".npy")) return inspect_npy(app, path, err);
    return is_database(path) ? inspect_dashboards(app, path, err) : inspect_tensors(app, path, err);
}

static bool holds(const char *directory, const char *name)
{
    char path[4096];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return stat(path, &info) == 0;
}

static sae_status run(cli_app *app, const void *settings, const char *const *words, sae_error *err)
{
    const char *path = words[0];
    struct stat info;
    (void)settings;
    if (stat(path, &info) != 0) return sae_fail(err, SAE_E_IO, "cannot open %s: no such file or directory", path);
    if (!S_ISDIR(info.st_mode)) return inspect_file(app, path, err);
    if (holds(path, "acts.json")) return inspect_acts(app, path, err);
    if (sae_model_is_at(path)) return inspect_sae(app, path, err);
    if (holds(path, "config.json")) return inspect_model(app, path, err);
    /* of a run: it says where its SAEs are, or that they are not whole */
    if (holds(path, "run.json") || holds(path, "metrics.jsonl")) return inspect_sae(app, path, err);
    return sae_fail(
        err, SAE_E_FORMAT,
        "%s holds none of acts.json (activations), the files of an SAE (cfg.json, ae.pt, sae.pt, params.npz) and "
        "config.json (a language model)",
        path);
}

static const char *const usage[] = {"PATH", NULL};
static const cli_note arguments[] = {
    {"PATH",
     "an SAE of any tool, activations, codes, a language model, dashboards, a .safetensors, .npz, .pt or .npy file"}};
static const cli_note json_keys[] = {
    {"kind, path", "sae, acts, codes, model, dashboards, safetensors, npz, torch or npy, and the path"},
    {"sae", "format (saelens, sparsify, dictionary_learning, npz, openai or batchtopk), arch, rule (topk or "
            "threshold), d, n, k, theta, input_norm, subtract_b_dec, and where it comes from"},
    {"acts", "tokens, d, dtype, shards, and where they come from"},
    {"codes", "rows, n, entries, l0, d, and where the activations come from"},
    {"model", "name, parameters, layers, d, heads, d_mlp, positions, vocab, tokenizer (whether there is one)"},
    {"dashboards",
     "model, hook_name, d, tokens, documents, results (comparisons and stitchings), saes (array of {name, "
     "path, n})"},
    {"npy", "dtype, shape"},
    {"where from", "model, hook_name, ctx, prepend_bos, center_residual, precision; null where the file does not say"},
    {"not_an_sae", "of npz and torch: why the tensors cannot be used as an SAE"},
    {"tensors", "of sae, codes, safetensors, npz and torch: array of {name, dtype, shape}"},
    {"values", "of the same: array of {name, value}, metadata of safetensors, texts and numbers of a state dict"},
};

const cli_command cli_inspect = {
    .name = "inspect",
    .summary = "say what a file or directory holds",
    .usage = usage,
    .description = "Reads any file or directory that sae knows, checks it, and prints what it holds.",
    .arguments = arguments,
    .n_arguments = CLI_COUNT(arguments),
    .min_words = 1,
    .max_words = 1,
    .settings_size = 1,
    .json = json_keys,
    .n_json = CLI_COUNT(json_keys),
    .run = run,
};
