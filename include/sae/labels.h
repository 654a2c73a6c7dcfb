/* What people say about latents: labels and lists, in a small SQLite database of its own, so that dashboards are never
 * written to. SAEs are named by the hash of their weights (sae_store_sae.hash): labels hold for every database that has
 * the SAE. One thread at a time may use a handle. */
#ifndef SAE_LABELS_H
#define SAE_LABELS_H

#include <sae/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SAE_LABEL_BYTES     8000 /* longest label */
#define SAE_LIST_NAME_BYTES 800  /* longest name of a list */

typedef struct sae_labels sae_labels;

/* Opens the file, made if it is missing. SAE_E_FORMAT for a file of another program, SAE_E_UNSUPPORTED for one of a
 * newer version, SAE_E_IO when it cannot be written. */
SAE_API sae_status sae_labels_open(sae_labels **out, const char *path, sae_error *err);
SAE_API void sae_labels_close(sae_labels *labels);
/* What the functions below return through `out` is one block of memory, freed by this. NULL is allowed. */
SAE_API void sae_labels_free(const void *result);

/* ---- labels ---------------------------------------------------------------------------------------- */

typedef struct sae_label {
    int64_t latent;
    const char *text, *source; /* source: who or what says so; "" for one that was typed in */
} sae_label;

typedef struct sae_label_table {
    size_t count;
    const sae_label *labels; /* by latent */
} sae_label_table;
/* Labels of an SAE; containing: only those whose text has it, small and large letters (of ASCII) alike; NULL: all. */
SAE_API sae_status sae_labels_get(sae_labels *labels, const char *sae_hash, const char *containing,
                                  const sae_label_table **out, sae_error *err);
/* Replaces the label of a latent; "" removes it. SAE_E_ARG for one longer than SAE_LABEL_BYTES. */
SAE_API sae_status sae_labels_set(sae_labels *labels, const char *sae_hash, int64_t latent, const char *text,
                                  const char *source, sae_error *err);

/* Labels of latents 0 to n − 1 in one go, all or none of them; a latent with texts[i] NULL keeps what it has. */
SAE_API sae_status sae_labels_set_all(sae_labels *labels, const char *sae_hash, const char *const *texts, int64_t n,
                                      const char *source, sae_error *err);

/* ---- lists ----------------------------------------------------------------------------------------- */

typedef struct sae_list_item {
    const char *sae_hash, *sae_name; /* name: as it was when the latent was put there */
    int64_t latent;
    const char *label; /* NULL: none */
} sae_list_item;

typedef struct sae_list {
    int64_t id;
    const char *name;
    size_t count;
    const sae_list_item *items; /* in the order in which they were put there */
} sae_list;

typedef struct sae_list_table {
    size_t count;
    const sae_list *lists; /* by name */
} sae_list_table;
SAE_API sae_status sae_labels_lists(sae_labels *labels, const sae_list_table **out, sae_error *err);
/* SAE_E_ARG for an empty or too long name, SAE_E_EXISTS for one that is taken. */
SAE_API sae_status sae_labels_add_list(sae_labels *labels, const char *name, int64_t *id, sae_error *err);
/* The list and what is on it; nothing happens when there is none. */
SAE_API sae_status sae_labels_remove_list(sae_labels *labels, int64_t id, sae_error *err);
/* Puts a latent on a list, or takes it off; nothing happens when it is there (or not there) already. SAE_E_ARG for a
 * list that does not exist. */
SAE_API sae_status sae_labels_put(sae_labels *labels, int64_t list, const char *sae_hash, const char *sae_name,
                                  int64_t latent, sae_error *err);
SAE_API sae_status sae_labels_take(sae_labels *labels, int64_t list, const char *sae_hash, int64_t latent,
                                   sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
