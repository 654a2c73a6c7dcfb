/* Meta-SAEs: numbers against their definitions, tables that fit together, identities. */
#include "analysis/meta_fixture.h"

#include "analysis/cosine.h"
#include "analysis/meta_fit.h"

/* ---- numbers ---------------------------------------------------------------------------------------------- */

/* Errors of rows by their definition, from a form's codes. */
typedef struct sums {
    double error, centred, square, active;
} sums;

static sums by_definition(const sae_meta *m, const sae_model *model, const sae_model *sae, const sae_codes *codes)
{
    const float *W = sae_model_get_weights(model).W_dec;
    sae_weights w = sae_model_get_weights(sae);
    double mean[META_D] = {0}, rows[META_N][META_D];
    sums s = {0};
    for (int64_t r = 0; r < m->rows; r++) {
        const float *row = W + m->ids[r] * META_D;
        double norm = sqrt(sae_dot_double(row, row, META_D));
        for (int j = 0; j < META_D; j++) {
            rows[r][j] = (double)row[j] / norm;
            mean[j] += rows[r][j] / (double)m->rows;
        }
    }
    for (int64_t r = 0; r < m->rows; r++)
        for (int j = 0; j < META_D; j++) {
            double e = rows[r][j] - (double)w.b_dec[j];
            for (int64_t c = codes->row_offsets[r]; c < codes->row_offsets[r + 1]; c++)
                e -= (double)codes->values[c] * (double)w.W_dec[codes->latents[c] * META_D + j];
            s.error += e * e;
            s.centred += pow(rows[r][j] - mean[j], 2);
            s.square += rows[r][j] * rows[r][j];
        }
    s.active = (double)codes->row_offsets[m->rows];
    return s;
}

static void check_fit(const sae_meta_fit *fit, const sae_meta *m, sums s)
{
    assert_true(fabs(fit->l0 - s.active / (double)m->rows) < 1e-12);
    assert_true(fabs(fit->explained_variance - (1 - s.error / s.centred)) < 1e-6);
    assert_true(fabs(fit->explained_variance_uncentred - (1 - s.error / s.square)) < 1e-6);
}

/* The rows·k largest positive of all pre-activations, found by sorting them all. */
static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x > y ? -1 : x < y;
}

static void check_selection(const sae_meta *m, const sae_model *sae, const float *unit, const sae_codes *codes)
{
    sae_weights w = sae_model_get_weights(sae);
    int64_t all = m->rows * m->width, wanted = m->rows * m->k, positive = 0;
    double *z = malloc((size_t)all * sizeof *z), smallest = HUGE_VAL;
    for (int64_t r = 0; r < m->rows; r++)
        for (int64_t i = 0; i < m->width; i++) {
            double value = (double)w.b_enc[i];
            for (int j = 0; j < META_D; j++)
                value += ((double)unit[r * META_D + j] - (double)w.b_dec[j]) * (double)w.W_enc[i * META_D + j];
            z[r * m->width + i] = value;
            positive += value > 0;
        }
    qsort(z, (size_t)all, sizeof *z, descending);
    int64_t count = codes->row_offsets[m->rows];
    assert_int_equal(count, wanted < positive ? wanted : positive);
    for (int64_t c = 0; c < count; c++) smallest = fmin(smallest, (double)codes->values[c]);
    assert_true(fabs(smallest - z[count - 1]) < 1e-5);
    free(z);
}

static void numbers_are_what_they_say(void **state)
{
    sae_error err;
    sae_model *model = meta_model(), *sae = NULL;
    sae_meta *m = meta_of(model, NULL, meta_config(), temp_path(state, "meta"), NULL);
    assert_ok(sae_model_load(&sae, temp_path(state, "meta"), &err));
    const sae_model_info *info = sae_model_get_info(sae);
    assert_true(info->n == 32 && info->d == META_D && info->k == META_EACH && info->has_theta);
    assert_true(info->theta == m->theta && m->theta > 0);
    assert_true(m->rows == META_N && m->n == META_N && m->tokens == 0 && m->never_fired == 0 && m->zero_rows == 0);
    sae_meta_rows rows;
    sae_codes *codes = sae_codes_new();
    assert_ok(sae_meta_rows_make(&rows, model, NULL, 0, NULL, &err));
    assert_ok(sae_meta_batchtopk_codes(sae, &rows, m->k, codes, NULL, &err));
    check_selection(m, sae, rows.unit, codes);
    check_fit(&m->batchtopk, m, by_definition(m, model, sae, codes));
    assert_true(m->batchtopk.l0 == META_EACH);
    assert_ok(sae_model_encode(sae, rows.unit, rows.count, codes, NULL, &err));
    check_fit(&m->threshold, m, by_definition(m, model, sae, codes));
    assert_true(fabs(m->threshold.l0 - META_EACH) < 0.3);
    /* planted parts are found; chance does worse */
    assert_true(m->batchtopk.explained_variance > 0.75);
    assert_true(m->batchtopk.explained_variance > m->random_rows.explained_variance + 0.05);
    assert_true(m->random_rows.explained_variance > m->random_directions.explained_variance);
    assert_true(m->batchtopk.explained_variance > m->pca.explained_variance + 0.2);
    assert_true(m->pca.explained_variance > 0 && m->random_directions.explained_variance > 0);
    sae_codes_free(codes);
    sae_meta_rows_clear(&rows);
    sae_model_free(sae);
    sae_meta_free(m);
    sae_model_free(model);
}

