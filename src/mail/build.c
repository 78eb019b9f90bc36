/* The message builder. What it writes, mail_parse() reads without an ambiguity: the tests hold it to that. */
#include "mail/build.h"

#include <time.h>

#include "core/codec.h"
#include "core/limits.h"
#include "mail/lex.h"

#define LINE_BYTES 76    /* RFC 2045 §6.7 (5), RFC 2047 §2 */
#define WORD_BYTES 45    /* UTF-8 bytes per encoded word: 60 of base64 and 12 around them, RFC 2047 §2 */
#define ID_MAX_BYTES 900 /* with brackets and a space in a line of 998, RFC 5322 §2.1.1 */
#define DISPLAY_MAX_BYTES LIMIT_SUBJECT_BYTES

/* A header line that folds before it is too long; what is put is never broken itself. */
struct line {
    struct buf *to;
    size_t column;
};

static struct line field(struct buf *to, const char *name) {
    buf_text(to, name);
    buf_text(to, ":");
    return (struct line){to, span_cstr(name).n + 1};
}

/* With a space before it, or a fold; `more` bytes are going to follow without one. */
static void put_folding(struct line *l, struct span s, size_t more) {
    bool fold = l->column + 1 + s.n + more > LINE_BYTES;
    buf_text(l->to, fold ? "\r\n " : " ");
    buf_put(l->to, s);
    l->column = (fold ? 1 : l->column + 1) + s.n;
}

static void put_joined(struct line *l, const char *text) {
    buf_text(l->to, text);
    l->column += span_cstr(text).n;
}

static bool is_printable(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~')
            return false;
    return true;
}

static bool has_control(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

/* RFC 2047 §4.1 and §8: whole characters per word, 75 bytes at most. */
static void put_encoded(struct line *l, struct span utf8) {
    while (utf8.n) {
        size_t n = utf8.n < WORD_BYTES ? utf8.n : WORD_BYTES;
        while (n < utf8.n && n > 0 && (utf8.p[n] & 0xc0) == 0x80)
            n--;
        struct buf word SD_CLEANUP(buf_free) = buf_new(LINE_BYTES);
        buf_text(&word, "=?utf-8?B?");
        put_base64(&word, span_sub(utf8, 0, n));
        buf_text(&word, "?=");
        buf_fail(l->to, buf_err(&word));
        put_folding(l, buf_span(&word), 0);
        utf8 = span_from(utf8, n);
    }
}

/* Words of ASCII that need no encoding; a piece that looks like an encoded word, or is too long to fold, must be one. */
static bool is_plain(struct span s) {
    size_t run = 0;
    for (size_t i = 0; i < s.n; i++) {
        run = s.p[i] == ' ' ? 0 : run + 1;
        bool double_space = s.p[i] == ' ' && (i == 0 || i + 1 == s.n || s.p[i + 1] == ' ');
        if (run > LINE_BYTES - 2 || double_space)
            return false;
    }
    return is_printable(s) && span_search(s, SPAN("=?")) == s.n;
}

static void put_words(struct line *l, struct span s) {
    struct span_split split = span_split_start(s);
    struct span word;
    while (span_split_next(&split, ' ', &word))
        put_folding(l, word, 0);
}

static void put_subject(struct buf *to, struct span subject) {
    struct buf clean SD_CLEANUP(buf_free) = buf_new(subject.n + 1);
    for (size_t i = 0; i < subject.n; i++)
        buf_byte(&clean, subject.p[i] < ' ' || subject.p[i] == 0x7f ? ' ' : subject.p[i]);
    struct line l = field(to, "Subject");
    struct span s = span_trim(buf_span(&clean));
    if (is_plain(s))
        put_words(&l, s);
    else
        put_encoded(&l, s);
    buf_text(to, "\r\n");
    buf_fail(to, buf_err(&clean));
}

static bool is_phrase(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' && !lex_is_atext(s.p[i]))
            return false;
    return is_plain(s);
}

static void put_quoted(struct line *l, struct span s) {
    struct buf quoted SD_CLEANUP(buf_free) = buf_new(2 * s.n + 2);
    buf_byte(&quoted, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_byte(&quoted, '\\');
        buf_byte(&quoted, s.p[i]);
    }
    buf_byte(&quoted, '"');
    buf_fail(l->to, buf_err(&quoted));
    put_folding(l, buf_span(&quoted), 0);
}

static void put_display(struct line *l, struct span display) {
    if (is_phrase(display))
        put_words(l, display);
    else if (is_printable(display) && display.n <= LINE_BYTES / 2 && span_search(display, SPAN("=?")) == display.n)
        put_quoted(l, display);
    else
        put_encoded(l, display);
}

/* The address must read back as itself, in ASCII: what the header cannot carry is refused, not altered. */
static enum sd_err check_address(const struct mail_address *a) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(16 * 1024);
    struct mail_address back;
    if (!arena)
        return SD_ERR_NOMEM;
    if (!is_printable(a->address) || has_control(a->display) || a->display.n > DISPLAY_MAX_BYTES)
        return SD_ERR_PARSE;
    if (a->display.n && !span_is_utf8(a->display))
        return SD_ERR_PARSE;
    enum sd_err err = mail_parse_mailbox(a->address, arena, &back);
    return err == SD_ERR_NOMEM ? err : err ? SD_ERR_PARSE : SD_OK;
}

