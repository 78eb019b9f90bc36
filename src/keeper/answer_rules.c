#include "keeper/answer_rules.h"
#include "core/buf.h"
#include "core/limits.h"

#include <string.h>

#define LINE_MAX_BYTES 998 /* RFC 5322 §2.1.1 */

static const char *const words[] = {
#define X(name, word, sentence) word,
    ANSWER_LIST(X)
#undef X
};
static const char *const sentences[] = {
#define X(name, word, sentence) sentence,
    ANSWER_LIST(X)
#undef X
};

const char *answer_word(enum answer_verdict verdict) {
    return words[verdict];
}

const char *answer_sentence(enum answer_verdict verdict) {
    return sentences[verdict];
}

/* ---- splitting ---- */

/* One line up to CRLF; false when there is a bare CR or LF, a NUL, or no line end. */
static bool take_line(struct span *rest, struct span *ret) {
    for (size_t i = 0; i < rest->n; i++) {
        uint8_t c = rest->p[i];
        if (c == 0 || c == '\n')
            return false;
        if (c != '\r')
            continue;
        if (i + 1 >= rest->n || rest->p[i + 1] != '\n')
            return false;
        *ret = span_sub(*rest, 0, i);
        *rest = span_from(*rest, i + 2);
        return true;
    }
    return false;
}

/* RFC 5322 §2.2: printable ASCII but the colon, which follows at once. */
static size_t name_length(struct span line) {
    size_t n = 0;
    while (n < line.n && line.p[n] > 0x20 && line.p[n] < 0x7f && line.p[n] != ':')
        n++;
    return n < line.n && line.p[n] == ':' ? n : 0;
}

static bool is_fold(struct span line) {
    return line.n && (line.p[0] == ' ' || line.p[0] == '\t');
}

/* ---- fields ---- */

#define ONCE_LIST(X)                                                                                                           \
    X(FROM, "From")                                                                                                            \
    X(DATE, "Date")                                                                                                            \
    X(MESSAGE_ID, "Message-ID")                                                                                                \
    X(TO, "To")                                                                                                                \
    X(CC, "Cc")                                                                                                                \
    X(SUBJECT, "Subject")                                                                                                      \
    X(REPLY_TO, "Reply-To")                                                                                                    \
    X(IN_REPLY_TO, "In-Reply-To")                                                                                              \
    X(REFERENCES, "References")                                                                                                \
    X(MIME_VERSION, "MIME-Version")                                                                                            \
    X(CONTENT_TYPE, "Content-Type")                                                                                            \
    X(CONTENT_ENCODING, "Content-Transfer-Encoding")                                                                           \
    X(AUTO_SUBMITTED, "Auto-Submitted")
enum once_field {
#define X(name, text) ONCE_##name,
    ONCE_LIST(X)
#undef X
        ONCE_COUNT
};

static const struct span once_names[] = {
#define X(name, text) {(const uint8_t *)(text), sizeof(text) - 1},
    ONCE_LIST(X)
#undef X
};

struct header_state {
    unsigned seen; /* bits of enum once_field */
    struct span values[ONCE_COUNT];
    struct span *folding; /* the value that a folded line goes on with */
};

/*
 * A field that is not on the list is refused, whatever it is: Bcc, Sender and Resent-* name others, Disposition-Notification-To
 * and Errors-To call for answers to anywhere, Received, DKIM-Signature and Authentication-Results claim what we did not do.
 */
static enum answer_verdict see_field(struct header_state *state, struct span name, struct span value) {
    for (unsigned i = 0; i < ONCE_COUNT; i++) {
        if (!span_ieq(name, once_names[i]))
            continue;
        if (state->seen & 1u << i)
            return ANSWER_HEADER_REPEATED;
        state->seen |= 1u << i;
        state->values[i] = value;
        state->folding = &state->values[i];
        return ANSWER_FIT;
    }
    return ANSWER_HEADER_FORBIDDEN;
}

/* RFC 5322 §2.2: printable ASCII, spaces and tabs. We never announce SMTPUTF8. */
static bool is_field_text(struct span line) {
    for (size_t i = 0; i < line.n; i++)
        if ((line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] >= 0x7f)
            return false;
    return line.n <= LINE_MAX_BYTES;
}

static enum answer_verdict see_line(struct header_state *state, struct span line) {
    if (!is_field_text(line))
        return ANSWER_HEADER;
    if (is_fold(line)) {
        if (!state->folding || span_trim(line).n == 0)
            return ANSWER_HEADER; /* RFC 5322 §3.2.2: a line of white space alone is obsolete, and may look like the end */
        *state->folding = span_of(state->folding->p, (size_t)(line.p + line.n - state->folding->p));
        return ANSWER_FIT;
    }
    size_t n = name_length(line);
    return n ? see_field(state, span_sub(line, 0, n), span_from(line, n + 1)) : ANSWER_HEADER;
}

/* ---- addresses ---- */

