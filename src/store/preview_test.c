/* What was found in letters later, pictures of attachments, and what the spam filter learns from. */
#include "store/event.h"
#include "store/facet.h"
#include "store/learn.h"
#include "store/preview.h"
#include "store/remove.h"
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

/* Message n of ticket t with one attachment, which it gives. */
static struct object_id file_with_attachment(unsigned t, unsigned n) {
    struct attachment_row a = {.object = test_object_id(1000 + n), .message = test_object_id(n), .size_bytes = 7};
    assert_int_equal(test_file(store, t, n, SPAN("a"), 10 + n), SD_OK);
    assert_int_equal(attachment_add(store, &a), SD_OK);
    return a.object;
}

static void states_change_for_display(SD_UNUSED void **state) {
    struct object_id file = file_with_attachment(1, 1), letter = test_object_id(1), none = test_object_id(77);
    struct ticket_id id = test_ticket_id(1);
    struct message_row message;
    struct attachment_row attachment;
    assert_int_equal(message_set_state(store, &letter, OBJECT_MALICIOUS), SD_OK);
    assert_int_equal(attachment_set_state(store, &file, OBJECT_SUSPICIOUS), SD_OK);
    assert_int_equal(message_get(store, &letter, arena, &message), SD_OK);
    assert_int_equal(attachment_get(store, &file, &attachment), SD_OK);
    assert_int_equal(message.state, OBJECT_MALICIOUS);
    assert_int_equal(attachment.state, OBJECT_SUSPICIOUS);
    assert_int_equal(message_set_state(store, &none, OBJECT_CLEAN), SD_ERR_NOTFOUND);
    assert_int_equal(attachment_set_state(store, &none, OBJECT_CLEAN), SD_ERR_NOTFOUND);
    assert_int_equal(ticket_file_state(store, &id, TICKET_OPEN, 50), SD_OK); /* it is: nothing changes */
    assert_int_equal(ticket(1).revision, 1);
    assert_int_equal(ticket_file_state(store, &id, TICKET_QUARANTINE, 50), SD_OK);
    assert_int_equal(ticket(1).state, TICKET_QUARANTINE);
    assert_int_equal(ticket(1).revision, 2);
    assert_int_equal(ticket(1).updated_ms, 50);
}

static struct warrant_id warrant(uint8_t n) {
    return (struct warrant_id){{n}};
}

static struct preview_row preview(const struct object_id *object) {
    struct preview_row row;
    assert_int_equal(preview_get(store, object, arena, &row), SD_OK);
    return row;
}

static void want(const struct object_id *object, uint8_t n, int64_t now_ms) {
    struct warrant_id id = warrant(n);
    assert_int_equal(preview_want(store, object, &id, now_ms), SD_OK);
}

static void pictures_are_wanted_once(SD_UNUSED void **state) {
    struct object_id file = file_with_attachment(1, 1), none = test_object_id(77);
    struct warrant_id first = warrant(1);
    struct preview_row row;
    assert_int_equal(preview_get(store, &file, arena, &row), SD_ERR_NOTFOUND);
    assert_int_equal(preview_want(store, &none, &first, 100), SD_ERR_NOTFOUND);
    want(&file, 1, 100);
    want(&file, 2, 101); /* just wanted: the first warrant stays */
    row = preview(&file);
    assert_int_equal(row.state, PREVIEW_WANTED);
    assert_int_equal(row.warrant.b[0], 1);
    assert_int_equal(row.asked_ms, 100);
    want(&file, 3, 100 + PREVIEW_STALE_MS); /* nobody made them */
    assert_int_equal(preview(&file).warrant.b[0], 3);
    assert_int_equal(preview_failed(store, &file, SPAN("It may not be shown."), 300), SD_OK);
    row = preview(&file);
    assert_int_equal(row.state, PREVIEW_FAILED);
    assert_false(row.final);
    assert_true(span_eq(row.reason, SPAN("It may not be shown.")));
    want(&file, 4, 301);
    row = preview(&file);
    assert_int_equal(row.state, PREVIEW_WANTED);
    assert_int_equal(row.warrant.b[0], 4);
    assert_int_equal(row.reason.n, 0);
    assert_int_equal(preview_done(store, &file, SPAN("sealed"), 3, 400), SD_OK);
    want(&file, 5, 400 + 2 * PREVIEW_STALE_MS);
    row = preview(&file);
    assert_int_equal(row.state, PREVIEW_DONE);
    assert_int_equal(row.pages, 3);
    assert_int_equal(row.done_ms, 400);
    assert_int_equal(preview_done(store, &file, SPAN("other"), 3, 500), SD_ERR_EXISTS);
    assert_int_equal(preview_failed(store, &file, SPAN("late"), 500), SD_OK);
    assert_int_equal(preview(&file).state, PREVIEW_DONE);
    assert_int_equal(preview_done(store, &none, SPAN("sealed"), 3, 400), SD_ERR_NOTFOUND);
    bool there = true;
    assert_int_equal(facet_exists(store, &none, FACET_PREVIEW, &there), SD_OK);
    assert_false(there); /* for what is gone nothing is put */
    assert_int_equal(facet_exists(store, &file, FACET_PREVIEW, &there), SD_OK);
    assert_true(there);
}