/* More of them explain more, and 21, which is how many dimensions the parts and the common row span, explain all. */
static void principal_components(void **state)
{
    sae_model *model = meta_model();
    sae_meta_config config = meta_config();
    const int64_t ranks[] = {1, 5, 10, 21, META_D + 2};
    double before = 0;
    config.epochs = 1;
    config.force = true;
    for (int i = 0; i < 5; i++) {
        config.k = ranks[i];
        sae_meta *m = meta_of(model, NULL, config, temp_path(state, "meta"), NULL);
        if (i < 4) assert_true(m->pca.explained_variance > before + 0.01);
        if (i == 2) assert_true(m->pca.explained_variance < 0.99);
        if (i > 2) assert_true(fabs(m->pca.explained_variance - 1) < 1e-6);
        assert_true(m->pca.l0 == (double)(ranks[i] < META_D ? ranks[i] : META_D));
        before = m->pca.explained_variance;
        sae_meta_free(m);
    }
    sae_model_free(model);
}

/* ---- tables ------------------------------------------------------------------------------------------------- */

static void tables_fit_together(void **state)
{
    sae_error err;
    sae_model *model = meta_model(), *sae = NULL;
    sae_meta *m = meta_of(model, NULL, meta_config(), temp_path(state, "meta"), NULL);
    assert_ok(sae_model_load(&sae, temp_path(state, "meta"), &err));
    const float *W = sae_model_get_weights(sae).W_dec, *w = sae_model_get_weights(model).W_dec;
    assert_true(m->row_offsets[0] == 0 && m->row_offsets[m->rows] == m->parts);
    assert_true(m->meta_offsets[0] == 0 && m->meta_offsets[m->width] == m->parts);
    assert_true((double)m->parts == round(m->threshold.l0 * (double)m->rows));
    int64_t alone = 0, unused = 0, matched = 0;
    double explained = 0;
    for (int64_t r = 0; r < m->rows; r++) {
        alone += m->row_offsets[r] == m->row_offsets[r + 1];
        explained += m->explained[r];
        for (int64_t p = m->row_offsets[r]; p < m->row_offsets[r + 1]; p++) {
            const sae_meta_part *part = &m->row_parts[p];
            const float *a = w + m->ids[r] * META_D, *b = W + part->id * META_D;
            double aa = sae_dot_double(a, a, META_D), bb = sae_dot_double(b, b, META_D);
            assert_true((double)part->activation > m->theta * (1 - 1e-6));
            assert_true(fabs(part->cosine - sae_dot_double(a, b, META_D) / sqrt(aa * bb)) < 1e-6);
            if (p > m->row_offsets[r]) assert_true(part->activation <= part[-1].activation);
            for (int64_t q = m->meta_offsets[part->id]; q < m->meta_offsets[part->id + 1]; q++) {
                const sae_meta_part *same = &m->meta_parts[q];
                if (same->id != m->ids[r]) continue;
                matched++;
                assert_true(same->activation == part->activation && same->cosine == part->cosine);
            }
        }
    }
    assert_int_equal(matched, m->parts);
    for (int64_t i = 0; i < m->width; i++) {
        unused += m->meta_offsets[i] == m->meta_offsets[i + 1];
        for (int64_t q = m->meta_offsets[i] + 1; q < m->meta_offsets[i + 1]; q++)
            assert_true(m->meta_parts[q].activation <= m->meta_parts[q - 1].activation);
    }
    assert_true(alone == m->alone && unused == m->unused);
    assert_true(explained / (double)m->rows > 0.5 && explained / (double)m->rows < 1);
    sae_model_free(sae);
    sae_meta_free(m);
    sae_model_free(model);
}

/* ---- identities --------------------------------------------------------------------------------------------- */

static void assert_same(const sae_meta *a, const sae_meta *b)
{
    assert_memory_equal(&a->batchtopk, &b->batchtopk, sizeof a->batchtopk);
    assert_memory_equal(&a->threshold, &b->threshold, sizeof a->threshold);
    assert_memory_equal(&a->pca, &b->pca, sizeof a->pca);
    assert_memory_equal(&a->random_rows, &b->random_rows, sizeof a->random_rows);
    assert_memory_equal(&a->random_directions, &b->random_directions, sizeof a->random_directions);
    assert_true(a->theta == b->theta && a->parts == b->parts && a->rows == b->rows);
    assert_memory_equal(a->explained, b->explained, (size_t)a->rows * sizeof *a->explained);
    for (int64_t p = 0; p < a->parts; p++) {
        assert_true(a->row_parts[p].id == b->row_parts[p].id);
        assert_true(a->row_parts[p].activation == b->row_parts[p].activation);
        assert_true(a->meta_parts[p].id == b->meta_parts[p].id);
    }
}

