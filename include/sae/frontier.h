/* The L0–FVU frontier: which of several SAEs are worth having, as a table for programs, a drawing and a picture. */
#ifndef SAE_FRONTIER_H
#define SAE_FRONTIER_H

#include <sae/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One SAE, measured on the same rows as the others. */
typedef struct sae_frontier_point {
    const char *path; /* names it; borrowed */
    sae_arch arch;
    int64_t width, k; /* k 0: unknown */
    double l0, fvu;   /* NaN: unknown */
    bool on_frontier; /* set by sae_frontier_mark */
} sae_frontier_point;

/* on_frontier of each point: whether no other has L0 and FVU both at most as large and one of them smaller. Equal
 * points stand or fall together; a point whose L0 or FVU is NaN is never on the frontier and puts no other off it. */
SAE_API void sae_frontier_mark(sae_frontier_point *points, size_t count);

/* What follows takes marked points. tokens: rows that they were measured on. */

/* CSV, written whole or not at all, one line per point in the order given: sae, arch, width, k, l0, fvu, on_frontier
 * (0 or 1), tokens. Unknown values are empty fields. */
SAE_API sae_status sae_frontier_write_csv(const sae_frontier_point *points, size_t count, int64_t tokens,
                                          const char *path, sae_error *err);

/* A picture, written whole or not at all: FVU over L0 (logarithmic), a line for each kind and width of SAE, the
 * frontier underlaid. It needs no other file, follows the reader's light or dark setting, and has a text alternative.
 * Points without a place on the axes (L0 0, unknown values) are counted in a note. */
SAE_API sae_status sae_frontier_write_svg(const sae_frontier_point *points, size_t count, int64_t tokens,
                                          const char *path, sae_error *err);

/* The same as UTF-8 text, `columns` wide (60 to 120; others are brought into that range). Free *text with free(). */
SAE_API sae_status sae_frontier_draw(const sae_frontier_point *points, size_t count, int columns, char **text,
                                     sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
