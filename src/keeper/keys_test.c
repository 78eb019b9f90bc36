/*
 * Keys that are destroyed and replaced: by whom, what dies together, what a crash at each step leaves, what a copy of the disk
 * from before still opens.
 */
#include "keeper/generation.h"
#include "keeper/permit.h"
#include "keeper/test_rig.h"
#include "keeper/unlock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ORIGIN SPAN("192.0.2.1")
#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

static struct rig rig;
static struct rig_person boss, deputy, agent;
static char copy_dir[96];

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    (void)snprintf(copy_dir, sizeof copy_dir, "%s.copy", rig.dir);
    rig_add(&rig, "boss@example.test", "supervisor", "support", &boss);
    rig_add(&rig, "deputy@example.test", "supervisor", "support", &deputy);
    rig_add(&rig, "agent@example.test", "agent", "support", &agent);
    (void)rig_sign_in(&rig, "boss@example.test", RIG_PASSWORD, &boss);
    (void)rig_sign_in(&rig, "deputy@example.test", RIG_PASSWORD, &deputy);
    return rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent) == SIGN_IN_OK ? 0 : 1;
}

static void run(const char *format, ...) SD_PRINTF(1, 2);
static void run(const char *format, ...) {
    char command[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(command, sizeof command, format, args);
    va_end(args);
    assert_int_equal(system(command), 0);
}

static int teardown(SD_UNUSED void **state) {
    run("rm -rf '%s'", copy_dir);
    rig_free(&rig);
    return 0;
}

static struct span token_of(const struct rig_person *person) {
    return span_of(person->token, 32);
}

static void gesture(const struct rig_person *person, struct span object) {
    struct who who SD_CLEANUP(who_free) = {0};
    assert_int_equal(session_check(rig.k, token_of(person), ORIGIN, &who), SD_OK);
    assert_int_equal(gesture_add(rig.k, &who, VERB_PURGE, object, false), SD_OK);
}

/* Two people: one asks, another one says yes. */
static void approve(struct span object) {
    struct keeper_request_make_req ask = {
        .token = token_of(&boss), .origin = ORIGIN, .verb = VERB_PURGE, .object = object, .reason = SPAN("asked for by mail")};
    struct keeper_request_make_rep asked;
    struct keeper_request_decide_rep decided;
    uint8_t request[16];
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, request_make, &ask, &asked), SD_OK);
    memcpy(request, asked.request.p, 16);
    gesture(&deputy, span_of(request, 16));
    struct keeper_request_decide_req decide = {
        .token = token_of(&deputy), .origin = ORIGIN, .request = span_of(request, 16), .approve = true};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, request_decide, &decide, &decided), SD_OK);
}

static enum sd_err destroy(const struct rig_person *by, struct span object, struct span ticket, uint32_t *ret) {
    struct keeper_destroy_req req = {
        .token = token_of(by), .origin = ORIGIN, .object = object, .ticket = ticket, .reason = SPAN("asked for by mail")};
    struct keeper_destroy_rep rep;
    enum sd_err err = RIG_CALL(&rig, RIG_DESK, destroy, &req, &rep);
    *ret = err ? 0 : rep.destroyed;
    return err;
}

static uint32_t destroy_properly(struct span object, struct span ticket) {
    uint32_t count = 0;
    approve(object.n ? object : ticket);
    gesture(&boss, object.n ? object : ticket);
    assert_int_equal(destroy(&boss, object, ticket, &count), SD_OK);
    return count;
}

static enum sd_err open_text(struct span object, unsigned facet) {
    struct keeper_open_req req = {.token = token_of(&agent), .origin = ORIGIN, .object = object, .facet = (uint8_t)facet};
    struct keeper_open_rep rep;
    return RIG_CALL(&rig, RIG_DESK, open, &req, &rep);
}

/* What a keeper has under an object's id, whoever asks. */
static enum sd_err key_in(struct keeper *k, struct span object) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct object_row row;
    assert_int_equal(object_find(k, object, &row), SD_OK);
    assert_true(row.there);
    return pages_find(&k->pages, row.page, row.slot, &key);
}

