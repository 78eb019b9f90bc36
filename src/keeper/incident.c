#include "keeper/incident.h"
#include "core/codec.h"
#include "keeper/asker.h"
#include "keeper/opened.h"

#include <stdio.h>
#include <string.h>

#define RECORDS_MAX 2000 /* of a ticket, the newest, that are looked through: tens of milliseconds */
#define OPENINGS_MAX 64  /* people and ways; more are counted */
#define TIME_BYTES 24    /* "2026-11-23T10:00:00.123Z" */

/* Who opened it in which way, and when first. As stored: person, facet, time. */
struct opening {
    uint8_t person[ID_BYTES];
    uint8_t facet;
    uint8_t at[TIME_BYTES];
};
struct openings {
    struct opening of[OPENINGS_MAX];
    size_t count;
    uint32_t more;
};

/* ---- who opened it ---- */

static void add_opening(struct openings *openings, const uint8_t person[ID_BYTES], unsigned facet, struct span at) {
    struct opening opening = {.facet = (uint8_t)facet};
    memcpy(opening.person, person, ID_BYTES);
    if (at.n == TIME_BYTES)
        memcpy(opening.at, at.p, TIME_BYTES);
    for (size_t i = 0; i < openings->count; i++) {
        struct opening *o = &openings->of[i];
        if (o->facet != opening.facet || memcmp(o->person, person, ID_BYTES) != 0)
            continue;
        if (memcmp(opening.at, o->at, TIME_BYTES) < 0)
            memcpy(o->at, opening.at, TIME_BYTES);
        return;
    }
    if (openings->count < OPENINGS_MAX)
        openings->of[openings->count++] = opening;
    else
        openings->more++;
}

/* Of the attachment any way of seeing it counts; of its letter, or of a letter, the source, which has it in it. */
static bool concerns(const struct incident_new *incident, struct span object, unsigned facet) {
    if (span_eq(object, incident->object) && incident->kind == OBJECT_FILE)
        return facet == FACET_FILE || facet == FACET_PREVIEW;
    return span_eq(object, incident->letter) && facet == FACET_SOURCE;
}

static enum sd_err look_at(struct keeper *k, const struct incident_new *incident, uint64_t segment, uint64_t offset,
                           struct openings *openings) {
    struct buf record SD_CLEANUP(buf_free) = buf_new(MERKLE_LEAF_MAX);
    struct leaf_opening opening;
    enum sd_err err = segment_read_at((const char *)k->log_dir.p, segment, offset, &record);
    if (err == SD_ERR_NOTFOUND || err == SD_ERR_PARSE)
        return SD_OK; /* dropped, or damaged: what there is counts */
    if (err == SD_OK && leaf_opened(buf_span(&record), &opening) &&
        concerns(incident, span_of(opening.object, ID_BYTES), opening.facet))
        add_opening(openings, opening.person, opening.facet, leaf_time(buf_span(&record)));
    return err;
}

static enum sd_err look_in_log(struct keeper *k, const struct incident_new *incident, struct openings *openings) {
    struct query q = db_query(k->db, SQL_HISTORY_NEWEST);
    enum sd_err err = SD_OK;
    query_blob(&q, span_of(incident->ticket, ID_BYTES));
    query_int(&q, RECORDS_MAX);
    while (err == SD_OK && query_row(&q))
        err = look_at(k, incident, (uint64_t)query_get_int(&q, 0), (uint64_t)query_get_int(&q, 1), openings);
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

static void look_in_memory(const struct keeper *k, const struct incident_new *incident, struct openings *openings) {
    for (size_t i = 0; k->opened && i < OPENED_MAX; i++) {
        const struct opened *o = &k->opened[i];
        struct buf at SD_CLEANUP(buf_free) = buf_new(64);
        if (o->at_ms == 0 || !concerns(incident, span_of(o->object, ID_BYTES), o->facet))
            continue;
        put_rfc3339(&at, o->at_ms);
        add_opening(openings, o->person, o->facet, buf_span(&at));
    }
}

static void put_openings(const struct openings *openings, struct buf *to) {
    buf_u32(to, openings->more);
    for (size_t i = 0; i < openings->count; i++) {
        buf_put(to, span_of(openings->of[i].person, ID_BYTES));
        buf_u8(to, openings->of[i].facet);
        buf_put(to, span_of(openings->of[i].at, TIME_BYTES));
    }
}

enum sd_err incident_open(struct keeper *k, const struct incident_new *incident, int64_t *ret_number) {
    struct openings openings = {.count = 0};
    struct buf opened SD_CLEANUP(buf_free) = buf_new(sizeof openings + 16);
    enum sd_err err = look_in_log(k, incident, &openings);
    if (err)
        return err;
    look_in_memory(k, incident, &openings);
    put_openings(&openings, &opened);
    struct query q = db_query(k->db, SQL_INCIDENT_ADD);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, incident->object);
    query_blob(&q, incident->letter);
    query_blob(&q, span_of(incident->ticket, ID_BYTES));
    query_int(&q, incident->kind);
    query_text(&q, incident->signature);
    query_blob(&q, buf_span(&opened));
    err = query_run(&q);
    if (err == SD_OK)
        *ret_number = db_last_id(k->db);
    return err ? err : buf_err(&opened);
}

