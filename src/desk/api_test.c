/* The handlers over a real store and a scripted keeper. */
#include "desk/fixture_test.h"
#include "store/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T1 "01010101010101010101010101010101"
#define M2 "02020202020202020202020202020202"
#define NONE "fefefefefefefefefefefefefefefefe"

/* ---- session ---- */

static void sign_in(struct fixture *f, const char *body) {
    fixture_request(f, HTTP_POST, "/api/v1/session", body);
    f->request.cookie = f->request.csrf = SPAN_NONE;
    (void)fixture_go(f);
}

static void signing_in_gives_cookie_and_csrf(void **state) {
    struct fixture *f = *state;
    static const char right[] = "{\"email\":\"ada@example.com\",\"password\":\"a long enough password\",\"totp\":\"123456\"}";
    sign_in(f, right);
    assert_int_equal(f->x.response.status, 201);
    assert_true(fixture_says(f, "\"csrf\":\"" CSRF_AGENT "\""));
    assert_true(span_eq(f->x.response.set_cookie, SPAN(COOKIE_AGENT "; HttpOnly; SameSite=Strict; Path=/")));
    assert_string_equal(fake.origin, "192.0.2.7");
    f->desk.tls = true;
    sign_in(f, right);
    assert_true(span_eq(f->x.response.set_cookie, SPAN("__Host-" COOKIE_AGENT "; HttpOnly; SameSite=Strict; Path=/; Secure")));
}

static void every_failed_sign_in_looks_the_same(void **state) {
    struct fixture *f = *state;
    char first[512] = "", many[2000];
    (void)snprintf(many, sizeof many, "{\"email\":\"%0400d\",\"password\":\"%01100d\",\"totp\":\"%020d\"}", 1, 1, 1);
    const char *const bodies[] = {
        "{\"email\":\"ada@example.com\",\"password\":\"wrong\",\"totp\":\"123456\"}",
        "{\"email\":\"ada@example.com\",\"password\":\"a long enough password\",\"totp\":\"000000\"}",
        "{\"email\":\"nobody@example.com\",\"password\":\"a long enough password\",\"totp\":\"123456\"}",
        "{\"email\":\"ada@example.com\",\"password\":\"a long enough password\"}",
        "{\"email\":\"ada@example.com\",\"password\":\"a long enough password\",\"totp\":123456}",
        "{}",
        many,
    };
    for (size_t i = 0; i < SD_COUNT(bodies); i++) {
        sign_in(f, bodies[i]);
        assert_int_equal(f->x.response.status, 401);
        assert_true(fixture_says(f, "\"code\":\"sign-in-failed\""));
        assert_int_equal(f->x.response.set_cookie.n, 0);
        if (i == 0)
            strcpy(first, fixture_body(f));
        assert_string_equal(fixture_body(f), first);
    }
    sign_in(f, "not json");
    assert_int_equal(f->x.response.status, 400);
}

static void throttling_says_when(void **state) {
    struct fixture *f = *state;
    fake.sign_in_outcome = 2;
    sign_in(f, "{}");
    assert_int_equal(f->x.response.status, 429);
    assert_int_equal(f->x.response.retry_after_s, 17);
}

static void signing_out_takes_the_cookie_away(void **state) {
    struct fixture *f = *state;
    fixture_request(f, HTTP_DELETE, "/api/v1/session", "");
    assert_int_equal(fixture_go(f), 204);
    assert_int_equal(fake.sign_outs, 1);
    assert_true(span_eq(f->x.response.set_cookie, SPAN("sealdesk=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")));
}

/* ---- the list ---- */

static void list_shows_what_the_head_says(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "It \"broke\"\t\xc3\xa4");
    assert_int_equal(fixture_get(f, "/api/v1/tickets"), 200);
    assert_string_equal(
        fixture_body(f),
        "{\"items\":[{\"id\":\"" T1
        "\",\"number\":1,\"queue\":\"support\",\"state\":\"open\",\"subject\":\"It \\\"broke\\\"\\u0009\xc3\xa4\","
        "\"from\":{\"name\":\"Carla <b>Kunde</b>\",\"address\":\"carla@customer.example\"},"
        "\"trust\":{\"level\":\"verified\",\"domain\":\"customer.example\",\"sentence\":\"Verified: customer.example\"},"
        "\"assignee\":null,\"assignee_name\":null,\"category\":\"normal\",\"updated_at\":\"2025-11-26T09:40:00.001Z\","
        "\"revision\":1,\"messages\":1,"
        "\"warnings\":1}],"
        "\"next\":null}");
    assert_int_equal(fake.heads, 1);
    assert_int_equal(fake.opens, 0);
}

