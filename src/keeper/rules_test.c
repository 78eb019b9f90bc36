/* What is decided without I/O: one-time codes, throttling, rights, the header of an answer, what a record says. */
#include "keeper/answer_rules.h"
#include "keeper/leaf.h"
#include "keeper/note.h"
#include "keeper/password.h"
#include "keeper/rights.h"
#include "keeper/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- throttling ---- */

static void throttle_schedule(SD_UNUSED void **state) {
    static const int64_t waits_s[] = {0, 0, 1, 2, 4, 8, 16, 32, 64, 1800, 1800};
    struct throttle t = {0};
    int64_t now_ms = 1000000;
    assert_int_equal(throttle_wait_ms(&t, now_ms), 0);
    for (size_t i = 0; i < SD_COUNT(waits_s); i++) {
        throttle_charge(&t, now_ms);
        assert_int_equal(throttle_wait_ms(&t, now_ms), waits_s[i] * 1000);
        now_ms += waits_s[i] * 1000;
        assert_int_equal(throttle_wait_ms(&t, now_ms), 0);
    }
}

static void throttle_forgets(SD_UNUSED void **state) {
    struct throttle t = {.failures = 9, .last_ms = 1000};
    throttle_charge(&t, 1000 + THROTTLE_FORGET_MS + 1);
    assert_int_equal(t.failures, 1);
}

static void throttle_fades(SD_UNUSED void **state) {
    struct throttle t = {.failures = 5, .last_ms = 1000};
    throttle_fade(&t, 1000 + THROTTLE_FADE_MS - 1);
    assert_int_equal(t.failures, 5);
    throttle_fade(&t, 1000 + 2 * THROTTLE_FADE_MS);
    assert_int_equal(t.failures, 3);
    throttle_fade(&t, 1000 + 100 * INT64_C(1) * THROTTLE_FADE_MS);
    assert_int_equal(t.failures, 0);
    throttle_fade(&t, 0);
    assert_int_equal(t.failures, 0);
}

static void throttle_clock_set_back(SD_UNUSED void **state) {
    struct throttle t = {.failures = 3, .last_ms = INT64_C(1) << 40};
    assert_int_equal(throttle_wait_ms(&t, 0), 1000);
}

/* ---- rights ---- */

static enum right ask(const struct rule *rules, size_t count, enum verb verb, const char *queue, enum category category) {
    const struct rule *by = NULL;
    struct wanted wanted = {verb, span_cstr(queue), category};
    enum right right = rights_judge(rules, count, &wanted, 1000, &by);
    assert_true(right != RIGHT_GRANTED || by);
    return right;
}

static struct rule rule_on(bool allow, uint32_t verbs, const char *queue, uint8_t categories) {
    struct rule rule = {.allow = allow, .verbs = verbs, .categories = categories, .everywhere = strcmp(queue, "*") == 0};
    rule.queue_bytes = (uint8_t)strlen(queue);
    memcpy(rule.queue, queue, strlen(queue));
    return rule;
}

/* Only who answers mail has content by role, and nobody both runs people and destroys. */
static void rights_by_role(SD_UNUSED void **state) {
    for (unsigned role = 0; role <= ROLE_AUDITOR; role++) {
        struct role_facts facts = role_facts((enum person_role)role);
        bool content = role == ROLE_AGENT || role == ROLE_SUPERVISOR;
        assert_int_equal((facts.own_queues & VERB_BIT(OPEN)) != 0, content);
        assert_int_equal((facts.own_queues | facts.all_queues | facts.system) == 0, role == ROLE_NOBODY);
        assert_int_equal((facts.all_queues | facts.system) & (VERB_BIT(OPEN) | VERB_BIT(LIST) | VERB_BIT(NONE)), 0);
        assert_false(rights_conflict(facts.own_queues | facts.all_queues | facts.system));
    }
    assert_true(rights_conflict(VERB_BIT(PEOPLE) | VERB_BIT(PURGE)));
    assert_true(rights_conflict(VERB_BIT(PEOPLE) | VERB_BIT(POLICY)));
    assert_false(rights_conflict(VERB_BIT(PURGE) | VERB_BIT(POLICY)));
}

