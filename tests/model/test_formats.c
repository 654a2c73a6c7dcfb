/* SAEs in every tool's format: read with that tool's reconstructions and what the files say about themselves. */
#include "model/format_golden.h"

#include "base/file.h"
#include "model/formats/saelens.h"

typedef struct expectation {
    const char *name; /* in tests/golden/formats and in expected.safetensors */
    sae_format format;
    sae_arch arch;
    int64_t k;
    const char *model, *hook;
    double theta; /* given from outside; 0: not */
} expectation;

static const char gpt2[] = "gpt2-small", pythia[] = "EleutherAI/pythia-70m", pre[] = "blocks.8.hook_resid_pre",
                  post[] = "blocks.8.hook_resid_post";

static const expectation cases[] = {
    {"saelens_gated", SAE_FORMAT_SAELENS, SAE_ARCH_JUMPRELU, 0, gpt2, pre, 0},
    {"saelens_batchtopk", SAE_FORMAT_SAELENS, SAE_ARCH_BATCHTOPK, 3, gpt2, pre, 0}, /* 2.5 rounded */
    {"saelens_v5_topk", SAE_FORMAT_SAELENS, SAE_ARCH_TOPK, 3, gpt2, pre, 0},
    {"saelens_v5_finetuned", SAE_FORMAT_SAELENS, SAE_ARCH_JUMPRELU, 0, gpt2, pre, 0},
    {"sparsify/layers.5", SAE_FORMAT_SPARSIFY, SAE_ARCH_TOPK, 3, pythia, "blocks.5.hook_resid_post", 0},
    {"dl_standard", SAE_FORMAT_DICTIONARY_LEARNING, SAE_ARCH_RELU, 0, pythia, post, 0},
    {"dl_new", SAE_FORMAT_DICTIONARY_LEARNING, SAE_ARCH_RELU, 0, pythia, post, 0},
    {"dl_topk", SAE_FORMAT_DICTIONARY_LEARNING, SAE_ARCH_TOPK, 3, pythia, post, 0},
    {"dl_batchtopk", SAE_FORMAT_DICTIONARY_LEARNING, SAE_ARCH_BATCHTOPK, 3, pythia, post, 0},
    {"dl_matryoshka", SAE_FORMAT_DICTIONARY_LEARNING, SAE_ARCH_MATRYOSHKA, 3, pythia, post, 0},
    {"dl_jumprelu", SAE_FORMAT_DICTIONARY_LEARNING, SAE_ARCH_JUMPRELU, 0, pythia, post, 0},
    {"dl_gated", SAE_FORMAT_DICTIONARY_LEARNING, SAE_ARCH_JUMPRELU, 0, pythia, post, 0},
    {"gemma_scope", SAE_FORMAT_NPZ, SAE_ARCH_JUMPRELU, 0, "", "", 0},
    {"gemma_scope_deflated", SAE_FORMAT_NPZ, SAE_ARCH_JUMPRELU, 0, "", "", 0},
    {"openai_topk.pt", SAE_FORMAT_OPENAI, SAE_ARCH_TOPK, 3, "", "", 0},
    {"openai_old.pt", SAE_FORMAT_OPENAI, SAE_ARCH_RELU, 0, "", "", 0},
    {"openai_relu.pt", SAE_FORMAT_OPENAI, SAE_ARCH_RELU, 0, "", "", 0},
    {"btk_vanilla", SAE_FORMAT_BATCHTOPK, SAE_ARCH_RELU, 0, gpt2, pre, 0},
    {"btk_topk", SAE_FORMAT_BATCHTOPK, SAE_ARCH_TOPK, 3, gpt2, pre, 0},
    {"btk_jumprelu", SAE_FORMAT_BATCHTOPK, SAE_ARCH_JUMPRELU, 0, gpt2, pre, 0},
    {"btk_batchtopk", SAE_FORMAT_BATCHTOPK, SAE_ARCH_BATCHTOPK, 3, gpt2, pre, 0.6},
    {"btk_matryoshka", SAE_FORMAT_BATCHTOPK, SAE_ARCH_MATRYOSHKA, 3, gpt2, pre, 0},
};
enum { CASES = sizeof cases / sizeof *cases };

