/* Who comes in and as what, gestures, and that nothing tells of what one may not see. */
#include "core/ipc/keeper.h"
#include "desk/fixture_test.h"
#include "store/facet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T1 "01010101010101010101010101010101"
#define T2 "02020202020202020202020202020202"

static unsigned ask(struct fixture *f, enum http_method method, const char *path, const char *body) {
    fixture_request(f, method, path, body);
    return fixture_go(f);
}

/* ---- who comes in ---- */

static void the_session_says_what_it_is(void **state) {
    struct fixture *f = *state;
    fake.factor = FACTOR_PASSKEY;
    assert_int_equal(fixture_get(f, "/api/v1/session"), 200);
    assert_true(fixture_says(f, "\"factor\":\"passkey\",\"limited\":false,\"rights\":[\"list\",\"open\"],\"alarms\":2}"));
}

static const struct {
    enum http_method method;
    const char *path;
} whole_routes[] = {
    {HTTP_GET, "/api/v1/tickets"},
    {HTTP_GET, "/api/v1/tickets/" T1},
    {HTTP_PATCH, "/api/v1/tickets/" T1},
    {HTTP_DELETE, "/api/v1/tickets/" T1},
    {HTTP_GET, "/api/v1/messages/" T1},
    {HTTP_GET, "/api/v1/messages/" T1 "/source"},
    {HTTP_DELETE, "/api/v1/messages/" T1},
    {HTTP_GET, "/api/v1/tickets/" T1 "/timeline"},
    {HTTP_GET, "/api/v1/sessions"},
    {HTTP_GET, "/api/v1/people"},
    {HTTP_POST, "/api/v1/people"},
    {HTTP_PUT, "/api/v1/roles/x"},
    {HTTP_GET, "/api/v1/grants"},
    {HTTP_POST, "/api/v1/break-glass"},
    {HTTP_GET, "/api/v1/explain"},
    {HTTP_GET, "/api/v1/who-can"},
    {HTTP_GET, "/api/v1/tokens"},
    {HTTP_POST, "/api/v1/warrants"},
    {HTTP_GET, "/api/v1/requests"},
    {HTTP_GET, "/api/v1/alarms"},
    {HTTP_POST, "/api/v1/people/" T1 "/reset"},
    {HTTP_POST, "/api/v1/requests/" T1 "/approve"},
};

static void a_limited_session_changes_its_own_factors_alone(void **state) {
    struct fixture *f = *state;
    static const char *const open[] = {"/api/v1/session", "/api/v1/passkeys"};
    fake.limited = true;
    for (size_t i = 0; i < SD_COUNT(whole_routes); i++) {
        assert_int_equal(ask(f, whole_routes[i].method, whole_routes[i].path, "{}"), 403);
        assert_true(fixture_says(f, "\"code\":\"passkey-required\""));
    }
    for (size_t i = 0; i < SD_COUNT(open); i++)
        assert_int_equal(fixture_get(f, open[i]), 200);
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/passkeys/challenge", ""), 200);
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/recovery-codes", "{}"), 200);
}

static void a_machine_comes_by_bearer_alone(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fixture_bearer(f, HTTP_GET, "/api/v1/tickets", "");
    assert_int_equal(fixture_go(f), 200);
    fixture_bearer(f, HTTP_PATCH, "/api/v1/tickets/" T1, "{\"state\":\"closed\"}"); /* no CSRF, whatever page it says */
    f->request.if_match = SPAN("*");
    f->request.origin = SPAN("https://elsewhere.example");
    assert_int_equal(fixture_go(f), 200);
    fixture_bearer(f, HTTP_GET, "/api/v1/tickets", "");
    f->request.cookie = SPAN(COOKIE_NOBODY);
    assert_int_equal(fixture_go(f), 400);
    assert_true(fixture_says(f, "\"code\":\"malformed\""));
}

