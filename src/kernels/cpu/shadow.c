#include "kernels/shadow.h"

#include "base/alloc.h"
#include "base/error.h"

#include <float.h>
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
        if (ready) s.rows = sae_alloc_large(words, sizeof *s.rows);
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

/* Rounding to float is right to 2⁻²⁴, or 2⁻¹⁵⁰ among denormals, and x to 2⁻³⁰: less than what is added. */
static float float_above(double x)
{
    return (float)(x * (1 + 0x1p-22) + 0x1p-149);
}

float sae_root_above(double square)
{
    return float_above(sqrt(square));
}

/* The square of the norm by the fixed-order dot: a term takes part in a product and at most d/LANES + log₂ LANES sums,
 * and what is lost below 2⁻¹²⁶ is nothing beside 2⁻⁶⁰. What that cannot hold is summed in double. */
float sae_norm_above(const sae_ops *ops, const float *v, int64_t d)
{
    float square = ops->dot(v, v, d);
    if (!(square >= 0x1p-60f && square <= FLT_MAX)) return sae_root_above(ops->sum_squares(v, d));
    double roundings = (double)(d / SAE_DOT_LANES + 8);
    return sae_root_above((double)square * (1 + roundings * 0x1.1p-24));
}

float sae_byte_scale(const sae_ops *ops, const float *x, int64_t d, float *inverse)
{
    float most = ops->max_abs(x, d);
    bool fits = most >= 0x1p-100f && most <= FLT_MAX; /* not for NaN; below, the inverse would overflow */
    *inverse = fits ? 127 / most : 0;
    return fits ? most / 127 : 0;
}

/* Let t_j = fl(inverse·x_j), |t_j| ≤ 127, and q_j the whole number nearest to it. x_j/scale differs from t_j by three
 * roundings, less than 2⁻¹⁵; t_j − q_j is exact; its squares are summed in float, d roundings of 2⁻²⁴ at most. */
float sae_byte_error(float square, int64_t d, float scale, float norm)
{
    if (scale == 0) return norm; /* nothing of x is in its bytes */
    double dims = (double)d, steps = sqrt((double)square * (1 + dims * 0x1p-23)) + sqrt(dims) * 0x1p-15;
    return float_above((double)scale * steps);
}

/* Copies of up to LANE latents of one panel: rounded piece by piece, each piece then written word by word for all of
 * them, so that what lies side by side in a panel is written together. */
enum { LANE = 16 };

typedef struct lane {
    const float *w[LANE];
    int64_t latent[LANE];
    float inverse[LANE]; /* int8 */
    double square[LANE];
    int count;
} lane;

static void round_lane(const sae_shadow *s, const sae_ops *ops, lane *l)
{
    int64_t panel = l->latent[0] / SAE_SHADOW_PANEL, size = value_size(s->kind);
    uint32_t *to = s->rows + panel * SAE_SHADOW_PANEL * sae_shadow_words(s);
    int place[LANE], width = l->count;
    for (int i = 0; i < width; i++) place[i] = (int)(l->latent[i] % SAE_SHADOW_PANEL);
    for (int64_t j = 0; j < s->depth; j += PIECE) {
        uint32_t words[LANE][PIECE / 2];
        int64_t count = s->d - j < PIECE ? s->d - j : PIECE, end = s->depth - j < PIECE ? s->depth - j : PIECE;
        for (int i = 0; i < l->count; i++) {
            unsigned char *bytes = (unsigned char *)words[i];
            if (s->kind == SAE_SCREEN_INT8) {
                int32_t sum;
                l->square[i] += (double)ops->to_int8(l->w[i] + j, count, l->inverse[i], 0, bytes, &sum);
                s->sum[l->latent[i]] += sum;
            } else {
                l->square[i] += ops->to_bf16(l->w[i] + j, count, (uint16_t *)(void *)bytes);
            }
            memset(bytes + count * size, 0, (size_t)((end - count) * size));
        }
        for (int64_t k = 0; k < end * size / 4; k++, to += SAE_SHADOW_PANEL)
            for (int i = 0; i < width; i++) to[place[i]] = words[i][k];
    }
}

static void refresh_lane(const sae_shadow *s, const sae_ops *ops, lane *l)
{
    bool bytes = s->kind == SAE_SCREEN_INT8;
    for (int i = 0; bytes && i < l->count; i++) {
        s->scale[l->latent[i]] = sae_byte_scale(ops, l->w[i], s->d, &l->inverse[i]);
        s->sum[l->latent[i]] = 0;
    }
    round_lane(s, ops, l);
    for (int i = 0; i < l->count; i++) {
        int64_t latent = l->latent[i];
        s->error[latent] = bytes ? sae_byte_error((float)l->square[i], s->d, s->scale[latent], s->norm[latent])
                                 : sae_root_above(l->square[i]);
    }
}

/* Latents of one list are in one lane as long as they are in the same LANE of a panel. */
void sae_shadow_rows(const sae_shadow *s, const sae_ops *ops, const int32_t *latents, int64_t count, const float *W)
{
    for (int64_t at = 0; at < count;) {
        lane l = {0};
        int32_t place = latents[at] / LANE;
        for (; at < count && l.count < LANE && latents[at] / LANE == place; at++, l.count++) {
            l.latent[l.count] = latents[at];
            l.w[l.count] = W + latents[at] * s->d;
            s->norm[latents[at]] = sae_norm_above(ops, l.w[l.count], s->d);
        }
        if (s->kind != SAE_SCREEN_FP32) refresh_lane(s, ops, &l);
    }
}

void sae_shadow_fill(const sae_shadow *s, const float *W, int threads)
{
    const sae_ops *ops = sae_ops_best();
    int64_t panels = panels_of(s->n);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t panel = 0; panel < panels; panel++) {
        int32_t latents[SAE_SHADOW_PANEL];
        int64_t first = panel * SAE_SHADOW_PANEL, rest = s->n - first, count = 0;
        for (; count < SAE_SHADOW_PANEL && count < rest; count++) latents[count] = (int32_t)(first + count);
        sae_shadow_rows(s, ops, latents, count, W);
    }
}
