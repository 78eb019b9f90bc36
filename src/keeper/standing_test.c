/*
 * Who a letter comes from, and what it may do in a ticket for that: answers, bounces, forwards and automatic replies, which
 * come in by one way, at each trust level; people, attachments, and what a person's decision on a ticket opens.
 */
#include "keeper/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define F TRUST_FAILED
#define U TRUST_UNVERIFIED
#define V TRUST_VERIFIED
#define ANNA "anna@customer.example"
#define BERT "bert@elsewhere.example"

static struct rig rig;
static struct rig_person agent;
static uint8_t next_object;

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    next_object = 1;
    rig_add(&rig, "agent@example.test", "agent", "support", &agent);
    return rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent) == SIGN_IN_OK ? 0 : 1;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

/* ---- letters and tickets ---- */

static struct rig_letter from(const char *address, enum trust_level trust) {
    struct rig_letter letter = RIG_LETTER(next_object++);
    letter.from = address;
    letter.trust = (uint8_t)trust;
    letter.domain = NULL; /* only the address is remembered */
    return letter;
}

static struct rig_adopted adopt(const struct rig_letter *letter) {
    struct rig_adopted adopted;
    rig_adopt(&rig, letter, &adopted);
    assert_int_equal(adopted.outcome, ADOPT_ADOPTED);
    if (letter->attachments)
        rig_find_clean(&rig, letter);
    return adopted;
}

static void set_state(const uint8_t ticket[16], const char *word, enum sd_err expected) {
    struct keeper_act_req req = {.token = span_of(agent.token, 32),
                                 .origin = SPAN("192.0.2.1"),
                                 .ticket = span_of(ticket, 16),
                                 .action = ACTION_STATE,
                                 .detail = span_cstr(word)};
    struct keeper_act_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, act, &req, &rep), expected);
}

/* A ticket that Anna opened at this level, with a reply address, and in a state. */
struct scene {
    struct rig_adopted ticket;
    char token[65], message_id[64];
};

static void make_scene(struct scene *scene, enum trust_level trust, const char *state) {
    struct rig_letter first = from(ANNA, trust);
    (void)snprintf(scene->message_id, sizeof scene->message_id, "<anna-%u@customer.example>", first.object);
    first.message_id = scene->message_id;
    scene->ticket = adopt(&first);
    assert_true(scene->ticket.new_ticket);
    struct keeper_reply_token_req req = {
        .token = span_of(agent.token, 32), .origin = SPAN("192.0.2.1"), .ticket = span_of(scene->ticket.ticket, 16)};
    struct keeper_reply_token_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply_token, &req, &rep), SD_OK);
    assert_true(rep.reply_token.n < sizeof scene->token);
    memcpy(scene->token, rep.reply_token.p, rep.reply_token.n);
    scene->token[rep.reply_token.n] = 0;
    if (scene->ticket.state == TICKET_OPEN && strcmp(state, "open") != 0)
        set_state(scene->ticket.ticket, state, SD_OK);
}

static bool joined(const struct scene *scene, const struct rig_adopted *adopted) {
    return memcmp(scene->ticket.ticket, adopted->ticket, 16) == 0;
}

static bool takes_part(const uint8_t ticket[16], const char *address, int64_t *ret_trust) {
    struct sha256 hash;
    assert_int_equal(participant_hash(rig.k, span_cstr(address), &hash), SD_OK);
    struct query q = db_query(rig.k->db, SQL_PARTICIPANT_GET);
    query_blob(&q, span_of(ticket, 16));
    query_blob(&q, span_of(hash.b, 32));
    bool there = query_row(&q);
    if (there && ret_trust)
        *ret_trust = query_get_int(&q, 0);
    assert_int_equal(query_end(&q), SD_OK);
    return there;
}

/* ---- four kinds of letters, three levels, one way in ---- */

