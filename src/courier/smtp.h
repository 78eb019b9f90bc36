/*
 * smtp.h - the client's side of one SMTP session (RFC 5321) with PIPELINING (RFC 2920), SIZE (RFC 1870), 8BITMIME (RFC 6152),
 * ENHANCEDSTATUSCODES (RFC 2034) and STARTTLS (RFC 3207).
 *
 * STARTTLS is opportunistic: used whenever it is offered; when it then fails the session is over, and clear text is no way out.
 * One thread at a time.
 */
#ifndef SD_COURIER_SMTP_H
#define SD_COURIER_SMTP_H

#include "courier/reply.h"
#include "courier/wire.h"

/* RFC 5321 §4.5.3.2 */
struct smtp_times {
    int64_t connect_ms, greeting_ms, command_ms, tls_ms, data_ms, block_ms, end_ms;
};
extern const struct smtp_times smtp_times_default;

struct smtp_settings {
    struct span hostname; /* what we say in EHLO */
    struct tls_context *tls;
    const struct smtp_times *times;
};

struct smtp_session;

/* Where it failed: who asks decides whether another host is worth trying. */
enum smtp_failure { SMTP_NO_CONNECTION, SMTP_REFUSED, SMTP_TLS_FAILED, SMTP_BROKEN };

/*
 * Connects, reads the greeting, says EHLO, starts TLS when offered, says EHLO again. On failure *ret_why says where and
 * *ret_reply what to put into the receipt (4xx always: another day it may work).
 */
enum sd_err smtp_open(const struct smtp_settings *settings, const struct wire_address *to, struct span host,
                      struct smtp_session **ret, enum smtp_failure *ret_why, struct smtp_reply *ret_reply) SD_MUST_CHECK;
/* Says QUIT when the session is good for it; never waits long. Takes NULL. */
void smtp_close(struct smtp_session **session);

struct smtp_message {
    struct span mail_from; /* empty: <> */
    struct span wire_body; /* body_for_data */
    size_t size_bytes;     /* of the message as it is, for SIZE */
    bool is_8bit;
};
struct smtp_recipient {
    struct span address;
    struct smtp_reply reply; /* the result: 2xx the server has taken it over, 4xx later, 5xx never */
};

/*
 * One transaction. SD_OK: every recipient has its result. Otherwise the session is lost and those without a final answer have a
 * 4xx result; *ret_untouched says that the server answered nothing at all, so that the same may be tried over a new session.
 */
enum sd_err smtp_send(struct smtp_session *session, const struct smtp_message *message, struct smtp_recipient *recipients,
                      size_t count, bool *ret_untouched) SD_MUST_CHECK;

bool smtp_usable(const struct smtp_session *session); /* for one more message */
unsigned smtp_messages(const struct smtp_session *session);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", "" without TLS. */
const char *smtp_tls_text(const struct smtp_session *session);
bool smtp_certificate_valid(const struct smtp_session *session);

/* True for an address that can be said in MAIL and RCPT: ASCII, nothing that ends the command or its path. */
bool smtp_address_ok(struct span address);

#endif