/* ---- copies of the disk, as a crash leaves it ---- */

static void snapshot(void) {
    run("rm -rf '%s' && cp -a '%s' '%s'", copy_dir, rig.dir, copy_dir);
}

static struct keeper *open_copy(void) {
    struct keeper *k = NULL;
    struct keeper_spec spec = rig.k->spec;
    spec.dir = copy_dir;
    assert_int_equal(keeper_open(&spec, &k), SD_OK);
    return k;
}

static enum sd_err key_in_copy(struct span object) {
    struct keeper *k = open_copy();
    assert_true(keeper_is_open(k));
    enum sd_err err = key_in(k, object);
    keeper_close(&k);
    return err;
}

/* ---- destroying ---- */

static struct rig_letter letter;
static struct rig_adopted adopted;
static uint8_t id_bytes[16], file_bytes[16];
#define LETTER span_of(id_bytes, 16)
#define FILE_ID span_of(file_bytes, 16)
#define TICKET span_of(adopted.ticket, 16)

static void have_letter(uint8_t number, uint16_t attachments) {
    struct object_id parent, id;
    letter = RIG_LETTER(number);
    letter.attachments = attachments;
    rig_adopt(&rig, &letter, &adopted);
    rig_find_clean(&rig, &letter);
    rig_object_id(&letter, id_bytes);
    memcpy(parent.b, id_bytes, 16);
    assert_int_equal(attachment_object_id(&parent, 1, &id), SD_OK);
    memcpy(file_bytes, id.b, 16);
}

static void needs_two_people_and_a_gesture(SD_UNUSED void **state) {
    uint32_t count = 0;
    have_letter(1, 0);
    assert_int_equal(destroy(&agent, LETTER, SPAN_NONE, &count), SD_ERR_DENIED);
    assert_int_equal(destroy(&boss, LETTER, SPAN_NONE, &count), SD_ERR_APPROVAL);
    gesture(&boss, LETTER);
    assert_int_equal(destroy(&boss, LETTER, SPAN_NONE, &count), SD_ERR_APPROVAL);
    approve(LETTER);
    assert_int_equal(open_text(LETTER, FACET_TEXT), SD_OK);
    assert_int_equal(destroy(&deputy, LETTER, SPAN_NONE, &count), SD_ERR_APPROVAL); /* it is for who asked */
    assert_int_equal(destroy(&boss, LETTER, SPAN_NONE, &count), SD_OK);
    assert_int_equal(count, 1);
    assert_int_equal(open_text(LETTER, FACET_TEXT), SD_ERR_UNSUPPORTED);
    assert_int_equal(open_text(LETTER, FACET_HEAD), SD_ERR_UNSUPPORTED);
    assert_int_equal(rig_records(&rig, "\"reason\":\"destroyed text\""), 1);
    assert_int_equal(rig_records(&rig, "\"action\":\"destroy\",\"object\":{\"kind\":\"letter\",\"id\":\"01010101"), 1);
    assert_int_equal(rig_records(&rig, "stepped up in backups until 20"), 1);
    assert_int_equal(key_in(rig.k, LETTER), SD_ERR_NOTFOUND);
    assert_int_equal(destroy_properly(LETTER, SPAN_NONE), 0); /* again: nothing is left */
    assert_true(rig_verify(&rig).good);
}

static void a_letter_dies_as_a_whole(SD_UNUSED void **state) {
    have_letter(2, 3);
    assert_int_equal(open_text(FILE_ID, FACET_FILE), SD_OK);
    assert_int_equal(destroy_properly(FILE_ID, SPAN_NONE), 4); /* its letter, and the two beside it */
    assert_int_equal(open_text(LETTER, FACET_TEXT), SD_ERR_UNSUPPORTED);
    assert_int_equal(key_in(rig.k, FILE_ID), SD_ERR_NOTFOUND);
    have_letter(3, 3);
    assert_int_equal(destroy_properly(LETTER, SPAN_NONE), 4);
    assert_int_equal(open_text(FILE_ID, FACET_FILE), SD_ERR_UNSUPPORTED);
}

