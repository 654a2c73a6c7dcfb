/* delphi's latent cache: all activations as coordinates, in files of so many latents. */
#include "base/alloc.h"
#include "base/error.h"
#include "export/file.h"
#include "export/json.h"
#include "io/dtype.h"
#include "model/coder.h"

#include <sae/export.h>

#include <stdio.h>
#include <string.h>

/* One activation: at token `position` of text `context`. */
typedef struct coordinate {
    int32_t context, position, latent;
    float value;
} coordinate;

typedef struct cache {
    coordinate *list; /* in the order of the rows */
    int64_t count, room;
    int64_t contexts, ctx;
    int64_t *tokens;    /* [contexts, ctx] */
    int32_t *positions; /* [rows] */
    int32_t *context;   /* [rows] */
} cache;

static void cache_clear(cache *c)
{
    sae_free(c->list);
    sae_free(c->tokens);
    sae_free(c->positions);
    sae_free(c->context);
}

/* All contexts must be of one length: the tokens are one array. */
static sae_status read_texts(cache *c, const sae_acts *acts, sae_error *err)
{
    int64_t rows = sae_acts_get_meta(acts)->n_tokens;
    if (!sae_acts_has_positions(acts))
        return sae_fail(err, SAE_E_UNSUPPORTED, "%s has no token ids, which delphi needs", sae_acts_path(acts));
    c->positions = sae_alloc((size_t)rows, sizeof *c->positions);
    c->context = sae_alloc((size_t)rows, sizeof *c->context);
    c->tokens = sae_alloc((size_t)rows, sizeof *c->tokens);
    int32_t *ids = sae_alloc((size_t)rows, sizeof *ids);
    if (!c->positions || !c->context || !c->tokens || !ids) {
        sae_free(ids);
        return sae_fail_memory(err, "token ids", (size_t)rows * 20);
    }
    sae_acts_read_ids(acts, 0, rows, ids, c->positions, NULL);
    bool even = rows > 0;
    for (c->ctx = 1; c->ctx < rows && c->positions[c->ctx] == c->ctx; c->ctx++) continue;
    for (int64_t r = 0; r < rows && even; r++) {
        even = c->positions[r] == r % c->ctx && rows % c->ctx == 0;
        c->context[r] = (int32_t)(r / c->ctx);
        c->tokens[r] = ids[r];
    }
    c->contexts = rows / c->ctx;
    sae_free(ids);
    return even ? SAE_OK
                : sae_fail(err, SAE_E_UNSUPPORTED, "the contexts of %s are not all of one length, as delphi's are",
                           sae_acts_path(acts));
}

static sae_status add(cache *c, const sae_codes *codes, const int64_t *ids, sae_error *err)
{
    int64_t entries = codes->row_offsets[codes->rows];
    if (c->count + entries > c->room) {
        int64_t room = 2 * (c->count + entries);
        coordinate *list = sae_realloc(c->list, (size_t)room, sizeof *list);
        if (!list) return sae_fail_memory(err, "activations", (size_t)room * sizeof *list);
        c->list = list;
        c->room = room;
    }
    for (int64_t r = 0; r < codes->rows; r++)
        for (int64_t e = codes->row_offsets[r]; e < codes->row_offsets[r + 1]; e++)
            c->list[c->count++] =
                (coordinate){c->context[ids[r]], c->positions[ids[r]], codes->latents[e], codes->values[e]};
    return SAE_OK;
}

