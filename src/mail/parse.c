/*
 * The part table, in one pass over the lines (RFC 2046 §5.1): a stack of what is open, at most LIMIT_PART_DEPTH deep, and every
 * line that begins with two hyphens compared with the boundaries of that stack, innermost first.
 */
#include <string.h>

#include "core/limits.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/lex.h"
#include "mail/part.h"
#include "mail/uuencode.h"

struct entity {
    uint16_t part;
    size_t body_at;
    struct span boundary; /* empty for what is no multipart */
    bool closed;          /* its close delimiter was seen */
    bool any_parts;
};

struct parser {
    struct span bytes;
    struct arena *arena;
    struct mail_part *parts;
    size_t part_count, part_room;
    size_t fields_left;
    struct entity stack[LIMIT_PART_DEPTH + 1];
    size_t open;
    mail_ambiguities seen;
};

enum boundary_kind { BOUNDARY_NONE, BOUNDARY_DELIMITER, BOUNDARY_CLOSE };
struct boundary_hit {
    enum boundary_kind kind;
    size_t level;
    bool exact;
};

/* RFC 2046 §5.1.1: boundary, optional closing hyphens, transport padding. Anything more is read differently by programs. */
static struct boundary_hit compare_boundary(struct span text, const struct entity *e, size_t level) {
    struct boundary_hit hit = {BOUNDARY_NONE, level, false};
    struct span tail = span_from(text, 2);
    if (e->boundary.n == 0 || !span_starts(tail, e->boundary))
        return hit;
    tail = span_trim(span_from(tail, e->boundary.n));
    hit.kind = span_starts(tail, SPAN("--")) ? BOUNDARY_CLOSE : BOUNDARY_DELIMITER;
    hit.exact = tail.n == 0 || span_eq(tail, SPAN("--"));
    return hit;
}

static struct boundary_hit find_boundary(const struct parser *p, struct span text) {
    struct boundary_hit near = {BOUNDARY_NONE, 0, false};
    if (!span_starts(text, SPAN("--")))
        return near;
    for (size_t level = p->open; level > 0; level--) {
        const struct entity *e = &p->stack[level - 1];
        struct boundary_hit hit = compare_boundary(text, e, level - 1);
        if (hit.exact)
            return hit;
        if (hit.kind && !near.kind && !e->closed)
            near = hit;
    }
    return near;
}

/* Not before the end of the header that starts at `at`: behind its empty line, or at a boundary line of what is around it. */
static size_t header_end(const struct parser *p, size_t at) {
    struct lex_line line;
    if (p->open == 0)
        return p->bytes.n; /* no boundary yet: the header's reader finds the empty line */
    while (lex_line(p->bytes, &at, &line)) {
        if (line.text.n == 0)
            return line.next;
        if (find_boundary(p, line.text).kind)
            return line.start;
    }
    return at;
}

/* A new entry at the end of the table, which doubles: most messages have a handful of parts. */
static struct mail_part *new_part(struct parser *p) {
    if (p->part_count == p->part_room) {
        size_t room = p->part_room ? 2 * p->part_room : 4;
        struct mail_part *parts = arena_array(p->arena, room, sizeof *parts);
        if (!parts)
            return NULL;
        if (p->part_count)
            memcpy(parts, p->parts, p->part_count * sizeof *parts);
        p->parts = parts;
        p->part_room = room;
    }
    return &p->parts[p->part_count++];
}

static void note_boundary(struct parser *p, struct span boundary) {
    for (size_t i = 0; i < p->open; i++) {
        struct span other = p->stack[i].boundary;
        if (other.n && boundary.n && (span_starts(boundary, other) || span_starts(other, boundary)))
            p->seen |= AMBIGUITY(BOUNDARY_PREFIX);
    }
}

