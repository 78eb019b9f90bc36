/* Who sent it, as the API says it; tickets found by it; and who an answer goes to. */
#include "auth/auth.h"
#include "desk/assets.h"
#include "desk/fixture_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T1 "01010101010101010101010101010101"
#define T2 "02020202020202020202020202020202"
#define M9 "09090909090909090909090909090909"
#define BIT(signal) (UINT64_C(1) << AUTH_SIGNAL_##signal)
#define SINCE 1772409600000 /* 2026-03-02 */
#define DOT " \xc2\xb7 "

#define CHECKS(more) "{\"spf\":{\"result\":\"pass\"},\"dkim\":[],\"dmarc\":{\"org_domain\":\"customer.example\"," more "}"
#define ENCRYPTED CHECKS("\"spf_aligned\":true},\"tls\":{\"version\":\"TLSv1.3\",\"cipher\":\"X\"},\"upstream\":false")
#define CLEAR CHECKS("\"spf_aligned\":false},\"tls\":null,\"upstream\":false")
#define UPSTREAM CHECKS("\"spf_aligned\":false},\"tls\":null,\"upstream\":true")

static const struct fixture_sender known = {.from = "carla@customer.example",
                                            .domain = "customer.example",
                                            .checks = ENCRYPTED,
                                            .trust = TRUST_VERIFIED,
                                            .disposition = DISPOSITION_ACCEPT,
                                            .known = 14,
                                            .known_since_ms = SINCE,
                                            .as_customer = true,
                                            .encrypted = true};
static const struct fixture_sender stranger = {.from = "mallory@evil.example",
                                               .domain = "evil.example",
                                               .checks = CLEAR,
                                               .trust = TRUST_VERIFIED,
                                               .disposition = DISPOSITION_FLAG,
                                               .stricter = true,
                                               .row_signals = BIT(STRANGER) | BIT(FIRST_CONTACT) | BIT(LOOKALIKE_OWN)};
/* Claims the customer's address. */
static const struct fixture_sender pretender = {.from = "carla@customer.example",
                                                .reply_to = "carla@evil.example",
                                                .domain = "customer.example",
                                                .checks = CLEAR,
                                                .trust = TRUST_UNVERIFIED,
                                                .disposition = DISPOSITION_FLAG,
                                                .row_signals = BIT(UNVERIFIED_NOW)};

static bool message_says(struct fixture *f, const struct fixture_sender *sender, const char *part) {
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fixture_letter_from(f, 1, 9, sender);
    assert_int_equal(fixture_get(f, "/api/v1/messages/" M9), 200);
    return fixture_says(f, part);
}

static void a_known_customer(void **state) {
    struct fixture *f = *state;
    assert_true(message_says(
        f, &known, "\"line\":\"Verified: customer.example" DOT "known since 2026-03-02, 14 messages" DOT "TLS 1.3\""));
    assert_true(fixture_says(
        f, "\"checks\":" ENCRYPTED ",\"signals\":[{\"id\":\"lookalike-own\",\"sentence\":\"Looks alike.\","
           "\"weight\":60}],\"known\":{\"messages\":14,\"since\":\"2026-03-02T00:00:00.000Z\"},\"encrypted\":true}"));
    assert_true(fixture_says(f, "\"disposition\":\"accept\",\"disposition_reason\":\"\",\"as_customer\":true"));
    assert_int_equal(fixture_get(f, "/api/v1/tickets/" T1), 200); /* the same beside the heads */
    assert_true(fixture_says(f, "14 messages" DOT "TLS 1.3\""));
    assert_int_equal(fixture_get(f, "/api/v1/tickets"), 200); /* lists stay short */
    assert_false(strstr(fixture_body(f), "\"line\"") != NULL);
}

