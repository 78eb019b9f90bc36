/* Content-* fields of one part (RFC 2045, RFC 2046 §5.1.1, RFC 2183, RFC 2231). */
#include "mail/part.h"

#include <string.h>

#include "core/limits.h"
#include "mail/charset.h"
#include "mail/header.h"
#include "mail/lex.h"
#include "mail/names.h"
#include "mail/param.h"
#include "mail/words.h"

#define TYPE_MAX_BYTES 255      /* RFC 6838 §4.2: 127 each side */
#define CHARSET_MAX_BYTES 75    /* more than any registered name */
#define BOUNDARY_MAX_BYTES 70   /* RFC 2046 §5.1.1 */
#define BOUNDARY_USED_BYTES 998 /* RFC 5322 §2.1.1: a longer one cannot stand in a line */

#define LINE_READ_BYTES 998 /* RFC 5322 §2.1.1: what every program reads of a line */

#define SCRATCH_BYTES (16 * LIMIT_HEADER_BYTES) /* all parameters of one header, decoded: four times its bytes at most */

struct part_reader {
    struct mail_part *part;
    struct arena *arena;   /* of the message: only what stays goes there, so that its size is bounded */
    struct arena *scratch; /* of this part */
    struct name_reader names;
    mail_ambiguities seen;
};

static const struct mail_field *only_field(struct part_reader *r, struct span name, mail_ambiguities repeated) {
    if (mail_field_count(&r->part->header, name) > 1)
        r->seen |= repeated;
    return mail_field_first(&r->part->header, name);
}

/* Of several Content-Type fields the first that makes a multipart: what is inside must be seen. */
static const struct mail_field *type_field(struct part_reader *r) {
    const struct mail_header *h = &r->part->header;
    const struct mail_field *first = only_field(r, SPAN("Content-Type"), AMBIGUITY(CTYPE_REPEATED));
    for (size_t i = 0; (r->seen & AMBIGUITY(CTYPE_REPEATED)) && i < h->count; i++)
        if (span_ieq(h->fields[i].name, SPAN("Content-Type")) && span_istarts(span_trim(h->fields[i].body), SPAN("multipart/")))
            return &h->fields[i];
    return first;
}

static bool is_type(struct span s) {
    size_t slash = span_find(s, '/');
    struct span sub = span_from(s, slash + 1);
    return slash > 0 && sub.n > 0 && span_find(sub, '/') == sub.n && s.n <= TYPE_MAX_BYTES && span_is_ascii(s);
}

/* Text of old programs that say "text" and nothing else is text to everybody. */
static void note_type(struct part_reader *r, const struct param_field *f, bool known) {
    bool old_text = span_ieq(f->value, SPAN("text")) || span_ieq(f->value, SPAN("plain"));
    if (!known)
        r->seen |= AMBIGUITY(CTYPE_SYNTAX);
    if (f->odd || (!known && !old_text))
        r->seen |= AMBIGUITY(MIME_SYNTAX);
}

static void read_type(struct part_reader *r, const struct param_field *f, const struct param_value *boundary, bool in_digest) {
    bool known = is_type(f->value), bounded = boundary->plain_count || boundary->extended_count;
    note_type(r, f, known);
    if (known) {
        r->part->type = lex_lower_copy(f->value, r->arena);
        if (bounded && !span_istarts(f->value, SPAN("multipart/")))
            r->seen |= AMBIGUITY(BOUNDARY_SYNTAX); /* parts to a program that goes by the boundary */
    } else if (bounded) {
        /* RFC 2045 §5.2 makes it text, but a program that reads the boundary sees parts. */
        r->seen |= AMBIGUITY(BOUNDARY_SYNTAX);
        r->part->type = SPAN("multipart/mixed");
    } else if (span_istarts(f->value, SPAN("multipart"))) {
        r->part->type = SPAN("multipart/mixed");
    } else {
        r->part->type = in_digest ? SPAN("message/rfc822") : SPAN("text/plain");
    }
}

/* RFC 2046 §5.1.1 bchars, and the other printable characters that all programs take as they are. */
static bool is_boundary_char(uint8_t c) {
    return c > 32 && c < 127 && !strchr("\"\\;<>", c);
}

