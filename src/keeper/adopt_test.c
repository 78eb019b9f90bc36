/* Adoption: what authenticates and what does not, which ticket a letter joins, and that a crash loses nothing and doubles
 * nothing. */
#include "core/codec.h"
#include "keeper/permit.h"
#include "keeper/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

static void adopts_and_opens(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(1);
    struct rig_adopted adopted;
    uint8_t id[16], object_key[32];
    struct secret expected SD_CLEANUP(secret_free) = {0};
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.outcome, ADOPT_ADOPTED);
    assert_true(adopted.new_ticket);
    assert_int_equal(adopted.state, TICKET_OPEN);
    assert_string_equal(adopted.queue, "support");
    rig_object_id(&letter, id);
    rig_object_key(&letter, object_key);
    struct keeper_open_req req = {
        .token = span_of(agent.token, 32), .origin = SPAN("192.0.2.1"), .object = span_of(id, 16), .facet = FACET_SOURCE};
    struct keeper_open_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, open, &req, &rep), SD_OK);
    assert_int_equal(facet_key(span_of(object_key, 32), FACET_SOURCE, &expected), SD_OK);
    assert_memory_equal(rep.key.p, expected.p, 32);
    assert_int_equal(rep.digest.p[0], 9);
    assert_memory_equal(rep.ticket.p, adopted.ticket, 16);
    assert_int_equal(rig_records(&rig, "\"action\":\"received\""), 1);
    assert_int_equal(rig_records(&rig, "\"digest\":\"0900000000"), 1);
    assert_int_equal(rig_records(&rig, "\"action\":\"open\""), 1);
}

/* A bit of the sealed card or of its header changed anywhere: refused, on the record, and no key kept. */
static void tampered(SD_UNUSED void **state) {
    struct rig_adopted adopted;
    for (int bit = 0; bit < 8 * 200; bit += 37) {
        struct rig_letter letter = RIG_LETTER(2);
        letter.flip = bit;
        rig_adopt(&rig, &letter, &adopted);
        assert_int_equal(adopted.outcome, ADOPT_REFUSED);
    }
    assert_true(rig_records(&rig, "\"reason\":\"does-not-authenticate\"") > 0);
    struct rig_letter whole = RIG_LETTER(2);
    rig_adopt(&rig, &whole, &adopted);
    assert_int_equal(adopted.outcome, ADOPT_ADOPTED);
}

static void refused_ones(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(3);
    struct rig_adopted adopted;
    letter.queue = "no-such-queue";
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.outcome, ADOPT_REFUSED);
    letter = RIG_LETTER(3);
    letter.disposition = DISPOSITION_REJECT;
    rig_adopt(&rig, &letter, &adopted);
    assert_int_equal(adopted.outcome, ADOPT_REFUSED);
    letter = RIG_LETTER(3);
    rig.key_id[0] ^= 1;
    rig_adopt(&rig, &letter, &adopted);
    rig.key_id[0] ^= 1;
    assert_int_equal(adopted.outcome, ADOPT_REFUSED);
    assert_int_equal(rig_records(&rig, "intake-key-gone"), 1);
}

static void rubbish_in_a_batch(SD_UNUSED void **state) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1024);
    struct keeper_adopt_req req = {0};
    struct keeper_adopt_rep rep;
    ipc_list_add(&req.records, &raw, SPAN("rubbish"));
    ipc_list_add(&req.records, &raw, SPAN(""));
    assert_int_equal(RIG_CALL(&rig, RIG_CLERK, adopt, &req, &rep), SD_OK);
    assert_int_equal(rep.results.count, 2);
}

