/* Bytes as text (RFC 4648). */
#ifndef SAE_BASE_BASE64_H
#define SAE_BASE_BASE64_H

#include <stddef.h>

#define SAE_BASE64_LENGTH(bytes) (((bytes) + 2) / 3 * 4)

/* out [SAE_BASE64_LENGTH(length) + 1] = the text, padded and NUL-terminated. Texts of pieces whose lengths are
 * multiples of 3 may be joined. */
void sae_base64(const void *data, size_t length, char *out);

#endif
