#include "keeper/answer_rules.h"
#include "core/limits.h"

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
    X(CONTENT_ENCODING, "Content-Transfer-Encoding")
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

/* What an answer of ours never has: recipients nobody sees, another sender, another path, a signature that is not ours. */
static const struct span forbidden_names[] = {
    {(const uint8_t *)"Bcc", 3},      {(const uint8_t *)"Sender", 6},          {(const uint8_t *)"Return-Path", 11},
    {(const uint8_t *)"Received", 8}, {(const uint8_t *)"DKIM-Signature", 14}, {(const uint8_t *)"Authentication-Results", 22},
};

struct header_state {
    unsigned seen; /* bits of enum once_field */
    struct span from;
    bool from_folded, in_from;
};

static enum answer_verdict see_field(struct header_state *state, struct span name, struct span value) {
    state->in_from = false;
    if (span_istarts(name, SPAN("Resent-")))
        return ANSWER_HEADER_FORBIDDEN;
    for (size_t i = 0; i < SD_COUNT(forbidden_names); i++)
        if (span_ieq(name, forbidden_names[i]))
            return ANSWER_HEADER_FORBIDDEN;
    for (unsigned i = 0; i < ONCE_COUNT; i++) {
        if (!span_ieq(name, once_names[i]))
            continue;
        if (state->seen & 1u << i)
            return ANSWER_HEADER_REPEATED;
        state->seen |= 1u << i;
        if (i == ONCE_FROM) {
            state->from = value;
            state->in_from = true;
        }
    }
    return ANSWER_FIT;
}

static enum answer_verdict see_line(struct header_state *state, struct span line, bool first) {
    if (is_fold(line)) {
        if (first || span_trim(line).n == 0)
            return ANSWER_HEADER; /* RFC 5322 §3.2.2: a line of white space alone is obsolete, and may look like the end */
        if (state->in_from)
            state->from = span_of(state->from.p, (size_t)(line.p + line.n - state->from.p));
        return ANSWER_FIT;
    }
    size_t n = name_length(line);
    return n ? see_field(state, span_sub(line, 0, n), span_from(line, n + 1)) : ANSWER_HEADER;
}

static bool ends_with_address(struct span from, struct span address) {
    from = span_trim(from);
    if (span_ieq(from, address))
        return true;
    if (from.n < address.n + 2 || from.p[from.n - 1] != '>' || from.p[from.n - address.n - 2] != '<')
        return false;
    struct span before = span_sub(from, 0, from.n - address.n - 2);
    return span_ieq(span_sub(from, from.n - address.n - 1, address.n), address) && span_find(before, '<') == before.n &&
           span_find(before, '>') == before.n;
}

static enum answer_verdict judge_header(const struct header_state *state, struct span queue_address) {
    unsigned needed = 1u << ONCE_FROM | 1u << ONCE_DATE | 1u << ONCE_MESSAGE_ID;
    if ((state->seen & needed) != needed)
        return ANSWER_HEADER_MISSING;
    return ends_with_address(state->from, queue_address) ? ANSWER_FIT : ANSWER_FROM;
}

enum answer_verdict answer_header(struct span message, struct span queue_address) {
    struct header_state state = {0};
    struct span rest = span_sub(message, 0, LIMIT_HEADER_BYTES), line;
    for (bool first = true; take_line(&rest, &line); first = false) {
        if (line.n == 0)
            return judge_header(&state, queue_address);
        enum answer_verdict verdict = see_line(&state, line, first);
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