static void a_stranger_in_clear(void **state) {
    struct fixture *f = *state;
    assert_true(message_says(f, &stranger, "\"line\":\"Verified: evil.example" DOT "first contact" DOT "in clear\""));
    /* The inspector's in its own words, the keeper's behind, none twice. */
    assert_true(fixture_says(
        f, "\"signals\":[{\"id\":\"lookalike-own\",\"sentence\":\"Looks alike.\",\"weight\":60},"
           "{\"id\":\"first-contact\",\"sentence\":\"Nobody has written to you from this address before.\",\"weight\":0},"
           "{\"id\":\"stranger\",\"sentence\":\"It came to this ticket's reply address from somebody who takes "
           "no part in the ticket.\",\"weight\":20}],\"known\":{\"messages\":0,\"since\":null},\"encrypted\":false}"));
    assert_true(fixture_says(
        f, "\"disposition\":\"flag\",\"disposition_reason\":\"The sender's domain looks like one of your own but is "
           "not.\",\"as_customer\":false"));
}

static void what_is_not_known_is_not_said(void **state) {
    struct fixture *f = *state;
    const struct fixture_sender old = {
        .from = "a@b.example", .domain = "b.example", .trust = TRUST_UNVERIFIED, .reason = "So."};
    assert_true(message_says(f, &old, "\"line\":\"Not verified: claims to be b.example\""));
    assert_true(fixture_says(f, "\"known\":null,\"encrypted\":null}"));
    assert_true(fixture_says(f, "\"disposition_reason\":\"So.\""));
}

/* The card has the inspector's reason, written before the keeper looked. */
static void what_the_keeper_made_stricter_has_its_own_reason(void **state) {
    struct fixture *f = *state;
    struct fixture_sender s = {.from = "a@b.example",
                               .domain = "b.example",
                               .trust = TRUST_UNVERIFIED,
                               .disposition = DISPOSITION_FLAG,
                               .reason = "Nothing speaks against it.",
                               .signals = "[]",
                               .row_signals = BIT(KNOWN_NAME) | BIT(STRANGER),
                               .stricter = true};
    assert_true(message_says(f, &s, "\"disposition_reason\":\"Somebody of this name writes to you from another address.\""));
    assert_true(fixture_says(f, "from another address.\",\"weight\":25}")); /* as it is set */
    s.disposition = DISPOSITION_REVIEW;                                     /* 45 are not 100: a gate was shut */
    fixture_letter_from(f, 1, 10, &s);
    assert_int_equal(fixture_get(f, "/api/v1/messages/0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"), 200);
    assert_true(fixture_says(f, "\"disposition_reason\":\"A sender of this trust level may not open a ticket"));
    f->desk.review_at = 40;
    assert_int_equal(fixture_get(f, "/api/v1/messages/0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"), 200);
    assert_true(fixture_says(f, "\"disposition_reason\":\"Somebody of this name"));
    s.stricter = false;
    fixture_letter_from(f, 1, 11, &s);
    assert_int_equal(fixture_get(f, "/api/v1/messages/0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"), 200);
    assert_true(fixture_says(f, "\"disposition_reason\":\"Nothing speaks against it.\""));
}

static void who_failed_borrows_no_acquaintance(void **state) {
    struct fixture *f = *state;
    struct fixture_sender failed = known;
    failed.trust = TRUST_FAILED;
    assert_true(message_says(f, &failed, "customer.example" DOT "TLS 1.3\""));
    assert_true(fixture_says(f, "\"known\":null"));
}

static void behind_our_own_server_the_hop_says_nothing(void **state) {
    struct fixture *f = *state;
    struct fixture_sender relayed = known;
    relayed.checks = UPSTREAM;
    assert_true(message_says(f, &relayed, "14 messages" DOT "through your own mail server\""));
}

static void damaged_cards_do_not_break_the_answer(void **state) {
    struct fixture *f = *state;
    struct fixture_sender damaged = stranger;
    damaged.checks = "{\"spf\":";
    damaged.signals = "{\"id\":7}";
    assert_true(
        message_says(f, &damaged, "\"checks\":null,\"signals\":[{\"id\":\"lookalike-own\",\"sentence\":\"The sender's domain"));
    damaged.checks = "[]";
    damaged.signals = "[7,{},{\"id\":\"new-one\",\"sentence\":\"S.\"}]";
    fixture_letter_from(f, 1, 10, &damaged);
    assert_int_equal(fixture_get(f, "/api/v1/messages/0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"), 200);
    assert_true(fixture_says(f, "\"checks\":null,\"signals\":[{\"id\":\"new-one\",\"sentence\":\"S.\",\"weight\":0},"));
}

