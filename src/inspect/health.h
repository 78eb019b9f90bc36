/*
 * health.h - how the virus scanner is: asked once a minute (scan.ask_seconds), and every second while it does not answer, by a
 * thread of its own; told to the keeper at start, when it changes, and every minute.
 */
#ifndef SD_INSPECT_HEALTH_H
#define SD_INSPECT_HEALTH_H

#include "core/buf.h"
#include "inspect/engine.h"

struct ipc_client;

struct health {
    struct scanner scanner;        /* ops NULL: none is configured */
    struct signatures *signatures; /* NULL: no folder of signatures can be looked at */
    struct ipc_client *keeper;     /* NULL: nobody is told */
    int64_t ask_ms;                /* between two questions while it answers */
    int64_t settle_ms;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool doubted; /* a scan failed: ask now */
    bool asked;   /* at least once */
    bool up;
    int64_t made_ms; /* the signatures; 0: not known */
    struct engine engine;
};

void health_init(struct health *health);
/* Asks once, and tells. True: something changed. */
bool health_ask(struct health *health);
/* The thread: for life. */
void *health_run(void *health);
/* A scan got no answer. */
void health_doubt(struct health *health);
/* False while it is known not to answer: then there is no use in waiting for it. engine: as it is now, before a scan. */
bool health_up(struct health *health, char engine[ENGINE_BYTES + 1]);
/* A sentence when something should be looked at. */
void health_say(struct health *health, struct buf *to);

#endif
