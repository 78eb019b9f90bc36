#include "keeper/leaf.h"
#include "core/codec.h"
#include "crypt/seal.h"

#include <string.h>

#define ID_BYTES 16
#define ACTOR_PERSON_MARK "\"actor\":{\"kind\":\"person\",\"id\":\""
#define TICKET_MARK ",\"ticket\":\""
#define NOTE_MARK ",\"note\":\""
#define OBJECTS_MARK ",\"objects\":\""

static const char *const actor_texts[] = {
#define X(name, text) text,
    ACTOR_LIST(X)
#undef X
};

static const char *const outcome_texts[] = {
#define X(name, text) text,
    OUTCOME_LIST(X)
#undef X
};

static void put_reason(struct json_out *j, const struct leaf *leaf) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(512);
    buf_text(&text, leaf->reason ? leaf->reason : "");
    if (leaf->detail.n) {
        if (text.n)
            buf_byte(&text, ' ');
        buf_put(&text, leaf->detail);
    }
    json_text(j, "reason", buf_span(&text));
}

static void put_object(struct json_out *j, const struct leaf *leaf) {
    json_begin_object(j, "object");
    json_cstr(j, "kind", leaf->object ? leaf->object : "none");
    json_hex(j, "id", leaf->object_id);
    json_end(j);
}

/*
 * Whoever asks says where from. Only what an address can consist of goes into the log: nothing that JSON would write as six
 * bytes for one, or that a reader could take for something else.
 */
static struct span clean_origin(struct span origin) {
    for (size_t i = 0; i < origin.n; i++) {
        uint8_t c = origin.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !memchr(".:%_-[]/", c, 8))
            return SPAN("not-an-address");
    }
    return origin;
}

void leaf_put(struct buf *to, const struct leaf *leaf, int64_t now_ms) {
    struct buf whole SD_CLEANUP(buf_free) = buf_new(to->max);
    struct json_out j = json_out(&whole);
    json_begin_object(&j, NULL);
    json_time(&j, "time", now_ms);
    json_begin_object(&j, "actor");
    json_cstr(&j, "kind", actor_texts[leaf->actor]);
    json_hex(&j, "id", leaf->actor_id);
    json_end(&j);
    json_cstr(&j, "action", leaf->action);
    put_object(&j, leaf);
    json_hex(&j, "ticket", leaf->ticket);
    json_cstr(&j, "outcome", outcome_texts[leaf->outcome]);
    put_reason(&j, leaf);
    json_text(&j, "origin", clean_origin(leaf->origin));
    if (leaf->digest.n)
        json_hex(&j, "digest", leaf->digest);
    if (leaf->note.n)
        json_hex(&j, "note", leaf->note);
    if (leaf->objects.n)
        json_hex(&j, "objects", leaf->objects);
    json_end(&j);
    if (whole.err)
        buf_fail(to, whole.err);
    else
        buf_put(to, span_from(buf_span(&whole), 1)); /* the brace stands before seq */
}

/*
 * The marks below hold a quote that is not escaped, so inside a string of the record, where quotes are escaped, they cannot
 * occur: finding one finds the field.
 */
static struct span hex_after(struct span record, struct span mark) {
    size_t at = span_search(record, mark);
    if (at == record.n)
        return SPAN_NONE;
    struct span value = span_from(record, at + mark.n);
    return span_sub(value, 0, span_find(value, '"'));
}

bool leaf_ticket(struct span record, uint8_t ret[16]) {
    return hex_to_bytes(hex_after(record, SPAN(TICKET_MARK)), ret, ID_BYTES) == SD_OK;
}

struct span leaf_person(struct span record) {
    return hex_after(record, SPAN(ACTOR_PERSON_MARK));
}

struct span leaf_note(struct span record) {
    return hex_after(record, SPAN(NOTE_MARK));
}

#define OPEN_MARK "\"action\":\"open\",\"object\":{\"kind\":\""
#define GRANTED_MARK ",\"outcome\":\"granted\",\"reason\":\""
#define OBJECT_ID_MARK "\"id\":\""

static unsigned facet_called(struct span word) {
    for (unsigned facet = FACET_HEAD; facet <= FACET_PREVIEW; facet++)
        if (span_eq(word, span_cstr(facet_name((enum facet)facet))))
            return facet;
    return 0;
}

/* The facet is the last word of why it was granted. */
bool leaf_opened(struct span record, struct leaf_opening *ret) {
    struct leaf_opening opening;
    struct span mark = SPAN(OPEN_MARK), reason = hex_after(record, SPAN(GRANTED_MARK));
    size_t at = span_search(record, mark);
    if (at == record.n || reason.n == 0 || hex_to_bytes(leaf_person(record), opening.person, ID_BYTES) != SD_OK)
        return false;
    struct span id = hex_after(span_from(record, at + mark.n), SPAN(OBJECT_ID_MARK));
    size_t space = span_rfind(reason, ' ');
    opening.facet = facet_called(space < reason.n ? span_from(reason, space + 1) : reason);
    if (opening.facet == 0 || hex_to_bytes(id, opening.object, ID_BYTES) != SD_OK)
        return false;
    *ret = opening;
    return true;
}

