/* Answers: what may be asked, what the message looks like, and that one key makes one message. */
#include "desk/fixture_test.h"
#include "desk/reply.h"
#include "store/facet.h"
#include "store/outbound.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define T1 "01010101010101010101010101010101"
#define ANSWER "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"

enum sd_err fake_facet_key(struct span object, enum facet facet, struct secret *ret);

static unsigned reply(struct fixture *f, const char *key, const char *body) {
    fixture_request(f, HTTP_POST, "/api/v1/tickets/" T1 "/replies", body);
    f->request.idempotency_key = span_cstr(key);
    return fixture_go(f);
}

static void read_back(struct fixture *f, uint8_t seed, enum facet facet, struct buf *to) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(1 << 20);
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct object_id id;
    memset(id.b, seed, sizeof id.b);
    assert_int_equal(lease_take(f->desk.stores, deadline_in_ms(5000), &lease), SD_OK);
    assert_int_equal(facet_get(lease.store, &id, facet, &sealed), SD_OK);
    assert_int_equal(fake_facet_key(object_id_span(&id), facet, &key), SD_OK);
    assert_int_equal(open_facet(secret_span(&key), &id, facet, buf_span(&sealed), 1 << 20, to), SD_OK);
}

static size_t outbound_count(struct fixture *f) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct ticket_id id;
    struct outbound_row *rows;
    size_t count = 0;
    memset(id.b, 1, sizeof id.b);
    assert_int_equal(lease_take(f->desk.stores, deadline_in_ms(5000), &lease), SD_OK);
    assert_int_equal(outbound_list(lease.store, &id, f->x.arena, &rows, &count), SD_OK);
    return count;
}

static void an_answer_is_signed_sealed_and_queued(void **state) {
    struct fixture *f = *state;
    struct buf source SD_CLEANUP(buf_free) = buf_new(1 << 20), text SD_CLEANUP(buf_free) = buf_new(1 << 20);
    fixture_ticket(f, 1, "support", TICKET_OPEN, "It broke");
    f->desk.outbound_bell = eventfd(0, EFD_NONBLOCK);
    assert_int_equal(reply(f, "key-1", "{\"text\":\"We\\r\\nlook.\",\"cc\":[\"boss@customer.example\"]}"), 202);
    assert_string_equal(fixture_body(f), "{\"id\":\"" ANSWER "\",\"delivery\":{\"state\":\"queued\"}}");
    assert_int_equal(wait_fd(f->desk.outbound_bell, POLLIN, deadline_in_ms(0)), SD_OK);
    (void)close(f->desk.outbound_bell);
    struct ticket_row row = fixture_row(f, 1);
    assert_int_equal(row.state, TICKET_PENDING);
    assert_int_equal(row.messages, 2);
    assert_int_equal(row.revision, 2);
    assert_int_equal(outbound_count(f), 1);
    read_back(f, 0xa1, FACET_TEXT, &text);
    assert_true(span_eq(buf_span(&text), SPAN("We\nlook.")));
    read_back(f, 0xa1, FACET_SOURCE, &source);
    assert_true(span_starts(buf_span(&source), SPAN("DKIM-Signature: v=1\r\n")));
    assert_true(span_eq(span_from(buf_span(&source), 21), span_cstr(fake.reply_message)));
    assert_int_equal(fixture_get(f, "/api/v1/tickets/" T1), 200);
    assert_true(fixture_says(f, "\"direction\":\"out\",\"from\":{\"name\":\"support\",\"address\":\"support@example.com\"}"));
    assert_true(fixture_says(f, "\"delivery\":{\"state\":\"queued\",\"attempts\":0,\"status\":\"\"}"));
    assert_int_equal(fixture_get(f, "/api/v1/tickets/" T1 "/timeline"), 200);
    assert_true(
        fixture_says(f, "\"kind\":\"queued\",\"actor\":{\"kind\":\"person\",\"id\":\"" PERSON_AGENT "\",\"name\":\"Ada\"}"));
}

