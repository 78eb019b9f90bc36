/*
 * destroy.c - destroys data keys. A letter dies as a whole: its source has its attachments in it, its text may tell what is in
 * them, and one key stands for all its facets; so whoever names an attachment names its letter and all that came with it. An
 * answer that quotes it is another object: the ticket as a whole takes both.
 */
#include "keeper/asker.h"
#include "keeper/generation.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define IDS_MAX_BYTES ((size_t)16 * 1024 * 1024) /* a million objects */
#define REASON_REPLAY "replay"

/* What is to be destroyed: ids one after another. */
struct doomed {
    struct buf ids;
    struct subject subject; /* what was named, and where it is */
    bool alarm;             /* everybody is told */
    uint8_t note[ID_BYTES]; /* why: all its records name it */
};

static void doomed_free(struct doomed *doomed) {
    buf_free(&doomed->ids);
}

/* ---- what dies together ---- */

/* The letter and its attachments, whose ids follow from its own. */
static enum sd_err add_letter(struct keeper *k, struct span letter, struct doomed *doomed) {
    struct object_id parent, id;
    enum sd_err err = SD_OK;
    bool there = true;
    memcpy(parent.b, letter.p, ID_BYTES);
    buf_put(&doomed->ids, letter);
    for (uint16_t i = 0; err == SD_OK && there && i < UINT16_MAX; i++) {
        struct object_row row;
        err = attachment_object_id(&parent, i, &id);
        if (err == SD_OK)
            err = object_find(k, span_of(id.b, ID_BYTES), &row);
        there = err == SD_OK && row.there;
        if (there)
            buf_put(&doomed->ids, span_of(id.b, ID_BYTES));
    }
    return err;
}

static enum sd_err of_ticket(struct keeper *k, struct span ticket, struct buf *to) {
    struct query q = db_query(k->db, SQL_OBJECTS_OF_TICKET);
    query_blob(&q, ticket);
    while (query_row(&q))
        buf_put(to, query_get(&q, 0));
    enum sd_err err = query_end(&q);
    return err ? err : buf_err(to);
}

/* The letter that an attachment came with. */
static enum sd_err add_letter_of(struct keeper *k, struct span file, struct doomed *doomed) {
    struct object_row row, letter = {0};
    enum sd_err err = object_find(k, file, &row);
    if (err == SD_OK)
        err = object_find(k, span_of(row.letter_id, ID_BYTES), &letter);
    if (err == SD_OK && letter.there)
        return add_letter(k, span_of(row.letter_id, ID_BYTES), doomed);
    if (err == SD_OK)
        buf_put(&doomed->ids, file);
    return err;
}

/* Where it is: what deciding needs, and all that whoever may not costs us. */
static enum sd_err find_place(struct keeper *k, const struct keeper_destroy_req *req, struct doomed *doomed) {
    enum sd_err err = subject_find(k, req->object.n ? req->object : req->ticket, &doomed->subject);
    if (err == SD_OK && doomed->subject.is_ticket != (req->ticket.n > 0))
        doomed->subject = (struct subject){0}; /* of the other kind: not there */
    return err;
}

/* What dies: once it is decided. */
static enum sd_err find_doomed(struct keeper *k, const struct keeper_destroy_req *req, struct doomed *doomed) {
    enum sd_err err = SD_OK;
    if (req->ticket.n)
        err = of_ticket(k, req->ticket, &doomed->ids);
    else if (doomed->subject.kind == OBJECT_LETTER)
        err = add_letter(k, req->object, doomed);
    else if (doomed->subject.kind == OBJECT_FILE)
        err = add_letter_of(k, req->object, doomed);
    else
        buf_put(&doomed->ids, req->object);
    return err ? err : buf_err(&doomed->ids);
}

/* ---- destroying ---- */