static enum sd_err put_addresses(struct buf *to, const char *name, const struct mail_address *a, size_t count) {
    if (count > LIMIT_RECIPIENTS)
        return SD_ERR_LIMIT;
    if (count == 0)
        return SD_OK;
    struct line l = field(to, name);
    for (size_t i = 0; i < count; i++) {
        enum sd_err err = check_address(&a[i]);
        if (err)
            return err;
        struct buf angle SD_CLEANUP(buf_free) = buf_new(LIMIT_ADDRESS_BYTES + 3);
        bool named = span_trim(a[i].display).n > 0;
        if (named)
            put_display(&l, span_trim(a[i].display));
        buf_text(&angle, named ? "<" : "");
        buf_put(&angle, a[i].address);
        buf_text(&angle, named ? ">" : "");
        buf_fail(to, buf_err(&angle));
        put_folding(&l, buf_span(&angle), i + 1 < count);
        put_joined(&l, i + 1 < count ? "," : "");
    }
    buf_text(to, "\r\n");
    return SD_OK;
}

static bool is_id(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '<' || s.p[i] == '>')
            return false;
    return s.n > 0 && s.n <= ID_MAX_BYTES;
}

static enum sd_err put_ids(struct buf *to, const char *name, const struct span *ids, size_t count) {
    struct line l = field(to, name);
    for (size_t i = 0; i < count; i++) {
        struct buf id SD_CLEANUP(buf_free) = buf_new(ID_MAX_BYTES + 2);
        if (!is_id(ids[i]))
            return SD_ERR_PARSE;
        buf_text(&id, "<");
        buf_put(&id, ids[i]);
        buf_text(&id, ">");
        put_folding(&l, buf_span(&id), 0);
    }
    buf_text(to, "\r\n");
    return SD_OK;
}

/* RFC 5322 §3.6.4: In-Reply-To, and References at most LIMIT_REFERENCES long, the newest kept. */
static enum sd_err put_thread(const struct mail_draft *d, struct buf *to) {
    enum sd_err err = put_ids(to, "Message-ID", &d->message_id, 1);
    if (err == SD_OK && d->in_reply_to.n)
        err = put_ids(to, "In-Reply-To", &d->in_reply_to, 1);
    size_t skip = d->reference_count > LIMIT_REFERENCES ? d->reference_count - LIMIT_REFERENCES : 0;
    if (err == SD_OK && d->reference_count)
        err = put_ids(to, "References", d->references + skip, d->reference_count - skip);
    return err;
}

