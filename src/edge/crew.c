#include "edge/crew.h"

#include "core/clock.h"
#include "core/role.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define IDLE_MAX 128  /* more than these end at once: a stack each */
#define IDLE_MS 30000 /* without work, a thread ends */

struct crew {
    pthread_mutex_t lock;
    pthread_cond_t work, ended;
    struct crew_job *first, **last; /* given, not yet taken: never more than idle */
    size_t queued, idle, threads;
    bool stopping;
};

/* What a new thread starts with. */
struct start {
    struct crew *crew;
    struct crew_job *job;
};

struct crew *crew_new(void) {
    struct crew *crew = calloc(1, sizeof *crew);
    if (!crew)
        return NULL;
    crew->last = &crew->first;
    pthread_mutex_init(&crew->lock, NULL);
    cond_init_monotonic(&crew->work);
    cond_init_monotonic(&crew->ended);
    return crew;
}

/* Under the lock. The next job, or NULL when this thread should end. */
static struct crew_job *next_job(struct crew *crew) {
    struct deadline until = deadline_in_ms(IDLE_MS);
    struct timespec at = {until.at_ns / 1000000000, until.at_ns % 1000000000};
    int rc = 0;
    if (crew->idle >= IDLE_MAX)
        return NULL;
    crew->idle++;
    while (!crew->first && !crew->stopping && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&crew->work, &crew->lock, &at);
    crew->idle--;
    struct crew_job *job = crew->first;
    if (job) {
        crew->first = job->next;
        crew->last = crew->first ? crew->last : &crew->first;
        crew->queued--;
    }
    return job;
}

static void *run(void *arg) {
    struct start start = *(struct start *)arg;
    struct crew *crew = start.crew;
    struct crew_job *job = start.job;
    free(arg);
    pthread_detach(pthread_self());
    while (job) {
        job->run(job);
        pthread_mutex_lock(&crew->lock);
        job = next_job(crew);
        crew->threads -= job == NULL;
        if (!job)
            pthread_cond_signal(&crew->ended);
        pthread_mutex_unlock(&crew->lock);
    }
    return NULL;
}

/* True when an idle thread will take it. */
static bool queue(struct crew *crew, struct crew_job *job) {
    pthread_mutex_lock(&crew->lock);
    bool taken = crew->idle > crew->queued;
    if (taken) {
        job->next = NULL;
        *crew->last = job;
        crew->last = &job->next;
        crew->queued++;
        pthread_cond_signal(&crew->work);
    } else
        crew->threads++; /* the one that the caller starts */
    pthread_mutex_unlock(&crew->lock);
    return taken;
}

enum sd_err crew_give(struct crew *crew, struct crew_job *job) {
    unsigned long thread;
    if (queue(crew, job))
        return SD_OK;
    struct start *start = malloc(sizeof *start);
    enum sd_err err = start ? SD_OK : SD_ERR_NOMEM;
    if (start) {
        *start = (struct start){crew, job};
        err = role_thread("smtp", run, start, &thread);
    }
    if (err) {
        free(start);
        pthread_mutex_lock(&crew->lock);
        crew->threads--;
        pthread_mutex_unlock(&crew->lock);
    }
    return err;
}

void crew_free(struct crew **ref) {
    struct crew *crew = *ref;
    if (!crew)
        return;
    pthread_mutex_lock(&crew->lock);
    crew->stopping = true;
    pthread_cond_broadcast(&crew->work);
    while (crew->threads)
        pthread_cond_wait(&crew->ended, &crew->lock);
    pthread_mutex_unlock(&crew->lock);
    pthread_cond_destroy(&crew->work);
    pthread_cond_destroy(&crew->ended);
    pthread_mutex_destroy(&crew->lock);
    free(crew);
    *ref = NULL;
}
