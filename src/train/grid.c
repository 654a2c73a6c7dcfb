/* The grid that the lists of an option set span. */
#include <sae/train.h>

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    for (int arch = 0; arch < SAE_ARCHS; arch++)
        if (strcmp(text, sae_arch_name((sae_arch)arch)) == 0) {
            *out = (sae_arch)arch;
            return SAE_OK;
        }
    return sae_fail(err, SAE_E_ARG, "--arch is \"%s\"; it must be topk, batchtopk, matryoshka, relu or jumprelu", text);
}

static sae_status read_lr(const char *text, double *out, sae_error *err)
{
    if (strcmp(text, "auto") == 0) {
        *out = NAN;
        return SAE_OK;
    }
    const sae_option option = {.name = "lr", .type = SAE_OPT_FLOAT, .min = 0, .max = 1e3};
    return sae_option_set(&option, out, text, err);
}

static sae_status read_real(const char *name, const char *text, double min, double max, double *out, sae_error *err)
{
    const sae_option option = {.name = name, .type = SAE_OPT_FLOAT, .min = min, .max = max};
    return sae_option_set(&option, out, text, err);
}

/* ---- sparsity: k, l0 or lambda --------------------------------------------------------------------- */

enum { ARCH, WIDTH, K, L0, LAMBDA, LR, SEED, LISTS };
static const char *const list_names[LISTS] = {"arch", "width", "k", "l0", "lambda", "lr", "seed"};

static bool has_k(sae_arch arch)
{
    return arch == SAE_ARCH_TOPK || arch == SAE_ARCH_BATCHTOPK || arch == SAE_ARCH_MATRYOSHKA;
}

/* The list that says how sparse SAEs of a kind are. */
static sae_status sparsity_list(const sae_train_options *o, sae_arch arch, int *out, sae_error *err)
{
    const char *name = sae_arch_name(arch);
    if (o->l0 && o->k) return sae_fail(err, SAE_E_ARG, "--l0 and --k say the same thing; give one of them");
    if (has_k(arch)) {
        *out = o->l0 ? L0 : K;
        return SAE_OK;
    }
    if (o->l0 && o->lambda)
        return sae_fail(err, SAE_E_ARG,
                        "--l0 and --lambda exclude each other: λ is given, or found for the L0 asked for");
    if (o->k && !o->lambda)
        return sae_fail(err, SAE_E_ARG, "%s has no k: ask for its mean with --l0 X, or give --lambda F", name);
    *out = o->lambda ? LAMBDA : L0;
    return SAE_OK;
}

static sae_status check_width(const char *option, double value, int64_t width, sae_error *err)
{
    if (value <= (double)width) return SAE_OK;
    return sae_fail(err, SAE_E_ARG,
                    "--%s is %g, more than --width %lld: no SAE can have more active latents than latents", option,
                    value, (long long)width);
}

static sae_status read_sparsity(sae_train_config *config, int which, const char *text, sae_error *err)
{
    sae_status status;
    double value;
    if (which == LAMBDA) return read_real("lambda", text, 0, 1e12, &config->lambda, err);
    if (which == L0 && !has_k(config->arch)) {
        SAE_TRY(read_real("l0", text, 1e-3, 1 << 26, &config->l0, err));
        SAE_TRY(check_width("l0", config->l0, config->width, err));
        goto done;
    }
    SAE_TRY(read_real(list_names[which], text, 1, 1 << 26, &value, err));
    if (value != floor(value)) {
        status = sae_fail(err, SAE_E_ARG, "--%s %s: %s keeps a whole number of latents", list_names[which], text,
                          sae_arch_name(config->arch));
        goto done;
    }
    SAE_TRY(check_width(list_names[which], value, config->width, err));
    config->k = (int64_t)value;
done:
    return status;
}

/* ---- matryoshka ----------------------------------------------------------------------------------------- */

