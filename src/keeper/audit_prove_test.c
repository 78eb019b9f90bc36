/* Proofs from the files: of every record and every checkpoint, whatever became of the tiles. */
#include "keeper/audit_prove.h"
#include "keeper/test_log.h"
#include "keeper/tiles.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct checkpoint checkpoint_now(struct log_rig *b) {
    struct merkle_range range;
    struct checkpoint checkpoint;
    audit_range(b->audit, &range);
    checkpoint.size = range.size;
    assert_int_equal(merkle_root(&range, &checkpoint.root), SD_OK);
    return checkpoint;
}

static enum sd_err prove(struct log_rig *b, uint64_t seq, const struct checkpoint *checkpoint) {
    struct buf line SD_CLEANUP(buf_free) = buf_new(MERKLE_LEAF_MAX);
    struct merkle_proof proof;
    struct sha256 leaf;
    assert_int_equal(audit_read_record(b->dir, seq, &line, &leaf), SD_OK);
    return audit_prove_record(b->dir, seq, &leaf, checkpoint, &proof);
}

static void remove_tiles(struct log_rig *b) {
    char name[16], path[256];
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        (void)snprintf(name, sizeof name, "tiles.%u", level);
        log_rig_path(b, name, path);
        (void)unlink(path);
    }
}

static bool tiles_there(struct log_rig *b) {
    char path[256];
    log_rig_path(b, "tiles.0", path);
    return access(path, F_OK) == 0;
}

static void every_record(SD_UNUSED void **state) {
    struct log_rig b;
    log_rig_new(&b);
    log_rig_add(&b, 700, 10);
    struct checkpoint first = checkpoint_now(&b);
    log_rig_add(&b, 613, 10);
    struct checkpoint second = checkpoint_now(&b);
    struct merkle_proof proof;
    for (uint64_t seq = 0; seq < second.size; seq++) {
        assert_int_equal(prove(&b, seq, &second), SD_OK);
        assert_int_equal(prove(&b, seq, &first), seq < 700 ? SD_OK : SD_ERR_NOTFOUND);
    }
    assert_int_equal(audit_prove_continuation(b.dir, &first, &second, &proof), SD_OK);
    assert_int_equal(audit_prove_continuation(b.dir, &second, &second, &proof), SD_OK);
    assert_int_equal(audit_prove_continuation(b.dir, &second, &first, &proof), SD_ERR_FORGED);
    log_rig_free(&b);
}

