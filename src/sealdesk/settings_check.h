/* settings_check.h - the parts of settings_check() among themselves. */
#ifndef SD_SEALDESK_SETTINGS_CHECK_H
#define SD_SEALDESK_SETTINGS_CHECK_H

#include "sealdesk/settings.h"

/* One line; counts as 1. */
unsigned settings_problem(FILE *to, const char *format, ...) SD_PRINTF(2, 3);

/* settings_senders.c: sections upstream, trust and gates. */
unsigned settings_check_senders(const struct settings *s, FILE *to);
/* settings_log.c: section log. */
unsigned settings_check_log(const struct settings *s, FILE *to);

/* settings_scan.c: sections scan and preview. */
unsigned settings_check_scan(const struct settings *s, FILE *to);

/* The root and backups (settings_keys.c): problems, their count; and what is only odd. */
unsigned settings_check_keys(const struct settings *s, FILE *to);
void settings_warn_keys(const struct settings *s, FILE *to);

#endif
