/*
 * verdict_apply.c - what an inspector found: of a letter at the door it is kept until the letter is adopted; of one that is
 * stored it is written to the rows of the letter and its attachments, whose digests it must name. What was let in and is
 * malicious closes, and opens an incident.
 */
#include "keeper/incident.h"
#include "keeper/scanner.h"
#include "keeper/verdict.h"

#include <string.h>

/* ---- an object as it was ---- */

enum sd_err object_scan_find(struct keeper *k, struct span id, struct object_scan *ret) {
    struct query q = db_query(k->db, SQL_OBJECT_SCAN);
    *ret = (struct object_scan){0};
    query_blob(&q, id);
    if (query_row(&q)) {
        struct span signature = span_sub(query_get(&q, 3), 0, VERDICT_TEXT_MAX);
        struct span engine = span_sub(query_get(&q, 4), 0, VERDICT_TEXT_MAX);
        *ret = (struct object_scan){.there = true,
                                    .own = (enum object_state)query_get_int(&q, 0),
                                    .state = (enum object_state)query_get_int(&q, 1),
                                    .findings = (uint64_t)query_get_int(&q, 2),
                                    .signature_n = signature.n,
                                    .engine_n = engine.n,
                                    .scanned_ms = query_get_int(&q, 5),
                                    .epoch = query_get_int(&q, 6),
                                    .due_ms = query_get_int(&q, 7),
                                    .tries = query_get_int(&q, 8),
                                    .made_ms = query_get_int(&q, 9),
                                    .released_ms = query_get_int(&q, 10),
                                    .released_state = (enum object_state)query_get_int(&q, 12),
                                    .destroyed = query_get_int(&q, 13) != 0,
                                    .opened_ms = query_get_int(&q, 14)};
        struct span by = query_get(&q, 11);
        if (signature.n)
            memcpy(ret->signature, signature.p, signature.n);
        if (engine.n)
            memcpy(ret->engine, engine.p, engine.n);
        ret->by_root = by.n != ID_BYTES;
        if (!ret->by_root)
            memcpy(ret->released_by, by.p, ID_BYTES);
    }
    return query_end(&q);
}

/* ---- applying ---- */

struct applying {
    struct keeper *k;
    const struct keeper_verdict_req *req;
    struct records *records;
    struct object_row letter;
    int64_t epoch;
    struct incident_new incident; /* the first that came out; count: how many */
    unsigned incidents;
};

static struct leaf leaf_of(const struct applying *a, struct span id, const struct object_row *row) {
    return (struct leaf){.actor = ACTOR_SYSTEM,
                         .action = "verdict",
                         .object = row->there ? object_kind_text(row->facts.kind) : "object",
                         .object_id = id,
                         .ticket = a->letter.there ? span_of(a->letter.ticket, ID_BYTES) : SPAN_NONE,
                         .outcome = OUTCOME_REFUSED};
}

static enum sd_err refuse_part(struct applying *a, struct span id, const struct object_row *row, const char *reason) {
    struct leaf leaf = leaf_of(a, id, row);
    leaf.reason = reason;
    records_add_changed(a->records, &leaf);
    return a->records->err;
}

static bool is_worse(enum object_state state, enum object_state than) {
    return state != than && object_state_worse(state, than) == state;
}

static enum sd_err unrelease(struct keeper *k, struct span id) {
    struct query q = db_query(k->db, SQL_OBJECT_UNRELEASE);
    query_blob(&q, id);
    return query_run(&q);
}

/* Its state has become another: a record; a release that was made knowing less is over; and what was let in and should not have
 * been is an incident. */