/* An edge that was taken over chooses ids: one that collides must not keep the letters beside it from being filed. */
static void ids_that_are_taken(SD_UNUSED void **state) {
    struct object_id parent, file;
    struct rig_letter with_file = RIG_LETTER(6), in_the_way = RIG_LETTER(0), of_a_file = RIG_LETTER(0);
    struct rig_adopted adopted[3];
    memset(parent.b, 6, sizeof parent.b);
    with_file.attachments = 2;
    assert_int_equal(attachment_object_id(&parent, 1, &file), SD_OK);
    in_the_way.id = file.b;
    rig_adopt(&rig, &in_the_way, &adopted[0]);
    assert_int_equal(adopted[0].outcome, ADOPT_ADOPTED);
    struct rig_letter batch[3] = {RIG_LETTER(7), with_file, RIG_LETTER(8)};
    assert_int_equal(rig_adopt_many(&rig, batch, 3, adopted), SD_OK);
    assert_int_equal(adopted[0].outcome, ADOPT_ADOPTED);
    assert_int_equal(adopted[1].outcome, ADOPT_REFUSED);
    assert_int_equal(adopted[2].outcome, ADOPT_ADOPTED);
    assert_int_equal(rig_records(&rig, "\"reason\":\"id-taken\""), 1);
    /* the other way round: a letter with the id of an attachment */
    memset(parent.b, 9, sizeof parent.b);
    with_file = RIG_LETTER(9);
    with_file.attachments = 1;
    rig_adopt(&rig, &with_file, &adopted[0]);
    assert_int_equal(adopted[0].outcome, ADOPT_ADOPTED);
    assert_int_equal(attachment_object_id(&parent, 0, &file), SD_OK);
    of_a_file.id = file.b;
    rig_adopt(&rig, &of_a_file, &adopted[0]);
    assert_int_equal(adopted[0].outcome, ADOPT_REFUSED);
}

static void seen_before(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(4);
    struct rig_adopted first, again[2];
    struct rig_letter twice[2] = {RIG_LETTER(5), RIG_LETTER(5)};
    rig_adopt(&rig, &letter, &first);
    rig_adopt(&rig, &letter, &again[0]);
    assert_int_equal(again[0].outcome, ADOPT_ALREADY);
    assert_memory_equal(again[0].ticket, first.ticket, 16);
    assert_true(again[0].new_ticket); /* as the first answer, which may have been lost */
    assert_int_equal(rig_adopt_many(&rig, twice, 2, again), SD_OK);
    assert_int_equal(again[0].outcome, ADOPT_ADOPTED);
    assert_int_equal(again[1].outcome, ADOPT_ALREADY);
    assert_memory_equal(again[0].ticket, again[1].ticket, 16);
}

static void threads_by_reference(SD_UNUSED void **state) {
    struct rig_letter first = RIG_LETTER(10), answer = RIG_LETTER(11), stranger = RIG_LETTER(12), review = RIG_LETTER(13),
                      other_queue = RIG_LETTER(14);
    struct rig_adopted a, b;
    first.message_id = "<first@customer.example>";
    rig_adopt(&rig, &first, &a);
    answer.reference = stranger.reference = review.reference = other_queue.reference = "<first@customer.example>";
    answer.from = "ANNA@customer.example"; /* the same person */
    rig_adopt(&rig, &answer, &b);
    assert_false(b.new_ticket);
    assert_memory_equal(a.ticket, b.ticket, 16);
    stranger.from = "mallory@evil.example";
    rig_adopt(&rig, &stranger, &b);
    assert_true(b.new_ticket);
    assert_memory_not_equal(a.ticket, b.ticket, 16);
    review.disposition = DISPOSITION_REVIEW;
    rig_adopt(&rig, &review, &b);
    assert_true(b.new_ticket);
    assert_int_equal(b.state, TICKET_REVIEW);
    other_queue.queue = "billing";
    rig_adopt(&rig, &other_queue, &b);
    assert_true(b.new_ticket);
    assert_string_equal(b.queue, "billing");
}

static void act(const uint8_t ticket[16], enum ticket_action action, const char *detail, enum sd_err expected) {
    struct keeper_act_req req = {.token = span_of(agent.token, 32),
                                 .origin = SPAN("192.0.2.1"),
                                 .ticket = span_of(ticket, 16),
                                 .action = (uint8_t)action,
                                 .detail = span_cstr(detail)};
    struct keeper_act_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, act, &req, &rep), expected);
}

