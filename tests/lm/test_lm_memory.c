/* Every allocation fails once: an error each time, and nothing is lost (the sanitizer build looks). */
#include "io/temp.h"

#include "base/alloc.h"

#include <sae/data.h>

#define TINY SAE_TEST_DATA "/lm_tiny"

static sae_error err;

typedef struct parts {
    sae_tokenizer *tokenizer;
    sae_lm *lm;
    const char *text;
} parts;

static sae_status open_tokenizer(const parts *p)
{
    (void)p;
    sae_tokenizer *t = NULL;
    sae_status status = sae_tokenizer_open(&t, TINY, &err);
    sae_tokenizer_close(t);
    return status;
}

static sae_status open_model(const parts *p)
{
    (void)p;
    sae_lm *lm = NULL;
    sae_status status = sae_lm_open(&lm, TINY, NULL, &err);
    sae_lm_close(lm);
    return status;
}

static sae_status encode(const parts *p)
{
    int32_t *ids = NULL;
    int64_t count = 0, capacity = 0;
    const char text[] = "some words, \xff and more of them: some words";
    sae_status status = sae_tokenizer_encode(p->tokenizer, text, sizeof text - 1, false, &ids, &count, &capacity, &err);
    free(ids);
    return status;
}

static sae_status read_contexts(const parts *p)
{
    const char *const files[] = {p->text, NULL};
    const sae_text_config config = {.files = files, .ctx = 4};
    const sae_env env = {.threads = 2};
    sae_contexts *c = NULL;
    sae_status status = sae_contexts_read(&c, &config, p->tokenizer, 0, &env, &err);
    sae_contexts_free(c);
    return status;
}

static sae_status twice(void *ud, int64_t first, int64_t n, float *rows, sae_error *e)
{
    (void)ud;
    (void)first;
    (void)e;
    for (int64_t i = 0; i < n * 16; i++) rows[i] *= 2;
    return SAE_OK;
}

static sae_status losses(const parts *p)
{
    const int32_t tokens[4] = {1, 2, 3, 4};
    const sae_lm_run runs[2] = {{NULL, NULL}, {twice, NULL}};
    const sae_hook hook = {0, SAE_HOOK_ATTN_OUT};
    const sae_env env = {.threads = 1};
    double sums[2] = {0}, kl[2] = {0};
    int64_t targets = 0;
    return sae_lm_losses(p->lm, tokens, 1, 4, hook, false, NULL, runs, 2, sums, kl, &targets, &env, &err);
}

/* Weights and products in bfloat16; where that is refused, nothing is lost either. */
static sae_status low_precision(const parts *p)
{
    const sae_env env = {.threads = 1};
    sae_status status = sae_lm_set_precision(p->lm, SAE_PRECISION_BF16, &env, &err);
    if (status == SAE_OK) status = losses(p);
    sae_status back = sae_lm_set_precision(p->lm, SAE_PRECISION_FP32, &env, &err);
    return status == SAE_E_UNSUPPORTED || status == SAE_OK ? back : status;
}

static void every_allocation_fails_once(void **state)
{
    sae_status (*const tasks[])(const parts *) = {open_tokenizer, open_model, encode,
                                                  read_contexts,  losses,     low_precision};
    parts p = {0};
    const char text[] = "a text of a few words";
    p.text = temp_path(state, "a.txt");
    put_file(p.text, text, sizeof text - 1);
    assert_ok(sae_tokenizer_open(&p.tokenizer, TINY, &err));
    assert_ok(sae_lm_open(&p.lm, TINY, NULL, &err));
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        int n = 1;
        sae_status status = SAE_E_MEMORY;
        for (; status != SAE_OK && n < 100000; n++) {
            sae_alloc_fail_after((uint64_t)n);
            status = tasks[i](&p);
            sae_alloc_fail_after(0);
            if (status != SAE_OK && status != SAE_E_MEMORY) fail_msg("task %zu, allocation %d: %s", i, n, err.message);
        }
        assert_int_equal(status, SAE_OK);
        assert_true(n > 4);
    }
    sae_tokenizer_close(p.tokenizer);
    sae_lm_close(p.lm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {temp_test(every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