static void rights_by_queue_and_category(SD_UNUSED void **state) {
    struct rule rules[] = {rule_on(true, VERB_BIT(OPEN), "support", 1 << CATEGORY_NORMAL)};
    assert_int_equal(ask(rules, 1, VERB_OPEN, "support", CATEGORY_NORMAL), RIGHT_GRANTED);
    assert_int_equal(ask(rules, 1, VERB_OPEN, "support", CATEGORY_SPECIAL), RIGHT_DENIED);
    assert_int_equal(ask(rules, 1, VERB_OPEN, "billing", CATEGORY_NORMAL), RIGHT_DENIED);
    assert_int_equal(ask(rules, 1, VERB_OPEN, "", CATEGORY_NORMAL), RIGHT_DENIED);
    assert_int_equal(ask(rules, 1, VERB_REPLY, "support", CATEGORY_NORMAL), RIGHT_DENIED);
    assert_int_equal(ask(rules, 1, VERB_COUNT, "support", CATEGORY_NORMAL), RIGHT_DENIED);
    assert_int_equal(ask(NULL, 0, VERB_OPEN, "support", CATEGORY_NORMAL), RIGHT_DENIED);
}

static void deny_wins(SD_UNUSED void **state) {
    struct rule rules[] = {rule_on(true, VERB_BIT(OPEN) | VERB_BIT(KEYS), "*", CATEGORIES_ALL),
                           rule_on(false, VERB_BIT(OPEN), "support", CATEGORIES_ALL),
                           rule_on(true, VERB_BIT(OPEN), "support", CATEGORIES_ALL)};
    assert_int_equal(ask(rules, 3, VERB_OPEN, "support", CATEGORY_NORMAL), RIGHT_DENIED);
    assert_int_equal(ask(rules, 3, VERB_OPEN, "billing", CATEGORY_SPECIAL), RIGHT_GRANTED);
    assert_int_equal(ask(rules, 3, VERB_KEYS, "", CATEGORY_NORMAL), RIGHT_GRANTED);
    assert_int_equal(rights_verbs(rules, 3, 1000), VERB_BIT(OPEN) | VERB_BIT(KEYS));
}

static void rules_have_their_time(SD_UNUSED void **state) {
    struct rule rule = rule_on(true, VERB_BIT(OPEN), "*", CATEGORIES_ALL);
    rule.from_ms = 1001;
    assert_int_equal(ask(&rule, 1, VERB_OPEN, "support", CATEGORY_NORMAL), RIGHT_DENIED);
    rule.from_ms = 1000;
    assert_int_equal(ask(&rule, 1, VERB_OPEN, "support", CATEGORY_NORMAL), RIGHT_GRANTED);
    rule.until_ms = 1000;
    assert_int_equal(ask(&rule, 1, VERB_OPEN, "support", CATEGORY_NORMAL), RIGHT_DENIED);
    assert_int_equal(rights_verbs(&rule, 1, 1000), 0);
    rule.until_ms = 1001;
    assert_int_equal(ask(&rule, 1, VERB_OPEN, "support", CATEGORY_NORMAL), RIGHT_GRANTED);
}

static void rights_of_letters(SD_UNUSED void **state) {
    for (unsigned s = 0; s <= OBJECT_UNSCANNABLE; s++) {
        struct object_facts letter = {
            .kind = OBJECT_LETTER, .state = (enum object_state)s, .disposition = DISPOSITION_ACCEPT, .trust = TRUST_VERIFIED};
        enum right only_clean = s == OBJECT_CLEAN ? RIGHT_GRANTED : RIGHT_UNFIT;
        assert_int_equal(right_facet(&letter, GATE_OPENS, FACET_HEAD), RIGHT_GRANTED);
        assert_int_equal(right_facet(&letter, GATE_OPENS, FACET_TEXT), RIGHT_GRANTED);
        assert_int_equal(right_facet(&letter, GATE_OPENS, FACET_SOURCE), only_clean);
        assert_int_equal(right_facet(&letter, GATE_OPENS, FACET_FILE), RIGHT_DENIED);
        letter.kind = OBJECT_FILE;
        assert_int_equal(right_facet(&letter, GATE_OPENS, FACET_FILE), only_clean);
        assert_int_equal(right_facet(&letter, GATE_OPENS, FACET_SOURCE), RIGHT_DENIED);
        assert_int_equal(right_facet(&letter, GATE_OPENS, 0), RIGHT_DENIED);
        assert_int_equal(right_facet(&letter, GATE_OPENS, 200), RIGHT_DENIED);
    }
}

