/* Numbers as they stand in sentences and tables of reports. */
#ifndef SAE_REPORT_WORDS_H
#define SAE_REPORT_WORDS_H

#include <sae/compare.h>
#include <stdint.h>

/* Text by value: `fprintf(out, "%s latents", sae_count_words(n).text)`. */
typedef struct sae_words {
    char text[96];
} sae_words;

/* "1,234,567" */
sae_words sae_count_words(int64_t value);
/* `digits` significant digits without an exponent between 1e-5 and 1e9, with a true minus sign; "unknown" for NaN. */
sae_words sae_real_words(double value, int digits);
/* The same without zeros at the end: 0.7. */
sae_words sae_short_words(double value);
/* A fixed number of decimals. */
sae_words sae_fixed_words(double value, int decimals);
/* "60 %", with a decimal where the rounded number would hide that there are some, or not all. */
sae_words sae_percent_words(int64_t part, int64_t whole);
/* "306 of 512 (60 %)" */
sae_words sae_share_words(int64_t part, int64_t whole);
/* "95 % interval 5.29 to 8.77" */
sae_words sae_interval_words(const sae_interval *interval, int digits);
/* "1 latent", "2 latents" */
sae_words sae_plural_words(int64_t count, const char *noun);

#endif
