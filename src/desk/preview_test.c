/* Pictures of attachments: asked for, made by somebody else, looked at. */
#include "core/ipc/cards.h"
#include "core/role.h"
#include "desk/fixture_test.h"
#include "desk/test_png.h"
#include "store/preview.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define T1 "01010101010101010101010101010101"
#define NONE "fefefefefefefefefefefefefefefefe"

static const struct fixture_file files[] = {{"plan.odt", "PK"}};
static const struct fixture_sender sender = {.from = "carla@customer.example", .files = files, .file_count = 1};

static struct object_id file;
static char path[96], item[400];

static const char *at(const char *rest) {
    char id[33];
    static char whole[128];
    for (size_t k = 0; k < sizeof file.b; k++)
        (void)snprintf(id + 2 * k, 3, "%02x", file.b[k]);
    (void)snprintf(path, sizeof path, "/api/v1/attachments/%s/preview", id);
    (void)snprintf(whole, sizeof whole, "%s%s", path, rest);
    return whole;
}

static void set_item(const char *state, const char *findings, bool previewable) {
    (void)snprintf(item, sizeof item,
                   "{\"id\":\"%.32s\",\"kind\":\"file\",\"index\":0,\"state\":\"%s\",\"findings\":[%s],\"released\":null,"
                   "\"openable\":false,\"previewable\":%s}",
                   at("") + strlen("/api/v1/attachments/"), state, findings, previewable ? "true" : "false");
    fake.custody[0] = item;
}

static int set_up(void **state) {
    struct object_id letter;
    if (fixture_set_up(state) != 0)
        return -1;
    memset(letter.b, 1, sizeof letter.b);
    assert_int_equal(attachment_object_id(&letter, 0, &file), SD_OK);
    fixture_ticket_from(*state, 1, &sender);
    set_item("clean", "", true);
    return 0;
}

static void begin(struct fixture *f, struct lease *lease) {
    assert_int_equal(lease_take(f->desk.stores, deadline_in_ms(5000), lease), SD_OK);
    assert_int_equal(store_begin(lease->store, deadline_in_ms(5000)), SD_OK);
}

/* As the clerk does it. */
static void make_pictures(struct fixture *f, unsigned count) {
    static const uint8_t colour[3] = {200, 30, 40};
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(1 << 20);
    struct buf pages SD_CLEANUP(buf_free) = buf_new(1 << 20), sealed SD_CLEANUP(buf_free) = buf_new(1 << 20);
    struct secret key SD_CLEANUP(secret_free) = {0};
    for (unsigned i = 0; i < count; i++) {
        struct buf png SD_CLEANUP(buf_free) = buf_new(65536);
        test_png(&png, 10 + i, 10, colour);
        buf_blob(&pages, buf_span(&png));
    }
    struct cards_preview_v1 preview = {
        .count = count, .total = 40, .cut = true, .note = SPAN("Fonts were replaced."), .pages = buf_span(&pages)};
    assert_int_equal(cards_preview_v1_encode(&card, &preview), SD_OK);
    enum sd_err fake_facet_key(struct span object, enum facet facet, struct secret * ret);
    assert_int_equal(fake_facet_key(object_id_span(&file), FACET_PREVIEW, &key), SD_OK);
    assert_int_equal(seal_facet(secret_span(&key), &file, FACET_PREVIEW, buf_span(&card.body), &sealed), SD_OK);
    begin(f, &lease);
    assert_int_equal(preview_seals(lease.store, &file), SD_OK);
    assert_int_equal(preview_done(lease.store, &file, buf_span(&sealed), count, 1764150000000), SD_OK);
    assert_int_equal(store_commit(lease.store), SD_OK);
}

static unsigned ask(struct fixture *f) {
    fixture_request(f, HTTP_POST, at(""), "");
    return fixture_go(f);
}

