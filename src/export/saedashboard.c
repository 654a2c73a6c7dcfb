/* SAEDashboard's JSON: batches of features. */
#include "base/error.h"
#include "base/file.h"
#include "export/feature.h"
#include "export/file.h"
#include "export/json.h"

#include <stdio.h>
#include <string.h>

enum { BATCH = 128 };

static void put_source(FILE *out, const sae_feature_names *names)
{
    fputs("{\"model_id\":", out);
    sae_json_put_word(out, names->model);
    fputs(",\"layer\":", out);
    sae_json_put_word(out, names->layer);
    fputs(",\"sae_set\":", out);
    sae_json_put_word(out, names->set);
}

static sae_status write_batch(sae_store *store, const sae_feature_names *names, const sae_export_latent *latents,
                              size_t count, size_t number, const char *dir, sae_written *written, sae_error *err)
{
    sae_status status;
    sae_output file = {0};
    char name[48];
    bool first = true;
    snprintf(name, sizeof name, "batch-%zu.json", number);
    SAE_TRY(sae_export_open(&file, written, dir, name, err));
    put_source(file.stream, names);
    fputs(",\"sae_id_suffix\":null,\"features\":[", file.stream);
    for (size_t i = 0; i < count; i++) {
        sae_feature f;
        SAE_TRY(sae_feature_read(&f, store, &latents[i], err));
        if (!f.latent->dead) {
            fputs(first ? "\n" : ",\n", file.stream);
            first = false;
            sae_feature_put(&f, names, SAE_FEATURE_DASHBOARD, file.stream);
        }
        status = sae_feature_clear(&f, err);
        if (status != SAE_OK) goto done;
    }
    fputs("\n]}\n", file.stream);
    status = sae_output_commit(&file, err);
done:
    sae_output_abort(&file);
    return status;
}

/* Dead latents are not among the features, as there. */
static sae_status write_skipped(sae_store *store, const sae_feature_names *names, const sae_export_selection *selection,
                                const char *dir, sae_written *written, sae_error *err)
{
    sae_status status;
    sae_output file = {0};
    bool first = true;
    SAE_TRY(sae_export_open(&file, written, dir, "skipped_indexes.json", err));
    put_source(file.stream, names);
    fputs(",\"log_sparsity\":null,\"skipped_indexes\":[", file.stream);
    for (size_t i = 0; i < selection->count; i++) {
        sae_feature f;
        SAE_TRY(sae_feature_read(&f, store, &selection->latents[i], err));
        if (f.latent->dead) fprintf(file.stream, first ? "%lld" : ",%lld", (long long)f.latent->row.id);
        if (f.latent->dead) first = false;
        SAE_TRY(sae_feature_clear(&f, err));
    }
    fputs("]}\n", file.stream);
    status = sae_output_commit(&file, err);
done:
    sae_output_abort(&file);
    return status;
}

sae_status sae_export_saedashboard(sae_store *store, const sae_export_selection *selection, const char *dir,
                                   const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_feature_names names;
    sae_neuronpedia unnamed = {0};
    sae_written written = {0};
    SAE_TRY(sae_feature_names_make(&names, store, selection, &unnamed, err));
    SAE_TRY(sae_written_dirs(&written, dir, err));
    for (size_t first = 0, number = 0; first < selection->count; first += BATCH, number++) {
        size_t count = selection->count - first < BATCH ? selection->count - first : BATCH;
        if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped; nothing was written"));
        SAE_TRY(write_batch(store, &names, selection->latents + first, count, number, dir, &written, err));
        sae_report_progress(env, "exporting", "latents", (double)(first + count), (double)selection->count, NULL);
    }
    status = write_skipped(store, &names, selection, dir, &written, err);
done:
    sae_written_end(&written, status == SAE_OK);
    return status;
}
