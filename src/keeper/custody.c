/* custody.c - what is known about a letter and its attachments, for those who may see that it is there. */
#include "keeper/asker.h"
#include "keeper/custody_json.h"
#include "keeper/verdict.h"

#include <string.h>

#define ANSWER_BYTES ((size_t)60 * 1024) /* an answer has room for so much */
#define FINDINGS_FEW 4                   /* when there are too many attachments to say all of each */

void json_findings(struct json_out *j, uint64_t findings, unsigned max) {
    unsigned count = 0;
    json_begin_array(j, "findings");
    for (unsigned f = 0; f < FINDING_COUNT; f++)
        if ((findings >> f & 1) && count++ < max)
            json_cstr(j, NULL, finding_text(f));
    json_end(j);
}

void json_time_or_null(struct json_out *j, const char *key, int64_t unix_ms) {
    if (unix_ms)
        json_time(j, key, unix_ms);
    else
        json_put_null(j, key);
}

struct custody {
    struct keeper *k;
    bool brief;
    struct buf raw, line, name;
    struct ipc_list list;
};

static void custody_free(struct custody *c) {
    buf_free(&c->raw);
    buf_free(&c->line);
    buf_free(&c->name);
}

static enum sd_err put_released(struct custody *c, struct json_out *j, const struct object_scan *scan) {
    enum sd_err err = SD_OK;
    if (scan->released_ms == 0) {
        json_put_null(j, "released");
        return SD_OK;
    }
    struct span by = scan->by_root ? SPAN_NONE : span_of(scan->released_by, ID_BYTES);
    buf_reset(&c->name);
    if (by.n && !c->brief)
        err = person_name(c->k, by, &c->name);
    json_begin_object(j, "released");
    json_hex(j, "by", by);
    json_text(j, "name", by.n ? buf_span(&c->name) : SPAN("root"));
    json_time(j, "at", scan->released_ms);
    json_end(j);
    return err ? err : buf_err(&c->name);
}

static void put_fit(struct custody *c, struct json_out *j, const struct object_facts *facts) {
    enum gate_verdict gate = right_attachments(&c->k->trust.gates, facts);
    unsigned original = facts->kind == OBJECT_LETTER ? FACET_SOURCE : FACET_FILE;
    json_bool(j, "openable", right_facet(facts, gate, original) == RIGHT_GRANTED);
    json_bool(j, "previewable", right_facet(facts, gate, FACET_PREVIEW) == RIGHT_GRANTED);
}

static enum sd_err put_item(struct custody *c, struct span id, const struct object_row *row) {
    struct object_scan scan = {0};
    enum sd_err err = object_scan_find(c->k, id, &scan);
    if (err)
        return err;
    buf_reset(&c->line);
    struct json_out j = json_out(&c->line);
    json_begin_object(&j, NULL);
    json_hex(&j, "id", id);
    json_cstr(&j, "kind", object_kind_text(row->facts.kind));
    json_int(&j, "index", row->place);
    json_cstr(&j, "state", object_state_text(row->facts.state));
    json_findings(&j, scan.findings, c->brief ? FINDINGS_FEW : FINDING_COUNT);
    if (!c->brief) {
        json_text(&j, "signature", span_of(scan.signature, scan.signature_n));
        json_text(&j, "engine", span_of(scan.engine, scan.engine_n));
        json_time_or_null(&j, "scanned_at", scan.scanned_ms);
    }
    err = put_released(c, &j, &scan);
    put_fit(c, &j, &row->facts);
    json_end(&j);
    if (err == SD_OK)
        err = buf_err(&c->line);
    if (err == SD_OK)
        ipc_list_add(&c->list, &c->raw, buf_span(&c->line));
    return err;
}

static enum sd_err put_files(struct custody *c, struct span letter) {
    struct object_id parent, id;
    struct object_row row = {.there = true};
    enum sd_err err = SD_OK;
    memcpy(parent.b, letter.p, ID_BYTES);
    for (uint16_t i = 0; row.there && err == SD_OK && i + 1 < VERDICT_PARTS_MAX; i++) {
        err = attachment_object_id(&parent, i, &id);
        if (err == SD_OK)
            err = object_find(c->k, span_of(id.b, ID_BYTES), &row);
        if (err == SD_OK && row.there)
            err = put_item(c, span_of(id.b, ID_BYTES), &row);
    }
    return err;
}

/* All of it; when that is more than an answer has room for, briefly. */
static enum sd_err put_all(struct custody *c, struct span letter, const struct object_row *row) {
    enum sd_err err = SD_OK;
    for (unsigned round = 0; round < 2 && err == SD_OK; round++) {
        c->brief = round == 1;
        c->list = (struct ipc_list){0};
        buf_reset(&c->raw);
        err = put_item(c, letter, row);
        if (err == SD_OK && row->facts.has_files)
            err = put_files(c, letter);
        if (err == SD_OK && c->raw.n <= ANSWER_BYTES)
            break;
    }
    return err ? err : buf_err(&c->raw);
}

/* The letter; of an attachment, the one that it came with. */
static enum sd_err find_letter(struct keeper *k, struct span object, uint8_t ret_letter[ID_BYTES], struct object_row *ret) {
    enum sd_err err = object_find(k, object, ret);
    memcpy(ret_letter, object.p, ID_BYTES);
    if (err || ret->facts.kind != OBJECT_FILE)
        return err;
    memcpy(ret_letter, ret->letter_id, ID_BYTES);
    return object_find(k, span_of(ret_letter, ID_BYTES), ret);
}

enum sd_err keeper_on_custody(void *ctx, struct ipc_call *call, const struct keeper_custody_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct permission permission = {.status = SD_ERR_DENIED};
    struct object_row row = {0};
    uint8_t letter[ID_BYTES];
    struct custody c SD_CLEANUP(custody_free) = {
        .k = k, .raw = buf_new(4 * LIMIT_IPC_INLINE_BYTES), .line = buf_new(4096), .name = buf_new(1024)};
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK)
        err = find_letter(k, req->object, letter, &row);
    if (err == SD_OK && row.there && row.facts.kind == OBJECT_LETTER) {
        struct demand demand = {
            .verb = VERB_LIST, .queue = row.queue, .category = row.category, .object = span_of(letter, ID_BYTES)};
        err = asker_permit(k, &asker, &demand, &permission);
    }
    if (err == SD_OK && permission.status)
        err = asker.root ? SD_ERR_NOTFOUND : permission.status;
    if (err == SD_OK)
        err = put_all(&c, span_of(letter, ID_BYTES), &row);
    if (err == SD_OK)
        keeper_custody_reply(call, &(struct keeper_custody_rep){.items = c.list});
    return err;
}
