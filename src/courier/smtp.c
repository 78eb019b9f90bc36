#include "courier/smtp.h"

#include "core/limits.h"
#include "courier/smtp_ehlo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)64 * 1024)
#define COMMANDS_BYTES ((size_t)48 * 1024) /* MAIL and 100 RCPT */
#define QUIT_MS 500
#define MESSAGES_MAX 50 /* receivers limit how much one session may bring */

const struct smtp_times smtp_times_default = {
    .connect_ms = 30 * 1000, /* several addresses may be tried; the kernel's own limit is two minutes */
    .greeting_ms = 5 * 60 * 1000,
    .command_ms = 5 * 60 * 1000,
    .tls_ms = 60 * 1000,
    .data_ms = 2 * 60 * 1000,
    .block_ms = 3 * 60 * 1000,
    .end_ms = 10 * 60 * 1000,
};

struct smtp_session {
    struct wire wire;
    const struct smtp_settings *settings;
    struct smtp_offers offers;
    unsigned messages;
    bool lost;
    char tls_text[64];
    bool certificate_valid;
    struct reply_reader reader;
};

static struct deadline in(int64_t ms) {
    return deadline_in_ms(ms);
}

static enum sd_err read_reply(struct smtp_session *s, struct deadline deadline) {
    bool done = false;
    enum sd_err err = SD_OK;
    reply_start(&s->reader);
    while (err == SD_OK && !done) {
        struct span bytes;
        size_t used = 0;
        err = wire_read(&s->wire, deadline, &bytes);
        if (err == SD_OK)
            err = reply_feed(&s->reader, bytes, &used, &done);
        wire_used(&s->wire, used);
    }
    s->lost = s->lost || err || s->reader.reply.code == 421; /* RFC 5321 §3.8: it closes the channel */
    return err;
}

static enum sd_err say(struct smtp_session *s, struct span line) {
    enum sd_err err = wire_write(&s->wire, line, in(s->settings->times->command_ms));
    s->lost = s->lost || err;
    return err;
}

static enum sd_err ask(struct smtp_session *s, const char *line) {
    enum sd_err err = say(s, span_cstr(line));
    return err ? err : read_reply(s, in(s->settings->times->command_ms));
}

/* ---- opening ---- */

static enum sd_err say_hello(struct smtp_session *s, const char *verb) {
    char line[300];
    (void)snprintf(line, sizeof line, "%s %.*s\r\n", verb, SPAN_FMT(s->settings->hostname));
    return ask(s, line);
}

/* What was offered before TLS counts no more afterwards (RFC 3207 §4.2). */
static enum sd_err hello(struct smtp_session *s) {
    s->offers = (struct smtp_offers){0};
    enum sd_err err = say_hello(s, "EHLO");
    if (err)
        return err;
    if (reply_class(&s->reader.reply) == 2) {
        s->offers = smtp_read_offers(&s->reader.reply);
        return SD_OK;
    }
    if (reply_class(&s->reader.reply) != 5 || s->wire.tls)
        return SD_ERR_DENIED;
    err = say_hello(s, "HELO"); /* RFC 5321 §3.2: a server from before 1995 */
    return err ? err : reply_class(&s->reader.reply) == 2 ? SD_OK : SD_ERR_DENIED;
}

static enum sd_err start_tls(struct smtp_session *s, struct span host) {
    enum sd_err err = ask(s, "STARTTLS\r\n");
    if (err == SD_OK && s->reader.reply.code != 220)
        err = SD_ERR_DENIED;
    if (err == SD_OK)
        err = wire_start_tls(&s->wire, s->settings->tls, host, in(s->settings->times->tls_ms));
    if (err == SD_OK) {
        struct tls_facts facts = tls_session_facts(s->wire.tls);
        s->certificate_valid = facts.peer_certificate_valid;
        (void)snprintf(s->tls_text, sizeof s->tls_text, "%.*s %.*s", SPAN_FMT(facts.version), SPAN_FMT(facts.cipher));
        err = hello(s);
    }
    return err;
}

static enum sd_err open_session(struct smtp_session *s, const struct wire_address *to, struct span host,
                                enum smtp_failure *why) {
    const struct smtp_times *times = s->settings->times;
    *why = SMTP_NO_CONNECTION;
    enum sd_err err = wire_connect(&s->wire, to, in(times->connect_ms));
    if (err)
        return err;
    *why = SMTP_REFUSED;
    err = read_reply(s, in(times->greeting_ms));
    if (err == SD_OK && reply_class(&s->reader.reply) != 2)
        err = SD_ERR_DENIED;
    if (err == SD_OK)
        err = hello(s);
    if (err == SD_OK && s->offers.starttls) {
        *why = SMTP_TLS_FAILED;
        err = start_tls(s, host);
    }
    if (err && err != SD_ERR_DENIED && *why == SMTP_REFUSED)
        *why = SMTP_BROKEN;
    return err;
}