enum kind { ANSWER, BOUNCE, FORWARD, AUTO_REPLY };
static const struct {
    enum kind kind;
    enum trust_level trust;
    bool joins;
    enum ticket_state state; /* of the ticket that it ends in, which was closed */
    bool customer, stranger;
} by_token[] = {
    {ANSWER, V, true, TICKET_OPEN, true, false},
    {ANSWER, U, true, TICKET_OPEN, false, false}, /* Anna was verified before */
    {ANSWER, F, false, TICKET_REVIEW, false, false},
    {BOUNCE, V, true, TICKET_CLOSED, false, true}, /* no person wrote it: it reopens nothing */
    {BOUNCE, U, true, TICKET_CLOSED, false, true},
    {BOUNCE, F, false, TICKET_REVIEW, false, false},
    {FORWARD, V, true, TICKET_OPEN, false, true}, /* whoever got it has the address, and is not Anna */
    {FORWARD, U, true, TICKET_OPEN, false, true},
    {FORWARD, F, false, TICKET_REVIEW, false, false},
    {AUTO_REPLY, V, true, TICKET_CLOSED, true, false},
    {AUTO_REPLY, U, true, TICKET_CLOSED, false, false},
    {AUTO_REPLY, F, false, TICKET_REVIEW, false, false},
};

static struct rig_letter of_kind(enum kind kind, enum trust_level trust) {
    struct rig_letter letter = from(kind == BOUNCE ? "mailer-daemon@isp.example" : kind == FORWARD ? BERT : ANNA, trust);
    letter.automatic = kind == BOUNCE || kind == AUTO_REPLY;
    letter.people[0] = "carol@third.example";
    return letter;
}

static void each_kind_by_token(SD_UNUSED void **state) {
    for (size_t i = 0; i < SD_COUNT(by_token); i++) {
        struct scene scene;
        make_scene(&scene, V, "closed");
        struct rig_letter letter = of_kind(by_token[i].kind, by_token[i].trust);
        letter.token = scene.token;
        struct rig_adopted a = adopt(&letter);
        bool person_of_it = by_token[i].kind == ANSWER || by_token[i].kind == AUTO_REPLY;
        assert_int_equal(joined(&scene, &a), by_token[i].joins);
        assert_int_equal(a.new_ticket, !by_token[i].joins);
        assert_int_equal(a.state, by_token[i].state);
        assert_int_equal(a.as_customer, by_token[i].customer);
        assert_int_equal((a.signals & SIGNAL(STRANGER)) != 0, by_token[i].stranger);
        assert_int_equal(takes_part(scene.ticket.ticket, letter.from, NULL), person_of_it);
        bool added = by_token[i].kind == ANSWER && by_token[i].trust == V;
        assert_int_equal(takes_part(scene.ticket.ticket, "carol@third.example", NULL), added);
    }
}

/* The same by a reference: to a letter of Anna's, and to an answer of ours. */
static void each_kind_by_reference(SD_UNUSED void **state) {
    for (unsigned ours = 0; ours < 2; ours++)
        for (size_t i = 0; i < SD_COUNT(by_token); i++) {
            struct scene scene;
            make_scene(&scene, V, "closed");
            struct rig_letter letter = of_kind(by_token[i].kind, by_token[i].trust);
            char id[64];
            (void)snprintf(id, sizeof id, "<ours-%u@example.test>", letter.object);
            struct sha256 hash;
            assert_int_equal(crypt_sha256(span_cstr(id), &hash), SD_OK);
            struct query q = db_query(rig.k->db, SQL_MESSAGE_ADD);
            query_blob(&q, span_of(hash.b, 32));
            query_blob(&q, span_of(scene.ticket.ticket, 16));
            query_int(&q, true);
            assert_int_equal(query_run(&q), SD_OK);
            letter.reference = ours ? id : scene.message_id;
            struct rig_adopted a = adopt(&letter);
            bool of_it = by_token[i].kind == ANSWER || by_token[i].kind == AUTO_REPLY, verified = by_token[i].trust == V;
            bool joins = of_it && (verified || (ours && by_token[i].trust == U));
            assert_int_equal(joined(&scene, &a), joins);
            assert_int_equal(a.signals & SIGNAL(STRANGER), 0);
            if (joins)
                assert_int_equal(a.state, verified && by_token[i].kind == ANSWER ? TICKET_OPEN : TICKET_CLOSED);
            if (joins)
                assert_int_equal(a.as_customer, verified);
        }
}

/* ---- whose ticket it is ---- */

