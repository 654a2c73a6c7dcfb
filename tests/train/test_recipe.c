/* Reading recipes: options from JSON files, and what is wrong with a file. */
#include "io/temp.h"

#include <sae/train.h>

/* A second group, as the command line has them. */
typedef struct place {
    const char *layer;
    const char *const *text;
    const char *recipe;
    bool prepend_bos;
} place;

static const sae_option place_table[] = {
    {.name = "layer", .type = SAE_OPT_LIST, .offset = offsetof(place, layer)},
    {.name = "text", .type = SAE_OPT_FILES, .offset = offsetof(place, text)},
    {.name = "recipe", .type = SAE_OPT_STRING, .offset = offsetof(place, recipe)},
    {.name = "prepend-bos", .type = SAE_OPT_BOOL, .offset = offsetof(place, prepend_bos)},
};

typedef struct configs {
    sae_train_options train;
    place place;
} configs;

static sae_status load(void **state, const char *text, configs *c, sae_recipe **recipe, sae_error *err)
{
    const char *path = temp_path(state, "recipe.json");
    size_t count;
    const sae_option *table = sae_train_option_table(&count);
    *c = (configs){.train = sae_train_options_default()};
    const sae_option_group groups[] = {{table, count, &c->train}, {place_table, 4, &c->place}};
    put_file(path, text, strlen(text));
    return sae_recipe_load(recipe, path, groups, 2, err);
}

static void every_type(void **state)
{
    sae_error err;
    configs c;
    sae_recipe *recipe = NULL;
    assert_ok(
        load(state,
             "{\"source\": \"a paper\", \"options\": {\"arch\": \"topk\", \"width\": [64, \"1k\", 4e3], \"k\": 8,\n"
             "\"lr\": 7e-5, \"seed\": [0, 1], \"tokens\": \"2M\", \"batch\": 256, \"warmup\": 0.25, \"decay\": 0,\n"
             "\"clip\": \"off\", \"beta1\": 1e-3, \"input-scale\": \"rms\", \"shuffle\": false, \"resume\": false,\n"
             "\"force\": true, \"layer\": 8, \"prepend-bos\": true},\n"
             "\"source_values\": {\"k\": 8, \"x\": [null]}, \"cites\": {\"k\": \"page 3\", \"x\": \"page 4\"},\n"
             "\"differs\": [{\"name\": \"x\", \"value\": [null], \"why\": \"it is unknown\"}]}",
             &c, &recipe, &err));
    assert_string_equal(c.train.arch, "topk");
    assert_string_equal(c.train.width, "64,1k,4000");
    assert_string_equal(c.train.k, "8");
    assert_string_equal(c.train.lr, "7e-05");
    assert_string_equal(c.train.seed, "0,1");
    assert_int_equal(c.train.tokens, 2000000);
    assert_int_equal(c.train.batch, 256);
    assert_true(c.train.warmup == 0.25 && c.train.decay == 0 && c.train.clip == 0 && c.train.beta1 == 1e-3);
    assert_int_equal(c.train.input_scale, SAE_SCALE_RMS);
    assert_false(c.train.shuffle);
    assert_false(c.train.resume);
    assert_true(c.train.force);
    assert_string_equal(c.place.layer, "8");
    assert_true(c.place.prepend_bos);
    assert_int_equal(c.train.k_aux, 512); /* not named: the default stays */
    sae_recipe_free(recipe);
    sae_recipe_free(NULL);
    assert_ok(load(state, "{\"source\":\"\",\"options\":{}}", &c, &recipe, &err));
    assert_null(c.train.width);
    sae_recipe_free(recipe);
}

