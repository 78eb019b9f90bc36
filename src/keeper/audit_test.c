/* The log's files: what a crash leaves, what a changed bit does, what the checkpoints hold. */
#include "keeper/test_log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- tests ---- */

static void reopens(SD_UNUSED void **state) {
    struct log_rig b;
    struct merkle_range before, after;
    log_rig_new(&b);
    for (unsigned i = 0; i < 9; i++) {
        log_rig_add(&b, i, 10);
        audit_range(b.audit, &before);
        audit_close(&b.audit); /* without a checkpoint, as after kill -9 */
        log_rig_open(&b);
        audit_range(b.audit, &after);
        assert_int_equal(before.size, after.size);
        assert_memory_equal(before.peaks, after.peaks, merkle_peaks(before.size) * sizeof before.peaks[0]);
        assert_int_equal(b.trimmed, 0);
        assert_false(b.damaged);
    }
    assert_true(log_rig_verify(&b).good);
    assert_int_equal(log_rig_verify(&b).size, 36);
    log_rig_free(&b);
}

static void several_segments(SD_UNUSED void **state) {
    struct log_rig b;
    uint64_t *firsts = NULL;
    size_t count = 0;
    log_rig_new(&b);
    for (unsigned i = 0; i < 5; i++) {
        log_rig_add(&b, 400, 7000); /* 2.8 MB */
        log_rig_stop(&b);
        log_rig_open(&b);
    }
    assert_int_equal(segment_list(b.dir, &firsts, &count), SD_OK);
    assert_true(count >= 3);
    struct audit_report report = log_rig_verify(&b);
    assert_true(report.good);
    assert_int_equal(report.size, 2000);
    char path[SEGMENT_NAME_MAX];
    assert_int_equal(segment_path(b.dir, firsts[1], path), SD_OK);
    assert_int_equal(unlink(path), 0);
    report = log_rig_verify(&b);
    assert_false(report.good);
    assert_int_equal(report.first_bad, firsts[1]);
    free(firsts);
    log_rig_free(&b);
}

/* Cut anywhere inside the last record: the rest of it goes, nothing else, and the log goes on. */
static void torn_tail(SD_UNUSED void **state) {
    struct log_rig b;
    char path[256];
    log_rig_new(&b);
    log_rig_path(&b, "000000000000.log", path);
    log_rig_add(&b, 3, 10);
    size_t whole = log_rig_file_size(path);
    log_rig_add(&b, 1, 10);
    size_t last = log_rig_file_size(path) - whole;
    audit_close(&b.audit);
    for (size_t cut = 1; cut < last; cut++) {
        assert_int_equal(truncate(path, (off_t)(whole + last - cut)), 0);
        log_rig_open(&b);
        assert_int_equal(log_rig_size(&b), 3);
        assert_int_equal(b.trimmed, last - cut);
        assert_int_equal(log_rig_file_size(path), whole);
        log_rig_add(&b, 1, 10);
        assert_true(log_rig_verify(&b).good);
        audit_close(&b.audit);
    }
    log_rig_free(&b);
}

static void torn_head_and_checkpoint(SD_UNUSED void **state) {
    struct log_rig b;
    char path[256];
    log_rig_new(&b);
    log_rig_add(&b, 5, 10);
    log_rig_stop(&b);
    log_rig_path(&b, "000000000005.log", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "SDAUDIT1\5", 9), 9);
    (void)close(fd);
    log_rig_path(&b, "checkpoints", path);
    size_t whole = log_rig_file_size(path);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "example.test/sealdesk\n9\n", 24), 24);
    (void)close(fd);
    log_rig_open(&b);
    assert_int_equal(log_rig_size(&b), 5);
    assert_true(b.trimmed > 0);
    assert_false(b.damaged);
    assert_int_equal(log_rig_file_size(path), whole);
    assert_true(log_rig_verify(&b).good);
    log_rig_free(&b);
}

static void every_bit_counts(SD_UNUSED void **state) {
    static const char *const files[] = {"000000000000.log", "checkpoints"};
    struct log_rig b;
    char path[256];
    log_rig_new(&b);
    log_rig_add(&b, 4, 5);
    log_rig_stop(&b);
    log_rig_open(&b);
    log_rig_add(&b, 2, 5);
    log_rig_stop(&b);
    assert_true(log_rig_verify(&b).good);
    for (size_t i = 0; i < SD_COUNT(files); i++) {
        log_rig_path(&b, files[i], path);
        for (size_t bit = 0, bits = 8 * log_rig_file_size(path); bit < bits; bit++) {
            log_rig_flip(path, bit);
            if (log_rig_verify(&b).good)
                fail_msg("%s: bit %zu changed and nobody noticed", files[i], bit);
            log_rig_flip(path, bit);
        }
    }
    assert_true(log_rig_verify(&b).good);
    log_rig_free(&b);
}