/* False in *ret: it was destroyed before. */
static enum sd_err destroy_one(struct keeper *k, struct span id, struct leaf *leaf, bool *ret_done, struct records *records) {
    struct object_row row;
    enum sd_err err = object_find(k, id, &row);
    *ret_done = false;
    if (err || !row.there || row.facts.destroyed)
        return err;
    err = pages_destroy(&k->pages, row.page, row.slot);
    if (err == SD_ERR_NOTFOUND)
        err = SD_OK; /* there is no key in its place: then only the row does not know yet */
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_OBJECT_DESTROYED);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, id);
    err = query_run(&q);
    leaf->object = object_kind_text(row.facts.kind);
    leaf->object_id = id;
    leaf->ticket = span_of(row.ticket, ID_BYTES);
    records_add_changed(records, leaf);
    *ret_done = true;
    return err ? err : records->err;
}

static enum sd_err destroy_within(struct keeper *k, struct doomed *doomed, struct span why, struct leaf *leaf,
                                  uint32_t *ret_count, struct records *records) {
    enum sd_err err = why.n ? note_add(k, why, doomed->note) : SD_OK;
    *ret_count = 0;
    if (why.n)
        leaf->note = span_of(doomed->note, ID_BYTES);
    for (size_t at = 0; err == SD_OK && at < doomed->ids.n; at += ID_BYTES) {
        bool done = false;
        err = destroy_one(k, span_sub(buf_span(&doomed->ids), at, ID_BYTES), leaf, &done, records);
        *ret_count += done;
    }
    if (err == SD_OK && doomed->alarm && *ret_count)
        err = alarm_raise(k, &(struct alarm_new){.kind = ALARM_ROOT_DESTROYED, .note = leaf->note}, records);
    return err ? err : generation_destroyed(k);
}