/* The receipt's line for a session that did not come about: what the server said, as "later", or our own words. */
static void failure_reply(const struct smtp_session *s, enum smtp_failure why, enum sd_err err, struct smtp_reply *reply) {
    if (why == SMTP_NO_CONNECTION)
        reply_local(reply, 421, "4.4.1", "no connection");
    else if (why == SMTP_TLS_FAILED)
        reply_local(reply, 454, "4.7.5", "STARTTLS was offered and failed");
    else if (err == SD_ERR_DENIED) {
        *reply = s->reader.reply; /* its words, but later: another day it may be another server */
        reply->code = 421;
        (void)snprintf(reply->status, sizeof reply->status, "4.3.2");
    } else
        reply_local(reply, 421, "4.4.2", "connection lost, or not an SMTP server");
}

enum sd_err smtp_open(const struct smtp_settings *settings, const struct wire_address *to, struct span host,
                      struct smtp_session **ret, enum smtp_failure *ret_why, struct smtp_reply *ret_reply) {
    struct smtp_session *s = calloc(1, sizeof *s);
    if (!s)
        return SD_ERR_NOMEM;
    s->wire.fd = -1;
    s->settings = settings;
    enum sd_err err = open_session(s, to, host, ret_why);
    if (err == SD_OK) {
        *ret = s;
        return SD_OK;
    }
    failure_reply(s, *ret_why, err, ret_reply);
    s->lost = s->lost || *ret_why == SMTP_TLS_FAILED;
    smtp_close(&s);
    return err;
}

void smtp_close(struct smtp_session **session) {
    struct smtp_session *s = *session;
    if (!s)
        return;
    if (!s->lost && s->wire.fd >= 0) {
        enum sd_err err = wire_write(&s->wire, SPAN("QUIT\r\n"), in(QUIT_MS));
        if (err == SD_OK)
            err = read_reply(s, in(QUIT_MS));
        s->lost = s->lost || err;
    }
    wire_close(&s->wire);
    free(s);
    *session = NULL;
}

bool smtp_usable(const struct smtp_session *session) {
    return !session->lost && session->messages < MESSAGES_MAX && wire_idle(&session->wire);
}

unsigned smtp_messages(const struct smtp_session *session) {
    return session->messages;
}

const char *smtp_tls_text(const struct smtp_session *session) {
    return session->tls_text;
}

bool smtp_certificate_valid(const struct smtp_session *session) {
    return session->certificate_valid;
}

/* ---- one transaction ---- */

bool smtp_address_ok(struct span address) {
    size_t at = span_rfind(address, '@');
    if (address.n == 0 || address.n > 320 || at == 0 || at + 1 >= address.n)
        return false;
    for (size_t i = 0; i < address.n; i++) {
        uint8_t c = address.p[i];
        bool quoted_space = c == ' ' && address.p[0] == '"' && i < at;
        if ((c <= 0x20 && !quoted_space) || c >= 0x7f || c == '<' || c == '>')
            return false;
    }
    return true;
}

struct transaction {
    struct smtp_session *s;
    const struct smtp_message *message;
    struct smtp_recipient *recipients;
    size_t count;
    bool answered; /* the server has said something */
};

static void put_mail(const struct transaction *t, struct buf *to) {
    buf_printf(to, "MAIL FROM:<%.*s>", SPAN_FMT(t->message->mail_from));
    if (t->s->offers.size)
        buf_printf(to, " SIZE=%zu", t->message->size_bytes);
    if (t->message->is_8bit)
        buf_text(to, " BODY=8BITMIME");
    buf_text(to, "\r\n");
}

static void put_rcpt(const struct smtp_recipient *recipient, struct buf *to) {
    buf_printf(to, "RCPT TO:<%.*s>\r\n", SPAN_FMT(recipient->address));
}

/* Everybody who has no refusal of their own yet gets this result. */
static void all_get(struct transaction *t, const struct smtp_reply *reply) {
    for (size_t i = 0; i < t->count; i++)
        if (t->recipients[i].reply.code == 0 || reply_class(&t->recipients[i].reply) == 2)
            t->recipients[i].reply = *reply;
}

static enum sd_err next_reply(struct transaction *t, int64_t ms) {
    enum sd_err err = read_reply(t->s, in(ms));
    if (err == SD_OK)
        t->answered = true;
    return err;
}

/* RFC 5321 §4.5.3.1.10: 552 to RCPT is an old way to say 452, too many recipients. */
static void take_rcpt_reply(struct smtp_recipient *recipient, const struct smtp_reply *reply) {
    recipient->reply = *reply;
    if (reply_class(reply) == 3)
        reply_local(&recipient->reply, 451, "4.5.0", "unexpected reply to RCPT");
    if (reply->code == 552)
        reply_local(&recipient->reply, 452, "4.5.3", "too many recipients");
}

/* What a MAIL that was not taken means for all. 3xx is no answer to MAIL. */
static void refuse_all(struct transaction *t, const struct smtp_reply *reply) {
    struct smtp_reply unexpected;
    reply_local(&unexpected, 451, "4.5.0", "unexpected reply");
    all_get(t, reply_class(reply) == 4 || reply_class(reply) == 5 ? reply : &unexpected);
}

