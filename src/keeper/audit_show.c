/* audit_show.c - the log for those who read it: for people as lists, byte for byte for those who check it elsewhere. */
#include "core/codec.h"
#include "core/json_out.h"
#include "keeper/asker.h"

#include <string.h>

/* ---- a record for people ---- */

/* What people wrote when they did it, as far as it fits and still is there. */
static enum sd_err put_note(struct keeper *k, struct span hex, struct buf *to) {
    uint8_t id[ID_BYTES];
    struct buf text SD_CLEANUP(buf_free) = buf_new(1024), member SD_CLEANUP(buf_free) = buf_new(4096);
    if (hex_to_bytes(hex, id, sizeof id) != SD_OK)
        return SD_OK;
    enum sd_err err = note_get(k, span_of(id, sizeof id), &text);
    if (err || text.n == 0)
        return err;
    struct json_out j = json_out(&member);
    json_text(&j, NULL, buf_span(&text));
    static const char mark[] = ",\"note_text\":";
    if (to->n + member.n + sizeof mark > LEAF_LISTED_MAX || to->n == 0)
        return buf_err(&member);
    to->n--; /* the brace */
    buf_text(to, mark);
    buf_put(to, buf_span(&member));
    buf_byte(to, '}');
    return buf_err(&member);
}

enum sd_err listing_line(struct keeper *k, struct span record, struct buf *to) {
    struct buf name SD_CLEANUP(buf_free) = buf_new(1024);
    uint8_t id[ID_BYTES];
    bool person = hex_to_bytes(leaf_person(record), id, sizeof id) == SD_OK;
    enum sd_err err = person ? person_name(k, span_of(id, sizeof id), &name) : SD_OK;
    if (err)
        return err;
    leaf_listing(to, record, buf_span(&name));
    if (to->n > LEAF_LISTED_MAX) { /* a very long name: the id says who it was */
        buf_reset(to);
        leaf_listing(to, record, SPAN_NONE);
    }
    err = put_note(k, leaf_note(record), to);
    return err ? err : buf_err(to);
}

/* ---- readings ---- */

/* Who reads: a session, or a connection of the command line. */
static void reader_of_call(const struct ipc_call *call, uint8_t ret[ID_BYTES]) {
    uintptr_t conn = (uintptr_t)call->conn;
    memset(ret, 0, ID_BYTES);
    memcpy(ret, &conn, sizeof conn);
}

static struct log_reading *reading_of(struct keeper *k, const uint8_t reader[ID_BYTES]) {
    for (size_t i = 0; i < SD_COUNT(k->readings); i++)
        if (memcmp(k->readings[i].reader, reader, ID_BYTES) == 0)
            return &k->readings[i];
    return NULL;
}

static struct log_reading *begin_reading(struct keeper *k, const uint8_t reader[ID_BYTES]) {
    struct log_reading *reading = reading_of(k, reader);
    for (size_t i = 0; i < SD_COUNT(k->readings) && !reading; i++)
        if (k->readings[i].begun_ms == 0)
            reading = &k->readings[i];
    if (!reading)
        reading = &k->readings[k->reading_victim++ % SD_COUNT(k->readings)];
    *reading = (struct log_reading){.begun_ms = k->spec.now_ms()};
    memcpy(reading->reader, reader, ID_BYTES);
    return reading;
}

/* ---- pages ---- */

#define LIST_MAX 90
#define EXPORT_MAX 400
#define PAGE_BYTES ((size_t)48 * 1024) /* and one more record fit into an answer */

struct page {
    struct keeper *k;
    bool exact; /* byte for byte */
    uint64_t until;
    struct buf raw, line;
    struct ipc_list list;
    struct audit_place next;
    bool goes_on; /* where the reader's last page ended */
    enum sd_err err;
};

static void page_free(struct page *page) {
    buf_free(&page->raw);
    buf_free(&page->line);
}

static bool is_full(const struct page *page) {
    return page->err || page->list.count >= (page->exact ? EXPORT_MAX : LIST_MAX) || page->raw.n >= PAGE_BYTES ||
           page->next.seq >= page->until;
}

