/* Letters that are kept are looked into again: what goes to the inspector, and what is shown of its answer. */
#include "clerk/rescan.h"
#include "clerk/test_peers.h"

#include <sys/resource.h>

static struct test_dir dir;
static struct store *store;
static struct arena *arena;
static struct fake_warrants keeper;
static struct rescan *rescan;

/* The inspector. */
static struct {
    struct fake_peer peer;
    uint8_t states[1 + FAKE_FILES + 1];
    unsigned state_count;
    enum sd_err status;
    bool dies, silent, removes;
    struct ipc_call *held; /* silent: never answered */
    atomic_uint asked;
    size_t bytes;
    uint8_t first[32]; /* of the last source */
} inspector;

static enum sd_err on_scan(SD_UNUSED void *ctx, struct ipc_call *call) {
    struct inspect_scan_req req;
    struct inspect_scan_rep rep = {0};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(4096);
    if (inspect_scan_req_decode(call->msg->body, call->msg, &req) != SD_OK)
        return SD_ERR_PROTOCOL;
    atomic_fetch_add(&inspector.asked, 1);
    inspector.bytes = req.source.n;
    memcpy(inspector.first, req.source.p, sizeof inspector.first);
    if (inspector.removes) {
        struct object_id id;
        memcpy(id.b, req.object.p, sizeof id.b);
        struct store *other = test_store_open(&dir);
        test_begin(other);
        assert_int_equal(message_remove(other, &id, 1), SD_OK);
        assert_int_equal(store_commit(other), SD_OK);
        store_close(&other);
    }
    for (unsigned i = 0; i < inspector.state_count; i++)
        ipc_list_add(&rep.states, &raw, span_of(&inspector.states[i], 1));
    if (inspector.dies)
        return SD_ERR_PROTOCOL;
    if (inspector.silent)
        inspector.held = call;
    else if (inspector.status)
        ipc_refuse(call, inspector.status);
    else
        inspect_scan_reply(call, &rep);
    return SD_OK;
}

static void start_inspector(void) {
    static const struct ipc_op ops[] = {{3, "scan", PEER_CLERK, 1, false, false, on_scan}};
    fake_peer_start(&inspector.peer, "inspect", ops, SD_COUNT(ops), NULL);
}

static void answer(enum object_state letter, enum object_state first, enum object_state second) {
    inspector.states[0] = (uint8_t)letter;
    inspector.states[1] = (uint8_t)first;
    inspector.states[2] = (uint8_t)second;
    inspector.state_count = 3;
}

static int make(SD_UNUSED void **state) {
    dir = test_dir_new();
    assert_int_equal(store_create(dir.store), SD_OK);
    store = test_store_open(&dir);
    arena = arena_new(1024 * 1024);
    keeper = (struct fake_warrants){0};
    memset(&inspector, 0, sizeof inspector);
    answer(OBJECT_CLEAN, OBJECT_CLEAN, OBJECT_CLEAN);
    fake_warrants_start(&keeper);
    start_inspector();
    struct rescan_spec spec = {
        .store_dir = dir.store, .keeper = keeper.peer.client, .inspect = inspector.peer.client, .wait_ms = 60000};
    assert_int_equal(rescan_new(&spec, &rescan), SD_OK);
    for (unsigned n = 1; n <= 3; n++)
        fake_file(&keeper, store, n, 100);
    return 0;
}

static int drop(SD_UNUSED void **state) {
    rescan_free(&rescan);
    fake_peer_free(&keeper.peer);
    fake_peer_free(&inspector.peer);
    arena_free(&arena);
    store_close(&store);
    test_dir_free(&dir);
    return 0;
}

static void expect_states(unsigned n, enum object_state letter, enum object_state first, enum object_state second) {
    struct object_id id = test_object_id(n);
    struct message_row message;
    struct attachment_row *files;
    size_t count;
    assert_int_equal(message_get(store, &id, arena, &message), SD_OK);
    assert_int_equal(attachment_list(store, &id, arena, &files, &count), SD_OK);
    assert_int_equal(message.state, letter);
    assert_int_equal(files[0].state, first);
    assert_int_equal(files[1].state, second);
}

/* How many changes of verdict the ticket's history tells of; the last one's word. */
static size_t verdicts(unsigned n, struct span *ret_word) {
    struct ticket_id id = test_ticket_id(n);
    struct event_row *events;
    size_t count, found = 0;
    assert_int_equal(event_list(store, &id, LIMIT_LIST_ITEMS, arena, &events, &count), SD_OK);
    for (size_t i = 0; i < count; i++)
        if (events[i].kind == EVENT_VERDICT) {
            found++;
            *ret_word = events[i].detail;
        }
    return found;
}

