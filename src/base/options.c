#include <sae/options.h>

#include "base/error.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *field(const sae_option *option, void *config)
{
    return (char *)config + option->offset;
}

static sae_status set_int(const sae_option *option, void *config, const char *text, sae_error *err)
{
    int64_t *out = field(option, config);
    if (option->zero_word && strcmp(text, option->zero_word) == 0) {
        *out = 0;
        return SAE_OK;
    }
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    int64_t scale = 1;
    if (end != text && *end && end[1] == 0) {
        if (*end == 'k' || *end == 'K') scale = 1000;
        if (*end == 'M') scale = 1000000;
        if (*end == 'G' || *end == 'B') scale = 1000000000;
        if (scale > 1) end++;
    }
    int64_t scaled;
    if (end == text || *end || errno == ERANGE || __builtin_mul_overflow((int64_t)value, scale, &scaled))
        return sae_fail(err, SAE_E_ARG, "--%s takes a whole number, not \"%s\"", option->name, text);
    if (option->max >= option->min && ((double)scaled < option->min || (double)scaled > option->max))
        return sae_fail(err, SAE_E_ARG, "--%s is %lld; it must be from %.15g to %.15g", option->name, (long long)scaled,
                        option->min, option->max);
    *out = scaled;
    return SAE_OK;
}

static sae_status set_float(const sae_option *option, void *config, const char *text, sae_error *err)
{
    double *out = field(option, config);
    if (option->zero_word && strcmp(text, option->zero_word) == 0) {
        *out = 0;
        return SAE_OK;
    }
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value))
        return sae_fail(err, SAE_E_ARG, "--%s takes a number, not \"%s\"", option->name, text);
    if (option->max >= option->min && (value < option->min || value > option->max))
        return sae_fail(err, SAE_E_ARG, "--%s is %g; it must be from %g to %g", option->name, value, option->min,
                        option->max);
    *out = value;
    return SAE_OK;
}

/* Index of `word` in "a|b|c", or −1. */
static int choice_index(const char *choices, const char *word)
{
    size_t length = strlen(word);
    int index = 0;
    for (const char *p = choices;; index++) {
        size_t here = strcspn(p, "|");
        if (here == length && length > 0 && strncmp(p, word, length) == 0) return index;
        if (!p[here]) return -1;
        p += here + 1;
    }
}

static sae_status set_choice(const sae_option *option, int *out, const char *choices, const char *text, sae_error *err)
{
    int index = choice_index(choices, text);
    if (index < 0) {
        char list[256];
        snprintf(list, sizeof list, "%s", choices);
        for (char *p = list; *p; p++)
            if (*p == '|') *p = ' ';
        return sae_fail(err, SAE_E_ARG, "--%s is \"%s\"; it must be one of: %s", option->name, text, list);
    }
    *out = index;
    return SAE_OK;
}

sae_status sae_option_set(const sae_option *option, void *config, const char *text, sae_error *err)
{
    sae_status status = SAE_OK;
    int index = 0;
    switch (option->type) {
    case SAE_OPT_BOOL:
        *(bool *)field(option, config) = true;
        return SAE_OK;
    case SAE_OPT_ON_OFF:
        status = set_choice(option, &index, "off|on", text, err);
        if (status == SAE_OK) *(bool *)field(option, config) = index == 1;
        return status;
    case SAE_OPT_INT:
        return set_int(option, config, text, err);
    case SAE_OPT_FLOAT:
        return set_float(option, config, text, err);
    case SAE_OPT_CHOICE:
        return set_choice(option, field(option, config), option->choices, text, err);
    case SAE_OPT_STRING:
    case SAE_OPT_LIST:
        if (!*text) return sae_fail(err, SAE_E_ARG, "--%s is empty", option->name);
        *(const char **)field(option, config) = text;
        return SAE_OK;
    case SAE_OPT_FILES:
        return sae_fail(err, SAE_E_ARG, "--%s is a list of files, which only the command line can give", option->name);
    }
    return sae_fail(err, SAE_E_ARG, "--%s has an unknown type", option->name);
}

const sae_option *sae_option_find(const sae_option *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

/* The shortest of %.15g, %.16g and %.17g that reads back as the same number. */
static void print_float(double value, char *out, size_t size)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    snprintf(out, size, "%s", text);
}

static void print_files(const char *const *files, char *out, size_t size)
{
    size_t used = 0;
    if (size) out[0] = 0;
    for (; files && *files && used < size; files++) {
        int wrote = snprintf(out + used, size - used, "%s%s", used ? " " : "", *files);
        if (wrote < 0) return;
        used += (size_t)wrote;
    }
}

/* Word `index` of "a|b|c", cut to size. */
static void copy_choice(const char *choices, int index, char *out, size_t size)
{
    for (; index > 0 && *choices; index--) {
        choices += strcspn(choices, "|");
        if (*choices) choices++;
    }
    size_t length = strcspn(choices, "|");
    if (size == 0) return;
    if (length >= size) length = size - 1;
    memcpy(out, choices, length);
    out[length] = 0;
}

void sae_option_get(const sae_option *option, const void *config, char *out, size_t size)
{
    const void *at = (const char *)config + option->offset;
    const char *text = "";
    switch (option->type) {
    case SAE_OPT_BOOL:
    case SAE_OPT_ON_OFF:
        snprintf(out, size, "%s", *(const bool *)at ? "on" : "off");
        return;
    case SAE_OPT_INT:
        if (option->zero_word && *(const int64_t *)at == 0)
            snprintf(out, size, "%s", option->zero_word);
        else
            snprintf(out, size, "%lld", (long long)*(const int64_t *)at);
        return;
    case SAE_OPT_FLOAT:
        if (option->zero_word && *(const double *)at == 0)
            snprintf(out, size, "%s", option->zero_word);
        else
            print_float(*(const double *)at, out, size);
        return;
    case SAE_OPT_CHOICE:
        copy_choice(option->choices, *(const int *)at, out, size);
        return;
    case SAE_OPT_STRING:
    case SAE_OPT_LIST:
        text = *(const char *const *)at;
        break;
    case SAE_OPT_FILES:
        print_files(*(const char *const *const *)at, out, size);
        return;
    }
    snprintf(out, size, "%s", text ? text : "");
}
