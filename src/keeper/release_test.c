/* What is held, who sees that and lets it out, with what, and what becomes of it; pictures of attachments; what root destroys.
 */
#include "keeper/permit.h"
#include "keeper/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ORIGIN SPAN("192.0.2.1")
#define WHY "The sender was called and says that it is theirs."

static struct rig rig;
static struct rig_person agent, boss, guard;

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    rig_without_passkeys(&rig);
    rig_add_signed_in(&rig, "agent@example.test", "agent", "support", &agent);
    rig_add_signed_in(&rig, "boss@example.test", "supervisor", "support", &boss);
    rig_add_signed_in(&rig, "guard@example.test", "security", NULL, &guard);
    return 0;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

static struct span token_of(const struct rig_person *person) {
    return person ? span_of(person->token, 32) : SPAN_NONE;
}

static void gesture(const struct rig_person *person, enum verb verb, const uint8_t object[16]) {
    struct who who SD_CLEANUP(who_free) = {0};
    assert_int_equal(session_check(rig.k, token_of(person), ORIGIN, &who), SD_OK);
    assert_int_equal(gesture_add(rig.k, &who, verb, span_of(object, 16), false), SD_OK);
}

static enum sd_err opens(const struct rig_person *person, const uint8_t object[16], enum facet facet) {
    struct keeper_open_req req = {
        .token = token_of(person), .origin = ORIGIN, .object = span_of(object, 16), .facet = (uint8_t)facet};
    struct keeper_open_rep rep;
    return RIG_CALL(&rig, RIG_DESK, open, &req, &rep);
}

/* A letter with two attachments, of which the first was found to be this. */
static uint8_t id[16], file[16], other[16], ticket[16];
static struct rig_adopted adopted;

static void have(uint8_t number, enum object_state state, uint64_t findings, enum disposition disposition) {
    struct rig_letter letter = RIG_LETTER(number);
    struct rig_verdict told = {.object = id,
                               .states = {OBJECT_CLEAN, (uint8_t)state, OBJECT_CLEAN},
                               .findings = {0, findings, 0},
                               .count = 3,
                               .signature = "Test.Sample",
                               .engine = "ClamAV 1/2/3"};
    letter.attachments = 2;
    letter.disposition = (uint8_t)disposition;
    letter.version = 3;
    rig_adopt(&rig, &letter, &adopted);
    memcpy(ticket, adopted.ticket, 16);
    rig_object_id(&letter, id);
    rig_file_id(id, 0, file);
    rig_file_id(id, 1, other);
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
}

/* Its answer's problem, or "". */
static char problem[257];
static unsigned ticket_state;
static enum sd_err release(const struct rig_person *by, const uint8_t object[16], const char *reason) {
    struct keeper_release_req req = {
        .token = token_of(by), .origin = ORIGIN, .object = span_of(object, 16), .reason = span_cstr(reason)};
    struct keeper_release_rep rep;
    enum sd_err err = RIG_CALL(&rig, by ? RIG_DESK : RIG_ADMIN, release, &req, &rep);
    problem[0] = 0;
    if (err == SD_OK) {
        (void)snprintf(problem, sizeof problem, "%.*s", SPAN_FMT(rep.problem));
        ticket_state = rep.ticket_state;
    }
    return err;
}

/* ---- releasing ---- */

static void by_who_may(SD_UNUSED void **state) {
    have(1, OBJECT_ENCRYPTED, 0, DISPOSITION_ACCEPT);
    assert_int_equal(opens(&agent, file, FACET_FILE), SD_ERR_UNSUPPORTED);
    assert_int_equal(opens(&agent, other, FACET_FILE), SD_OK);
    assert_int_equal(release(&agent, file, WHY), SD_ERR_DENIED);
    assert_int_equal(release(&boss, file, WHY), SD_ERR_DENIED);
    assert_int_equal(release(&guard, file, WHY), SD_ERR_GESTURE);
    gesture(&guard, VERB_RELEASE, other);
    assert_int_equal(release(&guard, file, WHY), SD_ERR_GESTURE); /* that was for another */
    gesture(&guard, VERB_RELEASE, file);
    assert_int_equal(release(&guard, file, " "), SD_OK); /* no reason: no release, and the gesture still waits */
    assert_true(problem[0]);
    assert_int_equal(opens(&agent, file, FACET_FILE), SD_ERR_UNSUPPORTED);
    assert_int_equal(release(&guard, file, WHY), SD_OK);
    assert_string_equal(problem, "");
    assert_int_equal(ticket_state, TICKET_OPEN);
    assert_int_equal(opens(&agent, file, FACET_FILE), SD_OK);
    assert_int_equal(opens(&agent, file, FACET_PREVIEW), SD_OK);
    assert_int_equal(opens(&agent, id, FACET_SOURCE), SD_ERR_UNSUPPORTED); /* the letter was not */
    assert_int_equal(opens(&guard, file, FACET_FILE), SD_ERR_DENIED);      /* who lets out does not read */
    assert_int_equal(rig_records(&rig, "\"action\":\"release\",\"object\":{\"kind\":\"file\""), 6);
    assert_int_equal(rig_records(&rig, "\"reason\":\"stepped up encrypted\""), 1);
    assert_int_equal(rig_records(&rig, "sender was called"), 0); /* kept apart from the log */
    assert_int_equal(release(&guard, file, WHY), SD_OK);
    assert_string_equal(problem, "It was released already.");
    assert_int_equal(release(&guard, other, WHY), SD_OK);
    assert_string_equal(problem, "It is clean: nothing holds it.");
}

