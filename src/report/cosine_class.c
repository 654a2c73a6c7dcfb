#include "report/cosine_class.h"

#include <math.h>
#include <stdio.h>

#define ROUNDING 1e-9 /* a cosine of 0.7 belongs to the class from 0.7, whatever its last bit */

int sae_cosine_class(double cosine)
{
    int class = (int)floor(cosine * (SAE_COSINE_CLASSES / 2) + ROUNDING) + SAE_COSINE_CLASSES / 2;
    return class < 0 ? 0 : class >= SAE_COSINE_CLASSES ? SAE_COSINE_CLASSES - 1 : class;
}

sae_words sae_cosine_class_words(int class)
{
    sae_words words;
    double low = (class - SAE_COSINE_CLASSES / 2) / 10.0;
    int length = snprintf(words.text, sizeof words.text, "%.20s to ", sae_fixed_words(low, 1).text);
    snprintf(words.text + length, sizeof words.text - (size_t)length, "%.20s", sae_fixed_words(low + 0.1, 1).text);
    return words;
}
