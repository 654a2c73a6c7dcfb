/* The target of a request, "/path/parts?name=value&…", taken apart. It comes from anybody: nothing is guessed, and what
 * is not well-formed is refused. */
#ifndef WEB_TARGET_H
#define WEB_TARGET_H

#include <sae/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_TARGET_BYTES    8192
#define WEB_TARGET_SEGMENTS 12
#define WEB_TARGET_PARAMS   48

typedef struct web_param {
    const char *name, *value;
} web_param;

/* Texts are decoded, valid UTF-8 without NUL, and live in `text`. */
typedef struct web_target {
    char *text;
    size_t n_segments;
    const char *segments[WEB_TARGET_SEGMENTS];
    size_t n_params;
    web_param params[WEB_TARGET_PARAMS];
} web_target;

/* "/" has no segments. Slashes are told apart before %XX is decoded, so that a segment may hold one. SAE_E_ARG for a
 * target that is longer than WEB_TARGET_BYTES, has empty segments (one slash may end the path), broken %XX, control
 * characters other than tab and line feed, bytes that are no UTF-8, a parameter without a name or given twice, or more
 * parts than there is room for. Clear with web_target_clear, also after an error. */
sae_status web_target_parse(web_target *out, const char *raw, sae_error *err);
void web_target_clear(web_target *target);

/* The value of a parameter, or NULL when it was not given. */
const char *web_target_text(const web_target *target, const char *name);
/* Numbers: *out keeps its value when the parameter was not given. SAE_E_ARG for anything but a number from min to max.
 */
sae_status web_target_int(const web_target *target, const char *name, int64_t min, int64_t max, int64_t *out,
                          sae_error *err);
sae_status web_target_real(const web_target *target, const char *name, double min, double max, double *out,
                           sae_error *err);
/* The place of the value among `words` (NULL-terminated); *out keeps its value when it was not given. */
sae_status web_target_choice(const web_target *target, const char *name, const char *const *words, int *out,
                             sae_error *err);
/* A segment as a number from 0 to max; `what` names it. */
sae_status web_segment_int(const char *segment, const char *what, int64_t max, int64_t *out, sae_error *err);

#endif
