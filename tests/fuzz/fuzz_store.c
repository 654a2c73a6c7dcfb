/* A database of dashboards whose cells, rows and bytes were changed: opening it and asking the server for everything
 * that it shows gives an answer that is valid JSON or a clear error. The input is a list of changes, made to a small
 * database that the library itself wrote. */
#include "fuzz/target.h"

#include "store/db.h"
#include "store/schema.h"
#include "web/server/exchange.h"

#include <sae/dash.h>
#include <stdbool.h>
#include <string.h>

enum { D = 6, CTX = 32, CONTEXTS = 6, ROWS = CTX * CONTEXTS, COLUMNS = 40, CHANGES = 8, PAGE = 512 };

/* The database before any change. */
typedef struct original {
    char path[64]; /* of the file that is changed and read */
    unsigned char *image;
    size_t size;
    size_t *content, n_content; /* bytes that are not 0: most of a page is empty */
    char columns[SAE_TABLES][COLUMNS][32];
    unsigned n_columns[SAE_TABLES];
} original;

/* What is left of the input; zeros behind its end. */
typedef struct script {
    const uint8_t *data;
    size_t left;
} script;

static uint64_t take(script *s, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes && s->left > 0; i++, s->data++, s->left--) value |= (uint64_t)*s->data << (8 * i);
    return value;
}

/* ---- the original ---------------------------------------------------------------------------------------------- */

static sae_model *make_model(int64_t n)
{
    float w[8][D] = {{0}}, zeros[8] = {0}, theta[8];
    sae_model *model;
    for (int64_t i = 0; i < n; i++) {
        w[i][i % D] = 1;
        w[i][(i * 3 + 1) % D] += 0.5f;
        theta[i] = i == n - 1 ? 100 : 1; /* the last is dead */
    }
    sae_model_info info = {.d = D, .n = n, .rule = SAE_RULE_THRESHOLD, .arch = SAE_ARCH_JUMPRELU};
    sae_weights weights = {&w[0][0], zeros, &w[0][0], zeros, theta};
    REQUIRE(sae_model_create(&model, &info, &weights, NULL) == SAE_OK);
    return model;
}

static void build(const char *path)
{
    static float x[ROWS][D];
    static int32_t tokens[ROWS], docs[ROWS];
    sae_model *models[2] = {make_model(6), make_model(8)};
    const char *const paths[2] = {"small", "large"};
    sae_source_config rows = sae_source_config_default();
    sae_dash_config config = sae_dash_config_default();
    sae_env env = {.threads = 1};
    sae_source *source;
    for (int r = 0; r < ROWS; r++) {
        tokens[r] = r * 7 % 40;
        docs[r] = r / 50;
        for (int j = 0; j < D; j++) x[r][j] = (float)((r * (j + 3) + j * j) % 17) / 8;
    }
    sae_contexts contexts = {.count = CONTEXTS, .ctx = CTX, .tokens = tokens, .docs = docs, .documents = 4};
    config.force = true;
    REQUIRE(sae_source_open_memory(&source, &x[0][0], ROWS, D, &rows, NULL) == SAE_OK);
    sae_dash_input input = {.models = (const sae_model *const *)models,
                            .paths = paths,
                            .n_models = 2,
                            .source = source,
                            .contexts = &contexts};
    REQUIRE(sae_dash_build(&input, &config, path, &env, NULL) == SAE_OK);
    sae_source_close(source);
    for (int i = 0; i < 2; i++) sae_model_free(models[i]);
}