/* Two people, where the administrator wants that. */
static void by_four_eyes(SD_UNUSED void **state) {
    struct access_settings access = rig.k->access, before = rig.k->access;
    access.four_eyes = VERB_BIT(RELEASE);
    keeper_set_access(rig.k, &access);
    have(2, OBJECT_SUSPICIOUS, FINDING_BIT(MACRO), DISPOSITION_ACCEPT);
    gesture(&guard, VERB_RELEASE, file);
    assert_int_equal(release(&guard, file, WHY), SD_ERR_APPROVAL);
    keeper_set_access(rig.k, &before);
}

/* A letter that was quarantined is read by nobody until it is released; then it is in Review, and its attachments open when
 * somebody decided on it. */
static void a_letter_in_quarantine(SD_UNUSED void **state) {
    have(3, OBJECT_CLEAN, 0, DISPOSITION_QUARANTINE);
    assert_int_equal(opens(&agent, id, FACET_TEXT), SD_ERR_UNSUPPORTED);
    assert_int_equal(opens(&agent, id, FACET_HEAD), SD_ERR_UNSUPPORTED);
    assert_int_equal(opens(&agent, other, FACET_FILE), SD_ERR_UNSUPPORTED);
    assert_int_equal(release(NULL, id, WHY), SD_OK);
    assert_string_equal(problem, "");
    assert_int_equal(ticket_state, TICKET_REVIEW);
    assert_int_equal(opens(&agent, id, FACET_HEAD), SD_OK);
    assert_int_equal(opens(&agent, id, FACET_HTML), SD_OK);
    assert_int_equal(opens(&agent, id, FACET_SOURCE), SD_OK);
    assert_int_equal(opens(&agent, other, FACET_FILE), SD_ERR_UNSUPPORTED); /* the gate */
    struct keeper_act_req act = {.token = token_of(&agent),
                                 .origin = ORIGIN,
                                 .ticket = span_of(ticket, 16),
                                 .action = ACTION_STATE,
                                 .detail = SPAN("open")};
    struct keeper_act_rep acted;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, act, &act, &acted), SD_OK);
    assert_int_equal(opens(&agent, other, FACET_FILE), SD_OK);
    assert_int_equal(rig_records(&rig, "\"actor\":{\"kind\":\"root\",\"id\":\"\"},\"action\":\"release\""), 1);
}

/* What is found anew closes it again; what was known stays open. */
static void closed_again(SD_UNUSED void **state) {
    have(4, OBJECT_SUSPICIOUS, FINDING_BIT(MACRO), DISPOSITION_ACCEPT);
    struct rig_verdict told = {.object = id, .states = {OBJECT_CLEAN, OBJECT_SUSPICIOUS, OBJECT_CLEAN}, .count = 3};
    assert_int_equal(release(NULL, file, WHY), SD_OK);
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    assert_int_equal(opens(&agent, file, FACET_FILE), SD_OK);
    told.states[1] = OBJECT_ENCRYPTED;
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    assert_int_equal(opens(&agent, file, FACET_FILE), SD_ERR_UNSUPPORTED);
    assert_int_equal(release(NULL, file, WHY), SD_OK);
    assert_string_equal(problem, "");
    assert_int_equal(opens(&agent, file, FACET_FILE), SD_OK);
    told.states[1] = OBJECT_MALICIOUS;
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    assert_int_equal(opens(&agent, file, FACET_FILE), SD_ERR_UNSUPPORTED);
    assert_int_equal(opens(&agent, file, FACET_PREVIEW), SD_ERR_UNSUPPORTED);
    assert_int_equal(rig_records(&rig, "\"reason\":\"infected\""), 1); /* it had been let in: somebody is told */
}

