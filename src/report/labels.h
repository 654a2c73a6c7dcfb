/* Places for the labels of a plot's series, so that none lies upon another or upon what is drawn. */
#ifndef SAE_REPORT_LABELS_H
#define SAE_REPORT_LABELS_H

#include <stdbool.h>
#include <stddef.h>

/* In pixels, y downwards. A mark is a segment without length. */
typedef struct sae_segment {
    double x0, y0, x1, y1;
} sae_segment;

typedef struct sae_label {
    double x, y;           /* the point that it belongs to */
    double width;          /* of its text */
    bool beside;           /* set: beside the point, else in the column */
    double text_x, text_y; /* set: left end and middle of the text */
} sae_label;

typedef struct sae_label_area {
    double right;       /* labels beside points end before this */
    double column;      /* left end of the column, right of it */
    double top, bottom; /* of both; the column has room for (bottom − top)/height + 1 labels */
    double height;      /* of a line of text */
    double clearance;   /* between texts and segments: half a mark */
} sae_label_area;

/* Labels that find a free place beside their point get it, the others stand in a column as near to the height of their
 * points as they can without touching, in the order of their points. `order` [count] is scratch. */
void sae_labels_place(sae_label *labels, size_t count, const sae_segment *segments, size_t n_segments,
                      const sae_label_area *area, size_t *order);

#endif