static sae_status encode_all(cache *c, const sae_model *model, sae_source *source, const sae_env *env, sae_error *err)
{
    sae_status status;
    const sae_source_info *info = sae_source_get_info(source);
    int64_t block = sae_coder_rows(model);
    sae_coder *coder = NULL;
    sae_codes *codes = sae_codes_new();
    float *x = sae_alloc((size_t)(block * info->d), sizeof *x);
    int64_t *ids = sae_alloc((size_t)block, sizeof *ids);
    if (!codes || !x || !ids) SAE_TRY(sae_fail_memory(err, "a block of rows", (size_t)(block * info->d) * sizeof *x));
    SAE_TRY(sae_coder_new(&coder, model, block, env, err));
    for (int64_t first = 0; first < info->usable; first += block) {
        int64_t rows = info->usable - first < block ? info->usable - first : block;
        if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped; nothing was written"));
        SAE_TRY(sae_source_usable(source, first, rows, x, ids, err));
        SAE_TRY(sae_coder_encode(coder, x, rows, first, codes, err));
        SAE_TRY(add(c, codes, ids, err));
        sae_report_progress(env, "encoding", "tokens", (double)(first + rows), (double)info->usable, NULL);
    }
done:
    sae_coder_free(coder);
    sae_codes_free(codes);
    sae_free(x);
    sae_free(ids);
    return status;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* locations [nnz, 3] (context, position, latent − first) and activations [nnz], f16, of latents first … last. */
static sae_status write_split(const cache *c, int64_t first, int64_t last, const char *folder, sae_written *written,
                              sae_error *err)
{
    sae_status status;
    char name[64], *path = NULL;
    int64_t count = 0;
    for (int64_t i = 0; i < c->count; i++) count += c->list[i].latent >= first && c->list[i].latent <= last;
    int32_t *locations = sae_alloc((size_t)count * 3, sizeof *locations);
    uint16_t *values = sae_alloc((size_t)count, sizeof *values);
    if (!locations || !values) SAE_TRY(sae_fail_memory(err, "activations", (size_t)count * 14));
    for (int64_t i = 0, at = 0; i < c->count; i++) {
        const coordinate *x = &c->list[i];
        if (x->latent < first || x->latent > last) continue;
        locations[3 * at] = x->context;
        locations[3 * at + 1] = x->position;
        locations[3 * at + 2] = x->latent - (int32_t)first;
        values[at++] = sae_f32_to_f16(x->value);
    }
    sae_tensor tensors[] = {
        {"locations", SAE_DTYPE_I32, 2, {count, 3}, locations, (size_t)count * 12},
        {"activations", SAE_DTYPE_F16, 1, {count}, values, (size_t)count * 2},
        {"tokens", SAE_DTYPE_I64, 2, {c->contexts, c->ctx}, c->tokens, (size_t)(c->contexts * c->ctx) * 8},
    };
    snprintf(name, sizeof name, "%lld_%lld.safetensors", (long long)first, (long long)last);
    SAE_TRY(sae_export_path(&path, written, folder, name, err));
    status = sae_safetensors_write(path, tensors, 3, NULL, 0, err);
done:
    sae_free(path);
    sae_free(locations);
    sae_free(values);
    return status;
}

static sae_status write_config(const cache *c, const char *tokenizer, int64_t splits, const char *folder,
                               sae_written *written, sae_error *err)
{
    sae_output file = {0};
    sae_status status = sae_export_open(&file, written, folder, "config.json", err);
    if (status != SAE_OK) return status;
    fprintf(file.stream, "{\"cache_ctx_len\":%lld,\"ctx_len\":%lld,\"n_tokens\":%lld,\"n_splits\":%lld,\"model_name\":",
            (long long)c->ctx, (long long)c->ctx, (long long)(c->contexts * c->ctx), (long long)splits);
    sae_json_put_word(file.stream, tokenizer);
    fputs(",\"dataset_repo\":\"\",\"dataset_name\":\"\",\"dataset_split\":\"\",\"dataset_column\":\"\"}\n",
          file.stream);
    return sae_output_commit(&file, err);
}

sae_status sae_export_delphi(const sae_model *model, sae_source *source, const sae_acts *acts, int64_t splits,
                             const char *tokenizer, const char *dir, const sae_env *env, sae_error *err)
{
    sae_status status;
    cache c = {0};
    sae_written written = {0};
    const char *hook = sae_acts_get_meta(acts)->hook_name;
    char *folder = sae_path_join(dir, *hook ? hook : "hook");
    int64_t n = sae_model_get_info(model)->n;
    if (!folder) return sae_fail_memory(err, "a path", strlen(dir));
    if (splits > n) splits = n;
    SAE_TRY(read_texts(&c, acts, err));
    SAE_TRY(encode_all(&c, model, source, env, err));
    SAE_TRY(sae_written_dirs(&written, folder, err));
    for (int64_t s = 0; s < splits; s++)
        SAE_TRY(write_split(&c, n * s / splits, n * (s + 1) / splits - 1, folder, &written, err));
    status = write_config(&c, tokenizer, splits, folder, &written, err);
done:
    sae_written_end(&written, status == SAE_OK);
    sae_free(folder);
    cache_clear(&c);
    return status;
}
