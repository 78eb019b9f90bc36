/* What is looked into again and when, epochs of signatures, and what comes out after it was let in. */
#include "keeper/scanner.h"
#include "keeper/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ORIGIN SPAN("192.0.2.1")
#define MINUTE_MS (INT64_C(60) * 1000)
#define DAY_MS (24 * 60 * MINUTE_MS)

static struct rig rig;
static struct rig_person agent, guard;

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    rig_without_passkeys(&rig);
    rig_add_signed_in(&rig, "agent@example.test", "agent", "support", &agent);
    rig_add_signed_in(&rig, "guard@example.test", "security", NULL, &guard);
    return 0;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

static enum sd_err opens(const uint8_t object[16], enum facet facet) {
    struct keeper_open_req req = {
        .token = span_of(agent.token, 32), .origin = ORIGIN, .object = span_of(object, 16), .facet = (uint8_t)facet};
    struct keeper_open_rep rep;
    return RIG_CALL(&rig, RIG_DESK, open, &req, &rep);
}

static void settle(void) {
    keeper_collect(rig.k);
    keeper_settle(rig.k);
}

/* Of what is due now: how many, and is this letter among them? */
struct due {
    unsigned retry, hunt;
    bool retried, hunted;
};
static uint8_t id[16], file[16];

static struct due due_now(void) {
    struct keeper_scan_due_rep rep;
    struct span item;
    assert_int_equal(RIG_CALL(&rig, RIG_CLERK, scan_due, &(struct keeper_scan_due_req){}, &rep), SD_OK);
    struct due due = {.retry = rep.retry.count, .hunt = rep.hunt.count};
    struct ipc_list_iter iter = ipc_list_start(rep.retry);
    while (ipc_list_next(&iter, &item))
        due.retried |= span_eq(item, span_of(id, 16));
    iter = ipc_list_start(rep.hunt);
    while (ipc_list_next(&iter, &item))
        due.hunted |= span_eq(item, span_of(id, 16));
    return due;
}

static struct rig_adopted adopted;
static void adopt(uint8_t number) {
    struct rig_letter letter = RIG_LETTER(number);
    letter.version = 3;
    letter.attachments = 1;
    rig_adopt(&rig, &letter, &adopted);
    rig_object_id(&letter, id);
    rig_file_id(id, 0, file);
}

static void find(enum object_state state, const char *engine) {
    struct rig_verdict told = {
        .object = id, .states = {OBJECT_CLEAN, (uint8_t)state}, .count = 2, .engine = engine, .signature = "Test.Late"};
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
}

static void say(bool configured, bool up, const char *engine) {
    struct keeper_scanner_req req = {.configured = configured, .up = up, .engine = span_cstr(engine)};
    struct keeper_scanner_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_INSPECT, scanner, &req, &rep), SD_OK);
}

/* After 1, 5, 15, 30, 60 minutes, as long as nobody says what is in it. */
static void tried_again(SD_UNUSED void **state) {
    static const int64_t minutes[] = {1, 5, 15, 30, 60, 60, 60};
    say(true, true, "ClamAV 1/1/1");
    adopt(1);
    for (size_t i = 0; i < SD_COUNT(minutes); i++) {
        rig_now_ms += minutes[i] * MINUTE_MS - 1000;
        say(true, true, "ClamAV 1/1/1");
        assert_false(due_now().retried);
        rig_now_ms += 1000;
        assert_true(due_now().retried);
        assert_false(due_now().retried); /* handing it out puts it off */
    }
    find(OBJECT_CLEAN, "ClamAV 1/1/1");
    rig_now_ms += 2 * 60 * MINUTE_MS;
    say(true, true, "ClamAV 1/1/1");
    assert_int_equal(due_now().retry, 0);
}