/* One reply after another, whether they were asked at once or one by one. */
static enum sd_err envelope_replies(struct transaction *t, bool pipelined, bool *ret_taken) {
    int64_t ms = t->s->settings->times->command_ms;
    enum sd_err err = next_reply(t, ms);
    struct smtp_reply mail = t->s->reader.reply;
    bool taken = err == SD_OK && reply_class(&mail) == 2;
    for (size_t i = 0; i < t->count && err == SD_OK && (pipelined || taken); i++) {
        if (!pipelined) {
            struct buf line SD_CLEANUP(buf_free) = buf_new(LIMIT_LINE_BYTES);
            put_rcpt(&t->recipients[i], &line);
            err = say(t->s, buf_span(&line));
        }
        if (err == SD_OK)
            err = next_reply(t, ms);
        if (err == SD_OK && taken)
            take_rcpt_reply(&t->recipients[i], &t->s->reader.reply);
    }
    if (err == SD_OK && !taken)
        refuse_all(t, &mail);
    *ret_taken = taken;
    return err;
}

static enum sd_err send_envelope(struct transaction *t, bool *ret_taken) {
    bool pipelined = t->s->offers.pipelining;
    struct buf commands SD_CLEANUP(buf_free) = buf_new(COMMANDS_BYTES);
    put_mail(t, &commands);
    for (size_t i = 0; i < t->count && pipelined; i++)
        put_rcpt(&t->recipients[i], &commands);
    enum sd_err err = buf_err(&commands);
    if (err == SD_OK)
        err = say(t->s, buf_span(&commands));
    return err ? err : envelope_replies(t, pipelined, ret_taken);
}

static bool anybody_taken(const struct transaction *t) {
    for (size_t i = 0; i < t->count; i++)
        if (reply_class(&t->recipients[i].reply) == 2)
            return true;
    return false;
}

static enum sd_err write_body(struct transaction *t) {
    struct span body = t->message->wire_body;
    enum sd_err err = SD_OK;
    for (size_t at = 0; at < body.n && err == SD_OK; at += BLOCK_BYTES)
        err = wire_write(&t->s->wire, span_sub(body, at, BLOCK_BYTES), in(t->s->settings->times->block_ms));
    t->s->lost = t->s->lost || err;
    return err;
}

/* DATA is asked alone: were it in the group, a server that refused every recipient could still say 354 (RFC 2920 §3.1). */
static enum sd_err send_data(struct transaction *t) {
    const struct smtp_times *times = t->s->settings->times;
    enum sd_err err = say(t->s, SPAN("DATA\r\n"));
    if (err == SD_OK)
        err = next_reply(t, times->data_ms);
    if (err == SD_OK && t->s->reader.reply.code != 354) {
        refuse_all(t, &t->s->reader.reply);
        t->s->lost = t->s->lost || reply_class(&t->s->reader.reply) < 4; /* what it waits for now nobody knows */
        return SD_OK;
    }
    if (err == SD_OK)
        err = write_body(t);
    if (err == SD_OK)
        err = next_reply(t, times->end_ms);
    if (err == SD_OK && reply_class(&t->s->reader.reply) == 2)
        all_get(t, &t->s->reader.reply);
    else if (err == SD_OK)
        refuse_all(t, &t->s->reader.reply);
    return err;
}

/* Nobody was taken: the transaction is ended so that the session can carry another message. */
static enum sd_err reset(struct transaction *t) {
    enum sd_err err = ask(t->s, "RSET\r\n");
    t->s->lost = t->s->lost || err || reply_class(&t->s->reader.reply) != 2;
    return SD_OK; /* every result is there */
}

/* What can be known to fail before a word is said. */
static bool refused_beforehand(struct transaction *t) {
    struct smtp_reply reply;
    const struct smtp_offers *offers = &t->s->offers;
    if (offers->size && offers->size_max && t->message->size_bytes > offers->size_max)
        reply_local(&reply, 552, "5.3.4", "message too big for the server");
    else if (t->message->is_8bit && !offers->eight_bit)
        reply_local(&reply, 554, "5.6.3", "the server takes no 8-bit text"); /* RFC 6152 §3 */
    else
        return false;
    all_get(t, &reply);
    return true;
}

static enum sd_err transact(struct transaction *t) {
    bool taken = false;
    enum sd_err err = send_envelope(t, &taken);
    if (err || t->s->lost)
        return err ? err : SD_ERR_CLOSED;
    return taken && anybody_taken(t) ? send_data(t) : reset(t);
}

enum sd_err smtp_send(struct smtp_session *session, const struct smtp_message *message, struct smtp_recipient *recipients,
                      size_t count, bool *ret_untouched) {
    struct transaction t = {session, message, recipients, count, false};
    for (size_t i = 0; i < count; i++)
        recipients[i].reply = (struct smtp_reply){0};
    *ret_untouched = false;
    if (refused_beforehand(&t))
        return SD_OK;
    session->messages++;
    enum sd_err err = transact(&t);
    if (err) {
        struct smtp_reply lost;
        reply_local(&lost, 421, "4.4.2", "connection lost before the server confirmed the message");
        all_get(&t, &lost);
        *ret_untouched = !t.answered;
    }
    return err;
}