static void threads_by_token_and_reopens(SD_UNUSED void **state) {
    struct rig_letter first = RIG_LETTER(20), answer = RIG_LETTER(21), review = RIG_LETTER(22), other = RIG_LETTER(23);
    struct rig_adopted a, b;
    char token[65] = {0}, upper[65] = {0};
    rig_adopt(&rig, &first, &a);
    struct keeper_reply_token_req req = {
        .token = span_of(agent.token, 32), .origin = SPAN("192.0.2.1"), .ticket = span_of(a.ticket, 16)};
    struct keeper_reply_token_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply_token, &req, &rep), SD_OK);
    assert_true(span_eq(rep.queue_address, SPAN(RIG_SUPPORT)));
    memcpy(token, rep.reply_token.p, rep.reply_token.n);
    for (size_t i = 0; token[i]; i++)
        upper[i] = (char)(token[i] >= 'a' && token[i] <= 'z' ? token[i] - 32 : token[i]);
    act(a.ticket, ACTION_STATE, "closed", SD_OK);
    answer.token = upper;
    answer.from = "anna@private.example"; /* writes from elsewhere: the token is enough */
    rig_adopt(&rig, &answer, &b);
    assert_false(b.new_ticket);
    assert_memory_equal(a.ticket, b.ticket, 16);
    assert_int_equal(b.state, TICKET_OPEN);
    review.token = token;
    review.disposition = DISPOSITION_REVIEW;
    rig_adopt(&rig, &review, &b);
    assert_true(b.new_ticket);
    other.token = "00000000000000000000000000000000";
    rig_adopt(&rig, &other, &b);
    assert_true(b.new_ticket);
    assert_int_equal(b.outcome, ADOPT_ADOPTED);
}

static enum sd_err open_object(struct span object, enum facet facet) {
    struct keeper_open_req req = {
        .token = span_of(agent.token, 32), .origin = SPAN("192.0.2.1"), .object = object, .facet = (uint8_t)facet};
    struct keeper_open_rep rep;
    return RIG_CALL(&rig, RIG_DESK, open, &req, &rep);
}

static void what_may_be_opened(SD_UNUSED void **state) {
    struct rig_letter unscanned = RIG_LETTER(30), quarantined = RIG_LETTER(31), billing = RIG_LETTER(32);
    struct rig_adopted a;
    uint8_t id[16];
    struct object_id parent, file;
    unscanned.state = OBJECT_UNSCANNED;
    unscanned.attachments = 2;
    rig_adopt(&rig, &unscanned, &a);
    rig_object_id(&unscanned, id);
    assert_int_equal(open_object(span_of(id, 16), FACET_HEAD), SD_OK);
    assert_int_equal(open_object(span_of(id, 16), FACET_TEXT), SD_OK);
    assert_int_equal(open_object(span_of(id, 16), FACET_SOURCE), SD_ERR_UNSUPPORTED);
    memcpy(parent.b, id, 16);
    assert_int_equal(attachment_object_id(&parent, 1, &file), SD_OK);
    assert_int_equal(open_object(span_of(file.b, 16), FACET_FILE), SD_ERR_UNSUPPORTED);
    assert_int_equal(attachment_object_id(&parent, 2, &file), SD_OK);
    assert_int_equal(open_object(span_of(file.b, 16), FACET_FILE), SD_ERR_DENIED); /* there are two */
    quarantined.disposition = DISPOSITION_QUARANTINE;
    rig_adopt(&rig, &quarantined, &a);
    assert_int_equal(a.state, TICKET_QUARANTINE);
    rig_object_id(&quarantined, id);
    assert_int_equal(open_object(span_of(id, 16), FACET_HEAD), SD_ERR_UNSUPPORTED);
    act(a.ticket, ACTION_STATE, "open", SD_ERR_UNSUPPORTED);
    billing.queue = "billing";
    rig_adopt(&rig, &billing, &a);
    rig_object_id(&billing, id);
    assert_int_equal(open_object(span_of(id, 16), FACET_HEAD), SD_ERR_DENIED); /* not this agent's */
    memset(id, 0x77, 16);
    assert_int_equal(open_object(span_of(id, 16), FACET_HEAD), SD_ERR_DENIED); /* not there: the same */
    act(a.ticket, ACTION_STATE, "closed", SD_ERR_DENIED);
    act(a.ticket, ACTION_STATE, "no-such-state", SD_ERR_PARSE);
    act(a.ticket, ACTION_ASSIGN, "Anna Meier", SD_ERR_PARSE); /* a name has no place in the log */
}