static sae_model *load_case(const expectation *e)
{
    sae_error err;
    sae_model *model = NULL;
    char path[512];
    snprintf(path, sizeof path, FORMATS "%s", e->name);
    if (e->theta > 0)
        assert_ok(sae_model_load_theta(&model, path, e->theta, &err));
    else
        assert_ok(sae_model_load(&model, path, &err));
    return model;
}

static void every_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        const expectation *e = &cases[i];
        sae_model *model = load_case(e);
        const sae_model_info *info = sae_model_get_info(model);
        if (info->arch != e->arch || info->k != e->k || sae_model_get_format(model) != e->format)
            fail_msg("%s: %s, k %d, format %s", e->name, sae_arch_name(info->arch), (int)info->k,
                     sae_format_name(sae_model_get_format(model)));
        assert_string_equal(info->acts.model, e->model);
        assert_string_equal(info->acts.hook_name, e->hook);
        assert_int_equal(info->rule, e->arch == SAE_ARCH_TOPK ? SAE_RULE_TOPK : SAE_RULE_THRESHOLD);
        assert_golden(model, e->name);
        sae_model_free(model);
    }
}

/* The weights themselves, instead of the directory. */
static void files_by_name(void **state)
{
    (void)state;
    static const char *const paths[][2] = {
        {"dl_topk/ae.pt", "dl_topk"},
        {"dl_topk/checkpoints/ae_500.pt", "dl_topk"}, /* described one directory up */
        {"dl_topk/config.json", "dl_topk"},
        {"dl_gated/ae.pt", "dl_gated"},
        {"gemma_scope/params.npz", "gemma_scope"},
        {"btk_topk/sae.pt", "btk_topk"},
        {"sparsify/layers.5/sae.safetensors", "sparsify/layers.5"},
        {"saelens_gated/sae_weights.safetensors", "saelens_gated"},
        {"saelens_gated/cfg.json", "saelens_gated"},
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        sae_error err;
        sae_model *model = NULL;
        char path[512];
        snprintf(path, sizeof path, FORMATS "%s", paths[i][0]);
        assert_ok(sae_model_load(&model, path, &err));
        assert_golden(model, paths[i][1]);
        assert_string_equal(sae_model_path(model), path);
        sae_model_free(model);
    }
}

static void copy_file(void **state, const char *from, const char *to)
{
    char path[512];
    size_t size;
    snprintf(path, sizeof path, FORMATS "%s", from);
    unsigned char *data = get_file(path, &size);
    put_file(temp_path(state, to), data, size);
    free(data);
}

/* Classes of dictionary_learning that can be told by their tensors. */
static void without_config(void **state)
{
    static const char *const names[] = {"dl_standard", "dl_new", "dl_matryoshka", "dl_jumprelu", "dl_gated"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        sae_error err;
        sae_model *model = NULL;
        char from[64];
        snprintf(from, sizeof from, "%s/ae.pt", names[i]);
        copy_file(state, from, "some.pt");
        assert_ok(sae_model_load(&model, temp_path(state, "some.pt"), &err));
        assert_golden(model, names[i]);
        sae_model_free(model);
    }
}

/* What cfg.json of earlier versions leaves out. The releases that are older than the key for centred writing weights
 * are known; others stay unknown, and what a file says is never overruled. */