/* ---- what is known, and what is held ---- */

static bool has(struct ipc_list list, const char *text) {
    return span_search(list.raw, span_cstr(text)) < list.raw.n;
}

static void custody(SD_UNUSED void **state) {
    have(5, OBJECT_MALICIOUS, FINDING_BIT(VIRUS) | FINDING_BIT(MACRO), DISPOSITION_ACCEPT);
    struct keeper_custody_req req = {.token = token_of(&agent), .origin = ORIGIN, .object = span_of(id, 16)};
    struct keeper_custody_rep rep;
    unsigned before = rig_records(&rig, "\"seq\"");
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, custody, &req, &rep), SD_OK);
    assert_int_equal(rep.items.count, 3);
    assert_true(has(rep.items, "\"kind\":\"letter\",\"index\":0,\"state\":\"malicious\",\"findings\":[]"));
    assert_true(has(rep.items, "\"kind\":\"file\",\"index\":0,\"state\":\"malicious\",\"findings\":[\"virus\",\"macro\"],"
                               "\"signature\":\"Test.Sample\",\"engine\":\"ClamAV 1/2/3\",\"scanned_at\":\"20"));
    assert_true(has(rep.items, "\"released\":null,\"openable\":false,\"previewable\":false"));
    assert_true(has(rep.items, "\"released\":null,\"openable\":true,\"previewable\":true"));
    assert_int_equal(rig_records(&rig, "\"seq\""), before);
    assert_int_equal(release(NULL, file, WHY), SD_OK);
    req.object = span_of(file, 16); /* of an attachment: the same */
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, custody, &req, &rep), SD_OK);
    assert_int_equal(rep.items.count, 3);
    assert_true(has(rep.items, "\"released\":{\"by\":\"\",\"name\":\"root\",\"at\":\"20"));
    req.token = token_of(&guard); /* may not see the list */
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, custody, &req, &rep), SD_ERR_DENIED);
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, custody, &(struct keeper_custody_req){.object = span_of(id, 16)}, &rep), SD_OK);
}

/* Two hundred attachments of which everything was found: briefly, and in one answer. */
static void custody_of_many(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(6);
    uint8_t letter_id[16];
    letter.attachments = 200;
    rig_adopt(&rig, &letter, &adopted);
    rig_object_id(&letter, letter_id);
    struct query q = db_query(rig.k->db, SQL_OBJECT_FOUND);
    assert_int_equal(query_end(&q), SD_OK);
    for (uint16_t i = 0; i < 200; i++) {
        uint8_t one[16];
        rig_file_id(letter_id, i, one);
        q = db_query(rig.k->db, SQL_OBJECT_FOUND);
        query_int(&q, OBJECT_MALICIOUS);
        query_int(&q, OBJECT_MALICIOUS);
        query_int(&q, (INT64_C(1) << FINDING_COUNT) - 1);
        query_text(&q, SPAN("A.Signature.With.A.Name.Of.Some.Length-123456789-0"));
        query_text(&q, SPAN("ClamAV 1.4.6/27001/1764000000"));
        query_int(&q, rig_now_ms);
        query_int(&q, 1);
        query_blob(&q, span_of(one, 16));
        assert_int_equal(query_run(&q), SD_OK);
        q = db_query(rig.k->db, SQL_OBJECT_RELEASE);
        query_int(&q, rig_now_ms);
        query_blob(&q, span_of(guard.id, 16));
        query_blob(&q, SPAN_NONE);
        query_blob(&q, span_of(one, 16));
        assert_int_equal(query_run(&q), SD_OK);
    }
    struct keeper_custody_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, custody, &(struct keeper_custody_req){.object = span_of(letter_id, 16)}, &rep),
                     SD_OK);
    assert_int_equal(rep.items.count, 201);
}

static unsigned list_held(const struct rig_person *by, const char *text, unsigned *ret_pages) {
    struct keeper_quarantine_list_req req = {.token = token_of(by), .origin = ORIGIN};
    struct keeper_quarantine_list_rep rep;
    unsigned count = 0;
    *ret_pages = 0;
    do {
        assert_int_equal(RIG_CALL(&rig, by ? RIG_DESK : RIG_ADMIN, quarantine_list, &req, &rep), SD_OK);
        struct ipc_list_iter iter = ipc_list_start(rep.items);
        struct span item;
        while (ipc_list_next(&iter, &item))
            count += span_search(item, span_cstr(text)) < item.n;
        req.before = rep.next;
        ++*ret_pages;
    } while (rep.next);
    return count;
}

