/* UTF-8: stepping over characters, and replacing what is not UTF-8. */
#ifndef SAE_BASE_UTF8_H
#define SAE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAE_UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Length of the valid character at text[0 … length), length ≥ 1, or 0 if there is none; then *skip is the
 * length of the maximal invalid part (1 to 3 bytes): the longest start of a valid character, or one byte. */
size_t sae_utf8_step(const char *text, size_t length, size_t *skip);

/* The code point of a valid character of `step` bytes. */
uint32_t sae_utf8_decode(const char *text, size_t step);

/* Length of the valid UTF-8 at the start of text. */
size_t sae_utf8_valid_prefix(const char *text, size_t length);

/* Copies text to out with every maximal invalid part replaced by U+FFFD and returns the length of the
 * result; out has room for 3·length bytes, or is NULL to only count. */
size_t sae_utf8_repair(const char *text, size_t length, char *out);

#endif
