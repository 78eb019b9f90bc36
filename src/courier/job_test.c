/* From the outbound table to the record: the real store, a scripted keeper, a scripted server; also what a kill leaves behind.
 */
#include "core/ipc/cards.h"
#include "courier/queue.h"
#include "courier/test_keeper.h"
#include "courier/test_server.h"
#include "store/event.h"
#include "store/facet.h"
#include "store/test_store.h"

#include <signal.h>
#include <unistd.h>

#define WAIT_MS 15000

static const struct smtp_times quick = {.connect_ms = 3000,
                                        .greeting_ms = 3000,
                                        .command_ms = 3000,
                                        .tls_ms = 3000,
                                        .data_ms = 3000,
                                        .block_ms = 3000,
                                        .end_ms = 3000};

/* ---- the DNS: every name is 127.0.0.1 and has nothing else; any thread ---- */

static enum sd_err start_question(SD_UNUSED void *ctx, SD_UNUSED struct span name, enum dns_type type, struct dns_ticket *ret) {
    *ret = (struct dns_ticket){.id = type};
    return SD_OK;
}

static enum sd_err wait_answer(SD_UNUSED void *ctx, struct dns_ticket ticket, SD_UNUSED struct deadline deadline,
                               SD_UNUSED struct arena *arena, struct dns_answer *ret) {
    static const struct span loopback = {(const uint8_t *)"\177\0\0\1", 4};
    *ret = (struct dns_answer){.outcome = DNS_NODATA};
    if (ticket.id == DNS_A)
        *ret = (struct dns_answer){.outcome = DNS_FOUND, .records = &loopback, .count = 1};
    return SD_OK;
}

/* ---- the world ---- */

struct world {
    struct test_dir dir;
    struct store *store; /* the test's own connection */
    struct test_server server;
    struct test_keeper keeper;
    struct courier courier;
};

#define LETTER "From: support@desk.example\r\nTo: a@d.example\r\n\r\nhello\r\n"

static void put_letter(struct world *w, unsigned n, struct span letter, int64_t created_ms) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(100000);
    struct object_id object = test_object_id(n);
    struct outbound_row row = {.object = object,
                               .ticket = test_ticket_id(1),
                               .state = DELIVERY_QUEUED,
                               .next_ms = created_ms,
                               .created_ms = created_ms,
                               .warrant = {{(uint8_t)n}}};
    assert_int_equal(seal_facet(span_of(w->keeper.source_key, 32), &object, FACET_SOURCE, letter, &sealed), SD_OK);
    test_begin(w->store);
    assert_int_equal(test_file(w->store, 1, n, SPAN("support"), created_ms), SD_OK);
    assert_int_equal(facet_put(w->store, &object, FACET_SOURCE, buf_span(&sealed)), SD_OK);
    assert_int_equal(outbound_add(w->store, &row), SD_OK);
    assert_int_equal(store_commit(w->store), SD_OK);
}

static void begin(struct world *w) {
    *w = (struct world){.dir = test_dir_new()};
    assert_int_equal(store_create(w->dir.store), SD_OK);
    w->store = test_store_open(&w->dir);
    w->courier.store = test_store_open(&w->dir);
    pthread_mutex_init(&w->courier.store_lock, NULL);
    test_keeper_init(&w->keeper, SPAN(LETTER));
    w->courier.keeper = ipc_client_new("keeper");
    ipc_client_attach(w->courier.keeper, test_keeper_start(&w->keeper));
    w->courier.delivery.dns = (struct dns_source){.start = start_question, .wait = wait_answer};
    w->courier.delivery.place_ms = 10000;
    w->courier.delivery.smtp = (struct smtp_settings){.hostname = SPAN("desk.example"), .times = &quick};
    assert_int_equal(tls_client_context(SPAN_NONE, &w->courier.delivery.smtp.tls), SD_OK);
    assert_int_equal(pool_new(4, &w->courier.delivery.pool), SD_OK);
    assert_int_equal(schedule_parse(SPAN("60,300"), 1, &w->courier.schedule), SD_OK);
    test_server_init(&w->server);
}

static void go(struct world *w) {
    test_server_start(&w->server);
    w->courier.delivery.port = w->server.port;
}

