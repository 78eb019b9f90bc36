#include "store/event.h"
#include "store/facet.h"
#include "store/idempotency.h"
#include "store/outbound.h"
#include "store/setaside.h"
#include "store/test_store.h"

static struct test_dir dir;
static struct store *store;
static struct arena *arena;

static int make(SD_UNUSED void **state) {
    test_rows_make(&dir, &store, &arena);
    return 0;
}

static int drop(SD_UNUSED void **state) {
    test_rows_drop(&dir, &store, &arena);
    return 0;
}

static struct ticket_row ticket(unsigned t) {
    return test_ticket(store, t, arena);
}

static void tickets_count_and_number(SD_UNUSED void **state) {
    assert_int_equal(test_file(store, 1, 1, SPAN("support"), 100), SD_OK);
    assert_int_equal(test_file(store, 2, 2, SPAN("billing"), 50), SD_OK);
    assert_int_equal(test_file(store, 1, 3, SPAN("support"), 90), SD_OK);
    assert_int_equal(test_file(store, 1, 3, SPAN("support"), 90), SD_ERR_EXISTS);
    struct ticket_row row = ticket(1);
    assert_int_equal(row.number, 1);
    assert_int_equal(row.messages, 2);
    assert_int_equal(row.revision, 2);
    assert_int_equal(row.created_ms, 100);
    assert_int_equal(row.updated_ms, 100); /* never goes back */
    assert_int_equal(row.assignee.n, 0);
    assert_true(span_eq(row.queue, SPAN("support")));
    struct object_id first = test_object_id(1), last = test_object_id(3);
    assert_memory_equal(row.first.b, first.b, sizeof first.b);
    assert_true(row.has_last_inbound);
    assert_memory_equal(row.last_inbound.b, last.b, sizeof last.b);
    struct ticket_row two;
    assert_int_equal(ticket_get_number(store, 2, arena, &two), SD_OK);
    assert_true(span_eq(two.queue, SPAN("billing")));
    assert_int_equal(ticket_get_number(store, 3, arena, &two), SD_ERR_NOTFOUND);
}

static void outgoing_messages_leave_last_inbound(SD_UNUSED void **state) {
    assert_int_equal(test_file(store, 1, 1, SPAN("support"), 100), SD_OK);
    struct message_row out = {.object = test_object_id(2),
                              .ticket = test_ticket_id(1),
                              .direction = DIRECTION_OUT,
                              .at_ms = 200,
                              .state = OBJECT_CLEAN,
                              .author = SPAN("p1")};
    assert_int_equal(message_add(store, &out, TICKET_PENDING), SD_OK);
    struct ticket_row row = ticket(1);
    assert_int_equal(row.state, TICKET_PENDING);
    assert_int_equal(row.messages, 2);
    assert_int_equal(row.updated_ms, 200);
    struct object_id inbound = test_object_id(1);
    assert_memory_equal(row.last_inbound.b, inbound.b, sizeof inbound.b);
    out.object = test_object_id(3);
    out.ticket = test_ticket_id(9);
    assert_int_equal(message_add(store, &out, TICKET_PENDING), SD_ERR_NOTFOUND);
}

static void changes_need_the_revision_seen(SD_UNUSED void **state) {
    assert_int_equal(test_file(store, 1, 1, SPAN("support"), 100), SD_OK);
    struct ticket_id id = test_ticket_id(1), none = test_ticket_id(2);
    assert_int_equal(ticket_set_state(store, &id, 1, TICKET_CLOSED, 300), SD_OK);
    assert_int_equal(ticket_set_state(store, &id, 1, TICKET_OPEN, 400), SD_ERR_STALE);
    assert_int_equal(ticket_set_assignee(store, &id, 1, SPAN("p1"), 400), SD_ERR_STALE);
    assert_int_equal(ticket_set_queue(store, &id, 3, SPAN("billing"), 400), SD_ERR_STALE);
    assert_int_equal(ticket_set_queue(store, &none, 1, SPAN("billing"), 400), SD_ERR_NOTFOUND);
    struct ticket_row row = ticket(1);
    assert_int_equal(row.state, TICKET_CLOSED);
    assert_int_equal(row.revision, 2);
    assert_int_equal(row.updated_ms, 300);
    assert_int_equal(ticket_set_assignee(store, &id, 2, SPAN("p1"), 500), SD_OK);
    assert_int_equal(ticket_set_queue(store, &id, 3, SPAN("billing"), 600), SD_OK);
    row = ticket(1);
    assert_true(span_eq(row.assignee, SPAN("p1")));
    assert_true(span_eq(row.queue, SPAN("billing")));
    assert_int_equal(ticket_set_assignee(store, &id, 4, SPAN_NONE, 700), SD_OK);
    row = ticket(1);
    assert_int_equal(row.assignee.n, 0);
    assert_int_equal(row.revision, 5);
}