static struct span read_boundary(struct part_reader *r, const struct param_value *v) {
    if (v->plain_count + v->extended_count > 1)
        r->seen |= AMBIGUITY(BOUNDARY_REPEATED);
    /* RFC 2231 gives it a meaning that few programs know; escapes and encoded words some read and some do not. */
    const struct span ends = SPAN(" \t\r\n(,");
    bool cut = false;
    for (size_t i = 0; v->loose && i < v->plain.n; i++)
        cut |= span_find(ends, v->plain.p[i]) < ends.n;
    if (v->extended_count || v->odd || v->escaped || cut || words_any(v->plain))
        r->seen |= AMBIGUITY(BOUNDARY_SYNTAX);
    struct span b = v->plain_count ? v->plain : v->extended;
    size_t end = b.n;
    while (end && lex_is_space(b.p[end - 1]))
        end--; /* RFC 2046 §5.1.1: must not end with white space, which gateways remove */
    bool odd = end != b.n || end > BOUNDARY_MAX_BYTES;
    for (size_t i = 0; i < end; i++)
        odd |= !is_boundary_char(b.p[i]) && b.p[i] != ' ';
    if (odd)
        r->seen |= AMBIGUITY(BOUNDARY_SYNTAX);
    if (end == 0 || end > BOUNDARY_USED_BYTES)
        r->seen |= AMBIGUITY(BOUNDARY_MISSING);
    return end > BOUNDARY_USED_BYTES ? SPAN_NONE : arena_span(r->arena, span_sub(b, 0, end));
}

static enum sd_err read_charset(struct part_reader *r, const struct param_field *f) {
    struct param_value v;
    enum sd_err err = param_get(f, SPAN("charset"), r->scratch, &v);
    if (err)
        return err;
    if (v.plain_count + v.extended_count > 1)
        r->seen |= AMBIGUITY(CHARSET_MULTIPLE);
    struct span name = span_trim(v.plain_count ? v.plain : v.extended);
    r->part->charset = lex_lower_copy(span_sub(name, 0, CHARSET_MAX_BYTES), r->arena);
    if (charset_is_masking(r->part->charset))
        r->seen |= AMBIGUITY(CHARSET_MASKING);
    return SD_OK;
}

static enum mail_encoding encoding_of(struct span token) {
    static const struct {
        const char *name;
        enum mail_encoding encoding;
    } known[] = {
        {"7bit", MAIL_ENCODING_IDENTITY}, {"8bit", MAIL_ENCODING_IDENTITY},       {"binary", MAIL_ENCODING_IDENTITY},
        {"base64", MAIL_ENCODING_BASE64}, {"quoted-printable", MAIL_ENCODING_QP},
    };
    for (size_t i = 0; i < SD_COUNT(known); i++)
        if (span_ieq(token, span_cstr(known[i].name)))
            return known[i].encoding;
    return MAIL_ENCODING_UNKNOWN;
}

/* RFC 2045 §6.1. A known word with something behind it is read as the word and flagged. */
static enum mail_encoding read_encoding(struct part_reader *r) {
    const struct mail_field *f = only_field(r, SPAN("Content-Transfer-Encoding"), AMBIGUITY(CTE_REPEATED));
    if (!f)
        return MAIL_ENCODING_IDENTITY;
    struct lex x = lex_of(f->body);
    struct span comment = SPAN_NONE; /* few programs know that there can be one */
    bool odd = lex_cfws(&x, &comment) != SD_OK;
    enum mail_encoding encoding = encoding_of(lex_while(&x, lex_is_token));
    odd |= lex_cfws(&x, &comment) != SD_OK || !lex_end(&x) || comment.p;
    if (odd || encoding == MAIL_ENCODING_UNKNOWN)
        r->seen |= AMBIGUITY(CTE_UNKNOWN);
    return encoding;
}

/* RFC 3676 §4 */
static enum sd_err read_flowed(struct part_reader *r, const struct param_field *f) {
    struct param_value format, delsp;
    enum sd_err err = param_get(f, SPAN("format"), r->scratch, &format);
    if (err == SD_OK)
        err = param_get(f, SPAN("delsp"), r->scratch, &delsp);
    if (err)
        return err;
    r->part->is_flowed = span_eq(r->part->type, SPAN("text/plain")) && span_ieq(format.plain, SPAN("flowed"));
    r->part->is_delsp = span_ieq(delsp.plain, SPAN("yes"));
    return SD_OK;
}

static enum sd_err read_names(struct part_reader *r, const struct param_field *f, struct span parameter) {
    struct param_value v;
    enum sd_err err = param_get(f, parameter, r->scratch, &v);
    if (err)
        return err;
    if ((f->commented || f->odd) && v.plain_count + v.extended_count)
        v.odd = true;
    name_take(&r->names, &v);
    return arena_err(r->scratch);
}