/* One entry: a number of latents, or a share ("1/4", "0.25"; "1" as the last entry is the whole). */
static sae_status read_prefix(const char *text, bool last, int64_t width, double *out, sae_error *err)
{
    sae_status status = SAE_OK;
    bool share = strpbrk(text, "/.") || (last && strcmp(text, "1") == 0);
    double value, parts = 1;
    if (!share) return read_real("prefixes", text, 1, 1 << 26, out, err);
    char numerator[32];
    size_t length = strcspn(text, "/");
    snprintf(numerator, sizeof numerator, "%.*s", (int)(length < 31 ? length : 31), text);
    SAE_TRY(read_real("prefixes", numerator, 0, 1 << 26, &value, err));
    if (text[length]) SAE_TRY(read_real("prefixes", text + length + 1, 1, 1 << 26, &parts, err));
    *out = round(value / parts * (double)width);
done:
    return status;
}

static sae_status read_prefixes(const sae_train_options *o, sae_train_config *config, sae_error *err)
{
    sae_status status;
    list entries = {0};
    bool usual = strcmp(o->prefixes, sae_train_options_default().prefixes) == 0;
    SAE_TRY(list_read(&entries, "prefixes", o->prefixes, err));
    int count = 0;
    for (size_t i = 0; i < entries.count; i++) {
        double end, before = count > 0 ? config->prefix_ends[count - 1] : 0;
        SAE_TRY(read_prefix(entries.item[i], i + 1 == entries.count, config->width, &end, err));
        if (usual && end <= before) continue; /* the usual shares of a very small width fall together */
        if (!(end > before) || end > (double)config->width || count == SAE_MAX_PREFIXES) {
            status =
                count == SAE_MAX_PREFIXES
                    ? sae_fail(err, SAE_E_ARG, "--prefixes %s has more than %d entries", o->prefixes, SAE_MAX_PREFIXES)
                    : sae_fail(err, SAE_E_ARG,
                               "--prefixes %s: entry %s is %g latents of %lld; entries must ascend from 1 to the width",
                               o->prefixes, entries.item[i], end, (long long)config->width);
            goto done;
        }
        config->prefix_ends[count++] = (int32_t)end;
    }
    if (config->prefix_ends[count - 1] != config->width) {
        status =
            sae_fail(err, SAE_E_ARG, "--prefixes %s ends at %d of %lld latents; the last must be the whole width (1)",
                     o->prefixes, config->prefix_ends[count - 1], (long long)config->width);
        goto done;
    }
    config->n_prefixes = count;
done:
    list_clear(&entries);
    return status;
}

/* ---- the grid --------------------------------------------------------------------------------------------- */

/* "batchtopk-512-k8", "jumprelu-512-l016", "relu-512-lambda0.1", with -lrX and -sN when those are lists. */
static sae_status name_config(sae_train_config *config, const list *lists, const char *const *item, int sparsity,
                              sae_error *err)
{
    char value[40];
    if (has_k(config->arch))
        snprintf(value, sizeof value, "k%lld", (long long)config->k);
    else
        snprintf(value, sizeof value, "%s%s", list_names[sparsity], item[sparsity]);
    int size = (int)sizeof config->name, used;
    used = snprintf(config->name, (size_t)size, "%s-%lld-%s", item[ARCH], (long long)config->width, value);
    if (lists[LR].count > 1 && used < size)
        used += snprintf(config->name + used, (size_t)(size - used), "-lr%s", item[LR]);
    if (lists[SEED].count > 1 && used < size)
        used += snprintf(config->name + used, (size_t)(size - used), "-s%s", item[SEED]);
    if (used < size) return SAE_OK;
    return sae_fail(err, SAE_E_ARG, "the list entries are too long for a directory name");
}

