/* Ctrl-C and SIGTERM: the first asks the library to stop at the next safe point, the second ends at once. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <signal.h>

/* Installs the handlers and returns the flag for sae_env.stop. */
const volatile sig_atomic_t *cli_catch_signals(void);

#endif
