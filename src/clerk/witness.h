/*
 * witness.h - the audit log's first witnesses: every checkpoint that the keeper signs goes to a file outside of the data
 * directory and to a syslog server. What they have, nobody here can take back.
 *
 * A witness that is away is tried again, later and later up to a minute; what it then gets is the newest checkpoint, which
 * covers all before. It stops nothing, and shows in `sealdesk status`. A thread of its own; health and descriptors from any
 * thread.
 */
#ifndef SD_CLERK_WITNESS_H
#define SD_CLERK_WITNESS_H

#include "core/role.h"

struct witness;

/* NULL in *ret: no witness is configured. Reads the certificates: before confinement. */
enum sd_err witness_new(struct role_ctx *ctx, struct witness **ret) SD_MUST_CHECK;
/* The keeper's client is borrowed; starts the thread, after confinement. */
enum sd_err witness_start(struct witness *witness, struct ipc_client *keeper) SD_MUST_CHECK;
void witness_stop(struct witness **witness); /* sends what there is; at most some seconds */
/* A descriptor from the supervisor: WITNESS_FILE (append only) or WITNESS_SYSLOG (a connected unix socket). Owns fd. */
#define WITNESS_FILE "checkpoint_file"
#define WITNESS_SYSLOG "syslog"
enum sd_err witness_take_file(struct witness *witness, const char *name, int fd) SD_MUST_CHECK;
/* Appends what is wrong for a while already, and names the descriptor that is wanted anew (NULL: none). */
void witness_health(struct witness *witness, struct buf *reason, const char **ret_wanted);
/* What is needed beyond the clerk's own calls: enum sandbox_calls. */
unsigned witness_calls(const struct config *config);

#endif
