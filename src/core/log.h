/*
 * log.h - operational log: one line per event to standard error, where journald or a terminal picks it up.
 *
 *   2026-11-23T10:00:00.123Z edge info edge.accept session=17 limit=connections
 *
 * Values are ours: ids, numbers, names of states and limits. Never a subject, an address, a body, or text a remote peer sent:
 * there is no way here to print a span. Who did what belongs into the audit log, which the keeper writes.
 */
#ifndef SD_CORE_LOG_H
#define SD_CORE_LOG_H

#include "core/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* The process's name in each line; level: what is printed. Call before threads. */
void log_setup(const char *process, enum log_level level);

/* event: a dotted constant; format: "key=%d key=%s" of our own values. */
void log_event(enum log_level level, const char *event, const char *format, ...) SD_PRINTF(3, 4);

#define log_error(...) log_event(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_event(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_event(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
