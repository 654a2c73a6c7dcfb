/* Text and colours of SVG pictures. */
#ifndef SAE_REPORT_SVG_H
#define SAE_REPORT_SVG_H

#include <stdio.h>

/* Escaped for XML and HTML, for text and for attributes in double quotes; what XML cannot hold (bytes that are not
 * UTF-8, control characters) becomes U+FFFD. */
void sae_svg_text(FILE *stream, const char *text);
/* CSS rules of pictures, for a <style> of a picture or of a page. Colours of kinds of SAE: told apart with any kind of
 * colour vision, readable as text on a light and on a dark ground, as the classes c0, c1, …, numbered as sae_arch
 * (currentColor). Of two SAEs: cl the large one, cs the small one; cr what is random; ck the colour of text. Ground
 * (g), text (t; m: less important; h: a heading; n: a number that counts; o: with a rim that sets it off from what lies
 * below), grid lines (l), axes (a) and bands under other lines (b). */
void sae_svg_rules(FILE *stream);

#endif
