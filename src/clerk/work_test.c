#include "clerk/test_intake.h"
#include "clerk/work.h"
#include "core/sandbox.h"
#include "store/event.h"
#include "store/facet.h"
#include "store/position.h"
#include "store/setaside.h"

#include <signal.h>
#include <sys/wait.h>

static struct test_dir dir;
static struct fake_keeper keeper;
static struct work *work;
static char intake[96];

static void new_clerk(void) {
    work_free(&work);
    assert_int_equal(work_new(intake, dir.store, keeper.client, &work), SD_OK);
}

static int make(SD_UNUSED void **state) {
    dir = test_dir_new();
    (void)snprintf(intake, sizeof intake, "%s/intake", dir.path);
    assert_int_equal(mkdir(intake, 0770), 0);
    assert_int_equal(store_create(dir.store), SD_OK);
    keeper = (struct fake_keeper){0};
    fake_keeper_start(&keeper);
    new_clerk();
    return 0;
}

static int drop(SD_UNUSED void **state) {
    work_free(&work);
    fake_keeper_stop(&keeper);
    test_dir_free(&dir);
    return 0;
}

/* Steps until nothing is left to do, or the first failure. */
static enum sd_err run_clerk(void) {
    bool more = true;
    enum sd_err err = SD_OK;
    for (int i = 0; more && err == SD_OK; i++) {
        assert_true(i < 1000);
        err = work_step(work, &more);
    }
    return err;
}

static void letters(unsigned segment, unsigned from, unsigned to) {
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    for (unsigned n = from; n <= to; n++)
        put_letter(&bytes, n);
    append_segment(&dir, segment, buf_span(&bytes));
}

static void expect_findings(const struct message_row *message, unsigned n) {
    assert_int_equal(message->disposition, FAKE_DISPOSITION);
    assert_true(message->stricter); /* than the edge, which said accept */
    assert_true(message->signals == FAKE_SIGNALS);
    assert_int_equal(message->known, n);
    assert_int_equal(message->known_since_ms, n ? 500 : 0);
    assert_int_equal(message->has_domain_tag, (uint8_t)n != 0);
    assert_int_equal(message->domain_tag[0], (uint8_t)n);
    assert_int_equal(message->as_customer, n % 2 == 1);
    assert_int_equal(message->encrypted, n % 2 == 0);
}

/* Each of these letters is filed, whole and once; how many messages there are at all. */
static void expect_filed(unsigned from, unsigned to) {
    struct store *store = test_store_open(&dir);
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(16 * 1024 * 1024);
    for (unsigned n = from; n <= to; n++) {
        struct object_id object = test_object_id(n);
        struct message_row message;
        struct attachment_row *files;
        struct event_row *events;
        struct buf source SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
        size_t count;
        assert_int_equal(message_get(store, &object, arena, &message), SD_OK);
        assert_int_equal(message.at_ms, 1000 + n);
        assert_int_equal(message.trust, 2);
        expect_findings(&message, n);
        assert_int_equal(message.state, fake_state(n, 0));
        assert_int_equal(facet_get(store, &object, FACET_SOURCE, &source), SD_OK);
        assert_int_equal(source.p[0], (uint8_t)n);
        assert_int_equal(attachment_list(store, &object, arena, &files, &count), SD_OK);
        assert_int_equal(count, n % 3);
        for (size_t i = 0; i < count; i++) {
            buf_reset(&source);
            assert_int_equal(files[i].size_bytes, 7);
            assert_int_equal(files[i].state, fake_state(n, (unsigned)i + 1));
            assert_int_equal(facet_get(store, &files[i].object, FACET_FILE, &source), SD_OK);
        }
        assert_int_equal(event_list(store, &message.ticket, LIMIT_LIST_ITEMS, arena, &events, &count), SD_OK);
        assert_true(count >= 1);
        assert_true(span_eq(events[0].detail, SPAN("flag"))); /* the keeper's word */
    }
    store_close(&store);
}

static struct ticket_row ticket_of(unsigned t, struct arena *arena) {
    struct store *store = test_store_open(&dir);
    struct ticket_id id = test_ticket_id(t);
    struct ticket_row row;
    assert_int_equal(ticket_get(store, &id, arena, &row), SD_OK);
    store_close(&store);
    return row;
}

static uint64_t set_aside_rows(void) {
    struct store *store = test_store_open(&dir);
    uint64_t count = 0;
    assert_int_equal(set_aside_count(store, &count), SD_OK);
    store_close(&store);
    return count;
}