static bool take_record(void *arg, uint64_t seq, uint64_t segment, uint64_t offset, struct span record) {
    struct page *page = arg;
    buf_reset(&page->line);
    if (!page->exact)
        page->err = listing_line(page->k, record, &page->line);
    ipc_list_add(&page->list, &page->raw, page->exact ? record : buf_span(&page->line));
    uint8_t hash[SHA256_BYTES];
    page->next = (struct audit_place){seq + 1, segment, offset + SEGMENT_FRAME_BYTES + record.n};
    if (leaf_dropped(record, hash))
        page->next.offset = 0; /* its frame is larger than what stands in it: the next one is looked for */
    return !is_full(page);
}

/* Page follows page: each begins where the one before ended, so that a long log is read once and not once per page. */
static enum sd_err fill(struct page *page) {
    const char *dir = (const char *)page->k->log_dir.p;
    const struct audit_place place = page->next;
    enum sd_err err = SD_OK;
    if (place.offset && !is_full(page))
        err = audit_read_at(dir, &place, page->until, take_record, page);
    if (err == SD_OK && !is_full(page))
        err = audit_read(dir, page->next.seq, page->until, take_record, page);
    if (err == SD_OK)
        err = page->err ? page->err : buf_err(&page->raw);
    return err == SD_ERR_PARSE ? SD_ERR_FORGED : err; /* a changed record: verify says which */
}

static struct page page_start(struct keeper *k, bool exact, uint64_t until) {
    struct merkle_range range;
    audit_range(k->audit, &range);
    return (struct page){.k = k,
                         .exact = exact,
                         .until = until < range.size ? until : range.size,
                         .raw = buf_new((size_t)LIST_MAX * 1024),
                         .line = buf_new(MERKLE_LEAF_MAX)};
}

static enum sd_err read_page(struct page *page, const uint8_t reader[ID_BYTES], uint64_t from) {
    struct log_reading *reading = reading_of(page->k, reader);
    bool fresh = reading && page->k->spec.now_ms() - reading->begun_ms < READING_MS;
    bool follows = reading && reading->next.seq == from && reading->exact == page->exact;
    page->goes_on = fresh && follows;
    page->next = follows ? reading->next : (struct audit_place){.seq = from};
    enum sd_err err = fill(page);
    if (err)
        return err;
    if (!fresh)
        reading = begin_reading(page->k, reader);
    reading->next = page->next;
    reading->exact = page->exact;
    return SD_OK;
}

/* The record of a reading when it begins; none when it goes on. */
static enum sd_err answer_page(const struct page *page, struct ipc_call *call, struct ipc_out *out, const struct leaf *leaf) {
    if (!page->goes_on)
        return answer_recorded(page->k, call, out, leaf);
    ipc_answer(call, out);
    return SD_OK;
}

static struct leaf leaf_of_reading(const char *action) {
    return (struct leaf){.actor = ACTOR_ROOT, .action = action, .object = "log", .outcome = OUTCOME_GRANTED};
}

enum sd_err keeper_on_audit_list(void *ctx, struct ipc_call *call, const struct keeper_audit_list_req *req) {
    struct page page SD_CLEANUP(page_free) = page_start(ctx, false, UINT64_MAX);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct leaf leaf = leaf_of_reading("audit-list");
    uint8_t reader[ID_BYTES];
    reader_of_call(call, reader);
    enum sd_err err = read_page(&page, reader, req->from);
    struct keeper_audit_list_rep rep = {.records = page.list, .next = page.next.seq};
    if (err == SD_OK)
        err = keeper_audit_list_rep_encode(&out, &rep);
    return err ? err : answer_page(&page, call, &out, &leaf);
}

enum sd_err keeper_on_audit_tail(void *ctx, struct ipc_call *call, const struct keeper_audit_tail_req *req) {
    struct page page SD_CLEANUP(page_free) = page_start(ctx, false, UINT64_MAX);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct leaf leaf = leaf_of_reading("audit-tail");
    uint8_t reader[ID_BYTES];
    reader_of_call(call, reader);
    enum sd_err err = read_page(&page, reader, page.until - (req->count < page.until ? req->count : page.until));
    page.goes_on = false; /* whoever asks for the newest begins anew */
    struct keeper_audit_tail_rep rep = {.records = page.list, .next = page.next.seq};
    if (err == SD_OK)
        err = keeper_audit_tail_rep_encode(&out, &rep);
    return err ? err : answer_page(&page, call, &out, &leaf);
}

/* ---- byte for byte ---- */

