#include "mail/names.h"

#include "mail/charset.h"
#include "mail/header.h"
#include "mail/lex.h"
#include "mail/words.h"

#define NAME_MAX_BYTES 1024 /* four times what file systems hold */
#define EXTENSION_MAX_BYTES 16

/* File names lose their path: both kinds of slash are one to some program. One that ends in a slash is the name before it. */
static struct span base_name(struct span name) {
    while (name.n && (name.p[name.n - 1] == '/' || name.p[name.n - 1] == '\\'))
        name.n--;
    for (size_t i = name.n; i > 0; i--)
        if (name.p[i - 1] == '/' || name.p[i - 1] == '\\')
            return span_from(name, i);
    return name;
}

/* What decides what a double click does; empty when there is none. */
static struct span extension(struct span name) {
    struct span e = span_from(name, span_rfind(name, '.') + 1);
    return e.n <= EXTENSION_MAX_BYTES && span_find(e, ' ') == e.n ? e : SPAN_NONE;
}

/* The reading would open with another program than the name. One without any extension opens with none. */
static bool is_other_kind(struct span reading, struct span name) {
    return extension(reading).n && !span_ieq(extension(reading), extension(name));
}

static bool has_controls(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < ' ' && !lex_is_space(s.p[i])) || s.p[i] == 0x7f)
            return true;
    return false;
}

static struct span clean(struct name_reader *r, struct span text) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(LIMIT_HEADER_BYTES);
    charset_put_clean(text, 0, false, &b);
    return arena_span(r->scratch, charset_cut(span_trim(base_name(span_trim(buf_span(&b)))), NAME_MAX_BYTES));
}

/* Another reading of the name that is taken. Of another kind than that one, it is what the mail is held for. */
static void take_reading(struct name_reader *r, struct span reading, mail_ambiguities seen) {
    if (reading.n == 0 || span_eq(reading, r->name))
        return;
    bool differs = is_other_kind(reading, r->name);
    if (differs)
        r->seen |= seen;
    if (r->other.n == 0 || (differs && !is_other_kind(r->other, r->name)))
        r->other = reading;
}

/* One more name; the one before becomes the other. */
static void take_name(struct name_reader *r, struct span name, mail_ambiguities seen) {
    struct span before = r->name;
    if (name.n == 0 || span_eq(before, name))
        return;
    r->name = name;
    take_reading(r, before, seen);
}

/* RFC 2047 §5 (3) forbids encoded words here, and nearly every sender writes them. They stand alone, and between spaces. */
static bool words_stand_alone(struct span text) {
    size_t start = span_search(text, SPAN("=?")), end = 0;
    for (size_t at = 0; at < text.n; end = at)
        at += span_search(span_from(text, at), SPAN("?=")) + 2;
    bool before = start == 0 || lex_is_space(text.p[start - 1]);
    bool behind = span_ends(text, SPAN("?=")) || (end && end < text.n && lex_is_space(text.p[end]));
    return before && behind;
}

static struct span decode(struct name_reader *r, struct span text) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(LIMIT_HEADER_BYTES);
    mail_ambiguities bad = words_decode(text, &b);
    if (words_any(text) || !span_is_ascii(text) || bad)
        r->seen |= AMBIGUITY(NAME_ENCODED); /* raw 8-bit bytes say no character set */
    if ((bad & ~AMBIGUITY(CHARSET_BROKEN)) || has_controls(text) || (words_any(text) && !words_stand_alone(span_trim(text))))
        r->seen |= AMBIGUITY(NAME_SYNTAX);
    struct span name = clean(r, buf_span(&b));
    if (words_any(name))
        r->seen |= AMBIGUITY(NAME_SYNTAX); /* one that is none, or within another */
    if (name.n != b.n)
        r->seen |= AMBIGUITY(NAME_ENCODED); /* it had a path */
    return name;
}

/* Windows drops dots and spaces at the end, and takes what follows a colon for a stream within the file. */
static struct span as_windows(struct span name) {
    size_t colon = span_find(name, ':');
    name = span_sub(name, 0, colon == 1 ? name.n : colon); /* C: is a drive */
    while (name.n && (name.p[name.n - 1] == '.' || name.p[name.n - 1] == ' '))
        name.n--;
    return name;
}

static struct span without_quotes(struct span name) {
    bool quoted = name.n > 2 && (name.p[0] == '\'' || name.p[0] == '`') && name.p[name.n - 1] == '\'';
    return quoted ? span_sub(name, 1, name.n - 2) : name;
}

/* Some programs take the space of a folded line with its line end. */
static struct span without_folds(struct name_reader *r, struct span text) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(LIMIT_HEADER_BYTES);
    bool folded = false;
    for (size_t i = 0; i < text.n; i++) {
        folded = text.p[i] == '\n' || (folded && lex_is_space(text.p[i]));
        if (!folded && text.p[i] != '\r')
            buf_byte(&b, text.p[i]);
    }
    return clean(r, buf_span(&b));
}

static void take_plain(struct name_reader *r, const struct param_value *v) {
    struct span name = decode(r, v->plain);
    take_name(r, name, AMBIGUITY(NAME_REPEATED));
    if (v->escaped) /* file names of Windows have backslashes, which a program may not take for escapes */
        take_reading(r, clean(r, v->raw), AMBIGUITY(NAME_SYNTAX));
    if (span_find(v->raw, '\n') < v->raw.n && !words_any(v->raw))
        take_reading(r, without_folds(r, v->raw), AMBIGUITY(NAME_SYNTAX));
    if (v->loose)
        take_reading(r, clean(r, v->token), AMBIGUITY(NAME_SYNTAX));
    take_reading(r, as_windows(name), AMBIGUITY(NAME_SYNTAX));
    take_reading(r, without_quotes(name), AMBIGUITY(NAME_SYNTAX));
}

void name_take(struct name_reader *r, const struct param_value *v) {
    if (v->plain_count > 1 || v->extended_count > 1)
        r->seen |= AMBIGUITY(NAME_REPEATED);
    if (v->odd)
        r->seen |= AMBIGUITY(NAME_SYNTAX);
    if (v->plain_count)
        take_plain(r, v);
    if (!v->extended_count)
        return;
    if (has_controls(v->extended))
        r->seen |= AMBIGUITY(NAME_SYNTAX);
    struct span name = clean(r, v->extended);
    /* A plain name beside it is for programs that do not know RFC 2231: one of the two is read, and both are known. */
    take_name(r, name, v->odd || !v->plain_count ? AMBIGUITY(NAME_REPEATED) : 0);
    take_reading(r, as_windows(name), AMBIGUITY(NAME_SYNTAX));
}

void name_end(struct name_reader *r, const struct mail_header *h) {
    static const struct span fields[] = {{(const uint8_t *)"Content-Location", 16},
                                         {(const uint8_t *)"Content-Description", 19}};
    for (size_t i = 0; i < SD_COUNT(fields) && r->name.n == 0 && r->other.n == 0; i++) {
        const struct mail_field *f = mail_field_first(h, fields[i]);
        struct span name = f ? decode(r, f->body) : SPAN_NONE;
        if (extension(name).n)
            r->other = name;
    }
}
