#include "cli/signals.h"

#include <errno.h>
#include <unistd.h>

/* A signal handler can only speak through a global. */
static volatile sig_atomic_t stop_requested;

static void on_signal(int number)
{
    static const char text[] = "\nStopping at the next safe point; once more to end at once\n";
    int saved = errno;
    (void)number;
    stop_requested = 1;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    errno = saved;
}

const volatile sig_atomic_t *cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file that becomes too large is a write that fails, and says so */
    return &stop_requested;
}
