/* JSON text, written piece by piece. Strings may hold anything and may stand within a <script> element. */
#ifndef SAE_EXPORT_JSON_H
#define SAE_EXPORT_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* UTF-8 in quotes; bytes that are none become U+FFFD. <, >, &, NUL and other controls, U+2028, U+2029 and marks of
 * direction are written as \uXXXX. */
void sae_json_put_text(FILE *out, const char *text, size_t size);
/* The same for text that ends with NUL. */
void sae_json_put_word(FILE *out, const char *text);
/* `digits` significant digits; null for NaN and infinities. */
void sae_json_put_real(FILE *out, double value, int digits);
/* [v, v, …] */
void sae_json_put_reals(FILE *out, const double *values, size_t count, int digits);

#endif