/* The end of a quoted string that begins the span (RFC 5322 §3.2.4), or 0. */
static size_t quoted_length(struct span s) {
    for (size_t i = 1; s.n && s.p[0] == '"' && i < s.n; i++) {
        if (s.p[i] == '"')
            return i + 1;
        if (s.p[i] == '\\')
            i++;
    }
    return 0;
}

#define SPECIALS "()<>[]:;@\\,\"" /* RFC 5322 §3.2.3, but the dot, which many names have */

/* A display name in which no second mailbox, group or comment can hide: one quoted string, or words without specials. */
static bool is_display(struct span s) {
    s = span_trim(s);
    if (s.n && s.p[0] == '"')
        return quoted_length(s) == s.n;
    for (size_t i = 0; i < s.n; i++)
        if (memchr(SPECIALS, s.p[i], sizeof SPECIALS - 1))
            return false;
    return true;
}

/* The address alone, or behind a display name in angle brackets. */
static bool is_mailbox(struct span value, struct span address) {
    value = span_trim(value);
    if (span_ieq(value, address))
        return true;
    if (value.n < address.n + 2 || value.p[value.n - 1] != '>' || value.p[value.n - address.n - 2] != '<')
        return false;
    return span_ieq(span_sub(value, value.n - address.n - 1, address.n), address) &&
           is_display(span_sub(value, 0, value.n - address.n - 2));
}

/* Answers come back to the queue, with this ticket's token or without: to nowhere else. */
static bool is_reply_address(struct span value, const struct answer_from *from) {
    struct buf address SD_CLEANUP(buf_free) = buf_new(LIMIT_ADDRESS_BYTES + 128);
    size_t at = span_rfind(from->address, '@');
    if (from->reply_token.n == 0)
        return is_mailbox(value, from->address);
    buf_put(&address, span_sub(from->address, 0, at));
    buf_byte(&address, '+');
    buf_put(&address, from->reply_token);
    buf_put(&address, span_from(from->address, at));
    return buf_err(&address) == SD_OK && is_mailbox(value, buf_span(&address));
}

static enum answer_verdict judge_header(const struct header_state *state, const struct answer_from *from) {
    unsigned needed = 1u << ONCE_FROM | 1u << ONCE_DATE | 1u << ONCE_MESSAGE_ID;
    if ((state->seen & needed) != needed)
        return ANSWER_HEADER_MISSING;
    if (!is_mailbox(state->values[ONCE_FROM], from->address))
        return ANSWER_FROM;
    bool has_reply_to = (state->seen & 1u << ONCE_REPLY_TO) != 0;
    if (has_reply_to ? !is_reply_address(state->values[ONCE_REPLY_TO], from) : from->reply_token.n > 0)
        return ANSWER_TOKEN;
    return ANSWER_FIT;
}

/* RFC 5321 §2.3.8, §4.5.3.1.6: what one server takes for a line all must take for one, or a second message hides in this one.
 */
static enum answer_verdict judge_body(struct span body) {
    struct span line;
    while (body.n) {
        if (!take_line(&body, &line) || line.n > LINE_MAX_BYTES)
            return ANSWER_BODY;
        for (size_t i = 0; i < line.n; i++)
            if (line.p[i] >= 0x80)
                return ANSWER_BODY; /* 8-bit text is re-encoded on the way, and the signature is void */
    }
    return ANSWER_FIT;
}

enum answer_verdict answer_message(struct span message, const struct answer_from *from) {
    struct header_state state = {0};
    struct span rest = span_sub(message, 0, LIMIT_HEADER_BYTES), line;
    while (take_line(&rest, &line)) {
        if (line.n == 0) {
            enum answer_verdict verdict = judge_header(&state, from);
            return verdict == ANSWER_FIT ? judge_body(span_from(message, (size_t)(rest.p - message.p))) : verdict;
        }
        enum answer_verdict verdict = see_line(&state, line);
        if (verdict != ANSWER_FIT)
            return verdict;
    }
    return ANSWER_HEADER;
}

/* ---- what the inspector found ---- */

enum answer_verdict answer_examined(const struct answer_facts *facts) {
    if (facts->queue_address.n == 0 || !span_ieq(facts->from, facts->queue_address))
        return ANSWER_FROM;
    if (facts->hidden_recipients)
        return ANSWER_HIDDEN;
    if (facts->ambiguities)
        return ANSWER_AMBIGUOUS;
    if (facts->recipients == 0)
        return ANSWER_NO_RECIPIENT;
    return facts->strangers ? ANSWER_RECIPIENT : ANSWER_FIT;
}

bool domain_covers(struct span domain, struct span address) {
    struct span own = span_from(address, span_rfind(address, '@') + 1);
    if (domain.n == 0 || own.n < domain.n)
        return false;
    return span_ieq(own, domain) || (span_iends(own, domain) && own.p[own.n - domain.n - 1] == '.');
}