static void machines_and_people_are_not_confused(void **state) {
    struct fixture *f = *state;
    static const char *const wrong[] = {"Bearer ERERERERERERERERERERERERERERERERERERERERERE", "Bearer sdt_short",
                                        "Bearer sdt_"};
    for (size_t i = 0; i < SD_COUNT(wrong); i++) {
        fixture_bearer(f, HTTP_GET, "/api/v1/session", "");
        f->request.authorization = span_cstr(wrong[i]);
        assert_int_equal(fixture_go(f), 401);
    }
    fixture_bearer(f, HTTP_GET, "/api/v1/session", "");
    fake.factor = FACTOR_TOTP; /* a session's token where an API token belongs */
    assert_int_equal(fixture_go(f), 401);
    fake.factor = FACTOR_TOKEN; /* and the other way round */
    assert_int_equal(fixture_get(f, "/api/v1/session"), 401);
}

static void a_machine_has_no_factors_and_administers_nothing(void **state) {
    struct fixture *f = *state;
    static const char *const paths[] = {"/api/v1/passkeys", "/api/v1/sessions", "/api/v1/people",  "/api/v1/grants",
                                        "/api/v1/tokens",   "/api/v1/warrants", "/api/v1/requests"};
    for (size_t i = 0; i < SD_COUNT(paths); i++) {
        fixture_bearer(f, HTTP_GET, paths[i], "");
        assert_int_equal(fixture_go(f), 403);
        assert_true(fixture_says(f, "\"code\":\"person-required\""));
    }
    fixture_bearer(f, HTTP_POST, "/api/v1/step-up/challenge", "{\"act\":\"purge\"}");
    assert_int_equal(fixture_go(f), 403);
    fixture_bearer(f, HTTP_DELETE, "/api/v1/tickets/" T1, "");
    assert_int_equal(fixture_go(f), 403);
}

static void a_replaced_token_goes_into_the_cookie(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fake.replaces_token = true;
    assert_int_equal(fixture_get(f, "/api/v1/tickets"), 200);
    assert_true(span_eq(f->x.response.set_cookie, SPAN(COOKIE_NEXT "; HttpOnly; SameSite=Strict; Path=/")));
    assert_int_equal(fixture_get(f, "/api/v1/tickets/" T2), 404); /* on refusals too: the old one is good for a minute more */
    assert_true(f->x.response.set_cookie.n > 0);
}

/* ---- passkeys ---- */

#define CLIENT_DATA "eyJjaGFsbGVuZ2UiOiJZMmhoYkd4bGJtZGwifQ" /* {"challenge":"Y2hhbGxlbmdl"}: "challenge" */
#define ASSERTION                                                                                                              \
    "{\"id\":\"aWQ\",\"rawId\":\"aWQ\",\"type\":\"public-key\",\"response\":{\"clientDataJSON\":\"" CLIENT_DATA                \
    "\",\"authenticatorData\":\"ZGF0YQ\",\"signature\":\"c2lnbmVk\",\"userHandle\":\"\"}}"
#define REGISTRATION                                                                                                           \
    "{\"id\":\"aWQ\",\"rawId\":\"aWQ\",\"type\":\"public-key\",\"response\":{\"clientDataJSON\":\"" CLIENT_DATA                \
    "\",\"attestationObject\":\"YXR0ZXN0ZWQ\"}}"

static void a_passkey_signs_in(void **state) {
    struct fixture *f = *state;
    fixture_request(f, HTTP_POST, "/api/v1/session/challenge", "");
    f->request.cookie = f->request.csrf = f->request.content_type = SPAN_NONE;
    assert_int_equal(fixture_go(f), 200);
    assert_string_equal(fixture_body(f), "{\"challenge\":\"Y2hhbGxlbmdl\",\"rpId\":\"localhost\",\"timeout\":300000,"
                                         "\"userVerification\":\"required\",\"allowCredentials\":[]}");
    fixture_request(f, HTTP_POST, "/api/v1/session/passkey", "{\"credential\":" ASSERTION "}");
    f->request.cookie = f->request.csrf = SPAN_NONE;
    assert_int_equal(fixture_go(f), 201);
    assert_string_equal(fake.challenge, "challenge");
    assert_true(span_starts(f->x.response.set_cookie, SPAN(COOKIE_AGENT)));
    assert_true(fixture_says(f, "\"csrf\":\"" CSRF_AGENT "\""));
}

