/* What can be asked of a training run: defaults, the option table, and the grid that lists span. */
#include <sae/train.h>

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sae_train_options sae_train_options_default(void)
{
    sae_source_config source = sae_source_config_default();
    return (sae_train_options){
        .arch = "batchtopk",
        .k = "32",
        .lr = "auto",
        .seed = "0",
        .warmup = 0.05,
        .decay = 0.2,
        .beta1 = 0.9,
        .beta2 = 0.999,
        .input_scale = SAE_SCALE_NORM,
        .k_aux = 512,
        .aux_alpha = 1.0 / 32,
        .aux_norm = SAE_AUX_NONE,
        .theta = SAE_THETA_CALIBRATED,
        .b_dec_init = SAE_B_DEC_MEAN,
        .batch = 4096,
        .shuffle = source.shuffle,
        .held_out = 0.02,
        .checkpoint_every = 1000,
        .log_every = 50,
    };
}

#define AT(field) offsetof(sae_train_options, field)

static const sae_option table[] = {
    {"arch", SAE_OPT_LIST, AT(arch), "KIND[,KIND…]", "batchtopk", 0, -1, NULL, NULL, "kind of SAE: topk, batchtopk"},
    {"width", SAE_OPT_LIST, AT(width), "N[,N…]", NULL, 0, -1, NULL, NULL, "number of latents"},
    {"k", SAE_OPT_LIST, AT(k), "K[,K…]", "32", 0, -1, NULL, NULL, "active latents per token (batchtopk: on average)"},
    {"lr", SAE_OPT_LIST, AT(lr), "F[,F…]", "auto", 0, -1, NULL, NULL,
     "learning rate; auto is 4e-4·√(16384/width), at most 2e-3"},
    {"seed", SAE_OPT_LIST, AT(seed), "S[,S…]", "0", 0, -1, NULL, NULL, "seed of the initial weights"},
    {"tokens", SAE_OPT_INT, AT(tokens), "N", "one pass", 1, 1e15, NULL, NULL,
     "training tokens; more than there are means several passes"},
    {"batch", SAE_OPT_INT, AT(batch), "N", "4096", 1, 1 << 22, NULL, NULL, "tokens per step"},
    {"warmup", SAE_OPT_FLOAT, AT(warmup), "FRAC", "0.05", 0, 1, NULL, NULL,
     "share of the run over which the learning rate rises"},
    {"decay", SAE_OPT_FLOAT, AT(decay), "FRAC", "0.2", 0, 1, NULL, NULL,
     "share of the run at its end over which the learning rate falls to 0"},
    {"clip", SAE_OPT_FLOAT, AT(clip), "F|off", "off", 0, 1e30, NULL, "off", "largest norm of all gradients of an SAE"},
    {"beta1", SAE_OPT_FLOAT, AT(beta1), "F", "0.9", 0, 0.9999999, NULL, NULL, "Adam's decay of the mean"},
    {"beta2", SAE_OPT_FLOAT, AT(beta2), "F", "0.999", 0, 0.9999999, NULL, NULL, "Adam's decay of the square"},
    {"input-scale", SAE_OPT_CHOICE, AT(input_scale), "HOW", "norm", 0, -1, "none|norm|rms|token", NULL,
     "scale of the input in training: norm (E‖x‖ = √d), rms (E‖x‖² = 1), token (each token standardised)"},
    {"k-aux", SAE_OPT_INT, AT(k_aux), "N", "512", 0, 1 << 24, NULL, NULL,
     "dead latents per token that AuxK trains on the residual; 0: none"},
    {"aux-alpha", SAE_OPT_FLOAT, AT(aux_alpha), "F", "1/32", 0, 1e6, NULL, NULL, "weight of the auxiliary loss"},
    {"aux-norm", SAE_OPT_CHOICE, AT(aux_norm), "HOW", "none", 0, -1, "none|variance", NULL,
     "divide the auxiliary loss by the variance of the residual (as dictionary_learning does)"},
    {"dead-tokens", SAE_OPT_INT, AT(dead_tokens), "N", "min(10M, 10 % of the run)", 1, 1e15, NULL, NULL,
     "tokens without firing after which a latent counts as dead"},
    {"theta", SAE_OPT_CHOICE, AT(theta), "HOW", "calibrated", 0, -1, "calibrated|running|l0", NULL,
     "which inference threshold a batchtopk SAE is saved with"},
    {"b-dec-init", SAE_OPT_CHOICE, AT(b_dec_init), "HOW", "mean", 0, -1, "mean|median|zero", NULL,
     "start of b_dec: mean or geometric median of the first 32,768 rows"},
    {"init", SAE_OPT_STRING, AT(init), "SAE", NULL, 0, -1, NULL, NULL, "start from this SAE's weights"},
    {"shuffle", SAE_OPT_ON_OFF, AT(shuffle), "on|off", "on", 0, -1, NULL, NULL, "order of the rows"},
    {"shuffle-seed", SAE_OPT_INT, AT(shuffle_seed), "S", "0", 0, 9e15, NULL, NULL,
     "seed of that order, shared by all SAEs"},
    {"held-out", SAE_OPT_FLOAT, AT(held_out), "FRAC", "0.02", 0, 0.5, NULL, NULL,
     "share of the rows kept for measuring, never trained on"},
    {"checkpoint-every", SAE_OPT_INT, AT(checkpoint_every), "STEPS", "1000", 0, 1e15, NULL, NULL,
     "steps between checkpoints; 0: only when stopped"},
    {"log-every", SAE_OPT_INT, AT(log_every), "STEPS", "50", 1, 1e15, NULL, NULL,
     "steps between lines of metrics.jsonl"},
    {"resume", SAE_OPT_BOOL, AT(resume), NULL, NULL, 0, -1, NULL, NULL, "go on from the last checkpoint in --out"},
    {"force", SAE_OPT_BOOL, AT(force), NULL, NULL, 0, -1, NULL, NULL, "start anew although --out holds a run"},
};

