/* What is refused before any handler runs, and how a refusal looks. */
#include "desk/fixture_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void what_is_not_in_the_table_is_not_there(void **state) {
    struct fixture *f = *state;
    static const char *const paths[] = {
        "/nothing", "/api/v1/tickets/", "/api/v1/tickets/a/b/c", "/api/v1/", "//", "", "/api/v1/tickets/x/timeline/",
        "/desk.js/"};
    for (size_t i = 0; i < SD_COUNT(paths); i++) {
        assert_int_equal(fixture_get(f, paths[i]), 404);
        assert_true(fixture_says(f, "\"code\":\"not-found\""));
    }
}

static void a_known_address_names_its_methods(void **state) {
    struct fixture *f = *state;
    fixture_request(f, HTTP_PUT, "/api/v1/tickets/00112233445566778899aabbccddeeff", "");
    assert_int_equal(fixture_go(f), 405);
    assert_string_equal(f->x.response.allow, "GET, PATCH, DELETE");
    fixture_request(f, HTTP_OTHER, "/", "");
    assert_int_equal(fixture_go(f), 405);
}

static void nobody_signed_in_gets_401(void **state) {
    struct fixture *f = *state;
    static const char *const cookies[] = {"",
                                          COOKIE_NOBODY,
                                          "sealdesk=short",
                                          "sealdesk=",
                                          "other=ERERERERERERERERERERERERERERERERERERERERERE",
                                          "__Host-" COOKIE_AGENT};
    static const char *const paths[] = {"/api/v1/session",    "/api/v1/tickets",           "/api/v1/tickets/x",
                                        "/api/v1/messages/x", "/api/v1/messages/x/source", "/api/v1/tickets/x/timeline"};
    for (size_t i = 0; i < SD_COUNT(cookies) * SD_COUNT(paths); i++) {
        fixture_request(f, HTTP_GET, paths[i % SD_COUNT(paths)], "");
        f->request.cookie = span_cstr(cookies[i / SD_COUNT(paths)]);
        assert_int_equal(fixture_go(f), 401);
        assert_true(fixture_says(f, "\"code\":\"not-signed-in\""));
    }
}

static void a_cookie_among_others_is_found(void **state) {
    struct fixture *f = *state;
    fixture_request(f, HTTP_GET, "/api/v1/session", "");
    f->request.cookie = SPAN("a=b;  " COOKIE_AGENT " ; c=d");
    assert_int_equal(fixture_go(f), 200);
    assert_true(fixture_says(
        f, "{\"csrf\":\"" CSRF_AGENT "\",\"user\":{\"id\":\"" PERSON_AGENT
           "\",\"name\":\"Ada\",\"role\":\"agent\",\"queues\":[\"support\",\"sales\"]},\"expires_at\":\"2026-11-23T12:"));
}

static void changes_need_the_csrf_token(void **state) {
    struct fixture *f = *state;
    static const char *const tokens[] = {"", "x", "ERERERERERERERERERERERERERERERERERERERERERE"};
    static const struct {
        enum http_method method;
        const char *path;
    } changes[] = {
        {HTTP_DELETE, "/api/v1/session"}, {HTTP_PATCH, "/api/v1/tickets/x"}, {HTTP_POST, "/api/v1/tickets/x/replies"}};
    for (size_t i = 0; i < SD_COUNT(tokens) * SD_COUNT(changes); i++) {
        fixture_request(f, changes[i % SD_COUNT(changes)].method, changes[i % SD_COUNT(changes)].path, "{}");
        f->request.csrf = span_cstr(tokens[i / SD_COUNT(changes)]);
        assert_int_equal(fixture_go(f), 403);
        assert_true(fixture_says(f, "\"code\":\"csrf\""));
    }
    assert_int_equal(fake.sign_outs, 0);
}

