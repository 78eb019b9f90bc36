/* Signing: every reason to refuse, what is signed, and the warrant by which the courier gets it. */
#include "keeper/test_rig.h"
#include "keeper/warrant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD                                                                                                                   \
    "From: Support <" RIG_SUPPORT ">\r\nTo: anna@customer.example\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"                \
    "Message-ID: <answer@example.test>\r\nSubject: Re: x\r\n"
#define MESSAGE HEAD "\r\nHello\r\n"

static struct rig rig;
static struct rig_person agent;
static struct rig_adopted ticket;
static uint8_t number = 1;

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    rig_add(&rig, "agent@example.test", "agent", "support", &agent);
    return 0;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

/* Before each test: a fresh session, a fresh ticket from Anna, an inspector that says what is so. */
static int fresh(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(number++);
    rig.from = RIG_SUPPORT;
    rig.recipients[0] = "anna@customer.example";
    rig.recipients[1] = NULL;
    rig.ambiguities = 0;
    rig.hidden = false;
    rig_adopt(&rig, &letter, &ticket);
    return rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent) == SIGN_IN_OK ? 0 : 1;
}

static struct keeper_reply_req request(void) {
    return (struct keeper_reply_req){.token = span_of(agent.token, 32),
                                     .origin = SPAN("192.0.2.1"),
                                     .ticket = span_of(ticket.ticket, 16),
                                     .message = SPAN(MESSAGE)};
}

static void refused(const struct keeper_reply_req *req, const char *word) {
    struct keeper_reply_rep rep;
    char text[64];
    (void)snprintf(text, sizeof text, "\"outcome\":\"refused\",\"reason\":\"%s\"", word);
    unsigned before = rig_records(&rig, text);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply, req, &rep), SD_OK);
    assert_int_equal(rep.outcome, REPLY_REFUSED);
    assert_true(rep.reason.n > 0);
    assert_int_equal(rep.signature_fields.n, 0);
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(rep.object_key.p[i], 0);
    assert_int_equal(rig_records(&rig, text), before + 1);
}

static void signs(SD_UNUSED void **state) {
    struct keeper_reply_req req = request();
    struct keeper_reply_rep rep;
    struct sha256 digest;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply, &req, &rep), SD_OK);
    assert_int_equal(rep.outcome, REPLY_SIGNED);
    assert_true(span_starts(rep.signature_fields, SPAN("DKIM-Signature:")));
    size_t rsa = span_search(rep.signature_fields, SPAN("a=rsa-sha256")),
           ed = span_search(rep.signature_fields, SPAN("a=ed25519-sha256"));
    assert_true(rsa < ed && ed < rep.signature_fields.n);
    struct buf whole SD_CLEANUP(buf_free) = buf_new(16384);
    buf_put(&whole, rep.signature_fields);
    buf_put(&whole, SPAN(MESSAGE));
    assert_int_equal(crypt_sha256(buf_span(&whole), &digest), SD_OK);
    uint8_t warrant[16], object[16], key[32];
    memcpy(warrant, rep.warrant.p, 16);
    memcpy(object, rep.object.p, 16);
    memcpy(key, rep.object_key.p, 32);
    struct keeper_redeem_req redeem = {.warrant = span_of(warrant, 16)};
    struct keeper_redeem_rep got;
    assert_int_equal(RIG_CALL(&rig, RIG_COURIER, redeem, &redeem, &got), SD_OK);
    assert_memory_equal(got.digest.p, digest.b, 32);
    assert_memory_equal(got.object.p, object, 16);
    assert_true(span_eq(got.mail_from, SPAN(RIG_SUPPORT)));
    assert_int_equal(got.recipients.count, 1);
    struct secret source SD_CLEANUP(secret_free) = {0};
    assert_int_equal(facet_key(span_of(key, 32), FACET_SOURCE, &source), SD_OK);
    assert_memory_equal(got.source_key.p, source.p, 32);
    struct keeper_open_req open = {.token = span_of(agent.token, 32), .object = span_of(object, 16), .facet = FACET_SOURCE};
    struct keeper_open_rep opened;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, open, &open, &opened), SD_OK);
    assert_memory_equal(opened.key.p, source.p, 32);
}

static void large_message(SD_UNUSED void **state) {
    struct keeper_reply_req req = request();
    struct keeper_reply_rep rep;
    struct buf message SD_CLEANUP(buf_free) = buf_new(3 * 1024 * 1024);
    buf_text(&message, HEAD "\r\n");
    while (message.n < 1024 * 1024)
        buf_text(&message, "A line of text like many others.\r\n");
    req.message = buf_span(&message);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply, &req, &rep), SD_OK);
    assert_int_equal(rep.outcome, REPLY_SIGNED);
}