static void asking_makes_a_row_and_rings(void **state) {
    struct fixture *f = *state;
    struct preview_row row;
    f->desk.preview_bell = eventfd(0, EFD_NONBLOCK);
    assert_int_equal(fixture_get(f, at("")), 200);
    assert_string_equal(fixture_body(f),
                        "{\"state\":\"none\",\"pages\":0,\"total\":null,\"cut\":false,\"note\":\"\",\"reason\":\"\","
                        "\"final\":false}");
    assert_int_equal(ask(f), 202);
    assert_true(fixture_says(f, "\"state\":\"wanted\""));
    assert_int_equal(fake.previews, 1);
    assert_int_equal(wait_fd(f->desk.preview_bell, POLLIN, deadline_in_ms(0)), SD_OK);
    (void)close(f->desk.preview_bell);
    {
        struct lease lease SD_CLEANUP(lease_end) = {0};
        begin(f, &lease);
        assert_int_equal(preview_get(lease.store, &file, f->x.arena, &row), SD_OK);
    }
    assert_int_equal(row.state, PREVIEW_WANTED);
    assert_int_equal(row.warrant.b[0], 0xc1);
    assert_int_equal(ask(f), 200); /* on its way: not another warrant */
    assert_true(fixture_says(f, "\"state\":\"wanted\""));
    assert_int_equal(fake.previews, 1);
    assert_int_equal(fixture_get(f, at("/1")), 404);
    assert_int_equal(fake.opens, 0);
}

static void pictures_are_looked_at_page_by_page(void **state) {
    struct fixture *f = *state;
    assert_int_equal(ask(f), 202);
    make_pictures(f, 3);
    assert_int_equal(fixture_get(f, at("")), 200);
    assert_string_equal(fixture_body(f),
                        "{\"state\":\"done\",\"pages\":3,\"total\":40,\"cut\":true,\"note\":\"Fonts were replaced.\","
                        "\"reason\":\"\",\"final\":false}");
    for (unsigned page = 1; page <= 3; page++) {
        char rest[16];
        (void)snprintf(rest, sizeof rest, "/%u", page);
        assert_int_equal(fixture_get(f, at(rest)), 200);
        assert_string_equal(f->x.response.type, "image/png");
        assert_string_equal(f->x.response.policy, "default-src 'none'; frame-ancestors 'none'; sandbox");
        assert_true(span_starts(buf_span(&f->x.response.body), SPAN("\x89PNG")));
        assert_int_equal(f->x.response.body.p[19], 9 + page); /* its width */
    }
    static const char *const beyond[] = {"/0", "/4", "/18446744073709551616", "/-1", "/x", "/1.5"};
    for (size_t i = 0; i < SD_COUNT(beyond); i++)
        assert_int_equal(fixture_get(f, at(beyond[i])), 404);
    assert_int_equal(fake.opens, 1); /* one look, one record */
    assert_int_equal(fake.facet, FACET_PREVIEW);
    assert_int_equal(ask(f), 200);
    assert_true(fixture_says(f, "\"state\":\"done\""));
    assert_int_equal(fake.previews, 1);
}

static void another_session_opens_for_itself(void **state) {
    struct fixture *f = *state;
    assert_int_equal(ask(f), 202);
    make_pictures(f, 1);
    assert_int_equal(fixture_get(f, at("/1")), 200);
    fake.open_status = SD_ERR_DENIED;
    assert_int_equal(fixture_get(f, at("/1")), 200);
    fixture_request(f, HTTP_GET, at("/1"), "");
    f->request.cookie = SPAN(COOKIE_NEXT);
    assert_int_equal(fixture_go(f), 404);
    for (size_t i = 0; i < VIEWINGS_MAX; i++) /* as after a minute */
        f->desk.viewings.of[i].since_ns -= INT64_C(1000000000) * VIEWING_S;
    assert_int_equal(fixture_get(f, at("/1")), 404);
    assert_int_equal(fake.opens, 3);
}

static void all_pictures_are_a_pdf(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_get(f, at("/pdf")), 404);
    assert_int_equal(ask(f), 202);
    make_pictures(f, 2);
    assert_int_equal(fixture_get(f, at("/pdf")), 200);
    assert_string_equal(f->x.response.type, "application/pdf");
    assert_true(span_starts(f->x.response.disposition, SPAN("attachment; filename=\"plan.odt (pictures).pdf\";")));
    assert_true(span_starts(buf_span(&f->x.response.body), SPAN("%PDF-1.4\n")));
    assert_true(span_search(buf_span(&f->x.response.body), SPAN("/Count 2 ")) < f->x.response.body.n);
}

