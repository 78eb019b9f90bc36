/* Attachments, what is said of them, and what goes out of them. */
#include "crypt/crypt.h"
#include "desk/fixture_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T1 "01010101010101010101010101010101"
#define NONE "fefefefefefefefefefefefefefefefe"

static const struct fixture_file files[] = {{"invoice\xe2\x80\xae"
                                             "fdp.exe",
                                             "MZ\x01 not a picture"},
                                            {"../b \xc3\xa4.pdf", "%PDF-1.7"}};
static const struct fixture_sender sender = {
    .from = "carla@customer.example", .files = files, .file_count = 2, .html = "<p>Hello <b>you</b></p>"};

static char id[2][33];    /* of the two attachments */
static char item[3][600]; /* what the keeper says of the letter and of each */

static void set_item(unsigned i, const char *state, const char *findings, const char *more, bool openable, bool previewable) {
    (void)snprintf(item[i], sizeof item[i],
                   "{\"id\":\"%s\",\"kind\":\"%s\",\"index\":%u,\"state\":\"%s\",\"findings\":[%s],%s,\"openable\":%s,"
                   "\"previewable\":%s}",
                   i ? id[i - 1] : T1, i ? "file" : "letter", i ? i - 1 : 0, state, findings, more, openable ? "true" : "false",
                   previewable ? "true" : "false");
}

#define NOT_RELEASED                                                                                                           \
    "\"signature\":\"\",\"engine\":\"ClamAV 1/2/3\",\"scanned_at\":\"2026-11-28T10:00:00.000Z\",\"released\":null"

static int set_up(void **state) {
    if (fixture_set_up(state) != 0)
        return -1;
    struct object_id letter, file;
    memset(letter.b, 1, sizeof letter.b);
    for (uint16_t i = 0; i < 2; i++) {
        assert_int_equal(attachment_object_id(&letter, i, &file), SD_OK);
        for (size_t k = 0; k < sizeof file.b; k++)
            (void)snprintf(id[i] + 2 * k, 3, "%02x", file.b[k]);
    }
    fixture_ticket_from(*state, 1, &sender);
    set_item(0, "suspicious", "\"executable\"", NOT_RELEASED, false, false);
    set_item(1, "suspicious", "\"executable\",\"deceptive-name\"", NOT_RELEASED, false, true);
    set_item(2, "clean", "", NOT_RELEASED, true, true);
    for (unsigned i = 0; i < 3; i++)
        fake.custody[i] = item[i];
    return 0;
}

static unsigned get(struct fixture *f, const char *pattern, const char *which) {
    static char path[128];
    (void)snprintf(path, sizeof path, pattern, which); /* NOLINT: formats of these tests */
    return fixture_get(f, path);
}

/* ---- what is said ---- */

static void a_message_says_what_was_found_in_it(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_get(f, "/api/v1/messages/" T1), 200);
    assert_true(fixture_says(f, "\"has_html\":true,\"html\":\"<p>Hello <b>you</b></p>\",\"state\":\"suspicious\",\"findings\":"
                                "[{\"id\":\"executable\",\"sentence\":\"It is a program.\"}],\"signature\":\"\","));
    assert_true(fixture_says(f, id[0]));
    assert_true(fixture_says(f, "\"size\":17,\"state\":\"suspicious\",\"findings\":[{\"id\":\"executable\",\"sentence\":"
                                "\"It is a program.\"},{\"id\":\"deceptive-name\",\"sentence\":"));
    assert_true(fixture_says(f, "\"size\":8,\"state\":\"clean\",\"findings\":[],\"signature\":\"\",\"engine\":\"ClamAV 1/2/3\","
                                "\"scanned_at\":\"2026-11-28T10:00:00.000Z\",\"released\":null,\"openable\":true,"
                                "\"previewable\":true}]"));
    assert_int_equal(fake.opens, 3);
}

static void who_takes_html_elsewhere_opens_it_there(void **state) {
    struct fixture *f = *state;
    fixture_request(f, HTTP_GET, "/api/v1/messages/" T1, "");
    f->request.params[f->request.param_count++] = (struct http_param){SPAN("html"), SPAN("false")};
    assert_int_equal(fixture_go(f), 200);
    assert_true(fixture_says(f, "\"has_html\":true,\"html\":null,"));
    assert_int_equal(fake.opens, 2);
}

