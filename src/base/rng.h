/* Counter-based random numbers (Philox 4x32-10): draw number i of a stream is a function of (key, i), so
 * nothing depends on threads, order or what else runs. J. Salmon et al., SC 2011. */
#ifndef SAE_BASE_RNG_H
#define SAE_BASE_RNG_H

#include <stdint.h>

/* A stream: the key mixes the user's seed, what the numbers are for, and which SAE they are for. */
typedef struct sae_rng {
    uint32_t key[2];
    uint32_t stream[2];
} sae_rng;

/* purpose: a short constant text such as "init"; salt: e.g. a hash of the SAE's options, or 0. */
sae_rng sae_rng_make(uint64_t seed, const char *purpose, uint64_t salt);

/* Four independent 32-bit words for counter value i. */
void sae_rng_words(const sae_rng *rng, uint64_t i, uint32_t out[4]);
/* 64 random bits; draw i. */
uint64_t sae_rng_u64(const sae_rng *rng, uint64_t i);
/* Uniform in [0, 1) with 53 bits; draw i. */
double sae_rng_uniform(const sae_rng *rng, uint64_t i);
/* Uniform integer in [0, bound), bound ≥ 1, without bias worth speaking of (128-bit multiply); draw i. */
uint64_t sae_rng_below(const sae_rng *rng, uint64_t i, uint64_t bound);
/* Standard normal (Box–Muller, double); draw i. */
double sae_rng_normal(const sae_rng *rng, uint64_t i);

/* items[0 … n) becomes a random permutation of itself (Fisher–Yates), draws 0 … n − 2. */
void sae_rng_shuffle_i64(const sae_rng *rng, int64_t *items, int64_t n);

/* FNV-1a, 64 bits. */
uint64_t sae_hash(const void *data, uint64_t bytes);

#endif