const sae_option *sae_train_option_table(size_t *count)
{
    *count = sizeof table / sizeof *table;
    return table;
}

void sae_train_source_config(const sae_train_options *options, sae_source_config *config)
{
    config->seed = (uint64_t)options->shuffle_seed;
    config->shuffle = options->shuffle;
    config->held_out = options->held_out;
}

/* ---- the grid ------------------------------------------------------------------------------------- */

typedef struct list {
    const char *name;
    char *text; /* a copy, cut at the commas */
    const char **item;
    size_t count;
} list;

static void list_clear(list *l)
{
    sae_free(l->text);
    sae_free(l->item);
    *l = (list){0};
}

static sae_status list_read(list *out, const char *name, const char *text, sae_error *err)
{
    if (!text) return sae_fail(err, SAE_E_ARG, "--%s is missing", name);
    list l = {.name = name, .text = sae_strdup(text), .count = 1};
    for (const char *p = text; *p; p++) l.count += *p == ',';
    l.item = sae_calloc(l.count, sizeof *l.item);
    if (!l.text || !l.item) {
        list_clear(&l);
        return sae_fail_memory(err, name, strlen(text));
    }
    char *p = l.text;
    for (size_t i = 0; i < l.count; i++) {
        size_t length = strcspn(p, ",");
        p[length] = 0;
        l.item[i] = p;
        p += length + 1;
        sae_status status = SAE_OK;
        if (!*l.item[i]) status = sae_fail(err, SAE_E_ARG, "--%s %s has an empty entry", name, text);
        for (size_t j = 0; status == SAE_OK && j < i; j++)
            if (strcmp(l.item[i], l.item[j]) == 0)
                status = sae_fail(err, SAE_E_ARG, "--%s %s names %s twice", name, text, l.item[i]);
        if (status != SAE_OK) {
            list_clear(&l);
            return status;
        }
    }
    *out = l;
    return SAE_OK;
}

static sae_status read_number(const char *name, const char *text, double min, double max, int64_t *out, sae_error *err)
{
    const sae_option option = {.name = name, .type = SAE_OPT_INT, .min = min, .max = max};
    return sae_option_set(&option, out, text, err);
}

static sae_status read_arch(const char *text, sae_arch *out, sae_error *err)
{
    const sae_arch trained[] = {SAE_ARCH_TOPK, SAE_ARCH_BATCHTOPK};
    for (size_t i = 0; i < sizeof trained / sizeof *trained; i++)
        if (strcmp(text, sae_arch_name(trained[i])) == 0) {
            *out = trained[i];
            return SAE_OK;
        }
    return sae_fail(err, SAE_E_ARG, "--arch is \"%s\"; it must be topk or batchtopk", text);
}