static void a_ticket_dies(SD_UNUSED void **state) {
    struct rig_letter second = RIG_LETTER(5);
    struct rig_adopted joined;
    uint8_t other[16];
    have_letter(4, 1);
    second.message_id = "<later@customer.example>";
    rig_adopt(&rig, &second, &joined); /* a ticket of its own */
    rig_object_id(&second, other);
    assert_int_equal(destroy_properly(SPAN_NONE, TICKET), 2);
    assert_int_equal(key_in(rig.k, LETTER), SD_ERR_NOTFOUND);
    assert_int_equal(key_in(rig.k, span_of(other, 16)), SD_OK);
    rig_adopt(&rig, &letter, &adopted); /* offered again: not taken again */
    assert_int_equal(adopted.outcome, ADOPT_ALREADY);
    assert_int_equal(key_in(rig.k, LETTER), SD_ERR_NOTFOUND);
}

static void root_destroys_nothing_by_itself(SD_UNUSED void **state) {
    have_letter(6, 0);
    struct keeper_destroy_req req = {.object = LETTER, .reason = SPAN("replay")};
    struct keeper_destroy_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, destroy, &req, &rep), SD_ERR_DENIED);
    assert_int_equal(rig_records(&rig, "\"reason\":\"not-restoring\""), 1);
    req.object = SPAN_NONE;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, destroy, &req, &rep), SD_ERR_PARSE);
    assert_int_equal(key_in(rig.k, LETTER), SD_OK);
}

/* A copy of the disk is as after kill -9 at that moment. */
static void killed_while_destroying(SD_UNUSED void **state) {
    struct object_row row;
    have_letter(7, 0);
    assert_int_equal(object_find(rig.k, LETTER, &row), SD_OK);
    assert_int_equal(db_begin(rig.k->db), SD_OK);
    assert_int_equal(pages_destroy(&rig.k->pages, row.page, row.slot), SD_OK);
    snapshot();
    db_rollback(rig.k->db);
    pages_forget(&rig.k->pages);
    assert_int_equal(key_in_copy(LETTER), SD_OK);
    assert_int_equal(key_in(rig.k, LETTER), SD_OK);
    assert_int_equal(destroy_properly(LETTER, SPAN_NONE), 1);
    snapshot();
    assert_int_equal(key_in_copy(LETTER), SD_ERR_NOTFOUND);
}

/* ---- generations ---- */

static enum sd_err rotate(const char *kind, unsigned *ret_done) {
    struct keeper_key_rotate_req req = {.kind = span_cstr(kind)};
    struct keeper_key_rotate_rep rep;
    enum sd_err err = RIG_CALL(&rig, RIG_ADMIN, key_rotate, &req, &rep);
    *ret_done = err ? 0 : rep.problem.n ? 0 : rep.done.count;
    return err;
}

static void replace(const char *kind) {
    unsigned done = 0;
    assert_int_equal(rotate(kind, &done), SD_OK);
    assert_int_equal(done, 1);
}

static void reopen(void) {
    rig_crash(&rig);
    rig_open(&rig);
    assert_true(keeper_is_open(rig.k));
}

static void replaced_by_hand(SD_UNUSED void **state) {
    static const char *const kinds[] = {"root", "vault", "pages", "intake"};
    unsigned done = 0;
    have_letter(10, 2);
    for (size_t i = 0; i < SD_COUNT(kinds); i++) {
        replace(kinds[i]);
        assert_int_equal(open_text(LETTER, FACET_TEXT), SD_OK);
        reopen();
        assert_int_equal(open_text(LETTER, FACET_TEXT), SD_OK);
        assert_int_equal(open_text(FILE_ID, FACET_FILE), SD_OK);
    }
    assert_int_equal(rotate("moon", &done), SD_OK);
    assert_int_equal(done, 0);
    assert_int_equal(rig_records(&rig, "\"action\":\"key-rotate\""), 5);
    assert_int_equal(rig_records(&rig, "\"reason\":\"root 2\""), 1);
    have_letter(11, 0); /* sealed to the intake key of before: it is still there */
    assert_int_equal(open_text(LETTER, FACET_TEXT), SD_OK);
}

