/* What inspectors say: applied at adoption and later, to nothing else than the bytes it is about, and from nobody else. */
#include "keeper/test_rig.h"
#include "keeper/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct rig rig;
static struct rig_person agent;

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    rig_add(&rig, "agent@example.test", "agent", "support", &agent);
    return rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent) == SIGN_IN_OK ? 0 : 1;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

#define CLEAN OBJECT_CLEAN
#define LETTER(number, what, files)                                                                                            \
    struct rig_letter letter = RIG_LETTER(number);                                                                             \
    struct rig_adopted adopted;                                                                                                \
    uint8_t id[16], file[16];                                                                                                  \
    letter.version = 3;                                                                                                        \
    letter.inspected = what;                                                                                                   \
    letter.attachments = files;                                                                                                \
    rig_object_id(&letter, id);                                                                                                \
    rig_file_id(id, 0, file)

static enum sd_err open_as(const uint8_t object[16], enum facet facet) {
    struct keeper_open_req req = {
        .token = span_of(agent.token, 32), .origin = SPAN("192.0.2.1"), .object = span_of(object, 16), .facet = facet};
    struct keeper_open_rep rep;
    return RIG_CALL(&rig, RIG_DESK, open, &req, &rep);
}

/* ---- at the door ---- */

static void what_was_clean_opens(SD_UNUSED void **state) {
    LETTER(1, "letter one", 2);
    struct rig_verdict told = {
        .inspected = "letter one", .states = {CLEAN, CLEAN, CLEAN}, .count = 3, .engine = "ClamAV 1/1/1"};
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.state_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(adopted.states[i], CLEAN);
    assert_int_equal(open_as(id, FACET_SOURCE), SD_OK);
    assert_int_equal(open_as(id, FACET_HTML), SD_OK);
    assert_int_equal(open_as(file, FACET_FILE), SD_OK);
    assert_int_equal(open_as(file, FACET_PREVIEW), SD_OK);
    assert_int_equal(open_as(file, FACET_TEXT), SD_ERR_DENIED);
    /* a letter to two queues: the same bytes, one verdict */
    letter.object = 2;
    letter.queue = "billing";
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.states[2], CLEAN);
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.outcome, ADOPT_ALREADY);
    assert_int_equal(adopted.state_count, 3);
    assert_int_equal(adopted.states[1], CLEAN);
}

/* The worst of its parts; each part as it is. */
static void parts(SD_UNUSED void **state) {
    LETTER(3, "letter three", 2);
    struct rig_verdict told = {.inspected = "letter three",
                               .states = {CLEAN, CLEAN, OBJECT_SUSPICIOUS},
                               .findings = {0, 0, FINDING_BIT(MACRO)},
                               .count = 3};
    uint8_t second[16];
    rig_file_id(id, 1, second);
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.states[0], OBJECT_SUSPICIOUS);
    assert_int_equal(adopted.states[1], CLEAN);
    assert_int_equal(adopted.states[2], OBJECT_SUSPICIOUS);
    assert_int_equal(rig_records(&rig, "\"reason\":\"accept suspicious"), 1);
    assert_int_equal(open_as(id, FACET_TEXT), SD_OK);
    assert_int_equal(open_as(id, FACET_SOURCE), SD_ERR_UNSUPPORTED); /* it has the second in it */
    assert_int_equal(open_as(file, FACET_FILE), SD_OK);
    assert_int_equal(open_as(second, FACET_FILE), SD_ERR_UNSUPPORTED);
    assert_int_equal(open_as(second, FACET_PREVIEW), SD_OK);
    rig.k->scan.show_suspicious = false;
    assert_int_equal(open_as(second, FACET_PREVIEW), SD_ERR_UNSUPPORTED);
    rig.k->scan.show_suspicious = true;
}

/* A state that is better than what was found is not believed. */
static void no_better_than_its_findings(SD_UNUSED void **state) {
    LETTER(4, "letter four", 1);
    struct rig_verdict told = {
        .inspected = "letter four", .states = {CLEAN, CLEAN}, .findings = {0, FINDING_BIT(VIRUS)}, .count = 2};
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.states[1], OBJECT_MALICIOUS);
    assert_int_equal(open_as(file, FACET_PREVIEW), SD_ERR_UNSUPPORTED);
}

