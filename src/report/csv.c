#include "report/csv.h"

#include <math.h>
#include <string.h>

void sae_csv_real(FILE *stream, double value)
{
    if (!isnan(value)) fprintf(stream, "%.9g", value);
}

void sae_csv_field(FILE *stream, double value)
{
    fputc(',', stream);
    sae_csv_real(stream, value);
}

void sae_csv_text(FILE *stream, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    for (; *text; text++) {
        if (*text == '"') fputc('"', stream);
        fputc(*text, stream);
    }
    fputc('"', stream);
}