static void earlier_versions(void **state)
{
#define FLAT(hook, width, more)                                                                                        \
    "{\"d_in\":768,\"d_sae\":" width ",\"model_name\":\"gpt2-small\"," hook                                            \
    ",\"dataset_path\":\"Skylion007/openwebtext\",\"expansion_factor\":32" more "}"
#define POINT(name) "\"hook_point\":\"" name "\""
    static const struct {
        const char *text;
        bool knows_bos, bos, knows_centering, centred;
    } texts[] = {
        {FLAT(POINT("blocks.8.hook_resid_pre"), "24576", ""), true, true, true, true},
        {FLAT(POINT("blocks.11.hook_resid_post"), "24576", ""), true, true, true, true},
        {FLAT(POINT("blocks.8.hook_resid_pre"), "768", ""), true, true, true, true}, /* feature splitting */
        {FLAT(POINT("blocks.7.hook_resid_pre"), "768", ""), true, true, false, false},
        {FLAT(POINT("blocks.8.hook_resid_post"), "24576", ""), true, true, false, false},
        {FLAT(POINT("blocks.8.hook_resid_pre"), "24576", ",\"prepend_bos\":false"), true, false, true, true},
        {FLAT(POINT("blocks.8.hook_resid_pre"), "24576",
              ",\"model_from_pretrained_kwargs\":{\"center_writing_weights\":false}"),
         true, true, true, false},
        {FLAT("\"hook_name\":\"blocks.8.hook_resid_pre\"", "24576", ""), false, false, false, false},
        {FLAT(POINT("blocks.8.hook_resid_pre"), "24576", ",\"metadata\":{}"), false, false, false, false},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sae_error err;
        sae_saelens_config config;
        put_file(temp_path(state, "cfg.json"), texts[i].text, strlen(texts[i].text));
        assert_ok(sae_saelens_config_read(temp_path(state, "cfg.json"), &config, &err));
        assert_int_equal(config.info.knows_bos, texts[i].knows_bos);
        assert_int_equal(config.info.acts.prepend_bos, texts[i].bos);
        assert_int_equal(config.info.knows_centering, texts[i].knows_centering);
        assert_int_equal(config.info.acts.center_residual, texts[i].centred);
    }
    static const char factor[] = "{\"d_in\":6,\"expansion_factor\":4}";
    sae_error err;
    sae_saelens_config config;
    put_file(temp_path(state, "cfg.json"), factor, strlen(factor));
    assert_ok(sae_saelens_config_read(temp_path(state, "cfg.json"), &config, &err));
    assert_int_equal(config.info.n, 24);
}

/* Gemma Scope says what it was trained on only by where it lies. */
static void gemma_scope_path(void **state)
{
    sae_error err;
    sae_model *model = NULL;
    const char *dir = temp_path(state, "gemma-scope-2b-pt-mlp/layer_12/width_16k/average_l0_82");
    sae_written made = {0};
    assert_ok(sae_written_dirs(&made, dir, &err));
    sae_written_end(&made, true);
    copy_file(state, "gemma_scope/params.npz", "gemma-scope-2b-pt-mlp/layer_12/width_16k/average_l0_82/params.npz");
    assert_ok(sae_model_load(&model, dir, &err));
    const sae_model_info *info = sae_model_get_info(model);
    assert_string_equal(info->acts.model, "gemma-2-2b");
    assert_string_equal(info->acts.hook_name, "blocks.12.hook_mlp_out");
    assert_true(info->knows_bos && info->acts.prepend_bos && !info->knows_centering);
    sae_model_free(model);
}

/* ---- writing -------------------------------------------------------------------------------------------- */

/* What each kind of SAE can be written as; the rest is refused and leaves nothing. */
static bool expressible(const sae_model_info *info, sae_format format)
{
    if (format == SAE_FORMAT_SAELENS) return true;
    if (info->input_norm == SAE_INPUT_TOKEN || format == SAE_FORMAT_OPENAI || format == SAE_FORMAT_BATCHTOPK)
        return false;
    bool topk = info->rule == SAE_RULE_TOPK;
    return format == SAE_FORMAT_SPARSIFY ? topk : format == SAE_FORMAT_NPZ ? !topk : true;
}