static enum sd_err changed(struct applying *a, struct span id, const struct object_row *row, const struct object_scan *before,
                           enum object_state state, struct span signature) {
    bool let_in = before->state == OBJECT_CLEAN || before->released_ms != 0;
    enum sd_err err = SD_OK;
    if (before->released_ms && is_worse(state, before->released_state))
        err = unrelease(a->k, id);
    else if (before->released_ms)
        let_in = false; /* it goes on being as open as it was */
    if (err == SD_OK && let_in && state == OBJECT_MALICIOUS && (row->facts.kind == OBJECT_FILE || a->incidents == 0)) {
        struct incident_new incident = {
            .object = id, .letter = a->req->object, .kind = row->facts.kind, .signature = signature};
        memcpy(incident.ticket, row->ticket, ID_BYTES);
        err = incident_open(a->k, &incident, &a->incident.number);
        a->incidents += err == SD_OK;
    }
    struct epoch_word word;
    struct leaf leaf = leaf_of(a, id, row);
    leaf.outcome = OUTCOME_GRANTED;
    leaf.reason = object_state_text(state);
    leaf.detail = epoch_text(a->epoch, &word);
    if (err == SD_OK)
        records_add_changed(a->records, &leaf);
    return err ? err : a->records->err;
}

static enum sd_err put_found(struct applying *a, struct span id, const struct verdict_part *part, enum object_state state) {
    struct query q = db_query(a->k->db, SQL_OBJECT_FOUND);
    query_int(&q, part->state);
    query_int(&q, state);
    query_int(&q, (int64_t)part->findings);
    query_text(&q, part->signature);
    query_text(&q, a->req->engine);
    query_int(&q, a->k->spec.now_ms());
    query_int(&q, a->epoch);
    query_blob(&q, id);
    return query_run(&q);
}

/* Not looked into this time is no news of what was looked into before: that stays, and is tried again. */
static bool says_nothing(const struct verdict_part *part, const struct object_scan *before) {
    return part->state == OBJECT_UNSCANNED && before->own != OBJECT_UNSCANNED;
}

static enum sd_err apply_file(struct applying *a, uint16_t place, const struct verdict_part *part) {
    struct object_id letter, id;
    struct object_row row = {0};
    struct object_scan before = {0};
    memcpy(letter.b, a->req->object.p, ID_BYTES);
    enum sd_err err = attachment_object_id(&letter, place, &id);
    struct span file = span_of(id.b, ID_BYTES);
    if (err == SD_OK)
        err = object_find(a->k, file, &row);
    if (err)
        return err;
    if (!row.there || row.facts.destroyed)
        return refuse_part(a, file, &row, row.there ? REASON_DESTROYED : "no-object");
    if (!span_eq(part->digest, span_of(row.digest.b, SHA256_BYTES)))
        return refuse_part(a, file, &row, "digest");
    err = object_scan_find(a->k, file, &before);
    if (err || says_nothing(part, &before))
        return err;
    err = put_found(a, file, part, part->state);
    if (err == SD_OK && part->state != before.state)
        err = changed(a, file, &row, &before, part->state, part->signature);
    return err;
}

/* ---- the letter: the worst of its parts ---- */

static enum sd_err worst_of_files(struct applying *a, enum object_state *worst, bool *unscanned) {
    struct object_id letter, id;
    struct object_row row = {.there = a->letter.facts.has_files};
    enum sd_err err = SD_OK;
    memcpy(letter.b, a->req->object.p, ID_BYTES);
    for (uint16_t i = 0; row.there && err == SD_OK && i + 1 < VERDICT_PARTS_MAX; i++) {
        err = attachment_object_id(&letter, i, &id);
        if (err == SD_OK)
            err = object_find(a->k, span_of(id.b, ID_BYTES), &row);
        if (err || !row.there)
            break;
        *worst = object_state_worse(*worst, row.facts.state);
        *unscanned |= row.facts.state == OBJECT_UNSCANNED;
    }
    return err;
}

static enum sd_err put_worst(struct applying *a, const struct object_scan *before, enum object_state worst, bool unscanned) {
    int64_t due_ms = before->due_ms;
    if (unscanned && due_ms == 0)
        due_ms = scan_again_ms(a->k, before->tries);
    struct query q = db_query(a->k->db, SQL_OBJECT_WORST);
    query_int(&q, worst);
    query_int(&q, unscanned ? due_ms : 0);
    query_int(&q, unscanned ? before->tries : 0);
    query_blob(&q, a->req->object);
    return query_run(&q);
}

