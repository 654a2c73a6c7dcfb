/* A family against comparisons of each two of its SAEs; the order in which they are given; bad input. */
#include "analysis/comparing.h"

#include "base/alloc.h"

#include <sae/family.h>

enum { MEMBERS = 4 };

/* Golden SAEs as they are given; widths are 32 (even numbers) and 56. */
static const int given[MEMBERS] = {1, 2, 0, 3}, sorted[MEMBERS] = {2, 0, 1, 3};

typedef struct fixture {
    sae_safetensors *file;
    float *x;
    sae_model *models[GOLDEN_MODELS];
    sae_source *source;
} fixture;

static void fixture_open(fixture *f)
{
    sae_error err;
    sae_source_config how = sae_source_config_default();
    f->file = golden_open();
    f->x = golden_floats(f->file, "x");
    for (int i = 0; i < GOLDEN_MODELS; i++) f->models[i] = golden_model(f->file, i, NULL);
    assert_ok(sae_source_open_memory(&f->source, f->x, golden_tensor(f->file, "x")->shape[0],
                                     sae_model_get_info(f->models[0])->d, &how, &err));
}

static void fixture_close(fixture *f)
{
    sae_source_close(f->source);
    for (int i = 0; i < GOLDEN_MODELS; i++) sae_model_free(f->models[i]);
    free(f->x);
    sae_safetensors_close(f->file);
}

static sae_family *compare_family(const fixture *f, const int *numbers, size_t count, sae_compare_config config,
                                  int threads)
{
    sae_error err;
    sae_family *family = NULL;
    const sae_model *models[GOLDEN_MODELS];
    for (size_t i = 0; i < count; i++) models[i] = f->models[numbers[i]];
    assert_ok(sae_family_compare(models, count, f->source, &config, &family, &(sae_env){.threads = threads}, &err));
    return family;
}

static sae_comparison *compare_two(const fixture *f, int small, int large, sae_compare_config config)
{
    sae_error err;
    sae_comparison *c = NULL;
    assert_ok(sae_compare(f->models[small], f->models[large], f->source, &config, &c, NULL, &err));
    return c;
}

static void same_numbers(const sae_comparison *a, const sae_comparison *b)
{
    size_t n = (size_t)a->n_large, m = (size_t)a->n_small;
    assert_int_equal(a->n_large, b->n_large);
    assert_int_equal(a->n_small, b->n_small);
    assert_int_equal(a->tokens, b->tokens);
    assert_int_equal(a->latent, b->latent);
    assert_memory_equal(a->large_in_small, b->large_in_small, n * sizeof(double));
    assert_memory_equal(a->argmax_small, b->argmax_small, m * sizeof(int32_t));
    assert_memory_equal(a->hist_random_cov, b->hist_random_cov, sizeof a->hist_random_cov);
    assert_memory_equal(a->partner, b->partner, n * sizeof(int32_t));
    assert_memory_equal(a->act_cos, b->act_cos, n * sizeof(double));
    assert_memory_equal(a->pearson, b->pearson, n * sizeof(double));
    assert_memory_equal(a->partner_act_cos, b->partner_act_cos, n * sizeof(double));
    assert_memory_equal(a->n_active_small, b->n_active_small, m * sizeof(int64_t));
    assert_memory_equal(a->large, b->large, n * sizeof(sae_split));
    assert_memory_equal(a->small, b->small, n * sizeof(sae_split));
    assert_memory_equal(&a->novel_mean, &b->novel_mean, sizeof a->novel_mean);
    assert_memory_equal(&a->r2, &b->r2, sizeof a->r2);
    assert_true(a->mse_large == b->mse_large && a->mse_small == b->mse_small);
    assert_true(a->l0_large == b->l0_large && a->l0_small == b->l0_small);
}

/* ---- against comparisons of two ------------------------------------------------------------------------------- */