/* What nobody told of is unscanned, whatever the edge says of it; it only makes things worse. */
static void unknown_is_not_clean(SD_UNUSED void **state) {
    LETTER(5, "letter five", 1);
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.states[0], OBJECT_UNSCANNED);
    assert_int_equal(adopted.states[1], OBJECT_UNSCANNED);
    assert_int_equal(open_as(file, FACET_FILE), SD_ERR_UNSUPPORTED);
    assert_int_equal(open_as(id, FACET_SOURCE), SD_ERR_UNSUPPORTED);
    letter.object = 6; /* without a file, and without a verdict either */
    letter.attachments = 0;
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.states[0], OBJECT_UNSCANNED);
    letter.object = 7; /* of an edge of before, which cannot say what was inspected */
    letter.version = 2;
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.states[0], CLEAN);
    letter.object = 8;
    letter.attachments = 1;
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.states[0], OBJECT_UNSCANNED);
    assert_int_equal(adopted.states[1], OBJECT_UNSCANNED);
    struct rig_verdict told = {.inspected = "letter five", .states = {CLEAN, CLEAN}, .count = 2};
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    letter.version = 3;
    letter.object = 9;
    letter.state = OBJECT_MALICIOUS;
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.states[0], OBJECT_MALICIOUS);
    assert_int_equal(adopted.states[1], CLEAN);
}

/* An edge that was taken over puts other bytes under a verdict that was about others. */
static void another_file(SD_UNUSED void **state) {
    LETTER(10, "letter ten", 1);
    struct rig_verdict told = {.inspected = "letter ten", .states = {CLEAN, CLEAN, OBJECT_MALICIOUS}, .count = 3, .wrong = 2};
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.states[1], OBJECT_UNSCANNED); /* the digest is not its own */
    assert_int_equal(adopted.states[0], OBJECT_MALICIOUS); /* that attachment is in the letter, though it is not shown */
    letter.object = 11;
    letter.inspected = NULL;
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.states[1], OBJECT_UNSCANNED);
}

static void kept_for_a_time(SD_UNUSED void **state) {
    LETTER(12, "letter twelve", 1);
    struct rig_verdict told = {.inspected = "letter twelve", .states = {CLEAN, OBJECT_MALICIOUS}, .count = 2};
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    told.states[1] = CLEAN; /* by another inspector: what was malicious is not made better at the door */
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.states[1], OBJECT_MALICIOUS);
    rig_now_ms += VERDICT_KEPT_MS;
    letter.object = 13;
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.states[1], OBJECT_UNSCANNED);
    told.states[0] = OBJECT_UNSCANNED; /* a later one takes the place of an earlier one */
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    told.states[0] = CLEAN;
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    letter.object = 14;
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.states[0], CLEAN);
}

/* The oldest go: what is known of the newest stays, however many there were. */
static void bounded(SD_UNUSED void **state) {
    char name[32];
    struct rig_verdict told = {.inspected = name, .states = {CLEAN, CLEAN}, .count = 1};
    struct verdict_kept kept;
    struct sha256 digest;
    for (unsigned i = 0; i < VERDICTS_MAX + 10; i++) {
        (void)snprintf(name, sizeof name, "many %u", i);
        assert_int_equal(rig_tell(&rig, &told), SD_OK);
    }
    for (unsigned i = 0; i < VERDICTS_MAX + 10; i += 9) {
        (void)snprintf(name, sizeof name, "many %u", i);
        assert_int_equal(crypt_sha256(span_cstr(name), &digest), SD_OK);
        assert_int_equal(verdicts_find(rig.k, span_of(digest.b, 32), &kept), i >= 10);
    }
}

static void malformed(SD_UNUSED void **state) {
    struct rig_verdict told = {.inspected = "odd", .states = {77}, .count = 1};
    assert_int_equal(rig_tell(&rig, &told), SD_ERR_PARSE);
    told = (struct rig_verdict){.inspected = "odd", .states = {CLEAN}, .count = 1, .wrong = 1};
    assert_int_equal(rig_tell(&rig, &told), SD_ERR_PARSE);
    told = (struct rig_verdict){.inspected = "odd", .states = {CLEAN}, .count = 1, .signature = "Eicar\033[2J"};
    assert_int_equal(rig_tell(&rig, &told), SD_ERR_PARSE);
    told = (struct rig_verdict){.inspected = "odd", .states = {CLEAN}, .count = 1, .engine = "two\nlines"};
    assert_int_equal(rig_tell(&rig, &told), SD_ERR_PARSE);
    told = (struct rig_verdict){.inspected = "odd", .count = 0};
    assert_int_equal(rig_tell(&rig, &told), SD_ERR_PARSE);
}

