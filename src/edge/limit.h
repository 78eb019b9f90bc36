/*
 * limit.h - the table of what a client may use up, with the configured values, and a counter of how often each was hit. Names
 * go to the log as "limit=…".
 *
 * name, text, configuration key (NULL: fixed), value or default, smallest, largest
 */
#ifndef SD_EDGE_LIMIT_H
#define SD_EDGE_LIMIT_H

#include "core/config.h"
#include "core/limits.h"

#include <stdatomic.h>

#define EDGE_LIMIT_LIST(X)                                                                                                     \
    X(CONNECTIONS, "connections", "smtp.max_connections", 1000, 1, 20000) /* a thread each */                                  \
    X(ADDRESS, "connections-per-address", "smtp.max_connections_per_address", 200, 1, 20000)                                   \
    X(COMMANDS, "commands", "smtp.max_commands", 1000, 10, 1000000)       /* besides MAIL, RCPT, DATA */                       \
    X(BAD_COMMANDS, "bad-commands", "smtp.max_bad_commands", 10, 1, 1000) /* refused recipients too: no harvesting */          \
    X(RECIPIENTS, "recipients", "smtp.max_recipients", 100, 1, LIMIT_RECIPIENTS)                                               \
    X(QUEUES, "queues", NULL, 8, 8, 8) /* a record each; further ones 452, and the sender comes again (§4.5.3.1.10) */        \
    X(LINE, "line", NULL, LIMIT_LINE_BYTES, LIMIT_LINE_BYTES, LIMIT_LINE_BYTES)                                                \
    X(HEADER, "header", NULL, LIMIT_HEADER_BYTES, LIMIT_HEADER_BYTES, LIMIT_HEADER_BYTES)                                      \
    X(HOPS, "hops", NULL, 100, 100, 100) /* Received fields: a loop, RFC 5321 §6.3 */                                         \
    X(MESSAGE, "message", "smtp.max_message_bytes", LIMIT_MESSAGE_BYTES, 1024, LIMIT_MESSAGE_BYTES)                            \
    X(DATA_TOTAL, "data-bytes-total", "smtp.max_data_bytes_total", 268435456, 65536, INT64_C(1) << 40)                         \
    X(DISCARD, "discard", NULL, 536870912, 536870912, 536870912) /* of a refused message is read, so the sender hears why */   \
    X(SESSION_S, "session-time", "smtp.session_seconds", 1800, 1, 86400)                                                       \
    X(IDLE_S, "idle-time", "smtp.idle_seconds", 300, 1, 3600)                                                                  \
    X(RATE, "minimum-rate", "smtp.min_rate", 64, 1, 1000000) /* bytes per second after RATE_GRACE_S */

enum edge_limit {
#define X(name, text, key, value, min, max) EDGE_##name,
    EDGE_LIMIT_LIST(X)
#undef X
        EDGE_LIMIT_COUNT
};

#define RATE_GRACE_S 60 /* a slow start is no attack */

struct limits {
    int64_t value[EDGE_LIMIT_COUNT];
    atomic_ullong hits[EDGE_LIMIT_COUNT];
    atomic_llong logged_ns[EDGE_LIMIT_COUNT];
};

void limits_default(struct limits *limits);
void limits_configure(struct limits *limits, const struct config *config); /* clipped to smallest and largest */
/* Counts it, and logs at most one line per second and limit. */
void limit_hit(struct limits *limits, enum edge_limit limit, uint64_t session);

/* Message bytes in memory over all sessions. */
struct budget {
    atomic_ullong used;
    uint64_t max;
};
bool budget_take(struct budget *budget, uint64_t bytes);
void budget_give(struct budget *budget, uint64_t bytes);

#endif
