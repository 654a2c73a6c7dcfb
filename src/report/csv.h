/* Fields of CSV files (RFC 4180). */
#ifndef SAE_REPORT_CSV_H
#define SAE_REPORT_CSV_H

#include <stdio.h>

/* Nine significant digits; nothing for NaN: unknown values are empty fields. */
void sae_csv_real(FILE *stream, double value);
/* The same behind a comma. */
void sae_csv_field(FILE *stream, double value);
/* Quoted where a comma, a quote or a line end asks for it. */
void sae_csv_text(FILE *stream, const char *text);

#endif
