/* Seconds of a clock that never goes back. */
#ifndef SAE_BASE_CLOCK_H
#define SAE_BASE_CLOCK_H

double sae_now(void);

#endif