static void what_the_keeper_does_not_speak_of_is_unscanned(void **state) {
    struct fixture *f = *state; /* the store's rows say clean */
    fake.custody[0] = NULL;
    assert_int_equal(fixture_get(f, "/api/v1/messages/" T1), 200);
    assert_true(fixture_says(f, "\"size\":8,\"state\":\"unscanned\",\"findings\":[],\"signature\":\"\",\"engine\":\"\","
                                "\"scanned_at\":null,\"released\":null,\"openable\":false,\"previewable\":false}"));
    fake.custody[0] = "{\"id\":\"" T1 "\",\"state\":\"perfect\",\"findings\":[\"new\",7],\"openable\":\"yes\"}";
    fake.custody[1] = "no json";
    assert_int_equal(fixture_get(f, "/api/v1/messages/" T1), 200);
    assert_true(fixture_says(f,
                             "\"state\":\"unscanned\",\"findings\":[],\"signature\":\"\",\"engine\":\"\",\"scanned_at\":null,"
                             "\"released\":null,\"openable\":false"));
    fake.custody_status = SD_ERR_UNAVAILABLE;
    assert_int_equal(fixture_get(f, "/api/v1/messages/" T1), 503);
}

static void a_release_is_shown(void **state) {
    struct fixture *f = *state;
    set_item(1, "malicious", "\"virus\"",
             "\"signature\":\"Eicar-Test\",\"engine\":\"\",\"scanned_at\":null,"
             "\"released\":{\"by\":\"a1b2c3\",\"name\":\"Ada\",\"at\":\"2026-11-28T11:00:00.000Z\"}",
             true, true);
    assert_int_equal(get(f, "/api/v1/messages/%s/attachments", T1), 200);
    assert_true(fixture_says(f, "\"state\":\"malicious\",\"findings\":[{\"id\":\"virus\",\"sentence\":\"A virus scanner knows "
                                "it.\"}],\"signature\":\"Eicar-Test\",\"engine\":\"\",\"scanned_at\":null,\"released\":{\"by\":"
                                "\"a1b2c3\",\"name\":\"Ada\",\"at\":\"2026-11-28T11:00:00.000Z\"},\"openable\":true"));
    assert_int_equal(fake.opens, 1); /* the head */
}

/* ---- HTML ---- */

static void html_comes_without_rights(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_get(f, "/api/v1/messages/" T1 "/html"), 200);
    assert_string_equal(f->x.response.type, "text/html; charset=utf-8");
    assert_string_equal(f->x.response.policy, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox");
    assert_true(span_starts(buf_span(&f->x.response.body), SPAN("<!doctype html>")));
    assert_true(fixture_says(f, "<body>\n<p>Hello <b>you</b></p>\n</body></html>\n"));
    assert_int_equal(fake.facet, FACET_HTML);
    fake.open_status = SD_ERR_UNSUPPORTED;
    assert_int_equal(fixture_get(f, "/api/v1/messages/" T1 "/html"), 409);
    assert_null(f->x.response.policy);
}

static void where_there_is_no_html_there_is_nothing(void **state) {
    struct fixture *f = *state;
    fixture_letter(f, 1, 2, TICKET_OPEN, 0);
    assert_int_equal(fixture_get(f, "/api/v1/messages/02020202020202020202020202020202/html"), 404);
    assert_int_equal(fake.opens, 0);
    assert_int_equal(fixture_get(f, "/api/v1/messages/02020202020202020202020202020202"), 200);
    assert_true(fixture_says(f, "\"has_html\":false,\"html\":null,"));
}

/* ---- originals ---- */

static void set_digest(const char *content) {
    struct sha256 digest;
    assert_int_equal(crypt_sha256(span_cstr(content), &digest), SD_OK);
    memcpy(fake.digest, digest.b, sizeof digest.b);
}

static void an_original_is_saved_under_a_safe_name(void **state) {
    struct fixture *f = *state;
    set_digest(files[1].content);
    assert_int_equal(get(f, "/api/v1/attachments/%s", id[1]), 200);
    assert_int_equal(fake.facet, FACET_FILE);
    assert_string_equal(fixture_body(f), "%PDF-1.7");
    assert_string_equal(f->x.response.type, "application/octet-stream");
    assert_string_equal(f->x.response.policy, "default-src 'none'; frame-ancestors 'none'; sandbox");
    assert_true(span_eq(f->x.response.disposition, SPAN("attachment; filename=\"b _.pdf\"; filename*=UTF-8''b%20%C3%A4.pdf")));
    set_digest(files[0].content);
    assert_int_equal(get(f, "/api/v1/attachments/%s", id[0]), 200);
    assert_true(span_starts(f->x.response.disposition, SPAN("attachment; filename=\"invoicefdp.exe\";")));
}