static void names_the_first_bad_record(SD_UNUSED void **state) {
    struct log_rig b;
    char path[256];
    log_rig_new(&b);
    log_rig_add(&b, 10, 100);
    log_rig_stop(&b);
    log_rig_path(&b, "000000000000.log", path);
    struct segment segment;
    struct span record;
    struct sha256 leaf;
    assert_int_equal(segment_open(b.dir, 0, &segment), SD_OK);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(segment_next(&segment, &record, &leaf), SD_OK);
    log_rig_flip(path, 8 * (segment.at + 60));
    segment_close(&segment);
    struct audit_report report = log_rig_verify(&b);
    assert_false(report.good);
    assert_int_equal(report.first_bad, 6);
    assert_true(strlen(report.problem) > 0);
    log_rig_free(&b);
}

/* Somebody with the files, but not the key, writes a new history: valid records, valid frames. */
static void rewritten_history(SD_UNUSED void **state) {
    struct log_rig b, other;
    char from[256], to[256], command[600];
    log_rig_new(&b);
    log_rig_add(&b, 5, 100);
    log_rig_stop(&b);
    log_rig_new(&other);
    log_rig_add(&other, 5, 99);
    log_rig_stop(&other);
    log_rig_path(&other, "000000000000.log", from);
    log_rig_path(&b, "000000000000.log", to);
    (void)snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
    assert_false(log_rig_verify(&b).good);
    log_rig_open(&b);
    assert_true(b.damaged);
    log_rig_path(&other, "checkpoints", from);
    log_rig_path(&b, "checkpoints", to);
    (void)snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
    assert_false(log_rig_verify(&b).good); /* their checkpoint, signed with their key */
    log_rig_free(&b);
    log_rig_free(&other);
}

static void cut_off_below_a_checkpoint(SD_UNUSED void **state) {
    struct log_rig b;
    char path[256];
    log_rig_new(&b);
    log_rig_add(&b, 3, 10);
    log_rig_stop(&b);
    log_rig_path(&b, "000000000000.log", path);
    assert_int_equal(truncate(path, (off_t)log_rig_file_size(path) - 5), 0);
    struct audit_report report = log_rig_verify(&b);
    assert_false(report.good);
    assert_int_equal(report.first_bad, 2);
    log_rig_open(&b);
    assert_true(b.damaged);
    log_rig_add(&b, 4, 10); /* going on does not heal it */
    log_rig_stop(&b);
    assert_false(log_rig_verify(&b).good);
    log_rig_free(&b);
}

static void checkpoint_is_a_signed_note(SD_UNUSED void **state) {
    struct log_rig b;
    char path[256], text[1024] = {0};
    struct checkpoint checkpoint = {0};
    struct merkle_range range;
    struct sha256 root;
    log_rig_new(&b);
    log_rig_add(&b, 7, 10);
    audit_range(b.audit, &range);
    log_rig_stop(&b);
    log_rig_path(&b, "checkpoint", path);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text, f);
    (void)fclose(f);
    assert_int_equal(note_read(&b.key, span_of(text, n), &checkpoint), SD_OK);
    assert_int_equal(checkpoint.size, 7);
    assert_int_equal(merkle_root(&range, &root), SD_OK);
    assert_memory_equal(root.b, checkpoint.root.b, 32);
    struct note_key other = b.key;
    other.public_key[0] ^= 1;
    assert_int_equal(note_read(&other, span_of(text, n), &checkpoint), SD_ERR_FORGED);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_not_equal(note_read(&b.key, span_of(text, cut), &checkpoint), SD_OK);
    log_rig_free(&b);
}

static bool collect(void *arg, uint64_t seq, SD_UNUSED uint64_t segment, SD_UNUSED uint64_t offset,
                    SD_UNUSED struct span record) {
    uint64_t *seen = arg;
    assert_int_equal(seq, seen[0] + seen[1]);
    seen[1]++;
    return true;
}