static sae_status read_lr(const char *text, int64_t width, double *out, sae_error *err)
{
    if (strcmp(text, "auto") == 0) {
        *out = fmin(2e-3, 4e-4 * sqrt(16384.0 / (double)width));
        return SAE_OK;
    }
    const sae_option option = {.name = "lr", .type = SAE_OPT_FLOAT, .min = 0, .max = 1e3};
    return sae_option_set(&option, out, text, err);
}

enum { ARCH, WIDTH, K, LR, SEED, LISTS };

static sae_status read_config(const sae_train_options *options, const list *lists, const size_t *at,
                              sae_train_config *config, sae_error *err)
{
    sae_status status;
    const char *item[LISTS];
    for (int l = 0; l < LISTS; l++) item[l] = lists[l].item[at[l]];
    int64_t seed;
    SAE_TRY(read_arch(item[ARCH], &config->arch, err));
    SAE_TRY(read_number("width", item[WIDTH], 1, 1 << 26, &config->width, err));
    SAE_TRY(read_number("k", item[K], 1, 1 << 26, &config->k, err));
    SAE_TRY(read_lr(item[LR], config->width, &config->lr, err));
    SAE_TRY(read_number("seed", item[SEED], 0, 9e15, &seed, err));
    config->seed = (uint64_t)seed;
    config->shared = *options;
    if (config->k > config->width) {
        status = sae_fail(err, SAE_E_ARG,
                          "--k is %lld, more than --width %lld: no SAE can have more active latents than latents",
                          (long long)config->k, (long long)config->width);
        goto done;
    }
    bool single = true;
    for (int l = 0; l < LISTS; l++) single &= lists[l].count == 1;
    int used = 0, size = (int)sizeof config->name;
    if (!single) {
        used = snprintf(config->name, sizeof config->name, "%s-%lld-k%lld", item[ARCH], (long long)config->width,
                        (long long)config->k);
        if (lists[LR].count > 1) used += snprintf(config->name + used, (size_t)(size - used), "-lr%s", item[LR]);
        if (lists[SEED].count > 1 && used < size)
            used += snprintf(config->name + used, (size_t)(size - used), "-s%s", item[SEED]);
    }
    if (used >= size) status = sae_fail(err, SAE_E_ARG, "the list entries are too long for a directory name");
done:
    return status;
}

sae_status sae_train_grid(const sae_train_options *options, sae_train_config **configs, size_t *count, sae_error *err)
{
    sae_status status;
    sae_train_config *made = NULL;
    list lists[LISTS] = {{0}};
    const char *names[LISTS] = {"arch", "width", "k", "lr", "seed"};
    const char *texts[LISTS] = {options->arch, options->width, options->k, options->lr, options->seed};
    size_t total = 1, at[LISTS] = {0};
    for (int l = 0; l < LISTS; l++) {
        SAE_TRY(list_read(&lists[l], names[l], texts[l], err));
        if (!sae_mul_size(total, lists[l].count, &total) || total > 10000) {
            status = sae_fail(err, SAE_E_ARG, "the lists make more than 10,000 SAEs");
            goto done;
        }
    }
    made = calloc(total, sizeof *made);
    if (!made) {
        status = sae_fail_memory(err, "the grid", total * sizeof *made);
        goto done;
    }
    for (size_t i = 0; i < total; i++) {
        SAE_TRY(read_config(options, lists, at, &made[i], err));
        for (size_t j = 0; j < i; j++) /* "1000,1k" */
            if (*made[i].name && strcmp(made[i].name, made[j].name) == 0) {
                status = sae_fail(err, SAE_E_ARG, "the lists make %s twice", made[i].name);
                goto done;
            }
        for (int l = LISTS - 1; l >= 0; l--) {
            if (++at[l] < lists[l].count) break;
            at[l] = 0;
        }
    }
    *configs = made;
    *count = total;
    made = NULL;
done:
    free(made);
    for (int l = 0; l < LISTS; l++) list_clear(&lists[l]);
    return status;
}
