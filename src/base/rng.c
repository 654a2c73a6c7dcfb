#include "base/rng.h"

#include <math.h>
#include <string.h>

uint64_t sae_hash(const void *data, uint64_t bytes)
{
    const unsigned char *p = data;
    uint64_t h = 0xcbf29ce484222325u;
    for (uint64_t i = 0; i < bytes; i++) h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

/* splitmix64's finaliser: spreads structured inputs over all bits. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

sae_rng sae_rng_make(uint64_t seed, const char *purpose, uint64_t salt)
{
    uint64_t key = mix(seed), stream = mix(sae_hash(purpose, strlen(purpose)) ^ mix(salt));
    return (sae_rng){.key = {(uint32_t)key, (uint32_t)(key >> 32)},
                     .stream = {(uint32_t)stream, (uint32_t)(stream >> 32)}};
}

void sae_rng_words(const sae_rng *rng, uint64_t i, uint32_t out[4])
{
    uint32_t c[4] = {(uint32_t)i, (uint32_t)(i >> 32), rng->stream[0], rng->stream[1]};
    uint32_t k0 = rng->key[0], k1 = rng->key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k1,
                            (uint32_t)p0};
        memcpy(c, next, sizeof c);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(out, c, sizeof c);
}

uint64_t sae_rng_u64(const sae_rng *rng, uint64_t i)
{
    uint32_t w[4];
    sae_rng_words(rng, i, w);
    return (uint64_t)w[0] << 32 | w[1];
}

double sae_rng_uniform(const sae_rng *rng, uint64_t i)
{
    return (double)(sae_rng_u64(rng, i) >> 11) * 0x1p-53;
}

uint64_t sae_rng_below(const sae_rng *rng, uint64_t i, uint64_t bound)
{
    return (uint64_t)(((unsigned __int128)sae_rng_u64(rng, i) * bound) >> 64);
}

double sae_rng_normal(const sae_rng *rng, uint64_t i)
{
    const double two_pi = 6.283185307179586;
    uint32_t w[4];
    sae_rng_words(rng, i, w);
    double u = ((double)(((uint64_t)w[0] << 32 | w[1]) >> 11) + 1.0) * 0x1p-53; /* (0, 1]: the logarithm is finite */
    double v = (double)(((uint64_t)w[2] << 32 | w[3]) >> 11) * 0x1p-53;
    return sqrt(-2.0 * log(u)) * cos(two_pi * v);
}

void sae_rng_shuffle_i64(const sae_rng *rng, int64_t *items, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)sae_rng_below(rng, (uint64_t)(n - 1 - i), (uint64_t)i + 1);
        int64_t held = items[i];
        items[i] = items[j];
        items[j] = held;
    }
}