static void what_was_found_is_shown(SD_UNUSED void **state) {
    struct span word = SPAN_NONE;
    keeper.due_retry = 1 << 1;
    answer(OBJECT_MALICIOUS, OBJECT_CLEAN, OBJECT_MALICIOUS);
    assert_true(rescan_round(rescan) < 60000); /* there may be more at once */
    assert_int_equal(inspector.bytes, strlen("letter 1 file 99 ") + 100);
    assert_memory_equal(inspector.first, "letter 1 file 99 bbbb", 21);
    expect_states(1, OBJECT_MALICIOUS, OBJECT_CLEAN, OBJECT_MALICIOUS);
    assert_int_equal(verdicts(1, &word), 1);
    assert_true(span_eq(word, SPAN("malicious")));
    keeper.due_hunt = 1 << 1 | 1 << 2;
    answer(OBJECT_SUSPICIOUS, OBJECT_SUSPICIOUS, OBJECT_CLEAN);
    (void)rescan_round(rescan);
    expect_states(1, OBJECT_SUSPICIOUS, OBJECT_SUSPICIOUS, OBJECT_CLEAN);
    expect_states(2, OBJECT_SUSPICIOUS, OBJECT_SUSPICIOUS, OBJECT_CLEAN);
    assert_int_equal(verdicts(1, &word), 2);
    keeper.due_hunt = 1 << 1; /* nothing new in it */
    (void)rescan_round(rescan);
    assert_int_equal(verdicts(1, &word), 2);
    assert_int_equal(atomic_load(&inspector.asked), 4);
    assert_int_equal(atomic_load(&keeper.policies), 1); /* one warrant for all of them */
    assert_int_equal(rescan_round(rescan), 60000);      /* nothing is due */
    assert_int_equal(atomic_load(&inspector.asked), 4);
    assert_null(rescan_problem(rescan));
}

static void a_used_up_warrant_is_followed_by_another(SD_UNUSED void **state) {
    for (unsigned i = 0; i < 7; i++) { /* five uses each */
        keeper.due_retry = 1 << 1;
        (void)rescan_round(rescan);
    }
    assert_int_equal(atomic_load(&keeper.policies), 2);
    assert_int_equal(atomic_load(&inspector.asked), 7);
    keeper.warrant = 77; /* and somebody revoked that one */
    keeper.due_retry = 1 << 1 | 1 << 2;
    (void)rescan_round(rescan);
    assert_int_equal(atomic_load(&keeper.policies), 3);
    assert_int_equal(atomic_load(&inspector.asked), 9);
    atomic_store(&keeper.refused_facets, 1U << FACET_SOURCE); /* each of them, whatever the warrant */
    keeper.due_retry = 1 << 1 | 1 << 2 | 1 << 3;
    (void)rescan_round(rescan);
    assert_int_equal(atomic_load(&keeper.policies), 4); /* asked for once a round */
    assert_int_equal(atomic_load(&inspector.asked), 9);
}

/* What is not exactly what came in does not go to the inspector; the others do. */
static void other_bytes_are_not_sent_on(SD_UNUSED void **state) {
    keeper.letters[1].digest.b[0] ^= 1;
    keeper.letters[2].key[0] ^= 1;
    keeper.due_retry = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5; /* 5: adopted, and not filed yet */
    answer(OBJECT_MALICIOUS, OBJECT_MALICIOUS, OBJECT_MALICIOUS);
    (void)rescan_round(rescan);
    assert_int_equal(atomic_load(&inspector.asked), 1);
    expect_states(1, OBJECT_CLEAN, OBJECT_CLEAN, OBJECT_CLEAN);
    expect_states(2, OBJECT_CLEAN, OBJECT_CLEAN, OBJECT_CLEAN);
    expect_states(3, OBJECT_MALICIOUS, OBJECT_MALICIOUS, OBJECT_MALICIOUS);
}

static void switched_off_by_policy(SD_UNUSED void **state) {
    atomic_store(&keeper.no_policy, true);
    keeper.due_retry = 1 << 1 | 1 << 2;
    assert_int_equal(rescan_round(rescan), 60000);
    assert_non_null(strstr(rescan_problem(rescan), "access.warrant_policies"));
    assert_int_equal(atomic_load(&keeper.policies), 1);
    keeper.due_retry = 1 << 1 | 1 << 2;
    assert_int_equal(rescan_round(rescan), 60000); /* not asked again, and nothing put off */
    assert_int_equal(atomic_load(&keeper.due_asked), 1);
    assert_int_equal(atomic_load(&keeper.policies), 1);
    assert_int_equal(atomic_load(&keeper.opened), 0);
}