/* Not while there is no scanner to ask; but what nobody looked into at all is looked into for its structure. */
static void only_when_somebody_can(SD_UNUSED void **state) {
    adopt(2);
    rig_now_ms += 10 * MINUTE_MS; /* nobody said anything for so long */
    assert_int_equal(due_now().retry, 0);
    say(true, false, "");
    assert_int_equal(due_now().retry, 0);
    say(false, false, "");
    assert_true(due_now().retried);
    struct rig_verdict told = {
        .object = id, .states = {OBJECT_CLEAN, OBJECT_UNSCANNED}, .findings = {0, FINDING_BIT(NO_SCANNER)}, .count = 2};
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    rig_now_ms += 5 * MINUTE_MS;
    say(false, false, "");
    assert_int_equal(due_now().retry, 0);
    say(true, true, "ClamAV 1/1/1");
    assert_true(due_now().retried);
    find(OBJECT_CLEAN, "ClamAV 1/1/1");
}

/* What waited for the scanner does not wait for its turn when that is back; but what may have brought it down does. */
static void at_once_when_it_is_back(SD_UNUSED void **state) {
    adopt(30);
    for (unsigned i = 0; i < 4; i++) {
        say(true, false, "");
        assert_false(due_now().retried);
        say(true, true, "ClamAV 1/1/1");
        assert_int_equal(due_now().retried, i < 2);
    }
    find(OBJECT_CLEAN, "ClamAV 1/1/1");
    say(true, false, "");
    say(true, true, "ClamAV 1/1/1");
    assert_false(due_now().retried); /* it is known now */
}

static void told_once(SD_UNUSED void **state) {
    say(true, true, "ClamAV 1/1/1");
    unsigned before = rig_records(&rig, "\"action\":\"scanner\"");
    for (unsigned i = 0; i < 5; i++)
        say(true, true, "ClamAV 1/1/1");
    assert_int_equal(rig_records(&rig, "\"action\":\"scanner\""), before);
    say(true, false, "");
    say(true, false, "");
    assert_int_equal(rig_records(&rig, "\"action\":\"scanner\""), before + 1);
    say(true, true, "ClamAV 1/1/1");
    assert_int_equal(rig_records(&rig, "\"action\":\"scanner\""), before + 2);
}

/* An engine that was there before begins no new epoch, whoever still says it. */
static void epochs(SD_UNUSED void **state) {
    int64_t first = 0, second = 0, newest = 0;
    say(true, true, "ClamAV 1/2/1");
    say(true, true, "ClamAV 1/3/1");
    assert_int_equal(epoch_of(rig.k, SPAN("ClamAV 1/2/1"), &first), SD_OK);
    assert_int_equal(epoch_of(rig.k, SPAN("ClamAV 1/3/1"), &second), SD_OK);
    assert_int_equal(second, first + 1);
    say(true, true, "ClamAV 1/2/1");
    assert_int_equal(epoch_newest(rig.k, &newest), SD_OK);
    assert_int_equal(newest, second);
    assert_int_equal(epoch_of(rig.k, SPAN("ClamAV 9/9/9"), &first), SD_OK);
    assert_int_equal(first, 0);
    char text[32];
    for (unsigned i = 0; i < 1000; i++) { /* an inspector that was taken over */
        (void)snprintf(text, sizeof text, "Made up %u", i);
        say(true, true, text);
    }
    assert_int_equal(epoch_newest(rig.k, &newest), SD_OK);
    assert_true(newest < second + 300);
    rig_now_ms += DAY_MS;
}

/* ---- looked into again when signatures changed ---- */

static unsigned hunt_all(bool *ret_mine) {
    unsigned all = 0;
    *ret_mine = false;
    for (unsigned i = 0; i < 50; i++) {
        struct due due = due_now();
        all += due.hunt;
        *ret_mine |= due.hunted;
    }
    return all;
}