/* More checkpoints than are read at once: the last one is found again, and each of them counts. */
static void many_checkpoints(SD_UNUSED void **state) {
    struct log_rig b;
    struct stat st;
    char path[256];
    log_rig_new(&b);
    log_rig_path(&b, "checkpoints", path);
    do {
        log_rig_add(&b, 1, 10);
        log_rig_stop(&b);
        log_rig_open(&b);
        assert_false(b.damaged);
        assert_int_equal(b.trimmed, 0);
        assert_int_equal(stat(path, &st), 0);
    } while (st.st_size < 140000);
    assert_true(log_rig_verify(&b).good);
    for (long at = 60; at < st.st_size; at += 20011) {
        log_rig_flip(path, (size_t)at * 8);
        assert_false(log_rig_verify(&b).good);
        log_rig_flip(path, (size_t)at * 8);
    }
    assert_true(log_rig_verify(&b).good);
    log_rig_free(&b);
}

static void read_from_anywhere(SD_UNUSED void **state) {
    struct log_rig b;
    log_rig_new(&b);
    log_rig_add(&b, 20, 10);
    for (uint64_t from = 0; from <= 20; from++) {
        uint64_t seen[2] = {from, 0};
        assert_int_equal(audit_read(b.dir, from, UINT64_MAX, collect, seen), SD_OK);
        assert_int_equal(seen[1], 20 - from);
    }
    log_rig_free(&b);
}

struct places {
    struct audit_place at[40];
    size_t count;
};

static bool note_place(void *arg, uint64_t seq, uint64_t segment, uint64_t offset, SD_UNUSED struct span record) {
    struct places *places = arg;
    places->at[places->count++] = (struct audit_place){seq, segment, offset};
    return places->count < SD_COUNT(places->at);
}

/* From the place of a record, the records behind it come with the same numbers and places. */
static void read_from_a_place(SD_UNUSED void **state) {
    struct log_rig b;
    struct places all = {0};
    log_rig_new(&b);
    log_rig_add(&b, 20, 4000);
    assert_int_equal(audit_read(b.dir, 0, 20, note_place, &all), SD_OK);
    assert_int_equal(all.count, 20);
    for (size_t i = 0; i < 20; i++) {
        struct places some = {0};
        assert_int_equal(audit_read_at(b.dir, &all.at[i], 20, note_place, &some), SD_OK);
        assert_int_equal(some.count, 20 - i);
        assert_memory_equal(some.at, &all.at[i], some.count * sizeof some.at[0]);
    }
    struct audit_place nowhere = all.at[3];
    struct places none = {0};
    nowhere.offset++;
    assert_int_equal(audit_read_at(b.dir, &nowhere, 20, note_place, &none), SD_OK);
    assert_int_equal(none.count, 0); /* what is no record is not taken for one */
    log_rig_free(&b);
}

/* A round that cannot be written: the error for it, nothing half-written, and then the log goes on. */
static void cannot_write(SD_UNUSED void **state) {
    struct log_rig b;
    log_rig_new(&b);
    log_rig_add(&b, 2, 10);
    struct audit_entry *entry = audit_entry_new();
    assert_non_null(entry);
    buf_fill(&entry->rest, 'x', MERKLE_LEAF_MAX); /* more than a record may be */
    entry->outbox = 5;
    audit_submit(b.audit, entry);
    assert_true(audit_turn(b.audit, (struct deadline){0}));
    assert_true(audit_failing(b.audit));
    struct audit_entry *done = audit_finished(b.audit);
    assert_non_null(done);
    assert_int_equal(done->err, SD_ERR_LIMIT);
    audit_entry_free(done);
    assert_int_equal(log_rig_size(&b), 2);
    log_rig_add(&b, 1, 10);
    assert_false(audit_failing(b.audit));
    assert_true(log_rig_verify(&b).good);
    assert_int_equal(log_rig_verify(&b).size, 3);
    log_rig_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reopens),
        cmocka_unit_test(several_segments),
        cmocka_unit_test(torn_tail),
        cmocka_unit_test(torn_head_and_checkpoint),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(names_the_first_bad_record),
        cmocka_unit_test(rewritten_history),
        cmocka_unit_test(cut_off_below_a_checkpoint),
        cmocka_unit_test(checkpoint_is_a_signed_note),
        cmocka_unit_test(many_checkpoints),
        cmocka_unit_test(read_from_anywhere),
        cmocka_unit_test(read_from_a_place),
        cmocka_unit_test(cannot_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