static void to_every_format(void **state)
{
    int written = 0;
    for (size_t i = 0; i < CASES; i++) {
        sae_model *model = load_case(&cases[i]);
        const sae_model_info *info = sae_model_get_info(model);
        for (int format = 0; format <= SAE_FORMAT_BATCHTOPK; format++) {
            sae_error err = {0};
            sae_model *again = NULL;
            char name[32];
            snprintf(name, sizeof name, "%d-%d", (int)i, format);
            const char *path = temp_path(state, name);
            sae_status status = sae_model_save_as(model, (sae_format)format, path, &err);
            if (!expressible(info, (sae_format)format)) {
                assert_int_equal(status, SAE_E_UNSUPPORTED);
                assert_int_not_equal(access(path, F_OK), 0);
                continue;
            }
            if (status != SAE_OK)
                fail_msg("%s as %s: %s", cases[i].name, sae_format_name((sae_format)format), err.message);
            assert_ok(sae_model_load(&again, path, &err));
            assert_golden(again, cases[i].name);
            const sae_model_info *read = sae_model_get_info(again);
            assert_int_equal(sae_model_get_format(again), format);
            assert_int_equal(read->rule, info->rule);
            if (format != SAE_FORMAT_NPZ) {
                assert_string_equal(read->acts.hook_name, info->acts.hook_name);
                assert_string_equal(read->acts.model, info->acts.model);
                assert_int_equal(read->knows_centering, info->knows_centering);
                if (info->rule == SAE_RULE_TOPK) assert_int_equal(read->k, info->k);
            }
            sae_model_free(again);
            written++;
        }
        sae_model_free(model);
    }
    assert_int_equal(written, 56);
}

/* Writing is a function of the SAE alone, replaces what is there, and a file name is taken for an npz. */
static void same_bytes(void **state)
{
    sae_error err;
    sae_model *model = NULL;
    assert_ok(sae_model_load(&model, FORMATS "gemma_scope", &err));
    size_t size_a, size_b;
    assert_ok(sae_model_save_as(model, SAE_FORMAT_NPZ, temp_path(state, "a.npz"), &err));
    assert_ok(sae_model_save_as(model, SAE_FORMAT_NPZ, temp_path(state, "dir"), &err));
    assert_ok(sae_model_save_as(model, SAE_FORMAT_NPZ, temp_path(state, "dir"), &err));
    unsigned char *a = get_file(temp_path(state, "a.npz"), &size_a);
    unsigned char *b = get_file(temp_path(state, "dir/params.npz"), &size_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(a, b, size_a);
    assert_int_equal(count_entries(temp_path(state, "dir")), 1);
    free(a);
    free(b);
    sae_model_free(model);
}

/* What cannot be written (here: a directory in the place of the weights) leaves the description that was there. */
static void failing_over_another(void **state)
{
    sae_error err;
    sae_model *model = NULL;
    assert_ok(sae_model_load(&model, FORMATS "dl_topk", &err));
    static const struct {
        sae_format format;
        const char *config, *blocked;
    } kinds[] = {{SAE_FORMAT_SPARSIFY, "s/cfg.json", "s/sae.safetensors.tmp-"},
                 {SAE_FORMAT_DICTIONARY_LEARNING, "d/config.json", "d/ae.pt.tmp-"}};
    for (size_t i = 0; i < 2; i++) {
        char dir[] = {kinds[i].config[0], 0}, blocked[64];
        assert_ok(sae_model_save_as(model, kinds[i].format, temp_path(state, dir), &err));
        int entries = count_entries(temp_path(state, dir));
        /* where the fresh file would be written first */
        snprintf(blocked, sizeof blocked, "%s%ld.tmp-%ld", kinds[i].blocked, (long)getpid(), (long)getpid());
        mkdir(temp_path(state, blocked), 0777);
        assert_int_equal(sae_model_save_as(model, kinds[i].format, temp_path(state, dir), &err), SAE_E_IO);
        assert_int_equal(rmdir(temp_path(state, blocked)), 0);
        assert_int_equal(count_entries(temp_path(state, dir)), entries);
        sae_model *again = NULL;
        assert_ok(sae_model_load(&again, temp_path(state, dir), &err));
        sae_model_free(again);
    }
    sae_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format), cmocka_unit_test(files_by_name), temp_test(without_config),
        temp_test(earlier_versions),    temp_test(gemma_scope_path),     temp_test(to_every_format),
        temp_test(same_bytes),          temp_test(failing_over_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
