/* session_list.c - who is signed in: one's own sessions, and for those with the right everybody's; ending them. */
#include "core/codec.h"
#include "core/json_out.h"
#include "keeper/people.h"

#include <string.h>

#define SESSIONS_MAX 100
#define LINE_MAX_BYTES 600 /* what keeper.def carries */

/* Whose sessions: of nobody in particular (all), or of one person. */
struct scope {
    bool all, own;
    uint8_t person[ID_BYTES];
};

/* There is no such person: SD_ERR_NOTFOUND. */
static enum sd_err find_scope(struct keeper *k, const struct asker *asker, struct span person, struct scope *ret) {
    struct person named SD_CLEANUP(person_free) = {0};
    struct span me = asker_id(asker);
    *ret = (struct scope){.all = span_eq(person, SPAN("*"))};
    if (ret->all)
        return SD_OK;
    if (person.n == 0 && me.n) {
        ret->own = true;
        memcpy(ret->person, me.p, ID_BYTES);
        return SD_OK;
    }
    enum sd_err err = person_named(k, person, &named);
    if (err || !named.there)
        return err ? err : SD_ERR_NOTFOUND;
    memcpy(ret->person, named.id, ID_BYTES);
    ret->own = span_eq(span_of(named.id, ID_BYTES), me);
    return SD_OK;
}

/* Limited sessions and machines have no business here, not even with their own. */
static enum sd_err may(struct keeper *k, const struct asker *asker, bool own, struct permission *ret) {
    const struct who *who = &asker->who;
    *ret = (struct permission){.status = SD_ERR_DENIED, .reason = REASON_NO_SESSION};
    if (!own || asker->root)
        return asker_permit(k, asker, &(struct demand){.verb = VERB_SESSIONS}, ret);
    if (who->verdict != SESSION_LIVE)
        return SD_OK;
    ret->reason = who->limited ? REASON_LIMITED : who->factor == FACTOR_TOKEN ? REASON_TOKEN : NULL;
    ret->status = ret->reason ? SD_ERR_DENIED : SD_OK;
    return SD_OK;
}

/* ---- listing ---- */

struct session_row {
    struct span id, person, name, origin;
    int64_t made_ms, used_ms;
    enum factor factor;
    bool limited, live;
};

static struct session_row read_row(const struct keeper *k, struct query *q) {
    int64_t role = query_get_int(q, 8);
    struct session_row row = {.id = query_get(q, 0),
                              .person = query_get(q, 1),
                              .name = query_get(q, 2),
                              .origin = query_get(q, 5),
                              .made_ms = query_get_int(q, 3),
                              .used_ms = query_get_int(q, 4),
                              .factor = (enum factor)query_get_int(q, 6),
                              .limited = query_get_int(q, 7) != 0};
    row.live = query_get_int(q, 9) == PERSON_ACTIVE && session_is_live(row.made_ms, row.used_ms, k->spec.now_ms());
    if (role > 0 && role <= ROLE_AUDITOR && role_needs_passkey(k, (enum person_role)role) && row.factor != FACTOR_PASSKEY)
        row.limited = true;
    return row;
}

static void put_row(const struct session_row *row, struct span mine, struct span name, struct buf *line) {
    struct json_out j = json_out(line);
    int64_t end_ms = row->made_ms + SESSION_LIFE_MS, idle_ms = row->used_ms + SESSION_IDLE_MS;
    buf_reset(line);
    json_begin_object(&j, NULL);
    json_hex(&j, "id", row->id);
    json_hex(&j, "person", row->person);
    json_text(&j, "name", name);
    json_time(&j, "started_at", row->made_ms);
    json_time(&j, "used_at", row->used_ms);
    json_time(&j, "expires_at", idle_ms < end_ms ? idle_ms : end_ms);
    json_text(&j, "origin", row->origin);
    json_cstr(&j, "factor", factor_text(row->factor));
    json_bool(&j, "limited", row->limited);
    json_bool(&j, "mine", span_eq(row->id, mine));
    json_end(&j);
}

struct session_page {
    struct buf raw, line;
    struct ipc_list list;
    uint8_t next[ID_BYTES];
    bool more;
};

static void page_free(struct session_page *page) {
    buf_free(&page->raw);
    buf_free(&page->line);
}

static enum sd_err list_sessions(struct keeper *k, const struct asker *asker, const struct scope *scope, struct span after,
                                 struct session_page *page) {
    struct span mine = asker->root ? SPAN_NONE : span_of(asker->who.session, ID_BYTES);
    struct query q = db_query(k->db, SQL_SESSION_LIST);
    query_blob(&q, after);
    query_blob(&q, scope->all ? SPAN_NONE : span_of(scope->person, ID_BYTES));
    while (!page->more && query_row(&q)) {
        struct session_row row = read_row(k, &q);
        if (!row.live)
            continue;
        put_row(&row, mine, row.name, &page->line);
        if (page->line.n > LINE_MAX_BYTES) /* a very long name: the id says who it is */
            put_row(&row, mine, SPAN_NONE, &page->line);
        ipc_list_add(&page->list, &page->raw, buf_span(&page->line));
        page->more = page->list.count == SESSIONS_MAX;
        if (page->more)
            query_get_fixed(&q, 0, page->next, ID_BYTES);
    }
    enum sd_err err = query_end(&q);
    return err ? err : buf_err(&page->raw);
}