/* ---- the filters ---- */

static size_t found(struct fixture *f, const char *name, const char *value, const char *name2, const char *value2) {
    fixture_request(f, HTTP_GET, "/api/v1/tickets", "");
    f->request.params[0] = (struct http_param){span_cstr(name), span_cstr(value)};
    f->request.params[1] = (struct http_param){span_cstr(name2), span_cstr(value2)};
    f->request.param_count = 2;
    assert_int_equal(fixture_go(f), 200);
    size_t n = 0;
    for (const char *p = fixture_body(f); (p = strstr(p, "\"number\":")); p++)
        n++;
    return n;
}

static void tickets_are_found_by_who_wrote(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fixture_ticket(f, 2, "support", TICKET_CLOSED, "y");
    fixture_letter_from(f, 2, 9, &stranger); /* opens it again */
    assert_int_equal(found(f, "trust", "verified", "", ""), 2);
    assert_int_equal(found(f, "trust", "failed", "", ""), 0);
    assert_int_equal(found(f, "trust", "", "signal", ""), 2);
    assert_int_equal(found(f, "signal", "stranger", "", ""), 1);
    assert_true(fixture_says(f, "\"id\":\"" T2 "\""));
    assert_int_equal(found(f, "signal", "stranger", "trust", "unverified"), 0);
    assert_int_equal(found(f, "signal", "stranger", "queue", "sales"), 0);
    assert_int_equal(found(f, "signal", "stranger", "state", "closed"), 0);
    assert_int_equal(found(f, "domain", " Evil.Example", "state", "open"), 1);
    assert_string_equal(fake.domain, "evil.example");
    assert_int_equal(found(f, "domain",
                           "b\xc3\xbc"
                           "cher.example",
                           "", ""),
                     0);
    assert_string_equal(fake.domain, "xn--bcher-kva.example");
}

static void wrong_filters_are_named(void **state) {
    struct fixture *f = *state;
    static const char *const wrong[][2] = {{"trust", "maybe"},
                                           {"trust", "Verified"},
                                           {"signal", "no-such"},
                                           {"signal", "63"},
                                           {"domain", "bank"},
                                           {"domain", "a..b"},
                                           {"domain", "kim@customer.example"},
                                           {"domain", "a b.example"},
                                           {"domain", "\xff.example"}};
    for (size_t i = 0; i < SD_COUNT(wrong); i++) {
        char field[64];
        fixture_request(f, HTTP_GET, "/api/v1/tickets", "");
        f->request.params[0] = (struct http_param){span_cstr(wrong[i][0]), span_cstr(wrong[i][1])};
        f->request.param_count = 1;
        assert_int_equal(fixture_go(f), 422);
        (void)snprintf(field, sizeof field, "\"errors\":[{\"field\":\"%s\"", wrong[i][0]);
        assert_true(fixture_says(f, field));
    }
    assert_int_equal(strlen(fake.domain), 0); /* the keeper was not asked */
}

/* The list of signals is policy.h's: the page's choice and the document must have all of them, in the same words. */
static void page_and_document_name_every_signal(SD_UNUSED void **state) {
    for (enum auth_signal s = 0; s < AUTH_SIGNAL_COUNT; s++) {
        char option[300];
        (void)snprintf(option, sizeof option, "<option value=\"%s\">%s</option>", auth_signal_id(s), auth_signal_sentence(s));
        assert_true(span_search(asset_index(), span_cstr(option)) < asset_index().n);
        (void)snprintf(option, sizeof option, "\"%s\"", auth_signal_id(s));
        assert_true(span_search(asset_openapi(), span_cstr(option)) < asset_openapi().n);
    }
}

