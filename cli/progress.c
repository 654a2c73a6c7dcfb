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

static int terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
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

static void format_line(const cli_progress *progress, const sae_progress *report, double now, char *out, size_t size)
{
    char done[32], total[32], rate[32] = "", left[48] = "";
    double seconds = now - progress->started, fresh = report->done - progress->first;
    cli_format_count(done, sizeof done, llround(report->done));
    cli_format_count(total, sizeof total, llround(report->total));
    if (seconds > 0 && fresh > 0) {
        double per_second = fresh / seconds;
        if (per_second >= 10)
            cli_format_count(rate, sizeof rate, llround(per_second));
        else
            snprintf(rate, sizeof rate, "%.2g", per_second);
        if (report->total > 0) {
            char eta[24];
            format_duration((report->total - report->done) / per_second, eta, sizeof eta);
            snprintf(left, sizeof left, "  %s left", eta);
        }
    }
    size_t used = 0;
    int wrote;
    if (report->total > 0)
        wrote = snprintf(out, size, "%s %3.0f%%  %s of %s %s", report->what, 100 * report->done / report->total, done,
                         total, report->unit);
    else
        wrote = snprintf(out, size, "%s  %s %s", report->what, done, report->unit);
    if (wrote > 0) used = (size_t)wrote;
    if (used < size && *rate) wrote = snprintf(out + used, size - used, "  %s/s%s", rate, left);
    if (*rate && wrote > 0) used += (size_t)wrote;
    if (used < size && report->detail && *report->detail) snprintf(out + used, size - used, "  %s", report->detail);
}

void cli_progress_update(cli_progress *progress, const sae_progress *report)
{
    double now = cli_now();
    if (progress->quiet) return;
    if (strncmp(progress->what, report->what, sizeof progress->what - 1) != 0 || report->done < progress->first) {
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
        fprintf(stderr, "\r%.*s\033[K", cli_prefix_bytes(line, terminal_width() - 1), line);
        fflush(stderr);
        progress->line_drawn = true;
    } else {
        fprintf(stderr, "%s\n", line);
    }
}