/* The round ends: nothing is opened that nobody looks into. */
static void scanner_down(SD_UNUSED void **state) {
    keeper.due_retry = 1 << 1 | 1 << 2 | 1 << 3;
    inspector.status = SD_ERR_UNAVAILABLE;
    assert_int_equal(rescan_round(rescan), 60000);
    assert_int_equal(atomic_load(&keeper.opened), 1);
    expect_states(1, OBJECT_CLEAN, OBJECT_CLEAN, OBJECT_CLEAN);
    keeper.due_retry = 1 << 1 | 1 << 2;
    inspector.dies = true;
    assert_int_equal(rescan_round(rescan), 60000);
    assert_int_equal(atomic_load(&inspector.asked), 2);
    fake_peer_stop(&inspector.peer);
    inspector.dies = false;
    inspector.status = SD_OK;
    start_inspector();
    keeper.due_retry = 1 << 1 | 1 << 2;
    (void)rescan_round(rescan);
    assert_int_equal(atomic_load(&inspector.asked), 4);
    atomic_store(&keeper.away, true);
    assert_int_equal(rescan_round(rescan), 60000);
}

/* An answer about other parts than the letter has says nothing about these. */
static void answers_that_do_not_fit(SD_UNUSED void **state) {
    answer(OBJECT_MALICIOUS, OBJECT_MALICIOUS, OBJECT_MALICIOUS);
    for (unsigned i = 0; i < 5; i++) {
        keeper.due_retry = 1 << 1;
        inspector.state_count = i < 3 ? i : 4;
        if (i == 4) {
            inspector.state_count = 3;
            inspector.states[2] = OBJECT_UNSCANNABLE + 1;
        }
        (void)rescan_round(rescan);
        expect_states(1, OBJECT_CLEAN, OBJECT_CLEAN, OBJECT_CLEAN);
    }
    assert_int_equal(atomic_load(&inspector.asked), 5);
}

static void destroyed_meanwhile(SD_UNUSED void **state) {
    struct object_id id = test_object_id(1);
    struct message_row row;
    inspector.removes = true;
    answer(OBJECT_MALICIOUS, OBJECT_MALICIOUS, OBJECT_MALICIOUS);
    keeper.due_retry = 1 << 1 | 1 << 2;
    (void)rescan_round(rescan);
    assert_int_equal(atomic_load(&inspector.asked), 2);
    assert_int_equal(message_get(store, &id, arena, &row), SD_ERR_NOTFOUND);
}

/* The largest letter there is, three times: memory does not add up. */
static void a_large_letter(SD_UNUSED void **state) {
    struct rusage before, after;
    fake_file(&keeper, store, 4, (size_t)25 * 1024 * 1024);
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    for (unsigned i = 0; i < 3; i++) {
        keeper.due_hunt = 1 << 4;
        (void)rescan_round(rescan);
    }
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_int_equal(inspector.bytes, strlen("letter 4 file 99 ") + (size_t)25 * 1024 * 1024);
    assert_true(after.ru_maxrss - before.ru_maxrss < 150 * 1024);
}

/* Told to stop while an inspector takes its time, it ends. */
static void stops_in_the_middle(SD_UNUSED void **state) {
    inspector.silent = true;
    keeper.due_retry = 1 << 1 | 1 << 2;
    assert_int_equal(rescan_start(rescan), SD_OK);
    for (struct deadline end = deadline_in_ms(5000); atomic_load(&inspector.asked) == 0;)
        assert_false(deadline_passed(end));
    int64_t from = clock_mono_ns();
    rescan_tell_stop(rescan);
    ipc_client_attach(inspector.peer.client, -1);
    rescan_free(&rescan);
    assert_true(clock_mono_ns() - from < INT64_C(4000000000));
    assert_int_equal(atomic_load(&inspector.asked), 1);
    fake_peer_stop(&inspector.peer);
    ipc_refuse(inspector.held, SD_ERR_UNAVAILABLE); /* to nobody */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_was_found_is_shown),
        CASE(a_used_up_warrant_is_followed_by_another),
        CASE(other_bytes_are_not_sent_on),
        CASE(switched_off_by_policy),
        CASE(scanner_down),
        CASE(answers_that_do_not_fit),
        CASE(destroyed_meanwhile),
        CASE(a_large_letter),
        CASE(stops_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
