/* Records whose time is over: their data goes by an act on the record, everything else stays, whenever the machine dies. */
#include "keeper/retention.h"
#include "keeper/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

static struct rig rig;
static struct rig_person agent;
static struct rig_adopted letter;

static void set_retention(int64_t access_days, int64_t other_days) {
    struct retention_settings settings = {0};
    settings.keep_ms[LEAF_CLASS_ACCESS] = access_days * DAY_MS;
    settings.keep_ms[LEAF_CLASS_SECURITY] = settings.keep_ms[LEAF_CLASS_SYSTEM] = other_days * DAY_MS;
    keeper_set_retention(rig.k, &settings);
}

static void tick(unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        keeper_collect(rig.k);
        keeper_tick(rig.k);
        rig_turn(&rig);
        rig_now_ms += RETENTION_MS;
    }
}

static void look_at_history(unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        struct keeper_history_rep rep;
        struct keeper_history_req req = {.token = span_of(agent.token, 32), .ticket = span_of(letter.ticket, 16)};
        assert_int_equal(RIG_CALL(&rig, RIG_DESK, history, &req, &rep), SD_OK);
    }
}

struct counted {
    unsigned dropped, kept, of_access;
    uint64_t said; /* by acts */
};

static bool count(void *arg, SD_UNUSED uint64_t seq, SD_UNUSED uint64_t segment, SD_UNUSED uint64_t offset,
                  struct span record) {
    struct counted *counted = arg;
    uint8_t hash[32];
    bool dropped = leaf_dropped(record, hash);
    counted->dropped += dropped;
    counted->kept += !dropped;
    counted->of_access += !dropped && leaf_class_of(record) == LEAF_CLASS_ACCESS;
    size_t at = span_search(record, SPAN(": "));
    uint64_t n = 0;
    struct span rest = span_from(record, at + 2);
    if (leaf_class_of(record) == LEAF_CLASS_ACT && span_to_u64(span_sub(rest, 0, span_find(rest, ' ')), &n) == SD_OK)
        counted->said += n;
    return true;
}

static struct counted count_all(void) {
    struct counted counted = {0};
    assert_int_equal(audit_read((const char *)rig.k->log_dir.p, 0, UINT64_MAX, count, &counted), SD_OK);
    return counted;
}

/* Two old segments and a new one. */
static int make_log(SD_UNUSED void **state) {
    rig_now_ms = INT64_C(1790000000000);
    rig_new(&rig);
    rig_add(&rig, "agent@example.test", "agent", "support", &agent);
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    struct rig_letter card = RIG_LETTER(1);
    rig_adopt(&rig, &card, &letter);
    look_at_history(5);
    audit_end_segment(rig.k->audit);
    look_at_history(7);
    rig_now_ms += 100 * DAY_MS;
    audit_end_segment(rig.k->audit);
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    look_at_history(3);
    return 0;
}

static int free_log(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

static void dropped_by_an_act(SD_UNUSED void **state) {
    struct merkle_range before, after;
    struct sha256 root, again;
    struct counted first = count_all();
    audit_range(rig.k->audit, &before);
    assert_int_equal(merkle_root(&before, &root), SD_OK);
    set_retention(95, 365);
    tick(4);
    struct counted counted = count_all();
    assert_int_equal(counted.dropped, 12);
    assert_int_equal(counted.said, 12);
    assert_int_equal(counted.of_access, 3);
    assert_int_equal(counted.kept, first.kept - 12 + 1); /* the act */
    assert_int_equal(rig_records(&rig, "\"action\":\"log-dropped\""), 1);
    assert_true(rig_verify(&rig).good);
    assert_int_equal(audit_range_at((const char *)rig.k->log_dir.p, before.size, &after), SD_OK);
    assert_int_equal(merkle_root(&after, &again), SD_OK);
    assert_memory_equal(root.b, again.b, SHA256_BYTES);
    tick(4); /* nothing more is due */
    assert_int_equal(rig_records(&rig, "\"action\":\"log-dropped\""), 1);
}

static void others_follow_when_due(SD_UNUSED void **state) {
    set_retention(95, 99);
    tick(6);
    struct counted counted = count_all();
    assert_true(counted.dropped > 12);
    assert_int_equal(counted.dropped, counted.said);
    assert_int_equal(counted.of_access, 3);
    assert_int_equal(rig_records(&rig, "\"action\":\"sign-in\""), 1);
    assert_true(rig_verify(&rig).good);
}

/* What is left reads on: the ticket's history, lists and exports over dropped records, after a restart too. */
static void readers_cope(SD_UNUSED void **state) {
    set_retention(95, 99);
    tick(6);
    rig_crash(&rig);
    rig_open(&rig);
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    struct keeper_history_rep rep;
    struct keeper_history_req req = {.token = span_of(agent.token, 32), .ticket = span_of(letter.ticket, 16)};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, history, &req, &rep), SD_OK);
    struct ipc_list_iter iter = ipc_list_start(rep.records);
    struct span record;
    uint8_t hash[32];
    assert_true(ipc_list_next(&iter, &record)); /* received */
    assert_true(leaf_dropped(record, hash));
    struct merkle_range range;
    audit_range(rig.k->audit, &range);
    struct keeper_audit_list_rep list;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, audit_list, &(struct keeper_audit_list_req){.from = 0}, &list), SD_OK);
    assert_int_equal(list.records.count, range.size);
    struct keeper_audit_export_rep export;
    struct keeper_audit_export_req from = {.from = 1, .until = UINT64_MAX};
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, audit_export, &from, &export), SD_OK);
    assert_true(export.records.count >= range.size - 1);
    assert_true(rig_verify(&rig).good);
}