static void queue_follows_the_keeper(SD_UNUSED void **state) {
    assert_int_equal(test_file(store, 1, 1, SPAN("support"), 100), SD_OK);
    assert_int_equal(test_file(store, 1, 2, SPAN("billing"), 110), SD_OK);
    assert_true(span_eq(ticket(1).queue, SPAN("billing")));
}

/* ---- lists ---- */

static size_t list(const struct ticket_filter *filter, struct ticket_row **ret) {
    size_t count = 0;
    assert_int_equal(ticket_list(store, filter, arena, ret, &count), SD_OK);
    return count;
}

/* 50 tickets, three queues, many with equal times: every page together gives each once, newest first. */
static void pages_cover_everything_once(SD_UNUSED void **state) {
    const struct span queues[] = {SPAN("a"), SPAN("b"), SPAN("a")};
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(test_file(store, i, i, i % 5 == 0 ? SPAN("c") : i % 2 ? SPAN("a") : SPAN("b"), i / 7), SD_OK);
    struct ticket_filter filter = {.queues = queues, .queue_count = 3, .limit = 7};
    bool seen[50] = {false};
    size_t total = 0;
    for (;;) {
        struct ticket_row *rows;
        size_t count = list(&filter, &rows);
        if (count == 0)
            break;
        for (size_t i = 0; i < count; i++) {
            unsigned n;
            memcpy(&n, rows[i].id.b + 8, sizeof n);
            assert_false(seen[n]);
            assert_true(n % 5 != 0);
            seen[n] = true;
            if (filter.has_after || i)
                assert_true(rows[i].updated_ms <= (i ? rows[i - 1].updated_ms : filter.after.updated_ms));
        }
        total += count;
        filter.has_after = true;
        filter.after = (struct ticket_cursor){rows[count - 1].updated_ms, rows[count - 1].id};
    }
    assert_int_equal(total, 40);
}

static void filters(SD_UNUSED void **state) {
    const struct span queues[] = {SPAN("a"), SPAN("b")};
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(test_file(store, i, i, i < 4 ? SPAN("a") : i < 8 ? SPAN("b") : SPAN("c"), i), SD_OK);
    struct ticket_id id = test_ticket_id(2);
    assert_int_equal(ticket_set_state(store, &id, 1, TICKET_SPAM, 50), SD_OK);
    struct ticket_row *rows;
    struct ticket_filter filter = {.queues = queues, .queue_count = 2, .limit = LIMIT_LIST_ITEMS};
    assert_int_equal(list(&filter, &rows), 8);
    filter.queue = SPAN("b");
    assert_int_equal(list(&filter, &rows), 4);
    filter.queue = SPAN("c"); /* not among the session's */
    assert_int_equal(list(&filter, &rows), 0);
    filter.queue = SPAN_NONE;
    filter.has_state = true;
    filter.state = TICKET_SPAM;
    assert_int_equal(list(&filter, &rows), 1);
    assert_memory_equal(rows[0].id.b, id.b, sizeof id.b);
    filter.queue_count = 0;
    assert_int_equal(list(&filter, &rows), 0);
    size_t count;
    filter.limit = 0;
    assert_int_equal(ticket_list(store, &filter, arena, &rows, &count), SD_ERR_LIMIT);
    uint64_t counts[TICKET_STATES];
    assert_int_equal(ticket_counts(store, SPAN("a"), counts), SD_OK);
    assert_int_equal(counts[TICKET_OPEN], 3);
    assert_int_equal(counts[TICKET_SPAM], 1);
    assert_int_equal(counts[TICKET_REVIEW], 0);
}