static void a_name_that_may_not_be_read_is_none(void **state) {
    struct fixture *f = *state;
    fake.refuse_heads = true;
    set_digest(files[1].content);
    assert_int_equal(get(f, "/api/v1/attachments/%s", id[1]), 200);
    assert_true(span_starts(f->x.response.disposition, SPAN("attachment; filename=\"attachment\";")));
}

static void not_a_byte_of_what_was_changed_goes_out(void **state) {
    struct fixture *f = *state;
    set_digest("%PDF-1.8");
    assert_int_equal(get(f, "/api/v1/attachments/%s", id[1]), 500);
    assert_true(fixture_says(f, "\"code\":\"internal\""));
    assert_null(strstr(fixture_body(f), "PDF"));
    assert_int_equal(f->x.response.disposition.n, 0);
}

static void what_is_closed_says_why_and_what_to_do(void **state) {
    struct fixture *f = *state;
    fake.open_status = SD_ERR_UNSUPPORTED;
    assert_int_equal(get(f, "/api/v1/attachments/%s", id[0]), 409);
    assert_true(fixture_says(f, "\"code\":\"not-fit\""));
    assert_true(
        fixture_says(f, "\"detail\":\"The original of this attachment is closed. It is suspicious. Whoever really needs it "
                        "asks a person with the right for its release. It is a program. Its name has characters that turn "
                        "or hide parts of it. Pictures of its pages can be looked at without opening it.\""));
    set_item(1, "unscanned", "\"scanner-down\"", NOT_RELEASED, false, false);
    assert_int_equal(get(f, "/api/v1/attachments/%s", id[0]), 409);
    assert_true(fixture_says(f, "\"code\":\"unscanned\""));
    assert_true(
        fixture_says(f, "It is not scanned yet. Wait: that is tried again by itself. The virus scanner did not answer"));
    set_item(1, "unscanned", "\"no-scanner\"", NOT_RELEASED, false, false);
    assert_int_equal(get(f, "/api/v1/attachments/%s", id[0]), 409);
    assert_true(fixture_says(f, "no virus scanner is configured (scan.clamd): an administrator sets one up.\""));
    set_item(2, "clean", "", NOT_RELEASED, false, true);
    assert_int_equal(get(f, "/api/v1/attachments/%s", id[1]), 409);
    assert_true(fixture_says(f, "stays closed until its ticket is taken out of Review"));
    assert_int_equal(fixture_get(f, "/api/v1/messages/" T1 "/source"), 409);
    assert_true(fixture_says(f, "The source of this message is closed. It is suspicious."));
    assert_int_equal(fixture_get(f, "/api/v1/messages/" T1), 409);
    assert_true(fixture_says(f, "This message is held and cannot be opened. It is in quarantine: a person with the right can"));
}

static void not_yours_and_not_there_look_the_same(void **state) {
    struct fixture *f = *state;
    static const struct {
        enum http_method method;
        const char *pattern, *body;
    } requests[] = {{HTTP_GET, "/api/v1/attachments/%s", ""},
                    {HTTP_POST, "/api/v1/attachments/%s/release", "{\"reason\":\"known to be safe\"}"}};
    const char *const which[] = {id[0], NONE, "x"};
    char first[512] = "";
    fake.open_status = fake.status = SD_ERR_DENIED;
    for (size_t i = 0; i < SD_COUNT(requests) * SD_COUNT(which); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, requests[i / SD_COUNT(which)].pattern, which[i % SD_COUNT(which)]); /* NOLINT */
        fixture_request(f, requests[i / SD_COUNT(which)].method, path, requests[i / SD_COUNT(which)].body);
        assert_int_equal(fixture_go(f), 404);
        if (i == 0)
            (void)snprintf(first, sizeof first, "%s", fixture_body(f));
        assert_string_equal(fixture_body(f), first);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_message_says_what_was_found_in_it),
        TEST(who_takes_html_elsewhere_opens_it_there),
        TEST(what_the_keeper_does_not_speak_of_is_unscanned),
        TEST(a_release_is_shown),
        TEST(html_comes_without_rights),
        TEST(where_there_is_no_html_there_is_nothing),
        TEST(an_original_is_saved_under_a_safe_name),
        TEST(a_name_that_may_not_be_read_is_none),
        TEST(not_a_byte_of_what_was_changed_goes_out),
        TEST(what_is_closed_says_why_and_what_to_do),
        TEST(not_yours_and_not_there_look_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
