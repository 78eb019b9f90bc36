/* tickets.c - what people do with tickets besides reading and answering: move, change, look at the history; and who is who. */
#include "core/codec.h"
#include "keeper/asker.h"

#include <string.h>

struct doing {
    enum verb verb;
    const char *action; /* in the log */
};

/* The rights of a ticket and the leaf of what is about to be done with it; *ret_err is the refusal when it must not be. */
static enum sd_err begin(struct keeper *k, struct span token, struct span origin, struct span id, const struct doing *doing,
                         struct who *who, struct ticket *ticket, struct leaf *leaf, enum sd_err *ret_err) {
    const char *reason = NULL;
    enum sd_err err = session_check(k, token, origin, who);
    if (err)
        return err;
    *ret_err = ticket_for(k, who, doing->verb, id, ticket, &reason);
    if (*ret_err && !is_refusal(*ret_err))
        return *ret_err;
    *leaf = leaf_by(who, origin, doing->action);
    leaf->object = "ticket";
    leaf->object_id = id;
    if (ticket->there)
        leaf->ticket = span_of(ticket->id, ID_BYTES);
    if (who->verdict == SESSION_LIVE)
        leaf->reason = reason;
    return SD_OK;
}

static enum sd_err may_move_to(struct keeper *k, const struct who *who, const struct ticket *ticket, struct span queue) {
    struct queue_row row;
    bool may = false;
    struct demand demand = {.verb = VERB_MOVE, .queue = queue, .category = ticket->category};
    enum sd_err err = queue_find(k, queue, &row);
    if (err == SD_OK)
        err = permit_peek(k, who, &demand, &may);
    if (err)
        return err;
    return row.there && row.active && may ? SD_OK : SD_ERR_DENIED;
}

enum sd_err keeper_on_move(void *ctx, struct ipc_call *call, const struct keeper_move_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct ticket ticket = {0};
    struct leaf leaf;
    enum sd_err verdict = SD_ERR_DENIED;
    enum sd_err err = begin(k, req->token, req->origin, req->ticket, &(struct doing){VERB_MOVE, "move"}, &who, &ticket, &leaf,
                            &verdict);
    if (err)
        return err;
    if (verdict == SD_OK)
        verdict = may_move_to(k, &who, &ticket, req->queue);
    if (verdict == SD_ERR_DENIED && who.verdict == SESSION_LIVE && !leaf.reason)
        leaf.reason = REASON_NOT_YOURS;
    if (verdict)
        return is_refusal(verdict) ? refuse_recorded(k, call, verdict, &leaf) : verdict;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    err = keeper_move_rep_encode(&out, &(struct keeper_move_rep){});
    if (err)
        return err;
    leaf.detail = req->queue;
    struct query q = db_query(k->db, SQL_TICKET_QUEUE);
    query_text(&q, req->queue);
    query_blob(&q, req->ticket);
    leaf.outcome = OUTCOME_GRANTED;
    return answer_changed(k, call, &q, &leaf, &out);
}

/* Is the detail one of ours? It goes into the log, where nothing else may. */
static bool detail_fits(enum ticket_action action, struct span detail, enum ticket_state *ret_state) {
    uint8_t id[ID_BYTES];
    enum category category;
    switch (action) {
    case ACTION_LIST:
        return detail.n == 0;
    case ACTION_STATE:
        return ticket_state_from(detail, ret_state);
    case ACTION_ASSIGN:
        return detail.n == 0 || hex_to_bytes(detail, id, sizeof id) == SD_OK;
    case ACTION_CLASSIFY:
        return category_from(detail, &category);
    case ACTION_NONE:
        break;
    }
    return false;
}

static struct doing doing_of(unsigned action) {
    static const enum verb verbs[] = {[ACTION_NONE] = VERB_NONE,
                                      [ACTION_LIST] = VERB_LIST,
                                      [ACTION_STATE] = VERB_STATE,
                                      [ACTION_ASSIGN] = VERB_ASSIGN,
                                      [ACTION_CLASSIFY] = VERB_CLASSIFY};
    return (struct doing){action < SD_COUNT(verbs) ? verbs[action] : VERB_NONE, ticket_action_text(action)};
}

static enum sd_err classify(struct keeper *k, struct ipc_call *call, const struct keeper_act_req *req, struct leaf *leaf,
                            struct ipc_out *out) {
    enum category category = CATEGORY_SPECIAL;
    if (!category_from(req->detail, &category))
        return SD_ERR_PARSE;
    struct query q = db_query(k->db, SQL_TICKET_CATEGORY);
    query_int(&q, category);
    query_blob(&q, req->ticket);
    return answer_changed(k, call, &q, leaf, out);
}

/* Whoever takes a ticket out of Review has decided on what is in it by then, and on nothing that comes later. */
static enum sd_err do_act(struct keeper *k, struct ipc_call *call, const struct keeper_act_req *req,
                          const struct ticket *ticket, enum ticket_state state, struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = keeper_act_rep_encode(&out, &(struct keeper_act_rep){});
    if (err)
        return err;
    leaf->detail = req->detail;
    leaf->outcome = OUTCOME_GRANTED;
    if (req->action == ACTION_CLASSIFY)
        return classify(k, call, req, leaf, &out);
    if (req->action != ACTION_STATE)
        return answer_recorded(k, call, &out, leaf);
    struct query q = db_query(k->db, ticket->state == TICKET_REVIEW ? SQL_TICKET_DECIDED : SQL_TICKET_STATE);
    query_int(&q, state);
    query_blob(&q, req->ticket);
    return answer_changed(k, call, &q, leaf, &out);
}

