/* Text and colours of SVG pictures. */
#ifndef SAE_REPORT_SVG_H
#define SAE_REPORT_SVG_H

#include <stdint.h>
#include <stdio.h>

/* Escaped for XML; what XML cannot hold (bytes that are not UTF-8, control characters) becomes U+FFFD. */
void sae_svg_text(FILE *stream, const char *text);
/* "1,234,567" */
void sae_svg_count(FILE *stream, int64_t value);

/* Colours of kinds of SAE: told apart with any kind of colour vision, readable as text on a light and on a dark
 * ground. Writes CSS rules for the classes c0, c1, …, numbered as sae_arch (currentColor), and for ground (.g), text
 * (.t; .m: less important), grid lines (.l), axes (.a) and bands under other lines (.b). */
void sae_svg_style(FILE *stream);

#endif