/* Results of the other commands, as sae dash takes them over, and words for the tokens; and small pages. */
static void complete(const char *path, const char *smaller)
{
    char sql[160];
    sae_db db;
    REQUIRE(sae_db_open(&db, path, NULL, SQLITE_OPEN_READWRITE, NULL) == SAE_OK);
    snprintf(sql, sizeof sql, "PRAGMA page_size=%d; VACUUM INTO '%s'", PAGE, smaller);
    REQUIRE(
        sae_db_exec(&db,
                    "UPDATE meta SET value = 40 WHERE key = 'vocab';"
                    "INSERT INTO token VALUES(0, x'61', 0), (1, x'e282', 0), (2, x'ac', 0), (3, x'3c2f', 1);"
                    "INSERT INTO result VALUES(0, 0, 'c', 0, 1, '{\"threshold\":0.7,\"novel\":3,\"max_cos\":"
                    "{\"argmax\":{\"vector\":8}}}'), (1, 1, 's', 0, 1, '{\"tokens\":5}'), (2, 2, 'm', NULL, 1, "
                    "'{\"width\":2,\"latents\":{\"vectors\":8,\"words\":{}},\"meta_latents\":{\"vectors\":2,"
                    "\"words\":{}}}');"
                    "INSERT INTO vector VALUES(0, 'max_cos.argmax', zeroblob(64)), (2, 'latents.id', zeroblob(64)), "
                    "(2, 'latents.meta', zeroblob(48)), (2, 'latents.meta.starts', zeroblob(64)), "
                    "(2, 'meta_latents.id', zeroblob(16)), (2, 'meta_latents.latents', zeroblob(48)), "
                    "(2, 'meta_latents.latents.starts', zeroblob(16))",
                    NULL) == SAE_OK);
    REQUIRE(sae_db_exec(&db, sql, NULL) == SAE_OK);
    sae_db_close(&db);
}

static void read_image(original *o, const char *path)
{
    FILE *file = fopen(path, "rb");
    REQUIRE(file && fseek(file, 0, SEEK_END) == 0);
    o->size = (size_t)ftell(file);
    o->image = malloc(o->size);
    o->content = malloc(o->size * sizeof *o->content);
    rewind(file);
    REQUIRE(o->image && o->content && fread(o->image, 1, o->size, file) == o->size);
    fclose(file);
    for (size_t i = 0; i < o->size; i++)
        if (o->image[i]) o->content[o->n_content++] = i;
}

static void read_columns(original *o, const char *path)
{
    sae_db db;
    char sql[96];
    REQUIRE(sae_db_open(&db, path, NULL, SQLITE_OPEN_READWRITE, NULL) == SAE_OK);
    for (int t = 0; t < SAE_TABLES; t++) {
        sqlite3_stmt *rows;
        snprintf(sql, sizeof sql, "SELECT * FROM \"%s\"", sae_store_schema[t].name);
        REQUIRE(sae_db_prepare(&db, &rows, sql, NULL) == SAE_OK);
        o->n_columns[t] = (unsigned)sqlite3_column_count(rows);
        REQUIRE(o->n_columns[t] <= COLUMNS);
        for (unsigned c = 0; c < o->n_columns[t]; c++)
            snprintf(o->columns[t][c], sizeof o->columns[t][c], "%s", sqlite3_column_name(rows, (int)c));
        sqlite3_finalize(rows);
    }
    sae_db_close(&db);
}

static original made;

static void forget(void)
{
    unlink(made.path);
    free(made.image);
    free(made.content);
}

static const original *get_original(void)
{
    char first[80];
    if (made.size) return &made;
    /* in memory where that can be: the file is written anew for each input */
    const char *dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : ".";
    snprintf(made.path, sizeof made.path, "%s/fuzz-store-XXXXXX", dir);
    int file = mkstemp(made.path);
    REQUIRE(file >= 0);
    close(file);
    snprintf(first, sizeof first, "%s.first", made.path);
    build(first);
    REQUIRE(unlink(made.path) == 0);
    complete(first, made.path);
    REQUIRE(unlink(first) == 0);
    read_image(&made, made.path);
    read_columns(&made, made.path);
    atexit(forget);
    return &made;
}

/* ---- changes --------------------------------------------------------------------------------------------------- */

