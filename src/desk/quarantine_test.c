/* What is held and what came out too late: lists, releases, and what was done about it. */
#include "desk/fixture_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T1 "01010101010101010101010101010101"
#define F1 "d7000000000000000000000000000000"

static const struct fixture_file files[] = {{"run me.js", "alert(1)"}};
static const struct fixture_sender sender = {
    .from = "carla@customer.example", .domain = "customer.example", .files = files, .file_count = 1};

static unsigned post(struct fixture *f, const char *path, const char *body) {
    fixture_request(f, HTTP_POST, path, body);
    return fixture_go(f);
}

static const char held_file[] =
    "{\"id\":\"" F1 "\",\"letter\":\"" T1 "\",\"kind\":\"file\",\"index\":0,\"ticket\":\"" T1 "\",\"queue\":\"support\","
    "\"category\":\"normal\",\"state\":\"suspicious\",\"findings\":[\"script\"],\"signature\":\"\",\"engine\":\"E\","
    "\"scanned_at\":null,\"received_at\":\"2026-11-28T10:00:00.000Z\",\"disposition\":\"accept\"}";

static void what_is_held_is_named(void **state) {
    struct fixture *f = *state;
    fixture_ticket_from(f, 1, &sender);
    fake.held[0] = held_file;
    fake.held[1] = "{\"id\":7}"; /* none of ours */
    assert_int_equal(fixture_get(f, "/api/v1/quarantine"), 200);
    assert_string_equal(
        fixture_body(f),
        "{\"items\":[{\"id\":\"" F1 "\",\"message\":\"" T1 "\",\"kind\":\"file\",\"ticket\":\"" T1 "\",\"queue\":\"support\","
        "\"category\":\"normal\",\"state\":\"suspicious\",\"signature\":\"\",\"engine\":\"E\",\"scanned_at\":null,"
        "\"received_at\":\"2026-11-28T10:00:00.000Z\",\"disposition\":\"accept\",\"index\":0,\"findings\":[{\"id\":\"script\","
        "\"sentence\":"
        "\"It is a script that a double click runs.\"}],\"number\":1,\"subject\":\"x\",\"from\":{\"name\":\"Carla "
        "<b>Kunde</b>\","
        "\"address\":\"carla@customer.example\"},\"name\":\"run me.js\"}],\"next\":\"CQAAAAAAAAA\"}");
    assert_int_equal(fake.heads, 1);
    fake.refuse_heads = true; /* of a category that one may not list, say */
    assert_int_equal(fixture_get(f, "/api/v1/quarantine"), 200);
    assert_true(fixture_says(f, "\"number\":1,\"subject\":null,\"from\":null,\"name\":null}"));
    fake.held[0] = NULL;
    fixture_request(f, HTTP_GET, "/api/v1/quarantine", "");
    f->request.params[f->request.param_count++] = (struct http_param){SPAN("cursor"), SPAN("CQAAAAAAAAA")};
    assert_int_equal(fixture_go(f), 200);
    assert_string_equal(fixture_body(f), "{\"items\":[],\"next\":null}");
    f->request.params[0].value = SPAN("!");
    assert_int_equal(fixture_go(f), 422);
    fake.status = SD_ERR_DENIED;
    assert_int_equal(fixture_get(f, "/api/v1/quarantine"), 404);
}

static void a_release_names_its_object_and_its_reason(void **state) {
    struct fixture *f = *state;
    fixture_ticket_from(f, 1, &sender);
    fake.ticket_state = TICKET_OPEN;
    assert_int_equal(post(f, "/api/v1/messages/" T1 "/release", "{\"reason\":\"the sender called\"}"), 200);
    assert_string_equal(fake.text, "the sender called");
    assert_int_equal(fake.object[0], 1);
    assert_string_equal(fixture_body(f), "{\"ticket\":\"" T1 "\",\"ticket_state\":\"open\"}");
    static const char *const wrong[] = {"{}", "{\"reason\":\"\"}", "{\"reason\":7}", "{\"reason\":\"x\",\"who\":\"me\"}"};
    for (size_t i = 0; i < SD_COUNT(wrong); i++)
        assert_int_equal(post(f, "/api/v1/messages/" T1 "/release", wrong[i]), 422);
    fake.status = SD_ERR_GESTURE;
    assert_int_equal(post(f, "/api/v1/messages/" T1 "/release", "{\"reason\":\"x\"}"), 403);
    assert_true(fixture_says(f, "\"code\":\"step-up-required\",\"act\":\"release\",\"object\":\"" T1 "\"}"));
    fake.status = SD_OK;
    fake.problem = "It is released already.";
    assert_int_equal(post(f, "/api/v1/messages/" T1 "/release", "{\"reason\":\"x\"}"), 409);
    assert_true(fixture_says(f, "\"detail\":\"It is released already.\",\"code\":\"refused\"}"));
}