static void what_is_no_passkeys_answer_is_said_to_be(void **state) {
    struct fixture *f = *state;
    static const char *const wrong[] = {
        "null",
        "1",
        "{}",
        "{\"rawId\":\"aWQ\"}",
        REGISTRATION,
        "{\"rawId\":\"aWQ\",\"response\":{\"clientDataJSON\":\"e30\",\"authenticatorData\":\"ZA\","
        "\"signature\":\"ZA\"}}",
        "{\"rawId\":\"a+Q\",\"response\":{\"clientDataJSON\":\"" CLIENT_DATA
        "\",\"authenticatorData\":\"ZA\",\"signature\":\"ZA\"}}"};
    for (size_t i = 0; i < SD_COUNT(wrong); i++) {
        char body[600];
        (void)snprintf(body, sizeof body, "{\"credential\":%s}", wrong[i]);
        assert_int_equal(ask(f, HTTP_POST, "/api/v1/session/passkey", body), 422);
        assert_true(fixture_says(f, "\"field\":\"credential\""));
    }
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/session/passkey", "{\"credential\":" ASSERTION ",\"totp\":\"1\"}"), 422);
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/session/passkey", "[]"), 400);
    assert_string_equal(fake.challenge, "");
}

static void adding_a_passkey_makes_a_limited_session_whole(void **state) {
    struct fixture *f = *state;
    fake.limited = true;
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/passkeys/challenge", ""), 200);
    assert_string_equal(
        fixture_body(f),
        "{\"challenge\":\"Y2hhbGxlbmdl\",\"rp\":{\"id\":\"localhost\",\"name\":\"Sealdesk\"},\"user\":{\"id\":"
        "\"qrsAAAAAAAAAAAAAAAAAAA\",\"name\":\"ada@example.com\",\"displayName\":\"Ada\"},\"pubKeyCredParams\":[{\"type\":"
        "\"public-key\",\"alg\":-7},{\"type\":\"public-key\",\"alg\":-8},{\"type\":\"public-key\",\"alg\":-257}],\"timeout\":"
        "300000,\"excludeCredentials\":[{\"type\":\"public-key\",\"id\":\"dGhlcmUgYWxyZWFkeQ\"}],\"authenticatorSelection\":{"
        "\"residentKey\":\"required\",\"requireResidentKey\":true,\"userVerification\":\"required\"},\"attestation\":"
        "\"none\"}");
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/passkeys", "{\"name\":\"Phone\",\"credential\":" REGISTRATION "}"), 201);
    assert_string_equal(fixture_body(f), "{\"id\":\"bmV3\"}");
    assert_string_equal(fake.text, "attested");
    assert_true(span_starts(f->x.response.set_cookie, SPAN(COOKIE_NEXT)));
}

static void removing_a_passkey_names_its_hash(void **state) {
    struct fixture *f = *state;
    fake.status = SD_ERR_GESTURE;
    assert_int_equal(ask(f, HTTP_DELETE, "/api/v1/passkeys/bmV3", ""), 403);
    assert_true(fixture_says(f, "\"code\":\"step-up-required\",\"act\":\"own-factors\",\"object\":"
                                "\"11507a0e2f5e69d5dfa40a62a1bd7b6e\"}"));
    assert_string_equal(fake.text, "new");
    fake.status = SD_OK;
    fake.problem = "It is the last one.";
    assert_int_equal(ask(f, HTTP_DELETE, "/api/v1/passkeys/bmV3", ""), 409);
    assert_true(fixture_says(f, "\"detail\":\"It is the last one.\",\"code\":\"refused\""));
    assert_int_equal(ask(f, HTTP_DELETE, "/api/v1/passkeys/!", ""), 404);
}