enum sd_err incident_alarm(struct keeper *k, const struct incident_new *incident, struct records *records) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(256);
    uint8_t note[ID_BYTES];
    buf_printf(&text, "incident %lld, ticket ", (long long)incident->number);
    put_hex(&text, span_of(incident->ticket, ID_BYTES));
    buf_text(&text, ", letter ");
    put_hex(&text, incident->letter);
    enum sd_err err = buf_err(&text);
    if (err == SD_OK)
        err = note_add(k, buf_span(&text), note);
    return err ? err : alarm_raise(k, &(struct alarm_new){.kind = ALARM_INFECTED, .note = span_of(note, ID_BYTES)}, records);
}

/* ---- as people see them ---- */

#define LIST_MAX 16
#define ITEM_MAX_BYTES ((size_t)3600) /* keeper.def */
#define ITEM_ROOM_BYTES ((size_t)600) /* what stands behind the list of people */

struct incident_rows {
    struct buf raw, line, name, note;
    struct ipc_list list;
    uint64_t next;
};

static void rows_free(struct incident_rows *rows) {
    buf_free(&rows->raw);
    buf_free(&rows->line);
    buf_free(&rows->name);
    buf_free(&rows->note);
}

static enum sd_err name_of(struct keeper *k, struct span person, struct buf *to) {
    buf_reset(to);
    return person.n ? person_name(k, person, to) : SD_OK;
}

/* As many as fit. */
static enum sd_err put_opened(struct keeper *k, struct json_out *j, struct span stored, struct incident_rows *rows) {
    struct reader r = reader_of(stored);
    uint32_t more = read_u32(&r);
    enum sd_err err = SD_OK;
    json_begin_array(j, "opened_by");
    while (err == SD_OK && r.err == SD_OK && r.rest.n) {
        struct span person = read_bytes(&r, ID_BYTES);
        unsigned facet = read_u8(&r);
        struct span at = read_bytes(&r, TIME_BYTES);
        err = name_of(k, person, &rows->name);
        if (rows->line.n + 6 * rows->name.n + 200 > ITEM_MAX_BYTES - ITEM_ROOM_BYTES) {
            more++;
            continue;
        }
        json_begin_object(j, NULL);
        json_hex(j, "person", person);
        json_text(j, "name", buf_span(&rows->name));
        json_text(j, "at", at);
        json_cstr(j, "facet", facet_name((enum facet)facet));
        json_end(j);
    }
    json_end(j);
    json_int(j, "opened_by_more", more);
    return err ? err : r.err;
}

static enum sd_err put_closed(struct keeper *k, struct json_out *j, struct query *q, struct incident_rows *rows) {
    int64_t closed_ms = query_get_int(q, 8);
    struct span by = query_get(q, 9), note = query_get(q, 10);
    enum sd_err err = name_of(k, by, &rows->name);
    buf_reset(&rows->note);
    if (err == SD_OK && note.n)
        err = note_get(k, note, &rows->note);
    json_cstr(j, "state", closed_ms ? "closed" : "open");
    if (closed_ms) {
        json_hex(j, "closed_by", by);
        json_text(j, "closed_by_name", by.n ? buf_span(&rows->name) : SPAN("root"));
        json_time(j, "closed_at", closed_ms);
        json_text(j, "note", buf_span(&rows->note));
    }
    return err;
}

static enum sd_err put_incident(struct keeper *k, struct query *q, struct incident_rows *rows) {
    buf_reset(&rows->line);
    struct json_out j = json_out(&rows->line);
    json_begin_object(&j, NULL);
    json_int(&j, "id", query_get_int(q, 0));
    json_time(&j, "at", query_get_int(q, 1));
    json_cstr(&j, "kind", object_kind_text((enum object_kind)query_get_int(q, 5)));
    json_hex(&j, "object", query_get(q, 2));
    json_hex(&j, "letter", query_get(q, 3));
    json_hex(&j, "ticket", query_get(q, 4));
    json_text(&j, "queue", query_get(q, 11));
    json_text(&j, "signature", query_get(q, 6));
    enum sd_err err = put_closed(k, &j, q, rows);
    if (err == SD_OK)
        err = put_opened(k, &j, query_get(q, 7), rows);
    json_end(&j);
    rows->next = (uint64_t)query_get_int(q, 0);
    if (err == SD_OK)
        ipc_list_add(&rows->list, &rows->raw, buf_span(&rows->line));
    return err ? err : buf_err(&rows->line);
}