/* A domain that publishes nothing: its people keep the tickets they opened, until they are seen verified. */
static void unverified_people_keep_their_tickets(SD_UNUSED void **state) {
    struct scene scene;
    int64_t trust = -1;
    make_scene(&scene, U, "closed");
    assert_true(scene.ticket.as_customer);
    struct rig_letter again = from(ANNA, U);
    again.reference = scene.message_id;
    struct rig_adopted a = adopt(&again);
    assert_true(joined(&scene, &a) && a.as_customer);
    assert_int_equal(a.state, TICKET_OPEN);
    again = from(ANNA, V);
    again.reference = scene.message_id;
    a = adopt(&again);
    assert_true(joined(&scene, &a) && a.as_customer);
    assert_true(takes_part(scene.ticket.ticket, ANNA, &trust));
    assert_int_equal(trust, V);
    again = from(ANNA, U); /* from now on this is less than she has shown */
    again.token = scene.token;
    a = adopt(&again);
    assert_true(joined(&scene, &a) && !a.as_customer);
    assert_true(takes_part(scene.ticket.ticket, ANNA, &trust));
    assert_int_equal(trust, V); /* and it takes nothing from her */
}

static void no_letter_joins_spam_or_quarantine(SD_UNUSED void **state) {
    struct scene scene;
    make_scene(&scene, V, "spam");
    struct rig_letter letter = from(ANNA, V);
    letter.token = scene.token;
    letter.reference = scene.message_id;
    struct rig_adopted a = adopt(&letter);
    assert_true(a.new_ticket);
    assert_int_equal(a.state, TICKET_OPEN);
}

/* What weighs too much with the sender being nobody of the ticket does not join it after all. */
static void a_stranger_who_weighs_too_much(SD_UNUSED void **state) {
    struct scene scene;
    make_scene(&scene, V, "closed");
    struct rig_letter letter = from(BERT, V);
    letter.token = scene.token;
    letter.signals = SIGNAL(DISPLAY_NAME) | SIGNAL(REPEATED_FIELD) | (UINT64_C(1) << 62) | SIGNAL(KNOWN_NAME);
    letter.weight = 90;
    struct rig_adopted a = adopt(&letter);
    assert_true(a.new_ticket);
    assert_int_equal(a.state, TICKET_REVIEW);
    assert_int_equal(a.disposition, DISPOSITION_REVIEW);
    assert_false(a.as_customer);
    /* the inspector's, and what the keeper found itself; not what only the keeper could know, nor what nobody does */
    assert_true(a.signals == (SIGNAL(DISPLAY_NAME) | SIGNAL(REPEATED_FIELD) | SIGNAL(STRANGER) | SIGNAL(FIRST_CONTACT)));
    assert_int_equal(rig_records(&rig, "\"reason\":\"review first-contact,stranger"), 1);
}

/* Whoever repeats somebody's Message-ID, even under their name, does not come between them and their ticket. */
static void a_message_id_that_is_repeated(SD_UNUSED void **state) {
    struct scene scene;
    make_scene(&scene, V, "open");
    uint8_t id[16] = {0xaa};
    for (uint8_t i = 0; i < 100; i++) {
        struct rig_letter forged = from(i % 2 ? ANNA : BERT, i % 2 ? U : V);
        id[1] = i;
        forged.id = id;
        forged.message_id = scene.message_id;
        assert_true(adopt(&forged).new_ticket);
    }
    struct rig_letter letter = from(ANNA, V);
    letter.reference = scene.message_id;
    struct rig_adopted a = adopt(&letter);
    assert_memory_equal(a.ticket, scene.ticket.ticket, 16);
    assert_true(a.as_customer);
}

static void people_named_by_a_customer(SD_UNUSED void **state) {
    int64_t trust = -1;
    struct rig_letter letter = from(ANNA, V);
    letter.people[0] = "Carol@Third.example";
    letter.people[1] = "not an address";
    struct rig_adopted a = adopt(&letter);
    assert_true(takes_part(a.ticket, "carol@third.example", &trust));
    assert_int_equal(trust, U); /* however well Anna has proved who she is */
    assert_false(takes_part(a.ticket, "not an address", NULL));
    struct rig_letter carol = from("carol@third.example", U);
    carol.people[0] = "dave@fourth.example";
    struct rig_adopted b = adopt(&carol);
    assert_true(b.new_ticket);
    assert_false(takes_part(b.ticket, "dave@fourth.example", NULL)); /* the gate is for verified ones */
    letter = from(ANNA, V);
    letter.disposition = DISPOSITION_REVIEW;
    letter.people[0] = "dave@fourth.example";
    a = adopt(&letter);
    assert_false(takes_part(a.ticket, "dave@fourth.example", NULL));
}

