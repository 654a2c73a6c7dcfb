/* Whether activations are of the kind that an SAE was trained on. */
#include <sae/model.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct sentence {
    char *out;
    size_t size, used;
} sentence;

static void add(sentence *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(sentence *s, const char *format, ...)
{
    if (s->used >= s->size) return;
    const char *begin = s->used ? "; " : "";
    int length = snprintf(s->out + s->used, s->size - s->used, "%s", begin);
    s->used += (size_t)length;
    if (s->used >= s->size) return;
    va_list args;
    va_start(args, format);
    length = vsnprintf(s->out + s->used, s->size - s->used, format, args);
    va_end(args);
    if (length > 0) s->used += (size_t)length;
}

/* One model has several names: with and without its organisation, and GPT-2 small as TransformerLens calls it. */
static const char *plain_name(const char *model)
{
    const char *slash = strrchr(model, '/');
    if (slash && slash[1]) model = slash + 1;
    return strcasecmp(model, "gpt2-small") == 0 ? "gpt2" : model;
}

static const char *with_or_without(bool yes)
{
    return yes ? "with" : "without";
}

void sae_model_mismatch(const sae_model *model, const sae_acts_meta *acts, char *out, size_t size)
{
    const sae_model_info *info = sae_model_get_info(model);
    sentence s = {.out = out, .size = size};
    if (size) out[0] = 0;
    const sae_acts_meta *trained = &info->acts;
    if (*trained->model && *acts->model && strcasecmp(plain_name(trained->model), plain_name(acts->model)) != 0)
        add(&s, "the SAE was trained on model %s, the activations are of %s", trained->model, acts->model);
    if (*trained->hook_name && *acts->hook_name && strcmp(trained->hook_name, acts->hook_name) != 0)
        add(&s, "the SAE was trained at %s, the activations are of %s", trained->hook_name, acts->hook_name);
    /* A bare array says nothing about itself; its flags are not answers. */
    bool described = *acts->model || *acts->hook_name;
    if (described && info->knows_bos && trained->prepend_bos != acts->prepend_bos)
        add(&s, "the SAE was trained %s a BOS token first in each context, the activations were made %s it",
            with_or_without(trained->prepend_bos), with_or_without(acts->prepend_bos));
    bool residual = strstr(acts->hook_name, "hook_resid_") != NULL;
    if (residual && info->knows_centering && trained->center_residual != acts->center_residual)
        add(&s,
            "the SAE was trained on activations %s their mean over dimensions subtracted, these were made %s that "
            "(--center-residual)",
            with_or_without(trained->center_residual), with_or_without(acts->center_residual));
}
