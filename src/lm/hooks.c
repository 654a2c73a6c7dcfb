/* Hook points: their names, and activations at them. */
#include "lm/gpt2.h"

#include "base/error.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word; /* --site */
    const char *name; /* after "blocks.L." */
    int steps;        /* steps of the block that are done when the value is complete */
} sites[] = {
    [SAE_HOOK_RESID_PRE] = {"resid_pre", "hook_resid_pre", 0},
    [SAE_HOOK_RESID_MID] = {"resid_mid", "hook_resid_mid", 3},
    [SAE_HOOK_RESID_POST] = {"resid_post", "hook_resid_post", 6},
    [SAE_HOOK_ATTN_OUT] = {"attn_out", "hook_attn_out", 2},
    [SAE_HOOK_MLP_OUT] = {"mlp_out", "hook_mlp_out", 5},
    [SAE_HOOK_Z] = {"z", "attn.hook_z", 1},
    [SAE_HOOK_MLP_POST] = {"mlp_post", "mlp.hook_post", 4},
};
#define SITES ((int)(sizeof sites / sizeof *sites))

int64_t sae_gpt2_place(sae_hook hook)
{
    return (int64_t)SAE_GPT2_STEPS * hook.layer + sites[hook.site].steps;
}

sae_status sae_hook_site_parse(sae_hook_site *out, const char *word, sae_error *err)
{
    for (int i = 0; i < SITES; i++) {
        if (strcmp(word, sites[i].word) != 0) continue;
        *out = (sae_hook_site)i;
        return SAE_OK;
    }
    char shown[64];
    sae_printable(word, strlen(word), shown, sizeof shown);
    return sae_fail(err, SAE_E_ARG,
                    "there is no site \"%s\"; sites are resid_pre, resid_mid, resid_post, attn_out, mlp_out, z and "
                    "mlp_post",
                    shown);
}

/* "blocks.L." at the start of name: *layer = L; the rest, or NULL. */
static const char *parse_layer(const char *name, int64_t *layer)
{
    static const char start[] = "blocks.";
    if (strncmp(name, start, sizeof start - 1) != 0) return NULL;
    const char *digits = name + sizeof start - 1;
    size_t count = strspn(digits, "0123456789");
    if (count < 1 || count > 9 || digits[count] != '.') return NULL;
    *layer = strtol(digits, NULL, 10);
    return digits + count + 1;
}

sae_status sae_hook_parse(sae_hook *out, const sae_lm *lm, const char *name, sae_error *err)
{
    char shown[96];
    int64_t layer;
    sae_printable(name, strlen(name), shown, sizeof shown);
    const char *rest = parse_layer(name, &layer);
    for (int i = 0; rest && i < SITES; i++) {
        if (strcmp(rest, sites[i].name) != 0) continue;
        sae_hook hook = {.layer = (int)layer, .site = (sae_hook_site)i};
        sae_status status = sae_hook_check(lm, hook, err);
        if (status == SAE_OK) *out = hook;
        return status;
    }
    return sae_fail(err, SAE_E_ARG,
                    "there is no hook \"%s\"; hooks are blocks.L. followed by hook_resid_pre, hook_resid_mid, "
                    "hook_resid_post, hook_attn_out, hook_mlp_out, attn.hook_z or mlp.hook_post, L from 0 to %lld",
                    shown, (long long)(lm->config.layers - 1));
}

sae_status sae_hook_check(const sae_lm *lm, sae_hook hook, sae_error *err)
{
    if ((int)hook.site < 0 || (int)hook.site >= SITES)
        return sae_fail(err, SAE_E_ARG, "there is no hook site number %d", (int)hook.site);
    if (hook.layer < 0 || hook.layer >= lm->config.layers)
        return sae_fail(err, SAE_E_ARG, "layer %d: the model %s has the layers 0 to %lld", hook.layer, lm->name,
                        (long long)(lm->config.layers - 1));
    return SAE_OK;
}

void sae_hook_name(sae_hook hook, char *out, size_t size)
{
    snprintf(out, size, "blocks.%d.%s", hook.layer, sites[hook.site].name);
}

int64_t sae_hook_width(const sae_lm *lm, sae_hook hook)
{
    return hook.site == SAE_HOOK_MLP_POST ? lm->config.d_mlp : lm->config.d;
}

bool sae_hook_is_residual(sae_hook hook)
{
    return hook.site == SAE_HOOK_RESID_PRE || hook.site == SAE_HOOK_RESID_MID || hook.site == SAE_HOOK_RESID_POST;
}

typedef struct capture {
    const int32_t *tokens;
    const sae_hook *hooks;
    size_t n_hooks;
    bool center;
    float *const *out;
    int64_t last; /* place of the last hook */
} capture;

static void copy_hook(const capture *c, size_t h, const sae_gpt2_tile *tile, int64_t first)
{
    const int64_t width = sae_hook_width(tile->lm, c->hooks[h]);
    const float *value = sae_gpt2_value(tile, c->hooks[h].site);
    float *out = c->out[h] + first * tile->ctx * width;
    if (!c->center || !sae_hook_is_residual(c->hooks[h])) {
        memcpy(out, value, (size_t)(tile->rows * width) * sizeof *out);
        return;
    }
    for (int64_t r = 0; r < tile->rows; r++, value += width, out += width)
        tile->ops->add_scalar(width, value, -tile->ops->mean(width, value), out);
}

static sae_status capture_tile(void *ud, sae_gpt2_tile *tile, int64_t first, sae_error *err)
{
    const capture *c = ud;
    sae_gpt2_embed(tile, c->tokens + first * tile->ctx, tile->contexts);
    for (int64_t place = 0;; place++) {
        for (size_t h = 0; h < c->n_hooks; h++)
            if (sae_gpt2_place(c->hooks[h]) == place) copy_hook(c, h, tile, first);
        if (place == c->last) return SAE_OK;
        sae_status status = sae_gpt2_step(tile, place, err);
        if (status != SAE_OK) return status;
    }
}

sae_status sae_lm_hooks(const sae_lm *lm, const int32_t *tokens, int64_t batch, int64_t ctx, const sae_hook *hooks,
                        size_t n_hooks, bool center_residual, float *const *out, const sae_env *env, sae_error *err)
{
    capture c = {.tokens = tokens, .hooks = hooks, .n_hooks = n_hooks, .center = center_residual, .out = out};
    sae_status status = sae_gpt2_check_tokens(lm, tokens, batch, ctx, err);
    if (status == SAE_OK && n_hooks == 0) status = sae_fail(err, SAE_E_ARG, "no hook was given");
    for (size_t h = 0; h < n_hooks && status == SAE_OK; h++) {
        status = sae_hook_check(lm, hooks[h], err);
        if (status == SAE_OK && sae_gpt2_place(hooks[h]) > c.last) c.last = sae_gpt2_place(hooks[h]);
    }
    return status == SAE_OK ? sae_gpt2_for_tiles(lm, batch, ctx, capture_tile, &c, env, err) : status;
}
