/* The spam filter learns from what people decide: which letters it is shown, and which not. */
#include "clerk/learn.h"
#include "clerk/test_peers.h"

static struct test_dir dir;
static struct store *store;
static struct fake_warrants keeper;
static struct learner *learner;

/* The inspector. */
static struct {
    struct fake_peer peer;
    enum sd_err status;
    const char *problem;
    unsigned asked;
    bool spam;
    uint8_t first[32]; /* of the last source */
} inspector;

static enum sd_err on_learn(SD_UNUSED void *ctx, struct ipc_call *call) {
    struct inspect_learn_req req;
    if (inspect_learn_req_decode(call->msg->body, call->msg, &req) != SD_OK)
        return SD_ERR_PROTOCOL;
    inspector.asked++;
    inspector.spam = req.spam;
    memcpy(inspector.first, req.source.p, sizeof inspector.first);
    if (inspector.status)
        ipc_refuse(call, inspector.status);
    else
        inspect_learn_reply(call, &(struct inspect_learn_rep){.problem = span_cstr(inspector.problem)});
    return SD_OK;
}

static int make(SD_UNUSED void **state) {
    static const struct ipc_op ops[] = {{4, "learn", PEER_CLERK, 1, false, false, on_learn}};
    dir = test_dir_new();
    assert_int_equal(store_create(dir.store), SD_OK);
    store = test_store_open(&dir);
    keeper = (struct fake_warrants){0};
    memset(&inspector, 0, sizeof inspector);
    inspector.problem = "";
    fake_warrants_start(&keeper);
    fake_peer_start(&inspector.peer, "inspect", ops, SD_COUNT(ops), NULL);
    struct learner_spec spec = {
        .store_dir = dir.store, .keeper = keeper.peer.client, .inspect = inspector.peer.client, .wait_ms = 60000};
    assert_int_equal(learner_new(&spec, &learner), SD_OK);
    for (unsigned n = 1; n <= 3; n++)
        fake_file(&keeper, store, n, 100);
    assert_int_equal(learner_step(learner), 60000); /* it begins */
    return 0;
}

static int drop(SD_UNUSED void **state) {
    learner_free(&learner);
    fake_peer_free(&keeper.peer);
    fake_peer_free(&inspector.peer);
    store_close(&store);
    test_dir_free(&dir);
    return 0;
}

/* As the desk does it: the state, and who said so. */
static void decide(unsigned n, enum ticket_state state) {
    struct ticket_id id = test_ticket_id(n);
    struct event_row event = {.at_ms = 1, .kind = state == TICKET_SPAM ? EVENT_SPAM : EVENT_NOT_SPAM, .actor = SPAN("p1")};
    test_begin(store);
    assert_int_equal(ticket_file_state(store, &id, state, 5), SD_OK);
    assert_int_equal(event_add(store, &id, &event), SD_OK);
    assert_int_equal(store_commit(store), SD_OK);
}

static void learns_both_ways(SD_UNUSED void **state) {
    decide(1, TICKET_SPAM);
    decide(2, TICKET_SPAM);
    assert_int_equal(learner_step(learner), 0);
    assert_true(inspector.spam);
    assert_memory_equal(inspector.first, "letter 1 file 99 bbbb", 21);
    assert_int_equal(learner_step(learner), 0);
    assert_memory_equal(inspector.first, "letter 2 file 99 cccc", 21);
    assert_int_equal(learner_step(learner), 60000);
    decide(1, TICKET_OPEN);
    assert_int_equal(learner_step(learner), 0);
    assert_false(inspector.spam);
    assert_int_equal(learner_step(learner), 60000);
    assert_int_equal(inspector.asked, 3);
    assert_int_equal(atomic_load(&keeper.policies), 1);
    assert_null(learner_problem(learner));
}

/* Taken back before anybody learned it; destroyed; not what came in; not to be opened: passed over, and the next is learned. */
static void some_lessons_are_left_out(SD_UNUSED void **state) {
    struct ticket_id three = test_ticket_id(3);
    decide(1, TICKET_SPAM);
    decide(1, TICKET_OPEN);
    assert_int_equal(learner_step(learner), 0);
    assert_int_equal(inspector.asked, 0);
    assert_int_equal(learner_step(learner), 0);
    assert_int_equal(inspector.asked, 1);
    assert_false(inspector.spam);
    decide(3, TICKET_SPAM);
    test_begin(store);
    assert_int_equal(ticket_remove(store, &three), SD_OK);
    assert_int_equal(store_commit(store), SD_OK);
    keeper.letters[2].digest.b[0] ^= 1;
    decide(2, TICKET_SPAM);
    assert_int_equal(learner_step(learner), 0);
    atomic_store(&keeper.refused_facets, 1U << FACET_SOURCE);
    decide(1, TICKET_SPAM);
    assert_int_equal(learner_step(learner), 0);
    assert_int_equal(inspector.asked, 1);
    atomic_store(&keeper.refused_facets, 0);
    decide(1, TICKET_SPAM);
    assert_int_equal(learner_step(learner), 0);
    assert_int_equal(inspector.asked, 2);
    assert_int_equal(learner_step(learner), 60000);
}

static void waits_for_who_is_away(SD_UNUSED void **state) {
    inspector.status = SD_ERR_UNAVAILABLE;
    decide(1, TICKET_SPAM);
    assert_int_equal(learner_step(learner), 60000);
    inspector.status = SD_OK;
    inspector.problem = "The password is wrong.";
    assert_int_equal(learner_step(learner), 0);
    assert_null(learner_problem(learner)); /* of one letter nobody is told */
    decide(2, TICKET_SPAM);
    assert_int_equal(learner_step(learner), 0);
    decide(3, TICKET_SPAM);
    assert_int_equal(learner_step(learner), 0);
    assert_non_null(strstr(learner_problem(learner), "scan.rspamd_controller"));
    inspector.problem = "";
    decide(2, TICKET_OPEN);
    assert_int_equal(learner_step(learner), 0);
    assert_null(learner_problem(learner));
    assert_int_equal(inspector.asked, 5);
}

static void switched_off_by_policy(SD_UNUSED void **state) {
    atomic_store(&keeper.no_policy, true);
    decide(1, TICKET_SPAM);
    assert_int_equal(learner_step(learner), 60000);
    assert_int_equal(learner_step(learner), 60000);
    assert_non_null(strstr(learner_problem(learner), "access.warrant_policies"));
    assert_int_equal(atomic_load(&keeper.policies), 1);
    assert_int_equal(inspector.asked, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(learns_both_ways),
        CASE(some_lessons_are_left_out),
        CASE(waits_for_who_is_away),
        CASE(switched_off_by_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