static void every_two(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f);
    sae_compare_config config = golden_compare_config();
    config.latent = 33;
    sae_family *family = compare_family(&f, given, MEMBERS, config, 2);
    assert_int_equal(family->n_members, MEMBERS);
    for (int i = 0; i < MEMBERS; i++) {
        assert_int_equal(given[family->members[i].given], sorted[i]);
        for (int j = 0; j < MEMBERS; j++) {
            config.latent = i + 1 == MEMBERS - 1 && j == MEMBERS - 1 ? 33 : -1;
            if (i == j) {
                assert_int_equal(family->novel[i * MEMBERS + j], 0);
                continue;
            }
            sae_comparison *c = compare_two(&f, sorted[i], sorted[j], config);
            assert_int_equal(family->novel[i * MEMBERS + j], c->small_below);
            assert_int_equal(family->novel[j * MEMBERS + i], c->novel);
            if (j == i + 1) same_numbers(family->neighbours[i], c);
            if (j == MEMBERS - 1) {
                size_t n = (size_t)c->n_large;
                assert_memory_equal(family->ancestor + (size_t)i * n, c->argmax, n * sizeof(int32_t));
                assert_memory_equal(family->ancestor_cos + (size_t)i * n, c->large_in_small, n * sizeof(double));
            }
            int64_t silent = 0;
            for (int64_t k = 0; k < c->n_small; k++) silent += c->n_active_small[k] == 0;
            assert_int_equal(family->members[i].never_fired, silent);
            assert_true(family->members[i].mse == c->mse_small && family->members[i].l0 == c->l0_small);
            assert_int_equal(family->members[i].n, c->n_small);
            assert_int_equal(family->tokens, c->tokens);
            sae_comparison_free(c);
        }
    }
    sae_family_free(family);
    fixture_close(&f);
}

/* Each latent of the largest has one first member, and that is the narrowest in which it is not novel. */
static void first_members(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f);
    sae_compare_config config = golden_compare_config();
    const double thresholds[] = {0.7, -1, 0.3, 0.95};
    for (int t = 0; t < 4; t++) {
        config.threshold = thresholds[t];
        sae_family *family = compare_family(&f, given, MEMBERS, config, 2);
        int64_t n = family->members[MEMBERS - 1].n, total = 0, counts[MEMBERS] = {0};
        for (int64_t k = 0; k < n; k++) {
            int32_t m = family->first[k];
            counts[m]++;
            for (int32_t j = 0; j < m; j++) assert_true(family->ancestor_cos[j * n + k] < config.threshold);
            if (m < MEMBERS - 1) assert_true(family->ancestor_cos[m * n + k] >= config.threshold);
        }
        for (int j = 0; j < MEMBERS; j++) {
            assert_int_equal(family->n_first[j], counts[j]);
            total += counts[j];
        }
        assert_int_equal(total, n);
        if (config.threshold == -1) assert_int_equal(family->n_first[0], n);
        sae_family_free(family);
    }
    fixture_close(&f);
}