static void finish(struct world *w) {
    pool_free(&w->courier.delivery.pool);
    test_server_stop(&w->server);
    ipc_client_free(&w->courier.keeper);
    test_keeper_stop(&w->keeper);
    tls_context_free(&w->courier.delivery.smtp.tls);
    store_close(&w->courier.store);
    store_close(&w->store);
    test_dir_free(&w->dir);
}

static struct outbound_row row_of(struct world *w, unsigned n, struct arena *arena) {
    struct object_id object = test_object_id(n);
    struct outbound_row row;
    assert_int_equal(outbound_get(w->store, &object, arena, &row), SD_OK);
    return row;
}

static void run(struct world *w, unsigned n) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(100000);
    struct outbound_row row = row_of(w, n, arena);
    struct job job;
    job_from_row(&row, &job);
    job_run(&w->courier, &job);
}

static void assert_row(struct world *w, unsigned n, enum delivery_state state, const char *status) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(100000);
    struct outbound_row row = row_of(w, n, arena);
    assert_int_equal(row.state, state);
    assert_true(span_eq(row.status, span_cstr(status)));
}

static int64_t due_in_ms(struct world *w, unsigned n) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(100000);
    return row_of(w, n, arena).next_ms - clock_unix_ms();
}

/* The kinds of the courier's events, oldest first: "deferred 4.2.1,failed 5.1.1,". */
static void assert_events(struct world *w, const char *expected) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(100000);
    struct buf text SD_CLEANUP(buf_free) = buf_new(1000);
    struct event_row *rows;
    size_t count;
    struct ticket_id ticket = test_ticket_id(1);
    assert_int_equal(event_list(w->store, &ticket, 100, arena, &rows, &count), SD_OK);
    for (size_t i = 0; i < count; i++)
        if (span_eq(rows[i].actor, SPAN("courier")))
            buf_printf(&text, "%s %.*s,", event_kind_text(rows[i].kind), SPAN_FMT(rows[i].detail));
    assert_true(span_eq(buf_span(&text), span_cstr(expected)));
}

static size_t receipts(struct world *w, unsigned n, struct arena *arena, struct span **sealed) {
    struct object_id object = test_object_id(n);
    size_t count;
    assert_int_equal(receipt_list(w->store, &object, arena, sealed, &count), SD_OK);
    return count;
}

/* ---- tests ---- */

static void test_sent(void **state) {
    (void)state;
    struct world w;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(100000);
    struct buf plain SD_CLEANUP(buf_free) = buf_new(10000);
    struct cards_receipt_v1 card;
    struct object_id object = test_object_id(1);
    struct span *sealed;
    begin(&w);
    put_letter(&w, 1, SPAN(LETTER), clock_unix_ms());
    go(&w);
    run(&w, 1);
    assert_row(&w, 1, DELIVERY_SENT, "2.0.0");
    assert_events(&w, "sent 2.0.0,");
    assert_true(span_eq(buf_span(&w.server.message), SPAN(LETTER)));
    assert_int_equal(w.keeper.last_state, DELIVERY_SENT);
    assert_true(w.keeper.last_last);
    assert_int_equal(receipts(&w, 1, arena, &sealed), 1);
    assert_int_equal(open_facet(span_of(w.keeper.receipt_key, 32), &object, FACET_RECEIPT, sealed[0], 8192, &plain), SD_OK);
    assert_int_equal(cards_receipt_v1_decode(buf_span(&plain), NULL, &card), SD_OK);
    assert_int_equal(card.code, 250);
    assert_true(span_eq(card.text, SPAN("2.6.0 taken as 4711")));
    assert_true(span_eq(card.recipient, SPAN("a@d.example")));
    assert_true(span_eq(card.host, SPAN("d.example")));
    finish(&w);
}