static void list_pages_in_one_keeper_call_each(void **state) {
    struct fixture *f = *state;
    for (uint8_t i = 1; i <= 5; i++)
        fixture_ticket(f, i, "support", TICKET_OPEN, "x");
    unsigned seen = 0, pages = 0;
    char cursor[128] = "";
    do {
        fixture_request(f, HTTP_GET, "/api/v1/tickets", "");
        f->request.params[0] = (struct http_param){SPAN("limit"), SPAN("2")};
        f->request.params[1] = (struct http_param){SPAN("cursor"), span_cstr(cursor)};
        f->request.param_count = 2;
        assert_int_equal(fixture_go(f), 200);
        for (const char *p = fixture_body(f); (p = strstr(p, "\"number\":")); p++)
            seen++;
        const char *next = strstr(fixture_body(f), "\"next\":\"");
        cursor[0] = 0;
        if (next)
            (void)sscanf(next, "\"next\":\"%127[^\"]", cursor);
        pages++;
    } while (cursor[0] && pages < 10);
    assert_int_equal(seen, 5);
    assert_int_equal(pages, 3);
    assert_int_equal(fake.heads, 3);
}

static void list_keeps_to_the_sessions_queues(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "billing", TICKET_OPEN, "x");
    assert_int_equal(fixture_get(f, "/api/v1/tickets"), 200);
    assert_string_equal(fixture_body(f), "{\"items\":[],\"next\":null}");
    fixture_request(f, HTTP_GET, "/api/v1/tickets", "");
    f->request.params[f->request.param_count++] = (struct http_param){SPAN("queue"), SPAN("billing")};
    assert_int_equal(fixture_go(f), 200);
    assert_string_equal(fixture_body(f), "{\"items\":[],\"next\":null}");
}

static void list_drops_what_the_keeper_withholds(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fake.refuse_heads = true;
    assert_int_equal(fixture_get(f, "/api/v1/tickets"), 200);
    assert_string_equal(fixture_body(f), "{\"items\":[],\"next\":null}");
}

static void list_parameters_are_checked(void **state) {
    struct fixture *f = *state;
    static const char *const wrong[][2] = {{"limit", "0"},    {"limit", "101"}, {"limit", "x"},
                                           {"state", "lost"}, {"cursor", "!"},  {"cursor", "AAAA"}};
    for (size_t i = 0; i < SD_COUNT(wrong); i++) {
        fixture_request(f, HTTP_GET, "/api/v1/tickets", "");
        f->request.params[0] = (struct http_param){span_cstr(wrong[i][0]), span_cstr(wrong[i][1])};
        f->request.param_count = 1;
        assert_int_equal(fixture_go(f), 422);
        char field[64];
        (void)snprintf(field, sizeof field, "\"errors\":[{\"field\":\"%s\"", wrong[i][0]);
        assert_true(fixture_says(f, field));
    }
}

static void a_damaged_head_is_named_not_hidden(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "Good");
    fixture_head(f, 7, SPAN("these bytes were never sealed under any key of ours"));
    assert_int_equal(fixture_get(f, "/api/v1/tickets"), 200);
    assert_true(fixture_says(f, "\"subject\":\"Good\""));
    assert_true(
        fixture_says(f, "\"level\":\"failed\",\"domain\":\"\",\"sentence\":\"What was stored of this message is missing"));
}

/* ---- one ticket ---- */

static void ticket_has_messages_and_an_etag(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fixture_letter(f, 1, 2, TICKET_OPEN, 0);
    assert_int_equal(fixture_get(f, "/api/v1/tickets/" T1), 200);
    assert_true(span_eq(f->x.response.etag, SPAN("\"2\"")));
    assert_true(fixture_says(f, "\"messages\":[{\"id\":\"" T1 "\",\"direction\":\"in\""));
    assert_true(fixture_says(f, "{\"id\":\"" M2 "\",\"direction\":\"in\""));
    assert_true(fixture_says(f, "\"attachments\":0,\"delivery\":null}"));
    assert_int_equal(fake.heads, 1);
}

static void not_yours_is_not_there(void **state) {
    struct fixture *f = *state;
    static const char *const rest[] = {"/api/v1/tickets/%s", "/api/v1/tickets/%s/timeline", "/api/v1/messages/%s",
                                       "/api/v1/messages/%s/source"};
    static const char *const ids[] = {NONE, T1, "x", "01010101", "0101010101010101010101010101010G"};
    char path[128], first[512];
    fixture_ticket(f, 1, "billing", TICKET_OPEN, "x");
    fake.open_status = SD_ERR_DENIED;
    for (size_t i = 0; i < SD_COUNT(rest) * SD_COUNT(ids); i++) {
        char format[64];
        strcpy(format, rest[i / SD_COUNT(ids)]);
        char *at = strstr(format, "%s");
        *at = 0;
        (void)snprintf(path, sizeof path, "%s%s%s", format, ids[i % SD_COUNT(ids)], at + 2);
        assert_int_equal(fixture_get(f, path), 404);
        if (i == 0)
            strcpy(first, fixture_body(f));
        assert_string_equal(fixture_body(f), first);
    }
    fixture_ticket(f, 3, "support", TICKET_OPEN, "x");
    fake.refuse_heads = true; /* the store says support, the keeper says no */
    assert_int_equal(fixture_get(f, "/api/v1/tickets/03030303030303030303030303030303"), 404);
    assert_string_equal(fixture_body(f), first);
}