/* In which order SAEs are given shows in `given` alone (but for those of equal width), threads in nothing. */
static void order_and_threads_do_not_matter(void **state)
{
    (void)state;
    const int narrow_last[2] = {1, 0}, narrow_first[2] = {0, 1};
    fixture f;
    fixture_open(&f);
    sae_family *a = compare_family(&f, narrow_first, 2, golden_compare_config(), 1);
    sae_family *b = compare_family(&f, narrow_last, 2, golden_compare_config(), 5);
    same_numbers(a->neighbours[0], b->neighbours[0]);
    assert_memory_equal(a->novel, b->novel, 4 * sizeof *a->novel);
    assert_int_equal(a->members[0].given, 0);
    assert_int_equal(b->members[0].given, 1);
    sae_family_free(a);
    sae_family_free(b);
    fixture_close(&f);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static int lines_of(void **state, const char *name, const char *heading)
{
    size_t size;
    char *text = (char *)get_file(temp_path(state, name), &size);
    int lines = 0;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    assert_true(size > strlen(heading) && strncmp(text, heading, strlen(heading)) == 0);
    free(text);
    return lines;
}

static void files(void **state)
{
    sae_error err;
    fixture f;
    fixture_open(&f);
    sae_family *family = compare_family(&f, given, MEMBERS, golden_compare_config(), 2);
    assert_ok(sae_family_write_members(family, temp_path(state, "family.csv"), &err));
    assert_ok(sae_family_write_matrix(family, temp_path(state, "matrix.csv"), &err));
    assert_ok(sae_family_write_tree(family, temp_path(state, "tree.csv"), &err));
    assert_int_equal(lines_of(state, "family.csv", "number,sae,n,l0,mse,never_fired,first\n"), 1 + MEMBERS);
    assert_int_equal(lines_of(state, "matrix.csv", "member,other,latents,novel,share\n1,1,32,0,0\n1,2,32,"),
                     1 + MEMBERS * MEMBERS);
    assert_int_equal(
        lines_of(state, "tree.csv", "latent,n_active,first,nearest_1,cos_1,nearest_2,cos_2,nearest_3,cos_3\n0,"),
        1 + 56);
    assert_int_equal(sae_family_write_tree(family, temp_path(state, "no/tree.csv"), &err), SAE_E_IO);
    sae_family_free(family);
    fixture_close(&f);
}

/* ---- bad input ------------------------------------------------------------------------------------------------- */

static void refused(void **state)
{
    (void)state;
    sae_error err;
    fixture f;
    fixture_open(&f);
    sae_compare_config config = golden_compare_config();
    sae_family *family = NULL;
    const float zeros[4] = {0};
    sae_model *other_d = NULL;
    assert_ok(sae_model_create(&other_d, &(sae_model_info){.d = 2, .n = 2, .k = 1},
                               &(sae_weights){zeros, zeros, zeros, zeros, NULL}, &err));
    const sae_model *of_other_d[3] = {f.models[0], f.models[1], other_d},
                    *mixed[3] = {f.models[0], f.models[1], f.models[5]};
    assert_int_equal(sae_family_compare(of_other_d, 3, f.source, &config, &family, NULL, &err), SAE_E_SHAPE);
    assert_contains(err.message, "2 and 16 dimensions");
    assert_int_equal(sae_family_compare(mixed, 3, f.source, &config, &family, NULL, &err), SAE_E_ARG);
    assert_contains(err.message, "standardises each token");
    assert_int_equal(sae_family_compare(mixed, 1, f.source, &config, &family, NULL, &err), SAE_E_ARG);
    config.latent = 56;
    assert_int_equal(sae_family_compare(mixed, 2, f.source, &config, &family, NULL, &err), SAE_E_ARG);
    assert_contains(err.message, "latents 0 to 55");
    assert_null(family);
    sae_model_free(other_d);
    fixture_close(&f);
}

/* A request to stop ends each part, with nothing made. */
static void interrupted(void **state)
{
    (void)state;
    sae_error err;
    fixture f;
    fixture_open(&f);
    volatile sig_atomic_t stop = 1;
    const sae_env env = {.stop = &stop};
    sae_compare_config config = golden_compare_config();
    const sae_model *models[3] = {f.models[0], f.models[2], f.models[1]};
    sae_comparison *c = NULL;
    sae_family *family = NULL;
    assert_int_equal(sae_compare(models[0], models[2], f.source, &config, &c, &env, &err), SAE_E_INTERRUPTED);
    assert_int_equal(sae_family_compare(models, 3, f.source, &config, &family, &env, &err), SAE_E_INTERRUPTED);
    assert_true(c == NULL && family == NULL);
    fixture_close(&f);
}

/* Every allocation fails once. */
static void out_of_memory(void **state)
{
    (void)state;
    sae_error err;
    fixture f;
    fixture_open(&f);
    sae_compare_config config = golden_compare_config();
    const sae_model *models[3] = {f.models[0], f.models[2], f.models[1]};
    sae_family *family = NULL;
    sae_status status = SAE_E_MEMORY;
    for (uint64_t n = 1; status != SAE_OK; n++) {
        assert_true(n < 2000);
        sae_alloc_fail_after(n);
        status = sae_family_compare(models, 3, f.source, &config, &family, &(sae_env){.threads = 1}, &err);
        sae_alloc_fail_after(0);
        if (status == SAE_OK) continue;
        assert_int_equal(status, SAE_E_MEMORY);
        assert_null(family);
    }
    sae_family_free(family);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_two),
        cmocka_unit_test(first_members),
        cmocka_unit_test(order_and_threads_do_not_matter),
        temp_test(files),
        cmocka_unit_test(refused),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