/* ---- who sent it ---- */

/* Message n of ticket t, by a sender of this domain. */
static void file_from(unsigned t, unsigned n, uint8_t trust, uint64_t signals, uint8_t domain) {
    struct message_row m = {.object = test_object_id(n),
                            .ticket = test_ticket_id(t),
                            .direction = DIRECTION_IN,
                            .at_ms = 1000 + n,
                            .trust = trust,
                            .disposition = 5,
                            .state = OBJECT_CLEAN,
                            .signals = signals,
                            .known = n,
                            .known_since_ms = n ? 7 : 0,
                            .has_domain_tag = domain != 0,
                            .domain_tag = {domain},
                            .as_customer = n % 2 == 1,
                            .encrypted = n % 2 == 0};
    assert_int_equal(ticket_ensure(store, &m.ticket, t % 2 ? SPAN("a") : SPAN("b"), TICKET_OPEN, &m.object, 1), SD_OK);
    assert_int_equal(message_add(store, &m, TICKET_OPEN), SD_OK);
}

static void what_is_known_of_a_sender(SD_UNUSED void **state) {
    struct message_row got;
    struct object_id one = test_object_id(1), two = test_object_id(2), out = test_object_id(3);
    file_from(1, 1, 2, UINT64_C(1) << 40 | 5, 9);
    file_from(1, 2, 0, 0, 0);
    assert_int_equal(message_get(store, &one, arena, &got), SD_OK);
    assert_true(got.signals == (UINT64_C(1) << 40 | 5) && got.known == 1 && got.known_since_ms == 7);
    assert_true(got.has_domain_tag && got.domain_tag[0] == 9 && got.as_customer && !got.encrypted);
    assert_int_equal(message_get(store, &two, arena, &got), SD_OK);
    assert_true(!got.has_domain_tag && !got.as_customer && got.encrypted);
    struct message_row sent = {.object = out, .ticket = test_ticket_id(1), .direction = DIRECTION_OUT, .known = 7};
    assert_int_equal(message_add(store, &sent, TICKET_PENDING), SD_OK);
    assert_int_equal(message_get(store, &out, arena, &got), SD_OK);
    assert_true(got.known == 0 && got.signals == 0 && !got.has_domain_tag); /* nobody sent it but us */
    struct message_row much = {
        .object = test_object_id(4), .ticket = test_ticket_id(1), .direction = DIRECTION_IN, .signals = UINT64_MAX};
    assert_int_equal(message_add(store, &much, TICKET_OPEN), SD_ERR_LIMIT);
}

static const struct span both_queues[] = {SPAN("a"), SPAN("b")};

static size_t found(struct ticket_filter filter) {
    struct ticket_row *rows;
    filter.queues = both_queues;
    filter.queue_count = 2;
    filter.limit = LIMIT_LIST_ITEMS;
    return list(&filter, &rows);
}

static void filters_by_sender(SD_UNUSED void **state) {
    file_from(1, 1, 2, 1 << 3, 9);
    file_from(1, 2, 2, 0, 9);
    file_from(2, 3, 0, 1 << 3, 9);
    file_from(3, 4, 1, 0, 0);
    file_from(4, 5, 2, 1 << 4, 8);
    assert_int_equal(found((struct ticket_filter){.has_trust = true, .trust = 2}), 2);
    assert_int_equal(found((struct ticket_filter){.has_trust = true, .trust = 0}), 1);
    assert_int_equal(found((struct ticket_filter){.has_signal = true, .signal = 3}), 2);
    assert_int_equal(found((struct ticket_filter){.has_signal = true, .signal = 0}), 0);
    assert_int_equal(found((struct ticket_filter){.has_signal = true, .signal = 4, .has_trust = true, .trust = 2}), 1);
    assert_int_equal(found((struct ticket_filter){.has_signal = true, .signal = 4, .has_trust = true, .trust = 0}), 0);
    assert_int_equal(found((struct ticket_filter){.has_domain_tag = true, .domain_tag = {9}}), 2); /* ticket 1 once */
    assert_int_equal(found((struct ticket_filter){.has_domain_tag = true, .domain_tag = {7}}), 0);
    struct ticket_filter all = {.has_domain_tag = true, .domain_tag = {9}, .has_signal = true, .signal = 3, .has_trust = true};
    assert_int_equal(found(all), 1);
    all.trust = 2;
    assert_int_equal(found(all), 1);
    all.trust = 1;
    assert_int_equal(found(all), 0); /* of one message, not of several together */
    all = (struct ticket_filter){.has_domain_tag = true, .domain_tag = {9}, .has_state = true, .state = TICKET_OPEN};
    assert_int_equal(found(all), 2);
    all.state = TICKET_CLOSED;
    assert_int_equal(found(all), 0);
    struct ticket_row *rows;
    size_t count;
    struct ticket_filter odd = {.queues = both_queues, .queue_count = 2, .limit = 1, .has_signal = true, .signal = 63};
    assert_int_equal(ticket_list(store, &odd, arena, &rows, &count), SD_ERR_LIMIT);
}

