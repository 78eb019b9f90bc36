/* RFC 2047: encoded words. Pieces of one character set are joined before they are converted, as many senders split characters.
 */
#include "mail/words.h"

#include "core/limits.h"
#include "mail/charset.h"
#include "mail/decode.h"
#include "mail/header.h"
#include "mail/lex.h"

struct word {
    struct span charset;
    struct span text;
    uint8_t encoding; /* 'b' or 'q' */
    size_t next;
};

static bool is_charset_char(uint8_t c) {
    return lex_is_token(c) && c < 0x80;
}

/* Spaces are not allowed in the text (RFC 2047 §2), but senders leave them there and programs decode them. */
static bool is_word_char(uint8_t c) {
    return c != '?' && c != '\r' && c != '\n';
}

static bool word_at(struct span s, size_t at, struct word *ret) {
    struct lex x = {s, at};
    if (!lex_take(&x, '=') || !lex_take(&x, '?'))
        return false;
    struct span charset = lex_while(&x, is_charset_char);
    if (charset.n == 0 || !lex_take(&x, '?') || lex_end(&x))
        return false;
    uint8_t encoding = lex_lower(s.p[x.at++]);
    if ((encoding != 'b' && encoding != 'q') || !lex_take(&x, '?'))
        return false;
    struct span text = lex_while(&x, is_word_char);
    if (!lex_take(&x, '?') || !lex_take(&x, '='))
        return false;
    size_t language = span_find(charset, '*'); /* RFC 2231 §5 */
    *ret = (struct word){span_sub(charset, 0, language), text, encoding, x.at};
    return true;
}

static mail_ambiguities put_q(struct span s, struct buf *to) {
    mail_ambiguities seen = 0;
    for (size_t i = 0; i < s.n; i++) {
        int high = i + 2 < s.n ? lex_hex(s.p[i + 1]) : -1, low = i + 2 < s.n ? lex_hex(s.p[i + 2]) : -1;
        if (s.p[i] == '=' && high >= 0 && low >= 0) {
            buf_byte(to, (uint8_t)(high << 4 | low));
            i += 2;
            continue;
        }
        if (s.p[i] == '=')
            seen |= AMBIGUITY(QP_DIRTY);
        buf_byte(to, s.p[i] == '_' ? ' ' : s.p[i]);
    }
    return seen;
}

/* What is being put together: the bytes of adjacent words of one character set. */
struct joiner {
    struct buf *to;
    struct buf held;
    struct span charset;
    mail_ambiguities seen;
};

static void flush_words(struct joiner *j) {
    if (j->held.n)
        j->seen |= charset_put(buf_span(&j->held), j->charset, j->to);
    buf_reset(&j->held);
}

static void put_word(struct joiner *j, struct word w) {
    if (!span_ieq(w.charset, j->charset))
        flush_words(j);
    j->charset = w.charset;
    j->seen |= w.encoding == 'b' ? decode_base64(w.text, &j->held) : put_q(w.text, &j->held);
}

static void put_raw(struct joiner *j, struct span raw) {
    flush_words(j);
    if (raw.n)
        (void)charset_put(raw, SPAN_NONE, j->to); /* 8-bit bytes are flagged by the header's reader */
}

static bool is_blank(struct span s) {
    return span_trim(s).n == 0;
}

static void decode_into(struct joiner *j, struct span s) {
    size_t raw = 0;
    bool after_word = false;
    struct word w;
    for (size_t at = 0; at < s.n;) {
        at += span_search(span_from(s, at), SPAN("=?"));
        if (at >= s.n || !word_at(s, at, &w)) {
            at += 2;
            continue;
        }
        struct span between = span_sub(s, raw, at - raw);
        if (!after_word || !is_blank(between)) /* RFC 2047 §6.2: white space between two words is not shown */
            put_raw(j, between);
        put_word(j, w);
        raw = at = w.next;
        after_word = true;
    }
    put_raw(j, span_from(s, raw));
}

mail_ambiguities words_decode(struct span text, struct buf *to) {
    struct buf joined SD_CLEANUP(buf_free) = buf_new(4 * LIMIT_HEADER_BYTES);
    struct joiner j = {.to = &joined, .held = buf_new(LIMIT_HEADER_BYTES)};
    struct buf clean SD_CLEANUP(buf_free) = buf_new(4 * LIMIT_HEADER_BYTES);
    decode_into(&j, text);
    buf_free(&j.held);
    charset_put_clean(buf_span(&joined), 0, false, &clean);
    buf_put(to, span_trim(buf_span(&clean)));
    return j.seen;
}

struct span words_decode_arena(struct span text, size_t max, struct arena *arena, mail_ambiguities *ambiguities) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(4 * LIMIT_HEADER_BYTES);
    *ambiguities |= words_decode(text, &b);
    return arena_span(arena, charset_cut(buf_span(&b), max));
}

bool words_any(struct span text) {
    return span_search(text, SPAN("=?")) < text.n;
}

struct span mail_decode_text(struct span field_body, struct arena *arena) {
    mail_ambiguities seen = 0;
    return words_decode_arena(field_body, LIMIT_HEADER_BYTES, arena, &seen);
}

struct span mail_subject(const struct mail_message *m) {
    const struct mail_field *f = mail_field_first(&m->header, SPAN("Subject"));
    mail_ambiguities seen = 0;
    return f ? words_decode_arena(f->body, LIMIT_SUBJECT_BYTES, m->arena, &seen) : SPAN_NONE;
}
