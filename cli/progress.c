#include "cli/progress.h"

#include "cli/cli.h"
#include "cli/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define QUIET_SECONDS  2.0  /* tasks shorter than this show nothing */
#define REDRAW_SECONDS 0.2  /* a terminal */
#define LINE_SECONDS   10.0 /* a log file */

double cli_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void cli_progress_init(cli_progress *progress, bool quiet)
{
    const char *term = getenv("TERM");
    *progress = (cli_progress){.quiet = quiet};
    progress->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

void cli_progress_clear(cli_progress *progress)
{
    if (progress->line_drawn) fputs("\r\033[K", stderr);
    progress->line_drawn = false;
}

int cli_terminal_columns(int descriptor)
{
    struct winsize size;
    if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

/* "42s", "3m07s", "2h05m" */
static void format_duration(double seconds, char *out, size_t size)
{
    long s = seconds < 0 ? 0 : lround(fmin(seconds, 1e8));
    if (s < 60)
        snprintf(out, size, "%lds", s);
    else if (s < 3600)
        snprintf(out, size, "%ldm%02lds", s / 60, s % 60);
    else
        snprintf(out, size, "%ldh%02ldm", s / 3600, s / 60 % 60);
}

/* "training  12%  240,640 of 1,999,872 tokens  58,820/s  30s left  loss 66.2", without the numbers of tokens where a
 * terminal's line is short and redrawn anyway. */
static void format_line(const cli_progress *progress, const sae_progress *report, double now, char *out, size_t size)
{
    char share[16] = "", amount[128] = "", speed[64] = "", left[40] = "", number[32];
    double seconds = now - progress->started, fresh = report->done - progress->first;
    bool total = report->total > 0;
    if (total) snprintf(share, sizeof share, " %3.0f%%", 100 * report->done / report->total);
    cli_format_count(number, sizeof number, llround(report->done));
    if (!total) snprintf(amount, sizeof amount, "  %s %s", number, report->unit);
    if (total && !progress->terminal) {
        char all[32];
        cli_format_count(all, sizeof all, llround(report->total));
        snprintf(amount, sizeof amount, "  %s of %s %s", number, all, report->unit);
    }
    if (seconds > 0 && fresh > 0) {
        double rate = fresh / seconds;
        if (rate >= 10)
            cli_format_count(number, sizeof number, llround(rate));
        else
            snprintf(number, sizeof number, "%.2g", rate);
        snprintf(speed, sizeof speed, "  %s %s/s", number, report->unit);
        if (total) {
            format_duration((report->total - report->done) / rate, number, sizeof number);
            snprintf(left, sizeof left, "  %s left", number);
        }
    }
    snprintf(out, size, "%s%s%s%s%s%s%s", report->what, share, amount, speed, left, *report->detail ? "  " : "",
             report->detail);
}

void cli_progress_update(cli_progress *progress, const sae_progress *report)
{
    double now = cli_now();
    if (progress->quiet) return;
    bool begins = strncmp(progress->what, report->what, sizeof progress->what - 1) != 0;
    begins = begins || report->done < progress->last;
    progress->last = report->done;
    if (begins) {
        snprintf(progress->what, sizeof progress->what, "%s", report->what);
        progress->started = progress->shown = now;
        progress->first = report->done;
        return;
    }
    if (now - progress->started < QUIET_SECONDS) return;
    if (now - progress->shown < (progress->terminal ? REDRAW_SECONDS : LINE_SECONDS)) return;
    char line[512];
    format_line(progress, report, now, line, sizeof line);
    progress->shown = now;
    if (progress->terminal) {
        fprintf(stderr, "\r%.*s\033[K", cli_prefix_bytes(line, cli_terminal_columns(STDERR_FILENO) - 1), line);
        fflush(stderr);
        progress->line_drawn = true;
    } else {
        fprintf(stderr, "%s\n", line);
    }
}