static void the_message_threads_and_names_nobody_else(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "It broke");
    assert_int_equal(reply(f, "key-1", "{\"text\":\"We look.\"}"), 202);
    const char *m = fake.reply_message;
    assert_non_null(strstr(m, "<support@example.com>"));
    assert_non_null(strstr(m, "\r\nReply-To: support+tok123@example.com\r\n"));
    assert_non_null(strstr(m, "Subject: Re: It broke\r\n"));
    assert_non_null(strstr(m, "In-Reply-To: <m1@customer.example>\r\n"));
    const char *older = strstr(m, "<older@customer.example>"), *newer = strstr(m, "<newer@customer.example>");
    assert_true(older && newer && older < newer);
    assert_non_null(strstr(m, "carla@customer.example"));
    assert_null(strstr(m, "Bcc"));
    const char *id = strstr(m, "Message-ID: <");
    assert_non_null(id);
    assert_int_equal(strspn(id + 13, "0123456789abcdef"), 32);
    assert_int_equal(strncmp(id + 45, "@desk.example.com>", 18), 0);
}

static void one_key_is_one_answer(void **state) {
    struct fixture *f = *state;
    char first[256];
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    assert_int_equal(reply(f, "key-1", "{\"text\":\"We look.\"}"), 202);
    strcpy(first, fixture_body(f));
    assert_int_equal(reply(f, "key-1", "{\"text\":\"We look.\",\"cc\":[]}"), 202);
    assert_string_equal(fixture_body(f), first);
    assert_int_equal(reply(f, "key-1", "{\"text\":\"We look again.\"}"), 422);
    assert_true(fixture_says(f, "\"code\":\"idempotency-mismatch\""));
    assert_int_equal(reply(f, "key-1", "{\"text\":\"We look.\",\"cc\":[\"a@b.example\"]}"), 422);
    assert_int_equal(fake.replies, 1);
    assert_int_equal(outbound_count(f), 1);
    assert_int_equal(reply(f, "key-2", "{\"text\":\"We look.\"}"), 202);
    assert_int_equal(fake.replies, 2);
    assert_int_equal(fixture_row(f, 1).messages, 3);
}

/* One of several clients, or one client several times: the same key at the same moment. */
static void *send_same(void *arg) {
    struct fixture *shared = arg;
    struct fixture *f = calloc(1, sizeof *f);
    const struct route *route = NULL;
    size_t body_max = 0;
    if (!f)
        return NULL;
    f->x.response.body = buf_new(RESPONSE_BYTES_MAX);
    fixture_request(f, HTTP_POST, "/api/v1/tickets/" T1 "/replies", "{\"text\":\"We look.\"}");
    f->request.idempotency_key = SPAN("same");
    if (desk_gate(&shared->desk, &f->x, &route, &body_max))
        desk_handle(&shared->desk, &f->x, route);
    bool same = f->x.response.status == 202 && fixture_says(f, "{\"id\":\"" ANSWER "\"");
    arena_free(&f->x.arena);
    buf_free(&f->x.response.body);
    free(f);
    return same ? shared : NULL;
}

static void one_key_at_once_is_one_answer(void **state) {
    struct fixture *f = *state;
    pthread_t threads[6];
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    for (size_t i = 0; i < SD_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_same, f), 0);
    for (size_t i = 0; i < SD_COUNT(threads); i++) {
        void *same = NULL;
        assert_int_equal(pthread_join(threads[i], &same), 0);
        assert_ptr_equal(same, f);
    }
    assert_int_equal(fake.replies, 1);
    assert_int_equal(fixture_get(f, "/api/v1/tickets/" T1), 200);
    assert_int_equal(fixture_row(f, 1).messages, 2);
}

static void wrong_fields_are_named(void **state) {
    struct fixture *f = *state;
    static const char *const wrong[][2] = {
        {"{}", "text"},
        {"{\"text\":\"\"}", "text"},
        {"{\"text\":\" \\r\\n\\t\"}", "text"},
        {"{\"text\":\"a\\u0000b\"}", "text"},
        {"{\"text\":[\"a\"]}", "text"},
        {"{\"text\":\"a\",\"cc\":\"b@c.example\"}", "cc"},
        {"{\"text\":\"a\",\"cc\":[\"b@c.example\",\"no address\"]}", "cc[1]"},
        {"{\"text\":\"a\",\"cc\":[\"b@c.example\\r\\nBcc: d@e.example\"]}", "cc[0]"},
        {"{\"text\":\"a\",\"cc\":[7]}", "cc[0]"},
        {"{\"text\":\"a\",\"bcc\":[\"b@c.example\"]}", "bcc"},
    };
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    for (size_t i = 0; i < SD_COUNT(wrong); i++) {
        char field[64];
        assert_int_equal(reply(f, "k", wrong[i][0]), 422);
        (void)snprintf(field, sizeof field, "{\"field\":\"%s\",\"code\":\"", wrong[i][1]);
        assert_true(fixture_says(f, field));
    }
    assert_int_equal(reply(f, "k", "[]"), 400);
    assert_int_equal(reply(f, "two words", "{\"text\":\"a\"}"), 400);
    assert_true(fixture_says(f, "\"code\":\"idempotency-key-malformed\""));
    assert_int_equal(fake.replies, 0);
}

