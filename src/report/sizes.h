/* How many things have which size, in classes 0, 1, 2, 3–4, 5–8, …: bars and a table. */
#ifndef SAE_REPORT_SIZES_H
#define SAE_REPORT_SIZES_H

#include "report/chart.h"
#include "report/table.h"

#define SAE_SIZES_CLASSES 34

typedef struct sae_sizes {
    int64_t counts[SAE_SIZES_CLASSES];
    int first, end; /* classes first … end − 1 are shown: from the smallest size to the largest */
    int64_t most;   /* the largest count */
} sae_sizes;

sae_sizes sae_sizes_none(void);
void sae_sizes_add(sae_sizes *sizes, int64_t size);
/* The whole drawing. */
void sae_sizes_draw(sae_chart *chart, const sae_sizes *sizes, const char *x_name, const char *y_name);
void sae_sizes_tabulate(sae_table *table, const sae_sizes *sizes, const char *caption, const char *const columns[2]);

#endif