static void put_without_objects(struct buf *to, struct span record) {
    struct span mark = SPAN(OBJECTS_MARK), hex = hex_after(record, mark);
    if (hex.n == 0) {
        buf_put(to, record);
        return;
    }
    buf_put(to, span_sub(record, 0, span_search(record, mark)));
    buf_printf(to, ",\"count\":%zu}", hex.n / (2 * (size_t)ID_BYTES));
}

void leaf_listing(struct buf *to, struct span record, struct span name) {
    struct span mark = SPAN(ACTOR_PERSON_MARK);
    size_t at = span_search(record, mark);
    if (at < record.n && name.n) {
        size_t end = at + mark.n + leaf_person(record).n + 1;
        buf_put(to, span_sub(record, 0, end));
        struct json_out j = json_out(to);
        buf_text(to, ",\"name\":");
        json_text(&j, NULL, name);
        record = span_from(record, end);
    } else if (at < record.n || (at = span_search(record, SPAN("\"actor\":{"))) < record.n) {
        size_t end = at + span_find(span_from(record, at), '}');
        buf_put(to, span_sub(record, 0, end));
        buf_text(to, ",\"name\":null"); /* no person, or one whose name was erased */
        record = span_from(record, end);
    }
    put_without_objects(to, record);
}

/* ---- how long it is kept ---- */

static const char *const class_texts[] = {
#define X(name, text) text,
    LEAF_CLASS_LIST(X)
#undef X
};

const char *leaf_class_text(enum leaf_class class) {
    return class < SD_COUNT(class_texts) ? class_texts[class] : "";
}

static const struct {
    const char *action;
    enum leaf_class class;
} classes[] = {
    {"open", LEAF_CLASS_ACCESS},           {"list", LEAF_CLASS_ACCESS},        {"search", LEAF_CLASS_ACCESS},
    {"history", LEAF_CLASS_ACCESS},        {"download", LEAF_CLASS_ACCESS},    {"reply", LEAF_CLASS_ACCESS},
    {"move", LEAF_CLASS_ACCESS},           {"reply-token", LEAF_CLASS_ACCESS}, {"change-state", LEAF_CLASS_ACCESS},
    {"assign", LEAF_CLASS_ACCESS},         {"classify", LEAF_CLASS_ACCESS},    {"export", LEAF_CLASS_ACCESS},
    {"received", LEAF_CLASS_SYSTEM},       {"redeem", LEAF_CLASS_SYSTEM},      {"preview", LEAF_CLASS_ACCESS},
    {"verdict", LEAF_CLASS_SYSTEM},        {"scanner", LEAF_CLASS_SYSTEM},     {"quarantine-list", LEAF_CLASS_ACCESS},
    {"sent", LEAF_CLASS_SYSTEM},           {"deferred", LEAF_CLASS_SYSTEM},    {"failed", LEAF_CLASS_SYSTEM},
    {"start", LEAF_CLASS_SYSTEM},          {"log-trimmed", LEAF_CLASS_SYSTEM}, {"audit-checkpoint", LEAF_CLASS_SYSTEM},
    {LEAF_ACTION_DROPPED, LEAF_CLASS_ACT},
};

enum leaf_class leaf_class_of(struct span record) {
    struct span action = hex_after(record, SPAN("\"action\":\""));
    for (size_t i = 0; i < SD_COUNT(classes); i++)
        if (span_eq(action, span_cstr(classes[i].action)))
            return classes[i].class;
    return LEAF_CLASS_SECURITY;
}

struct span leaf_time(struct span record) {
    return hex_after(record, SPAN("\"time\":\""));
}

#define HASH_BYTES 32
#define DROPPED_MARK ",\"dropped\":\""

void leaf_put_dropped(struct buf *to, uint64_t seq, struct span hash) {
    buf_printf(to, "{\"seq\":%llu" DROPPED_MARK, (unsigned long long)seq);
    put_hex(to, hash);
    buf_text(to, "\"}");
}

bool leaf_dropped(struct span record, uint8_t ret_hash[HASH_BYTES]) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(256);
    uint8_t hash[HASH_BYTES];
    uint64_t seq = 0;
    size_t at = span_search(record, SPAN(DROPPED_MARK)), head = SPAN("{\"seq\":").n;
    if (at == record.n || at < head || span_to_u64(span_sub(record, head, at - head), &seq) != SD_OK ||
        hex_to_bytes(hex_after(record, SPAN(DROPPED_MARK)), hash, sizeof hash) != SD_OK)
        return false;
    leaf_put_dropped(&text, seq, span_of(hash, sizeof hash)); /* one text for each: anything else is a record */
    if (!span_eq(buf_span(&text), record))
        return false;
    memcpy(ret_hash, hash, sizeof hash);
    return true;
}
