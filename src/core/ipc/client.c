#include "core/ipc/ipc.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * One of the waiting threads reads the channel for all of them (the leader) and hands replies to their tickets; when it has its
 * own it passes the lead on. So a single caller costs no second thread, and many callers no thread of their own.
 */

struct channel {
    int fd;
    unsigned refs; /* the client and every thread that is using fd now */
};

struct ipc_ticket {
    struct ipc_ticket *next;
    uint32_t id;
    bool waited; /* its owner is in ipc_wait: only then can it take the lead */
    bool done;
    enum sd_err err;
    struct ipc_msg *reply;
    pthread_cond_t wake;
};

struct ipc_client {
    pthread_mutex_t lock;
    pthread_cond_t attached;
    const char *service;
    struct channel *channel;
    struct ipc_ticket *waiting;
    unsigned waiting_count;
    uint32_t next_id;
    bool has_leader;
};

/* False when the deadline has passed. */
static bool cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, struct deadline deadline) {
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    return pthread_cond_timedwait(cond, lock, &until) != ETIMEDOUT;
}

struct ipc_client *ipc_client_new(const char *service) {
    struct ipc_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->service = service;
    pthread_mutex_init(&client->lock, NULL);
    cond_init_monotonic(&client->attached);
    return client;
}

/* Under the lock. */
static void channel_unref(struct channel *channel) {
    if (channel && --channel->refs == 0) {
        (void)close(channel->fd);
        free(channel);
    }
}

/* Under the lock: the channel is lost; everybody waiting learns it. */
static void drop_channel(struct ipc_client *client) {
    if (!client->channel)
        return;
    (void)shutdown(client->channel->fd, SHUT_RDWR);
    channel_unref(client->channel);
    client->channel = NULL;
    for (struct ipc_ticket *t = client->waiting; t; t = t->next) {
        if (t->done)
            continue;
        t->done = true;
        t->err = SD_ERR_UNAVAILABLE;
        pthread_cond_signal(&t->wake);
    }
}

void ipc_client_attach(struct ipc_client *client, int fd) {
    struct channel *channel = fd >= 0 ? malloc(sizeof *channel) : NULL;
    if (channel)
        *channel = (struct channel){fd, 1};
    else if (fd >= 0)
        (void)close(fd);
    pthread_mutex_lock(&client->lock);
    drop_channel(client);
    client->channel = channel;
    pthread_cond_broadcast(&client->attached);
    pthread_mutex_unlock(&client->lock);
}

void ipc_client_free(struct ipc_client **client) {
    if (!*client)
        return;
    ipc_client_attach(*client, -1);
    pthread_cond_destroy(&(*client)->attached);
    pthread_mutex_destroy(&(*client)->lock);
    free(*client);
    *client = NULL;
}

bool ipc_client_broken(struct ipc_client *client) {
    pthread_mutex_lock(&client->lock);
    if (client->channel && !client->has_leader) {
        struct pollfd p = {.fd = client->channel->fd, .events = 0};
        if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)))
            drop_channel(client);
    }
    bool broken = client->channel == NULL;
    pthread_mutex_unlock(&client->lock);
    return broken;
}

int ipc_client_fd(struct ipc_client *client) {
    pthread_mutex_lock(&client->lock);
    int fd = client->channel ? client->channel->fd : -1;
    pthread_mutex_unlock(&client->lock);
    return fd;
}

static struct ipc_ticket *ticket_new(void) {
    struct ipc_ticket *ticket = calloc(1, sizeof *ticket);
    if (ticket)
        cond_init_monotonic(&ticket->wake);
    return ticket;
}

static void ticket_free(struct ipc_ticket *ticket) {
    ipc_msg_free(&ticket->reply);
    pthread_cond_destroy(&ticket->wake);
    free(ticket);
}

/* Under the lock. */
static void unlist(struct ipc_client *client, struct ipc_ticket *ticket) {
    for (struct ipc_ticket **at = &client->waiting; *at; at = &(*at)->next)
        if (*at == ticket) {
            *at = ticket->next;
            client->waiting_count--;
            return;
        }
}

/* Under the lock: waits for a channel, and counts its use. */
static enum sd_err take_channel(struct ipc_client *client, struct deadline deadline, struct channel **ret) {
    deadline = deadline_sooner(deadline, deadline_in_ms(IPC_ATTACH_MS));
    while (!client->channel)
        if (!cond_wait(&client->attached, &client->lock, deadline) && !client->channel)
            return SD_ERR_UNAVAILABLE;
    if (client->waiting_count >= LIMIT_IPC_CALLS)
        return SD_ERR_BUSY;
    client->channel->refs++;
    *ret = client->channel;
    return SD_OK;
}

