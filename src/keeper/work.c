#include "keeper/work.h"
#include "core/clock.h"

#include <errno.h>
#include <time.h>

void work_init(struct work_queue *queue, size_t max, void (*wake)(void *arg), void *arg) {
    *queue = (struct work_queue){.max = max, .wake = wake, .arg = arg};
    queue->last = &queue->first;
    queue->finished_last = &queue->finished;
    pthread_mutex_init(&queue->lock, NULL);
    cond_init_monotonic(&queue->more);
}

void work_free(struct work_queue *queue) {
    pthread_cond_destroy(&queue->more);
    pthread_mutex_destroy(&queue->lock);
}

bool work_full(struct work_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    bool full = queue->count >= queue->max;
    pthread_mutex_unlock(&queue->lock);
    return full;
}

bool work_idle(struct work_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    bool none = queue->count == 0;
    pthread_mutex_unlock(&queue->lock);
    return none;
}

enum sd_err work_add(struct work_queue *queue, struct job *job) {
    enum sd_err err = SD_OK;
    pthread_mutex_lock(&queue->lock);
    if (queue->count >= queue->max) {
        err = SD_ERR_BUSY;
    } else {
        job->next = NULL;
        *queue->last = job;
        queue->last = &job->next;
        queue->count++;
        pthread_cond_signal(&queue->more);
    }
    pthread_mutex_unlock(&queue->lock);
    return err;
}

static struct job *take(struct work_queue *queue) {
    struct job *job = queue->first;
    if (job) {
        queue->first = job->next;
        if (!queue->first)
            queue->last = &queue->first;
        job->next = NULL;
    }
    return job;
}

bool work_turn(struct work_queue *queue, struct deadline deadline) {
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    pthread_mutex_lock(&queue->lock);
    while (!queue->first && !queue->stopping)
        if (pthread_cond_timedwait(&queue->more, &queue->lock, &until) == ETIMEDOUT)
            break;
    struct job *job = queue->stopping ? NULL : take(queue);
    bool stopping = queue->stopping;
    pthread_mutex_unlock(&queue->lock);
    if (!job)
        return !stopping;
    job->run(job);
    pthread_mutex_lock(&queue->lock);
    *queue->finished_last = job;
    queue->finished_last = &job->next;
    pthread_mutex_unlock(&queue->lock);
    if (queue->wake)
        queue->wake(queue->arg);
    return true;
}

void work_stop(struct work_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    queue->stopping = true;
    pthread_cond_signal(&queue->more);
    pthread_mutex_unlock(&queue->lock);
}

struct job *work_finished(struct work_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    struct job *job = queue->finished;
    if (job) {
        queue->finished = job->next;
        if (!queue->finished)
            queue->finished_last = &queue->finished;
        job->next = NULL;
        queue->count--;
    }
    pthread_mutex_unlock(&queue->lock);
    return job;
}