/* bend(old): another value in its place, by the script that is the function's user data. */
static void bend(sqlite3_context *context, int count, sqlite3_value **values)
{
    static const int64_t odd[] = {-1, 0,   1,     2,         7,         8,         31,       63,
                                  64, 300, 65535, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    script s = *(script *)sqlite3_user_data(context); /* the same for each row */
    unsigned char bytes[4096] = {0};
    size_t size = (size_t)sqlite3_value_bytes(values[0]);
    const void *old = sqlite3_value_blob(values[0]);
    (void)count;
    if (size > sizeof bytes / 2) size = sizeof bytes / 2;
    if (size) memcpy(bytes, old, size);
    uint64_t kind = take(&s, 1) % 8, at = take(&s, 2);
    union {
        uint64_t bits;
        double real;
    } number = {.bits = at};
    switch (kind) {
    case 0:
        sqlite3_result_null(context);
        return;
    case 1:
        sqlite3_result_int64(context, odd[at % (sizeof odd / sizeof *odd)]);
        return;
    case 2:
        number.bits = take(&s, 8);
        sqlite3_result_double(context, number.real);
        return;
    case 3:
        sqlite3_result_int64(context, sqlite3_value_int64(values[0]) + (int64_t)(at % 5) - 2);
        return;
    case 4: /* shorter */
        size = size ? at % size : 0;
        break;
    case 5: /* longer */
        size += 1 + at % 64;
        break;
    default: /* other bytes in it */
        for (int i = 0; size && i < 4; i++) bytes[(at + (uint64_t)i) % size] = (unsigned char)take(&s, 1);
        break;
    }
    if (sqlite3_value_type(values[0]) == SQLITE_TEXT)
        sqlite3_result_text(context, (char *)bytes, (int)size, SQLITE_TRANSIENT);
    else
        sqlite3_result_blob(context, bytes, (int)size, SQLITE_TRANSIENT);
}

/* UPDATE or DELETE; what SQLite refuses (NULL in a column that has none) changes nothing. */
static void change_rows(const original *o, script *s)
{
    char sql[256];
    sae_db db;
    REQUIRE(sae_db_open(&db, o->path, NULL, SQLITE_OPEN_READWRITE, NULL) == SAE_OK);
    sae_db_exec(&db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL);
    for (uint64_t n = take(s, 1) % CHANGES; n > 0; n--) {
        uint64_t t = take(s, 1) % SAE_TABLES, c = take(s, 1) % o->n_columns[t];
        uint64_t deletes = take(s, 1) % 16;
        const char *table = sae_store_schema[t].name, *column = o->columns[t][c];
        sqlite3_create_function(db.handle, "bend", 1, SQLITE_UTF8, s, bend, NULL, NULL);
        if (deletes == 0)
            snprintf(sql, sizeof sql, "DELETE FROM \"%s\" WHERE \"%s\" IS NOT NULL", table, column);
        else
            snprintf(sql, sizeof sql, "UPDATE OR REPLACE \"%s\" SET \"%s\" = bend(\"%s\")", table, column, column);
        sae_db_exec(&db, sql, NULL);
        take(s, 8);
    }
    sae_db_close(&db);
}

static void change_bytes(const original *o, script *s)
{
    FILE *file = fopen(o->path, "r+b");
    REQUIRE(file);
    for (uint64_t n = take(s, 1) % CHANGES; n > 0; n--) {
        long at = (long)o->content[take(s, 3) % o->n_content];
        if (fseek(file, at, SEEK_SET) == 0) fputc((int)take(s, 1), file);
    }
    fclose(file);
    if (take(s, 1) == 1) REQUIRE(truncate(o->path, (off_t)(take(s, 3) % (o->size + PAGE))) == 0);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static void ask(sae_store *store, const char *target)
{
    web_app app = {.store = store};
    web_headers headers = {.method = "GET", .host = "localhost"};
    web_reply reply = {0};
    json_error_t why;
    web_exchange *exchange = web_exchange_new(target);
    REQUIRE(exchange && exchange->bad_target.status == SAE_OK);
    web_exchange_answer(exchange, &headers, &app, NULL, &reply);
    bool known = reply.status == WEB_OK || reply.status == WEB_BAD_REQUEST || reply.status == WEB_NOT_FOUND ||
                 reply.status == WEB_FAILED || reply.status == WEB_UNAVAILABLE;
    json_t *value = json_loadb(reply.body, reply.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (!known || !json_is_object(value)) fprintf(stderr, "%s: status %d, %s\n", target, reply.status, why.text);
    REQUIRE(known && json_is_object(value));
    if (reply.status != WEB_OK) {
        const json_t *error = json_object_get(value, "error");
        REQUIRE(json_string_length(json_object_get(error, "code")) > 0);
        REQUIRE(json_string_length(json_object_get(error, "message")) > 0);
    }
    json_decref(value);
    web_reply_clear(&reply);
    web_exchange_free(exchange);
}

static void ask_all(sae_store *store)
{
    static const char *const fixed[] = {"meta",
                                        "saes",
                                        "results",
                                        "results/0",
                                        "results/0/vectors?names=max_cos.argmax",
                                        "results/1",
                                        "results/2",
                                        "results/2/meta_latents",
                                        "results/2/meta_latents/1",
                                        "results/2/latents/0",
                                        "texts/0?count=32",
                                        "texts/100?count=512",
                                        "documents/0",
                                        "documents/3"};
    static const char *const of_sae[] = {"",
                                         "/latents",
                                         "/latents?sort=max&dir=desc&min_n_active=1&limit=3",
                                         "/latents?tok=a&dead=not",
                                         "/latents/0/place?sort=mean",
                                         "/latents/0?around=8",
                                         "/latents/5?around=512",
                                         "/labels"};
    static const char *const of_pair[] = {"compare/%s/%s",
                                          "nearest/%s/%s",
                                          "saes/%s/latents?vs=%s&sort=vs_cos",
                                          "saes/%s/latents/1/nearest/%s",
                                          "saes/%s/latents/2/pair/%s/0",
                                          "saes/%s/latents/0/pair/%s/5"};
    char target[512];
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        snprintf(target, sizeof target, "/api/v1/%s", fixed[i]);
        ask(store, target);
    }
    for (int64_t a = 0; a < 2 && sae_store_get_sae(store, a); a++) {
        const char *name = sae_store_get_sae(store, a)->name;
        for (size_t i = 0; i < sizeof of_sae / sizeof *of_sae; i++) {
            snprintf(target, sizeof target, "/api/v1/saes/%.128s%s", name, of_sae[i]);
            ask(store, target);
        }
        for (int64_t b = 0; b < 2 && sae_store_get_sae(store, b); b++) {
            for (size_t i = 0; i < sizeof of_pair / sizeof *of_pair; i++) {
                size_t used = (size_t)snprintf(target, sizeof target, "/api/v1/");
                const char *first = strstr(of_pair[i], "%s"), *second = strstr(first + 2, "%s");
                snprintf(target + used, sizeof target - used, "%.*s%.128s%.*s%.128s%s", (int)(first - of_pair[i]),
                         of_pair[i], name, (int)(second - first - 2), first + 2, sae_store_get_sae(store, b)->name,
                         second + 2);
                ask(store, target);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const original *o = get_original();
    script s = {data, size};
    sae_store *store;
    sae_error err = {0};
    FILE *file = fopen(o->path, "wb");
    REQUIRE(file && fwrite(o->image, 1, o->size, file) == o->size && fclose(file) == 0);
    if (size == 0) { /* unchanged: everything is there */
        REQUIRE(sae_store_open(&store, o->path, &err) == SAE_OK);
        REQUIRE(sae_store_get_sae(store, 1) && sae_store_get_meta(store)->n_results == 3);
        ask_all(store);
        sae_store_close(store);
        return 0;
    }
    change_rows(o, &s);
    change_bytes(o, &s);
    sae_status status = sae_store_open(&store, o->path, &err);
    if (status != SAE_OK) {
        REQUIRE(err.status == status && strlen(err.message) > 0);
        return 0;
    }
    ask_all(store);
    sae_store_close(store);
    return 0;
}