static void attachments_of_a_clean_letter(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(33);
    struct rig_adopted a;
    struct object_id parent, file;
    letter.attachments = 200; /* more than a page holds */
    rig_adopt(&rig, &letter, &a);
    rig_find_clean(&rig, &letter);
    rig_object_id(&letter, parent.b);
    for (uint16_t i = 0; i < 200; i += 33) {
        assert_int_equal(attachment_object_id(&parent, i, &file), SD_OK);
        assert_int_equal(open_object(span_of(file.b, 16), FACET_FILE), SD_OK);
        assert_int_equal(open_object(span_of(file.b, 16), FACET_SOURCE), SD_ERR_DENIED);
    }
}

static void heads_of_a_list(SD_UNUSED void **state) {
    struct rig_letter mine = RIG_LETTER(40), theirs = RIG_LETTER(41);
    struct rig_adopted a;
    uint8_t id[16];
    struct buf raw SD_CLEANUP(buf_free) = buf_new(4096);
    struct keeper_open_heads_req req = {.token = span_of(agent.token, 32), .origin = SPAN("192.0.2.1")};
    struct keeper_open_heads_rep rep;
    theirs.queue = "billing";
    rig_adopt(&rig, &mine, &a);
    rig_adopt(&rig, &theirs, &a);
    rig_object_id(&mine, id);
    ipc_list_add(&req.objects, &raw, span_of(id, 16));
    rig_object_id(&theirs, id);
    ipc_list_add(&req.objects, &raw, span_of(id, 16));
    unsigned before = rig_records(&rig, "\"action\":\"list\"");
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, open_heads, &req, &rep), SD_OK);
    assert_int_equal(rig_records(&rig, "\"action\":\"list\""), before + 1);
    assert_int_equal(rig_records(&rig, "\"objects\":\"28282828282828282828282828282828\""), 1); /* what was given, no more */
    struct ipc_list_iter iter = ipc_list_start(rep.keys);
    struct span key;
    assert_true(ipc_list_next(&iter, &key));
    assert_int_equal(key.n, 32);
    assert_true(ipc_list_next(&iter, &key));
    assert_int_equal(key.n, 0);
}

static void history_of_a_ticket(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(45);
    struct rig_adopted a;
    uint8_t id[16];
    rig_adopt(&rig, &letter, &a);
    rig_object_id(&letter, id);
    assert_int_equal(open_object(span_of(id, 16), FACET_TEXT), SD_OK);
    act(a.ticket, ACTION_STATE, "pending", SD_OK);
    struct keeper_history_req req = {
        .token = span_of(agent.token, 32), .origin = SPAN("192.0.2.1"), .ticket = span_of(a.ticket, 16)};
    struct keeper_history_rep rep;
    static const char *const actions[] = {"\"action\":\"received\"", "\"action\":\"open\"", "\"action\":\"change-state\""};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, history, &req, &rep), SD_OK);
    assert_int_equal(rep.records.count, 3);
    struct ipc_list_iter iter = ipc_list_start(rep.records);
    struct span record;
    for (size_t i = 0; ipc_list_next(&iter, &record); i++)
        assert_true(span_search(record, span_cstr(actions[i])) < record.n);
    req.ticket = span_of(id, 16);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, history, &req, &rep), SD_ERR_DENIED);
}

