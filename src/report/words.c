#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MINUS "\xe2\x88\x92"

sae_words sae_count_words(int64_t value)
{
    sae_words words = {{0}};
    char digits[24], *to = words.text;
    int n =
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)(value < 0 ? -(uint64_t)value : (uint64_t)value));
    if (value < 0) to = stpcpy(to, MINUS);
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) *to++ = ',';
        *to++ = digits[i];
    }
    return words;
}

/* Commas between the thousands of a decimal number's integer part, and a true minus sign. */
static sae_words grouped(const char *number)
{
    sae_words words = {{0}};
    char *to = words.text;
    if (*number == '-') {
        if (strpbrk(number, "123456789")) to = stpcpy(to, MINUS);
        number++;
    }
    int whole = (int)strspn(number, "0123456789");
    for (int i = 0; number[i]; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0) *to++ = ',';
        *to++ = number[i];
    }
    return words;
}

sae_words sae_fixed_words(double value, int decimals)
{
    char number[64];
    if (!isfinite(value)) return (sae_words){"unknown"};
    snprintf(number, sizeof number, "%.*f", decimals, fabs(value) < 1e15 ? value : copysign(1e15, value));
    return grouped(number);
}

sae_words sae_real_words(double value, int digits)
{
    sae_words words;
    if (!isfinite(value)) return (sae_words){"unknown"};
    if (value == 0) return (sae_words){"0"};
    double size = fabs(value);
    if (size < 1e-5 || size >= 1e9) {
        snprintf(words.text, sizeof words.text, "%s%.*e", value < 0 ? MINUS : "", digits - 1, size);
        return words;
    }
    /* the exponent after rounding: 9.996 to three digits is 10.0 */
    snprintf(words.text, sizeof words.text, "%.*e", digits - 1, size);
    int exponent = 0;
    sscanf(strchr(words.text, 'e') + 1, "%d", &exponent);
    return sae_fixed_words(value, digits - 1 > exponent ? digits - 1 - exponent : 0);
}

sae_words sae_short_words(double value)
{
    char number[64];
    if (!isfinite(value)) return (sae_words){"unknown"};
    snprintf(number, sizeof number, "%.3g", value);
    return grouped(number);
}

sae_words sae_percent_words(int64_t part, int64_t whole)
{
    sae_words words;
    double percent = whole > 0 ? 100.0 * (double)part / (double)whole : NAN;
    bool plain = (percent >= 1 && percent <= 99) || part == 0 || part == whole;
    snprintf(words.text, sizeof words.text, "%.80s\xc2\xa0%%", sae_fixed_words(percent, plain ? 0 : 1).text);
    return words;
}

sae_words sae_share_words(int64_t part, int64_t whole)
{
    sae_words words;
    int length = snprintf(words.text, sizeof words.text, "%.30s of ", sae_count_words(part).text);
    length += snprintf(words.text + length, sizeof words.text - (size_t)length, "%.30s", sae_count_words(whole).text);
    if (whole > 0)
        snprintf(words.text + length, sizeof words.text - (size_t)length, " (%.16s)",
                 sae_percent_words(part, whole).text);
    return words;
}

sae_words sae_interval_words(const sae_interval *interval, int digits)
{
    sae_words words;
    int length = snprintf(words.text, sizeof words.text, "95\xc2\xa0%% interval %.32s to ",
                          sae_real_words(interval->low, digits).text);
    snprintf(words.text + length, sizeof words.text - (size_t)length, "%.32s",
             sae_real_words(interval->high, digits).text);
    return words;
}

sae_words sae_plural_words(int64_t count, const char *noun)
{
    sae_words words;
    snprintf(words.text, sizeof words.text, "%.40s %.40s%s", sae_count_words(count).text, noun, count == 1 ? "" : "s");
    return words;
}