static void files_what_comes(SD_UNUSED void **state) {
    assert_int_equal(run_clerk(), SD_OK); /* an empty folder */
    letters(1, 1, 150);
    assert_int_equal(run_clerk(), SD_OK);
    expect_filed(1, 150);
    assert_int_equal(atomic_load(&keeper.calls), 3); /* 64, 64, 22 */
    letters(1, 151, 153);
    assert_int_equal(run_clerk(), SD_OK);
    expect_filed(151, 153);
    new_clerk(); /* goes on at the position: nothing is offered twice */
    assert_int_equal(run_clerk(), SD_OK);
    assert_int_equal(atomic_load(&keeper.already), 0);
    assert_null(work_health(work).problem);
    assert_int_equal(work_health(work).waiting, 0);
}

static void one_ticket_counts_its_letters(SD_UNUSED void **state) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(64 * 1024);
    keeper.one_ticket = true;
    letters(1, 1, 5);
    assert_int_equal(run_clerk(), SD_OK);
    struct ticket_row row = ticket_of(1, arena);
    struct object_id first = test_object_id(1), last = test_object_id(5);
    assert_int_equal(row.messages, 5);
    assert_int_equal(row.revision, 5);
    assert_int_equal(row.number, 1);
    assert_int_equal(row.updated_ms, 1005);
    assert_memory_equal(row.first.b, first.b, sizeof first.b);
    assert_memory_equal(row.last_inbound.b, last.b, sizeof last.b);
}

static void large_letters_make_small_batches(SD_UNUSED void **state) {
    for (unsigned n = 1; n <= 4; n++) {
        struct buf body SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX), frame SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
        put_record(&body, &(struct test_letter){.n = n * 3, .bytes = (size_t)5 * 1024 * 1024});
        put_frame(&frame, buf_span(&body));
        append_segment(&dir, 1, buf_span(&frame));
    }
    assert_int_equal(run_clerk(), SD_OK);
    assert_int_equal(atomic_load(&keeper.calls), 2);
    expect_filed(3, 3);
    expect_filed(12, 12);
}

static void segments_go_when_filed(SD_UNUSED void **state) {
    letters(1, 1, 3);
    letters(4, 4, 6);
    letters(5, 7, 9);
    assert_int_equal(run_clerk(), SD_OK);
    expect_filed(1, 9);
    assert_false(segment_exists(&dir, 1));
    assert_false(segment_exists(&dir, 4));
    assert_true(segment_exists(&dir, 5)); /* the newest stays */
    letters(5, 10, 10);
    letters(6, 11, 11);
    assert_int_equal(run_clerk(), SD_OK);
    expect_filed(10, 11);
    assert_false(segment_exists(&dir, 5));
}

/* While it is the newest, a cut frame may still grow; when there is a newer one it was a crash. */
static void torn_tail(SD_UNUSED void **state) {
    struct buf frame SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    letters(1, 1, 2);
    put_letter(&frame, 3);
    append_segment(&dir, 1, span_sub(buf_span(&frame), 0, 20));
    assert_int_equal(run_clerk(), SD_OK);
    expect_filed(1, 2);
    append_segment(&dir, 1, span_from(buf_span(&frame), 20));
    assert_int_equal(run_clerk(), SD_OK);
    expect_filed(3, 3);
    append_segment(&dir, 1, span_sub(buf_span(&frame), 0, frame.n - 1));
    letters(2, 5, 6);
    assert_int_equal(run_clerk(), SD_OK);
    expect_filed(5, 6);
    assert_false(segment_exists(&dir, 1));
    assert_int_equal(set_aside_rows(), 0);
}

/* What is damaged is kept, what is behind it is filed, in the newest segment too. */
static void damage_in_the_middle(SD_UNUSED void **state) {
    struct buf frame SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    put_letter(&frame, 2);
    frame.p[frame.n / 2] ^= 1;
    letters(1, 1, 1);
    append_segment(&dir, 1, buf_span(&frame));
    letters(1, 3, 3);
    assert_int_equal(run_clerk(), SD_OK);
    expect_filed(1, 1);
    expect_filed(3, 3);
    assert_int_equal(set_aside_rows(), 1);
    struct store *store = test_store_open(&dir);
    struct buf kept SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    assert_int_equal(set_aside_get(store, 1, &kept), SD_OK);
    assert_true(span_eq(buf_span(&kept), buf_span(&frame)));
    store_close(&store);
}

