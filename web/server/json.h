/* From what the store gives to JSON. A NULL result means that memory ran out; it may be handed on, and web_reply_json
 * answers with an error then. */
#ifndef WEB_JSON_H
#define WEB_JSON_H

#include <jansson.h>
#include <sae/store.h>

/* null for NaN and infinities. */
json_t *web_real(double value);
/* The same with six significant digits: activations and cosines, of which there are many. */
json_t *web_short(double value);
/* Text of any bytes as valid UTF-8: each byte that is none becomes the four characters \xE2. */
json_t *web_text(const char *data, size_t size);
/* "" becomes null: how the store says unknown. */
json_t *web_known(const char *text);
json_t *web_ints(const int64_t *values, size_t count);
json_t *web_shorts(const double *values, size_t count);
/* {"f32": base64 of little-endian float32, NaN for null}: arrays of thousands. */
json_t *web_floats(const double *values, size_t count);

/* {first, document, before, after, text:[…], special:[offset, …], acts:[[offset, value], …]}: the
 * text of a token that ends a character
 * which the one before began is null, its bytes stand there. */
json_t *web_passage(const sae_store_passage *passage);
/* {edges, counts} or null. */
json_t *web_hist(const sae_store_hist *hist);

#endif