static void changes_from_other_sites_are_refused(void **state) {
    struct fixture *f = *state;
    static const char *const others[] = {"https://evil.example",         "null",     "http://desk.example.com.evil.example",
                                         "http://desk.example.com:8080", "https://", "desk.example.com"};
    for (size_t i = 0; i < SD_COUNT(others); i++) {
        fixture_request(f, HTTP_POST, "/api/v1/session", "{}");
        f->request.origin = span_cstr(others[i]);
        assert_int_equal(fixture_go(f), 403);
        assert_true(fixture_says(f, "\"code\":\"origin\""));
    }
    fixture_request(f, HTTP_DELETE, "/api/v1/session", "");
    f->request.origin = SPAN("http://desk.example.com");
    assert_int_equal(fixture_go(f), 204);
    fixture_request(f, HTTP_DELETE, "/api/v1/session", "");
    f->request.origin = SPAN("http://desk.example.com");
    f->request.tls = true; /* a page that came in clear is another origin */
    assert_int_equal(fixture_go(f), 403);
}

static void bodies_are_json(void **state) {
    struct fixture *f = *state;
    static const char *const types[] = {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"};
    for (size_t i = 0; i < SD_COUNT(types); i++) {
        fixture_request(f, HTTP_POST, "/api/v1/session", "{}");
        f->request.content_type = span_cstr(types[i]);
        assert_int_equal(fixture_go(f), 415);
    }
}

static void two_readings_of_one_request_are_none(void **state) {
    struct fixture *f = *state;
    fixture_request(f, HTTP_GET, "/healthz", "");
    f->request.malformed = true;
    assert_int_equal(fixture_go(f), 400);
    assert_string_equal(f->x.response.type, "application/problem+json");
    assert_string_equal(fixture_body(f), "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
                                         "\"detail\":\"The request cannot be read.\",\"code\":\"malformed\"}");
}

static void public_addresses_need_nobody(void **state) {
    struct fixture *f = *state;
    static const char *const paths[] = {"/",           "/desk.js",  "/sender.js",          "/access.js",
                                        "/account.js", "/files.js", "/desk.css",           "/icon.svg",
                                        "/healthz",    "/readyz",   "/api/v1/openapi.json"};
    for (size_t i = 0; i < SD_COUNT(paths); i++) {
        fixture_request(f, HTTP_GET, paths[i], "");
        f->request.cookie = SPAN_NONE;
        assert_int_equal(fixture_go(f), 200);
        assert_true(f->x.response.fixed.n > 100 || f->x.response.body.n > 10);
    }
    assert_int_equal(fixture_get(f, "/api/v1/openapi.json"), 200);
    assert_true(fixture_says(f, "\"openapi\":\"3.1.0\""));
}

static void not_ready_says_why(void **state) {
    struct fixture *f = *state;
    ipc_client_attach(f->desk.keeper, -1);
    assert_int_equal(fixture_get(f, "/readyz"), 503);
    assert_true(fixture_says(f, "{\"ready\":false,\"reasons\":[\"the keeper does not answer\"]}"));
    assert_int_equal(fixture_get(f, "/healthz"), 200);
}

static void a_keeper_that_is_away_is_503(void **state) {
    struct fixture *f = *state;
    ipc_client_attach(f->desk.keeper, -1);
    assert_int_equal(fixture_get(f, "/api/v1/session"), 503);
    assert_true(fixture_says(f, "\"code\":\"unavailable\""));
    assert_true(f->x.response.retry_after_s > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_in_the_table_is_not_there),
        TEST(a_known_address_names_its_methods),
        TEST(nobody_signed_in_gets_401),
        TEST(a_cookie_among_others_is_found),
        TEST(changes_need_the_csrf_token),
        TEST(changes_from_other_sites_are_refused),
        TEST(bodies_are_json),
        TEST(two_readings_of_one_request_are_none),
        TEST(public_addresses_need_nobody),
        TEST(not_ready_says_why),
        TEST(a_keeper_that_is_away_is_503),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