static void pictures_come_in_order(SD_UNUSED void **state) {
    struct object_id a = file_with_attachment(1, 1), b = file_with_attachment(1, 2), c = file_with_attachment(2, 3);
    struct preview_row row;
    assert_int_equal(preview_next(store, NULL, arena, &row), SD_ERR_NOTFOUND);
    want(&b, 2, 20);
    want(&a, 1, 30);
    want(&c, 3, 10);
    assert_int_equal(preview_next(store, NULL, arena, &row), SD_OK);
    assert_memory_equal(row.object.b, c.b, sizeof c.b);
    assert_int_equal(preview_next(store, &c, arena, &row), SD_OK);
    assert_memory_equal(row.object.b, b.b, sizeof b.b);
    assert_int_equal(preview_failed(store, &c, SPAN("no"), 40), SD_OK);
    assert_int_equal(preview_seals(store, &b), SD_OK); /* somebody is on it */
    assert_int_equal(preview_next(store, NULL, arena, &row), SD_OK);
    assert_memory_equal(row.object.b, a.b, sizeof a.b);
}

/* What may have been sealed is never sealed again, whoever asks and whatever happened. */
static void sealed_once(SD_UNUSED void **state) {
    struct object_id a = file_with_attachment(1, 1), b = file_with_attachment(1, 2);
    struct preview_row row;
    want(&a, 1, 10);
    want(&b, 1, 10);
    assert_int_equal(preview_seals(store, &a), SD_OK);
    assert_int_equal(preview_seals(store, &a), SD_ERR_NOTFOUND);
    want(&a, 2, 10 + PREVIEW_STALE_MS);
    assert_int_equal(preview(&a).warrant.b[0], 1);
    assert_int_equal(preview_settle(store, SPAN("It was interrupted."), 20), SD_OK);
    row = preview(&a);
    assert_int_equal(row.state, PREVIEW_FAILED);
    assert_true(row.final);
    want(&a, 3, 30);
    assert_int_equal(preview(&a).state, PREVIEW_FAILED);
    assert_int_equal(preview_seals(store, &a), SD_ERR_NOTFOUND);
    assert_int_equal(preview(&b).state, PREVIEW_WANTED); /* nobody had begun */
    assert_int_equal(preview_failed(store, &b, SPAN("no"), 20), SD_OK);
    assert_int_equal(preview_seals(store, &b), SD_ERR_NOTFOUND);
}

static void pictures_go_with_their_letter(SD_UNUSED void **state) {
    struct object_id a = file_with_attachment(1, 1), b = file_with_attachment(1, 2), letter = test_object_id(1);
    struct ticket_id id = test_ticket_id(1);
    struct preview_row row;
    bool there = true;
    for (unsigned i = 0; i < 2; i++) {
        want(i ? &b : &a, 1, 10);
        assert_int_equal(preview_done(store, i ? &b : &a, SPAN("sealed"), 1, 20), SD_OK);
    }
    assert_int_equal(message_remove(store, &letter, 30), SD_OK);
    assert_int_equal(preview_get(store, &a, arena, &row), SD_ERR_NOTFOUND);
    assert_int_equal(facet_exists(store, &a, FACET_PREVIEW, &there), SD_OK);
    assert_false(there);
    assert_int_equal(preview(&b).state, PREVIEW_DONE);
    assert_int_equal(ticket_remove(store, &id), SD_OK);
    assert_int_equal(preview_get(store, &b, arena, &row), SD_ERR_NOTFOUND);
    assert_int_equal(facet_exists(store, &b, FACET_PREVIEW, &there), SD_OK);
    assert_false(there);
}

static void decide(unsigned t, enum event_kind kind) {
    struct ticket_id id = test_ticket_id(t);
    struct event_row event = {.at_ms = 1, .kind = kind, .actor = SPAN("p1")};
    assert_int_equal(event_add(store, &id, &event), SD_OK);
}

static void spam_is_learned_from_events(SD_UNUSED void **state) {
    struct learn_row row;
    struct ticket_id two = test_ticket_id(2);
    assert_int_equal(test_file(store, 1, 1, SPAN("a"), 1), SD_OK);
    assert_int_equal(test_file(store, 2, 2, SPAN("a"), 1), SD_OK);
    decide(1, EVENT_SPAM);
    assert_int_equal(learn_next(store, &row), SD_ERR_NOTFOUND); /* not begun */
    assert_int_equal(learn_begin(store), SD_OK);
    assert_int_equal(learn_next(store, &row), SD_ERR_NOTFOUND); /* what was before is not looked at */
    decide(1, EVENT_CHANGED);
    decide(2, EVENT_SPAM);
    decide(1, EVENT_NOT_SPAM);
    assert_int_equal(learn_begin(store), SD_OK);
    assert_int_equal(learn_next(store, &row), SD_OK);
    assert_memory_equal(row.ticket.b, two.b, sizeof two.b);
    assert_true(row.spam);
    assert_int_equal(learn_position_set(store, row.event), SD_OK);
    assert_int_equal(learn_next(store, &row), SD_OK);
    assert_false(row.spam);
    assert_int_equal(learn_position_set(store, row.event), SD_OK);
    assert_int_equal(learn_next(store, &row), SD_ERR_NOTFOUND);
    assert_int_equal(learn_position_set(store, 1000), SD_OK); /* behind all there are */
    assert_int_equal(learn_begin(store), SD_OK);
    decide(2, EVENT_NOT_SPAM);
    assert_int_equal(learn_next(store, &row), SD_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(states_change_for_display),     CASE(pictures_are_wanted_once),    CASE(pictures_come_in_order), CASE(sealed_once),
        CASE(pictures_go_with_their_letter), CASE(spam_is_learned_from_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
