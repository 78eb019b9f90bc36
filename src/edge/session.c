#include "edge/session.h"

#include "core/log.h"
#include "edge/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MAX ((size_t)64 * 1024)
#define OUT_FLUSH ((size_t)4 * 1024) /* a client that pipelines without reading gets no more than this kept for it */
#define WRITE_MS 60000               /* a client that does not read its replies for so long is gone */
#define CLOSE_NOTIFY_MS 1000
#define REPLY_MAX 700 /* a reply line, longer than any we write: RFC 5321 §4.5.3.1.5 allows 512 */

struct session *session_new(struct edge *edge, struct stream stream, const uint8_t ip[16]) {
    struct session *s = malloc(sizeof *s); /* not zeroed: most of it is the line buffer */
    if (!s)
        return NULL;
    memset(s, 0, offsetof(struct session, in));
    s->edge = edge;
    s->id = atomic_fetch_add(&edge->sessions, 1) + 1;
    memcpy(s->ip, ip, sizeof s->ip);
    s->stream = stream;
    s->helo = buf_new(LIMIT_DOMAIN_BYTES);
    s->tls = buf_new(64);
    s->out = buf_new(OUT_MAX);
    s->until = deadline_in_ms(edge->limits.value[EDGE_SESSION_S] * 1000);
    line_reader_start(&s->in, &s->stream);
    return s;
}

void session_free(struct session **session) {
    struct session *s = *session;
    if (!s)
        return;
    transaction_free(&s->transaction);
    if (s->tls_session)
        tls_free(&s->tls_session, deadline_in_ms(s->lost ? 0 : CLOSE_NOTIFY_MS));
    buf_free(&s->helo);
    buf_free(&s->tls);
    buf_free(&s->out);
    explicit_bzero(s->in.bytes, s->in.to);
    free(s);
    *session = NULL;
}

static void put_reply(struct session *s, const char *format, va_list args) {
    char line[REPLY_MAX];
    int n = vsnprintf(line, sizeof line, format, args);
    if (n < 0 || n >= (int)sizeof line) {
        s->closing = true;
        return;
    }
    buf_put(&s->out, span_of(line, (size_t)n));
    buf_text(&s->out, "\r\n");
    if (s->out.n >= OUT_FLUSH)
        session_flush(s);
}

void session_reply(struct session *s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_reply(s, format, args);
    va_end(args);
}

void session_refuse(struct session *s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_reply(s, format, args);
    va_end(args);
    if (++s->bad_commands < s->edge->limits.value[EDGE_BAD_COMMANDS] || s->closing)
        return;
    limit_hit(&s->edge->limits, EDGE_BAD_COMMANDS, s->id);
    session_reply(s, "421 4.7.0 %.*s Too many refused commands, closing", SPAN_FMT(s->edge->hostname));
    s->closing = true;
}

void session_flush(struct session *s) {
    if (s->out.n && !s->lost)
        s->lost = buf_err(&s->out) || stream_write(&s->stream, buf_span(&s->out), deadline_in_ms(WRITE_MS)) != SD_OK;
    buf_reset(&s->out);
}

void session_forget(struct session *s) {
    transaction_free(&s->transaction);
    s->hello = HELLO_NONE;
    buf_reset(&s->helo);
}

/* Nothing but printable ASCII and tabs is a command; bytes above are let through for the codes of RFC 6531 (553 5.6.7). */
static bool is_clean(struct span line) {
    for (size_t i = 0; i < line.n; i++)
        if ((line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] == 0x7f)
            return false;
    return true;
}

/* The session cannot go on. */
static void end(struct session *s, enum sd_err err) {
    struct span host = s->edge->hostname;
    s->closing = true;
    if (roster_stopping(&s->edge->roster))
        session_reply(s, "421 4.3.2 %.*s Service shutting down", SPAN_FMT(host));
    else if (err == SD_ERR_PARSE) /* RFC 5321 §2.3.8: such a line has no end we could find the next command behind */
        session_reply(s, "500 5.5.2 Bare CR or LF in a command, closing");
    else if (err == SD_ERR_TIMEOUT) {
        limit_hit(&s->edge->limits, deadline_passed(s->until) ? EDGE_SESSION_S : EDGE_IDLE_S, s->id);
        session_reply(s, "421 4.4.2 %.*s Timeout, closing", SPAN_FMT(host));
    } else
        s->lost = true;
}

static void one_command(struct session *s) {
    struct limits *limits = &s->edge->limits;
    struct span line;
    if (!line_ready(&s->in))
        session_flush(s);
    struct deadline by = deadline_sooner(s->until, deadline_in_ms(limits->value[EDGE_IDLE_S] * 1000));
    enum sd_err err = SD_ERR_CLOSED;
    if (!s->lost && !roster_stopping(&s->edge->roster))
        err = line_read(&s->in, (size_t)limits->value[EDGE_LINE], by, &line);
    if (err == SD_OK && is_clean(line))
        command_run(s, line);
    else if (err == SD_OK)
        session_refuse(s, "500 5.5.2 Control characters in a command");
    else if (err == SD_ERR_LIMIT) {
        limit_hit(limits, EDGE_LINE, s->id);
        session_refuse(s, "500 5.5.2 Line too long"); /* RFC 5321 §4.5.3.1.4 */
    } else
        end(s, err);
}

void session_run(struct session *s) {
    struct edge *edge = s->edge;
    bool in_time = roster_enter(&edge->roster, &s->roster, s->stream.fd);
    if (in_time)
        session_reply(s, "220 %.*s ESMTP Sealdesk", SPAN_FMT(edge->hostname));
    else
        session_reply(s, "421 4.3.2 %.*s Service shutting down", SPAN_FMT(edge->hostname));
    while (in_time && !s->closing && !s->lost)
        one_command(s);
    session_flush(s);
    if (in_time)
        roster_leave(&edge->roster, &s->roster);
    log_debug("edge.session", "session=%llu accepted=%llu bad=%lld", (unsigned long long)s->id, (unsigned long long)s->accepted,
              (long long)s->bad_commands);
}