static void a_password_alone_says_when_a_passkey_is_wanted(void **state) {
    struct fixture *f = *state;
    fake.sign_in_outcome = SIGN_IN_PASSKEY;
    fixture_request(f, HTTP_POST, "/api/v1/session", "{\"email\":\"a@example.com\",\"password\":\"x\",\"totp\":\"1\"}");
    f->request.cookie = SPAN_NONE;
    assert_int_equal(fixture_go(f), 401);
    assert_true(fixture_says(f, "\"code\":\"passkey-required\""));
}

static void enrolment_takes_link_and_code(void **state) {
    struct fixture *f = *state;
#define LINK "\"link\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/enrolment", "{" LINK ",\"code\":\"ABCD-EFGH\"}"), 200);
    assert_true(fixture_says(f, "\"role\":\"admin\",\"passkey_needed\":true,"));
    assert_true(fixture_says(f, "\"secret\":\"GEZDGNBV\""));
    assert_true(fixture_says(f, "\"qr\":\"<svg "));
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/enrolment", "{" LINK ",\"code\":\"wrong\"}"), 403);
    assert_true(fixture_says(f, "\"code\":\"enrolment-failed\""));
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/enrolment", "{\"link\":\"AAAA\",\"code\":\"ABCD-EFGH\"}"), 422);
    assert_int_equal(
        ask(f, HTTP_POST, "/api/v1/enrolment/finish",
            "{" LINK ",\"code\":\"ABCD-EFGH\",\"password\":\"p\",\"passkey_name\":\"Phone\",\"credential\":" REGISTRATION "}"),
        200);
    assert_string_equal(fixture_body(f), "{\"recovery_codes\":[\"AAAA-BBBB\"]}");
    assert_string_equal(fake.text, "Phone");
    fake.problem = "The password is too short.";
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/enrolment/finish", "{" LINK ",\"code\":\"c\",\"password\":\"p\"}"), 409);
}

/* ---- gestures ---- */

static void refusals_name_act_and_object(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    static const struct {
        enum sd_err err;
        unsigned status;
        const char *says;
    } cases[] = {
        {SD_ERR_GESTURE, 403, "\"code\":\"step-up-required\",\"act\":\"purge\",\"object\":\"" T1 "\"}"},
        {SD_ERR_APPROVAL, 403, "\"code\":\"approval-required\",\"act\":\"purge\",\"object\":\"" T1 "\"}"},
        {SD_ERR_LOCKED, 503, "\"code\":\"locked\"}"},
        {SD_ERR_DENIED, 404, "\"code\":\"not-found\"}"},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        fake.status = cases[i].err;
        assert_int_equal(ask(f, HTTP_DELETE, "/api/v1/tickets/" T1, ""), cases[i].status);
        assert_true(fixture_says(f, cases[i].says));
    }
    fake.open_status = SD_ERR_BUDGET;
    assert_int_equal(fixture_get(f, "/api/v1/messages/" T1), 403);
    assert_true(fixture_says(f, "\"code\":\"step-up-required\",\"act\":\"exceed-budget\"}"));
    fake.open_status = SD_ERR_SPENT;
    assert_int_equal(fixture_get(f, "/api/v1/messages/" T1), 429);
    assert_true(fixture_says(f, "\"code\":\"budget-spent\""));
    assert_true(f->x.response.retry_after_s > 0);
}

static void a_gesture_carries_its_act(void **state) {
    struct fixture *f = *state;
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/step-up/challenge", "{\"act\":\"purge\",\"object\":\"" T1 "\"}"), 200);
    assert_int_equal(fake.verb, VERB_PURGE);
    assert_int_equal(fake.object_bytes, 16);
    assert_true(fixture_says(f, "\"allowCredentials\":[{\"type\":\"public-key\",\"id\":\"dGhlcmUgYWxyZWFkeQ\"}]"));
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/step-up", "{\"act\":\"keys\",\"credential\":" ASSERTION "}"), 204);
    assert_int_equal(fake.verb, VERB_KEYS);
    assert_int_equal(fake.object_bytes, 0);
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/step-up", "{\"act\":\"keys\",\"totp\":\"123456\"}"), 204);
    assert_string_equal(fake.text, "123456");
    fake.status = SD_ERR_DENIED;
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/step-up", "{\"act\":\"keys\",\"credential\":" ASSERTION "}"), 403);
    assert_true(fixture_says(f, "\"code\":\"gesture-refused\""));
    static const char *const wrong[] = {"{\"act\":\"none\",\"totp\":\"1\"}", "{\"act\":\"keys\"}", "{\"totp\":\"1\"}",
                                        "{\"act\":\"keys\",\"object\":\"17\",\"totp\":\"1\"}"};
    for (size_t i = 0; i < SD_COUNT(wrong); i++)
        assert_int_equal(ask(f, HTTP_POST, "/api/v1/step-up", wrong[i]), 422);
}

