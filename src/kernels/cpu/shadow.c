#include "kernels/shadow.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

enum { PIECE = 512 }; /* values that are rounded at a time, a multiple of every step */

/* Bytes of a value, and dimensions that a product takes at a time. */
static int64_t value_size(sae_screen_kind kind)
{
    return kind == SAE_SCREEN_INT8 ? 1 : 2;
}

int64_t sae_shadow_depth(sae_screen_kind kind, int64_t d)
{
    int64_t step = 64 / value_size(kind);
    return (d + step - 1) / step * step;
}

int64_t sae_shadow_words(const sae_shadow *shadow)
{
    return shadow->depth * value_size(shadow->kind) / 4;
}

static int64_t panels_of(int64_t n)
{
    return (n + SAE_SHADOW_PANEL - 1) / SAE_SHADOW_PANEL;
}

double sae_shadow_bytes(sae_screen_kind kind, int64_t n, int64_t d)
{
    if (kind == SAE_SCREEN_FP32) return 4 * (double)n;
    double rows = (double)(panels_of(n) * SAE_SHADOW_PANEL);
    return rows * (double)sae_shadow_depth(kind, d) * (double)value_size(kind) +
           (kind == SAE_SCREEN_INT8 ? 16 + 4 * SAE_SPLIT : 8) * (double)n;
}

sae_status sae_shadow_new(sae_shadow *out, sae_screen_kind kind, int64_t n, int64_t d, sae_error *err)
{
    sae_shadow s = {.kind = kind, .n = n, .d = d, .norm = sae_alloc((size_t)n, sizeof *s.norm)};
    bool ready = s.norm != NULL;
    if (ready && kind != SAE_SCREEN_FP32) {
        size_t words;
        s.depth = sae_shadow_depth(kind, d);
        s.error = sae_alloc((size_t)n, sizeof *s.error);
        ready =
            s.error && sae_mul_size((size_t)(panels_of(n) * SAE_SHADOW_PANEL), (size_t)sae_shadow_words(&s), &words);
        if (ready && kind == SAE_SCREEN_INT8) {
            s.scale = sae_alloc((size_t)n, sizeof *s.scale);
            s.sum = sae_alloc((size_t)n, sizeof *s.sum);
            s.columns = sae_alloc((size_t)n, SAE_SPLIT * sizeof *s.columns);
            ready = s.scale && s.sum && s.columns;
        }
        if (ready) s.rows = sae_alloc(words, sizeof *s.rows);
        ready = ready && s.rows;
        if (ready && n % SAE_SHADOW_PANEL > 0) {
            size_t panel = SAE_SHADOW_PANEL * (size_t)sae_shadow_words(&s);
            memset(s.rows + words - panel, 0, panel * sizeof *s.rows);
        }
    }
    if (!ready) {
        sae_shadow_clear(&s);
        return sae_fail_memory(err, "what the screen knows of an encoder", (size_t)sae_shadow_bytes(kind, n, d));
    }
    *out = s;
    return SAE_OK;
}

void sae_shadow_clear(sae_shadow *s)
{
    sae_free(s->rows);
    sae_free(s->scale);
    sae_free(s->sum);
    sae_free(s->columns);
    sae_free(s->norm);
    sae_free(s->error);
    *s = (sae_shadow){0};
}

float sae_root_above(double square)
{
    /* the root is right to 2⁻³⁰, rounding to float to 2⁻²⁴: inside the two steps up */
    return nextafterf(nextafterf((float)sqrt(square), HUGE_VALF), HUGE_VALF);
}

float sae_norm_above(const sae_ops *ops, const float *v, int64_t d)
{
    return sae_root_above(ops->sum_squares(v, d));
}

float sae_byte_scale(const sae_ops *ops, const float *x, int64_t d, float *inverse)
{
    float most = ops->max_abs(x, d);
    bool fits = most >= 0x1p-100f; /* not for NaN; below, the inverse would overflow */
    *inverse = fits ? 127 / most : 0;
    return fits ? most / 127 : 0;
}

static uint32_t *panel_row(const sae_shadow *s, int64_t i)
{
    return s->rows + i / SAE_SHADOW_PANEL * SAE_SHADOW_PANEL * sae_shadow_words(s) + i % SAE_SHADOW_PANEL;
}

static void row_int8(const sae_shadow *s, const sae_ops *ops, int64_t i, const float *w)
{
    uint32_t *to = panel_row(s, i);
    float inverse;
    double square = 0;
    s->scale[i] = sae_byte_scale(ops, w, s->d, &inverse);
    s->sum[i] = 0;
    for (int64_t j = 0; j < s->d; j += PIECE) {
        int8_t bytes[PIECE] = {0};
        int64_t count = s->d - j < PIECE ? s->d - j : PIECE, end = s->depth - j < PIECE ? s->depth - j : PIECE;
        square += ops->to_int8(w + j, count, inverse, s->scale[i], 0, (uint8_t *)bytes);
        for (int64_t k = 0; k < count; k++) s->sum[i] += bytes[k];
        for (int64_t k = 0; k < end; k += 4) {
            memcpy(to, bytes + k, sizeof *to);
            to += SAE_SHADOW_PANEL;
        }
    }
    s->error[i] = sae_root_above(square);
}

static void row_bf16(const sae_shadow *s, const sae_ops *ops, int64_t i, const float *w)
{
    uint32_t *to = panel_row(s, i);
    double square = 0;
    for (int64_t j = 0; j < s->d; j += PIECE) {
        uint16_t rounded[PIECE] = {0};
        int64_t count = s->d - j < PIECE ? s->d - j : PIECE, end = s->depth - j < PIECE ? s->depth - j : PIECE;
        square += ops->to_bf16(w + j, count, rounded);
        for (int64_t k = 0; k < end; k += 2) {
            memcpy(to, rounded + k, sizeof *to);
            to += SAE_SHADOW_PANEL;
        }
    }
    s->error[i] = sae_root_above(square);
}

void sae_shadow_row(const sae_shadow *s, const sae_ops *ops, int64_t i, const float *w)
{
    s->norm[i] = sae_norm_above(ops, w, s->d);
    if (s->kind == SAE_SCREEN_BF16) row_bf16(s, ops, i, w);
    if (s->kind == SAE_SCREEN_INT8) row_int8(s, ops, i, w);
}

void sae_shadow_fill(const sae_shadow *s, const float *W, int threads)
{
    const sae_ops *ops = sae_ops_best();
    int64_t panels = panels_of(s->n);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t panel = 0; panel < panels; panel++) {
        int64_t first = panel * SAE_SHADOW_PANEL, rest = s->n - first;
        int64_t end = first + (rest < SAE_SHADOW_PANEL ? rest : SAE_SHADOW_PANEL);
        for (int64_t i = first; i < end; i++) sae_shadow_row(s, ops, i, W + i * s->d);
    }
}