static void moves(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(46);
    struct rig_adopted a;
    struct rig_person both;
    uint8_t id[16];
    rig_add(&rig, "both@example.test", "supervisor", "support", &both);
    rig_adopt(&rig, &letter, &a);
    rig_object_id(&letter, id);
    struct keeper_move_req req = {.token = span_of(agent.token, 32),
                                  .origin = SPAN("192.0.2.1"),
                                  .ticket = span_of(a.ticket, 16),
                                  .queue = SPAN("billing")};
    struct keeper_move_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, move, &req, &rep), SD_ERR_DENIED); /* billing is not theirs */
    struct query q = db_query(rig.k->db, SQL_PERSON_QUEUE_ADD);
    query_blob(&q, span_of(agent.id, 16));
    query_text(&q, SPAN("billing"));
    assert_int_equal(query_run(&q), SD_OK);
    rules_forget(rig.k); /* as the operation that does this would */
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, move, &req, &rep), SD_OK);
    assert_int_equal(rig_sign_in(&rig, "both@example.test", RIG_PASSWORD, &both), SIGN_IN_OK);
    struct keeper_open_req open = {
        .token = span_of(both.token, 32), .origin = SPAN("x"), .object = span_of(id, 16), .facet = FACET_HEAD};
    struct keeper_open_rep opened;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, open, &open, &opened), SD_ERR_DENIED); /* it left their queue */
    assert_int_equal(open_object(span_of(id, 16), FACET_HEAD), SD_OK);
    req.queue = SPAN("no-such-queue");
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, move, &req, &rep), SD_ERR_DENIED);
}

/* kill -9 after the answer, and after the change but before its record. */
static void survives_crashes(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(50);
    struct rig_adopted first, again;
    uint8_t id[16];
    rig_adopt(&rig, &letter, &first);
    unsigned received = rig_records(&rig, "\"action\":\"received\"");
    rig_crash(&rig);
    rig_open(&rig);
    assert_int_equal(rig_records(&rig, "\"action\":\"received\""), received); /* the outbox did not double it */
    rig_adopt(&rig, &letter, &again);
    assert_int_equal(again.outcome, ADOPT_ALREADY);
    assert_memory_equal(first.ticket, again.ticket, 16);
    rig_object_id(&letter, id);
    assert_int_equal(open_object(span_of(id, 16), FACET_SOURCE), SD_OK); /* the session lives on, too */
    struct query q = db_query(rig.k->db, SQL_OUTBOX_ADD);
    query_blob(&q, SPAN("\"time\":\"x\",\"ticket\":\"\",\"action\":\"left-behind\"}"));
    assert_int_equal(query_run(&q), SD_OK);
    rig_crash(&rig);
    rig_open(&rig);
    assert_int_equal(rig_records(&rig, "left-behind"), 1);
    keeper_collect(rig.k);
    keeper_settle(rig.k);
    rig_crash(&rig);
    rig_open(&rig);
    assert_int_equal(rig_records(&rig, "left-behind"), 1);
    assert_true(rig_verify(&rig).good);
}