static void the_gesture_to_approve_is_for_the_requests_act(void **state) {
    struct fixture *f = *state;
    fake.status = SD_ERR_GESTURE;
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/requests/" T1 "/approve", ""), 403);
    assert_true(fixture_says(f, "\"act\":\"purge\",\"object\":\"" T1 "\"}"));
    fake.status = SD_OK;
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/requests/" T1 "/approve", ""), 200);
    assert_string_equal(fixture_body(f), "{\"code\":\"ABCD-EFGH\"}");
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/requests/" T1 "/decline", ""), 204);
}

/* ---- people and rights ---- */

static void people_are_changed_one_thing_at_a_time(void **state) {
    struct fixture *f = *state;
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/people", "{\"email\":\"a@example.com\",\"name\":\"A\",\"role\":\"agent\"}"),
                     201);
    assert_string_equal(fixture_body(f),
                        "{\"id\":\"" PERSON_AGENT "\",\"link\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
                        "\"code\":\"ABCD-EFGH\",\"expires_at\":\"2026-11-23T12:00:00.000Z\"}");
    assert_int_equal(ask(f, HTTP_PATCH, "/api/v1/people/" T1, "{\"suspended\":true}"), 204);
    assert_int_equal(fake.verb, PERSON_SUSPEND);
    assert_int_equal(ask(f, HTTP_PATCH, "/api/v1/people/" T1, "{\"suspended\":false,\"reason\":\"came back\"}"), 204);
    assert_int_equal(fake.verb, PERSON_RESUME);
    assert_int_equal(ask(f, HTTP_PATCH, "/api/v1/people/" T1, "{\"role\":\"admin\"}"), 204);
    assert_string_equal(fake.text, "admin");
    assert_int_equal(ask(f, HTTP_PATCH, "/api/v1/people/" T1, "{\"role\":\"admin\",\"name\":\"x\"}"), 422);
    assert_int_equal(ask(f, HTTP_PATCH, "/api/v1/people/" T1, "{}"), 422);
    assert_int_equal(ask(f, HTTP_DELETE, "/api/v1/people/" T1, ""), 204);
    assert_int_equal(fake.verb, PERSON_REMOVE);
    fake.status = SD_ERR_GESTURE;
    assert_int_equal(ask(f, HTTP_DELETE, "/api/v1/people/" T1, ""), 403);
    assert_true(fixture_says(f, "\"act\":\"people\",\"object\":\"" T1 "\"}"));
}

static void grants_are_rules(void **state) {
    struct fixture *f = *state;
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/grants",
                         "{\"person\":\"" T1
                         "\",\"verbs\":[\"open\",\"list\"],\"queue\":\"sales\",\"categories\":[\"special\"],"
                         "\"until\":\"2027-01-01T00:00:00Z\",\"reason\":\"stands in\"}"),
                     201);
    assert_string_equal(fixture_body(f), "{\"id\":7}");
    assert_true(fake.object_bytes > 20);
    static const char *const wrong[] = {"{\"person\":\"" T1 "\",\"verbs\":[],\"reason\":\"r\"}",
                                        "{\"person\":\"" T1 "\",\"verbs\":[\"none\"],\"reason\":\"r\"}",
                                        "{\"person\":\"ada\",\"verbs\":[\"open\"],\"reason\":\"r\"}",
                                        "{\"person\":\"" T1 "\",\"verbs\":[\"open\"],\"categories\":[\"x\"],\"reason\":\"r\"}",
                                        "{\"person\":\"" T1 "\",\"verbs\":[\"open\"],\"until\":\"tomorrow\",\"reason\":\"r\"}"};
    for (size_t i = 0; i < SD_COUNT(wrong); i++)
        assert_int_equal(ask(f, HTTP_POST, "/api/v1/grants", wrong[i]), 422);
    fake.status = SD_ERR_GESTURE;
    assert_int_equal(ask(f, HTTP_DELETE, "/api/v1/grants/7", ""), 403);
    assert_true(fixture_says(f, "\"act\":\"people\",\"object\":\"" T1 "\"}"));
    assert_int_equal(ask(f, HTTP_DELETE, "/api/v1/grants/x", ""), 404);
}

