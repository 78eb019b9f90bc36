/*
 * roster.h - the sessions that run, so that a stop can end the idle ones at once and wait for those that are in the middle of a
 * message. Thread-safe.
 */
#ifndef SD_EDGE_ROSTER_H
#define SD_EDGE_ROSTER_H

#include "core/clock.h"

#include <pthread.h>
#include <stdatomic.h>

struct roster_entry {
    struct roster_entry *previous, *next;
    int fd; /* -1: not a socket */
    bool busy;
};

struct roster {
    pthread_mutex_t lock;
    pthread_cond_t left;
    struct roster_entry *first;
    atomic_bool stopping; /* written under the lock */
};

void roster_init(struct roster *roster);
/* False: stopping, nobody new. */
bool roster_enter(struct roster *roster, struct roster_entry *entry, int fd);
void roster_leave(struct roster *roster, struct roster_entry *entry);
/* A message is being taken: a stop waits for it. False: stopping, do not begin. */
bool roster_begin(struct roster *roster, struct roster_entry *entry);
void roster_end(struct roster *roster, struct roster_entry *entry);
bool roster_stopping(struct roster *roster);
/* Ends idle sessions, waits for all: SD_OK, or SD_ERR_TIMEOUT. */
enum sd_err roster_stop(struct roster *roster, struct deadline deadline) SD_MUST_CHECK;

#endif
