#include "base/utf8.h"

#include <string.h>

/* Bytes that may follow the first one: all 80 … BF but for the second byte after these four, where the
 * narrower ranges keep out overlong forms, surrogates and what lies beyond U+10FFFF. */
static bool second_byte_fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return second >= 0x80 && second <= 0xbf;
    }
}

size_t sae_utf8_step(const char *text, size_t length, size_t *skip)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t need;
    *skip = 1;
    if (p[0] < 0x80) return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        need = 2;
    else if (p[0] >= 0xe0 && p[0] <= 0xef)
        need = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        need = 4;
    else
        return 0;
    for (size_t i = 1; i < need; i++) {
        bool fits = i < length && (i == 1 ? second_byte_fits(p[0], p[1]) : (p[i] & 0xc0) == 0x80);
        if (!fits) {
            *skip = i;
            return 0;
        }
    }
    return need;
}

uint32_t sae_utf8_decode(const char *text, size_t step)
{
    const unsigned char *p = (const unsigned char *)text;
    static const unsigned char first_bits[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = p[0] & first_bits[step];
    for (size_t i = 1; i < step; i++) code = code << 6 | (p[i] & 0x3fu);
    return code;
}

size_t sae_utf8_valid_prefix(const char *text, size_t length)
{
    size_t at = 0, skip;
    while (at < length) {
        uint64_t eight;
        while (at + 8 <= length && (memcpy(&eight, text + at, 8), (eight & 0x8080808080808080u) == 0)) at += 8;
        if (at == length) break;
        size_t step = sae_utf8_step(text + at, length - at, &skip);
        if (step == 0) break;
        at += step;
    }
    return at;
}

size_t sae_utf8_repair(const char *text, size_t length, char *out)
{
    size_t at = 0, written = 0, skip;
    while (at < length) {
        size_t valid = sae_utf8_valid_prefix(text + at, length - at);
        if (out) memcpy(out + written, text + at, valid);
        at += valid;
        written += valid;
        if (at == length) break;
        sae_utf8_step(text + at, length - at, &skip);
        if (out) memcpy(out + written, SAE_UTF8_REPLACEMENT, 3);
        at += skip;
        written += 3;
    }
    return written;
}
