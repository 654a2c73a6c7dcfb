/* One-to-one pairs of the rows of two matrices with the largest sum of cosines. */
#ifndef SAE_ANALYSIS_ASSIGN_H
#define SAE_ANALYSIS_ASSIGN_H

#include <sae/env.h>
#include <stdint.h>

/* partner_a [n_a], partner_b [n_b]: the row of the other matrix, −1 for rows of the longer matrix that get none; all
 * rows of the shorter one get a partner. The sum of cosines is the largest possible, to 1e-12 a pair. Which of several
 * such assignments it is (rows that are equal) is a function of the matrices alone.
 *
 * Without the matrix of all cosines: an assignment among the `kept` nearest rows of each row is found first. Its dual
 * prices say which other pairs could make a larger sum; these are sought among all pairs by tiles (cosine_tiles.h), and
 * added until there are none. Memory grows with kept·min(n_a, n_b), about 100 bytes times that. *rounds (NULL ok):
 * how often all pairs were looked through. */
sae_status sae_assign(const float *a, int64_t n_a, const float *b, int64_t n_b, int64_t d, int kept, int32_t *partner_a,
                      int32_t *partner_b, int *rounds, const sae_env *env, sae_error *err);

#endif
