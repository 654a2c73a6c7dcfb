#include "report/labels.h"

#include <math.h>

typedef struct rectangle {
    double left, top, right, bottom;
} rectangle;

/* Narrows [from, to], the part of a segment within one pair of sides: p·t ≤ q. */
static bool clip(double p, double q, double *from, double *to)
{
    if (p == 0) return q >= 0;
    if (p < 0)
        *from = fmax(*from, q / p);
    else
        *to = fmin(*to, q / p);
    return *from <= *to;
}

static bool touches(const rectangle *r, const sae_segment *s)
{
    double dx = s->x1 - s->x0, dy = s->y1 - s->y0, from = 0, to = 1;
    return clip(-dx, s->x0 - r->left, &from, &to) && clip(dx, r->right - s->x0, &from, &to) &&
           clip(-dy, s->y0 - r->top, &from, &to) && clip(dy, r->bottom - s->y0, &from, &to);
}

static rectangle box(const sae_label *label, const sae_label_area *area, double room)
{
    return (rectangle){label->text_x - room, label->text_y - area->height / 2 - room,
                       label->text_x + label->width + room, label->text_y + area->height / 2 + room};
}

static bool overlap(const rectangle *a, const rectangle *b)
{
    return a->left < b->right && b->left < a->right && a->top < b->bottom && b->top < a->bottom;
}

static bool is_free(const sae_label *labels, size_t i, const sae_segment *segments, size_t n_segments,
                    const sae_label_area *area)
{
    rectangle own = box(&labels[i], area, 0), wide = box(&labels[i], area, area->clearance);
    if (own.right > area->right || own.top < area->top || own.bottom > area->bottom) return false;
    for (size_t s = 0; s < n_segments; s++)
        if (touches(&wide, &segments[s])) return false;
    for (size_t j = 0; j < i; j++) {
        rectangle other = box(&labels[j], area, 0);
        if (labels[j].beside && overlap(&own, &other)) return false;
    }
    return true;
}

/* To the right of its point, level with it or a little above or below. */
static void try_beside(sae_label *labels, size_t i, const sae_segment *segments, size_t n_segments,
                       const sae_label_area *area)
{
    static const double rises[] = {0, -0.75, 0.75, -1.2, 1.2}; /* lines of text */
    sae_label *label = &labels[i];
    for (size_t r = 0; r < sizeof rises / sizeof *rises && !label->beside; r++) {
        label->text_x = label->x + 2 * area->clearance;
        label->text_y = label->y + rises[r] * area->height;
        label->beside = is_free(labels, i, segments, n_segments, area);
    }
}

/* Least squares under "each at least a line below the one before": neighbours that would touch are moved as one
 * group to the mean of what they want, and groups that then touch are joined. */
static void spread(sae_label *labels, const size_t *order, size_t n, const sae_label_area *area)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        size_t first = i + 1, members = 0;
        do { /* text_y of a group's members is held as the shift of the whole group */
            first--;
            sum += labels[order[first]].y - (double)first * area->height;
            members++;
        } while (first > 0 && labels[order[first - 1]].text_y > sum / (double)members);
        for (size_t j = first; j <= i; j++) labels[order[j]].text_y = sum / (double)members;
    }
    double highest = area->top, lowest = area->bottom - (double)(n ? n - 1 : 0) * area->height;
    for (size_t i = 0; i < n; i++) {
        sae_label *label = &labels[order[i]];
        label->text_y = fmax(highest, fmin(label->text_y, lowest)) + (double)i * area->height;
    }
}

void sae_labels_place(sae_label *labels, size_t count, const sae_segment *segments, size_t n_segments,
                      const sae_label_area *area, size_t *order)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        sae_label *label = &labels[i];
        label->beside = false;
        try_beside(labels, i, segments, n_segments, area);
        if (label->beside) continue;
        label->text_x = area->column;
        size_t at = n++;
        for (; at > 0 && labels[order[at - 1]].y > label->y; at--) order[at] = order[at - 1];
        order[at] = i;
    }
    spread(labels, order, n, area);
}
