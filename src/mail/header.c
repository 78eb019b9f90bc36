/* Field splitting (RFC 5322 §2.2). No decoding here: the keeper links this file and must not get a character set library by it.
 */
#include "mail/header.h"

#include <string.h>

#include "core/limits.h"
#include "mail/lex.h"

struct field_reader {
    struct mail_field *fields;
    size_t count;
    size_t max;
    struct mail_field *open; /* what a continuation line belongs to */
    bool in_junk;            /* after a line that is no field: its continuations are not flagged again */
    mail_ambiguities seen;
};

/* RFC 5322 §2.2: printable ASCII without colon and space. */
static bool is_field_name(struct span name) {
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < 33 || name.p[i] > 126)
            return false;
    return name.n > 0;
}

static void start_field(struct field_reader *r, struct lex_line line, struct span raw) {
    size_t colon = span_find(line.text, ':');
    struct span name = span_sub(line.text, 0, colon);
    while (name.n && lex_is_wsp(name.p[name.n - 1]))
        name.n--;
    r->open = NULL;
    r->in_junk = true;
    if (colon == line.text.n || !is_field_name(name)) {
        r->seen |= AMBIGUITY(HEADER_SYNTAX);
        return;
    }
    if (name.n != colon)
        r->seen |= AMBIGUITY(HEADER_SPACE_NAME); /* RFC 5322 §4.5 allowed it once; RFC 7230 counts it an attack */
    if (r->count == r->max) {
        r->seen |= AMBIGUITY(HEADER_TOO_LONG);
        return;
    }
    r->in_junk = false;
    r->open = &r->fields[r->count++];
    *r->open = (struct mail_field){name, span_of(line.text.p + colon + 1, line.text.n - colon - 1), raw};
}

static void continue_field(struct field_reader *r, struct lex_line line, struct span raw) {
    if (span_trim(line.text).n == 0)
        r->seen |= AMBIGUITY(HEADER_EMPTY_FOLD); /* RFC 5322 §4.2 */
    if (!r->open) {
        if (!r->in_junk)
            r->seen |= AMBIGUITY(HEADER_SYNTAX);
        return;
    }
    r->open->body.n = (size_t)(line.text.p + line.text.n - r->open->body.p);
    r->open->raw.n = (size_t)(raw.p + raw.n - r->open->raw.p);
}

/* More than there can be fields, so that one array is enough. */
static size_t count_starts(struct span bytes, size_t max) {
    size_t count = 0;
    for (size_t at = 0, n; count < max && at < bytes.n; at += n + 1) {
        const uint8_t *line = bytes.p + at;
        n = span_find(span_from(bytes, at), '\n');
        if (n == 0 || (n == 1 && line[0] == '\r'))
            break;
        count += !lex_is_wsp(line[0]);
    }
    return count;
}

static mail_ambiguities odd_bytes(struct span bytes) {
    mail_ambiguities seen = span_find(bytes, 0) < bytes.n ? AMBIGUITY(HEADER_NUL) : 0;
    uint64_t bits = 0, eight;
    size_t i = 0;
    for (; i + sizeof eight <= bytes.n; i += sizeof eight) {
        memcpy(&eight, bytes.p + i, sizeof eight);
        bits |= eight;
    }
    for (; i < bytes.n; i++)
        bits |= bytes.p[i];
    return seen | (bits & UINT64_C(0x8080808080808080) ? AMBIGUITY(HEADER_8BIT) : 0);
}

static size_t read_lines(struct field_reader *r, struct span bytes) {
    struct lex_line line;
    size_t at = 0;
    while (lex_line(bytes, &at, &line)) {
        if (line.bare)
            r->seen |= AMBIGUITY(HEADER_CR);
        if (line.text.n == 0)
            return at;
        struct span raw = span_sub(bytes, line.start, line.next - line.start);
        if (line.next > LIMIT_HEADER_BYTES)
            r->seen |= AMBIGUITY(HEADER_TOO_LONG); /* read on, but only for the end of the header */
        else if (lex_is_wsp(line.text.p[0]))
            continue_field(r, line, raw);
        else
            start_field(r, line, raw);
    }
    return at;
}

enum sd_err header_read(struct span bytes, size_t max_fields, struct arena *arena, struct mail_header *ret, size_t *ret_body_at,
                        mail_ambiguities *ambiguities) {
    size_t room = count_starts(bytes, max_fields);
    struct field_reader r = {.fields = arena_array(arena, room, sizeof(struct mail_field)), .max = room};
    if (!r.fields)
        return arena_err(arena);
    size_t body_at = read_lines(&r, bytes);
    *ambiguities |= r.seen | odd_bytes(span_sub(bytes, 0, body_at));
    *ret = (struct mail_header){r.fields, r.count};
    *ret_body_at = body_at;
    return SD_OK;
}

enum sd_err mail_parse_header(struct span bytes, struct arena *arena, struct mail_header *ret, struct span *ret_body,
                              mail_ambiguities *ambiguities) {
    size_t body_at = 0;
    enum sd_err err = header_read(bytes, LIMIT_HEADER_FIELDS, arena, ret, &body_at, ambiguities);
    if (err == SD_OK)
        *ret_body = span_from(bytes, body_at);
    return err;
}

const struct mail_field *mail_field_first(const struct mail_header *h, struct span name) {
    for (size_t i = 0; i < h->count; i++)
        if (span_ieq(h->fields[i].name, name))
            return &h->fields[i];
    return NULL;
}

size_t mail_field_count(const struct mail_header *h, struct span name) {
    size_t count = 0;
    for (size_t i = 0; i < h->count; i++)
        count += span_ieq(h->fields[i].name, name);
    return count;
}