static void refused_by_header(SD_UNUSED void **state) {
    struct keeper_reply_req req = request();
    unsigned asked = rig.examined;
    req.message = SPAN(HEAD "Bcc: mallory@evil.example\r\n\r\nHello\r\n");
    refused(&req, "header-forbidden");
    req.message = SPAN(HEAD "no field\r\n\r\n");
    refused(&req, "header");
    req.message = SPAN(HEAD "To: mallory@evil.example\r\n\r\n");
    refused(&req, "header-repeated");
    req.message = SPAN("To: anna@customer.example\r\n\r\n");
    refused(&req, "header-missing");
    req.message = SPAN("From: billing@example.test\r\nDate: x\r\nMessage-ID: <a>\r\n\r\n");
    refused(&req, "from");
    assert_int_equal(rig.examined, asked); /* no inspector was needed */
}

static void refused_by_examination(SD_UNUSED void **state) {
    struct keeper_reply_req req = request();
    rig.from = "billing@example.test";
    refused(&req, "from");
    rig.from = RIG_SUPPORT;
    rig.hidden = true;
    refused(&req, "hidden-recipients");
    rig.hidden = false;
    rig.ambiguities = 1;
    refused(&req, "ambiguous");
    rig.ambiguities = 0;
    rig.recipients[0] = NULL;
    refused(&req, "no-recipient");
    rig.recipients[0] = "mallory@evil.example";
    refused(&req, "recipient");
    rig.recipients[0] = "anna@customer.example";
    rig.recipients[1] = "mallory@evil.example";
    refused(&req, "recipient");
    rig.recipients[1] = NULL;
}

static void people_added_by_hand(SD_UNUSED void **state) {
    struct keeper_reply_req req = request();
    struct keeper_reply_rep rep;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(512);
    rig.recipients[1] = "colleague@customer.example";
    ipc_list_add(&req.cc, &raw, SPAN("Colleague@customer.example"));
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply, &req, &rep), SD_OK);
    assert_int_equal(rep.outcome, REPLY_SIGNED);
    assert_int_equal(rig_records(&rig, "people added by hand"), 1);
    struct rig_letter answer = RIG_LETTER(number++);
    struct rig_adopted adopted;
    answer.from = "colleague@customer.example"; /* who answers to all finds the ticket */
    answer.reference = "<answer@example.test>";
    rig_adopt(&rig, &answer, &adopted);
    assert_false(adopted.new_ticket);
}

static void refused_by_state(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(number++);
    struct keeper_act_rep acted;
    struct keeper_reply_rep rep;
    letter.disposition = DISPOSITION_REVIEW;
    rig_adopt(&rig, &letter, &ticket);
    struct keeper_reply_req req = request();
    refused(&req, "ticket-state");
    struct keeper_act_req act = {.token = span_of(agent.token, 32),
                                 .ticket = span_of(ticket.ticket, 16),
                                 .action = ACTION_STATE,
                                 .detail = SPAN("open")};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, act, &act, &acted), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply, &req, &rep), SD_OK);
    assert_int_equal(rep.outcome, REPLY_SIGNED);
}

static void reply_tokens(SD_UNUSED void **state) {
    struct keeper_reply_token_req ask = {.token = span_of(agent.token, 32), .ticket = span_of(ticket.ticket, 16)};
    struct keeper_reply_token_rep given;
    struct keeper_reply_rep rep;
    char token[65] = {0};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply_token, &ask, &given), SD_OK);
    memcpy(token, given.reply_token.p, given.reply_token.n);
    struct keeper_reply_req req = request();
    req.reply_token = span_cstr(token);
    refused(&req, "reply-token"); /* the message does not carry it */
    struct buf message SD_CLEANUP(buf_free) = buf_new(4096);
    buf_printf(&message, HEAD "Reply-To: support+%s@example.test\r\n\r\nHello\r\n", token);
    req.message = buf_span(&message);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply, &req, &rep), SD_OK);
    assert_int_equal(rep.outcome, REPLY_SIGNED);
    req.reply_token = SPAN_NONE;
    refused(&req, "reply-token"); /* a token in the message that was not shown to be this ticket's */
    struct rig_letter other = RIG_LETTER(number++);
    rig_adopt(&rig, &other, &ticket);
    req = request();
    req.reply_token = span_cstr(token); /* of another ticket */
    refused(&req, "reply-token");
    req.reply_token = SPAN("made-up");
    refused(&req, "reply-token");
}

static void denied(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(number++);
    struct keeper_reply_rep rep;
    struct keeper_reply_req req = request();
    req.token = SPAN("no session");
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply, &req, &rep), SD_ERR_DENIED);
    letter.queue = "billing";
    rig_adopt(&rig, &letter, &ticket);
    req = request();
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply, &req, &rep), SD_ERR_DENIED);
    memset(ticket.ticket, 0x55, 16);
    req = request();
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply, &req, &rep), SD_ERR_DENIED);
}