static void rights_of_quarantine(SD_UNUSED void **state) {
    static const enum disposition held[] = {DISPOSITION_TEMPFAIL, DISPOSITION_REJECT, DISPOSITION_QUARANTINE};
    for (size_t i = 0; i < SD_COUNT(held); i++)
        for (unsigned facet = 0; facet < 10; facet++) {
            struct object_facts letter = {.kind = OBJECT_LETTER, .state = OBJECT_CLEAN, .disposition = held[i]};
            assert_int_equal(right_facet(&letter, GATE_OPENS, facet), RIGHT_UNFIT);
        }
    assert_int_equal(right_state(TICKET_QUARANTINE, TICKET_OPEN), RIGHT_UNFIT);
    assert_int_equal(right_state(TICKET_OPEN, TICKET_QUARANTINE), RIGHT_UNFIT);
    assert_int_equal(right_state(TICKET_REVIEW, TICKET_OPEN), RIGHT_GRANTED);
    assert_int_equal(right_answer(TICKET_REVIEW), RIGHT_UNFIT);
    assert_int_equal(right_answer(TICKET_SPAM), RIGHT_UNFIT);
    assert_int_equal(right_answer(TICKET_CLOSED), RIGHT_GRANTED);
    assert_int_equal(right_facet(&(struct object_facts){0}, GATE_OPENS, FACET_HEAD), RIGHT_UNFIT);
}

/* ---- answers ---- */

#define HEAD "From: Support <support@example.test>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <a@example.test>\r\n"