/* 100,000 tickets, and what is looked for is in the oldest of them: the longest walk there is. */
static int64_t time_of(struct ticket_filter filter, size_t expected) {
    int64_t from = clock_mono_ns();
    assert_int_equal(found(filter), expected);
    return (clock_mono_ns() - from) / 1000000;
}

static void filters_stay_fast(SD_UNUSED void **state) {
    file_from(0, 0, 0, 1 << 5, 3);
    for (unsigned i = 1; i < 100000; i++)
        file_from(i, i, 2, i % 3 ? 1 << 2 : 0, i % 2 ? 4 : 5);
    int64_t rare_trust = time_of((struct ticket_filter){.has_trust = true, .trust = 0}, 1);
    int64_t rare_signal = time_of((struct ticket_filter){.has_signal = true, .signal = 5}, 1);
    int64_t rare_domain = time_of((struct ticket_filter){.has_domain_tag = true, .domain_tag = {3}}, 1);
    int64_t usual = time_of((struct ticket_filter){.has_signal = true, .signal = 2}, LIMIT_LIST_ITEMS);
    int64_t domain = time_of((struct ticket_filter){.has_domain_tag = true, .domain_tag = {4}}, LIMIT_LIST_ITEMS);
    struct ticket_filter both = {.has_domain_tag = true, .domain_tag = {4}, .has_signal = true, .signal = 5};
    assert_int_equal(found(both), 0); /* a common domain, and none of its messages has it */
    both.domain_tag[0] = 5;
    both.signal = 2;
    both.has_state = true;
    both.state = TICKET_OPEN;
    assert_int_equal(found(both), LIMIT_LIST_ITEMS);
    print_message("ms: rare trust %d, rare signal %d, rare domain %d, usual signal %d, usual domain %d\n", (int)rare_trust,
                  (int)rare_signal, (int)rare_domain, (int)usual, (int)domain);
    /* generous: a machine that others use, and sanitizers */
    assert_true(rare_trust < 3000 && rare_signal < 3000 && domain < 300 && rare_domain < 300 && usual < 300);
}

static void messages_and_attachments(SD_UNUSED void **state) {
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(test_file(store, 1, i, SPAN("a"), i < 3 ? 10 : 5), SD_OK);
    struct ticket_id id = test_ticket_id(1);
    struct message_row *rows, *more, one;
    size_t count, more_count;
    assert_int_equal(message_list(store, &id, NULL, 3, arena, &rows, &count), SD_OK);
    assert_int_equal(count, 3);
    const unsigned order[] = {3, 4, 0, 1, 2};
    assert_int_equal(message_list(store, &id, &rows[2], 3, arena, &more, &more_count), SD_OK);
    assert_int_equal(more_count, 2);
    for (size_t i = 0; i < 5; i++) {
        struct object_id object = test_object_id(order[i]);
        assert_memory_equal((i < 3 ? rows[i] : more[i - 3]).object.b, object.b, sizeof object.b);
    }
    struct object_id object = test_object_id(4), none = test_object_id(99);
    assert_int_equal(message_get(store, &object, arena, &one), SD_OK);
    assert_int_equal(one.size_bytes, 1004);
    assert_int_equal(one.trust, 2);
    assert_int_equal(one.state, OBJECT_CLEAN);
    assert_int_equal(message_get(store, &none, arena, &one), SD_ERR_NOTFOUND);
    struct attachment_row a = {.object = test_object_id(50), .message = object, .index = 1, .size_bytes = 7}, *list_rows, got;
    assert_int_equal(attachment_add(store, &a), SD_OK);
    assert_int_equal(attachment_add(store, &a), SD_ERR_EXISTS);
    a.object = test_object_id(51);
    a.index = 0;
    assert_int_equal(attachment_add(store, &a), SD_OK);
    assert_int_equal(attachment_list(store, &object, arena, &list_rows, &count), SD_OK);
    assert_int_equal(count, 2);
    assert_int_equal(list_rows[0].index, 0);
    assert_int_equal(attachment_get(store, &a.object, &got), SD_OK);
    assert_memory_equal(got.message.b, object.b, sizeof object.b);
    assert_int_equal(attachment_get(store, &none, &got), SD_ERR_NOTFOUND);
    a.object = test_object_id(52);
    a.message = none;
    assert_int_equal(attachment_add(store, &a), SD_ERR_NOTFOUND);
}