/* ---- later ---- */

static void looked_into_again(SD_UNUSED void **state) {
    LETTER(20, NULL, 1);
    struct rig_verdict told = {.object = id, .states = {CLEAN, CLEAN}, .count = 2, .engine = "ClamAV 1/2/3"};
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(rig_scanner(&rig, true, "ClamAV 1/2/3"), SD_OK);
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    assert_int_equal(rig_records(&rig, "\"reason\":\"clean epoch 1\""), 2);
    assert_int_equal(rig_records(&rig, "ClamAV"), 0); /* what an inspector calls it is not in the log */
    assert_int_equal(open_as(file, FACET_FILE), SD_OK);
    assert_int_equal(open_as(id, FACET_SOURCE), SD_OK);
    assert_int_equal(rig_tell(&rig, &told), SD_OK); /* nothing new: no record */
    assert_int_equal(rig_records(&rig, "\"action\":\"verdict\""), 2);
    told.states[1] = OBJECT_UNSCANNED; /* the scanner was down this time: what was known stays */
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    assert_int_equal(open_as(file, FACET_FILE), SD_OK);
    told.states[1] = OBJECT_SUSPICIOUS;
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    assert_int_equal(open_as(file, FACET_FILE), SD_ERR_UNSUPPORTED);
    assert_int_equal(open_as(id, FACET_SOURCE), SD_ERR_UNSUPPORTED);
}

static void of_other_bytes(SD_UNUSED void **state) {
    LETTER(21, NULL, 1);
    struct rig_verdict told = {.object = id, .states = {CLEAN, CLEAN}, .count = 2, .wrong = 2};
    unsigned before = rig_records(&rig, "\"reason\":\"digest\"");
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(rig_tell(&rig, &told), SD_OK);
    assert_int_equal(rig_records(&rig, "\"reason\":\"digest\""), before + 1);
    assert_int_equal(open_as(file, FACET_FILE), SD_ERR_UNSUPPORTED);
    told.wrong = 1;
    told.count = 1;
    assert_int_equal(rig_tell(&rig, &told), SD_OK); /* of the letter itself */
    assert_int_equal(rig_records(&rig, "\"reason\":\"digest\""), before + 2);
    assert_int_equal(open_as(id, FACET_SOURCE), SD_ERR_UNSUPPORTED);
    told.object = file; /* an attachment is no letter */
    assert_int_equal(rig_tell(&rig, &told), SD_ERR_DENIED);
    told = (struct rig_verdict){.object = id, .states = {CLEAN, CLEAN, CLEAN}, .count = 3};
    assert_int_equal(rig_tell(&rig, &told), SD_OK); /* there is no second attachment */
    assert_int_equal(rig_records(&rig, "\"reason\":\"no-object\""), 2);
    assert_int_equal(open_as(file, FACET_FILE), SD_OK);
}

/* Whoever asks but is no inspector is dropped. */
static void nobody_else(SD_UNUSED void **state) {
    static const enum rig_peer others[] = {RIG_EDGE, RIG_CLERK, RIG_DESK, RIG_COURIER};
    uint8_t id[16] = {1}, digest[32] = {9};
    struct keeper_verdict_req req = {.object = span_of(id, 16), .letter = span_of(digest, 32)};
    struct keeper_verdict_rep rep;
    for (size_t i = 0; i < SD_COUNT(others); i++)
        assert_int_not_equal(RIG_CALL(&rig, others[i], verdict, &req, &rep), SD_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_clean_opens),
        cmocka_unit_test(parts),
        cmocka_unit_test(no_better_than_its_findings),
        cmocka_unit_test(unknown_is_not_clean),
        cmocka_unit_test(another_file),
        cmocka_unit_test(looked_into_again),
        cmocka_unit_test(of_other_bytes),
        cmocka_unit_test(malformed),
        cmocka_unit_test(kept_for_a_time),
        cmocka_unit_test(bounded),
        cmocka_unit_test(nobody_else),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
