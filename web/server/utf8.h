/* UTF-8 that came from outside. */
#ifndef WEB_UTF8_H
#define WEB_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether all of it is well-formed (RFC 3629: no surrogates, no overlong forms) and holds no NUL. */
bool web_utf8_valid(const char *text, size_t length);

#endif