/* One is taken, one refused, one deferred; the retry goes to the last alone; at last it is too old. */
static void test_three_fates(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    w.keeper.recipients[1] = "never@d.example";
    w.keeper.recipients[2] = "later@d.example";
    put_letter(&w, 1, SPAN(LETTER), clock_unix_ms());
    go(&w);
    run(&w, 1);
    assert_row(&w, 1, DELIVERY_DEFERRED, "4.2.1");
    assert_events(&w, "deferred 4.2.1,failed 5.1.1,");
    assert_in_range(due_in_ms(&w, 1), 50000, 60000);
    assert_false(w.keeper.last_last);
    buf_reset(&w.server.commands);
    w.courier.schedule.give_up_ms = 0; /* its time is over after this attempt */
    run(&w, 1);
    assert_true(test_server_heard(&w.server, "RCPT TO:<later@d.example>"));
    assert_false(test_server_heard(&w.server, "<a@d.example>"));
    assert_row(&w, 1, DELIVERY_FAILED, "5.4.7");
    assert_events(&w, "deferred 4.2.1,failed 5.1.1,failed 5.4.7,");
    assert_int_equal(w.keeper.last_state, DELIVERY_FAILED);
    assert_true(w.keeper.last_last);
    finish(&w);
}

/* Killed after the commit of the receipts, before the keeper heard of it: reported, not sent again. */
static void test_killed_before_report(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    w.keeper.silent_report = true;
    put_letter(&w, 1, SPAN(LETTER), clock_unix_ms());
    go(&w);
    run(&w, 1);
    assert_row(&w, 1, DELIVERY_QUEUED, "2.0.0");
    assert_events(&w, "");
    assert_in_range(due_in_ms(&w, 1), 1, 10000);
    w.keeper.silent_report = false;
    run(&w, 1);
    assert_row(&w, 1, DELIVERY_SENT, "2.0.0");
    assert_events(&w, "sent 2.0.0,");
    assert_int_equal(test_server_messages(&w.server), 1);
    finish(&w);
}

/* Killed after the keeper heard of it, before the row was closed: the warrant is spent, the status says how it ended. */
static void test_killed_after_report(void **state) {
    (void)state;
    struct world w;
    struct object_id object = test_object_id(1);
    begin(&w);
    put_letter(&w, 1, SPAN(LETTER), clock_unix_ms());
    go(&w);
    run(&w, 1);
    test_begin(w.store); /* as the kill leaves it */
    assert_int_equal(outbound_update(w.store, &object, DELIVERY_QUEUED, 0, SPAN("2.0.0")), SD_OK);
    assert_int_equal(store_commit(w.store), SD_OK);
    run(&w, 1);
    assert_row(&w, 1, DELIVERY_SENT, "2.0.0");
    assert_int_equal(test_server_messages(&w.server), 1);
    finish(&w);
}

static void test_keeper_away(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    w.keeper.silent_redeem = true;
    put_letter(&w, 1, SPAN(LETTER), clock_unix_ms());
    go(&w);
    run(&w, 1);
    assert_row(&w, 1, DELIVERY_QUEUED, "");
    assert_in_range(due_in_ms(&w, 1), 1, 6000);
    w.keeper.silent_redeem = false;
    run(&w, 1);
    assert_row(&w, 1, DELIVERY_SENT, "2.0.0");
    finish(&w);
}

static void test_no_warrant(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    w.keeper.spent = true;
    put_letter(&w, 1, SPAN(LETTER), clock_unix_ms());
    go(&w);
    run(&w, 1);
    assert_row(&w, 1, DELIVERY_FAILED, "5.7.1");
    assert_int_equal(w.server.session_count, 0);
    finish(&w);
}

/* The store's bytes are not the signed ones, sealed under the right key though: nothing leaves. */
static void test_other_message(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    put_letter(&w, 1, SPAN("From: support@desk.example\r\n\r\nsomething else\r\n"), clock_unix_ms());
    go(&w);
    run(&w, 1);
    assert_row(&w, 1, DELIVERY_FAILED, "5.7.7");
    assert_int_equal(w.server.session_count, 0);
    assert_int_equal(w.keeper.last_state, DELIVERY_FAILED);
    finish(&w);
}

