#include "store/schema.h"

/* A BLOB is an array of little-endian numbers without gaps. Raise SAE_STORE_VERSION with every change. */
const sae_schema_table sae_store_schema[SAE_TABLES] = {
    [SAE_TABLE_META] = {"meta", "CREATE TABLE meta(key TEXT PRIMARY KEY NOT NULL, value) WITHOUT ROWID"},
    [SAE_TABLE_TOKEN] = {"token",
                         "CREATE TABLE token(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL, special INTEGER NOT NULL)"},
    [SAE_TABLE_DOCUMENT] =
        {"document", "CREATE TABLE document(first INTEGER PRIMARY KEY, id INTEGER NOT NULL, count INTEGER NOT NULL)"},
    [SAE_TABLE_CONTEXT] =
        {"context", "CREATE TABLE context(first INTEGER PRIMARY KEY, id INTEGER NOT NULL, tokens BLOB NOT NULL)"},
    [SAE_TABLE_SAE] =
        {"sae",
         "CREATE TABLE sae(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, path TEXT NOT NULL, hash TEXT NOT NULL, "
         "arch TEXT NOT NULL, format TEXT NOT NULL, rule TEXT NOT NULL, d INTEGER NOT NULL, n INTEGER NOT NULL, "
         "k INTEGER NOT NULL, theta REAL, token_norm INTEGER NOT NULL, tokens INTEGER NOT NULL, l0 REAL, mse REAL, "
         "mse_per_dim REAL, fvu REAL, explained_variance REAL, cosine REAL, l2_ratio REAL, rel_bias REAL, "
         "dead INTEGER NOT NULL, ce_clean REAL, ce_spliced REAL, ce_zero REAL, ce_mean REAL, ce_recovered REAL, "
         "ce_kl REAL, ce_tokens INTEGER NOT NULL, density_counts BLOB NOT NULL)"},
    [SAE_TABLE_LATENT] =
        {"latent",
         "CREATE TABLE latent(sae INTEGER NOT NULL, id INTEGER NOT NULL, n_active INTEGER NOT NULL, max REAL, mean "
         "REAL, "
         "std REAL, skew REAL, kurtosis REAL, p50 REAL, p90 REAL, p99 REAL, dec_norm REAL, enc_dec_cos REAL, "
         "threshold REAL, max_cos REAL, top_token INTEGER, boosted INTEGER, spark BLOB, PRIMARY KEY(sae, id)) "
         "WITHOUT ROWID"},
    [SAE_TABLE_DETAIL] =
        {"detail",
         "CREATE TABLE detail(sae INTEGER NOT NULL, latent INTEGER NOT NULL, min REAL, quantiles BLOB, hist BLOB, "
         "log_lo REAL, log_hi REAL, log_hist BLOB, logit_std REAL, logit_lo REAL, logit_hi REAL, logit_hist BLOB, "
         "boosted_tokens BLOB, boosted_values BLOB, suppressed_tokens BLOB, suppressed_values BLOB, neurons BLOB, "
         "neuron_values BLOB, neuron_shares BLOB, PRIMARY KEY(sae, latent)) WITHOUT ROWID"},
    [SAE_TABLE_NEIGHBOUR] =
        {"neighbour", "CREATE TABLE neighbour(sae INTEGER NOT NULL, latent INTEGER NOT NULL, kind INTEGER NOT NULL, "
                      "latents BLOB NOT NULL, cosine BLOB NOT NULL, pearson BLOB NOT NULL, jaccard BLOB NOT NULL, "
                      "together BLOB NOT NULL, mutual BLOB NOT NULL, PRIMARY KEY(sae, latent, kind)) WITHOUT ROWID"},
    [SAE_TABLE_BEST] =
        {"best",
         "CREATE TABLE best(sae INTEGER NOT NULL, other INTEGER NOT NULL, latent INTEGER NOT NULL, nearest INTEGER, "
         "cosine REAL, mutual INTEGER NOT NULL, correlated INTEGER, pearson REAL, PRIMARY KEY(sae, other, latent)) "
         "WITHOUT ROWID"},
    [SAE_TABLE_MATCH] =
        {"match",
         "CREATE TABLE match(sae INTEGER NOT NULL, latent INTEGER NOT NULL, other INTEGER NOT NULL, "
         "kind INTEGER NOT NULL, latents BLOB NOT NULL, cosine BLOB NOT NULL, pearson BLOB NOT NULL, "
         "jaccard BLOB NOT NULL, together BLOB NOT NULL, mutual BLOB NOT NULL, PRIMARY KEY(sae, latent, other, kind)) "
         "WITHOUT ROWID"},
    [SAE_TABLE_EXAMPLE] =
        {"example",
         "CREATE TABLE example(sae INTEGER NOT NULL, latent INTEGER NOT NULL, kind INTEGER NOT NULL, "
         "populations BLOB NOT NULL, counts BLOB NOT NULL, rows BLOB NOT NULL, peaks BLOB NOT NULL, more BLOB NOT "
         "NULL, "
         "copies BLOB NOT NULL, act_counts BLOB NOT NULL, act_offsets BLOB NOT NULL, act_values BLOB NOT NULL, "
         "PRIMARY KEY(sae, latent, kind)) WITHOUT ROWID"},
    [SAE_TABLE_SHARED] = {"shared",
                          "CREATE TABLE shared(sae INTEGER NOT NULL, latent INTEGER NOT NULL, other INTEGER NOT NULL, "
                          "other_latent INTEGER NOT NULL, act_counts BLOB NOT NULL, act_offsets BLOB NOT NULL, "
                          "act_values BLOB NOT NULL, "
                          "PRIMARY KEY(sae, latent, other, other_latent)) WITHOUT ROWID"},
    [SAE_TABLE_RESULT] =
        {"result",
         "CREATE TABLE result(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, path TEXT NOT NULL, small INTEGER, "
         "large INTEGER, json TEXT NOT NULL)"},
    [SAE_TABLE_VECTOR] = {"vector",
                          "CREATE TABLE vector(result INTEGER NOT NULL, name TEXT NOT NULL, vals BLOB NOT NULL, "
                          "PRIMARY KEY(result, name)) WITHOUT ROWID"},
};