static void a_token_is_shown_once(void **state) {
    struct fixture *f = *state;
    assert_int_equal(ask(f, HTTP_POST, "/api/v1/tokens",
                         "{\"name\":\"import\",\"verbs\":[\"list\"],\"expires_at\":\"2027-01-01T00:00:00Z\"}"),
                     201);
    assert_string_equal(fixture_body(f), "{\"id\":\"aabb0000000000000000000000000000\",\"token\":\"sdt_"
                                         "ERERERERERERERERERERERERERERERERERERERERERE\"}");
    assert_int_equal(fake.verb, VERB_BIT(LIST));
}

static void lists_go_on_by_cursor(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_get(f, "/api/v1/sessions"), 200);
    assert_string_equal(fixture_body(f), "{\"items\":[{\"mine\":true}],\"next\":\"qrsAAAAAAAAAAAAAAAAAAA\"}");
    fixture_request(f, HTTP_GET, "/api/v1/sessions", "");
    f->request.params[f->request.param_count++] = (struct http_param){SPAN("cursor"), SPAN("qrsAAAAAAAAAAAAAAAAAAA")};
    assert_int_equal(fixture_go(f), 200);
    assert_int_equal(fake.object[1], 0xbb);
    assert_int_equal(fixture_get(f, "/api/v1/alarms"), 200);
    assert_string_equal(fixture_body(f), "{\"items\":[{\"id\":9}],\"next\":\"CQAAAAAAAAA\"}");
    fixture_request(f, HTTP_GET, "/api/v1/alarms", "");
    f->request.params[f->request.param_count++] = (struct http_param){SPAN("cursor"), SPAN("CQAAAAAAAAA")};
    assert_int_equal(fixture_go(f), 200);
    assert_true(fixture_says(f, "\"next\":null"));
    f->request.params[0].value = SPAN("!!");
    assert_int_equal(fixture_go(f), 422);
    assert_int_equal(ask(f, HTTP_DELETE, "/api/v1/sessions", ""), 200);
    assert_string_equal(fixture_body(f), "{\"ended\":3}");
    assert_int_equal(fake.object_bytes, 0);
}

/* ---- what one may not see is not there ---- */

static void hidden_tickets_leave_no_gap_in_lists(void **state) {
    struct fixture *f = *state;
    for (uint8_t i = 1; i <= 60; i++)
        fixture_ticket(f, i, "support", TICKET_OPEN, "x");
    fake.hidden = ~(UINT64_C(1) << 60 | UINT64_C(1) << 30 | UINT64_C(1) << 2);
    fixture_request(f, HTTP_GET, "/api/v1/tickets", "");
    f->request.params[f->request.param_count++] = (struct http_param){SPAN("limit"), SPAN("2")};
    assert_int_equal(fixture_go(f), 200);
    assert_true(fixture_says(f, "\"number\":60,"));
    assert_true(fixture_says(f, "\"number\":30,"));
    char cursor[128];
    const char *next = strstr(fixture_body(f), "\"next\":\"");
    assert_non_null(next);
    assert_int_equal(sscanf(next, "\"next\":\"%127[^\"]", cursor), 1);
    fixture_request(f, HTTP_GET, "/api/v1/tickets", "");
    f->request.params[f->request.param_count++] = (struct http_param){SPAN("cursor"), span_cstr(cursor)};
    assert_int_equal(fixture_go(f), 200);
    assert_true(fixture_says(f, "\"number\":2,"));
    assert_true(fixture_says(f, "\"next\":null"));
}