static void answer_headers(SD_UNUSED void **state) {
    static const struct {
        const char *text;
        enum answer_verdict verdict;
    } cases[] = {
        {HEAD "To: a@b.example\r\nSubject: x\r\n\r\nbody\r\n", ANSWER_FIT},
        {HEAD "\r\n", ANSWER_FIT},
        {HEAD "Subject: a\r\n folded\r\n\r\n", ANSWER_FIT},
        {HEAD "To: a@b.example\r\n", ANSWER_HEADER},
        {"", ANSWER_HEADER},
        {HEAD " \r\n\r\n", ANSWER_HEADER},
        {" x\r\n" HEAD "\r\n", ANSWER_HEADER},
        {HEAD "no colon\r\n\r\n", ANSWER_HEADER},
        {HEAD "Subject : x\r\n\r\n", ANSWER_HEADER},
        {HEAD "Subject: a\nBcc: evil@b.example\r\n\r\n", ANSWER_HEADER},
        {HEAD "Subject: a\rBcc: evil@b.example\r\n\r\n", ANSWER_HEADER},
        {HEAD "Bcc: evil@b.example\r\n\r\n", ANSWER_HEADER_FORBIDDEN},
        {HEAD "bCC: evil@b.example\r\n\r\n", ANSWER_HEADER_FORBIDDEN},
        {HEAD "Resent-To: evil@b.example\r\n\r\n", ANSWER_HEADER_FORBIDDEN},
        {HEAD "Sender: evil@b.example\r\n\r\n", ANSWER_HEADER_FORBIDDEN},
        {HEAD "DKIM-Signature: v=1\r\n\r\n", ANSWER_HEADER_FORBIDDEN},
        {HEAD "From: support@example.test\r\n\r\n", ANSWER_HEADER_REPEATED},
        {HEAD "To: a@b.example\r\nTo: c@b.example\r\n\r\n", ANSWER_HEADER_REPEATED},
        {"From: support@example.test\r\n\r\n", ANSWER_HEADER_MISSING},
        {"From: evil@example.test\r\nDate: x\r\nMessage-ID: <a>\r\n\r\n", ANSWER_FROM},
        {"From: SUPPORT@Example.Test\r\nDate: x\r\nMessage-ID: <a>\r\n\r\n", ANSWER_FIT},
        {"From: \"A\"\r\n <support@example.test>\r\nDate: x\r\nMessage-ID: <a>\r\n\r\n", ANSWER_FIT},
        {"From: <evil@b.example>, <support@example.test>\r\nDate: x\r\nMessage-ID: <a>\r\n\r\n", ANSWER_FROM},
        {"From: xsupport@example.test\r\nDate: x\r\nMessage-ID: <a>\r\n\r\n", ANSWER_FROM},
        {"From: evil@b.example, Support <support@example.test>\r\nDate: x\r\nMessage-ID: <a>\r\n\r\n", ANSWER_FROM},
        {"From: (evil@b.example) <support@example.test>\r\nDate: x\r\nMessage-ID: <a>\r\n\r\n", ANSWER_FROM},
        {"From: \"a\" evil@b.example, \"b\" <support@example.test>\r\nDate: x\r\nMessage-ID: <a>\r\n\r\n", ANSWER_FROM},
        {"From: \"a\\\" <support@example.test>\r\nDate: x\r\nMessage-ID: <a>\r\n\r\n", ANSWER_FROM},
        {"From: \"Support, Sales: <b> \\\"x\\\"\" <support@example.test>\r\nDate: x\r\nMessage-ID: <a>\r\n\r\n", ANSWER_FIT},
        {"From: =?utf-8?B?SMOpbMOobmU=?=\r\n =?utf-8?B?SA==?= <support@example.test>\r\nDate: x\r\nMessage-ID: <a>\r\n\r\n",
         ANSWER_FIT},
        /* fields that send what comes back elsewhere */
        {HEAD "Disposition-Notification-To: evil@b.example\r\n\r\n", ANSWER_HEADER_FORBIDDEN},
        {HEAD "Errors-To: evil@b.example\r\n\r\n", ANSWER_HEADER_FORBIDDEN},
        {HEAD "Mail-Reply-To: evil@b.example\r\n\r\n", ANSWER_HEADER_FORBIDDEN},
        {HEAD "Reply-To: evil@b.example\r\n\r\n", ANSWER_TOKEN},
        {HEAD "Reply-To: support+0123@example.test\r\n\r\n", ANSWER_TOKEN},
        {HEAD "Reply-To: support@example.test\r\n\r\n", ANSWER_FIT},
        /* signs that not every program reads alike */
        {HEAD "Subject: caf\xc3\xa9\r\n\r\n", ANSWER_HEADER},
        {HEAD "Subject: a\x0b b\r\n\r\n", ANSWER_HEADER},
        {HEAD "Subject: a\x7f b\r\n\r\n", ANSWER_HEADER},
        /* RFC 5321 §4.1.1.4: a second message behind an end of data that only some servers see */
        {HEAD "\r\nbody", ANSWER_BODY},
        {HEAD "\r\nbody\n.\nMAIL FROM:<support@example.test>\r\n", ANSWER_BODY},
        {HEAD "\r\nbody\n.\r\nMAIL FROM:<support@example.test>\r\n", ANSWER_BODY},
        {HEAD "\r\nbody\r.\rMAIL FROM:<support@example.test>\r\n", ANSWER_BODY},
        {HEAD "\r\nbody\r\n.\rx\r\n", ANSWER_BODY},
        {HEAD "\r\ncaf\xc3\xa9\r\n", ANSWER_BODY},
        {HEAD "\r\nFrom: evil@b.example\r\nBcc: evil@b.example\r\n\r\nbody\r\n", ANSWER_FIT}, /* text, not a header */
    };
    struct answer_from from = {.address = SPAN("support@example.test")};
    for (size_t i = 0; i < SD_COUNT(cases); i++)
        assert_int_equal(answer_message(span_cstr(cases[i].text), &from), cases[i].verdict);
}