static void threads_do_not_matter(void **state)
{
    sae_model *model = meta_model();
    sae_meta *one = meta_of(model, NULL, meta_config(), temp_path(state, "one"), &(sae_env){.threads = 1});
    sae_meta *three = meta_of(model, NULL, meta_config(), temp_path(state, "three"), &(sae_env){.threads = 3});
    assert_same(one, three);
    sae_meta_free(one);
    sae_meta_free(three);
    sae_model_free(model);
}

/* Rows count by their direction alone: another power of two on each changes no bit. */
static void norms_do_not_matter(void **state)
{
    static float W[META_N * META_D];
    sae_model *model = meta_model();
    meta_rows_of_parts(W);
    for (int i = 0; i < META_N; i++)
        for (int j = 0; j < META_D; j++) W[i * META_D + j] *= 1.0f / (float)(1 << i % 5);
    sae_model *scaled = meta_model_of(W, META_N, META_D);
    sae_meta *a = meta_of(model, NULL, meta_config(), temp_path(state, "a"), NULL);
    sae_meta *b = meta_of(scaled, NULL, meta_config(), temp_path(state, "b"), NULL);
    assert_same(a, b);
    sae_meta_free(a);
    sae_meta_free(b);
    sae_model_free(model);
    sae_model_free(scaled);
}

/* Meta-latents beside themselves. */
static void against_itself(void **state)
{
    sae_error err;
    sae_model *model = meta_model(), *sae = NULL;
    sae_meta_free(meta_of(model, NULL, meta_config(), temp_path(state, "first"), NULL));
    assert_ok(sae_model_load(&sae, temp_path(state, "first"), &err));
    sae_meta *m = meta_of(model, sae, meta_config(), temp_path(state, "second"), NULL);
    assert_int_equal(m->n_against, 32);
    double random = 0;
    for (int64_t i = 0; i < m->width; i++) {
        assert_true(fabs(m->max_cos[i] - 1) < 1e-12 && m->nearest[i] == i);
        random = fmax(random, m->random_max_cos[i]);
    }
    assert_true(random < 0.95);
    sae_meta_free(m);
    sae_model_free(sae);
    sae_model_free(model);
}

/* ---- what is left out ----------------------------------------------------------------------------------------- */

static void collect(void *ud, sae_log_level level, const char *message)
{
    (void)level;
    char *text = ud;
    snprintf(text + strlen(text), 4096 - strlen(text), "%s\n", message);
}

static void silent_and_zero_latents(void **state)
{
    static float W[META_N * META_D], x[200 * META_D];
    sae_error err;
    meta_rows_of_parts(W);
    for (int j = 0; j < META_D; j++) W[5 * META_D + j] = 0; /* never above its threshold either */
    sae_model *model = meta_model_of(W, META_N, META_D);
    sae_random_rows(1, 200, META_D, x, NULL);
    for (int e = 0; e < 200 * META_D; e++) x[e] *= 0.03f;
    unsigned char fires[META_N] = {0};
    int64_t silent = 0;
    sae_codes *codes = sae_codes_new();
    assert_ok(sae_model_encode(model, x, 200, codes, NULL, &err));
    for (int64_t c = 0; c < codes->row_offsets[200]; c++) fires[codes->latents[c]] = 1;
    for (int i = 0; i < META_N; i++) silent += !fires[i];
    if (silent <= 5 || silent >= META_N - 40) fail_msg("%d latents are silent", (int)silent);
    char log[4096] = "", expected[128];
    sae_source *source = meta_source(x, 200, META_D);
    sae_meta *m = NULL;
    sae_meta_config config = meta_config();
    assert_ok(sae_meta_run(model, source, NULL, &config, temp_path(state, "meta"), &m,
                           &(sae_env){.log = collect, .ud = log}, &err));
    assert_true(m->never_fired == silent && m->zero_rows == 0 && m->tokens == 200 && m->rows == META_N - silent);
    for (int64_t r = 0; r < m->rows; r++) assert_true(fires[m->ids[r]] && (r == 0 || m->ids[r] > m->ids[r - 1]));
    snprintf(expected, sizeof expected, "%d of %d latents never fired on 200 tokens", (int)silent, META_N);
    assert_contains(log, expected);
    sae_meta_free(m);
    *log = 0;
    m = NULL;
    assert_ok(sae_meta_run(model, NULL, NULL, &config, temp_path(state, "all"), &m,
                           &(sae_env){.log = collect, .ud = log}, &err));
    assert_true(m->zero_rows == 1 && m->rows == META_N - 1 && m->ids[4] == 4 && m->ids[5] == 6);
    assert_contains(log, "1 latents have a decoder row of zeros");
    sae_meta_free(m);
    sae_source_close(source);
    sae_codes_free(codes);
    sae_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(numbers_are_what_they_say), temp_test(principal_components), temp_test(tables_fit_together),
        temp_test(threads_do_not_matter),     temp_test(norms_do_not_matter),  temp_test(against_itself),
        temp_test(silent_and_zero_latents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
