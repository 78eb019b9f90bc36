/* gates.h - the table of gates (auth/policy.h) for people: in a new configuration file, and as it is set. */
#ifndef SD_SEALDESK_GATES_H
#define SD_SEALDESK_GATES_H

#include "core/json_out.h"
#include "sealdesk/settings.h"

#include <stdio.h>

/* Sections gates and trust of a new file, with the defaults. */
void gates_put_conf(struct buf *to);

/* Rows are what a message may do, columns the trust levels. What cannot be read is left out: settings_check() names it. */
void gates_put_table(const struct settings *settings, struct buf *to);
/* "gates": [{"gate", "meaning", "verified", "unverified", "failed"} …] */
void gates_put_json(const struct settings *settings, struct json_out *j);

/* One line for each gate that lets a forgery do what only a known sender may, and when all mail would be quarantined. */
void gates_warn(const struct settings *settings, FILE *to);

#endif