static void facets_are_cut_into_rows(SD_UNUSED void **state) {
    const size_t sizes[] = {1, LIMIT_STORE_ROW_BYTES - 1, LIMIT_STORE_ROW_BYTES, LIMIT_STORE_ROW_BYTES + 1,
                            3 * LIMIT_STORE_ROW_BYTES + 17};
    static uint8_t bytes[3 * LIMIT_STORE_ROW_BYTES + 17];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    for (unsigned i = 0; i < SD_COUNT(sizes); i++) {
        struct object_id object = test_object_id(i);
        struct buf back SD_CLEANUP(buf_free) = buf_new(sizes[i]), tight SD_CLEANUP(buf_free) = buf_new(sizes[i] - 1);
        struct span sealed = span_of(bytes, sizes[i]);
        assert_int_equal(facet_get(store, &object, FACET_SOURCE, &back), SD_ERR_NOTFOUND);
        assert_int_equal(facet_put(store, &object, FACET_SOURCE, sealed), SD_OK);
        assert_int_equal(facet_put(store, &object, FACET_TEXT, SPAN("text")), SD_OK);
        assert_int_equal(facet_put(store, &object, FACET_SOURCE, sealed), SD_ERR_EXISTS);
        assert_int_equal(facet_get(store, &object, FACET_SOURCE, &back), SD_OK);
        assert_true(span_eq(buf_span(&back), sealed));
        assert_int_equal(facet_get(store, &object, FACET_SOURCE, &tight), SD_ERR_LIMIT);
    }
}

static void receipts_come_in_order(SD_UNUSED void **state) {
    struct object_id object = test_object_id(1), other = test_object_id(2);
    struct span *rows;
    size_t count;
    assert_int_equal(receipt_list(store, &object, arena, &rows, &count), SD_OK);
    assert_int_equal(count, 0);
    assert_int_equal(receipt_add(store, &object, SPAN("first")), SD_OK);
    assert_int_equal(receipt_add(store, &other, SPAN("other")), SD_OK);
    assert_int_equal(receipt_add(store, &object, SPAN("second")), SD_OK);
    assert_int_equal(facet_put(store, &object, FACET_RECEIPT, SPAN("no")), SD_ERR_BUG);
    assert_int_equal(receipt_list(store, &object, arena, &rows, &count), SD_OK);
    assert_int_equal(count, 2);
    assert_true(span_eq(rows[0], SPAN("first")));
    assert_true(span_eq(rows[1], SPAN("second")));
}