/* Over rounds, restarts and crashes the files are what a rebuilding would make of the records. */
static void as_rebuilt(SD_UNUSED void **state) {
    struct log_rig b;
    log_rig_new(&b);
    for (unsigned i = 0; i < 30; i++) {
        log_rig_add(&b, 40 + i, 10);
        audit_close(&b.audit); /* as after kill -9 */
        log_rig_open(&b);
    }
    char path[256], command[600];
    log_rig_path(&b, "tiles.0", path);
    assert_int_equal(log_rig_file_size(path), log_rig_size(&b) * SHA256_BYTES);
    (void)snprintf(command, sizeof command, "mkdir %s/before && mv %s/tiles.* %s/before", b.dir, b.dir, b.dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(tiles_rebuild(b.dir, log_rig_size(&b)), SD_OK);
    (void)snprintf(command, sizeof command, "cd %s && for f in tiles.*; do cmp $f before/$f || exit 1; done", b.dir);
    assert_int_equal(system(command), 0);
    log_rig_free(&b);
}

static void missing_tiles(SD_UNUSED void **state) {
    struct log_rig b;
    log_rig_new(&b);
    log_rig_add(&b, 600, 10);
    remove_tiles(&b);
    struct checkpoint checkpoint = checkpoint_now(&b);
    assert_int_equal(prove(&b, 5, &checkpoint), SD_OK);
    assert_true(tiles_there(&b));
    remove_tiles(&b);
    log_rig_add(&b, 600, 10); /* the log goes on with what it can */
    checkpoint = checkpoint_now(&b);
    assert_int_equal(prove(&b, 5, &checkpoint), SD_OK);
    assert_int_equal(prove(&b, 1199, &checkpoint), SD_OK);
    log_rig_free(&b);
}

static void tampered_tiles(SD_UNUSED void **state) {
    static const char *const files[] = {"tiles.0", "tiles.1"};
    struct log_rig b;
    char path[256];
    log_rig_new(&b);
    log_rig_add(&b, 1000, 10);
    struct checkpoint checkpoint = checkpoint_now(&b);
    for (size_t i = 0; i < SD_COUNT(files); i++) {
        log_rig_path(&b, files[i], path);
        for (size_t at = 0; at < log_rig_file_size(path); at += 31) {
            log_rig_flip(path, 8 * at);
            assert_int_equal(prove(&b, at % 1000, &checkpoint), SD_OK);
        }
        assert_int_equal(truncate(path, 33), 0);
        assert_int_equal(prove(&b, 999, &checkpoint), SD_OK);
    }
    log_rig_free(&b);
}

/* Records that were changed are not proven, and tiles cannot help: they are rebuilt from what is there. */
static void changed_records(SD_UNUSED void **state) {
    struct log_rig b;
    struct merkle_proof proof;
    log_rig_new(&b);
    log_rig_add(&b, 300, 10);
    struct checkpoint first = checkpoint_now(&b), other = first;
    log_rig_add(&b, 300, 10);
    struct checkpoint second = checkpoint_now(&b);
    other.root.b[7] ^= 1;
    assert_int_equal(prove(&b, 5, &other), SD_ERR_FORGED);
    assert_int_equal(audit_prove_continuation(b.dir, &other, &second, &proof), SD_ERR_FORGED);
    assert_int_equal(audit_prove_continuation(b.dir, &first, &second, &proof), SD_OK);
    log_rig_free(&b);
}

/* A fork is told from tiles alone, without reading the log. */
static void fork_needs_no_rebuilding(SD_UNUSED void **state) {
    struct log_rig b;
    struct merkle_proof proof;
    char path[256];
    struct stat before, after;
    log_rig_new(&b);
    log_rig_add(&b, 300, 10);
    struct checkpoint other = checkpoint_now(&b);
    log_rig_add(&b, 300, 10);
    struct checkpoint second = checkpoint_now(&b);
    other.root.b[0] ^= 1;
    log_rig_path(&b, "tiles.0", path);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(audit_prove_continuation(b.dir, &other, &second, &proof), SD_ERR_FORGED);
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_mtim.tv_sec == after.st_mtim.tv_sec && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
    log_rig_free(&b);
}

/* A round that was not written leaves no hashes behind that the next one would trip over. */
static void after_a_failed_round(SD_UNUSED void **state) {
    struct log_rig b;
    log_rig_new(&b);
    log_rig_add(&b, 300, 10);
    struct audit_entry *good = audit_entry_new(), *bad = audit_entry_new();
    assert_true(good && bad);
    buf_text(&good->rest, "\"n\":1}");
    buf_fill(&bad->rest, 'x', MERKLE_LEAF_MAX);
    good->next = bad;
    audit_submit(b.audit, good);
    assert_true(audit_turn(b.audit, (struct deadline){0}));
    assert_true(audit_failing(b.audit));
    log_rig_add(&b, 300, 10);
    struct checkpoint checkpoint = checkpoint_now(&b);
    char path[256];
    log_rig_path(&b, "tiles.0", path);
    assert_int_equal(log_rig_file_size(path), 600 * SHA256_BYTES);
    for (uint64_t seq = 290; seq < 310; seq++)
        assert_int_equal(prove(&b, seq, &checkpoint), SD_OK);
    log_rig_free(&b);
}

static void range_anywhere(SD_UNUSED void **state) {
    struct log_rig b;
    struct merkle_range range;
    struct sha256 root, expected;
    log_rig_new(&b);
    log_rig_add(&b, 900, 7000); /* two segments */
    const struct merkle_nodes nodes = {.get = tiles_get, .arg = b.dir};
    for (uint64_t size = 0; size <= 900; size += 17) {
        assert_int_equal(audit_range_at(b.dir, size, &range), SD_OK);
        assert_int_equal(range.size, size);
        assert_int_equal(merkle_root(&range, &root), SD_OK);
        if (size) {
            assert_int_equal(merkle_subtree(&nodes, 0, size, &expected), SD_OK);
            assert_memory_equal(root.b, expected.b, SHA256_BYTES);
        }
    }
    assert_int_equal(audit_range_at(b.dir, 901, &range), SD_ERR_NOTFOUND);
    log_rig_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record),         cmocka_unit_test(as_rebuilt),      cmocka_unit_test(missing_tiles),
        cmocka_unit_test(tampered_tiles),       cmocka_unit_test(changed_records), cmocka_unit_test(fork_needs_no_rebuilding),
        cmocka_unit_test(after_a_failed_round), cmocka_unit_test(range_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