/* A row that names another warrant: the keeper's word on the object decides. */
static void test_swapped_warrant(void **state) {
    (void)state;
    struct world w;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(100000);
    struct job job;
    begin(&w);
    put_letter(&w, 1, SPAN(LETTER), clock_unix_ms());
    put_letter(&w, 2, SPAN(LETTER), clock_unix_ms());
    go(&w);
    struct outbound_row row = row_of(&w, 1, arena);
    row.warrant.b[0] = 2;
    job_from_row(&row, &job);
    job_run(&w.courier, &job);
    assert_row(&w, 1, DELIVERY_FAILED, "5.7.1");
    assert_int_equal(w.server.session_count, 0);
    finish(&w);
}

static void test_smuggling(void **state) {
    (void)state;
    static const struct span letters[] = {SPAN("A: b\r\n\r\nx\n.\r\nMAIL FROM:<evil@desk.example>\r\n"),
                                          SPAN("A: b\r\n\r\nx\r.\r\n"), SPAN("A: b\n\nx\n")};
    for (size_t i = 0; i < SD_COUNT(letters); i++) {
        struct world w;
        struct sha256 digest;
        begin(&w);
        assert_int_equal(crypt_sha256(letters[i], &digest), SD_OK);
        memcpy(w.keeper.digest, digest.b, 32);
        put_letter(&w, 1, letters[i], clock_unix_ms());
        go(&w);
        run(&w, 1);
        assert_row(&w, 1, DELIVERY_FAILED, "5.6.0");
        assert_int_equal(w.server.session_count, 0);
        finish(&w);
    }
}

/* A receipt that somebody changed counts for nothing: at worst the message goes out again, it never counts as sent. */
static void test_forged_receipt(void **state) {
    (void)state;
    struct world w;
    struct object_id object = test_object_id(1);
    begin(&w);
    put_letter(&w, 1, SPAN(LETTER), clock_unix_ms());
    go(&w);
    test_begin(w.store);
    assert_int_equal(receipt_add(w.store, &object, SPAN("not sealed by anybody")), SD_OK);
    assert_int_equal(store_commit(w.store), SD_OK);
    run(&w, 1);
    assert_row(&w, 1, DELIVERY_SENT, "2.0.0");
    assert_int_equal(test_server_messages(&w.server), 1);
    finish(&w);
}

/* ---- the queue ---- */

static bool all_sent(struct world *w, unsigned count) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(1000000);
    unsigned sent = 0;
    for (unsigned n = 1; n <= count; n++)
        sent += row_of(w, n, arena).state == DELIVERY_SENT;
    return sent == count;
}

static void test_queue(void **state) {
    (void)state;
    enum { COUNT = 150 };
    static struct world w; /* its threads live on */
    struct queue *queue = NULL;
    begin(&w);
    for (unsigned n = 1; n <= COUNT; n++)
        put_letter(&w, n, SPAN(LETTER), clock_unix_ms());
    w.keeper.reusable = true;
    go(&w);
    assert_int_equal(queue_new(&w.courier, &queue), SD_OK);
    assert_int_equal(queue_start(queue), SD_OK);
    struct deadline deadline = deadline_in_ms(WAIT_MS * 2);
    while (!all_sent(&w, COUNT) && !deadline_passed(deadline))
        (void)usleep(20000);
    assert_true(all_sent(&w, COUNT));
    assert_int_equal(test_server_messages(&w.server), COUNT); /* each once */
    assert_in_range(w.server.most_at_once, 1, 4 + 1);         /* sessions_per_destination, and one that is just ending */
    assert_int_equal(queue_stop(queue, deadline_in_ms(WAIT_MS)), SD_OK);
    assert_true(queue_state(queue).store_ok);
    test_server_stop(&w.server); /* the scheduler has closed the kept connections */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sent),
        cmocka_unit_test(test_three_fates),
        cmocka_unit_test(test_killed_before_report),
        cmocka_unit_test(test_killed_after_report),
        cmocka_unit_test(test_keeper_away),
        cmocka_unit_test(test_no_warrant),
        cmocka_unit_test(test_other_message),
        cmocka_unit_test(test_swapped_warrant),
        cmocka_unit_test(test_smuggling),
        cmocka_unit_test(test_forged_receipt),
        cmocka_unit_test(test_queue),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)fflush(NULL);
    _exit(failed ? 1 : 0); /* the queue's threads run as long as the process */
}
