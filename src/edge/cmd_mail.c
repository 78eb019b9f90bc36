/* MAIL (RFC 5321 §4.1.1.2) with SIZE (RFC 1870) and BODY (RFC 6152). It makes the transaction. */
#include "edge/command.h"

/* What the parameters say, gathered before anything is made. */
struct wish {
    struct session *s;
    uint64_t bytes;
    bool has_size, has_body;
};

/* Each answers for itself when it refuses. */
static bool take_size(struct wish *wish, struct span value) {
    struct limits *limits = &wish->s->edge->limits;
    if (wish->has_size || value.n == 0 || value.n > 20 || span_to_u64(value, &wish->bytes)) {
        session_refuse(wish->s, "501 5.5.4 SIZE needs a number");
        return false;
    }
    wish->has_size = true;
    if (wish->bytes <= (uint64_t)limits->value[EDGE_MESSAGE])
        return true;
    limit_hit(limits, EDGE_MESSAGE, wish->s->id);
    session_refuse(wish->s, "552 5.3.4 Message too large: at most %lld bytes", (long long)limits->value[EDGE_MESSAGE]);
    return false;
}

static bool take_body(struct wish *wish, struct span value) {
    bool known = span_ieq(value, SPAN("7BIT")) || span_ieq(value, SPAN("8BITMIME"));
    if (wish->has_body || !known)
        session_refuse(wish->s, "501 5.5.4 BODY is 7BIT or 8BITMIME");
    bool ok = known && !wish->has_body;
    wish->has_body = true;
    return ok;
}

static const struct {
    const char *key;
    bool (*take)(struct wish *wish, struct span value);
} params[] = {{"SIZE", take_size}, {"BODY", take_body}};

static bool take_param(struct wish *wish, struct span key, struct span value) {
    for (size_t i = 0; i < SD_COUNT(params); i++)
        if (span_ieq(key, span_cstr(params[i].key)))
            return params[i].take(wish, value);
    session_refuse(wish->s, "555 5.5.4 Unknown MAIL parameter");
    return false;
}

static bool take_params(struct wish *wish, struct span rest) {
    struct span key, value;
    while (command_param(&rest, &key, &value))
        if (!take_param(wish, key, value))
            return false;
    return true;
}

void cmd_mail(struct session *s, struct span args) {
    struct wish wish = {.s = s};
    struct mail_path path;
    if (!span_istarts(args, SPAN("FROM:"))) {
        session_refuse(s, "501 5.5.4 Syntax: MAIL FROM:<address>");
        return;
    }
    struct span rest = span_trim(span_from(args, 5));
    enum sd_err err = mail_path_parse(&rest, &path);
    if (err == SD_OK && path.is_international)
        session_refuse(s, "553 5.6.7 Internationalised addresses are not supported"); /* RFC 6531 §3.5 */
    else if (err)
        session_refuse(s, "501 5.1.7 Bad sender address syntax");
    else if (take_params(&wish, rest)) {
        err = transaction_new(path.text, &s->edge->budget, &s->transaction);
        if (err)
            session_reply(s, "452 4.3.1 Out of memory, try again later");
        else
            session_reply(s, "250 2.1.0 Sender ok");
    }
    if (s->transaction)
        s->transaction->declared_bytes = wish.bytes;
}