static void *make_after_a_moment(void *arg) {
    (void)usleep(300 * 1000);
    make_pictures(arg, 1);
    return NULL;
}

static void waiting_ends_when_they_are_there(void **state) {
    struct fixture *f = *state;
    pthread_t clerk;
    struct deadline most = deadline_in_ms(8000);
    assert_int_equal(ask(f), 202);
    assert_int_equal(pthread_create(&clerk, NULL, make_after_a_moment, f), 0);
    fixture_request(f, HTTP_GET, at(""), "");
    f->request.params[f->request.param_count++] = (struct http_param){SPAN("wait"), SPAN("1")};
    assert_int_equal(fixture_go(f), 200);
    assert_int_equal(pthread_join(clerk, NULL), 0);
    assert_true(fixture_says(f, "\"state\":\"done\",\"pages\":1,"));
    assert_false(deadline_passed(most));
}

static void what_failed_says_why_and_may_be_tried_again(void **state) {
    struct fixture *f = *state;
    assert_int_equal(ask(f), 202);
    {
        struct lease lease SD_CLEANUP(lease_end) = {0};
        begin(f, &lease);
        assert_int_equal(preview_failed(lease.store, &file, SPAN("LibreOffice is not installed."), 1764150000000), SD_OK);
        assert_int_equal(store_commit(lease.store), SD_OK);
    }
    assert_int_equal(fixture_get(f, at("")), 200);
    assert_true(fixture_says(f, "\"state\":\"failed\",\"pages\":0,\"total\":null,\"cut\":false,\"note\":\"\",\"reason\":"
                                "\"LibreOffice is not installed.\",\"final\":false}"));
    assert_int_equal(ask(f), 202);
    assert_int_equal(fake.previews, 2);
}

static void what_may_not_be_shown_is_not(void **state) {
    struct fixture *f = *state;
    set_item("malicious", "\"virus\"", false);
    fake.status = SD_ERR_UNSUPPORTED;
    assert_int_equal(ask(f), 409);
    assert_true(fixture_says(f, "\"detail\":\"This attachment is not shown. It is malicious."));
    assert_true(fixture_says(f, "A virus scanner knows it.\",\"code\":\"not-fit\"}"));
    assert_int_equal(fixture_get(f, at("")), 409);
    fake.status = SD_OK;
    set_item("clean", "", true);
    assert_int_equal(ask(f), 202);
    make_pictures(f, 1);
    fake.open_status = SD_ERR_UNSUPPORTED; /* it was shown, and turned out to be malicious since */
    set_item("malicious", "\"virus\"", false);
    static const char *const rests[] = {"", "/1", "/pdf"};
    for (size_t i = 0; i < SD_COUNT(rests); i++)
        assert_int_equal(fixture_get(f, at(rests[i])), 409);
}

static void not_yours_and_not_there_look_the_same(void **state) {
    struct fixture *f = *state;
    char first[512] = "";
    fake.open_status = fake.status = fake.custody_status = SD_ERR_DENIED;
    static const char *const others[] = {"/api/v1/attachments/" NONE "/preview", "/api/v1/attachments/x/preview/1",
                                         "/api/v1/attachments/" NONE "/preview/pdf"};
    for (size_t i = 0; i < 3 + SD_COUNT(others); i++) {
        fixture_request(f, i == 1 ? HTTP_POST : HTTP_GET, i < 3 ? at(i == 2 ? "/1" : "") : others[i - 3], "");
        assert_int_equal(fixture_go(f), 404);
        if (i == 0)
            (void)snprintf(first, sizeof first, "%s", fixture_body(f));
        assert_string_equal(fixture_body(f), first);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(asking_makes_a_row_and_rings),     TEST(pictures_are_looked_at_page_by_page),
        TEST(another_session_opens_for_itself), TEST(all_pictures_are_a_pdf),
        TEST(waiting_ends_when_they_are_there), TEST(what_failed_says_why_and_may_be_tried_again),
        TEST(what_may_not_be_shown_is_not),     TEST(not_yours_and_not_there_look_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
