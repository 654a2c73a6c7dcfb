/* Building a database and reading it back: every number against what the activations say. */
#include "testing.h"

#include <sae/dash.h>
#include <sae/store.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { D = 6, N = 6, CTX = 96, CONTEXTS = 40, ROWS = CTX * CONTEXTS, DEAD = 5 };

/* An SAE whose latent i is dimension i above a threshold: activations are known without encoding. The last latent never
 * fires. */
typedef struct fixture {
    float x[ROWS][D];
    int32_t tokens[ROWS], docs[ROWS];
    sae_contexts contexts;
    sae_model *model;
    char path[64];
} fixture;

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

static float fires(const fixture *f, int64_t row, int latent)
{
    return latent != DEAD && f->x[row][latent] > 1 ? f->x[row][latent] : 0;
}

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    uint64_t seed = 7;
    for (int r = 0; r < ROWS; r++) {
        /* contexts 20 … 39 say the same as 0 … 19 */
        f->tokens[r] = r < ROWS / 2 ? (int32_t)(uniform(&seed) * 500) : f->tokens[r - ROWS / 2];
        f->docs[r] = r / 150;
        for (int j = 0; j < D; j++) f->x[r][j] = (float)(3 * uniform(&seed) * uniform(&seed));
    }
    f->contexts = (sae_contexts){.count = CONTEXTS, .ctx = CTX, .tokens = f->tokens, .docs = f->docs, .documents = 26};
    float w[N][D] = {{0}}, zeros[N] = {0}, theta[N];
    for (int i = 0; i < N; i++) {
        w[i][i] = 1;
        theta[i] = i == DEAD ? 100 : 1;
    }
    sae_model_info info = {.d = D, .n = N, .rule = SAE_RULE_THRESHOLD, .arch = SAE_ARCH_JUMPRELU};
    sae_weights weights = {&w[0][0], zeros, &w[0][0], zeros, theta};
    assert_int_equal(sae_model_create(&f->model, &info, &weights, NULL), SAE_OK);
    strcpy(f->path, "dash-test-XXXXXX");
    int fd = mkstemp(f->path);
    close(fd);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    unlink(f->path);
    sae_model_free(f->model);
    free(f);
    return 0;
}

static sae_store *build(const fixture *f, int threads)
{
    sae_source *source;
    sae_store *store;
    sae_error err;
    sae_env env = {.threads = threads};
    sae_dash_config config = sae_dash_config_default();
    sae_source_config rows = sae_source_config_default();
    const sae_model *models[1] = {f->model};
    const char *paths[1] = {"somewhere/an sae"};
    config.force = true;
    assert_int_equal(sae_source_open_memory(&source, &f->x[0][0], ROWS, D, &rows, NULL), SAE_OK);
    sae_dash_input input = {
        .models = models, .paths = paths, .n_models = 1, .source = source, .contexts = &f->contexts};
    if (sae_dash_build(&input, &config, f->path, &env, &err) != SAE_OK) fail_msg("%s", err.message);
    sae_source_close(source);
    if (sae_store_open(&store, f->path, &err) != SAE_OK) fail_msg("%s", err.message);
    return store;
}

