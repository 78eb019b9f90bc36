#include "core/log.h"
#include "core/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 1024 /* longer lines are cut: our own values are short */

static const char *process_name = "sealdesk";
static enum log_level shown = LOG_LEVEL_INFO;
static bool journald;

void log_setup(const char *process, enum log_level level) {
    process_name = process;
    shown = level;
    journald = getenv("JOURNAL_STREAM") != NULL;
}

void log_event(enum log_level level, const char *event, const char *format, ...) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    static const int priorities[] = {3, 4, 6, 7}; /* sd-daemon(3) */
    if (level > shown)
        return;
    struct buf when SD_CLEANUP(buf_free) = buf_new(64);
    put_rfc3339(&when, clock_unix_ms());
    char line[LINE_BYTES];
    int n = journald
                ? snprintf(line, sizeof line, "<%d>%s %s ", priorities[level], process_name, event)
                : snprintf(line, sizeof line, "%.*s %s %s %s ", SPAN_FMT(buf_span(&when)), process_name, names[level], event);
    va_list args;
    va_start(args, format);
    int m = n > 0 && n < LINE_BYTES ? vsnprintf(line + n, sizeof line - (size_t)n, format, args) : 0;
    va_end(args);
    size_t total = n > 0 && m >= 0 ? (size_t)n + (size_t)m : 0;
    if (total > sizeof line - 1)
        total = sizeof line - 1;
    line[total] = '\n';
    if (write(STDERR_FILENO, line, total + 1) < 0)
        return; /* nobody listens: nothing left to tell */
}
