/*
 * work.h - a bounded queue of jobs for one worker thread: slow work (Argon2, examination, signatures) happens there, decisions
 * stay with the loop. A job's run() touches only the job; its done() is called by the loop.
 */
#ifndef SD_KEEPER_WORK_H
#define SD_KEEPER_WORK_H

#include "core/clock.h"

#include <pthread.h>

struct keeper;

/* First member of every job. */
struct job {
    struct job *next;
    void (*run)(struct job *job);
    void (*done)(struct keeper *k, struct job *job);
};

struct work_queue {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job *first, **last;
    struct job *finished, **finished_last;
    size_t count, max; /* waiting, running or not yet collected */
    bool stopping;
    void (*wake)(void *arg);
    void *arg;
};

void work_init(struct work_queue *queue, size_t max, void (*wake)(void *arg), void *arg);
void work_free(struct work_queue *queue);
bool work_full(struct work_queue *queue);
bool work_idle(struct work_queue *queue); /* nothing waits, runs or is to be collected */
/* SD_ERR_BUSY when full; then the job stays the caller's. */
enum sd_err work_add(struct work_queue *queue, struct job *job) SD_MUST_CHECK;
/* Waits for a job until the deadline and runs it; false when stopped. */
bool work_turn(struct work_queue *queue, struct deadline deadline);
void work_stop(struct work_queue *queue);
/* The next finished job, or NULL. */
struct job *work_finished(struct work_queue *queue);

#endif