static void rotate(bool told) {
    unsigned destroyed_before = rig_records(&rig, "destroy-intake-key");
    struct keeper_intake_key_rep rep;
    struct rig_adopted a;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(64);
    uint8_t old[16], old_key[32];
    memcpy(old, rig.key_id, 16);
    memcpy(old_key, rig.key, 32);
    struct keeper_intake_pending_req none = {0}, named = {0};
    struct keeper_intake_pending_rep done;
    ipc_list_add(&named.key_ids, &raw, span_of(old, 16));
    rig_now_ms += INT64_C(12) * 3600 * 1000 + 1;
    assert_int_equal(RIG_CALL(&rig, RIG_EDGE, intake_key, &(struct keeper_intake_key_req){}, &rep), SD_OK);
    assert_memory_not_equal(rep.id.p, old, 16);
    assert_int_equal(rep.fresh_until_ms, rig_now_ms + INT64_C(12) * 3600 * 1000);
    uint8_t fresh[16], fresh_key[32];
    memcpy(fresh, rep.id.p, 16);
    memcpy(fresh_key, rep.public_key.p, 32);
    if (told) {
        struct keeper_intake_key_req has = {.holds = span_of(fresh, 16)};
        assert_int_equal(RIG_CALL(&rig, RIG_EDGE, intake_key, &has, &rep), SD_OK);
        assert_memory_equal(rep.id.p, fresh, 16);
    }
    struct rig_letter late = RIG_LETTER(told ? 60 : 90);
    assert_int_equal(RIG_CALL(&rig, RIG_CLERK, intake_pending, &none, &done), SD_OK);
    rig_adopt(&rig, &late, &a);
    assert_int_equal(a.outcome, ADOPT_ADOPTED); /* twelve hours old: still good */
    rig_now_ms += INT64_C(12) * 3600 * 1000;
    assert_int_equal(RIG_CALL(&rig, RIG_CLERK, intake_pending, &named, &done), SD_OK);
    late = RIG_LETTER(told ? 61 : 91);
    rig_adopt(&rig, &late, &a);
    assert_int_equal(a.outcome, ADOPT_ADOPTED); /* a day old, but named */
    assert_int_equal(RIG_CALL(&rig, RIG_CLERK, intake_pending, &none, &done), SD_OK);
    late = RIG_LETTER(told ? 62 : 92);
    rig_adopt(&rig, &late, &a);
    assert_int_equal(a.outcome, told ? ADOPT_REFUSED : ADOPT_ADOPTED);
    assert_int_equal(rig_records(&rig, "destroy-intake-key"), destroyed_before + (told ? 1 : 0));
    memcpy(rig.key_id, fresh, 16);
    memcpy(rig.key, fresh_key, 32);
    late = RIG_LETTER(told ? 63 : 93);
    rig_adopt(&rig, &late, &a);
    assert_int_equal(a.outcome, ADOPT_ADOPTED);
}

static void intake_keys_rotate(SD_UNUSED void **state) {
    rotate(true);
}

/* The answer with the new key may have been lost: until the edge says that it has it, letters come sealed to the old one. */
static void an_intake_key_stays_until_the_edge_has_the_next(SD_UNUSED void **state) {
    rotate(false);
}

/* No address and no Message-ID in clear in any of the keeper's files. */
static void nothing_readable(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(70);
    struct rig_adopted a;
    char command[160];
    letter.from = "unmistakable@customer.example";
    letter.message_id = "<unmistakable@customer.example>";
    rig_adopt(&rig, &letter, &a);
    (void)snprintf(command, sizeof command, "! grep -rqi unmistakable '%s'", rig.dir);
    assert_int_equal(system(command), 0);
    (void)snprintf(command, sizeof command, "grep -rqi 'agent@example.test' '%s'",
                   rig.dir); /* the search itself finds things */
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adopts_and_opens),
        cmocka_unit_test(tampered),
        cmocka_unit_test(refused_ones),
        cmocka_unit_test(rubbish_in_a_batch),
        cmocka_unit_test(ids_that_are_taken),
        cmocka_unit_test(seen_before),
        cmocka_unit_test(threads_by_reference),
        cmocka_unit_test(threads_by_token_and_reopens),
        cmocka_unit_test(what_may_be_opened),
        cmocka_unit_test(attachments_of_a_clean_letter),
        cmocka_unit_test(heads_of_a_list),
        cmocka_unit_test(history_of_a_ticket),
        cmocka_unit_test(moves),
        cmocka_unit_test(survives_crashes),
        cmocka_unit_test(nothing_readable),
        cmocka_unit_test(intake_keys_rotate),
        cmocka_unit_test(an_intake_key_stays_until_the_edge_has_the_next),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