/* An old copy of the database opens with the root it was made with, and with no other. */
static void an_old_copy_needs_its_own_root(SD_UNUSED void **state) {
    have_letter(12, 0);
    snapshot();
    assert_int_equal(key_in_copy(LETTER), SD_OK);
    replace("vault");
    replace("root");
    run("cp '%s/root.key' '%s/root.key'", rig.dir, copy_dir);
    struct keeper *k = open_copy();
    assert_int_equal(atomic_load(&k->lock), LOCK_WRONG_ROOT);
    keeper_close(&k);
}

static void killed_while_the_root_is_replaced(SD_UNUSED void **state) {
    struct root next SD_CLEANUP(root_free) = {.source = ROOT_FILE};
    have_letter(13, 0);
    assert_int_equal(secret_random(KEY_BYTES, &next.secret), SD_OK);
    assert_int_equal(root_stage(rig.dir, &next), SD_OK);
    snapshot(); /* before the commit: the present one fits */
    assert_int_equal(key_in_copy(LETTER), SD_OK);
    run("test ! -e '%s/root.key.next'", copy_dir);
    assert_int_equal(db_begin(rig.k->db), SD_OK);
    assert_int_equal(vault_rewrap(rig.k->db, &rig.k->vault, &next.secret), SD_OK);
    assert_int_equal(db_commit(rig.k->db), SD_OK);
    snapshot(); /* behind it: the next one fits */
    assert_int_equal(key_in_copy(LETTER), SD_OK);
    run("test ! -e '%s/root.key.next' && cmp '%s/root.key' '%s/root.key.next'", copy_dir, copy_dir, rig.dir);
    assert_int_equal(root_settle(rig.dir, ROOT_FILE), SD_OK);
    snapshot();
    assert_int_equal(key_in_copy(LETTER), SD_OK);
    reopen();
    assert_int_equal(open_text(LETTER, FACET_TEXT), SD_OK);
}

/* After something was destroyed they are replaced within a day; else they stay. */
static void replaced_within_a_day(SD_UNUSED void **state) {
    struct generation before, after;
    int64_t due_ms = 1;
    have_letter(14, 0);
    rig_now_ms += 3 * DAY_MS;
    keeper_tick(rig.k);
    assert_int_equal(generation_find(rig.k, GENERATION_ROOT, &before), SD_OK);
    assert_int_equal(before.number, 1);
    assert_int_equal(generation_due(rig.k, &due_ms), SD_OK);
    assert_int_equal(due_ms, 0);
    assert_int_equal(rig_sign_in(&rig, "boss@example.test", RIG_PASSWORD, &boss), SIGN_IN_OK);
    assert_int_equal(rig_sign_in(&rig, "deputy@example.test", RIG_PASSWORD, &deputy), SIGN_IN_OK);
    assert_int_equal(destroy_properly(LETTER, SPAN_NONE), 1);
    rig_now_ms += DAY_MS / 24;
    keeper_tick(rig.k);
    rig_turn(&rig);
    assert_int_equal(generation_find(rig.k, GENERATION_ROOT, &after), SD_OK);
    assert_int_equal(after.number, 2);
    assert_int_equal(generation_find(rig.k, GENERATION_VAULT, &after), SD_OK);
    assert_int_equal(after.number, 2);
    rig_now_ms += 3 * DAY_MS;
    keeper_tick(rig.k);
    assert_int_equal(generation_find(rig.k, GENERATION_ROOT, &after), SD_OK);
    assert_int_equal(after.number, 2);
}

/* ---- DKIM ---- */

static size_t signing(struct span *ret_selector) {
    const struct dkim_key *keys[2];
    size_t n = dkim_choose(rig.k, SPAN(RIG_DOMAIN), keys);
    *ret_selector = n ? buf_span(&keys[0]->selector) : SPAN_NONE;
    return n;
}