/* ---- who is answered ---- */

static bool ticket_says(struct fixture *f, const char *part) {
    assert_int_equal(fixture_get(f, "/api/v1/tickets/" T1), 200);
    return fixture_says(f, part);
}

/* What the page shows is what is done: the same address in the signed message, and no other. */
static void answered(struct fixture *f, const char *address, unsigned by_hand) {
    fixture_request(f, HTTP_POST, "/api/v1/tickets/" T1 "/replies", "{\"text\":\"We look.\"}");
    assert_int_equal(fixture_go(f), 202);
    const char *field = strstr(fake.reply_message, "\r\nTo: ");
    assert_non_null(field);
    const char *end = strstr(field + 2, "\r\n");
    assert_non_null(end);
    char line[200];
    (void)snprintf(line, sizeof line, "%.*s", (int)(end - field - 2), field + 2);
    assert_non_null(strstr(line, address));
    assert_null(strstr(line, "evil"));
    assert_int_equal(fake.reply_cc, by_hand);
}

static void the_customer_is_answered(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fixture_letter_from(f, 1, 9, &known);
    assert_true(ticket_says(
        f, "\"reply_to\":{\"name\":\"Carla <b>Kunde</b>\",\"address\":\"carla@customer.example\",\"reason\":null}"));
    answered(f, "carla@customer.example", 0);
    assert_non_null(strstr(fake.reply_message, "In-Reply-To: <m9@customer.example>"));
}

static void a_stranger_by_token_is_not_answered(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fixture_letter_from(f, 1, 9, &stranger);
    assert_true(ticket_says(
        f, "\"address\":\"carla@customer.example\",\"reason\":\"The newest message came from somebody who takes no part "
           "in this ticket; the answer goes to carla@customer.example.\"}"));
    answered(f, "carla@customer.example", 0);
    assert_null(strstr(fake.reply_message, "m9@"));
}

static void nobody_pretends_to_be_the_customer(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fixture_letter_from(f, 1, 9, &pretender);
    assert_true(ticket_says(f,
                            "\"reason\":\"It is not certain that the newest message came from the customer; the answer goes to "
                            "carla@customer.example.\"}"));
    answered(f, "carla@customer.example", 0);
    assert_null(strstr(fake.reply_message, "m9@"));
}

static void without_a_customer_the_claimed_address_is_answered_and_said(void **state) {
    struct fixture *f = *state;
    fixture_ticket_from(f, 1, &pretender);
    assert_true(ticket_says(
        f, "\"address\":\"carla@customer.example\",\"reason\":\"Nobody in this ticket was recognised as its customer; "
           "the answer goes to the address that the message claims, carla@customer.example.\"}"));
    answered(f, "carla@customer.example", 0);
    fixture_letter_from(f, 1, 9, &stranger); /* still not the stranger */
    assert_true(ticket_says(f, "somebody who takes no part in this ticket; the answer goes to carla@customer.example.\"}"));
}

static void reply_to_of(void **state, const char *reply_to, const char *checks, const char *address, const char *reason) {
    struct fixture *f = *state;
    struct fixture_sender sender = known;
    sender.reply_to = reply_to;
    sender.checks = checks;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fixture_letter_from(f, 1, 9, &sender);
    assert_true(ticket_says(f, address));
    assert_true(fixture_says(f, reason));
}

static void reply_to_of_the_same_organisation_counts(void **state) {
    reply_to_of(state, "office@mail.customer.example", ENCRYPTED, "\"address\":\"office@mail.customer.example\"",
                "\"reason\":\"The customer asks for answers to office@mail.customer.example.\"}");
    answered(*state, "office@mail.customer.example", 1);
}

/* A provider's customers share a domain: its signature on Carla's letter, passed on with a Reply-To on top, is not Carla's
 * word. */