static void answer_reply_address(SD_UNUSED void **state) {
    static const struct {
        const char *text;
        enum answer_verdict verdict;
    } cases[] = {
        {HEAD "Reply-To: support+0123abcd@example.test\r\n\r\n", ANSWER_FIT},
        {HEAD "Reply-To: Support\r\n <support+0123abcd@example.test>\r\n\r\n", ANSWER_FIT},
        {HEAD "Reply-To: support+ffffffff@example.test\r\n\r\n", ANSWER_TOKEN},
        {HEAD "Reply-To: support@example.test\r\n\r\n", ANSWER_TOKEN},
        {HEAD "Reply-To: evil@b.example, <support+0123abcd@example.test>\r\n\r\n", ANSWER_TOKEN},
        {HEAD "\r\n", ANSWER_TOKEN},
    };
    struct answer_from from = {.address = SPAN("support@example.test"), .reply_token = SPAN("0123abcd")};
    for (size_t i = 0; i < SD_COUNT(cases); i++)
        assert_int_equal(answer_message(span_cstr(cases[i].text), &from), cases[i].verdict);
}

static void answer_lines(SD_UNUSED void **state) {
    struct answer_from from = {.address = SPAN("support@example.test")};
    for (size_t n = 998; n <= 999; n++) {
        struct buf text SD_CLEANUP(buf_free) = buf_new(8192);
        buf_text(&text, HEAD "\r\n");
        for (size_t i = 0; i < n; i++)
            buf_byte(&text, 'a');
        buf_text(&text, "\r\n");
        assert_int_equal(answer_message(buf_span(&text), &from), n == 998 ? ANSWER_FIT : ANSWER_BODY);
        text.p[text.n - 3] = 0;
        assert_int_equal(answer_message(buf_span(&text), &from), ANSWER_BODY);
    }
}

static void answer_cut_anywhere(SD_UNUSED void **state) {
    struct answer_from from = {.address = SPAN("support@example.test")};
    struct span whole = SPAN(HEAD "To: a@b.example\r\n\r\n");
    for (size_t n = 0; n < whole.n; n++)
        assert_int_not_equal(answer_message(span_sub(whole, 0, n), &from), ANSWER_FIT);
    assert_int_equal(answer_message(whole, &from), ANSWER_FIT);
}

static void answer_examination(SD_UNUSED void **state) {
    struct answer_facts good = {
        .from = SPAN("support@example.test"), .queue_address = SPAN("support@example.test"), .recipients = 1};
    assert_int_equal(answer_examined(&good), ANSWER_FIT);
    struct answer_facts f = good;
    f.from = SPAN("billing@example.test");
    assert_int_equal(answer_examined(&f), ANSWER_FROM);
    f = good;
    f.hidden_recipients = true;
    assert_int_equal(answer_examined(&f), ANSWER_HIDDEN);
    f = good;
    f.ambiguities = 1;
    assert_int_equal(answer_examined(&f), ANSWER_AMBIGUOUS);
    f = good;
    f.recipients = 0;
    assert_int_equal(answer_examined(&f), ANSWER_NO_RECIPIENT);
    f = good;
    f.strangers = 1;
    assert_int_equal(answer_examined(&f), ANSWER_RECIPIENT);
    assert_int_equal(answer_examined(&(struct answer_facts){0}), ANSWER_FROM);
}

static void answer_domains(SD_UNUSED void **state) {
    assert_true(domain_covers(SPAN("example.test"), SPAN("a@example.test")));
    assert_true(domain_covers(SPAN("example.test"), SPAN("a@mail.Example.test")));
    assert_false(domain_covers(SPAN("example.test"), SPAN("a@badexample.test")));
    assert_false(domain_covers(SPAN("example.test"), SPAN("a@test")));
    assert_false(domain_covers(SPAN(""), SPAN("a@test")));
}