/* The act is on the record, and the machine dies before, while or after the files are written. */
static void killed_in_between(SD_UNUSED void **state) {
    char path[256];
    set_retention(95, 365);
    keeper_tick(rig.k);
    rig_turn(&rig); /* the act is durable */
    rig_now_ms += RETENTION_MS;
    assert_int_equal(rig_records(&rig, "\"action\":\"log-dropped\""), 1);
    assert_int_equal(count_all().dropped, 0);
    assert_true(rig_verify(&rig).good);
    rig_crash(&rig);
    (void)snprintf(path, sizeof path, "%s/log/000000000000.log.new", rig.dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs("SDAUDIT1 half of it", f) >= 0);
    (void)fclose(f);
    rig_open(&rig);
    assert_int_not_equal(access(path, F_OK), 0);
    set_retention(95, 365);
    assert_true(rig_verify(&rig).good);
    tick(3);
    struct counted counted = count_all();
    assert_int_equal(counted.dropped, 12);
    assert_int_equal(counted.said, 12);
    assert_true(rig_verify(&rig).good);
}

/* Flipped bits in what is left of a record are found as they are in a record. */
static void every_bit_of_what_is_left(SD_UNUSED void **state) {
    char path[256];
    set_retention(95, 99);
    tick(6);
    (void)snprintf(path, sizeof path, "%s/log/000000000000.log", rig.dir);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    for (long at = 0; at < size; at += 7) {
        assert_int_equal(fseek(f, at, SEEK_SET), 0);
        int byte = fgetc(f);
        assert_int_equal(fseek(f, at, SEEK_SET), 0);
        assert_int_not_equal(fputc(byte ^ 1 << (at % 8), f), EOF);
        assert_int_equal(fflush(f), 0);
        assert_false(rig_verify(&rig).good);
        assert_int_equal(fseek(f, at, SEEK_SET), 0);
        assert_int_equal(fputc(byte, f), byte);
        assert_int_equal(fflush(f), 0);
    }
    (void)fclose(f);
    assert_true(rig_verify(&rig).good);
}

static void classes(SD_UNUSED void **state) {
    uint8_t hash[32];
    assert_int_equal(leaf_class_of(SPAN("{\"seq\":1,\"action\":\"open\"}")), LEAF_CLASS_ACCESS);
    assert_int_equal(leaf_class_of(SPAN("{\"seq\":1,\"action\":\"received\"}")), LEAF_CLASS_SYSTEM);
    assert_int_equal(leaf_class_of(SPAN("{\"seq\":1,\"action\":\"what-is-new\"}")), LEAF_CLASS_SECURITY);
    assert_int_equal(leaf_class_of(SPAN("{\"seq\":1,\"action\":\"log-dropped\"}")), LEAF_CLASS_ACT);
    assert_int_equal(leaf_class_of(SPAN("{\"reason\":\"\\\"action\\\":\\\"log-dropped\\\"\"}")), LEAF_CLASS_SECURITY);
    struct buf text SD_CLEANUP(buf_free) = buf_new(256);
    memset(hash, 0xab, sizeof hash);
    leaf_put_dropped(&text, 17, span_of(hash, sizeof hash));
    assert_true(leaf_dropped(buf_span(&text), hash));
    for (size_t cut = 0; cut < text.n; cut++)
        assert_false(leaf_dropped(span_sub(buf_span(&text), 0, cut), hash));
    buf_byte(&text, ' ');
    assert_false(leaf_dropped(buf_span(&text), hash));
    assert_false(leaf_dropped(
        SPAN("{\"seq\":017,\"dropped\":\"abababababababababababababababababababababababababababababababab\"}"), hash));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dropped_by_an_act, make_log, free_log),
        cmocka_unit_test_setup_teardown(others_follow_when_due, make_log, free_log),
        cmocka_unit_test_setup_teardown(readers_cope, make_log, free_log),
        cmocka_unit_test_setup_teardown(killed_in_between, make_log, free_log),
        cmocka_unit_test_setup_teardown(every_bit_of_what_is_left, make_log, free_log),
        cmocka_unit_test(classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