static enum sd_err put_peaks(struct keeper *k, uint64_t size, struct buf *raw, struct ipc_list *ret) {
    struct merkle_range range;
    enum sd_err err = audit_range_at((const char *)k->log_dir.p, size, &range);
    for (unsigned i = 0; err == SD_OK && i < merkle_peaks(size); i++)
        ipc_list_add(ret, raw, span_of(range.peaks[i].b, SHA256_BYTES));
    return err ? err : buf_err(raw);
}

enum sd_err keeper_on_audit_export(void *ctx, struct ipc_call *call, const struct keeper_audit_export_req *req) {
    struct page page SD_CLEANUP(page_free) = page_start(ctx, true, req->until);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct buf raw SD_CLEANUP(buf_free) = buf_new(4096);
    struct keeper_audit_export_rep rep = {0};
    struct leaf leaf = leaf_of_reading("audit-export");
    uint8_t reader[ID_BYTES];
    reader_of_call(call, reader);
    if (req->from > page.until)
        return SD_ERR_NOTFOUND;
    enum sd_err err = read_page(&page, reader, req->from);
    if (err == SD_OK && !page.goes_on)
        err = put_peaks(ctx, req->from, &raw, &rep.peaks);
    rep.records = page.list;
    rep.next = page.next.seq;
    if (err == SD_OK)
        err = keeper_audit_export_rep_encode(&out, &rep);
    return err ? err : answer_page(&page, call, &out, &leaf);
}

#define NOTES_MAX 50
struct notes {
    struct buf raw;
    struct ipc_list list;
};

static bool take_note(void *arg, struct span note) {
    struct notes *notes = arg;
    ipc_list_add(&notes->list, &notes->raw, note);
    return notes->list.count < NOTES_MAX;
}

enum sd_err keeper_on_audit_checkpoints(void *ctx, struct ipc_call *call, const struct keeper_audit_checkpoints_req *req) {
    struct keeper *k = ctx;
    struct notes notes = {.raw = buf_new((size_t)NOTES_MAX * (NOTE_MAX_BYTES + 4))};
    uint64_t next = req->from;
    enum sd_err err = audit_read_checkpoints((const char *)k->log_dir.p, &next, take_note, &notes);
    if (err == SD_OK)
        err = buf_err(&notes.raw);
    if (err == SD_OK)
        keeper_audit_checkpoints_reply(call, &(struct keeper_audit_checkpoints_rep){.notes = notes.list, .next = next});
    buf_free(&notes.raw);
    return err;
}

/* ---- for people at the desk ---- */

/* A gesture opens the log for READING_MS; the right is asked for every page. */
static enum sd_err may_read(struct keeper *k, const struct who *who, struct permission *ret) {
    const struct log_reading *reading = reading_of(k, who->session);
    struct demand demand = {.verb = VERB_AUDIT};
    bool may = false;
    if (who->verdict != SESSION_LIVE || !reading || k->spec.now_ms() - reading->begun_ms >= READING_MS)
        return permit(k, who, &demand, ret);
    enum sd_err err = permit_peek(k, who, &demand, &may);
    *ret = (struct permission){.status = may ? SD_OK : SD_ERR_DENIED, .reason = may ? NULL : REASON_NOT_YOURS};
    return err;
}

static enum sd_err answer_query(struct keeper *k, struct ipc_call *call, const struct keeper_audit_query_req *req,
                                const struct who *who, struct leaf *leaf) {
    struct page page SD_CLEANUP(page_free) = page_start(k, false, UINT64_MAX);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    uint64_t last = page.until - (page.until < LIST_MAX ? page.until : LIST_MAX);
    enum sd_err err = read_page(&page, who->session, req->newest ? last : req->from);
    struct keeper_audit_query_rep rep = {.records = page.list, .next = page.next.seq, .size = page.until};
    if (err == SD_OK)
        err = keeper_audit_query_rep_encode(&out, &rep);
    leaf->outcome = OUTCOME_GRANTED;
    return err ? err : answer_page(&page, call, &out, leaf);
}

enum sd_err keeper_on_audit_query(void *ctx, struct ipc_call *call, const struct keeper_audit_query_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct permission permission = {.status = SD_ERR_DENIED};
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err == SD_OK)
        err = may_read(k, &who, &permission);
    if (err)
        return err;
    struct leaf leaf = leaf_by(&who, req->origin, "audit-query");
    leaf.object = "log";
    if (permission.status)
        return refuse_permission(k, call, &permission, &leaf);
    leaf.reason = permission.reason;
    return answer_query(k, call, req, &who, &leaf);
}
