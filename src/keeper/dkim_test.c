/* What the keeper signs is good by the key it publishes, as a receiver checks it. */
#include "auth/dns_script.h"
#include "core/codec.h"
#include "keeper/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGE                                                                                                                \
    "From: Support <" RIG_SUPPORT ">\r\nTo: anna@customer.example\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"                \
    "Message-ID: <answer@example.test>\r\nSubject: Re: x\r\n\r\nHello\r\n"

/* The value of the next "name":"…" behind *rest, which moves on. */
static struct span value_of(struct span *rest, struct span mark) {
    size_t at = span_search(*rest, mark);
    assert_true(at < rest->n);
    *rest = span_from(*rest, at + mark.n);
    return span_sub(*rest, 0, span_find(*rest, '"'));
}

/* The zone lines that `sealdesk dns` prints, from the published JSON. */
static void publish(struct rig *rig, struct dns_script *script) {
    struct keeper_public_keys_rep rep;
    struct buf zone SD_CLEANUP(buf_free) = buf_new(8192);
    assert_int_equal(RIG_CALL(rig, RIG_ADMIN, public_keys, &(struct keeper_public_keys_req){}, &rep), SD_OK);
    struct span rest = rep.json;
    for (unsigned i = 0; i < 2; i++) {
        struct span domain = value_of(&rest, SPAN("\"domain\":\"")), selector = value_of(&rest, SPAN("\"selector\":\""));
        struct span algorithm = value_of(&rest, SPAN("\"algorithm\":\"")), p = value_of(&rest, SPAN("\"p\":\""));
        buf_printf(&zone, "%.*s._domainkey.%.*s TXT v=DKIM1; k=%.*s; p=%.*s\n", SPAN_FMT(selector), SPAN_FMT(domain),
                   SPAN_FMT(algorithm), SPAN_FMT(p));
    }
    assert_int_equal(dns_script_load(script, buf_span(&zone)), SD_OK);
}

static void sign(struct rig *rig, struct buf *whole) {
    struct rig_person agent;
    struct rig_letter letter = RIG_LETTER(1);
    struct rig_adopted ticket;
    struct keeper_reply_rep rep;
    rig_add(rig, "agent@example.test", "agent", "support", &agent);
    assert_int_equal(rig_sign_in(rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    rig_adopt(rig, &letter, &ticket);
    struct keeper_reply_req req = {
        .token = span_of(agent.token, 32), .ticket = span_of(ticket.ticket, 16), .message = SPAN(MESSAGE)};
    assert_int_equal(RIG_CALL(rig, RIG_DESK, reply, &req, &rep), SD_OK);
    assert_int_equal(rep.outcome, REPLY_SIGNED);
    buf_put(whole, rep.signature_fields);
    buf_put(whole, SPAN(MESSAGE));
}

static void signatures_are_good(SD_UNUSED void **state) {
    struct rig rig;
    struct dns_script *script = NULL;
    struct buf whole SD_CLEANUP(buf_free) = buf_new(16384);
    struct arena *arena SD_CLEANUP(arena_free) = arena_new((size_t)8 * 1024 * 1024);
    struct mail_message message;
    const struct dkim_verdict *verdicts = NULL;
    size_t count = 0;
    rig_new(&rig);
    rig.recipients[0] = "anna@customer.example";
    assert_int_equal(dns_script_new(&script), SD_OK);
    publish(&rig, script);
    sign(&rig, &whole);
    assert_int_equal(mail_parse(buf_span(&whole), arena, &message), SD_OK);
    struct dns_source dns = dns_script_source(script);
    assert_int_equal(dkim_verify(&message, rig_now_ms, &dns, deadline_in_ms(5000), arena, &verdicts, &count), SD_OK);
    assert_int_equal(count, 2);
    assert_string_equal(verdicts[0].algorithm, "rsa-sha256");
    assert_string_equal(verdicts[1].algorithm, "ed25519-sha256");
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(verdicts[i].result, AUTH_PASS);
        assert_true(span_eq(verdicts[i].domain, SPAN(RIG_DOMAIN)));
    }
    dns_script_free(&script);
    rig_free(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(signatures_are_good)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