/* Reads the header at `at` as a part within the innermost open entity, and opens it. */
static enum sd_err open_part(struct parser *p, size_t at, size_t *ret_body_at) {
    struct mail_part *part = new_part(p);
    if (!part)
        return arena_err(p->arena);
    size_t end = header_end(p, at), body_at = 0;
    const struct entity *around = p->open ? &p->stack[p->open - 1] : NULL;
    bool in_digest = around && span_eq(p->parts[around->part].type, SPAN("multipart/digest"));
    size_t max_fields = p->fields_left < LIMIT_HEADER_FIELDS ? p->fields_left : LIMIT_HEADER_FIELDS;
    enum sd_err err = header_read(span_sub(p->bytes, at, end - at), max_fields, p->arena, &part->header, &body_at, &p->seen);
    if (err)
        return err;
    p->fields_left -= part->header.count;
    struct entity e = {.part = (uint16_t)(p->part_count - 1), .body_at = at + body_at};
    part->parent = around ? around->part : MAIL_NO_PART;
    part->depth = (uint16_t)p->open;
    err = part_read(part, in_digest, p->arena, &e.boundary, &p->seen);
    if (err)
        return err;
    if (p->open == LIMIT_PART_DEPTH && (part->is_multipart || part->is_message)) {
        p->seen |= AMBIGUITY(PARTS_TOO_DEEP); /* kept whole, as an attachment */
        part->is_multipart = part->is_message = false;
        part->is_attachment = true;
        e.boundary = SPAN_NONE;
    }
    note_boundary(p, e.boundary);
    p->stack[p->open++] = e;
    *ret_body_at = e.body_at;
    return SD_OK;
}

/* Opens a part, and when it is a message, the message's own, and so on. */
static enum sd_err open_parts(struct parser *p, size_t at, size_t *ret_body_at) {
    for (;;) {
        if (p->part_count == LIMIT_PARTS) {
            p->seen |= AMBIGUITY(PARTS_TOO_MANY);
            *ret_body_at = at;
            return SD_OK;
        }
        enum sd_err err = open_part(p, at, &at);
        if (err)
            return err;
        *ret_body_at = at;
        if (!p->parts[p->part_count - 1].is_message)
            return SD_OK;
    }
}

static bool is_part_field(struct span line) {
    return span_istarts(line, SPAN("Content-Type:")) || span_istarts(line, SPAN("Content-Transfer-Encoding:")) ||
           span_istarts(line, SPAN("Content-Disposition:"));
}

#define FIELDS_LOOKED_AT 16
#define FIELDS_BYTES 2000

/* Is what stands before the field at `at`, behind other fields and empty lines, a line of hyphens and perhaps a boundary that
 * none is to us? */
static bool follows_delimiter(struct span bytes, size_t at) {
    size_t first = at > FIELDS_BYTES ? at - FIELDS_BYTES : 0;
    for (size_t i = 0; i < FIELDS_LOOKED_AT && at > first; i++) {
        struct span before = span_sub(bytes, first, at - 1 - first); /* without the LF */
        size_t lf = span_rfind(before, '\n');
        struct span line = span_from(before, lf < before.n ? lf + 1 : 0);
        if (span_trim(line).n && span_trim(line).p[0] == '-')
            return true;
        bool field = span_find(line, ':') < line.n || span_istarts(line, SPAN("Content-")) || (line.n && lex_is_wsp(line.p[0]));
        if (!field && span_trim(line).n)
            return false;
        at = (size_t)(line.p - bytes.p);
    }
    return false;
}

/* Empty lines, and then the header that should have been before them: some programs go on until they find it. */
static bool begins_like_part(struct span body) {
    struct lex_line line;
    for (size_t at = 0; lex_line(body, &at, &line);)
        if (span_trim(line.text).n)
            return is_part_field(line.text);
    return false;
}

static void close_part(struct parser *p, size_t end) {
    const struct entity *e = &p->stack[--p->open];
    struct mail_part *part = &p->parts[e->part];
    if (end > e->body_at)
        part->body = span_sub(p->bytes, e->body_at, end - e->body_at);
    if (!part->is_multipart) {
        if (!part->is_message && begins_like_part(part->body))
            p->seen |= AMBIGUITY(PART_IN_TEXT);
        return;
    }
    if (!e->any_parts)
        p->seen |= AMBIGUITY(MULTIPART_EMPTY);
    if (!e->closed && e->boundary.n)
        p->seen |= AMBIGUITY(BOUNDARY_OPEN);
}

