/* The schema of dashboard databases (docs/dashboards.md says what each column holds). */
#ifndef SAE_STORE_SCHEMA_H
#define SAE_STORE_SCHEMA_H

#define SAE_STORE_APPLICATION 0x53414544 /* "SAED" in PRAGMA application_id; the version is PRAGMA user_version */

typedef struct sae_schema_table {
    const char *name;
    const char *sql; /* CREATE TABLE …, as sqlite_schema keeps it */
} sae_schema_table;

/* Tables in the order of the schema. */
typedef enum sae_store_table_id {
    SAE_TABLE_META,
    SAE_TABLE_TOKEN,
    SAE_TABLE_DOCUMENT,
    SAE_TABLE_CONTEXT,
    SAE_TABLE_SAE,
    SAE_TABLE_LATENT,
    SAE_TABLE_DETAIL,
    SAE_TABLE_NEIGHBOUR,
    SAE_TABLE_BEST,
    SAE_TABLE_MATCH,
    SAE_TABLE_EXAMPLE,
    SAE_TABLE_SHARED,
    SAE_TABLE_RESULT,
    SAE_TABLE_VECTOR,
    SAE_TABLES
} sae_store_table_id;

/* All tables; a database has these and nothing else. */
extern const sae_schema_table sae_store_schema[SAE_TABLES];

#endif
