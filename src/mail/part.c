/* Content-* fields of one part (RFC 2045, RFC 2046 §5.1.1, RFC 2183, RFC 2231). */
#include "mail/part.h"

#include <string.h>

#include "core/limits.h"
#include "mail/charset.h"
#include "mail/header.h"
#include "mail/lex.h"
#include "mail/param.h"
#include "mail/words.h"

#define TYPE_MAX_BYTES 255      /* RFC 6838 §4.2: 127 each side */
#define CHARSET_MAX_BYTES 75    /* more than any registered name */
#define BOUNDARY_MAX_BYTES 70   /* RFC 2046 §5.1.1 */
#define BOUNDARY_USED_BYTES 998 /* RFC 5322 §2.1.1: a longer one cannot stand in a line */
#define NAME_MAX_BYTES 1024     /* four times what file systems hold */

#define SCRATCH_BYTES (16 * LIMIT_HEADER_BYTES) /* all parameters of one header, decoded: four times its bytes at most */

struct part_reader {
    struct mail_part *part;
    struct arena *arena;   /* of the message: only what stays goes there, so that its size is bounded */
    struct arena *scratch; /* of this part */
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

static void read_type(struct part_reader *r, const struct param_field *f, const struct param_value *boundary, bool in_digest) {
    if (f->odd)
        r->seen |= AMBIGUITY(CTYPE_SYNTAX);
    if (is_type(f->value)) {
        r->part->type = lex_lower_copy(f->value, r->arena);
        return;
    }
    r->seen |= AMBIGUITY(CTYPE_SYNTAX);
    /* RFC 2045 §5.2 makes it text, but a program that reads the boundary sees parts. */
    if (boundary->plain_count || boundary->extended_count) {
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
    if (v->extended_count)
        r->seen |= AMBIGUITY(BOUNDARY_SYNTAX); /* RFC 2231 gives it a meaning that few programs know */
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
    bool odd = lex_cfws(&x, NULL) != SD_OK;
    enum mail_encoding encoding = encoding_of(lex_while(&x, lex_is_token));
    odd |= lex_cfws(&x, NULL) != SD_OK || !lex_end(&x);
    if (odd || encoding == MAIL_ENCODING_UNKNOWN)
        r->seen |= AMBIGUITY(CTE_UNKNOWN);
    return encoding;
}

/* File names lose their path: both kinds of slash are one to some program. */
static struct span base_name(struct span name) {
    for (size_t i = name.n; i > 0; i--)
        if (name.p[i - 1] == '/' || name.p[i - 1] == '\\')
            return span_from(name, i);
    return name;
}

static struct span clean_name(struct part_reader *r, struct span text, bool words) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(LIMIT_HEADER_BYTES);
    mail_ambiguities bad = 0;
    if (words)
        bad = words_decode(text, &b);
    else
        charset_put_clean(text, 0, false, &b);
    struct span base = span_trim(base_name(buf_span(&b)));
    if (bad || base.n != b.n || (words && (words_any(text) || !span_is_ascii(text))))
        r->seen |= AMBIGUITY(NAME_ENCODED); /* RFC 2047 §5 (3) forbids it here; raw 8-bit bytes say no charset */
    return arena_span(r->scratch, charset_cut(base, NAME_MAX_BYTES));
}

/* One more name of the part; another than the one it has is an ambiguity, and the later one, more particular, is taken. */
static void take_name(struct part_reader *r, struct span name) {
    if (name.n == 0 || span_eq(r->part->name, name))
        return;
    if (r->part->name.n)
        r->seen |= AMBIGUITY(NAME_REPEATED);
    r->part->name = name;
}

static enum sd_err read_name(struct part_reader *r, const struct param_field *f, struct span parameter) {
    struct param_value v;
    enum sd_err err = param_get(f, parameter, r->scratch, &v);
    if (err)
        return err;
    if (v.plain_count > 1 || v.extended_count > 1)
        r->seen |= AMBIGUITY(NAME_REPEATED);
    if (v.odd)
        r->seen |= AMBIGUITY(NAME_ENCODED);
    if (v.plain_count)
        take_name(r, clean_name(r, v.plain, true));
    if (v.extended_count)
        take_name(r, clean_name(r, v.extended, false));
    return arena_err(r->scratch);
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
    err = read_charset(r, &f);
    if (err == SD_OK)
        err = read_name(r, &f, SPAN("name"));
    return err ? err : read_flowed(r, &f);
}

static enum sd_err read_disposition(struct part_reader *r) {
    const struct mail_field *field = only_field(r, SPAN("Content-Disposition"), AMBIGUITY(DISPOSITION_REPEATED));
    struct param_field f = {.count = 0};
    if (!field)
        return SD_OK;
    param_read(field->body, &f);
    /* RFC 2183 §2.8: an unknown disposition is treated as attachment. */
    r->part->is_attachment = f.value.n && !span_ieq(f.value, SPAN("inline"));
    return read_name(r, &f, SPAN("filename"));
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

enum sd_err part_read(struct mail_part *part, bool in_digest, struct arena *arena, struct span *ret_boundary,
                      mail_ambiguities *ambiguities) {
    struct arena *scratch SD_CLEANUP(arena_free) = arena_new(SCRATCH_BYTES);
    struct part_reader r = {part, arena, scratch, 0};
    *ret_boundary = SPAN_NONE;
    if (!scratch)
        return SD_ERR_NOMEM;
    enum sd_err err = read_content_type(&r, in_digest, ret_boundary);
    if (err == SD_OK)
        err = read_disposition(&r);
    if (err)
        return err;
    part->name = arena_span(arena, part->name);
    part->encoding = read_encoding(&r);
    read_flags(&r);
    *ambiguities |= r.seen;
    return arena_err(arena);
}
