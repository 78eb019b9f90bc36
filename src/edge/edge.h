/* edge.h - what all sessions of the edge share. Set up before the first session and not changed after, but for counters. */
#ifndef SD_EDGE_EDGE_H
#define SD_EDGE_EDGE_H

#include "crypt/tls.h"
#include "edge/door.h"
#include "edge/intake.h"
#include "edge/judge.h"
#include "edge/key_cache.h"
#include "edge/limit.h"
#include "edge/recipients.h"
#include "edge/roster.h"

struct edge {
    struct span hostname;
    struct queues queues;
    struct limits limits;
    struct budget budget;
    struct door *door;
    struct roster roster;
    struct tls_context *tls; /* NULL: STARTTLS is not offered */
    struct judge *judge;
    struct key_cache *keys;
    struct intake *intake;
    pthread_mutex_t large; /* held while a large letter is sealed: one at a time in memory twice */
    atomic_ullong sessions;
};

#endif
