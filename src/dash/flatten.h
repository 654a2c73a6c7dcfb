/* JSON documents with their arrays of numbers taken out, which become vectors that can be read one by one. */
#ifndef SAE_DASH_FLATTEN_H
#define SAE_DASH_FLATTEN_H

#include <jansson.h>
#include <sae/status.h>
#include <stdint.h>

/* Receives a vector; NaN for null. */
typedef sae_status (*sae_flatten_fn)(void *ud, const char *name, const double *values, int64_t count, sae_error *err);

/* *out = a copy of `document` in which
 *   an array of three or more numbers   is {"vector": length}; the numbers are vector "a.b" for the array under a and b
 *   an array of objects                 is {"vectors": length, "words": {key: [texts]}}, with one vector "a.b.key" for
 * each key whose values are numbers, or texts (places in the list of words); for lists of numbers "a.b.key" has them
 * all, "a.b.key.starts" where each begins; for lists of lists of equal length "a.b.key.0", "a.b.key.1", … An array that
 * is neither stays as it is. */
sae_status sae_flatten(const json_t *document, sae_flatten_fn emit, void *ud, json_t **out, sae_error *err);

#endif