static void too_much_text_is_refused(void **state) {
    struct fixture *f = *state;
    struct buf body SD_CLEANUP(buf_free) = buf_new(4 << 20);
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    buf_text(&body, "{\"text\":\"");
    buf_fill(&body, 'a', REPLY_TEXT_MAX + 1);
    buf_text(&body, "\"}");
    buf_byte(&body, 0);
    assert_int_equal(reply(f, "k", (const char *)body.p), 422);
    assert_true(fixture_says(f, "\"code\":\"too-long\""));
    buf_reset(&body);
    buf_text(&body, "{\"text\":\"");
    for (size_t i = 0; i < REPLY_TEXT_MAX / 2; i++)
        buf_text(&body, "\xc3\xa4"); /* as mail three times as long */
    buf_text(&body, "\"}");
    buf_byte(&body, 0);
    assert_int_equal(reply(f, "k", (const char *)body.p), 422);
    assert_int_equal(fake.replies, 0);
}

static void tickets_that_take_no_answer(void **state) {
    struct fixture *f = *state;
    static const enum ticket_state states[] = {TICKET_REVIEW, TICKET_QUARANTINE, TICKET_SPAM};
    fixture_ticket(f, 1, "support", TICKET_REVIEW, "x");
    for (size_t i = 0; i < SD_COUNT(states); i++) {
        fixture_letter(f, 1, (uint8_t)(10 + i), states[i], 0);
        assert_int_equal(reply(f, "k", "{\"text\":\"a\"}"), 409);
        assert_true(fixture_says(f, "\"code\":\"not-answerable\""));
    }
    assert_int_equal(fake.replies, 0);
}

static void the_keeper_may_refuse_and_nothing_is_stored(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fake.refuse_reply = true;
    assert_int_equal(reply(f, "k", "{\"text\":\"a\"}"), 409);
    assert_true(fixture_says(f, "\"detail\":\"A recipient takes no part in this ticket.\",\"code\":\"refused\""));
    assert_int_equal(fixture_row(f, 1).messages, 1);
    fake.refuse_reply = false;
    assert_int_equal(reply(f, "k", "{\"text\":\"a\"}"), 202); /* a refusal does not use up the key */
}

static void a_stale_answer_is_not_sent(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fixture_request(f, HTTP_POST, "/api/v1/tickets/" T1 "/replies", "{\"text\":\"a\"}");
    f->request.idempotency_key = SPAN("k");
    f->request.if_match = SPAN("\"0\"");
    assert_int_equal(fixture_go(f), 412);
    assert_int_equal(fake.replies, 0);
}

static void subjects_are_answered_once(SD_UNUSED void **state) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(1 << 20);
    char text[2100];
    assert_true(span_eq(reply_subject(SPAN("x"), arena), SPAN("Re: x")));
    assert_true(span_eq(reply_subject(SPAN("RE: x"), arena), SPAN("RE: x")));
    assert_true(span_eq(reply_subject(SPAN(""), arena), SPAN("Re: your message")));
    memset(text, 'a', sizeof text);
    memcpy(text + 2043, "\xc3\xa4", 2); /* the character on the border is left out whole */
    struct span cut = reply_subject(span_of(text, 2048), arena);
    assert_int_equal(cut.n, 2047);
    assert_true(span_is_utf8(cut));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_signed_sealed_and_queued),
        TEST(the_message_threads_and_names_nobody_else),
        TEST(one_key_is_one_answer),
        TEST(one_key_at_once_is_one_answer),
        TEST(wrong_fields_are_named),
        TEST(too_much_text_is_refused),
        TEST(tickets_that_take_no_answer),
        TEST(the_keeper_may_refuse_and_nothing_is_stored),
        TEST(a_stale_answer_is_not_sent),
        cmocka_unit_test(subjects_are_answered_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
