#include "auth/dns_memo.h"
#include "auth/name.h"

enum question_state { QUESTION_FAILED, QUESTION_SENT, QUESTION_ANSWERED };

struct question {
    struct span name;
    enum dns_type type;
    enum question_state state;
    struct dns_ticket ticket;
    struct dns_answer answer;
};

struct dns_memo {
    const struct dns_source *source;
    struct deadline deadline;
    struct arena *arena;
    size_t count;
    struct question *questions[DNS_MEMO_MAX]; /* each made when it is asked: most messages ask ten */
};

static size_t find(const struct dns_memo *memo, struct span name, enum dns_type type) {
    for (size_t i = 0; i < memo->count; i++)
        if (memo->questions[i]->type == type && span_ieq(memo->questions[i]->name, name))
            return i;
    return memo->count;
}

static enum sd_err memo_start(void *ctx, struct span name, enum dns_type type, struct dns_ticket *ret) {
    struct dns_memo *memo = ctx;
    size_t at = find(memo, name, type);
    if (at == memo->count) {
        if (at == DNS_MEMO_MAX)
            return SD_ERR_LIMIT;
        struct question *q = ARENA_NEW(memo->arena, struct question);
        if (!q)
            return SD_ERR_NOMEM;
        *q = (struct question){.name = arena_span(memo->arena, name), .type = type};
        if (arena_err(memo->arena))
            return SD_ERR_NOMEM;
        memo->questions[at] = q;
        q->state = dns_start(memo->source, q->name, type, &q->ticket) ? QUESTION_FAILED : QUESTION_SENT;
        memo->count++;
    }
    *ret = (struct dns_ticket){.id = at};
    return SD_OK;
}

static enum sd_err fetch(struct dns_memo *memo, struct question *q, struct deadline deadline) {
    struct dns_answer answer = {.outcome = DNS_TEMPFAIL};
    enum sd_err err = SD_OK;
    if (q->state == QUESTION_SENT)
        err = dns_wait(memo->source, q->ticket, deadline, memo->arena, &answer);
    q->answer = err ? (struct dns_answer){.outcome = DNS_TEMPFAIL} : answer;
    q->state = QUESTION_ANSWERED;
    return err;
}

static enum sd_err memo_wait(void *ctx, struct dns_ticket ticket, struct deadline deadline, struct arena *arena,
                             struct dns_answer *ret) {
    struct dns_memo *memo = ctx;
    (void)arena; /* answers live as long as the memo's arena, which is the message's */
    if (ticket.id >= memo->count)
        return SD_ERR_BUG;
    struct question *q = memo->questions[ticket.id];
    enum sd_err err = q->state == QUESTION_ANSWERED ? SD_OK : fetch(memo, q, deadline);
    if (err == SD_OK)
        *ret = q->answer;
    return err;
}

enum sd_err dns_memo_new(const struct dns_source *source, struct deadline deadline, struct arena *arena,
                         struct dns_memo **ret) {
    struct dns_memo *memo = ARENA_NEW(arena, struct dns_memo);
    if (!memo)
        return SD_ERR_NOMEM;
    memo->source = source;
    memo->deadline = deadline;
    memo->arena = arena;
    *ret = memo;
    return SD_OK;
}

struct dns_source dns_memo_source(struct dns_memo *memo) {
    return (struct dns_source){.ctx = memo, .start = memo_start, .wait = memo_wait};
}

void dns_memo_ahead(struct dns_memo *memo, struct span name, enum dns_type type) {
    struct dns_ticket ticket;
    if (name_is_dns(name) && memo_start(memo, name, type, &ticket))
        return; /* full or out of memory: the evaluator that asks will see it */
}

void dns_memo_finish(struct dns_memo **memo) {
    if (!*memo)
        return;
    for (size_t i = 0; i < (*memo)->count; i++) {
        struct question *q = (*memo)->questions[i];
        if (q->state == QUESTION_SENT && fetch(*memo, q, (*memo)->deadline))
            continue; /* our own failure; nothing depends on these answers, and the others must be waited for */
    }
    *memo = NULL;
}
