/* Well-formed UTF-8: what may be written as it is. */
#ifndef CLI_UTF8_H
#define CLI_UTF8_H

#include <stddef.h>

/* Length of the well-formed character at s (RFC 3629: no surrogates, no overlong forms), or 0. */
size_t cli_utf8_length(const char *s, size_t left);

#endif