enum sd_err keeper_on_session_list(void *ctx, struct ipc_call *call, const struct keeper_session_list_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct session_page page SD_CLEANUP(page_free) = {.raw = buf_new(LIMIT_IPC_INLINE_BYTES), .line = buf_new(4096)};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct permission permission = {.status = SD_ERR_DENIED};
    struct scope scope = {0};
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err)
        return err;
    enum sd_err found = find_scope(k, &asker, req->person, &scope);
    err = found == SD_ERR_NOTFOUND ? SD_OK : found;
    if (err == SD_OK)
        err = may(k, &asker, scope.own, &permission);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, "list-sessions");
    leaf.object = scope.all ? "people" : "person";
    leaf.object_id = scope.all || found ? SPAN_NONE : span_of(scope.person, ID_BYTES);
    if (permission.status && scope.own)
        return SD_ERR_DENIED; /* nothing of anybody's was asked for: no record */
    if (permission.status)
        return refuse_permission(k, call, &permission, &leaf);
    if (found)
        return refuse_recorded(k, call, SD_ERR_NOTFOUND, &leaf);
    err = list_sessions(k, &asker, &scope, req->after, &page);
    struct keeper_session_list_rep rep = {.sessions = page.list, .next = span_of(page.next, page.more ? ID_BYTES : 0)};
    if (err == SD_OK)
        err = keeper_session_list_rep_encode(&out, &rep);
    leaf.outcome = OUTCOME_GRANTED;
    if (err == SD_OK && scope.own)
        ipc_answer(call, &out);
    return err || scope.own ? err : answer_recorded(k, call, &out, &leaf);
}

/* ---- ending ---- */

/* Whose it is; of one that is not there, nobody's. */
static enum sd_err find_owner(struct keeper *k, struct span session, uint8_t ret[ID_BYTES], bool *ret_there) {
    struct query q = db_query(k->db, SQL_SESSION_OWNER);
    query_blob(&q, session);
    *ret_there = query_row(&q);
    if (*ret_there)
        query_get_fixed(&q, 0, ret, ID_BYTES);
    return query_end(&q);
}

struct ending {
    struct asker asker;
    struct span session; /* empty: all of `scope.person` */
    struct scope scope;
    bool there;
};

static void ending_free(struct ending *e) {
    asker_free(&e->asker);
}

static enum sd_err find_ending(struct keeper *k, const struct keeper_session_end_req *req, struct ending *e) {
    e->session = req->session;
    if (req->session.n) {
        enum sd_err err = find_owner(k, req->session, e->scope.person, &e->there);
        e->scope.own = e->there && span_eq(span_of(e->scope.person, ID_BYTES), asker_id(&e->asker));
        return err;
    }
    enum sd_err err = find_scope(k, &e->asker, req->person, &e->scope);
    e->there = err == SD_OK && !e->scope.all; /* not everybody's at once */
    return err == SD_ERR_NOTFOUND ? SD_OK : err;
}

/* All of one's own but the one in which it was asked: to leave that one is to sign out. */
static enum sd_err end_rows(struct keeper *k, const struct ending *e, uint32_t *ret_ended) {
    struct span person = span_of(e->scope.person, ID_BYTES);
    if (e->session.n == 0)
        return session_end_all(k, person, e->scope.own && !e->asker.root ? e->asker.who.session : NULL, ret_ended);
    enum sd_err err = session_end(k, e->session);
    if (err == SD_OK)
        *ret_ended = db_changes(k->db);
    return err;
}

static enum sd_err end_recorded(struct keeper *k, struct ipc_call *call, const struct ending *e, struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_session_end_rep rep = {0};
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    leaf->outcome = OUTCOME_GRANTED;
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    if (e->there)
        err = end_rows(k, e, &rep.ended);
    if (err == SD_OK)
        err = keeper_session_end_rep_encode(&out, &rep);
    if (err == SD_OK)
        records_add_changed(&records, leaf);
    err = db_end(k->db, err ? err : records.err);
    return err ? err : records_send(&records, call, SD_OK, &out);
}

enum sd_err keeper_on_session_end(void *ctx, struct ipc_call *call, const struct keeper_session_end_req *req) {
    struct keeper *k = ctx;
    struct ending e SD_CLEANUP(ending_free) = {0};
    struct permission permission = {.status = SD_ERR_DENIED};
    if (req->session.n && req->session.n != ID_BYTES)
        return SD_ERR_PARSE;
    enum sd_err err = asker_find(k, call, req->token, req->origin, &e.asker);
    if (err == SD_OK)
        err = find_ending(k, req, &e);
    if (err == SD_OK)
        err = may(k, &e.asker, e.scope.own, &permission);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&e.asker, req->origin, "session-end");
    leaf.object = "person";
    leaf.object_id = e.there ? span_of(e.scope.person, ID_BYTES) : SPAN_NONE;
    leaf.detail = req->session.n ? SPAN("one session") : SPAN("all sessions");
    return permission.status ? refuse_permission(k, call, &permission, &leaf) : end_recorded(k, call, &e, &leaf);
}