static sae_status read_config(const sae_train_options *options, const char *const *item, int sparsity,
                              sae_train_config *config, sae_error *err)
{
    sae_status status;
    int64_t seed;
    SAE_TRY(read_arch(item[ARCH], &config->arch, err));
    SAE_TRY(read_number("width", item[WIDTH], 1, 1 << 26, &config->width, err));
    SAE_TRY(read_sparsity(config, sparsity, item[sparsity], err));
    SAE_TRY(read_lr(item[LR], &config->lr, err));
    SAE_TRY(read_number("seed", item[SEED], 0, 9e15, &seed, err));
    config->seed = (uint64_t)seed;
    config->shared = *options;
    if (config->arch == SAE_ARCH_MATRYOSHKA) SAE_TRY(read_prefixes(options, config, err));
done:
    return status;
}

/* All configurations of one kind, appended to made [*count …]; `single`: nothing else is in the grid. */
static sae_status add_arch(const sae_train_options *options, const list *lists, size_t arch_at, bool single,
                           sae_train_config *made, size_t *count, sae_error *err)
{
    sae_status status;
    sae_arch arch = SAE_ARCHS;
    int sparsity = K;
    const char *item[LISTS] = {0};
    item[ARCH] = lists[ARCH].item[arch_at];
    SAE_TRY(read_arch(item[ARCH], &arch, err));
    SAE_TRY(sparsity_list(options, arch, &sparsity, err));
    single &= lists[WIDTH].count == 1 && lists[sparsity].count == 1 && lists[LR].count == 1 && lists[SEED].count == 1;
    const size_t total = lists[WIDTH].count * lists[sparsity].count * lists[LR].count * lists[SEED].count;
    for (size_t i = 0; i < total; i++) {
        sae_train_config *config = &made[*count];
        size_t rest = i;
        const int order[] = {SEED, LR, sparsity, WIDTH}; /* the last changes slowest */
        for (size_t l = 0; l < sizeof order / sizeof *order; l++) {
            item[order[l]] = lists[order[l]].item[rest % lists[order[l]].count];
            rest /= lists[order[l]].count;
        }
        *config = (sae_train_config){0};
        SAE_TRY(read_config(options, item, sparsity, config, err));
        if (!single) SAE_TRY(name_config(config, lists, item, sparsity, err));
        for (size_t j = 0; !single && j < *count; j++)
            if (strcmp(config->name, made[j].name) == 0) { /* "1000,1k" */
                status = sae_fail(err, SAE_E_ARG, "the lists make %s twice", config->name);
                goto done;
            }
        ++*count;
    }
done:
    return status;
}

sae_status sae_train_grid(const sae_train_options *options, sae_train_config **configs, size_t *count, sae_error *err)
{
    sae_status status;
    sae_train_config *made = NULL;
    list lists[LISTS] = {{0}};
    /* a sparsity that nobody gave is 32 for every kind; lists that no kind uses are read for their errors */
    const char *texts[LISTS] = {options->arch,
                                options->width,
                                options->k ? options->k : "32",
                                options->l0 ? options->l0 : "32",
                                options->lambda ? options->lambda : "0",
                                options->lr,
                                options->seed};
    size_t total = 1, made_count = 0;
    for (int l = 0; l < LISTS; l++) {
        SAE_TRY(list_read(&lists[l], list_names[l], texts[l], err));
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
    for (size_t i = 0; i < lists[ARCH].count; i++)
        SAE_TRY(add_arch(options, lists, i, lists[ARCH].count == 1, made, &made_count, err));
    bool penalised = false;
    for (size_t i = 0; i < made_count; i++) penalised = penalised || !has_k(made[i].arch);
    if (options->lambda && !penalised) {
        status = sae_fail(err, SAE_E_ARG, "--lambda is of relu and jumprelu; %s takes its sparsity from --k",
                          sae_arch_name(made[0].arch));
        goto done;
    }
    *configs = made;
    *count = made_count;
    made = NULL;
done:
    free(made);
    for (int l = 0; l < LISTS; l++) list_clear(&lists[l]);
    return status;
}