static const sae_store_latent *page_of(sae_store *store, int latent)
{
    const sae_store_latent *page;
    sae_error err;
    if (sae_store_get_latent(store, 0, latent, 20, &page, &err) != SAE_OK) fail_msg("%s", err.message);
    return page;
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void numbers(void **state)
{
    const fixture *f = *state;
    sae_store *store = build(f, 2);
    const sae_store_meta *meta = sae_store_get_meta(store);
    assert_int_equal(meta->rows, ROWS);
    assert_int_equal(meta->tokens, ROWS);
    assert_int_equal(meta->contexts, CONTEXTS);
    assert_int_equal(meta->n_saes, 1);
    assert_string_equal(sae_store_get_sae(store, 0)->name, "an-sae");
    assert_int_equal(sae_store_find_sae(store, "an-sae"), 0);
    assert_int_equal(sae_store_get_sae(store, 0)->dead, 1);
    for (int i = 0; i < N; i++) {
        static float values[ROWS];
        int64_t n = 0;
        double sum = 0, square = 0;
        for (int r = 0; r < ROWS; r++)
            if (fires(f, r, i) > 0) values[n++] = f->x[r][i];
        qsort(values, (size_t)n, sizeof *values, ascending);
        for (int64_t j = 0; j < n; j++) sum += (double)values[j];
        for (int64_t j = 0; j < n; j++) square += pow((double)values[j] - sum / (double)n, 2);
        const sae_store_latent *page = page_of(store, i);
        assert_int_equal(page->row.n_active, n);
        assert_int_equal(page->dead, i == DEAD);
        if (i == DEAD) {
            assert_true(isnan(page->row.value[SAE_COLUMN_MAX]) && isnan(page->min));
            assert_true(page->n_groups == 1 && page->groups[0].kind == SAE_EXAMPLES_NEAR);
            assert_int_equal(page->hist.bins, 0);
            assert_int_equal(page->row.top_token, -1);
            sae_store_free(page);
            continue;
        }
        assert_true(n > 100);
        assert_true(page->row.value[SAE_COLUMN_MAX] == (double)values[n - 1] && page->min == (double)values[0]);
        assert_true(fabs(page->row.value[SAE_COLUMN_MEAN] - sum / (double)n) < 1e-12);
        assert_true(fabs(page->row.value[SAE_COLUMN_STD] - sqrt(square / (double)n)) < 1e-12);
        assert_true(page->row.value[SAE_COLUMN_P50] == (double)values[(n + 1) / 2 - 1]);
        for (size_t q = 0; q < page->n_quantiles; q++)
            assert_true(page->quantiles[q] == (double)values[(int64_t)ceil(page->quantile_at[q] * (double)n) - 1]);
        int64_t total = 0, log_total = 0;
        for (size_t b = 0; b < page->hist.bins; b++) {
            int64_t here = 0;
            for (int64_t j = 0; j < n; j++)
                here += (double)values[j] > page->hist.edges[b] && (double)values[j] <= page->hist.edges[b + 1];
            assert_int_equal(page->hist.counts[b], here);
            total += here;
        }
        for (size_t b = 0; b < page->log_hist.bins; b++) log_total += page->log_hist.counts[b];
        assert_int_equal(total, n);
        assert_int_equal(log_total, n);
        sae_store_free(page);
    }
    sae_store_close(store);
}

/* Rows of one text: same context, same window of 64 tokens, same document. */
static bool same_text(const fixture *f, int64_t a, int64_t b)
{
    return a / CTX == b / CTX && a % CTX / 64 == b % CTX / 64 && f->docs[a] == f->docs[b];
}

static void check_passage(const fixture *f, const sae_store_example *e, int latent)
{
    const sae_store_passage *p = &e->passage;
    assert_int_equal(p->context, e->row / CTX);
    assert_int_equal(p->document, f->docs[e->row]);
    assert_true(p->first <= e->row && e->row < p->first + (int64_t)p->count);
    assert_int_equal(p->before, p->first % CTX);
    assert_int_equal(p->before + (int64_t)p->count + p->after, CTX);
    size_t act = 0;
    for (size_t t = 0; t < p->count; t++) {
        int64_t row = p->first + (int64_t)t;
        assert_int_equal(p->tokens[t].id, f->tokens[row]);
        assert_int_equal(p->tokens[t].document, f->docs[row]);
        float expected = fires(f, row, latent);
        if (expected > 0) {
            assert_true(act < p->n_acts && p->offsets[act] == t && p->values[act] == expected);
            act++;
        }
    }
    assert_int_equal(act, p->n_acts);
}

static void examples(void **state)
{
    const fixture *f = *state;
    sae_store *store = build(f, 3);
    for (int i = 0; i < DEAD; i++) {
        const sae_store_latent *page = page_of(store, i);
        double max = page->row.value[SAE_COLUMN_MAX];
        assert_int_equal(page->n_groups, 13);
        for (size_t g = 0; g < page->n_groups; g++) {
            const sae_store_group *group = &page->groups[g];
            if (group->kind == SAE_EXAMPLES_NEAR) continue;
            int64_t population = 0;
            bool interval = group->kind == SAE_EXAMPLES_INTERVAL;
            for (int r = 0; r < ROWS; r++) {
                double v = (double)fires(f, r, i);
                population += interval ? v > group->lo && v <= group->hi : v > 0;
            }
            assert_int_equal(group->population, population);
            for (size_t k = 0; k < group->count; k++) {
                const sae_store_example *e = &group->examples[k];
                assert_true(e->value == fires(f, e->row, i));
                if (interval) assert_true((double)e->value > group->lo && (double)e->value <= group->hi);
                check_passage(f, e, i);
                for (size_t other = 0; other < k; other++)
                    assert_false(same_text(f, e->row, group->examples[other].row));
                int64_t more = 0;
                for (int r = 0; r < ROWS; r++) more += same_text(f, r, e->row) && r != e->row && fires(f, r, i) > 0;
                assert_int_equal(e->more, more);
            }
        }
        const sae_store_group *top = &page->groups[0];
        assert_int_equal(top->kind, SAE_EXAMPLES_TOP);
        assert_int_equal(top->count, 20);
        assert_true((double)top->examples[0].value == max);
        /* nothing that is not shown, and is not a copy, is stronger than the last that is */
        for (int r = 0; r < ROWS; r++) {
            bool shown = fires(f, r, i) <= top->examples[19].value;
            for (size_t k = 0; k < 20 && !shown; k++)
                shown = same_text(f, r, top->examples[k].row) ||
                        abs(r - (int)top->examples[k].row) == ROWS / 2; /* the same words */
            assert_true(shown);
        }
        sae_store_free(page);
    }
    sae_store_close(store);
}

/* The largest x of each text on which the latent does not fire (the encoder is the identity), for all latents and the
 * dead one. */
static void near_misses(void **state)
{
    const fixture *f = *state;
    sae_store *store = build(f, 3);
    for (int i = 0; i < N; i++) {
        const sae_store_latent *page = page_of(store, i);
        const sae_store_group *near = &page->groups[page->n_groups - 1];
        assert_int_equal(near->kind, SAE_EXAMPLES_NEAR);
        assert_int_equal(near->count, 10);
        for (size_t k = 0; k < near->count; k++) {
            const sae_store_example *e = &near->examples[k];
            assert_true(fires(f, e->row, i) == 0 && e->value == f->x[e->row][i]);
            check_passage(f, e, i);
            for (size_t other = 0; other < k; other++) assert_false(same_text(f, e->row, near->examples[other].row));
        }
        for (int r = 0; r < ROWS; r++) {
            bool kept = fires(f, r, i) > 0 || f->x[r][i] <= near->examples[9].value;
            for (size_t k = 0; k < near->count && !kept; k++)
                kept = same_text(f, r, near->examples[k].row) && f->x[r][i] <= near->examples[k].value;
            assert_true(kept);
        }
        sae_store_free(page);
    }
    sae_store_close(store);
}

static void tables(void **state)
{
    const fixture *f = *state;
    sae_store *store = build(f, 1);
    const sae_store_table *table;
    sae_store_place place;
    sae_store_query q = sae_store_query_default(0);
    q.sort = SAE_COLUMN_MAX;
    q.descending = true;
    assert_int_equal(sae_store_latents(store, &q, &table, NULL), SAE_OK);
    assert_int_equal(table->total, N);
    assert_int_equal(table->rows[N - 1].id, DEAD); /* no value: last */
    for (int i = 1; i < N - 1; i++)
        assert_true(table->rows[i - 1].value[SAE_COLUMN_MAX] >= table->rows[i].value[SAE_COLUMN_MAX]);
    int64_t second = table->rows[1].id, third = table->rows[2].id, first = table->rows[0].id;
    double bound = table->rows[2].value[SAE_COLUMN_MAX];
    sae_store_free(table);
    assert_int_equal(sae_store_locate(store, &q, second, &place, NULL), SAE_OK);
    assert_true(place.position == 1 && place.previous == first && place.next == third && place.total == N);
    q.min[SAE_COLUMN_MAX] = bound;
    q.offset = 1;
    q.limit = 1;
    assert_int_equal(sae_store_latents(store, &q, &table, NULL), SAE_OK);
    assert_true(table->total == 3 && table->count == 1 && table->rows[0].id == second);
    sae_store_free(table);
    q = sae_store_query_default(0);
    q.dead = SAE_DEAD_ONLY;
    int64_t ids[] = {second, DEAD, 77, -1};
    assert_int_equal(sae_store_latents(store, &q, &table, NULL), SAE_OK);
    assert_true(table->total == 1 && table->rows[0].id == DEAD);
    sae_store_free(table);
    q.dead = SAE_DEAD_TOO;
    q.ids = ids;
    q.n_ids = 4;
    assert_int_equal(sae_store_latents(store, &q, &table, NULL), SAE_OK);
    assert_int_equal(table->total, 2);
    sae_store_free(table);
    q.sort = SAE_COLUMN_VS_COS;
    assert_int_equal(sae_store_latents(store, &q, &table, NULL), SAE_E_ARG);
    q = sae_store_query_default(1);
    assert_int_equal(sae_store_latents(store, &q, &table, NULL), SAE_E_ARG);
    sae_store_close(store);
}

static volatile sig_atomic_t stop;

static void stop_at_latents(void *ud, const sae_progress *progress)
{
    if (strcmp(progress->what, ud) == 0) stop = 1;
}

/* Stopped in the pass over the rows, or later: nothing is there, and what was there before stays. */
static void stopped(void **state)
{
    fixture *f = *state;
    static char stages[][32] = {"encoding", "decoder cosines"};
    for (int i = 0; i < 2; i++) {
        sae_source *source;
        sae_error err;
        sae_env env = {.threads = 1, .progress = stop_at_latents, .ud = stages[i], .stop = &stop};
        sae_dash_config config = sae_dash_config_default();
        sae_source_config rows = sae_source_config_default();
        const sae_model *models[1] = {f->model};
        const char *paths[1] = {"sae"};
        struct stat before, after;
        stop = 0;
        config.force = true;
        assert_int_equal(stat(f->path, &before), 0);
        assert_int_equal(sae_source_open_memory(&source, &f->x[0][0], ROWS, D, &rows, NULL), SAE_OK);
        sae_dash_input input = {
            .models = models, .paths = paths, .n_models = 1, .source = source, .contexts = &f->contexts};
        assert_int_equal(sae_dash_build(&input, &config, f->path, &env, &err), SAE_E_INTERRUPTED);
        assert_int_equal(stat(f->path, &after), 0);
        assert_true(before.st_ino == after.st_ino && before.st_size == after.st_size);
        char command[128];
        snprintf(command, sizeof command, "! ls %s.tmp-* >/dev/null 2>&1", f->path);
        assert_int_equal(system(command), 0);
        sae_source_close(source);
    }
}

static char *bytes_of(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void threads_do_not_show(void **state)
{
    const fixture *f = *state;
    size_t size_one, size_four;
    sae_store_close(build(f, 1));
    char *one = bytes_of(f->path, &size_one);
    sae_store_close(build(f, 4));
    char *four = bytes_of(f->path, &size_four);
    assert_int_equal(size_one, size_four);
    assert_memory_equal(one, four, size_one);
    free(one);
    free(four);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers, make, unmake),
        cmocka_unit_test_setup_teardown(examples, make, unmake),
        cmocka_unit_test_setup_teardown(near_misses, make, unmake),
        cmocka_unit_test_setup_teardown(tables, make, unmake),
        cmocka_unit_test_setup_teardown(stopped, make, unmake),
        cmocka_unit_test_setup_teardown(threads_do_not_show, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