/* RFC 5322 §3.3, in UTC. */
static enum sd_err put_date(struct buf *to, int64_t unix_ms) {
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm t;
    if (unix_ms < 0 || !gmtime_r(&seconds, &t) || t.tm_year > 8099)
        return SD_ERR_PARSE;
    buf_printf(to, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[t.tm_wday], t.tm_mday, months[t.tm_mon],
               t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    return SD_OK;
}

/* One line without its line end; false when no line is left. */
static bool next_line(struct span *text, struct span *ret) {
    if (text->n == 0)
        return false;
    size_t n = span_find(*text, '\n');
    *ret = span_sub(*text, 0, n);
    *text = span_from(*text, n + 1);
    if (ret->n && ret->p[ret->n - 1] == '\r')
        ret->n--;
    return true;
}

/* Also what something on the way would alter: white space at the end (RFC 2045 §6.7), "From " (mbox), a lone dot. */
static bool is_line_safe(struct span line) {
    bool trailing = line.n && lex_is_wsp(line.p[line.n - 1]);
    for (size_t i = 0; i < line.n; i++)
        if ((line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] > '~')
            return false;
    return line.n <= LINE_BYTES && !trailing && !span_starts(line, SPAN("From ")) && !span_starts(line, SPAN("."));
}

static bool is_7bit(struct span text) {
    struct span line;
    while (next_line(&text, &line))
        if (!is_line_safe(line))
            return false;
    return true;
}

static void put_7bit(struct buf *to, struct span text) {
    struct span line;
    while (next_line(&text, &line)) {
        buf_put(to, line);
        buf_text(to, "\r\n");
    }
}

static bool needs_escape(struct span line, size_t i) {
    uint8_t c = line.p[i];
    if ((c < ' ' && c != '\t') || c > '~' || c == '=')
        return true;
    bool at_end = i + 1 == line.n && lex_is_wsp(c);
    bool at_start = i == 0 && (c == '.' || span_starts(line, SPAN("From ")));
    return at_end || at_start;
}

/* RFC 2045 §6.7. Lines of at most 76 characters with the "=" of a soft line break. */
static void put_qp_line(struct buf *to, struct span line) {
    static const char digits[] = "0123456789ABCDEF";
    size_t column = 0;
    for (size_t i = 0; i < line.n; i++) {
        bool escape = needs_escape(line, i);
        size_t width = escape ? 3 : 1;
        size_t room = i + 1 == line.n ? LINE_BYTES : LINE_BYTES - 1;
        if (column + width > room) {
            buf_text(to, "=\r\n");
            column = 0;
        }
        if (escape) {
            uint8_t code[3] = {'=', (uint8_t)digits[line.p[i] >> 4], (uint8_t)digits[line.p[i] & 15]};
            buf_put(to, span_of(code, 3));
        } else {
            buf_byte(to, line.p[i]);
        }
        column += width;
    }
    buf_text(to, "\r\n");
}

static enum sd_err put_body(struct buf *to, struct span text) {
    if (text.n && !span_is_utf8(text))
        return SD_ERR_PARSE;
    bool plain = is_7bit(text);
    buf_text(to, "MIME-Version: 1.0\r\n");
    buf_text(to, plain && span_is_ascii(text) ? "Content-Type: text/plain; charset=us-ascii\r\n"
                                              : "Content-Type: text/plain; charset=utf-8\r\n");
    buf_text(to, plain ? "Content-Transfer-Encoding: 7bit\r\n\r\n" : "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    struct span line;
    if (plain)
        put_7bit(to, text);
    while (!plain && next_line(&text, &line))
        put_qp_line(to, line);
    return SD_OK;
}

static enum sd_err put_message(const struct mail_draft *d, struct buf *to) {
    enum sd_err err = put_date(to, d->date_unix_ms);
    if (err == SD_OK)
        err = put_addresses(to, "From", &d->from, 1);
    if (err == SD_OK && d->reply_to.address.n)
        err = put_addresses(to, "Reply-To", &d->reply_to, 1);
    if (err == SD_OK)
        err = put_addresses(to, "To", d->to, d->to_count);
    if (err == SD_OK)
        err = put_addresses(to, "Cc", d->cc, d->cc_count);
    if (err)
        return err;
    if (d->subject.n && !span_is_utf8(d->subject))
        return SD_ERR_PARSE;
    put_subject(to, d->subject);
    err = put_thread(d, to);
    if (err == SD_OK && d->auto_generated)
        buf_text(to, "Auto-Submitted: auto-generated\r\n");
    return err ? err : put_body(to, d->text);
}

enum sd_err mail_build(const struct mail_draft *draft, struct buf *to) {
    size_t start = to->n;
    enum sd_err err = put_message(draft, to);
    if (err && buf_err(to) == SD_OK)
        to->n = start; /* nothing of a message that was refused */
    return err ? err : buf_err(to);
}
