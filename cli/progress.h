/* Progress of long tasks on stderr: a line that redraws on a terminal, now and then a plain line otherwise. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <sae/env.h>

typedef struct cli_progress {
    bool quiet;
    bool terminal;   /* stderr is one */
    bool line_drawn; /* a progress line is on the screen and must be erased before other output */
    char what[64];   /* the task whose progress was reported last */
    double started;  /* when it began, in seconds of cli_now */
    double shown;    /* when a line was last shown */
    double first;    /* `done` at the start: a resumed task does not begin at 0 */
    double last;     /* `done` of the last report: less of it is the same kind of task begun again */
} cli_progress;

void cli_progress_init(cli_progress *progress, bool quiet);
/* A report from the library. Nothing is shown in the first two seconds of a task. */
void cli_progress_update(cli_progress *progress, const sae_progress *report);
/* Erases the line, so that something else can be written to stderr. */
void cli_progress_clear(cli_progress *progress);

/* The width of the terminal that a descriptor writes to; 80 when it is none. */
int cli_terminal_columns(int descriptor);

#endif