/* ---- passwords ---- */

static void password_rules(SD_UNUSED void **state) {
    char long_one[258];
    struct span name = SPAN("Toni");
    for (size_t i = 0; i < sizeof long_one; i++)
        long_one[i] = (char)('a' + i * i % 23);
    assert_null(password_problem(SPAN("k3J9fQ2xZ8m1LpT"), SPAN("a@b")));
    assert_non_null(password_problem(SPAN("k3J9fQ2xZ8m1Lp"), SPAN("a@b")));
    assert_non_null(password_problem(SPAN("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"),
                                     SPAN("a@b"))); /* 8 characters */
    assert_null(password_problem(span_of(long_one, 256), SPAN("a@b")));
    assert_non_null(password_problem(span_of(long_one, 257), SPAN("a@b")));
    assert_non_null(password_problem(SPAN("Anna.Meier@example.test"), SPAN("anna.meier@example.test")));
    assert_non_null(password_problem(SPAN("k3J9fQ2xZ8m1LpT\xff"), SPAN("a@b")));
    assert_non_null(password_problem(SPAN("123456789012345"), SPAN("a@b"))); /* common_passwords_test.c has more */
    assert_non_null(password_problem_for(SPAN("Toni-Toni-Toni-1"), SPAN("a@b"), &name, 1));
}

static void password_round_trip(SD_UNUSED void **state) {
    struct password_cost cost = {64, 1};
    struct buf encoded SD_CLEANUP(buf_free) = buf_new(PASSWORD_HASH_MAX),
                       dummy SD_CLEANUP(buf_free) = buf_new(PASSWORD_HASH_MAX);
    enum password_verdict verdict = PASSWORD_WRONG;
    assert_int_equal(password_hash(SPAN("123456789012345"), cost, &encoded), SD_OK);
    assert_int_equal(password_verify(buf_span(&encoded), SPAN("123456789012345"), &verdict), SD_OK);
    assert_int_equal(verdict, PASSWORD_RIGHT);
    assert_int_equal(password_verify(buf_span(&encoded), SPAN("123456789012346"), &verdict), SD_OK);
    assert_int_equal(verdict, PASSWORD_WRONG);
    assert_int_equal(password_dummy(cost, &dummy), SD_OK);
    verdict = PASSWORD_RIGHT;
    assert_int_equal(password_verify(buf_span(&dummy), SPAN("123456789012345"), &verdict), SD_OK);
    assert_int_equal(verdict, PASSWORD_WRONG);
    assert_int_equal(dummy.n, encoded.n); /* the same work, the same form */
}

/* ---- records ---- */

static void leaf_round_trip(SD_UNUSED void **state) {
    uint8_t id[16], ticket[16], ids[48];
    memset(id, 0xab, sizeof id);
    memset(ids, 0xcd, sizeof ids);
    struct buf record SD_CLEANUP(buf_free) = buf_new(8192), line SD_CLEANUP(buf_free) = buf_new(8192);
    struct leaf leaf = {.actor = ACTOR_PERSON,
                        .actor_id = span_of(id, 16),
                        .action = "list",
                        .object = "heads",
                        .ticket = span_of(id, 16),
                        .outcome = OUTCOME_GRANTED,
                        .detail = SPAN("x\",\"objects\":\"00"),
                        .objects = span_of(ids, 48)};
    buf_text(&record, "{\"seq\":7,");
    leaf_put(&record, &leaf, 0);
    assert_true(leaf_ticket(buf_span(&record), ticket));
    assert_memory_equal(ticket, id, 16);
    assert_int_equal(leaf_person(buf_span(&record)).n, 32);
    leaf_listing(&line, buf_span(&record), SPAN("Anna \"A\" Meier"));
    assert_true(span_search(buf_span(&line), SPAN(",\"name\":\"Anna \\\"A\\\" Meier\"},\"action\":\"list\"")) < line.n);
    assert_true(span_ends(buf_span(&line), SPAN(",\"count\":3}")));
    assert_true(span_search(buf_span(&line), SPAN("x\\\",\\\"objects")) < line.n); /* text that looks like a field stays text */
}