static unsigned change(struct fixture *f, const char *if_match, const char *body) {
    fixture_request(f, HTTP_PATCH, "/api/v1/tickets/" T1, body);
    f->request.if_match = span_cstr(if_match);
    return fixture_go(f);
}

static void changes_go_through_the_keeper_and_raise_the_revision(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    assert_int_equal(change(f, "\"1\"", "{\"state\":\"closed\",\"assignee\":\"ada@example.com\",\"queue\":\"sales\"}"), 200);
    assert_true(fixture_says(f, "\"queue\":\"sales\",\"state\":\"closed\""));
    assert_true(fixture_says(f, "\"assignee\":\"" PERSON_AGENT "\",\"assignee_name\":\"Ada\""));
    assert_true(fixture_says(f, "\"messages\":1"));
    assert_true(span_eq(f->x.response.etag, SPAN("\"4\"")));
    assert_int_equal(fake.acts, 2);
    assert_int_equal(fake.moves, 1);
    assert_int_equal(change(f, "\"4\"", "{\"assignee\":null}"), 200);
    assert_true(fixture_says(f, "\"assignee\":null"));
    assert_int_equal(fixture_row(f, 1).revision, 5);
}

/* Newest last: what the spam filter is to learn from. Other changes teach nothing. */
static void decisions_about_spam_are_events(void **state) {
    struct fixture *f = *state;
    static const char *const states[] = {"closed", "spam", "spam", "open", "closed", "spam", "closed"};
    static const enum event_kind expected[] = {EVENT_SPAM, EVENT_NOT_SPAM, EVENT_SPAM};
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct event_row *events;
    size_t count, seen = 0;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    for (size_t i = 0; i < SD_COUNT(states); i++) {
        char body[64];
        (void)snprintf(body, sizeof body, "{\"state\":\"%s\"}", states[i]);
        assert_int_equal(change(f, "*", body), 200);
    }
    struct ticket_id id = fixture_row(f, 1).id;
    assert_int_equal(lease_take(f->desk.stores, deadline_in_ms(5000), &lease), SD_OK);
    assert_int_equal(event_list(lease.store, &id, LIMIT_LIST_ITEMS, f->x.arena, &events, &count), SD_OK);
    for (size_t i = 0; i < count; i++)
        if (events[i].kind == EVENT_SPAM || events[i].kind == EVENT_NOT_SPAM) {
            assert_true(seen < SD_COUNT(expected));
            assert_int_equal(events[i].kind, expected[seen++]);
            assert_true(span_eq(events[i].actor, SPAN(PERSON_AGENT)));
        }
    assert_int_equal(seen, SD_COUNT(expected));
}

static void changes_need_the_revision_read(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    assert_int_equal(change(f, "", "{\"state\":\"closed\"}"), 428);
    assert_int_equal(change(f, "\"7\"", "{\"state\":\"closed\"}"), 412);
    assert_int_equal(change(f, "W/\"1\"", "{\"state\":\"closed\"}"), 412);
    assert_int_equal(fake.acts, 0);
    assert_int_equal(fixture_row(f, 1).state, TICKET_OPEN);
}

static void wrong_changes_name_their_fields(void **state) {
    struct fixture *f = *state;
    static const char *const wrong[][2] = {
        {"{\"state\":\"review\"}", "state"}, {"{\"state\":\"quarantine\"}", "state"},
        {"{\"state\":null}", "state"},       {"{\"assignee\":\"ghost@example.com\"}", "assignee"},
        {"{\"assignee\":7}", "assignee"},    {"{\"queue\":\"\"}", "queue"},
        {"{\"number\":7}", "number"},        {"{}", ""}};
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    for (size_t i = 0; i < SD_COUNT(wrong); i++) {
        char field[64];
        assert_int_equal(change(f, "\"1\"", wrong[i][0]), 422);
        (void)snprintf(field, sizeof field, "\"field\":\"%s\"", wrong[i][1]);
        assert_true(fixture_says(f, field));
    }
    assert_int_equal(change(f, "\"1\"", "[]"), 400);
    assert_int_equal(fake.acts, 0);
}

