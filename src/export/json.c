#include "export/json.h"

#include "base/utf8.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Characters that are not written as they are: what ends a <script>, what old parsers take for ends of lines, and what
 * would turn the text around it. */
static bool escaped(uint32_t c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == 0x7f ||
           (c >= 0x80 && c < 0xa0) || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void sae_json_put_text(FILE *out, const char *text, size_t size)
{
    size_t skip;
    fputc('"', out);
    for (size_t at = 0; at < size;) {
        size_t step = sae_utf8_step(text + at, size - at, &skip);
        uint32_t c = step ? sae_utf8_decode(text + at, step) : 0;
        if (step == 0)
            fputs("\\ufffd", out);
        else if (escaped(c))
            fprintf(out, "\\u%04x", c);
        else
            fwrite(text + at, 1, step, out);
        at += step ? step : skip;
    }
    fputc('"', out);
}

void sae_json_put_word(FILE *out, const char *text)
{
    sae_json_put_text(out, text, strlen(text));
}

void sae_json_put_real(FILE *out, double value, int digits)
{
    if (isfinite(value))
        fprintf(out, "%.*g", digits, value);
    else
        fputs("null", out);
}

void sae_json_put_reals(FILE *out, const double *values, size_t count, int digits)
{
    fputc('[', out);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) fputc(',', out);
        sae_json_put_real(out, values[i], digits);
    }
    fputc(']', out);
}
