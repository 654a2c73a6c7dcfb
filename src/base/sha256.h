/* SHA-256 (FIPS 180-4), for what a page's content security policy must name. */
#ifndef SAE_BASE_SHA256_H
#define SAE_BASE_SHA256_H

#include <stddef.h>

#define SAE_SHA256_BYTES 32

void sae_sha256(const void *data, size_t length, unsigned char digest[SAE_SHA256_BYTES]);

#endif
