#include "edge/judge.h"
#include "core/clock.h"

#include "core/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct worker {
    struct ipc_client *client;
    unsigned in_flight;
    bool reserved; /* for a letter that is to be judged alone */
};

struct judge {
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    bool someone_alone; /* one letter at a time */
    size_t next;
    size_t count;
    struct worker workers[JUDGE_WORKERS_MAX];
};

struct judge *judge_new(struct ipc_client *const *clients, size_t count) {
    struct judge *judge = calloc(1, sizeof *judge);
    if (!judge)
        return NULL;
    pthread_mutex_init(&judge->lock, NULL);
    cond_init_monotonic(&judge->changed);
    judge->count = count < JUDGE_WORKERS_MAX ? count : JUDGE_WORKERS_MAX;
    for (size_t i = 0; i < judge->count; i++)
        judge->workers[i].client = clients[i];
    return judge;
}

void judge_free(struct judge **judge) {
    if (!*judge)
        return;
    pthread_cond_destroy(&(*judge)->changed);
    pthread_mutex_destroy(&(*judge)->lock);
    free(*judge);
    *judge = NULL;
}

/* Under the lock. False when the deadline passed. */
static bool wait_for_change(struct judge *judge, struct deadline deadline) {
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    return pthread_cond_timedwait(&judge->changed, &judge->lock, &until) != ETIMEDOUT;
}

/* Under the lock: the worker that is free for us and has the fewest letters in hand, so that one that hangs is left alone;
 * among equals the next in turn; one with a channel before one without. judge->count: none. */
static size_t in_turn(struct judge *judge, size_t not_this) {
    size_t best = judge->count;
    size_t spare = judge->count;
    for (size_t i = 0; i < judge->count; i++) {
        size_t at = (judge->next + i) % judge->count;
        if (judge->workers[at].reserved)
            continue;
        bool fit = at != not_this && !ipc_client_broken(judge->workers[at].client);
        if (fit && (best == judge->count || judge->workers[at].in_flight < judge->workers[best].in_flight))
            best = at;
        if (spare == judge->count || spare == not_this)
            spare = at;
    }
    return best < judge->count ? best : spare;
}

/* A worker among others. */
static bool take_shared(struct judge *judge, struct deadline deadline, size_t *ret) {
    bool in_time = true;
    pthread_mutex_lock(&judge->lock);
    size_t at = in_turn(judge, judge->count);
    while (at == judge->count && in_time) {
        in_time = wait_for_change(judge, deadline);
        at = in_turn(judge, judge->count);
    }
    if (at < judge->count) {
        judge->workers[at].in_flight++;
        judge->next = (at + 1) % judge->count;
        *ret = at;
    }
    pthread_mutex_unlock(&judge->lock);
    return at < judge->count;
}

static void give_shared(struct judge *judge, size_t at) {
    pthread_mutex_lock(&judge->lock);
    judge->workers[at].in_flight--;
    pthread_cond_broadcast(&judge->changed);
    pthread_mutex_unlock(&judge->lock);
}

static void give_alone(struct judge *judge, size_t at) {
    pthread_mutex_lock(&judge->lock);
    judge->workers[at].reserved = false;
    judge->someone_alone = false;
    pthread_cond_broadcast(&judge->changed);
    pthread_mutex_unlock(&judge->lock);
}

/* A worker with nobody else's letter in it, and not the one that has just died when there is another. */
static bool take_alone(struct judge *judge, size_t died, struct deadline deadline, size_t *ret) {
    bool in_time = true;
    pthread_mutex_lock(&judge->lock);
    while (judge->someone_alone && in_time)
        in_time = wait_for_change(judge, deadline);
    bool mine = !judge->someone_alone;
    size_t at = mine ? in_turn(judge, died) : 0;
    if (mine) {
        judge->someone_alone = true;
        judge->workers[at].reserved = true;
    }
    while (mine && judge->workers[at].in_flight && in_time)
        in_time = wait_for_change(judge, deadline);
    bool alone = mine && judge->workers[at].in_flight == 0;
    pthread_mutex_unlock(&judge->lock);
    if (mine && !alone)
        give_alone(judge, at);
    *ret = at;
    return alone;
}

/* What became of one question. */
enum asked { ASKED_NOT, ASKED_LATE, ASKED_DIED, ASKED_REFUSED, ASKED_ANSWERED };

static enum asked ask(struct ipc_client *client, const struct inspect_judge_req *req, struct deadline deadline,
                      struct ipc_msg **ret_msg, struct inspect_judge_rep *ret) {
    struct ipc_ticket *ticket = NULL;
    enum sd_err err = inspect_judge_start(client, req, deadline, &ticket);
    if (err)
        return err == SD_ERR_TIMEOUT ? ASKED_LATE : ASKED_NOT;
    err = inspect_judge_wait(client, &ticket, deadline, ret_msg, ret);
    if (err == SD_OK)
        return ASKED_ANSWERED;
    if (err == SD_ERR_TIMEOUT)
        return ASKED_LATE;
    return err == SD_ERR_UNAVAILABLE || err == SD_ERR_CLOSED ? ASKED_DIED : ASKED_REFUSED;
}

static enum judge_outcome outcome_of(enum asked asked) {
    return asked == ASKED_ANSWERED ? JUDGE_DONE : asked == ASKED_LATE ? JUDGE_TIMEOUT : JUDGE_UNAVAILABLE;
}

static enum judge_outcome ask_alone(struct judge *judge, size_t died, const struct inspect_judge_req *req,
                                    struct deadline deadline, struct ipc_msg **ret_msg, struct inspect_judge_rep *ret) {
    size_t at;
    if (!take_alone(judge, died, deadline, &at))
        return JUDGE_TIMEOUT;
    enum asked asked = ask(judge->workers[at].client, req, deadline, ret_msg, ret);
    give_alone(judge, at);
    return asked == ASKED_DIED ? JUDGE_BREAKS : outcome_of(asked);
}

enum judge_outcome judge_letter(struct judge *judge, const struct inspect_judge_req *req, struct deadline deadline,
                                struct ipc_msg **ret_msg, struct inspect_judge_rep *ret) {
    enum asked asked = ASKED_NOT;
    size_t at = 0;
    for (size_t tries = 0; asked == ASKED_NOT && tries < judge->count; tries++) {
        if (!take_shared(judge, deadline, &at))
            return JUDGE_TIMEOUT;
        asked = ask(judge->workers[at].client, req, deadline, ret_msg, ret);
        give_shared(judge, at);
    }
    if (asked != ASKED_DIED)
        return outcome_of(asked);
    log_warn("edge.judge", "worker=%zu event=died-while-judging", at);
    return ask_alone(judge, at, req, deadline, ret_msg, ret);
}