/* An answer of ours is known as ours; who it went to takes part. */
static void an_answer_of_ours(SD_UNUSED void **state) {
    static const char message[] = "From: support@example.test\r\nTo: anna@customer.example\r\nDate: Mon, 23 Nov 2026 10:00:00 "
                                  "+0000\r\nMessage-ID: <answer@example.test>\r\n\r\nHello\r\n";
    struct scene scene;
    make_scene(&scene, V, "open");
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    struct keeper_reply_req req = {.token = span_of(agent.token, 32),
                                   .origin = SPAN("192.0.2.1"),
                                   .ticket = span_of(scene.ticket.ticket, 16),
                                   .message = span_cstr(message)};
    struct keeper_reply_rep rep;
    rig.recipients[0] = ANNA;
    rig.recipients[1] = BERT;
    ipc_list_add(&req.cc, &raw, SPAN(BERT));
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply, &req, &rep), SD_OK);
    assert_int_equal(rep.outcome, REPLY_SIGNED);
    rig.recipients[0] = rig.recipients[1] = NULL;
    struct rig_letter letter = from(ANNA, U); /* not as she was, but she has our answer */
    letter.reference = "<answer@example.test>";
    letter.message_id = "<answer@example.test>"; /* a letter that claims it for itself takes nothing from it */
    struct rig_adopted a = adopt(&letter);
    assert_true(joined(&scene, &a) && !a.as_customer);
    letter = from(ANNA, U);
    letter.reference = "<answer@example.test>";
    a = adopt(&letter);
    assert_true(joined(&scene, &a));
    letter = from(BERT, U);
    letter.reference = "<answer@example.test>";
    a = adopt(&letter);
    assert_true(joined(&scene, &a) && a.as_customer);
}

/* ---- attachments, and a person's decision ---- */

static enum sd_err open_facet_of(const struct rig_letter *letter, bool file, enum facet facet) {
    struct object_id id, parent;
    rig_object_id(letter, parent.b);
    id = parent;
    if (file)
        assert_int_equal(attachment_object_id(&parent, 0, &id), SD_OK);
    struct keeper_open_req req = {
        .token = span_of(agent.token, 32), .origin = SPAN("192.0.2.1"), .object = span_of(id.b, 16), .facet = (uint8_t)facet};
    struct keeper_open_rep rep;
    return RIG_CALL(&rig, RIG_DESK, open, &req, &rep);
}

static void assert_attachments(const struct rig_letter *letter, enum sd_err expected) {
    assert_int_equal(open_facet_of(letter, false, FACET_HEAD), SD_OK);
    assert_int_equal(open_facet_of(letter, false, FACET_TEXT), SD_OK);
    unsigned before = rig_records(&rig, "\"reason\":\"gate-attachments ");
    assert_int_equal(open_facet_of(letter, true, FACET_FILE), expected);
    assert_int_equal(open_facet_of(letter, false, FACET_SOURCE), letter->attachments ? expected : SD_OK);
    assert_int_equal(rig_records(&rig, "\"reason\":\"gate-attachments "), before + (expected ? 2 : 0));
}

static struct rig_letter with_file(enum trust_level trust, enum disposition disposition) {
    struct rig_letter letter = from(ANNA, trust);
    letter.attachments = 1;
    letter.disposition = (uint8_t)disposition;
    return letter;
}

static void attachments_pass_a_gate(SD_UNUSED void **state) {
    struct rig_letter letter = with_file(U, DISPOSITION_ACCEPT);
    (void)adopt(&letter);
    assert_attachments(&letter, SD_OK);
    struct trust_settings strict = trust_settings_default();
    strict.gates.levels[GATE_ATTACHMENTS] = 1u << V;
    keeper_set_trust(rig.k, &strict);
    assert_attachments(&letter, SD_ERR_UNSUPPORTED);
    struct rig_letter verified = with_file(V, DISPOSITION_ACCEPT);
    (void)adopt(&verified);
    assert_attachments(&verified, SD_OK);
    /* a person may mark it as spam and back: that is no decision on a letter held in Review */
    struct rig_letter third = with_file(U, DISPOSITION_ACCEPT);
    struct rig_adopted a = adopt(&third);
    set_state(a.ticket, "spam", SD_OK);
    set_state(a.ticket, "open", SD_OK);
    assert_attachments(&third, SD_ERR_UNSUPPORTED);
}