/* Damage at the end of the newest segment waits, and says so; with a newer one it is set aside. */
static void damage_at_the_end(SD_UNUSED void **state) {
    letters(1, 1, 1);
    append_segment(&dir, 1, SPAN("these bytes are no frame"));
    assert_int_equal(run_clerk(), SD_ERR_PARSE);
    assert_non_null(work_health(work).problem);
    assert_int_equal(set_aside_rows(), 0);
    letters(2, 2, 2);
    assert_int_equal(run_clerk(), SD_OK);
    assert_null(work_health(work).problem);
    expect_filed(1, 2);
    assert_int_equal(set_aside_rows(), 1);
    assert_false(segment_exists(&dir, 1));
}

static void refused_and_unreadable_records_are_kept(SD_UNUSED void **state) {
    struct buf body SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX), frame SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(64 * 1024);
    keeper.refuse = 2;
    letters(1, 1, 3);
    put_frame(&frame, SPAN("a frame, but no record"));
    append_segment(&dir, 1, buf_span(&frame));
    letters(1, 4, 4);
    assert_int_equal(run_clerk(), SD_OK);
    expect_filed(1, 1);
    expect_filed(3, 4);
    struct store *store = test_store_open(&dir);
    struct set_aside_row *rows;
    size_t count;
    assert_int_equal(set_aside_list(store, 0, 10, arena, &rows, &count), SD_OK);
    assert_int_equal(count, 2);
    assert_true(span_eq(rows[0].reason, SPAN("refused by the keeper")));
    assert_true(span_eq(rows[1].reason, SPAN("not a record")));
    put_record(&body, &(struct test_letter){.n = 2, .key = 1, .files = 2});
    buf_reset(&frame);
    assert_int_equal(set_aside_get(store, rows[0].id, &frame), SD_OK);
    assert_true(span_eq(buf_span(&frame), buf_span(&body)));
    store_close(&store);
}

static void file_one(const struct test_letter *letter) {
    struct buf body SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX), frame SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    put_record(&body, letter);
    put_frame(&frame, buf_span(&body));
    append_segment(&dir, 1, buf_span(&frame));
    assert_int_equal(run_clerk(), SD_OK);
}

/* A page is a facet like others; what comes twice, or is not made by an edge, is no record of a letter. */
static void facets_of_a_letter(SD_UNUSED void **state) {
    struct buf page SD_CLEANUP(buf_free) = buf_new(100);
    struct object_id one = test_object_id(1);
    file_one(&(struct test_letter){.n = 1, .files = 1, .html = true});
    assert_int_equal(set_aside_rows(), 0);
    expect_filed(1, 1);
    struct store *store = test_store_open(&dir);
    assert_int_equal(facet_get(store, &one, FACET_HTML, &page), SD_OK);
    assert_true(span_eq(buf_span(&page), SPAN("sealed page")));
    store_close(&store);
    file_one(&(struct test_letter){.n = 3, .html = true, .twice = FACET_HTML});
    file_one(&(struct test_letter){.n = 6, .twice = FACET_SOURCE});
    file_one(&(struct test_letter){.n = 9, .twice = FACET_PREVIEW});
    file_one(&(struct test_letter){.n = 12, .twice = FACET_RECEIPT});
    file_one(&(struct test_letter){.n = 15, .twice = 200});
    assert_int_equal(set_aside_rows(), 5);
    file_one(&(struct test_letter){.n = 18, .version = 4}); /* of a later edge */
    assert_int_equal(set_aside_rows(), 6);
}

/* A question that the keeper cannot take: its records are asked about one by one. */
static void one_record_cannot_stop_the_others(SD_UNUSED void **state) {
    keeper.choke = 5;
    letters(1, 1, 9);
    enum sd_err err = SD_ERR_PARSE;
    for (int i = 0; i < 10 && err; i++)
        err = run_clerk();
    assert_int_equal(err, SD_OK);
    expect_filed(1, 4);
    expect_filed(6, 9);
    assert_int_equal(set_aside_rows(), 1);
}

static void keeper_away(SD_UNUSED void **state) {
    atomic_store(&keeper.away, true);
    letters(1, 1, 5);
    assert_int_equal(run_clerk(), SD_ERR_UNAVAILABLE);
    assert_int_equal(run_clerk(), SD_ERR_UNAVAILABLE);
    assert_non_null(work_health(work).problem);
    assert_int_equal(work_health(work).waiting, 5);
    assert_int_equal(set_aside_rows(), 0);
    atomic_store(&keeper.away, false);
    assert_int_equal(run_clerk(), SD_OK);
    assert_null(work_health(work).problem);
    expect_filed(1, 5);
}