static void outbound_queue(SD_UNUSED void **state) {
    assert_int_equal(test_file(store, 1, 100, SPAN("a"), 1), SD_OK);
    struct outbound_row row = {.ticket = test_ticket_id(1), .state = DELIVERY_QUEUED, .created_ms = 5}, *rows, got;
    struct object_id one = test_object_id(1), two = test_object_id(2), held = test_object_id(3);
    size_t count;
    int64_t next;
    uint64_t waiting;
    assert_int_equal(outbound_next(store, &next), SD_ERR_NOTFOUND);
    row.object = one;
    row.next_ms = 20;
    assert_int_equal(outbound_add(store, &row), SD_OK);
    assert_int_equal(outbound_add(store, &row), SD_ERR_EXISTS);
    row.object = two;
    row.next_ms = 10;
    assert_int_equal(outbound_add(store, &row), SD_OK);
    row.object = held;
    row.state = DELIVERY_HELD;
    assert_int_equal(outbound_add(store, &row), SD_OK);
    assert_int_equal(outbound_due(store, 9, 10, arena, &rows, &count), SD_OK);
    assert_int_equal(count, 0);
    assert_int_equal(outbound_due(store, 20, 10, arena, &rows, &count), SD_OK);
    assert_int_equal(count, 2);
    assert_memory_equal(rows[0].object.b, two.b, sizeof two.b);
    assert_int_equal(outbound_next(store, &next), SD_OK);
    assert_int_equal(next, 10);
    assert_int_equal(outbound_claim(store, &two, 20, 100), SD_OK);
    assert_int_equal(outbound_claim(store, &two, 20, 100), SD_ERR_STALE);
    assert_int_equal(outbound_claim(store, &held, 20, 100), SD_ERR_STALE);
    assert_int_equal(outbound_claim(store, &two, 100, 200), SD_OK); /* its courier died: the lease is over */
    assert_int_equal(outbound_update(store, &two, DELIVERY_DEFERRED, 300, SPAN("4.4.1")), SD_OK);
    assert_int_equal(outbound_get(store, &two, arena, &got), SD_OK);
    assert_int_equal(got.attempts, 2);
    assert_int_equal(got.state, DELIVERY_DEFERRED);
    assert_true(span_eq(got.status, SPAN("4.4.1")));
    assert_int_equal(outbound_waiting(store, &waiting), SD_OK);
    assert_int_equal(waiting, 3);
    assert_int_equal(outbound_update(store, &one, DELIVERY_SENT, 0, SPAN("2.0.0")), SD_OK);
    assert_int_equal(outbound_claim(store, &one, 1000, 2000), SD_ERR_STALE);
    assert_int_equal(outbound_waiting(store, &waiting), SD_OK);
    assert_int_equal(waiting, 2);
    assert_int_equal(outbound_list(store, &row.ticket, arena, &rows, &count), SD_OK);
    assert_int_equal(count, 3);
    row.object = test_object_id(8);
    row.ticket = test_ticket_id(8);
    assert_int_equal(outbound_add(store, &row), SD_ERR_NOTFOUND);
    assert_int_equal(outbound_get(store, &row.object, arena, &got), SD_ERR_NOTFOUND);
    assert_int_equal(outbound_update(store, &row.object, DELIVERY_SENT, 0, SPAN_NONE), SD_ERR_NOTFOUND);
}

static void events_in_order(SD_UNUSED void **state) {
    assert_int_equal(test_file(store, 1, 1, SPAN("a"), 1), SD_OK);
    struct ticket_id id = test_ticket_id(1), none = test_ticket_id(2);
    struct event_row event = {.at_ms = 1,
                              .kind = EVENT_RECEIVED,
                              .actor = SPAN("clerk"),
                              .detail = SPAN("accept"),
                              .has_object = true,
                              .object = test_object_id(1)},
                     *rows;
    size_t count;
    assert_int_equal(event_add(store, &id, &event), SD_OK);
    event = (struct event_row){.at_ms = 2, .kind = EVENT_CHANGED, .actor = SPAN("p1"), .detail = SPAN("state closed")};
    assert_int_equal(event_add(store, &id, &event), SD_OK);
    assert_int_equal(event_add(store, &none, &event), SD_ERR_NOTFOUND);
    assert_int_equal(event_list(store, &id, 10, arena, &rows, &count), SD_OK);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].kind, EVENT_RECEIVED);
    assert_true(rows[0].has_object);
    assert_false(rows[1].has_object);
    assert_true(span_eq(rows[1].detail, SPAN("state closed")));
    assert_int_equal(event_list(store, &id, 1, arena, &rows, &count), SD_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].kind, EVENT_CHANGED); /* the newest one */
    assert_string_equal(event_kind_text(EVENT_CHECK), "check");
    assert_string_equal(event_kind_text(0), "unknown");
    static uint8_t big[EVENT_DETAIL_MAX + 1];
    memset(big, 'x', sizeof big);
    event.detail = span_of(big, sizeof big);
    assert_int_equal(event_add(store, &id, &event), SD_ERR_LIMIT);
}

