#include "dns/lookup.h"

#include "core/log.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BUCKETS 1024
#define IDLE_MS 60000

struct waiter {
    struct waiter *next;
    struct ipc_call *call;
};

struct lookup {
    struct lookup *next_in_bucket;
    struct lookup *earlier, *later; /* all have the same patience, so the oldest is due first */
    struct lookups *all;
    struct question question;
    struct deadline give_up;
    struct resolver_query *query;
    struct waiter *waiters;
};

struct lookups {
    struct resolver *resolver;
    struct cache *cache;
    struct lookup *buckets[BUCKETS];
    struct lookup *first, *last;
    size_t count, calls;
};

enum sd_err lookups_new(struct resolver *resolver, struct cache *cache, struct lookups **ret) {
    struct lookups *all = calloc(1, sizeof *all);
    if (!all)
        return SD_ERR_NOMEM;
    all->resolver = resolver;
    all->cache = cache;
    *ret = all;
    return SD_OK;
}

void lookups_free(struct lookups **lookups) {
    free(*lookups);
    *lookups = NULL;
}

/* Chains stay short by SERVICE_LOOKUPS_MAX, so the hash needs no key here. */
static struct lookup **bucket(struct lookups *all, const struct question *question) {
    return &all->buckets[question_hash(question, 0) & (BUCKETS - 1)];
}

static struct lookup *find(struct lookups *all, const struct question *question) {
    for (struct lookup *l = *bucket(all, question); l; l = l->next_in_bucket)
        if (question_same(&l->question, question))
            return l;
    return NULL;
}

static void list(struct lookups *all, struct lookup *l) {
    struct lookup **at = bucket(all, &l->question);
    l->next_in_bucket = *at;
    *at = l;
    l->earlier = all->last;
    *(all->last ? &all->last->later : &all->first) = l;
    all->last = l;
    all->count++;
}

static void unlist(struct lookups *all, struct lookup *l) {
    struct lookup **at = bucket(all, &l->question);
    while (*at != l)
        at = &(*at)->next_in_bucket;
    *at = l->next_in_bucket;
    *(l->earlier ? &l->earlier->later : &all->first) = l->later;
    *(l->later ? &l->later->earlier : &all->last) = l->earlier;
    all->count--;
}

void lookup_answer(struct ipc_call *call, const struct dns_query_rep *rep) {
    int fd = ipc_conn_fd(call->conn);
    if (wait_fd(fd, POLLOUT, deadline_in_ms(SERVICE_PEER_PATIENCE_MS)) != SD_OK) {
        log_warn("dns.peer", "cut_off=unread_answers instance=%u", ipc_conn_instance(call->conn));
        (void)shutdown(fd, SHUT_RDWR); /* the answer below then fails at once, and the loop sees the end */
    }
    dns_query_reply(call, rep);
}

/* Everybody who waited gets the answer, and the look-up is over. */
static void finish(struct lookup *l, const struct dns_query_rep *rep) {
    unlist(l->all, l);
    while (l->waiters) {
        struct waiter *w = l->waiters;
        l->waiters = w->next;
        l->all->calls--;
        lookup_answer(w->call, rep);
        free(w);
    }
    free(l);
}

/* More than a message holds is SD_ERR_LIMIT: no answer that could be cut short. */
static enum sd_err copy_records(const struct resolver_answer *answer, struct buf *raw, struct ipc_list *list_of) {
    for (size_t i = 0; answer->records && answer->records[i]; i++) {
        if (i == LOOKUP_RECORDS_MAX || answer->bytes[i] < 0)
            return SD_ERR_LIMIT;
        ipc_list_add(list_of, raw, span_of(answer->records[i], (size_t)answer->bytes[i]));
    }
    return buf_err(raw);
}

static void answered(void *ctx, const struct resolver_answer *answer) {
    struct lookup *l = ctx;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LOOKUP_RECORDS_BYTES_MAX);
    struct dns_query_rep rep = {.outcome = (uint8_t)answer->outcome, .secure = answer->secure, .ttl_s = answer->ttl_s};
    if (copy_records(answer, &raw, &rep.records) != SD_OK)
        rep = (struct dns_query_rep){.outcome = DNS_TEMPFAIL};
    cache_put(l->all->cache, &l->question, clock_mono_ns(), &rep);
    finish(l, &rep);
}

static enum sd_err begin(struct lookups *all, const struct question *question, struct lookup **ret) {
    if (all->count >= SERVICE_LOOKUPS_MAX)
        return SD_ERR_BUSY;
    struct lookup *l = malloc(sizeof *l);
    if (!l)
        return SD_ERR_NOMEM;
    *l = (struct lookup){.all = all, .question = *question, .give_up = deadline_in_ms(SERVICE_LOOKUP_MS)};
    enum sd_err err = resolver_ask(all->resolver, question, answered, l, &l->query);
    if (err) {
        free(l);
        return err;
    }
    list(all, l);
    *ret = l;
    return SD_OK;
}

enum sd_err lookups_join(struct lookups *all, const struct question *question, struct ipc_call *call) {
    struct lookup *l = find(all, question);
    if (all->calls >= SERVICE_CALLS_MAX)
        return SD_ERR_BUSY;
    struct waiter *w = malloc(sizeof *w);
    if (!w)
        return SD_ERR_NOMEM;
    enum sd_err err = l ? SD_OK : begin(all, question, &l);
    if (err) {
        free(w);
        return err;
    }
    *w = (struct waiter){l->waiters, call};
    l->waiters = w;
    all->calls++;
    return SD_OK;
}

struct deadline lookups_expire(struct lookups *all) {
    while (all->first && deadline_passed(all->first->give_up)) {
        resolver_cancel(&all->first->query);
        finish(all->first, &(struct dns_query_rep){.outcome = DNS_TEMPFAIL});
    }
    return all->first ? all->first->give_up : deadline_in_ms(IDLE_MS);
}