static void the_ticket_is_shown_as_the_keeper_has_it_then(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_QUARANTINE, "x");
    fixture_request(f, HTTP_GET, "/", "");
    int64_t before = fixture_row(f, 1).revision;
    fake.ticket_state = TICKET_REVIEW;
    assert_int_equal(post(f, "/api/v1/messages/" T1 "/release", "{\"reason\":\"the sender called\"}"), 200);
    assert_int_equal(fixture_row(f, 1).state, TICKET_REVIEW);
    assert_int_equal(fixture_row(f, 1).revision, before + 1);
    assert_int_equal(post(f, "/api/v1/messages/" T1 "/release", "{\"reason\":\"the sender called\"}"), 200);
    assert_int_equal(fixture_row(f, 1).revision, before + 1); /* no change, no revision */
    fake.status = SD_ERR_DENIED;
    fake.ticket_state = TICKET_OPEN;
    assert_int_equal(post(f, "/api/v1/messages/" T1 "/release", "{\"reason\":\"the sender called\"}"), 404);
    assert_int_equal(fixture_row(f, 1).state, TICKET_REVIEW);
}

static void no_machine_releases(void **state) {
    struct fixture *f = *state;
    fixture_ticket_from(f, 1, &sender);
    fixture_bearer(f, HTTP_POST, "/api/v1/messages/" T1 "/release", "{\"reason\":\"x\"}");
    assert_int_equal(fixture_go(f), 403);
    assert_true(fixture_says(f, "\"code\":\"person-required\""));
    fixture_bearer(f, HTTP_GET, "/api/v1/quarantine", "");
    assert_int_equal(fixture_go(f), 403);
}

static void incidents_are_listed_and_closed(void **state) {
    struct fixture *f = *state;
    fake.incidents[0] = "{\"id\":7,\"state\":\"open\"}";
    assert_int_equal(fixture_get(f, "/api/v1/incidents"), 200);
    assert_string_equal(fixture_body(f), "{\"items\":[{\"id\":7,\"state\":\"open\"}],\"next\":\"CQAAAAAAAAA\"}");
    assert_int_equal(post(f, "/api/v1/incidents/7/close", "{\"note\":\"told both\"}"), 204);
    assert_string_equal(fake.text, "told both");
    assert_int_equal(post(f, "/api/v1/incidents/8/close", "{\"note\":\"told both\"}"), 404);
    assert_int_equal(post(f, "/api/v1/incidents/x/close", "{\"note\":\"told both\"}"), 404);
    assert_int_equal(post(f, "/api/v1/incidents/7/close", "{}"), 422);
}

#define RECORD(seconds, kind, action, object, outcome, reason, more)                                                           \
    "{\"time\":\"2026-01-01T00:00:" seconds ".000Z\",\"actor\":{\"kind\":\"" kind "\",\"id\":\"" PERSON_AGENT                  \
    "\"},\"action\":\"" action "\",\"object\":{\"kind\":\"" object "\",\"id\":\"" F1 "\"},\"outcome\":\"" outcome              \
    "\",\"reason\":\"" reason "\"" more "}"

static void the_timeline_tells_of_openings_and_releases(void **state) {
    struct fixture *f = *state;
    fixture_ticket_from(f, 1, &sender);
    fake.history[0] = RECORD("10", "person", "open", "file", "granted", "preview", "");
    fake.history[1] = RECORD("20", "warrant", "open", "file", "granted", "preview file", "");
    fake.history[2] = RECORD("30", "person", "release", "file", "refused", "step-up-required", "");
    fake.history[3] = RECORD("40", "person", "release", "file", "granted", "stepped up suspicious",
                             ",\"note_text\":\"the sender called\"");
    assert_int_equal(fixture_get(f, "/api/v1/tickets/" T1 "/timeline"), 200);
    assert_string_equal(fixture_body(f),
                        "{\"items\":[{\"at\":\"2026-01-01T00:00:10.000Z\",\"kind\":\"opened\",\"actor\":{\"kind\":\"person\","
                        "\"id\":\"" PERSON_AGENT "\",\"name\":\"Ada\"},\"detail\":\"Looked at pictures of an attachment.\","
                        "\"message\":null},{\"at\":\"2026-01-01T00:00:40.000Z\",\"kind\":\"released\",\"actor\":{\"kind\":"
                        "\"person\",\"id\":\"" PERSON_AGENT "\",\"name\":\"Ada\"},\"detail\":\"Released it, whatever was found "
                        "in it: the sender called\",\"message\":null}]}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_held_is_named),
        TEST(a_release_names_its_object_and_its_reason),
        TEST(the_ticket_is_shown_as_the_keeper_has_it_then),
        TEST(no_machine_releases),
        TEST(incidents_are_listed_and_closed),
        TEST(the_timeline_tells_of_openings_and_releases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
