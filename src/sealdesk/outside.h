/*
 * outside.h - files outside of the data directory that a role is given opened: the witnesses of the audit log. The role has
 * neither the path nor the right to open it.
 */
#ifndef SD_SEALDESK_OUTSIDE_H
#define SD_SEALDESK_OUTSIDE_H

#include "sealdesk/settings.h"

/* "checkpoint_file", "syslog"; NULL behind the last. */
const char *outside_name(size_t i);
/* SD_ERR_NOTFOUND: not configured; SD_ERR_UNAVAILABLE: it cannot be opened now (logged). The caller closes *ret_fd. */
enum sd_err outside_open(const struct settings *settings, const char *name, int *ret_fd) SD_MUST_CHECK;

#endif