static void reply_to_of_a_neighbour_needs_spf(void **state) {
    reply_to_of(state, "evil@customer.example", CLEAR, "\"address\":\"carla@customer.example\"",
                "\"reason\":\"The message asks for answers to evil@customer.example, which nothing proves; the answer goes to "
                "carla@customer.example.\"}");
    answered(*state, "carla@customer.example", 0);
}

/* Held as a stranger elsewhere, then released: who opened this ticket is answered, and not the next stranger. */
static void who_opened_the_ticket_takes_part_in_it(void **state) {
    struct fixture *f = *state;
    struct fixture_sender opener = stranger;
    opener.from = "olga@other.example";
    fixture_ticket_from(f, 1, &opener);
    fixture_letter_from(f, 1, 9, &stranger);
    assert_true(ticket_says(f,
                            "\"address\":\"olga@other.example\",\"reason\":\"The newest message came from somebody who takes "
                            "no part in this ticket; the answer goes to olga@other.example.\"}"));
    answered(f, "olga@other.example", 0);
}

static void reply_to_elsewhere_needs_spf(void **state) {
    reply_to_of(state, "help@desk.partner.example", ENCRYPTED, "\"address\":\"help@desk.partner.example\"",
                "\"reason\":\"The customer asks for answers to help@desk.partner.example.\"}");
}

static void reply_to_that_a_signature_leaves_open_does_not_count(void **state) {
    reply_to_of(state, "carla@evil.example", CLEAR, "\"address\":\"carla@customer.example\"",
                "\"reason\":\"The message asks for answers to carla@evil.example, which nothing proves; the answer goes to "
                "carla@customer.example.\"}");
    answered(*state, "carla@customer.example", 0);
}

static void reply_to_of_an_unverified_letter_does_not_count(void **state) {
    struct fixture *f = *state;
    struct fixture_sender opener = pretender; /* whoever opens a ticket is its customer, verified or not */
    opener.reply_to = "office@customer.example";
    opener.as_customer = true;
    opener.checks = ENCRYPTED;
    fixture_ticket_from(f, 1, &opener);
    assert_true(ticket_says(f, "\"address\":\"carla@customer.example\",\"reason\":\"The message asks for answers to "
                               "office@customer.example, which nothing proves;"));
    answered(f, "carla@customer.example", 0);
}

/* Every suffix of names that people can have below a public one is somebody else's. */
static void neighbours_below_a_public_suffix_are_no_organisation(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    struct fixture_sender sender = known;
    sender.from = "carla@one.github.io";
    sender.reply_to = "carla@two.github.io";
    sender.checks = "{\"dmarc\":{\"org_domain\":\"github.io\",\"spf_aligned\":false}}";
    fixture_letter_from(f, 1, 11, &sender);
    assert_true(ticket_says(f, "\"address\":\"carla@one.github.io\",\"reason\":\"The message asks for answers to"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_known_customer),
        TEST(a_stranger_in_clear),
        TEST(what_is_not_known_is_not_said),
        TEST(what_the_keeper_made_stricter_has_its_own_reason),
        TEST(who_failed_borrows_no_acquaintance),
        TEST(behind_our_own_server_the_hop_says_nothing),
        TEST(damaged_cards_do_not_break_the_answer),
        TEST(tickets_are_found_by_who_wrote),
        TEST(wrong_filters_are_named),
        cmocka_unit_test(page_and_document_name_every_signal),
        TEST(the_customer_is_answered),
        TEST(a_stranger_by_token_is_not_answered),
        TEST(nobody_pretends_to_be_the_customer),
        TEST(without_a_customer_the_claimed_address_is_answered_and_said),
        TEST(reply_to_of_the_same_organisation_counts),
        TEST(reply_to_of_a_neighbour_needs_spf),
        TEST(who_opened_the_ticket_takes_part_in_it),
        TEST(reply_to_elsewhere_needs_spf),
        TEST(reply_to_that_a_signature_leaves_open_does_not_count),
        TEST(reply_to_of_an_unverified_letter_does_not_count),
        TEST(neighbours_below_a_public_suffix_are_no_organisation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