/* Marked as spam, what was held stays shut; taken out of there, it was let in. */
static void spam_lets_nothing_in(SD_UNUSED void **state) {
    struct rig_letter letter = with_file(V, DISPOSITION_REVIEW);
    struct rig_adopted a = adopt(&letter);
    set_state(a.ticket, "spam", SD_OK);
    assert_attachments(&letter, SD_ERR_UNSUPPORTED);
    set_state(a.ticket, "open", SD_OK);
    assert_attachments(&letter, SD_OK);
}

/* In Review no gate opens; who takes the ticket out has decided on what is in it, and on nothing that comes later. */
static void a_decision_opens_what_was_there(SD_UNUSED void **state) {
    struct trust_settings loose = trust_settings_default();
    loose.gates.levels[GATE_APPEND] = 7; /* so that failed ones come into the ticket, and stay shut there */
    keeper_set_trust(rig.k, &loose);
    struct rig_letter first = with_file(V, DISPOSITION_REVIEW), second = with_file(F, DISPOSITION_ACCEPT);
    first.message_id = "<held@customer.example>";
    struct rig_adopted a = adopt(&first);
    assert_int_equal(a.state, TICKET_REVIEW);
    assert_attachments(&first, SD_ERR_UNSUPPORTED);
    set_state(a.ticket, "quarantine", SD_ERR_UNSUPPORTED);
    assert_attachments(&first, SD_ERR_UNSUPPORTED);
    set_state(a.ticket, "open", SD_OK);
    assert_attachments(&first, SD_OK);
    assert_int_equal(rig_records(&rig, "\"action\":\"change-state\""), 2);
    char token[65] = {0};
    struct keeper_reply_token_req req = {
        .token = span_of(agent.token, 32), .origin = SPAN("192.0.2.1"), .ticket = span_of(a.ticket, 16)};
    struct keeper_reply_token_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply_token, &req, &rep), SD_OK);
    memcpy(token, rep.reply_token.p, rep.reply_token.n);
    second.token = token;
    struct rig_adopted b = adopt(&second);
    assert_memory_equal(a.ticket, b.ticket, 16);
    assert_attachments(&second, SD_ERR_UNSUPPORTED);
    set_state(a.ticket, "closed", SD_OK); /* nothing that happens to an open ticket opens it */
    set_state(a.ticket, "open", SD_OK);
    assert_attachments(&second, SD_ERR_UNSUPPORTED);
}

/* The gate `review` shut, too: nothing of it opens, and no one can make it. */
static void quarantined_by_the_gates(SD_UNUSED void **state) {
    struct trust_settings strict = trust_settings_default();
    strict.gates.levels[GATE_REVIEW] = 1u << V;
    keeper_set_trust(rig.k, &strict);
    struct rig_letter letter = with_file(F, DISPOSITION_REVIEW);
    struct rig_adopted a = adopt(&letter);
    assert_int_equal(a.state, TICKET_QUARANTINE);
    assert_int_equal(a.disposition, DISPOSITION_QUARANTINE);
    assert_int_equal(open_facet_of(&letter, false, FACET_HEAD), SD_ERR_UNSUPPORTED);
    assert_int_equal(open_facet_of(&letter, true, FACET_FILE), SD_ERR_UNSUPPORTED);
    set_state(a.ticket, "open", SD_ERR_UNSUPPORTED);
    assert_int_equal(rig_records(&rig, "\"reason\":\"quarantine unscanned,gate-review,first-contact\""), 1);
}

/* ---- cards ---- */