/* ---- warrants ---- */

static void make_warrant(uint8_t warrant[16]) {
    struct keeper_reply_req req = request();
    struct keeper_reply_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply, &req, &rep), SD_OK);
    assert_int_equal(rep.outcome, REPLY_SIGNED);
    memcpy(warrant, rep.warrant.p, 16);
}

static enum sd_err redeem(const uint8_t warrant[16]) {
    struct keeper_redeem_req req = {.warrant = span_of(warrant, 16)};
    struct keeper_redeem_rep rep;
    return RIG_CALL(&rig, RIG_COURIER, redeem, &req, &rep);
}

static enum sd_err delivered(const uint8_t warrant[16], enum delivery_state state, bool last) {
    struct keeper_delivered_req req = {.warrant = span_of(warrant, 16),
                                       .state = (uint8_t)state,
                                       .status = SPAN("2.0.0"),
                                       .tls = SPAN("TLSv1.3"),
                                       .last = last};
    struct keeper_delivered_rep rep;
    return RIG_CALL(&rig, RIG_COURIER, delivered, &req, &rep);
}

static void warrant_is_spent(SD_UNUSED void **state) {
    uint8_t warrant[16];
    make_warrant(warrant);
    assert_int_equal(redeem(warrant), SD_OK);
    assert_int_equal(delivered(warrant, DELIVERY_DEFERRED, false), SD_OK);
    assert_int_equal(redeem(warrant), SD_OK);
    assert_int_equal(delivered(warrant, DELIVERY_SENT, true), SD_OK);
    assert_int_equal(redeem(warrant), SD_ERR_DENIED);
    assert_int_equal(delivered(warrant, DELIVERY_SENT, true), SD_ERR_DENIED);
    assert_true(rig_records(&rig, "\"reason\":\"warrant-over\"") > 0);
    assert_int_equal(rig_records(&rig, "\"reason\":\"tls 2.0.0\""), 2);
    warrant[0] ^= 1;
    assert_int_equal(redeem(warrant), SD_ERR_DENIED);
    assert_int_equal(rig_records(&rig, "\"reason\":\"no-warrant\""), 1);
}

static void warrant_runs_out(SD_UNUSED void **state) {
    uint8_t warrant[16], other[16];
    make_warrant(warrant);
    for (unsigned i = 0; i < WARRANT_USES; i++)
        assert_int_equal(redeem(warrant), SD_OK);
    assert_int_equal(redeem(warrant), SD_ERR_DENIED);
    assert_int_equal(delivered(warrant, DELIVERY_FAILED, true), SD_OK); /* the last word is still heard */
    make_warrant(other);
    rig_now_ms += WARRANT_LIFE_MS - 1;
    assert_int_equal(redeem(other), SD_OK);
    rig_now_ms += 1;
    assert_int_equal(redeem(other), SD_ERR_DENIED);
}

static void warrant_survives_a_crash(SD_UNUSED void **state) {
    uint8_t warrant[16];
    make_warrant(warrant);
    rig_crash(&rig);
    rig_open(&rig);
    assert_int_equal(redeem(warrant), SD_OK);
    assert_true(rig_verify(&rig).good);
}

/* What a remote server said does not get into the log. */
static void status_is_a_status(SD_UNUSED void **state) {
    uint8_t warrant[16];
    struct keeper_delivered_rep rep;
    make_warrant(warrant);
    struct keeper_delivered_req req = {
        .warrant = span_of(warrant, 16), .state = DELIVERY_FAILED, .status = SPAN("anna is gone"), .tls = SPAN("")};
    assert_int_equal(RIG_CALL(&rig, RIG_COURIER, delivered, &req, &rep), SD_OK);
    assert_int_equal(rig_records(&rig, "anna is gone"), 0);
    req.state = 99;
    assert_int_equal(RIG_CALL(&rig, RIG_COURIER, delivered, &req, &rep), SD_ERR_PARSE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(signs, fresh),
        cmocka_unit_test_setup(large_message, fresh),
        cmocka_unit_test_setup(refused_by_header, fresh),
        cmocka_unit_test_setup(refused_by_examination, fresh),
        cmocka_unit_test_setup(people_added_by_hand, fresh),
        cmocka_unit_test_setup(refused_by_state, fresh),
        cmocka_unit_test_setup(reply_tokens, fresh),
        cmocka_unit_test_setup(denied, fresh),
        cmocka_unit_test_setup(warrant_is_spent, fresh),
        cmocka_unit_test_setup(warrant_runs_out, fresh),
        cmocka_unit_test_setup(warrant_survives_a_crash, fresh),
        cmocka_unit_test_setup(status_is_a_status, fresh),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