/* Under the lock. */
static void enlist(struct ipc_client *client, struct ipc_ticket *ticket) {
    ticket->id = ++client->next_id;
    ticket->next = client->waiting;
    client->waiting = ticket;
    client->waiting_count++;
}

enum sd_err ipc_start(struct ipc_client *client, uint16_t op, const struct ipc_out *out, struct deadline deadline,
                      struct ipc_ticket **ret) {
    struct ipc_ticket *ticket = ticket_new();
    struct channel *channel = NULL;
    if (!ticket)
        return SD_ERR_NOMEM;
    pthread_mutex_lock(&client->lock);
    enum sd_err err = take_channel(client, deadline, &channel);
    if (err == SD_OK)
        enlist(client, ticket);
    pthread_mutex_unlock(&client->lock);
    if (err == SD_OK) {
        struct ipc_msg head = {.id = ticket->id, .op = op};
        err = ipc_send(channel->fd, &head, out, deadline);
        pthread_mutex_lock(&client->lock);
        if (err)
            unlist(client, ticket);
        if (err && err != SD_ERR_TIMEOUT && client->channel == channel)
            drop_channel(client);
        channel_unref(channel);
        pthread_mutex_unlock(&client->lock);
        if (err == SD_ERR_CLOSED || err == SD_ERR_IO)
            err = SD_ERR_UNAVAILABLE;
    }
    if (err) {
        ticket_free(ticket);
        return err;
    }
    *ret = ticket;
    return SD_OK;
}

/* Under the lock: gives a reply to its ticket; one that nobody waits for any more is dropped. */
static void deliver(struct ipc_client *client, struct ipc_msg *reply) {
    for (struct ipc_ticket *t = client->waiting; t; t = t->next)
        if (t->id == reply->id && !t->done) {
            t->reply = reply;
            t->err = reply->status;
            t->done = true;
            pthread_cond_signal(&t->wake);
            return;
        }
    ipc_msg_free(&reply);
}

/* Under the lock, which is released while reading. False when the deadline passed. */
static bool lead(struct ipc_client *client, struct deadline deadline) {
    struct channel *channel = client->channel;
    if (!channel)
        return true; /* every ticket was failed when it was lost */
    channel->refs++;
    client->has_leader = true;
    pthread_mutex_unlock(&client->lock);
    struct ipc_msg *reply = NULL;
    enum sd_err err = ipc_recv(channel->fd, deadline, &reply);
    pthread_mutex_lock(&client->lock);
    client->has_leader = false;
    bool is_reply = err == SD_OK && reply->is_reply;
    if (is_reply)
        deliver(client, reply);
    else
        ipc_msg_free(&reply);
    if (!is_reply && err != SD_ERR_TIMEOUT && client->channel == channel)
        drop_channel(client);
    channel_unref(channel);
    return err != SD_ERR_TIMEOUT;
}

/* Under the lock. A call that was started ahead and is not waited for yet has nobody who would hear it. */
static void pass_the_lead(struct ipc_client *client) {
    for (struct ipc_ticket *t = client->waiting; t && !client->has_leader; t = t->next)
        if (t->waited && !t->done) {
            pthread_cond_signal(&t->wake);
            return;
        }
}

enum sd_err ipc_wait(struct ipc_client *client, struct ipc_ticket **ticket, struct deadline deadline, struct ipc_msg **ret) {
    struct ipc_ticket *t = *ticket;
    bool in_time = true;
    pthread_mutex_lock(&client->lock);
    t->waited = true;
    while (!t->done && in_time)
        in_time = client->has_leader ? cond_wait(&t->wake, &client->lock, deadline) : lead(client, deadline);
    unlist(client, t);
    pass_the_lead(client);
    pthread_mutex_unlock(&client->lock);
    enum sd_err err = t->done ? t->err : SD_ERR_TIMEOUT;
    if (err == SD_OK) {
        *ret = t->reply;
        t->reply = NULL;
    }
    ticket_free(t);
    *ticket = NULL;
    return err;
}

bool ipc_answered(struct ipc_client *client, struct ipc_ticket *ticket) {
    bool more = true;
    pthread_mutex_lock(&client->lock);
    while (!ticket->done && !client->has_leader && more)
        more = lead(client, deadline_in_ms(0));
    bool done = ticket->done;
    pass_the_lead(client);
    pthread_mutex_unlock(&client->lock);
    return done;
}