/* Each file is refused with a message that names the file and this part. */
static void refused(void **state)
{
#define OPTIONS(text) "{\"source\": \"s\", \"options\": {" text "}}"
    static const char *const bad[][2] = {
        {"", "is not JSON"},
        {"{\"source\": \"s\", \"options\": {}", "is not JSON"},
        {"[1]", "is not a JSON object"},
        {"{\"options\": {}}", "has no \"source\""},
        {"{\"source\": \"s\"}", "has no \"options\""},
        {"{\"source\": 7, \"options\": {}}", "\"source\" is not a string"},
        {"{\"source\": \"s\", \"options\": []}", "\"options\" is not an object"},
        {"{\"source\": \"s\", \"options\": {}, \"cite\": {}}", "unknown key \"cite\""},
        {"{\"source\": \"s\", \"options\": {}, \"\\u001b[2J\": {}}", "unknown key \"?[2J\""},
        {"{\"source\": \"s\", \"options\": {}, \"options\": {}}", "line 1: not JSON: duplicate object key"},
        {"{\"source\": \"s\", \"options\": {}, \"cites\": {\"k\": 3}}", "\"k\" in cites is not a string"},
        {"{\"source\": \"s\", \"options\": {}, \"differs\": {}}", "\"differs\" is not an array"},
        {"{\"source\": \"s\", \"options\": {}, \"differs\": [3]}", "entry 1 of differs is not a JSON object"},
        {"{\"source\": \"s\", \"options\": {}, \"differs\": [{\"name\": \"x\", \"value\": 1}]}",
         "entry 1 of differs has no \"why\""},
        {"{\"source\": \"s\", \"options\": {}, \"differs\": [{\"name\": \"x\", \"value\": 1, \"why\": 2}]}",
         "entry 1 of differs: \"why\" is not a string"},
        {OPTIONS("\"widht\": 3"), "there is no option \"widht\""},
        {OPTIONS("\"k\": 3, \"k\": 4"), "duplicate object key"},
        {OPTIONS("\"k\": null"), "option \"k\" takes a number, a string or an array"},
        {OPTIONS("\"k\": [3, [4]]"), "option \"k\" takes a number, a string or an array"},
        {OPTIONS("\"k\": []"), "--k is empty"},
        {OPTIONS("\"k\": \"\""), "--k is empty"},
        {OPTIONS("\"batch\": 1.5"), "--batch takes a whole number, not \"1.5\""},
        {OPTIONS("\"batch\": 0"), "--batch is 0; it must be from 1"},
        {OPTIONS("\"batch\": true"), "option \"batch\" takes a number"},
        {OPTIONS("\"batch\": [1]"), "option \"batch\" takes a number"},
        {OPTIONS("\"batch\": \"1\\u0000\""), "not JSON"},
        {OPTIONS("\"warmup\": \"much\""), "--warmup takes a number, not \"much\""},
        {OPTIONS("\"warmup\": 1.5"), "--warmup is 1.5; it must be from 0 to 1"},
        {OPTIONS("\"input-scale\": 1"), "option \"input-scale\" takes a string"},
        {OPTIONS("\"input-scale\": \"unit\""), "--input-scale is \"unit\"; it must be one of"},
        {OPTIONS("\"shuffle\": 1"), "option \"shuffle\" takes true or false"},
        {OPTIONS("\"force\": \"on\""), "option \"force\" takes true or false"},
        {OPTIONS("\"init\": 5"), "option \"init\" takes a string"},
        {OPTIONS("\"text\": \"a.txt\""), "\"text\" can only be given on the command line"},
        {OPTIONS("\"recipe\": \"b.json\""), "\"recipe\" can only be given on the command line"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sae_error err;
        configs c;
        sae_recipe *recipe = NULL;
        if (load(state, bad[i][0], &c, &recipe, &err) != SAE_E_FORMAT) fail_msg("%s was not refused", bad[i][0]);
        assert_null(recipe);
        assert_contains(err.message, "recipe.json");
        assert_contains(err.message, bad[i][1]);
    }
    sae_error err;
    sae_recipe *recipe = NULL;
    assert_int_equal(sae_recipe_load(&recipe, temp_path(state, "nosuch.json"), NULL, 0, &err), SAE_E_IO);
    assert_contains(err.message, "nosuch.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(every_type),
        temp_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