static void one_answer_per_key(SD_UNUSED void **state) {
    const uint8_t bytes[IDEMPOTENCY_HASH_BYTES] = {1, 2, 3};
    struct span hash = span_of(bytes, sizeof bytes);
    const int64_t day = (int64_t)24 * 60 * 60 * 1000;
    struct object_id one = test_object_id(1), two = test_object_id(2), got;
    assert_int_equal(idempotency_get(store, SPAN("p1"), hash, 10, &got), SD_ERR_NOTFOUND);
    assert_int_equal(idempotency_claim(store, SPAN("p1"), hash, &one, 10), SD_OK);
    assert_int_equal(idempotency_claim(store, SPAN("p1"), hash, &two, 11), SD_ERR_EXISTS);
    assert_int_equal(idempotency_claim(store, SPAN("p2"), hash, &two, 11), SD_OK);
    assert_int_equal(idempotency_get(store, SPAN("p1"), hash, day, &got), SD_OK);
    assert_memory_equal(got.b, one.b, sizeof one.b);
    assert_int_equal(idempotency_get(store, SPAN("p1"), hash, day + 10, &got), SD_ERR_NOTFOUND);
    assert_int_equal(idempotency_claim(store, SPAN("p1"), hash, &two, day + 10), SD_OK);
    assert_int_equal(idempotency_claim(store, SPAN("p1"), SPAN("short"), &two, 11), SD_ERR_BUG);
}

static void position_and_what_was_set_aside(SD_UNUSED void **state) {
    static uint8_t bytes[LIMIT_STORE_ROW_BYTES + 100];
    struct intake_position position;
    assert_int_equal(position_get(store, &position), SD_OK);
    assert_int_equal(position.segment, 0);
    assert_int_equal(position_set(store, (struct intake_position){3, 4096}), SD_OK);
    assert_int_equal(position_set(store, (struct intake_position){4, 12}), SD_OK);
    assert_int_equal(position_get(store, &position), SD_OK);
    assert_int_equal(position.segment, 4);
    assert_int_equal(position.offset, 12);
    struct set_aside_row row = {.at_ms = 1, .where = {4, 12}, .reason = SPAN("refused")}, *rows;
    uint64_t count;
    size_t listed;
    assert_int_equal(set_aside_add(store, &row, span_of(bytes, sizeof bytes)), SD_OK);
    assert_int_equal(set_aside_add(store, &row, span_of(bytes, sizeof bytes)), SD_OK);
    bytes[5] = 1; /* other bytes at the same place: an intake that began anew */
    assert_int_equal(set_aside_add(store, &row, span_of(bytes, sizeof bytes)), SD_OK);
    assert_int_equal(set_aside_count(store, &count), SD_OK);
    assert_int_equal(count, 2);
    assert_int_equal(set_aside_list(store, 0, 10, arena, &rows, &listed), SD_OK);
    assert_int_equal(listed, 2);
    assert_int_equal(rows[1].size_bytes, sizeof bytes);
    struct buf back SD_CLEANUP(buf_free) = buf_new(sizeof bytes);
    assert_int_equal(set_aside_get(store, rows[1].id, &back), SD_OK);
    assert_true(span_eq(buf_span(&back), span_of(bytes, sizeof bytes)));
    assert_int_equal(set_aside_get(store, 99, &back), SD_ERR_NOTFOUND);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(tickets_count_and_number),
        CASE(outgoing_messages_leave_last_inbound),
        CASE(changes_need_the_revision_seen),
        CASE(queue_follows_the_keeper),
        CASE(pages_cover_everything_once),
        CASE(filters),
        CASE(what_is_known_of_a_sender),
        CASE(filters_by_sender),
        CASE(filters_stay_fast),
        CASE(messages_and_attachments),
        CASE(facets_are_cut_into_rows),
        CASE(receipts_come_in_order),
        CASE(outbound_queue),
        CASE(events_in_order),
        CASE(one_answer_per_key),
        CASE(position_and_what_was_set_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
