/* The processor's caches: tiles are cut and sweeps are chosen by them. Results never depend on it. */
#ifndef SAE_BASE_CACHE_H
#define SAE_BASE_CACHE_H

#include <stdint.h>

typedef struct sae_caches {
    int64_t second; /* bytes of the second-level cache for each processor that shares it */
    int64_t last;   /* bytes of the last level */
} sae_caches;

#define SAE_CACHES_HERE "/sys/devices/system/cpu/cpu0/cache"

/* Reads Linux's description of the caches of one processor: folder/indexI/{level,type,size,shared_cpu_list}. What it
 * does not say, or says without sense, is taken to be 1 MB and 32 MB. */
sae_caches sae_caches_read(const char *folder);

#endif