static void hunted(SD_UNUSED void **state) {
    uint8_t old[16], opened[16], recent[16];
    bool mine = false;
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    say(true, true, "ClamAV 2/1/1");
    adopt(20);
    find(OBJECT_CLEAN, "ClamAV 2/1/1");
    memcpy(old, id, 16);
    adopt(21);
    find(OBJECT_CLEAN, "ClamAV 2/1/1");
    memcpy(opened, id, 16);
    assert_int_equal(opens(file, FACET_FILE), SD_OK);
    settle();
    rig_now_ms += 31 * DAY_MS;
    say(true, true, "ClamAV 2/1/1");
    adopt(22);
    find(OBJECT_CLEAN, "ClamAV 2/1/1");
    memcpy(recent, id, 16);
    (void)hunt_all(&mine); /* what earlier tests left */
    say(true, true, "ClamAV 2/2/1");
    memcpy(id, old, 16);
    struct due due = due_now();
    assert_int_equal(due.hunt, 2); /* the one that came of late, and the one that was opened */
    assert_false(due.hunted);
    assert_int_equal(hunt_all(&mine), 0); /* once */
    memcpy(id, recent, 16);
    find(OBJECT_CLEAN, "ClamAV 2/2/1");
    rig_now_ms += 61 * MINUTE_MS; /* the other one came to nothing: again */
    say(true, true, "ClamAV 2/2/1");
    memcpy(id, opened, 16);
    assert_int_equal(hunt_all(&mine), 1);
    assert_true(mine);
    find(OBJECT_CLEAN, "ClamAV 2/2/1");
    rig_now_ms += 61 * MINUTE_MS;
    say(true, true, "ClamAV 2/2/1");
    assert_int_equal(hunt_all(&mine), 0);
}

/* A letter without attachments is, once somebody got its source. */
static void sources_are_hunted(SD_UNUSED void **state) {
    bool mine = false;
    struct rig_letter letter = RIG_LETTER(50);
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    rig_adopt(&rig, &letter, &adopted);
    rig_object_id(&letter, id);
    say(true, true, "ClamAV 2/3/1");
    (void)hunt_all(&mine);
    assert_false(mine);
    assert_int_equal(opens(id, FACET_SOURCE), SD_OK);
    settle();
    say(true, true, "ClamAV 2/4/1");
    (void)hunt_all(&mine);
    assert_true(mine);
}

/* More than one call has room for, and after a restart: each once. */
static void many_are_hunted(SD_UNUSED void **state) {
    bool mine = false;
    say(true, true, "ClamAV 3/1/1");
    (void)hunt_all(&mine);
    for (uint8_t i = 100; i < 200; i++) {
        adopt(i);
        find(OBJECT_CLEAN, "ClamAV 3/1/1");
    }
    unsigned before = hunt_all(&mine);
    say(true, true, "ClamAV 3/2/1");
    unsigned found = hunt_all(&mine);
    assert_true(found >= 100);
    rig_crash(&rig);
    rig_open(&rig);
    rig_without_passkeys(&rig);
    assert_int_equal(due_now().hunt, 0); /* nobody said how the scanner is */
    say(true, true, "ClamAV 3/2/1");
    assert_int_equal(hunt_all(&mine), found);
    assert_true(before <= found);
}

/* ---- what came out later ---- */

static bool has(struct ipc_list list, const char *text) {
    return span_search(list.raw, span_cstr(text)) < list.raw.n;
}

static struct keeper_incident_list_rep incidents(void) {
    struct keeper_incident_list_req req = {.token = span_of(guard.token, 32), .origin = ORIGIN};
    struct keeper_incident_list_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, incident_list, &req, &rep), SD_OK);
    return rep;
}