static void a_cursor_does_not_tell_of_hidden_tickets(void **state) {
    struct fixture *f = *state;
    for (uint8_t i = 1; i <= 5; i++)
        fixture_ticket(f, i, "support", TICKET_OPEN, "x");
    fake.hidden = 1 << 1 | 1 << 2 | 1 << 3; /* all that is older than what is shown */
    fixture_request(f, HTTP_GET, "/api/v1/tickets", "");
    f->request.params[f->request.param_count++] = (struct http_param){SPAN("limit"), SPAN("2")};
    assert_int_equal(fixture_go(f), 200);
    assert_true(fixture_says(f, "\"number\":4,"));
    assert_true(fixture_says(f, "\"next\":null"));
}

static void a_hidden_ticket_answers_as_one_that_is_not_there(void **state) {
    struct fixture *f = *state;
    static const struct {
        enum http_method method;
        const char *path, *body, *if_match;
    } requests[] = {
        {HTTP_GET, "/api/v1/tickets/%s", "", ""},
        {HTTP_PATCH, "/api/v1/tickets/%s", "{\"state\":\"closed\"}", ""},
        {HTTP_PATCH, "/api/v1/tickets/%s", "{\"state\":\"closed\"}", "\"99\""},
        {HTTP_PATCH, "/api/v1/tickets/%s", "{\"state\":\"lost\"}", "*"},
        {HTTP_PATCH, "/api/v1/tickets/%s", "no json", "*"},
        {HTTP_PATCH, "/api/v1/tickets/%s", "{\"category\":\"normal\"}", "*"},
        {HTTP_POST, "/api/v1/tickets/%s/replies", "{\"text\":\"x\"}", ""},
        {HTTP_POST, "/api/v1/tickets/%s/replies", "{\"text\":\"x\"}", "\"99\""},
        {HTTP_POST, "/api/v1/tickets/%s/replies", "{}", ""},
        {HTTP_POST, "/api/v1/tickets/%s/replies", "no json", ""},
    };
    char first[1024] = "";
    fixture_ticket(f, 1, "support", TICKET_REVIEW, "x");
    fake.hidden = 1 << 1;
    for (size_t i = 0; i < 2 * SD_COUNT(requests); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, requests[i / 2].path, i % 2 ? T1 : T2); /* NOLINT: formats of this table */
        fixture_request(f, requests[i / 2].method, path, requests[i / 2].body);
        f->request.if_match = span_cstr(requests[i / 2].if_match);
        assert_int_equal(fixture_go(f), 404);
        if (i == 0)
            (void)snprintf(first, sizeof first, "%s", fixture_body(f));
        assert_string_equal(fixture_body(f), first);
        assert_int_equal(f->x.response.etag.n, 0);
    }
}

static void explanations_tell_agents_of_no_hidden_ticket(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    for (unsigned turn = 0; turn < 2; turn++) {
        fake.hidden = turn ? 1 << 1 : 0;
        fixture_request(f, HTTP_GET, "/api/v1/explain", "");
        f->request.params[0] = (struct http_param){SPAN("act"), SPAN("open")};
        f->request.params[1] = (struct http_param){SPAN("ticket"), turn ? SPAN("1") : SPAN(T1)};
        f->request.param_count = 2;
        assert_int_equal(fixture_go(f), turn ? 404 : 200);
    }
    fixture_request(f, HTTP_GET, "/api/v1/explain", "");
    f->request.params[0] = (struct http_param){SPAN("act"), SPAN("open")};
    f->request.params[1] = (struct http_param){SPAN("queue"), SPAN("sales")};
    f->request.param_count = 2;
    assert_int_equal(fixture_go(f), 200);
    assert_string_equal(fixture_body(f), "{\"may\":true,\"person\":{\"id\":\"" PERSON_AGENT
                                         "\",\"name\":\"Ada\"},\"lines\":[\"The built-in role agent allows it.\"]}");
}

