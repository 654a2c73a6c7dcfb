/* Tables by cosine: classes of 0.1 from −1 to 1; the last one includes 1. */
#ifndef SAE_REPORT_COSINE_CLASS_H
#define SAE_REPORT_COSINE_CLASS_H

#include "report/words.h"

#define SAE_COSINE_CLASSES 20

int sae_cosine_class(double cosine);
/* "0.6 to 0.7" */
sae_words sae_cosine_class_words(int class);

#endif