/* part: of the letter itself; NULL: it was refused. */
static enum sd_err apply_letter(struct applying *a, const struct verdict_part *part) {
    struct object_scan before = {0};
    enum sd_err err = object_scan_find(a->k, a->req->object, &before);
    if (err)
        return err;
    enum object_state own = before.own;
    if (part && !says_nothing(part, &before)) {
        own = part->state;
        err = put_found(a, a->req->object, part, before.state);
    }
    enum object_state worst = own;
    bool unscanned = own == OBJECT_UNSCANNED;
    if (err == SD_OK)
        err = worst_of_files(a, &worst, &unscanned);
    if (err == SD_OK)
        err = put_worst(a, &before, worst, unscanned);
    if (err == SD_OK && worst != before.state)
        err = changed(a, a->req->object, &a->letter, &before, worst, part ? part->signature : SPAN_NONE);
    return err;
}

static enum sd_err apply_parts(struct applying *a) {
    struct ipc_list_iter iter = ipc_list_start(a->req->verdicts);
    struct verdict_part own = {0}, part;
    struct span item;
    bool told = false;
    enum sd_err err = SD_OK;
    for (uint16_t i = 0; err == SD_OK && ipc_list_next(&iter, &item); i++) {
        err = verdict_part_read(item, i ? &part : &own);
        if (err == SD_OK && i)
            err = apply_file(a, (uint16_t)(i - 1), &part);
        else if (err == SD_OK && span_eq(own.digest, span_of(a->letter.digest.b, SHA256_BYTES)))
            told = true;
        else if (err == SD_OK)
            err = refuse_part(a, a->req->object, &a->letter, "digest");
    }
    return err ? err : apply_letter(a, told ? &own : NULL);
}

static enum sd_err apply_within(struct applying *a) {
    enum sd_err err = epoch_of(a->k, a->req->engine, &a->epoch);
    if (err == SD_OK)
        err = apply_parts(a);
    return err == SD_OK && a->incidents ? incident_alarm(a->k, &a->incident, a->records) : err;
}

static enum sd_err answer(struct keeper *k, struct ipc_call *call, const struct keeper_verdict_req *req,
                          const struct object_row *letter) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    struct applying a = {.k = k, .req = req, .records = &records, .letter = *letter};
    a.incident = (struct incident_new){.object = req->object, .letter = req->object};
    memcpy(a.incident.ticket, letter->ticket, ID_BYTES);
    keeper_collect_log(k);
    keeper_settle(k); /* who opened it is looked for in what is indexed */
    enum sd_err err = db_begin(k->db);
    if (err == SD_OK)
        err = db_end(k->db, apply_within(&a));
    if (err == SD_OK)
        err = keeper_verdict_rep_encode(&out, &(struct keeper_verdict_rep){});
    if (err)
        return err;
    if (!records.first) {
        ipc_answer(call, &out);
        return SD_OK;
    }
    return records_send(&records, call, SD_OK, &out);
}

enum sd_err keeper_on_verdict(void *ctx, struct ipc_call *call, const struct keeper_verdict_req *req) {
    static const uint8_t at_the_door[ID_BYTES];
    struct keeper *k = ctx;
    struct object_row letter = {0};
    if (span_eq(req->object, span_of(at_the_door, sizeof at_the_door))) {
        enum sd_err err = verdicts_keep(k, req->letter, req->engine, req->verdicts);
        if (err == SD_OK)
            keeper_verdict_reply(call, &(struct keeper_verdict_rep){});
        return err;
    }
    if (!verdict_text_fits(req->engine) || req->verdicts.count == 0)
        return SD_ERR_PARSE;
    enum sd_err err = object_find(k, req->object, &letter);
    if (err)
        return err;
    struct leaf leaf = {.actor = ACTOR_SYSTEM, .action = "verdict", .object = "letter", .object_id = req->object};
    if (!letter.there || letter.facts.kind != OBJECT_LETTER)
        leaf.reason = "no-object";
    else if (letter.facts.destroyed)
        leaf.reason = REASON_DESTROYED;
    else if (!span_eq(req->letter, span_of(letter.digest.b, SHA256_BYTES)))
        leaf.reason = "digest";
    return leaf.reason ? refuse_recorded(k, call, SD_ERR_DENIED, &leaf) : answer(k, call, req, &letter);
}