static void a_refused_change_changes_nothing(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fake.act_status = SD_ERR_DENIED;
    assert_int_equal(change(f, "\"1\"", "{\"state\":\"closed\"}"), 404);
    fake.act_status = SD_ERR_UNSUPPORTED;
    assert_int_equal(change(f, "\"1\"", "{\"state\":\"closed\"}"), 409);
    assert_int_equal(change(f, "\"1\"", "{\"queue\":\"billing\"}"), 404);
    assert_int_equal(fixture_row(f, 1).revision, 1);
}

static void quarantine_cannot_be_changed(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_QUARANTINE, "x");
    assert_int_equal(change(f, "\"1\"", "{\"state\":\"open\"}"), 409);
    assert_true(fixture_says(f, "\"code\":\"not-changeable\""));
}

/* ---- messages ---- */

static void a_message_is_opened_on_the_record(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    assert_int_equal(fixture_get(f, "/api/v1/messages/" T1), 200);
    assert_int_equal(fake.opens, 2);
    assert_true(fixture_says(f, "\"ticket\":\"" T1 "\""));
    assert_true(
        fixture_says(f, "\"text\":\"Hello,\\n\\\"it\\\" broke \xc3\xa4gain.\\n\",\"has_html\":false,\"html\":null,\"state\":"));
    assert_true(fixture_says(f, ",\"previewable\":false,\"attachments\":[],"));
    assert_true(fixture_says(f, "\"checks\":{\"spf\":{},\"dkim\":[],\"dmarc\":{}},\"signals\":[{\"id\":\"lookalike-own\""));
    assert_true(
        fixture_says(f, "\"ambiguities\":[\"date-repeated\"],\"ambiguity_notes\":[{\"id\":\"date-repeated\",\"sentence\":\"The "
                        "message has more than one Date field.\"}]"));
}

static void source_is_bytes_unless_unfit(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fixture_letter(f, 1, 2, TICKET_OPEN, 1);
    assert_int_equal(fixture_get(f, "/api/v1/messages/" T1 "/source"), 200);
    assert_string_equal(f->x.response.type, "message/rfc822");
    assert_string_equal(fixture_body(f), "Subject: x\r\n\r\nHello\r\n");
    fake.open_status = SD_ERR_UNSUPPORTED;
    assert_int_equal(fixture_get(f, "/api/v1/messages/" M2 "/source"), 409);
    assert_true(fixture_says(f, "\"code\":\"unscanned\""));
    fake.custody[0] = "{\"id\":\"" T1 "\",\"state\":\"encrypted\"}";
    assert_int_equal(fixture_get(f, "/api/v1/messages/" T1 "/source"), 409);
    assert_true(fixture_says(f, "\"code\":\"not-fit\""));
}

static void timeline_merges_both_histories(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fake.history[0] = "{\"seq\":4,\"time\":\"2026-01-01T00:00:00.000Z\",\"actor\":{\"kind\":\"person\",\"id\":\"" PERSON_AGENT
                      "\"},\"action\":\"open\",\"object\":{\"kind\":\"letter\",\"id\":\"" T1 "\"},\"ticket\":\"" T1
                      "\",\"outcome\":\"granted\",\"reason\":\"\",\"origin\":\"192.0.2.7\"}";
    assert_int_equal(fixture_get(f, "/api/v1/tickets/" T1 "/timeline"), 200);
    assert_string_equal(fixture_body(f),
                        "{\"items\":[{\"at\":\"2026-01-01T00:00:00.000Z\",\"kind\":\"opened\",\"actor\":{\"kind\":\"person\","
                        "\"id\":\"" PERSON_AGENT "\",\"name\":\"Ada\"},\"detail\":\"Opened a message.\",\"message\":\"" T1
                        "\"}]}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(signing_in_gives_cookie_and_csrf),
        TEST(every_failed_sign_in_looks_the_same),
        TEST(throttling_says_when),
        TEST(signing_out_takes_the_cookie_away),
        TEST(list_shows_what_the_head_says),
        TEST(list_pages_in_one_keeper_call_each),
        TEST(list_keeps_to_the_sessions_queues),
        TEST(list_drops_what_the_keeper_withholds),
        TEST(list_parameters_are_checked),
        TEST(a_damaged_head_is_named_not_hidden),
        TEST(ticket_has_messages_and_an_etag),
        TEST(not_yours_is_not_there),
        TEST(changes_go_through_the_keeper_and_raise_the_revision),
        TEST(decisions_about_spam_are_events),
        TEST(changes_need_the_revision_read),
        TEST(wrong_changes_name_their_fields),
        TEST(a_refused_change_changes_nothing),
        TEST(quarantine_cannot_be_changed),
        TEST(a_message_is_opened_on_the_record),
        TEST(source_is_bytes_unless_unfit),
        TEST(timeline_merges_both_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
