/* Screens of every kind that this machine has, on problems made of any bytes: the codes of encode are those of brute
 * force, bit for bit. Values repeat, nearly repeat, are outliers, denormals or 0, as the bytes say. */
#include "fuzz/target.h"

#include "kernels/cpu/low_gemm.h"
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { MOST_ROWS = 24, MOST_LATENTS = 200, MOST_K = 40, WIDTHS = 8, HEADER = 12 };
static const int64_t widths[WIDTHS] = {1, 3, 16, 31, 32, 33, 65, 100};

typedef struct bytes {
    const uint8_t *data;
    size_t size, at;
    uint64_t turn; /* grows when the bytes are used up and begin again */
} bytes;

static uint8_t next(bytes *b)
{
    if (b->at == b->size) {
        b->at = HEADER;
        b->turn++;
    }
    return b->data[b->at++];
}

/* A value by one byte: its upper half says how it is made, its lower half how large it is. */
static float value(bytes *b, const sae_rng *rng, int64_t i, int middle, float last)
{
    uint8_t byte = next(b);
    int exponent = middle + (byte & 15) / 4 - 2;
    double random = sae_rng_normal(rng, (uint64_t)i + (b->turn << 32) + ((uint64_t)byte << 48));
    switch (byte >> 4) {
    case 0:
        return 0;
    case 1:
        return last;
    case 2: /* a near tie */
        return nextafterf(last, byte & 1 ? HUGE_VALF : -HUGE_VALF);
    case 3: /* an outlier */
        return (float)ldexp(100 * random, middle);
    case 4: /* a denormal */
        return (float)ldexp(random, -140 + (byte & 15));
    case 5:
        return (float)((byte & 7) - 3);
    case 6: /* every value of a row rounds the same way */
        return (float)ldexp(1 + 0x1p-8 - 0x1p-16, exponent);
    default:
        return (float)ldexp(random, exponent);
    }
}

static void fill(bytes *b, const sae_rng *rng, uint64_t salt, int middle, float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) x[i] = value(b, rng, (int64_t)(salt << 24) + i, middle, i > 0 ? x[i - 1] : 1);
}

/* One encoder for each kind, width and number of threads, for all inputs: what an input leaves behind in it must not
 * matter. */
static sae_encoder *encoder_of(sae_screen_kind kind, int w, int threads)
{
    static sae_encoder *all[SAE_SCREEN_INT8 + 1][WIDTHS][2];
    sae_encoder **here = &all[kind][w][threads - 1];
    sae_env env = {.threads = threads};
    if (!*here) REQUIRE(sae_encoder_new(here, kind, widths[w], MOST_ROWS, MOST_K, MOST_K, &env, NULL) == SAE_OK);
    return *here;
}

static void check_codes(const sae_codes *codes, const float *f, int64_t rows, int64_t n)
{
    static float got[MOST_ROWS * MOST_LATENTS];
    memset(got, 0, sizeof got);
    REQUIRE(codes->rows == rows && codes->row_offsets[0] == 0);
    for (int64_t b = 0; b < rows; b++)
        for (int64_t j = codes->row_offsets[b]; j < codes->row_offsets[b + 1]; j++) {
            REQUIRE(codes->latents[j] >= 0 && codes->latents[j] < n);
            REQUIRE(j == codes->row_offsets[b] || codes->latents[j] > codes->latents[j - 1]);
            got[b * n + codes->latents[j]] = codes->values[j];
        }
    REQUIRE(memcmp(got, f, (size_t)(rows * n) * sizeof *f) == 0);
}

static void check_kind(sae_screen_kind kind, int w, int threads, sae_encode_job job, float cut, const float *f)
{
    sae_shadow shadow;
    sae_codes *codes = sae_codes_new();
    sae_encode_hint hint = {.cut = cut, .margin = 0.02f};
    REQUIRE(codes && sae_shadow_new(&shadow, kind, job.n, job.d, NULL) == SAE_OK);
    sae_shadow_fill(&shadow, job.W_enc, 1);
    job.shadow = &shadow;
    for (int repeat = 0; repeat < 2; repeat++) { /* with a filter out of the blue, and with the one that came of it */
        REQUIRE(sae_codes_reserve(codes, job.rows, job.rows * job.k, NULL) == SAE_OK);
        REQUIRE(sae_encode(encoder_of(kind, w, threads), &job, &hint, codes, NULL, NULL) == SAE_OK);
        check_codes(codes, f, job.rows, job.n);
    }
    sae_codes_free(codes);
    sae_shadow_clear(&shadow);
}

/* The latents that job->subset names, by the bits of the bytes. */
static int64_t choose_subset(bytes *b, int64_t n, int32_t *subset, bool *only)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        only[i] = next(b) & 1;
        if (only[i]) subset[count++] = (int32_t)i;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static float c[MOST_ROWS * 100], W[MOST_LATENTS * 100], bias[MOST_LATENTS], theta[MOST_LATENTS];
    static float f[MOST_ROWS * MOST_LATENTS];
    static int32_t subset[MOST_LATENTS];
    static bool only[MOST_LATENTS];
    if (size < 2 * HEADER) return 0;
    bytes b = {.data = data, .size = size, .at = HEADER};
    sae_rng rng = sae_rng_make(sae_hash((const char *)data, HEADER), "fuzz screens", 0);
    int w = data[0] % WIDTHS, middle = data[4] % 120 - 80, of_weights = data[5] % 60 - 40, threads = 1 + data[6] / 240;
    int64_t d = widths[w], rows = 1 + data[1] % MOST_ROWS, n = 1 + data[2] % MOST_LATENTS;
    sae_filter filter = (sae_filter)(data[7] % 3);
    fill(&b, &rng, 1, middle, c, rows * d);
    fill(&b, &rng, 2, of_weights, W, n * d);
    fill(&b, &rng, 3, middle + of_weights, bias, n);
    fill(&b, &rng, 4, middle + of_weights, theta, n);
    for (int64_t i = 0; i < n; i++) theta[i] = fabsf(theta[i]);
    int64_t k = 1 + data[3] % (n < MOST_K ? n : MOST_K), n_subset = 0;
    bool partial = data[8] % 4 == 0;
    if (partial) n_subset = choose_subset(&b, n, subset, only);
    sae_ref_encode_float(c, rows, d, n, W, bias, filter, k, theta, partial ? only : NULL, f);
    const sae_encode_job job = {.c = c,
                                .rows = rows,
                                .d = d,
                                .n = n,
                                .W_enc = W,
                                .b_enc = bias,
                                .subset = partial ? subset : NULL,
                                .n_subset = n_subset,
                                .filter = filter,
                                .k = k,
                                .theta = theta};
    float cut = data[9] % 3 ? (float)ldexp(1 + data[10] / 256.0, middle + of_weights + data[9] % 8 - 4) : 0;
    for (sae_screen_kind kind = SAE_SCREEN_FP32; kind <= SAE_SCREEN_INT8; kind++)
        if (kind == SAE_SCREEN_FP32 || sae_low_gemm_usable(kind, NULL)) check_kind(kind, w, threads, job, cut, f);
    return 0;
}