static enum sd_err read_content_type(struct part_reader *r, bool in_digest, struct span *ret_boundary) {
    const struct mail_field *field = type_field(r);
    struct param_field f = {.count = 0};
    struct param_value boundary;
    r->part->type = in_digest ? SPAN("message/rfc822") : SPAN("text/plain");
    if (!field)
        return SD_OK;
    param_read(field->body, &f);
    enum sd_err err = param_get(&f, SPAN("boundary"), r->scratch, &boundary);
    if (err)
        return err;
    read_type(r, &f, &boundary, in_digest);
    r->part->is_multipart = span_starts(r->part->type, SPAN("multipart/"));
    if (r->part->is_multipart)
        *ret_boundary = read_boundary(r, &boundary);
    if (r->part->is_multipart && f.commented)
        r->seen |= AMBIGUITY(BOUNDARY_SYNTAX); /* to programs that do not know comments it is another one */
    err = read_charset(r, &f);
    if (err == SD_OK)
        err = read_names(r, &f, SPAN("name"));
    return err ? err : read_flowed(r, &f);
}

static enum sd_err read_disposition(struct part_reader *r) {
    const struct mail_field *field = only_field(r, SPAN("Content-Disposition"), AMBIGUITY(DISPOSITION_REPEATED));
    struct param_field f = {.count = 0};
    if (!field)
        return SD_OK;
    param_read(field->body, &f);
    if (f.odd || f.value.n == 0)
        r->seen |= AMBIGUITY(MIME_SYNTAX);
    /* RFC 2183 §2.8: an unknown disposition is treated as attachment. */
    r->part->is_attachment = f.value.n && !span_ieq(f.value, SPAN("inline"));
    return read_names(r, &f, SPAN("filename"));
}

static void read_flags(struct part_reader *r) {
    struct mail_part *part = r->part;
    bool is_text = span_starts(part->type, SPAN("text/"));
    part->is_message = span_eq(part->type, SPAN("message/rfc822")) || span_eq(part->type, SPAN("message/global"));
    if ((part->is_multipart || part->is_message) && part->encoding != MAIL_ENCODING_IDENTITY) {
        r->seen |= AMBIGUITY(CTE_ON_MULTIPART); /* RFC 2045 §6.4; what it holds can only be seen after decoding */
        part->is_message = false;
    }
    if (span_eq(part->type, SPAN("message/partial")) || span_eq(part->type, SPAN("message/external-body")))
        r->seen |= AMBIGUITY(PARTIAL);
    part->is_attachment |= part->name.n > 0 || (!is_text && !part->is_multipart);
}

/* Programs cut lines at 998 bytes, at 1,000, at 4,096; what decides the structure must not stand behind that. */
static void note_long_lines(struct part_reader *r) {
    for (size_t i = 0; i < r->part->header.count; i++) {
        const struct mail_field *f = &r->part->header.fields[i];
        struct lex_line line;
        if (!span_istarts(f->name, SPAN("Content-")))
            continue;
        for (size_t at = 0; lex_line(f->raw, &at, &line);)
            if (line.text.n > LINE_READ_BYTES)
                r->seen |= AMBIGUITY(MIME_LONG_LINE);
    }
}

enum sd_err part_read(struct mail_part *part, bool in_digest, struct arena *arena, struct span *ret_boundary,
                      mail_ambiguities *ambiguities) {
    struct arena *scratch SD_CLEANUP(arena_free) = arena_new(SCRATCH_BYTES);
    struct part_reader r = {part, arena, scratch, {.scratch = scratch}, 0};
    *ret_boundary = SPAN_NONE;
    if (!scratch)
        return SD_ERR_NOMEM;
    enum sd_err err = read_content_type(&r, in_digest, ret_boundary);
    if (err == SD_OK)
        err = read_disposition(&r);
    if (err)
        return err;
    name_end(&r.names, &part->header);
    part->name = arena_span(arena, r.names.name);
    part->other_name = arena_span(arena, r.names.other);
    r.seen |= r.names.seen;
    note_long_lines(&r);
    part->encoding = read_encoding(&r);
    read_flags(&r);
    *ambiguities |= r.seen;
    return arena_err(arena);
}

enum sd_err part_name(struct mail_part *part, struct span name, struct arena *arena, mail_ambiguities *ambiguities) {
    struct arena *scratch SD_CLEANUP(arena_free) = arena_new(SCRATCH_BYTES);
    struct name_reader names = {.scratch = scratch};
    const struct param_value v = {.plain = name, .token = name, .plain_count = 1};
    if (!scratch)
        return SD_ERR_NOMEM;
    name_take(&names, &v);
    part->name = arena_span(arena, names.name);
    part->other_name = arena_span(arena, names.other);
    *ambiguities |= names.seen;
    return arena_err(scratch) ? arena_err(scratch) : arena_err(arena);
}