/* The keeper has adopted, and the clerk ends before its transaction: the next clerk is told ALREADY and files. */
static void crash_between_adoption_and_commit(SD_UNUSED void **state) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(64 * 1024);
    struct store *other = test_store_open(&dir);
    keeper.one_ticket = true;
    letters(1, 1, 4);
    test_begin(other); /* so that filing cannot begin */
    assert_int_equal(run_clerk(), SD_ERR_TIMEOUT);
    store_close(&other);
    assert_int_equal(atomic_load(&keeper.calls), 1);
    new_clerk();
    assert_int_equal(run_clerk(), SD_OK);
    assert_int_equal(atomic_load(&keeper.already), 4);
    expect_filed(1, 4);
    assert_int_equal(ticket_of(1, arena).messages, 4);
}

/* Committed, and the position is lost: everything is offered again and filed once. */
static void filed_twice_is_filed_once(SD_UNUSED void **state) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(64 * 1024);
    keeper.one_ticket = true;
    letters(1, 1, 4);
    assert_int_equal(run_clerk(), SD_OK);
    struct store *store = test_store_open(&dir);
    test_begin(store);
    assert_int_equal(position_set(store, (struct intake_position){0}), SD_OK);
    assert_int_equal(store_commit(store), SD_OK);
    store_close(&store);
    new_clerk();
    assert_int_equal(run_clerk(), SD_OK);
    assert_int_equal(atomic_load(&keeper.already), 4);
    assert_int_equal(ticket_of(1, arena).messages, 4);
    assert_int_equal(ticket_of(1, arena).revision, 4);
}

static void reports_keys_of_unfiled_records(SD_UNUSED void **state) {
    letters(1, 1, 2);
    assert_int_equal(run_clerk(), SD_OK);
    work_report(work); /* not yet due */
    assert_int_equal(atomic_load(&keeper.reports), 0);
    struct timespec pause = {.tv_sec = REPORT_AFTER_FILING_MS / 1000, .tv_nsec = 50000000};
    (void)nanosleep(&pause, NULL);
    letters(1, 3, 3); /* came since and is not filed */
    work_report(work);
    assert_int_equal(atomic_load(&keeper.reports), 1);
    assert_int_equal(atomic_load(&keeper.last_keys), 1);
    work_report(work); /* nothing new */
    assert_int_equal(atomic_load(&keeper.reports), 1);
}

/* Confined as the role is, reading the intake and writing the store still work. */
static void works_inside_its_sandbox(SD_UNUSED void **state) {
    letters(1, 1, 70);
    letters(2, 71, 72);
    pid_t pid = fork(); /* the keeper's thread stays here and answers through the same channel */
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sandbox_spec spec = {
            .data_dir = dir.path,
            .calls = CALLS_FILES,
            .landlock_abi_max = 99,
            .paths = {{"intake", FILES_READ | FILES_REMOVE}, {"store", FILES_READ | FILES_WRITE | FILES_MAKE | FILES_REMOVE}}};
        struct buf report SD_CLEANUP(buf_free) = buf_new(4096);
        const char *root = NULL;
        struct work *confined = NULL;
        bool more = true;
        char in[96], to[96];
        if (sandbox_enter(&spec, &report, &root) != SD_OK)
            _exit(2);
        (void)snprintf(in, sizeof in, "%s/intake", root);
        (void)snprintf(to, sizeof to, "%s/store", root);
        if (work_new(in, to, keeper.client, &confined) != SD_OK)
            _exit(3);
        while (more)
            if (work_step(confined, &more) != SD_OK)
                _exit(4);
        work_free(&confined);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    expect_filed(1, 72);
    assert_false(segment_exists(&dir, 1));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(files_what_comes),
        CASE(one_ticket_counts_its_letters),
        CASE(large_letters_make_small_batches),
        CASE(segments_go_when_filed),
        CASE(torn_tail),
        CASE(damage_in_the_middle),
        CASE(damage_at_the_end),
        CASE(refused_and_unreadable_records_are_kept),
        CASE(facets_of_a_letter),
        CASE(one_record_cannot_stop_the_others),
        CASE(keeper_away),
        CASE(crash_between_adoption_and_commit),
        CASE(filed_twice_is_filed_once),
        CASE(reports_keys_of_unfiled_records),
        CASE(works_inside_its_sandbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