/* RFC 2046 §5.1.1: the line end before a boundary belongs to the boundary. */
static size_t before_line_end(struct span bytes, size_t at) {
    if (at && bytes.p[at - 1] == '\n')
        at--;
    if (at && bytes.p[at - 1] == '\r')
        at--;
    return at;
}

static enum sd_err take_boundary(struct parser *p, struct boundary_hit hit, struct lex_line line, size_t *at) {
    size_t end = before_line_end(p->bytes, line.start);
    while (p->open > hit.level + 1)
        close_part(p, end);
    struct entity *e = &p->stack[hit.level];
    if (!hit.exact)
        p->seen |= AMBIGUITY(BOUNDARY_LINE);
    if (e->closed)
        p->seen |= AMBIGUITY(BOUNDARY_AFTER_END);
    e->closed = hit.kind == BOUNDARY_CLOSE;
    if (e->closed)
        return SD_OK;
    e->any_parts = true;
    return open_parts(p, line.next, at);
}

/* A file that stands in the lines of a text is a part of it; one that has no end is read differently by programs. */
static enum sd_err take_file(struct parser *p, struct lex_line line, size_t *at) {
    const struct entity *e = &p->stack[p->open - 1];
    struct uu_file file;
    if (line.text.n == 0 || line.text.p[0] != 'b' || !uu_file_at(p->bytes, line.start, &file))
        return SD_OK;
    p->seen |= AMBIGUITY(UUENCODE);
    if (e->boundary.n || !file.complete || p->part_count == LIMIT_PARTS) {
        p->seen |= AMBIGUITY(FILE_IN_TEXT);
        return SD_OK;
    }
    uint16_t parent = e->part;
    struct mail_part *part = new_part(p);
    if (!part)
        return arena_err(p->arena);
    *part = (struct mail_part){.parent = parent,
                               .depth = (uint16_t)(p->parts[parent].depth + 1),
                               .body = file.lines,
                               .type = SPAN("application/octet-stream"),
                               .encoding = MAIL_ENCODING_UUENCODE,
                               .is_attachment = true};
    *at = file.next;
    return part_name(part, file.name, p->arena, &p->seen);
}

static void note_line(struct parser *p, struct lex_line line, bool is_boundary) {
    const struct entity *e = &p->stack[p->open - 1];
    if (line.bare) {
        p->seen |= AMBIGUITY(BODY_CR);
        /* A program that takes CR as a line end sees a boundary where the others see text. */
        if (span_search(line.text, SPAN("\r--")) < line.text.n && (e->part || e->boundary.n))
            p->seen |= AMBIGUITY(BOUNDARY_LINE);
    }
    if (!e->boundary.n && !is_boundary && is_part_field(line.text) && follows_delimiter(p->bytes, line.start))
        p->seen |= AMBIGUITY(PART_IN_TEXT);
    if (!e->boundary.n || is_boundary || span_trim(line.text).n == 0)
        return;
    p->seen |= AMBIGUITY(MULTIPART_TEXT_OUTSIDE);
    /* A part without its delimiter, which some programs know by its fields. */
    if (span_istarts(line.text, SPAN("Content-")) && span_find(line.text, ':') < line.text.n)
        p->seen |= e->closed ? AMBIGUITY(BOUNDARY_AFTER_END) : AMBIGUITY(BOUNDARY_LINE);
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));