/* ---- changes ---- */

static void a_ticket_gets_a_category(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fixture_request(f, HTTP_PATCH, "/api/v1/tickets/" T1, "{\"category\":\"special\"}");
    f->request.if_match = SPAN("*");
    assert_int_equal(fixture_go(f), 200);
    assert_true(fixture_says(f, "\"category\":\"special\""));
    assert_int_equal(fixture_row(f, 1).category, CATEGORY_SPECIAL);
    assert_int_equal(fake.acts, 1);
    fixture_request(f, HTTP_PATCH, "/api/v1/tickets/" T1, "{\"category\":\"secret\"}");
    f->request.if_match = SPAN("*");
    assert_int_equal(fixture_go(f), 422);
}

static bool facet_is_there(struct fixture *f, uint8_t seed) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(1 << 20);
    struct object_id object;
    memset(object.b, seed, sizeof object.b);
    assert_int_equal(lease_take(f->desk.stores, deadline_in_ms(5000), &lease), SD_OK);
    return facet_get(lease.store, &object, FACET_HEAD, &sealed) == SD_OK;
}

static void what_is_destroyed_leaves_the_store(void **state) {
    struct fixture *f = *state;
    fixture_ticket(f, 1, "support", TICKET_OPEN, "x");
    fixture_letter(f, 1, 2, TICKET_OPEN, 0);
    fixture_letter(f, 1, 3, TICKET_OPEN, 0);
    assert_int_equal(ask(f, HTTP_DELETE, "/api/v1/messages/" T1, ""), 204);
    assert_int_equal(fake.object[0], 1);
    assert_false(facet_is_there(f, 1));
    assert_int_equal(fixture_row(f, 1).messages, 2);
    assert_int_equal(fixture_row(f, 1).first.b[0], 2); /* lists show the oldest that is left */
    assert_int_equal(ask(f, HTTP_DELETE, "/api/v1/messages/" T1, ""), 404);
    assert_int_equal(ask(f, HTTP_DELETE, "/api/v1/tickets/" T1, ""), 204);
    assert_false(facet_is_there(f, 2));
    assert_false(facet_is_there(f, 3));
    assert_int_equal(fixture_get(f, "/api/v1/tickets/" T1), 404);
    fake.status = SD_ERR_APPROVAL; /* nothing goes before the keeper has said so */
    fixture_ticket(f, 4, "support", TICKET_OPEN, "x");
    assert_int_equal(ask(f, HTTP_DELETE, "/api/v1/tickets/04040404040404040404040404040404", ""), 403);
    assert_true(facet_is_there(f, 4));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_session_says_what_it_is),
        TEST(a_limited_session_changes_its_own_factors_alone),
        TEST(a_machine_comes_by_bearer_alone),
        TEST(machines_and_people_are_not_confused),
        TEST(a_machine_has_no_factors_and_administers_nothing),
        TEST(a_replaced_token_goes_into_the_cookie),
        TEST(a_passkey_signs_in),
        TEST(what_is_no_passkeys_answer_is_said_to_be),
        TEST(adding_a_passkey_makes_a_limited_session_whole),
        TEST(removing_a_passkey_names_its_hash),
        TEST(a_password_alone_says_when_a_passkey_is_wanted),
        TEST(enrolment_takes_link_and_code),
        TEST(refusals_name_act_and_object),
        TEST(a_gesture_carries_its_act),
        TEST(the_gesture_to_approve_is_for_the_requests_act),
        TEST(people_are_changed_one_thing_at_a_time),
        TEST(grants_are_rules),
        TEST(a_token_is_shown_once),
        TEST(lists_go_on_by_cursor),
        TEST(hidden_tickets_leave_no_gap_in_lists),
        TEST(a_cursor_does_not_tell_of_hidden_tickets),
        TEST(a_hidden_ticket_answers_as_one_that_is_not_there),
        TEST(explanations_tell_agents_of_no_hidden_ticket),
        TEST(a_ticket_gets_a_category),
        TEST(what_is_destroyed_leaves_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