static enum sd_err rotate_dkim(uint8_t step, int64_t at_ms, bool *ret_done) {
    struct keeper_key_rotate_req req = {.kind = SPAN("dkim"), .domain = SPAN("Example.test"), .step = step, .at_ms = at_ms};
    struct keeper_key_rotate_rep rep;
    enum sd_err err = RIG_CALL(&rig, RIG_ADMIN, key_rotate, &req, &rep);
    *ret_done = !err && rep.problem.n == 0;
    keeper_collect(rig.k);
    return err;
}

static void dkim_in_two_steps(SD_UNUSED void **state) {
    struct span selector;
    char first[64], text[64];
    bool done = false;
    assert_int_equal(signing(&selector), 2);
    (void)snprintf(first, sizeof first, "%.*s", SPAN_FMT(selector));
    assert_int_equal(rotate_dkim(ROTATE_ACTIVATE, 0, &done), SD_OK);
    assert_false(done); /* nothing is prepared */
    assert_int_equal(rotate_dkim(ROTATE_PREPARE, 0, &done), SD_OK);
    assert_true(done);
    assert_int_equal(rig.k->dkim_count, 4);
    assert_int_equal(rotate_dkim(ROTATE_PREPARE, 0, &done), SD_OK);
    assert_int_equal(rig.k->dkim_count, 4);
    assert_int_equal(signing(&selector), 2);
    assert_true(span_eq(selector, span_cstr(first)));
    assert_int_equal(rotate_dkim(ROTATE_ACTIVATE, rig_now_ms + DAY_MS, &done), SD_OK);
    assert_true(done);
    assert_int_equal(signing(&selector), 2);
    assert_true(span_eq(selector, span_cstr(first)));
    rig_now_ms += DAY_MS + 1000;
    assert_int_equal(signing(&selector), 2);
    (void)snprintf(text, sizeof text, "%s-2", first);
    if (!span_eq(selector, span_cstr(text)))
        assert_false(span_eq(selector, span_cstr(first))); /* the month may have changed */
    keeper_tick(rig.k);
    keeper_collect(rig.k);
    assert_int_equal(rig.k->dkim_count, 4); /* still published … */
    assert_int_equal(signing(&selector), 2);
    assert_int_equal(rig_records(&rig, "\"action\":\"key-rotate\""), 3); /* one in vain, one with nothing to do */
    rig_now_ms += 8 * DAY_MS;
    keeper_tick(rig.k);
    keeper_collect(rig.k);
    assert_int_equal(rig.k->dkim_count, 2); /* … for a week */
    reopen();
    assert_int_equal(signing(&selector), 2);
}

static void listed(SD_UNUSED void **state) {
    struct keeper_key_list_rep rep;
    struct buf all SD_CLEANUP(buf_free) = buf_new(65536);
    struct ipc_list_iter iter;
    struct span line;
    have_letter(20, 2);
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, key_list, &(struct keeper_key_list_req){}, &rep), SD_OK);
    iter = ipc_list_start(rep.keys);
    while (ipc_list_next(&iter, &line))
        buf_put(&all, line);
    assert_true(span_search(buf_span(&all), SPAN("{\"kind\":\"root\",\"number\":1,")) < all.n);
    assert_true(span_search(buf_span(&all), SPAN("\"kept_as\":\"file\"")) < all.n);
    assert_true(span_search(buf_span(&all), SPAN("\"pages\":1,\"keys\":3}")) < all.n);
    assert_true(span_search(buf_span(&all), SPAN("\"kind\":\"intake\"")) < all.n);
    assert_true(span_search(buf_span(&all), SPAN("\"state\":\"signs\"")) < all.n);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(needs_two_people_and_a_gesture),
        CASE(a_letter_dies_as_a_whole),
        CASE(a_ticket_dies),
        CASE(root_destroys_nothing_by_itself),
        CASE(killed_while_destroying),
        CASE(replaced_by_hand),
        CASE(an_old_copy_needs_its_own_root),
        CASE(killed_while_the_root_is_replaced),
        CASE(replaced_within_a_day),
        CASE(dkim_in_two_steps),
        CASE(listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