static void came_out_later(SD_UNUSED void **state) {
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    assert_int_equal(rig_sign_in(&rig, "guard@example.test", RIG_PASSWORD, &guard), SIGN_IN_OK);
    say(true, true, "ClamAV 4/1/1");
    adopt(30);
    find(OBJECT_CLEAN, "ClamAV 4/1/1");
    assert_int_equal(opens(file, FACET_FILE), SD_OK);
    assert_int_equal(opens(file, FACET_PREVIEW), SD_OK);
    settle();
    assert_int_equal(opens(id, FACET_SOURCE), SD_OK); /* a moment before: not yet settled */
    unsigned before = rig_records(&rig, "\"reason\":\"infected\"");
    find(OBJECT_MALICIOUS, "ClamAV 4/2/1");
    assert_int_equal(opens(file, FACET_FILE), SD_ERR_UNSUPPORTED);
    assert_int_equal(opens(id, FACET_SOURCE), SD_ERR_UNSUPPORTED);
    assert_int_equal(rig_records(&rig, "\"reason\":\"infected\""), before + 1);
    struct keeper_incident_list_rep rep = incidents();
    assert_int_equal(rep.incidents.count, 1);
    assert_true(has(rep.incidents, "\"kind\":\"file\"") && has(rep.incidents, "\"signature\":\"Test.Late\""));
    assert_true(has(rep.incidents, "\"queue\":\"support\"") && has(rep.incidents, "\"state\":\"open\""));
    assert_true(has(rep.incidents, "\"name\":\"Test Person\"") && has(rep.incidents, "\"facet\":\"file\""));
    assert_true(has(rep.incidents, "\"facet\":\"preview\"") && has(rep.incidents, "\"facet\":\"source\""));
    find(OBJECT_MALICIOUS, "ClamAV 4/2/1"); /* no news */
    assert_int_equal(incidents().incidents.count, 1);
    /* after a crash the records are there again, and who opened it is known from them alone */
    adopt(31);
    find(OBJECT_CLEAN, "ClamAV 4/1/1");
    assert_int_equal(opens(file, FACET_FILE), SD_OK);
    rig_crash(&rig);
    rig_open(&rig);
    rig_without_passkeys(&rig);
    find(OBJECT_MALICIOUS, "ClamAV 4/2/1");
    rep = incidents();
    assert_int_equal(rep.incidents.count, 2);
    struct ipc_list_iter iter = ipc_list_start(rep.incidents);
    struct span newest;
    assert_true(ipc_list_next(&iter, &newest));
    assert_true(span_search(newest, SPAN("\"facet\":\"file\"")) < newest.n);
    assert_true(span_search(newest, SPAN("\"opened_by_more\":0")) < newest.n);
}

/* What was never let in is no incident, whatever comes out. */
static void never_let_in(SD_UNUSED void **state) {
    unsigned before = incidents().incidents.count;
    adopt(32);
    find(OBJECT_MALICIOUS, "ClamAV 4/1/1");
    adopt(33);
    find(OBJECT_SUSPICIOUS, "ClamAV 4/1/1");
    assert_int_equal(opens(file, FACET_PREVIEW), SD_OK);
    find(OBJECT_MALICIOUS, "ClamAV 4/1/1");
    assert_int_equal(incidents().incidents.count, before);
}

static void incidents_are_closed(SD_UNUSED void **state) {
    struct keeper_incident_close_req req = {
        .token = span_of(guard.token, 32), .origin = ORIGIN, .note = SPAN("passwords changed")};
    struct keeper_incident_close_rep rep;
    unsigned before = incidents().incidents.count;
    req.incident = 1;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, incident_close, &req, &rep), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, incident_close, &req, &rep), SD_ERR_NOTFOUND);
    assert_int_equal(rig_records(&rig, "\"action\":\"incident-close\""), 2);
    assert_int_equal(rig_records(&rig, "passwords changed"), 0);
    struct keeper_incident_list_rep list = incidents();
    assert_int_equal(list.incidents.count, before);
    assert_true(has(list.incidents, "\"state\":\"closed\"") && has(list.incidents, "\"note\":\"passwords changed\""));
    for (uint8_t i = 200; i < 240; i++) { /* in pages */
        adopt(i);
        find(OBJECT_CLEAN, "ClamAV 4/1/1");
        find(OBJECT_MALICIOUS, "ClamAV 4/2/1");
    }
    struct keeper_incident_list_req page = {.origin = ORIGIN};
    struct keeper_incident_list_rep pages;
    unsigned count = 0;
    do {
        assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, incident_list, &page, &pages), SD_OK);
        count += pages.incidents.count;
        page.before = pages.next;
    } while (pages.next);
    assert_int_equal(count, before + 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tried_again),
        cmocka_unit_test(only_when_somebody_can),
        cmocka_unit_test(at_once_when_it_is_back),
        cmocka_unit_test(told_once),
        cmocka_unit_test(epochs),
        cmocka_unit_test(hunted),
        cmocka_unit_test(sources_are_hunted),
        cmocka_unit_test(many_are_hunted),
        cmocka_unit_test(came_out_later),
        cmocka_unit_test(never_let_in),
        cmocka_unit_test(incidents_are_closed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