/* What a desk that was taken over says of where it was asked from must neither look like a field nor make a record too long. */
static void leaf_origin(SD_UNUSED void **state) {
    static const char *const good[] = {"192.0.2.1", "2001:db8::1%eth0", "[2001:db8::1]:8025", "unix:/run/x.sock", ""};
    static const char *const strange[] = {"a b", "\x01", "x\"", "x\\", "caf\xc3\xa9", "192.0.2.1\n"};
    char text[96];
    for (size_t i = 0; i < SD_COUNT(good); i++) {
        struct buf record SD_CLEANUP(buf_free) = buf_new(8192);
        leaf_put(&record, &(struct leaf){.action = "open", .origin = span_cstr(good[i])}, 0);
        (void)snprintf(text, sizeof text, "\"origin\":\"%s\"}", good[i]);
        assert_true(span_ends(buf_span(&record), span_cstr(text)));
    }
    for (size_t i = 0; i < SD_COUNT(strange); i++) {
        struct buf record SD_CLEANUP(buf_free) = buf_new(8192);
        leaf_put(&record, &(struct leaf){.action = "open", .origin = span_cstr(strange[i])}, 0);
        assert_true(span_ends(buf_span(&record), SPAN("\"origin\":\"not-an-address\"}")));
    }
}

/* The longest record there can be still fits the lists that carry it, with a name of ordinary length. */
static void leaf_longest(SD_UNUSED void **state) {
    uint8_t ids[100 * 16], controls[64], letters[64];
    memset(ids, 0xff, sizeof ids);
    memset(controls, 1, sizeof controls);
    memset(letters, 'a', sizeof letters);
    struct buf record SD_CLEANUP(buf_free) = buf_new(8192), line SD_CLEANUP(buf_free) = buf_new(8192);
    struct leaf leaf = {.actor = ACTOR_PERSON,
                        .actor_id = span_of(ids, 16),
                        .action = "destroy-intake-key",
                        .object = "intake-key",
                        .object_id = span_of(ids, 16),
                        .ticket = span_of(ids, 16),
                        .outcome = OUTCOME_GRANTED,
                        .reason = "a checkpoint covers what is not there",
                        .detail = span_of(letters, 64),
                        .origin = span_of(letters, 64),
                        .digest = span_of(ids, 32),
                        .objects = span_of(ids, sizeof ids)};
    for (unsigned i = 0; i < 2; i++) {
        buf_reset(&record);
        buf_reset(&line);
        buf_printf(&record, "{\"seq\":%llu,", 18446744073709551615ULL);
        leaf_put(&record, &leaf, INT64_C(253402300799999));
        leaf_listing(&line, buf_span(&record), SPAN_NONE);
        assert_int_equal(buf_err(&line), SD_OK);
        assert_true(line.n <= LEAF_LISTED_MAX);
        leaf.origin = span_of(controls, 64);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(throttle_schedule),
        cmocka_unit_test(throttle_forgets),
        cmocka_unit_test(throttle_fades),
        cmocka_unit_test(throttle_clock_set_back),
        cmocka_unit_test(rights_by_role),
        cmocka_unit_test(rights_by_queue_and_category),
        cmocka_unit_test(deny_wins),
        cmocka_unit_test(rules_have_their_time),
        cmocka_unit_test(rights_of_letters),
        cmocka_unit_test(rights_of_quarantine),
        cmocka_unit_test(answer_headers),
        cmocka_unit_test(answer_cut_anywhere),
        cmocka_unit_test(answer_reply_address),
        cmocka_unit_test(answer_lines),
        cmocka_unit_test(answer_examination),
        cmocka_unit_test(answer_domains),
        cmocka_unit_test(password_rules),
        cmocka_unit_test(password_round_trip),
        cmocka_unit_test(leaf_round_trip),
        cmocka_unit_test(leaf_origin),
        cmocka_unit_test(leaf_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
