#include "edge/roster.h"
#include "core/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

void roster_init(struct roster *roster) {
    memset(roster, 0, sizeof *roster);
    pthread_mutex_init(&roster->lock, NULL);
    cond_init_monotonic(&roster->left);
}

bool roster_enter(struct roster *roster, struct roster_entry *entry, int fd) {
    *entry = (struct roster_entry){.fd = fd};
    pthread_mutex_lock(&roster->lock);
    bool open = !roster->stopping;
    if (open) {
        entry->next = roster->first;
        if (roster->first)
            roster->first->previous = entry;
        roster->first = entry;
    }
    pthread_mutex_unlock(&roster->lock);
    return open;
}

void roster_leave(struct roster *roster, struct roster_entry *entry) {
    pthread_mutex_lock(&roster->lock);
    if (entry->previous)
        entry->previous->next = entry->next;
    else
        roster->first = entry->next;
    if (entry->next)
        entry->next->previous = entry->previous;
    pthread_cond_signal(&roster->left);
    pthread_mutex_unlock(&roster->lock);
}

bool roster_begin(struct roster *roster, struct roster_entry *entry) {
    pthread_mutex_lock(&roster->lock);
    bool open = !roster->stopping;
    entry->busy = open;
    pthread_mutex_unlock(&roster->lock);
    return open;
}

void roster_end(struct roster *roster, struct roster_entry *entry) {
    pthread_mutex_lock(&roster->lock);
    entry->busy = false;
    pthread_mutex_unlock(&roster->lock);
}

bool roster_stopping(struct roster *roster) {
    return atomic_load(&roster->stopping);
}

enum sd_err roster_stop(struct roster *roster, struct deadline deadline) {
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    int rc = 0;
    pthread_mutex_lock(&roster->lock);
    roster->stopping = true;
    /* Their next read sees the end; what they have to say can still be written. */
    for (struct roster_entry *e = roster->first; e; e = e->next)
        if (!e->busy && e->fd >= 0)
            (void)shutdown(e->fd, SHUT_RD);
    while (roster->first && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&roster->left, &roster->lock, &until);
    bool empty = roster->first == NULL;
    pthread_mutex_unlock(&roster->lock);
    return empty ? SD_OK : SD_ERR_TIMEOUT;
}