static void what_is_held(SD_UNUSED void **state) {
    struct rig_letter billing = RIG_LETTER(70);
    unsigned pages = 0, before = list_held(NULL, "\"kind\"", &pages);
    have(7, OBJECT_SUSPICIOUS, FINDING_BIT(MACRO), DISPOSITION_ACCEPT);
    assert_int_equal(list_held(NULL, "\"kind\"", &pages), before + 2); /* the attachment, and so its letter */
    assert_int_equal(release(NULL, file, WHY), SD_OK);
    assert_int_equal(list_held(NULL, "\"kind\"", &pages), before + 1);
    have(8, OBJECT_CLEAN, 0, DISPOSITION_QUARANTINE);
    assert_int_equal(list_held(NULL, "\"disposition\":\"quarantine\"", &pages), 1);
    for (uint8_t i = 100; i < 180; i++)
        have(i, OBJECT_UNSCANNABLE, FINDING_BIT(DAMAGED), DISPOSITION_ACCEPT);
    assert_int_equal(list_held(NULL, "\"state\":\"unscannable\"", &pages), 160);
    assert_true(pages > 3);
    assert_int_equal(list_held(&guard, "\"findings\":[\"damaged\"],\"signature\":\"Test.Sample\"", &pages), 80);
    billing.queue = "billing";
    billing.version = 3;
    rig_adopt(&rig, &billing, &adopted);
    assert_int_equal(list_held(NULL, "\"queue\":\"billing\"", &pages), 1);
    struct keeper_quarantine_list_req req = {.token = token_of(&agent), .origin = ORIGIN};
    struct keeper_quarantine_list_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, quarantine_list, &req, &rep), SD_ERR_DENIED);
}

/* ---- pictures ---- */

static uint8_t warrant[16];
static enum sd_err want_preview(const struct rig_person *person, const uint8_t object[16]) {
    struct keeper_preview_wanted_req req = {.token = token_of(person), .origin = ORIGIN, .object = span_of(object, 16)};
    struct keeper_preview_wanted_rep rep;
    enum sd_err err = RIG_CALL(&rig, RIG_DESK, preview_wanted, &req, &rep);
    if (err == SD_OK)
        memcpy(warrant, rep.warrant.p, 16);
    return err;
}

static enum sd_err use(enum rig_peer peer, const uint8_t object[16], enum facet facet) {
    struct keeper_warrant_open_req req = {
        .warrant = span_of(warrant, 16), .object = span_of(object, 16), .facet = (uint8_t)facet};
    struct keeper_warrant_open_rep rep;
    return RIG_CALL(&rig, peer, warrant_open, &req, &rep);
}

static void previews(SD_UNUSED void **state) {
    have(9, OBJECT_SUSPICIOUS, FINDING_BIT(MACRO), DISPOSITION_ACCEPT);
    assert_int_equal(want_preview(&guard, file), SD_ERR_DENIED);
    assert_int_equal(want_preview(&agent, id), SD_ERR_DENIED); /* a letter has none */
    assert_int_equal(want_preview(&agent, file), SD_OK);
    assert_int_equal(use(RIG_COURIER, file, FACET_FILE), SD_ERR_DENIED);
    assert_int_equal(use(RIG_CLERK, other, FACET_FILE), SD_ERR_DENIED); /* of that one alone */
    assert_int_equal(use(RIG_CLERK, id, FACET_SOURCE), SD_ERR_DENIED);
    assert_int_equal(use(RIG_CLERK, file, FACET_FILE), SD_OK);
    assert_int_equal(use(RIG_CLERK, file, FACET_PREVIEW), SD_OK);
    assert_int_equal(opens(&agent, file, FACET_PREVIEW), SD_OK);
    assert_int_equal(opens(&agent, file, FACET_FILE), SD_ERR_UNSUPPORTED);
    struct rig_verdict told = {.object = id, .states = {OBJECT_CLEAN, OBJECT_MALICIOUS, OBJECT_CLEAN}, .count = 3};
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    assert_int_equal(use(RIG_CLERK, file, FACET_FILE), SD_ERR_DENIED); /* what is found meanwhile counts */
    assert_int_equal(want_preview(&agent, file), SD_ERR_UNSUPPORTED);
    assert_int_equal(want_preview(&agent, other), SD_OK);
    rig_now_ms += 10 * 60 * 1000;
    assert_int_equal(use(RIG_CLERK, other, FACET_FILE), SD_ERR_DENIED); /* over */
    assert_int_equal(want_preview(&agent, other), SD_OK);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(use(RIG_CLERK, other, i % 2 ? FACET_PREVIEW : FACET_FILE), SD_OK);
    assert_int_equal(use(RIG_CLERK, other, FACET_FILE), SD_ERR_DENIED); /* used up */
    rig.k->scan.show_suspicious = false;
    have(10, OBJECT_SUSPICIOUS, FINDING_BIT(MACRO), DISPOSITION_ACCEPT);
    assert_int_equal(want_preview(&agent, file), SD_ERR_UNSUPPORTED);
    rig.k->scan.show_suspicious = true;
    have(11, OBJECT_CLEAN, 0, DISPOSITION_REVIEW); /* the gate before attachments */
    assert_int_equal(want_preview(&agent, file), SD_ERR_UNSUPPORTED);
}