static void versions_of_the_card(SD_UNUSED void **state) {
    static const uint8_t none[16];
    struct rig_letter letter = from(ANNA, U);
    struct rig_adopted a;
    letter.version = 1;
    letter.tls = "TLSv1.3 X"; /* not in such a card */
    a = adopt(&letter);
    assert_int_equal(a.state, TICKET_OPEN);
    assert_true(a.as_customer && !a.encrypted);
    assert_memory_equal(a.domain_tag, none, 16);
    letter = from(ANNA, V);
    letter.tls = "TLSv1.3 X";
    a = adopt(&letter);
    assert_true(a.encrypted);
    assert_memory_not_equal(a.domain_tag, none, 16);
    struct keeper_domain_tag_req req = {
        .token = span_of(agent.token, 32), .origin = SPAN("192.0.2.1"), .domain = SPAN("Customer.Example")};
    struct keeper_domain_tag_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, domain_tag, &req, &rep), SD_OK);
    assert_memory_equal(rep.tag.p, a.domain_tag, 16);
    for (unsigned version = 0; version < 6; version += version == 0 ? 4 : 1) {
        letter = from(ANNA, V);
        letter.version = (uint8_t)version;
        rig_adopt(&rig, &letter, &a);
        assert_int_equal(a.outcome, ADOPT_REFUSED);
    }
    assert_int_equal(rig_records(&rig, "\"reason\":\"unknown-version\""), 3);
    letter = from(ANNA, (enum trust_level)3);
    rig_adopt(&rig, &letter, &a);
    assert_int_equal(a.outcome, ADOPT_REFUSED);
}

/* Whoever may see no ticket asks about no domain, and the refusal is on the record. */
static void who_may_search(SD_UNUSED void **state) {
    static const char *const roles[] = {"security", "privacy", "admin", "auditor", "supervisor", "agent"};
    struct rig_person person;
    char email[64];
    for (size_t i = 0; i < SD_COUNT(roles); i++) {
        (void)snprintf(email, sizeof email, "%s-too@example.test", roles[i]);
        rig_add(&rig, email, roles[i], i < 4 ? NULL : "support", &person);
        assert_int_equal(rig_sign_in(&rig, email, RIG_PASSWORD, &person), SIGN_IN_OK);
        struct keeper_domain_tag_req req = {
            .token = span_of(person.token, 32), .origin = SPAN("192.0.2.1"), .domain = SPAN("customer.example")};
        struct keeper_domain_tag_rep rep;
        assert_int_equal(RIG_CALL(&rig, RIG_DESK, domain_tag, &req, &rep), i < 4 ? SD_ERR_DENIED : SD_OK);
    }
    assert_int_equal(rig_records(&rig, "\"action\":\"search\""), 6);
    assert_int_equal(rig_records(&rig, "\"reason\":\"not-permitted\""), 4);
    assert_int_equal(rig_records(&rig, "customer.example"), 0);
}

/* Asked again, after a crash of whoever asked: the same answer in every field. */
static void the_same_answer_again(SD_UNUSED void **state) {
    struct rig_letter letter = from(ANNA, V);
    (void)adopt(&letter);
    letter = from(ANNA, U);
    letter.tls = "TLSv1.3 X";
    letter.signals = SIGNAL(LINK_MISMATCH);
    struct rig_adopted first = adopt(&letter), again;
    (void)adopt(&(struct rig_letter){.object = next_object++,
                                     .queue = "support",
                                     .disposition = DISPOSITION_ACCEPT,
                                     .state = OBJECT_CLEAN,
                                     .from = ANNA,
                                     .version = 2,
                                     .trust = V,
                                     .flip = -1});
    rig_adopt(&rig, &letter, &again);
    assert_int_equal(again.outcome, ADOPT_ALREADY);
    again.outcome = first.outcome;
    assert_int_equal(first.known, 1);
    assert_memory_equal(&first, &again, sizeof first);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(each_kind_by_token),
        CASE(each_kind_by_reference),
        CASE(unverified_people_keep_their_tickets),
        CASE(no_letter_joins_spam_or_quarantine),
        CASE(a_stranger_who_weighs_too_much),
        CASE(a_message_id_that_is_repeated),
        CASE(people_named_by_a_customer),
        CASE(an_answer_of_ours),
        CASE(attachments_pass_a_gate),
        CASE(spam_lets_nothing_in),
        CASE(a_decision_opens_what_was_there),
        CASE(quarantined_by_the_gates),
        CASE(versions_of_the_card),
        CASE(who_may_search),
        CASE(the_same_answer_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