static bytes16 load16(const uint8_t *p) {
    bytes16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

#define BLOCK_LOOKS_AT (sizeof(bytes16) + 4)

/* Among the first 16 of BLOCK_LOOKS_AT bytes a bare CR or LF, or the end of a line before "--", "b?g" (of "begin") or "c?n" (of
 * "Content-", in either case)? The LF is
 * at one place behind the CR, so each pair of neighbours is asked whether it has one of them without the other. */
static bool block_needs_reading(const uint8_t *p) {
    const bytes16 first = load16(p), second = load16(p + 1), third = load16(p + 2);
    const bytes16 line_end = (bytes16)(second == '\n');
    const bytes16 bare = (bytes16)(first == '\r') ^ line_end;
    const bytes16 hyphens = (bytes16)(third == '-') & (bytes16)(load16(p + 3) == '-');
    const bytes16 begin = (bytes16)(third == 'b') & (bytes16)(load16(p + 4) == 'g');
    const bytes16 content = (bytes16)((third | 0x20) == 'c') & (bytes16)((load16(p + 4) | 0x20) == 'n');
    const bytes16 found = bare | (line_end & (hyphens | begin | content));
    uint64_t halves[2];
    memcpy(halves, &found, sizeof halves);
    return (halves[0] | halves[1]) != 0;
}

/*
 * From the start of a line in the text of a part: where the next line starts that find_boundary or note_line could say anything
 * about, or a line before it. Nearly all of a message is passed here, 16 bytes at a time.
 */
static size_t skip_text(struct span bytes, size_t at) {
    size_t i = at;
    if (at >= bytes.n || bytes.p[at] == '-' || bytes.p[at] == 'b' || lex_lower(bytes.p[at]) == 'c' || bytes.p[at] == '\n')
        return at;
    while (bytes.n - i >= BLOCK_LOOKS_AT && !block_needs_reading(bytes.p + i))
        i += sizeof(bytes16);
    struct span passed = span_sub(bytes, at, i - at);
    size_t last = span_rfind(passed, '\n');
    return last < passed.n ? at + last + 1 : at;
}

static enum sd_err read_body(struct parser *p, size_t at) {
    struct lex_line line;
    for (;;) {
        if (!p->stack[p->open - 1].boundary.n) /* within a multipart, all that is not in its parts matters */
            at = skip_text(p->bytes, at);
        if (!lex_line(p->bytes, &at, &line))
            break;
        struct boundary_hit hit = find_boundary(p, line.text);
        note_line(p, line, hit.kind != BOUNDARY_NONE);
        enum sd_err err = hit.kind ? take_boundary(p, hit, line, &at) : take_file(p, line, &at);
        if (err)
            return err;
    }
    while (p->open)
        close_part(p, p->bytes.n);
    return SD_OK;
}

static void note_repeated(const struct mail_header *h, mail_ambiguities *seen) {
    static const struct {
        struct span name;
        mail_ambiguities seen;
    } singles[] = {
        {SPAN("Sender"), AMBIGUITY(SENDER_REPEATED)},         {SPAN("Reply-To"), AMBIGUITY(SENDER_REPEATED)},
        {SPAN("Subject"), AMBIGUITY(SUBJECT_REPEATED)},       {SPAN("Date"), AMBIGUITY(DATE_REPEATED)},
        {SPAN("To"), AMBIGUITY(RECIPIENTS_REPEATED)},         {SPAN("Cc"), AMBIGUITY(RECIPIENTS_REPEATED)},
        {SPAN("Message-ID"), AMBIGUITY(MESSAGE_ID_REPEATED)},
    };
    for (size_t i = 0; i < SD_COUNT(singles); i++) /* RFC 5322 §3.6: at most one each */
        if (mail_field_count(h, singles[i].name) > 1)
            *seen |= singles[i].seen;
}

enum sd_err mail_parse(struct span message, struct arena *arena, struct mail_message *ret) {
    struct parser p = {.bytes = message, .arena = arena, .fields_left = LIMIT_MESSAGE_FIELDS};
    size_t at = 0;
    enum sd_err err = open_parts(&p, 0, &at);
    size_t body_at = err ? 0 : p.stack[0].body_at;
    if (err == SD_OK)
        err = read_body(&p, at);
    if (err == SD_OK)
        err = address_check_from(&p.parts[0].header, arena, &p.seen);
    if (err)
        return err;
    note_repeated(&p.parts[0].header, &p.seen);
    struct span body = span_from(message, body_at);
    if (span_find(body, 0) < body.n)
        p.seen |= AMBIGUITY(BODY_NUL);
    if (uu_other_any(body))
        p.seen |= AMBIGUITY(FILE_IN_TEXT);
    *ret = (struct mail_message){
        .bytes = message,
        .header_bytes = span_sub(message, 0, body_at),
        .body_bytes = body,
        .header = p.parts[0].header,
        .parts = p.parts,
        .part_count = p.part_count,
        .ambiguities = p.seen,
        .arena = arena,
    };
    return SD_OK;
}