/* Turning the pages of one attachment costs one opening in ten minutes; each is on the record. */
static void pages_cost_once(SD_UNUSED void **state) {
    struct access_settings access = rig.k->access, before = rig.k->access;
    have(12, OBJECT_CLEAN, 0, DISPOSITION_ACCEPT);
    rig_now_ms += INT64_C(24) * 60 * 60 * 1000;
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    access.budget.opens_per_minute = 2;
    keeper_set_access(rig.k, &access);
    unsigned records = rig_records(&rig, "\"reason\":\"preview\"");
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(opens(&agent, file, FACET_PREVIEW), SD_OK);
    assert_int_equal(rig_records(&rig, "\"reason\":\"preview\""), records + 30);
    assert_int_equal(opens(&agent, other, FACET_PREVIEW), SD_OK);
    assert_int_equal(opens(&agent, other, FACET_FILE), SD_ERR_BUDGET);
    rig_now_ms += 9 * 60 * 1000;
    assert_int_equal(opens(&agent, file, FACET_PREVIEW), SD_OK);
    assert_int_equal(opens(&agent, id, FACET_TEXT), SD_OK);
    assert_int_equal(opens(&agent, id, FACET_TEXT), SD_OK);
    rig_now_ms += 59 * 1000;
    assert_int_equal(opens(&agent, file, FACET_PREVIEW), SD_OK);
    keeper_set_access(rig.k, &before);
}

/* ---- destroying ---- */

static enum sd_err destroy(const uint8_t object[16], const char *reason, uint32_t *ret) {
    struct keeper_destroy_req req = {.object = span_of(object, 16), .reason = span_cstr(reason)};
    struct keeper_destroy_rep rep = {0};
    enum sd_err err = RIG_CALL(&rig, RIG_ADMIN, destroy, &req, &rep);
    *ret = err ? 0 : rep.destroyed;
    return err;
}

static void root_destroys_what_is_held(SD_UNUSED void **state) {
    uint32_t count = 0;
    have(13, OBJECT_MALICIOUS, FINDING_BIT(VIRUS), DISPOSITION_ACCEPT);
    unsigned alarms = rig_records(&rig, "\"reason\":\"root-destroyed\"");
    assert_int_equal(destroy(other, WHY, &count), SD_ERR_DENIED); /* that one is clean */
    assert_int_equal(destroy(file, "", &count), SD_ERR_DENIED);
    assert_int_equal(destroy(ticket, WHY, &count), SD_ERR_DENIED);
    assert_int_equal(rig_records(&rig, "\"reason\":\"root-destroyed\""), alarms);
    assert_int_equal(destroy(file, WHY, &count), SD_OK);
    assert_int_equal(count, 3); /* the letter dies as a whole */
    assert_int_equal(rig_records(&rig, "\"reason\":\"root-destroyed\""), alarms + 1);
    assert_int_equal(opens(&agent, id, FACET_TEXT), SD_ERR_UNSUPPORTED);
    assert_int_equal(release(NULL, file, WHY), SD_OK);
    assert_string_equal(problem, "It was destroyed.");
    struct rig_verdict told = {.object = id, .states = {OBJECT_CLEAN}, .count = 1};
    assert_int_equal(rig_tell(&rig, &told), SD_ERR_DENIED);
    assert_int_equal(destroy(file, WHY, &count), SD_OK); /* again: nothing is left, nobody is told */
    assert_int_equal(count, 0);
    assert_int_equal(rig_records(&rig, "\"reason\":\"root-destroyed\""), alarms + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_who_may),
        cmocka_unit_test(by_four_eyes),
        cmocka_unit_test(a_letter_in_quarantine),
        cmocka_unit_test(closed_again),
        cmocka_unit_test(custody),
        cmocka_unit_test(custody_of_many),
        cmocka_unit_test(what_is_held),
        cmocka_unit_test(previews),
        cmocka_unit_test(pages_cost_once),
        cmocka_unit_test(root_destroys_what_is_held),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