/* Whom it is assigned to must be one of ours. */
static enum sd_err assignee_there(struct keeper *k, struct span detail, bool *ret) {
    uint8_t id[ID_BYTES];
    *ret = detail.n == 0; /* to nobody */
    if (*ret || hex_to_bytes(detail, id, sizeof id) != SD_OK)
        return SD_OK;
    struct query q = db_query(k->db, SQL_PERSON_BY_ID);
    query_blob(&q, span_of(id, sizeof id));
    *ret = query_row(&q);
    return query_end(&q);
}

/* What is wrong with the act itself, for somebody who may. */
static enum sd_err judge_act(struct keeper *k, const struct keeper_act_req *req, const struct ticket *ticket,
                             enum ticket_state state, struct leaf *leaf, enum sd_err *ret_verdict) {
    bool there = true;
    enum sd_err err = req->action == ACTION_ASSIGN ? assignee_there(k, req->detail, &there) : SD_OK;
    if (err)
        return err;
    if (!there) {
        *ret_verdict = SD_ERR_NOTFOUND;
        leaf->reason = "no-such-person";
    } else if (req->action == ACTION_STATE && right_state(ticket->state, state) != RIGHT_GRANTED) {
        *ret_verdict = SD_ERR_UNSUPPORTED;
        leaf->reason = REASON_UNFIT;
    }
    return SD_OK;
}

enum sd_err keeper_on_act(void *ctx, struct ipc_call *call, const struct keeper_act_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct ticket ticket = {0};
    struct leaf leaf;
    enum ticket_state state = TICKET_REVIEW;
    enum sd_err verdict = SD_ERR_DENIED;
    if (!detail_fits((enum ticket_action)req->action, req->detail, &state))
        return SD_ERR_PARSE;
    struct doing doing = doing_of(req->action);
    enum sd_err err = begin(k, req->token, req->origin, req->ticket, &doing, &who, &ticket, &leaf, &verdict);
    if (err == SD_OK && verdict == SD_OK)
        err = judge_act(k, req, &ticket, state, &leaf, &verdict);
    if (err)
        return err;
    return verdict ? refuse_recorded(k, call, verdict, &leaf) : do_act(k, call, req, &ticket, state, &leaf);
}

/* ---- history ---- */

#define HISTORY_MAX 100
struct place {
    uint64_t segment, offset;
};

static enum sd_err find_places(struct keeper *k, struct span ticket, struct place places[HISTORY_MAX], size_t *ret_count) {
    struct query q = db_query(k->db, SQL_HISTORY_GET);
    size_t n = 0;
    query_blob(&q, ticket);
    while (n < HISTORY_MAX && query_row(&q))
        places[n++] = (struct place){(uint64_t)query_get_int(&q, 1), (uint64_t)query_get_int(&q, 2)};
    *ret_count = n;
    return query_end(&q);
}

static enum sd_err list_place(struct keeper *k, const struct place *place, struct buf *raw, struct ipc_list *list) {
    struct buf record SD_CLEANUP(buf_free) = buf_new(MERKLE_LEAF_MAX), line SD_CLEANUP(buf_free) = buf_new(MERKLE_LEAF_MAX);
    enum sd_err err = segment_read_at((const char *)k->log_dir.p, place->segment, place->offset, &record);
    if (err == SD_OK)
        err = listing_line(k, buf_span(&record), &line);
    if (err == SD_OK)
        ipc_list_add(list, raw, buf_span(&line));
    return err ? err : buf_err(raw);
}

enum sd_err keeper_on_history(void *ctx, struct ipc_call *call, const struct keeper_history_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct ticket ticket = {0};
    struct leaf leaf;
    struct place places[HISTORY_MAX];
    size_t count = 0;
    enum sd_err verdict = SD_ERR_DENIED;
    enum sd_err err = begin(k, req->token, req->origin, req->ticket, &(struct doing){VERB_HISTORY, "history"}, &who, &ticket,
                            &leaf, &verdict);
    if (err)
        return err;
    if (verdict)
        return refuse_recorded(k, call, verdict, &leaf);
    struct buf raw SD_CLEANUP(buf_free) = buf_new((size_t)HISTORY_MAX * 700);
    struct keeper_history_rep rep = {0};
    keeper_collect_log(k);
    keeper_settle(k); /* what is durable is found by its ticket */
    err = find_places(k, req->ticket, places, &count);
    for (size_t i = 0; i < count && err == SD_OK; i++)
        err = list_place(k, &places[i], &raw, &rep.records);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    if (err == SD_OK)
        err = keeper_history_rep_encode(&out, &rep);
    if (err)
        return err;
    leaf.outcome = OUTCOME_GRANTED;
    leaf.ticket = SPAN_NONE; /* looking at a history is no event of the ticket */
    return answer_recorded(k, call, &out, &leaf);
}

/* ---- people ---- */

enum sd_err keeper_on_person(void *ctx, struct ipc_call *call, const struct keeper_person_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct person_found person SD_CLEANUP(person_found_free) = {0};
    struct buf id SD_CLEANUP(buf_free) = buf_new(64);
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err == SD_OK && who.verdict != SESSION_LIVE)
        err = SD_ERR_DENIED;
    if (err == SD_OK)
        err = person_find(k, req->person, &person);
    if (err == SD_OK && !person.there)
        err = SD_ERR_NOTFOUND;
    if (err)
        return err;
    put_hex(&id, span_of(person.id, ID_BYTES));
    keeper_person_reply(call, &(struct keeper_person_rep){.person = buf_span(&id), .name = buf_span(&person.name)});
    return SD_OK;
}