/* "in backups until 2027-01-02": the day after which none that is kept by the rules has a key to it. */
static void put_last_day(const struct keeper *k, struct buf *to) {
    time_t last = (time_t)((k->spec.now_ms() + k->keys.backup_keep_ms) / 1000);
    struct tm tm = {0};
    (void)gmtime_r(&last, &tm);
    buf_printf(to, "in backups until %04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

static enum sd_err answer_nothing(struct ipc_call *call) {
    keeper_destroy_reply(call, &(struct keeper_destroy_rep){});
    return SD_OK;
}

static enum sd_err answer_destroyed(struct keeper *k, struct ipc_call *call, const struct keeper_destroy_req *req,
                                    struct doomed *doomed, struct span why, struct leaf *leaf) {
    struct buf until SD_CLEANUP(buf_free) = buf_new(64);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    struct keeper_destroy_rep rep = {0};
    records_start(&records, k);
    put_last_day(k, &until);
    leaf->outcome = OUTCOME_GRANTED;
    leaf->detail = buf_span(&until);
    enum sd_err err = find_doomed(k, req, doomed);
    if (err == SD_OK)
        err = db_begin(k->db);
    if (err)
        return err;
    err = destroy_within(k, doomed, why, leaf, &rep.destroyed, &records);
    err = db_end(k->db, err);
    if (err) {
        pages_forget(&k->pages);
        return err;
    }
    keeper_empty_wal(k);
    if (rep.destroyed == 0 && leaf->actor == ACTOR_ROOT)
        return answer_nothing(call); /* destroyed before the backup */
    if (rep.destroyed == 0) {
        leaf->outcome = OUTCOME_FAILED;
        leaf->reason = REASON_DESTROYED;
        leaf->detail = SPAN_NONE;
        records_add(&records, leaf);
    }
    err = keeper_destroy_rep_encode(&out, &rep);
    return err ? err : records_send(&records, call, SD_OK, &out);
}

/* In an installation that is being restored: what was destroyed before. */
static enum sd_err replay(struct keeper *k, struct ipc_call *call, const struct keeper_destroy_req *req, struct doomed *doomed,
                          struct leaf *leaf) {
    if (!doomed->subject.there)
        return answer_nothing(call); /* it came after the backup */
    leaf->reason = REASON_REPLAY;
    return answer_destroyed(k, call, req, doomed, SPAN_NONE, leaf);
}

/* Why root may not destroy this; NULL: may. */
static enum sd_err why_not(struct keeper *k, const struct keeper_destroy_req *req, const struct doomed *doomed,
                           const char **ret) {
    struct object_row row = {0};
    *ret = "not-restoring";
    if (k->restoring || req->object.n == 0 || span_eq(req->reason, SPAN(REASON_REPLAY)))
        return SD_OK;
    enum sd_err err = object_find(k, req->object, &row);
    if (!doomed->subject.there || (row.facts.kind != OBJECT_LETTER && row.facts.kind != OBJECT_FILE))
        *ret = "no-object";
    else if (span_trim(req->reason).n == 0)
        *ret = "no-reason";
    else
        *ret = row.facts.state == OBJECT_CLEAN ? "clean" : NULL;
    return err;
}

/* Root replays what was destroyed while a backup is restored; else destroys what is not clean, says why, and everybody is told.
 */
static enum sd_err by_root(struct keeper *k, struct ipc_call *call, const struct keeper_destroy_req *req, struct doomed *doomed,
                           struct leaf *leaf) {
    leaf->actor = ACTOR_ROOT;
    if (k->restoring && span_eq(req->reason, SPAN(REASON_REPLAY)))
        return replay(k, call, req, doomed, leaf);
    enum sd_err err = why_not(k, req, doomed, &leaf->reason);
    if (k->restoring)
        leaf->reason = REASON_NOT_YOURS;
    if (err)
        return err;
    if (leaf->reason)
        return refuse_recorded(k, call, SD_ERR_DENIED, leaf);
    doomed->alarm = true;
    return answer_destroyed(k, call, req, doomed, req->reason, leaf);
}

static enum sd_err by_person(struct keeper *k, struct ipc_call *call, const struct keeper_destroy_req *req,
                             struct doomed *doomed, struct leaf *leaf) {
    struct who who SD_CLEANUP(who_free) = {0};
    struct permission permission = {.status = SD_ERR_DENIED, .reason = REASON_NOT_YOURS};
    struct leaf mine = *leaf;
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err == SD_OK && who.verdict == SESSION_LIVE && doomed->subject.there) {
        struct demand demand = {.verb = VERB_PURGE,
                                .queue = subject_queue(&doomed->subject),
                                .category = doomed->subject.category,
                                .object = req->object.n ? req->object : req->ticket};
        err = permit(k, &who, &demand, &permission);
    }
    if (err)
        return err;
    *leaf = leaf_by(&who, req->origin, mine.action);
    leaf->object = mine.object;
    leaf->object_id = mine.object_id;
    leaf->ticket = mine.ticket;
    if (who.verdict != SESSION_LIVE)
        permission.reason = NULL; /* the leaf says it */
    if (permission.status)
        return refuse_permission(k, call, &permission, leaf);
    leaf->reason = permission.reason;
    return answer_destroyed(k, call, req, doomed, req->reason, leaf);
}

enum sd_err keeper_on_destroy(void *ctx, struct ipc_call *call, const struct keeper_destroy_req *req) {
    struct keeper *k = ctx;
    struct doomed doomed SD_CLEANUP(doomed_free) = {.ids = buf_new(IDS_MAX_BYTES)};
    bool one = req->object.n == ID_BYTES && req->ticket.n == 0, all = req->ticket.n == ID_BYTES && req->object.n == 0;
    if (!one && !all)
        return SD_ERR_PARSE;
    enum sd_err err = find_place(k, req, &doomed);
    if (err)
        return err;
    struct leaf leaf = {.action = "destroy",
                        .object = one ? "object" : "ticket",
                        .object_id = one ? req->object : req->ticket,
                        .outcome = OUTCOME_REFUSED};
    if (doomed.subject.there)
        leaf.ticket = span_of(doomed.subject.ticket, ID_BYTES);
    if (ipc_conn_peer(call->conn) == PEER_ADMIN)
        return by_root(k, call, req, &doomed, &leaf);
    return by_person(k, call, req, &doomed, &leaf);
}
