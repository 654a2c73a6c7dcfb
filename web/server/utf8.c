#include "web/server/utf8.h"

#include <jansson.h>
#include <string.h>

bool web_utf8_valid(const char *text, size_t length)
{
    if (memchr(text, 0, length)) return false;
    json_t *checked = json_stringn(text, length); /* NULL for what JSON may not hold */
    json_decref(checked);
    return checked != NULL;
}
