/* adversary_signed.c - what was signed: read by code of its own, verified as a receiver does, with the keys as published. */
#include "auth/auth.h"
#include "auth/dns_script.h"
#include "keeper/adversary.h"
#include "mail/mail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANNA "anna@customer.example" /* whom every letter here is from */

struct signatures {
    struct dns_script *dns;
    uint64_t checked;
};

/* The value of the next "name":"…" behind *rest, which moves on. */
static struct span value_of(struct span *rest, struct span mark) {
    size_t at = span_search(*rest, mark);
    MUST(at < rest->n);
    *rest = span_from(*rest, at + mark.n);
    return span_sub(*rest, 0, span_find(*rest, '"'));
}

struct signatures *signatures_new(struct span public_json) {
    struct signatures *s = calloc(1, sizeof *s);
    struct buf zone SD_CLEANUP(buf_free) = buf_new(16384);
    MUST(s && dns_script_new(&s->dns) == SD_OK);
    struct span rest = public_json;
    while (span_search(rest, SPAN("\"domain\":\"")) < rest.n) {
        struct span domain = value_of(&rest, SPAN("\"domain\":\"")), selector = value_of(&rest, SPAN("\"selector\":\""));
        struct span algorithm = value_of(&rest, SPAN("\"algorithm\":\"")), p = value_of(&rest, SPAN("\"p\":\""));
        buf_printf(&zone, "%.*s._domainkey.%.*s TXT v=DKIM1; k=%.*s; p=%.*s\n", SPAN_FMT(selector), SPAN_FMT(domain),
                   SPAN_FMT(algorithm), SPAN_FMT(p));
    }
    MUST(dns_script_load(s->dns, buf_span(&zone)) == SD_OK);
    return s;
}

void signatures_free(struct signatures **signatures) {
    if (!*signatures)
        return;
    dns_script_free(&(*signatures)->dns);
    free(*signatures);
    *signatures = NULL;
}

/* ---- the message, line by line ---- */

/* The value of the one header field of that name in an unfolded header; empty when there is none or a second one. */
static struct span field(struct span message, const char *name) {
    struct span found = SPAN_NONE;
    struct span header = span_sub(message, 0, span_search(message, SPAN("\r\n\r\n")) + 2);
    unsigned count = 0;
    size_t n = strlen(name);
    while (header.n) {
        size_t end = span_search(header, SPAN("\r\n"));
        struct span line = span_sub(header, 0, end);
        if (line.n > n && line.p[n] == ':' && span_ieq(span_sub(line, 0, n), span_cstr(name))) {
            found = span_trim(span_from(line, n + 1));
            count++;
        }
        header = span_from(header, end + 2);
    }
    return count == 1 ? found : SPAN_NONE;
}

static bool by_hand(const struct asked *asked, const char *address) {
    struct reader r = reader_of(span_of(asked->cc, asked->cc_n));
    while (r.rest.n && r.err == SD_OK)
        if (span_ieq(read_blob(&r, 320), span_cstr(address)) && r.err == SD_OK)
            return true;
    return false;
}

static void must_be(bool good, const struct asked *asked, const struct world *w, const char *what) {
    if (good)
        return;
    (void)fprintf(stderr, "signed although %s, seed %llu:\n%.*s\n", what, (unsigned long long)w->seed, (int)asked->message_n,
                  (const char *)asked->message);
    abort();
}

static void check_rules(struct world *w, const struct asked *asked) {
    struct span message = span_of(asked->message, asked->message_n), from = field(message, "From");
    struct world_ticket *ticket = &w->tickets[asked->ticket];
    bool eve = span_search(field(message, "To"), SPAN(EVE)) < field(message, "To").n ||
               span_search(field(message, "Cc"), SPAN(EVE)) < field(message, "Cc").n;
    must_be(ticket->queue == QUEUE_SUPPORT, asked, w, "the ticket is of another queue");
    must_be(span_eq(from, SPAN("support@example.test")) || span_eq(from, SPAN("Support <support@example.test>")), asked, w,
            "it is from somebody else");
    must_be(!field(message, "Bcc").n && !field(message, "Sender").n && !field(message, "Reply-To").n, asked, w,
            "it has a field that an answer does not have");
    must_be(!eve || ticket->eve_asked, asked, w, "it goes to a stranger");
}

void signed_asked(struct world *w, const struct asked *asked) {
    if (asked->ticket >= 0 && by_hand(asked, EVE))
        w->tickets[asked->ticket].eve_asked = true;
}

void check_signed(struct world *w, const struct asked *asked, const struct keeper_reply_rep *rep) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new((size_t)16 * 1024 * 1024);
    struct buf whole SD_CLEANUP(buf_free) = buf_new((size_t)4 * 1024 * 1024);
    struct mail_message message;
    const struct dkim_verdict *verdicts = NULL;
    size_t count = 0;
    MUST(arena != NULL && asked->ticket >= 0 && asked->token >= 0);
    must_be(token_owner((enum world_token)asked->token) == PERSON_OF_AGENT, asked, w, "whoever asked may not answer");
    check_rules(w, asked);
    buf_put(&whole, rep->signature_fields);
    buf_put(&whole, span_of(asked->message, asked->message_n));
    struct dns_source dns = dns_script_source(w->signatures->dns);
    MUST(mail_parse(buf_span(&whole), arena, &message) == SD_OK);
    MUST(dkim_verify(&message, clock_unix_ms(), &dns, deadline_in_ms(5000), arena, &verdicts, &count) == SD_OK);
    MUST(count == 2);
    for (size_t i = 0; i < count; i++)
        must_be(verdicts[i].result == AUTH_PASS && span_eq(verdicts[i].domain, SPAN("example.test")), asked, w,
                "the published keys do not say so");
}