static enum sd_err list_incidents(struct keeper *k, uint64_t before, struct incident_rows *rows) {
    struct query q = db_query(k->db, SQL_INCIDENT_LIST);
    enum sd_err err = SD_OK;
    bool more = true;
    query_int(&q, before && before < INT64_MAX ? (int64_t)before : INT64_MAX);
    while (err == SD_OK && rows->list.count < LIST_MAX && (more = query_row(&q)))
        err = put_incident(k, &q, rows);
    if (!more)
        rows->next = 0;
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

enum sd_err keeper_on_incident_list(void *ctx, struct ipc_call *call, const struct keeper_incident_list_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct permission permission = {.status = SD_ERR_DENIED};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct incident_rows rows SD_CLEANUP(rows_free) = {.raw = buf_new(LIMIT_IPC_INLINE_BYTES),
                                                       .line = buf_new(2 * ITEM_MAX_BYTES),
                                                       .name = buf_new(1024),
                                                       .note = buf_new(512)};
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK)
        err = asker_permit(k, &asker, &(struct demand){.verb = VERB_ALARMS}, &permission);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, "incident-list");
    leaf.object = "installation";
    if (permission.status)
        return refuse_permission(k, call, &permission, &leaf);
    err = list_incidents(k, req->before, &rows);
    if (err == SD_OK)
        err = buf_err(&rows.raw);
    if (err == SD_OK)
        err = keeper_incident_list_rep_encode(&out,
                                              &(struct keeper_incident_list_rep){.incidents = rows.list, .next = rows.next});
    leaf.outcome = OUTCOME_GRANTED;
    return err ? err : answer_recorded(k, call, &out, &leaf);
}

/* ---- closing ---- */

static enum sd_err is_open(struct keeper *k, uint64_t incident, bool *ret) {
    struct query q = db_query(k->db, SQL_INCIDENT_OPEN);
    query_int(&q, incident < INT64_MAX ? (int64_t)incident : 0);
    *ret = query_row(&q);
    return query_end(&q);
}

static enum sd_err close_within(struct keeper *k, const struct asker *asker, const struct keeper_incident_close_req *req,
                                uint8_t note[ID_BYTES], struct leaf *leaf, struct records *records) {
    enum sd_err err = req->note.n ? note_add(k, req->note, note) : SD_OK;
    if (err)
        return err;
    leaf->note = req->note.n ? span_of(note, ID_BYTES) : SPAN_NONE;
    struct query q = db_query(k->db, SQL_INCIDENT_CLOSE);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, asker_id(asker));
    query_blob(&q, leaf->note);
    query_int(&q, (int64_t)req->incident);
    err = query_run(&q);
    if (err == SD_OK)
        records_add_changed(records, leaf);
    return err ? err : records->err;
}

static enum sd_err close_asked(struct keeper *k, struct ipc_call *call, const struct asker *asker,
                               const struct keeper_incident_close_req *req, struct leaf *leaf) {
    uint8_t note[ID_BYTES] = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    leaf->outcome = OUTCOME_GRANTED;
    enum sd_err err = keeper_incident_close_rep_encode(&out, &(struct keeper_incident_close_rep){});
    if (err == SD_OK)
        err = db_begin(k->db);
    if (err == SD_OK)
        err = db_end(k->db, close_within(k, asker, req, note, leaf, &records));
    return err ? err : records_send(&records, call, SD_OK, &out);
}

enum sd_err keeper_on_incident_close(void *ctx, struct ipc_call *call, const struct keeper_incident_close_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct permission permission = {.status = SD_ERR_DENIED};
    bool open = false;
    char text[24];
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK)
        err = asker_permit(k, &asker, &(struct demand){.verb = VERB_ALARMS}, &permission);
    if (err == SD_OK)
        err = is_open(k, req->incident, &open);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, "incident-close");
    leaf.object = "incident";
    if (permission.status)
        return refuse_permission(k, call, &permission, &leaf);
    if (!open) {
        leaf.reason = "no-incident";
        return refuse_recorded(k, call, SD_ERR_NOTFOUND, &leaf);
    }
    leaf.detail = span_of(text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)req->incident));
    return close_asked(k, call, &asker, req, &leaf);
}
