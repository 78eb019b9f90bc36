/* What each trust level may do, as tables: the gates themselves, what a letter does to a ticket, attachments, weights. */
#include "keeper/rights.h"
#include "keeper/threading.h"
#include "keeper/weighing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define F TRUST_FAILED
#define U TRUST_UNVERIFIED
#define V TRUST_VERIFIED

static const enum trust_level levels[] = {F, U, V};

static struct standing letter(enum trust_level trust) {
    return (struct standing){.trust = trust, .disposition = DISPOSITION_ACCEPT};
}

/* Every gate, disposition and level: the levels of the table by accept and flag, `review` also by review, else nothing. */
static void every_gate(SD_UNUSED void **state) {
    struct gates gates = gates_default(), shut = {0};
    for (unsigned g = 0; g < GATE_COUNT; g++)
        for (unsigned d = 0; d <= DISPOSITION_ACCEPT; d++)
            for (size_t i = 0; i < SD_COUNT(levels); i++) {
                bool may = d == DISPOSITION_ACCEPT || d == DISPOSITION_FLAG || (g == GATE_REVIEW && d == DISPOSITION_REVIEW);
                bool listed = gates.levels[g] >> levels[i] & 1;
                assert_int_equal(gate_opens(&gates, (enum gate)g, levels[i], (enum disposition)d),
                                 may && listed ? GATE_OPENS : GATE_SHUT);
                assert_int_equal(gate_opens(&shut, (enum gate)g, levels[i], (enum disposition)d), GATE_SHUT);
            }
    assert_int_equal(gate_opens(&gates, GATE_COUNT, V, DISPOSITION_ACCEPT), GATE_SHUT);
    assert_int_equal(gate_opens(&gates, GATE_OPEN, (enum trust_level)3, DISPOSITION_ACCEPT), GATE_SHUT);
    assert_int_equal(gates.levels[GATE_OPEN], 6);
    assert_int_equal(gates.levels[GATE_REVIEW], 7);
    assert_int_equal(gates.levels[GATE_CUSTOMER], 4);
    assert_int_equal(gates.levels[GATE_ADD_PEOPLE], 4);
    assert_int_equal(gates.levels[GATE_ATTACHMENTS], 6);
}

/* ---- the configuration ---- */

#define REST                                                                                                                   \
    "gates.review=failed\ngates.append=none\ngates.reopen=none\ngates.customer=none\ngates.auto_answer=none\n"                 \
    "gates.add_people=none\ngates.attachments=verified\n"

static enum sd_err read_gates(const char *lines, struct gates *ret) {
    struct config *config SD_CLEANUP(config_free) = NULL;
    assert_int_equal(config_new(span_cstr(lines), &config), SD_OK);
    return gates_from_config(config, ret);
}

static void gates_from_words(SD_UNUSED void **state) {
    struct gates gates = {{99}};
    assert_int_equal(read_gates("gates.open=verified, failed\n" REST, &gates), SD_OK);
    assert_int_equal(gates.levels[GATE_OPEN], 5);
    assert_int_equal(gates.levels[GATE_REVIEW], 1);
    assert_int_equal(gates.levels[GATE_APPEND], 0);
    assert_int_equal(gates.levels[GATE_ATTACHMENTS], 4);
    assert_int_equal(read_gates("gates.open=verified, trusted\n" REST, &gates), SD_ERR_CONFIG);
    assert_int_equal(read_gates("gates.open=\n" REST, &gates), SD_ERR_CONFIG);
    assert_int_equal(gates.levels[GATE_OPEN], 5); /* untouched */
}

static enum sd_err read_weights(const char *lines, struct weighing *ret) {
    struct config *config SD_CLEANUP(config_free) = NULL;
    assert_int_equal(config_new(span_cstr(lines), &config), SD_OK);
    return weighing_from_config(config, ret);
}

static void weights_from_words(SD_UNUSED void **state) {
    struct weighing w;
    assert_int_equal(read_weights("trust.weights=stranger=70\ntrust.flag_at=5\ntrust.review_at=60\n", &w), SD_OK);
    assert_int_equal(w.weights[AUTH_SIGNAL_STRANGER], 70);
    assert_int_equal(w.weights[AUTH_SIGNAL_KNOWN_NAME], 20);
    assert_int_equal(w.flag_at, 5);
    assert_int_equal(read_weights("trust.weights=nobody=70\ntrust.flag_at=5\ntrust.review_at=60\n", &w), SD_ERR_CONFIG);
    assert_int_equal(read_weights("trust.weights=\ntrust.flag_at=-5\ntrust.review_at=60\n", &w), SD_ERR_CONFIG);
}

/* ---- a new ticket ---- */

static void new_tickets(SD_UNUSED void **state) {
    static const struct {
        enum trust_level trust;
        enum disposition before;
        enum ticket_state state;
        enum disposition after;
        const char *shut;
    } cases[] = {
        {V, DISPOSITION_ACCEPT, TICKET_OPEN, DISPOSITION_ACCEPT, NULL},
        {U, DISPOSITION_FLAG, TICKET_OPEN, DISPOSITION_FLAG, NULL},
        {F, DISPOSITION_ACCEPT, TICKET_REVIEW, DISPOSITION_REVIEW, "gate-open"},
        {F, DISPOSITION_FLAG, TICKET_REVIEW, DISPOSITION_REVIEW, "gate-open"},
        {V, DISPOSITION_REVIEW, TICKET_REVIEW, DISPOSITION_REVIEW, NULL},
        {F, DISPOSITION_REVIEW, TICKET_REVIEW, DISPOSITION_REVIEW, NULL},
        {V, DISPOSITION_QUARANTINE, TICKET_QUARANTINE, DISPOSITION_QUARANTINE, NULL},
        {V, DISPOSITION_TEMPFAIL, TICKET_QUARANTINE, DISPOSITION_TEMPFAIL, NULL},
    };
    struct gates gates = gates_default();
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct opening o = threading_open(&gates, &(struct standing){cases[i].trust, cases[i].before, false});
        assert_int_equal(o.state, cases[i].state);
        assert_int_equal(o.disposition, cases[i].after);
        assert_true(o.shut == NULL ? cases[i].shut == NULL
                                   : cases[i].shut && span_eq(span_cstr(o.shut), span_cstr(cases[i].shut)));
    }
    gates.levels[GATE_REVIEW] = 1u << V;
    struct opening o = threading_open(&gates, &(struct standing){F, DISPOSITION_REVIEW, false});
    assert_int_equal(o.state, TICKET_QUARANTINE);
    assert_int_equal(o.disposition, DISPOSITION_QUARANTINE); /* nothing of it opens */
    assert_true(span_eq(span_cstr(o.shut), SPAN("gate-review")));
}

/* ---- joining ---- */

static void joining(SD_UNUSED void **state) {
    /* by token, ours, takes part, as trusted as, the letter: joins */
    static const struct {
        bool token, ours, takes;
        enum trust_level part, now;
        enum join join;
    } cases[] = {
        {true, false, false, F, V, JOIN_YES},                                     /* a reply address alone */
        {true, false, false, F, U, JOIN_YES}, {true, false, true, V, F, JOIN_NO}, /* the gate is shut to failed */
        {false, true, true, V, U, JOIN_YES},                                      /* they were sent what they refer to */
        {false, true, false, F, V, JOIN_NO},                                      /* somebody else was */
        {false, true, true, V, F, JOIN_NO},   {false, false, true, V, V, JOIN_YES},
        {false, false, true, V, U, JOIN_NO},  /* verified before, not now */
        {false, false, true, U, U, JOIN_YES}, /* whose domain publishes nothing */
        {false, false, true, U, V, JOIN_YES}, {false, false, true, F, U, JOIN_YES},
        {false, false, false, F, V, JOIN_NO},
    };
    struct gates gates = gates_default();
    for (size_t i = 0; i < SD_COUNT(cases); i++)
        for (unsigned s = 0; s <= TICKET_SPAM; s++) {
            struct proposal p = {.by_token = cases[i].token,
                                 .ours = cases[i].ours,
                                 .same_queue = true,
                                 .state = (enum ticket_state)s,
                                 .part = {cases[i].takes, cases[i].part}};
            struct standing now = letter(cases[i].now);
            bool takes_letters = s != TICKET_SPAM && s != TICKET_QUARANTINE;
            assert_int_equal(threading_join(&gates, &p, &now), takes_letters ? cases[i].join : JOIN_NO);
            p.same_queue = false;
            assert_int_equal(threading_join(&gates, &p, &now), JOIN_NO);
            p.same_queue = true;
            for (unsigned d = 0; d < DISPOSITION_FLAG; d++) {
                now.disposition = (enum disposition)d;
                assert_int_equal(threading_join(&gates, &p, &now), JOIN_NO);
            }
        }
}

static void customers(SD_UNUSED void **state) {
    struct gates gates = gates_default();
    for (size_t before = 0; before < SD_COUNT(levels); before++)
        for (size_t now = 0; now < SD_COUNT(levels); now++) {
            struct standing s = letter(levels[now]);
            struct part part = {true, levels[before]}, none = {false, levels[before]};
            bool same_or_more = before != V && now >= before;
            assert_int_equal(threading_customer(&gates, &part, &s), now == V || same_or_more ? CUSTOMER_YES : CUSTOMER_NO);
            assert_int_equal(threading_customer(&gates, &none, &s), CUSTOMER_NO);
            s.disposition = DISPOSITION_REVIEW;
            assert_int_equal(threading_customer(&gates, &part, &s), CUSTOMER_NO);
            assert_int_equal(threading_opener(&s), CUSTOMER_NO);
            s.disposition = DISPOSITION_FLAG;
            assert_int_equal(threading_opener(&s), CUSTOMER_YES);
        }
}

/* A person's letter, one that comes automatically (a bounce, an automatic reply): by token, as customer, as neither. */
static void reopening(SD_UNUSED void **state) {
    struct gates gates = gates_default();
    for (unsigned s = 0; s <= TICKET_SPAM; s++)
        for (size_t i = 0; i < SD_COUNT(levels); i++)
            for (unsigned how = 0; how < 8; how++) {
                bool token = how & 1, takes = how & 2, automatic = how & 4;
                struct proposal p = {
                    .by_token = token, .ours = true, .same_queue = true, .state = (enum ticket_state)s, .part = {takes, V}};
                struct standing now = {levels[i], DISPOSITION_ACCEPT, automatic};
                bool waiting = s == TICKET_CLOSED || s == TICKET_PENDING;
                bool may = !automatic && levels[i] != F && (token || (takes && levels[i] == V));
                assert_int_equal(threading_state_joined(&gates, &p, &now), waiting && may ? TICKET_OPEN : (enum ticket_state)s);
            }
}

static void people_and_answers(SD_UNUSED void **state) {
    struct gates gates = gates_default();
    for (size_t i = 0; i < SD_COUNT(levels); i++)
        for (unsigned how = 0; how < 4; how++) {
            bool customer = how & 1, automatic = how & 2;
            bool yes = customer && !automatic && levels[i] == V;
            struct standing now = {levels[i], DISPOSITION_ACCEPT, automatic};
            enum customer c = customer ? CUSTOMER_YES : CUSTOMER_NO;
            assert_int_equal(threading_people(&gates, c, TICKET_OPEN, &now), yes ? PEOPLE_COME_IN : PEOPLE_STAY_OUT);
            assert_int_equal(threading_people(&gates, c, TICKET_REVIEW, &now), PEOPLE_STAY_OUT);
            assert_int_equal(gates_auto_answer(&gates, levels[i], DISPOSITION_ACCEPT, automatic, customer),
                             yes ? AUTO_ANSWER_YES : AUTO_ANSWER_NO);
            assert_int_equal(gates_auto_answer(&gates, levels[i], DISPOSITION_REVIEW, automatic, customer), AUTO_ANSWER_NO);
        }
}

/* ---- attachments ---- */

static void attachments(SD_UNUSED void **state) {
    struct gates gates = gates_default();
    for (size_t i = 0; i < SD_COUNT(levels); i++)
        for (unsigned d = 0; d <= DISPOSITION_ACCEPT; d++)
            for (unsigned decided = 0; decided < 2; decided++) {
                struct object_facts o = {OBJECT_FILE, OBJECT_CLEAN, (enum disposition)d, levels[i], false, decided != 0};
                enum gate_verdict gate = right_attachments(&gates, &o);
                bool opens = decided || (d >= DISPOSITION_FLAG && levels[i] != F);
                bool readable = d >=
                                DISPOSITION_REVIEW; /* what is quarantined opens for nobody, whoever decides on the ticket */
                assert_int_equal(gate, opens ? GATE_OPENS : GATE_SHUT);
                assert_int_equal(right_facet(&o, gate, FACET_FILE), opens && readable ? RIGHT_GRANTED : RIGHT_UNFIT);
                o.kind = OBJECT_LETTER;
                assert_int_equal(right_facet(&o, gate, FACET_SOURCE), readable ? RIGHT_GRANTED : RIGHT_UNFIT);
                assert_int_equal(right_facet(&o, gate, FACET_TEXT), readable ? RIGHT_GRANTED : RIGHT_UNFIT);
                o.has_files = true; /* the source has them in it */
                assert_int_equal(right_facet(&o, gate, FACET_SOURCE), opens && readable ? RIGHT_GRANTED : RIGHT_UNFIT);
                assert_int_equal(right_facet(&o, gate, FACET_HEAD), readable ? RIGHT_GRANTED : RIGHT_UNFIT);
                o.state = OBJECT_MALICIOUS; /* the gate makes nothing clean */
                assert_int_equal(right_facet(&o, gate, FACET_SOURCE), RIGHT_UNFIT);
            }
}

/* ---- weights ---- */

static void weighing(SD_UNUSED void **state) {
    struct weighing w = weighing_default();
    static const struct {
        enum disposition before;
        uint32_t weight;
        uint64_t found;
        enum disposition after;
    } cases[] = {
        {DISPOSITION_ACCEPT, 0, 0, DISPOSITION_ACCEPT},
        {DISPOSITION_ACCEPT, 0, SIGNAL(FIRST_CONTACT), DISPOSITION_ACCEPT},
        {DISPOSITION_ACCEPT, 0, SIGNAL(KNOWN_NAME), DISPOSITION_ACCEPT},
        {DISPOSITION_ACCEPT, 10, SIGNAL(KNOWN_NAME), DISPOSITION_FLAG},
        {DISPOSITION_ACCEPT, 0, SIGNAL(LOOKALIKE_KNOWN), DISPOSITION_FLAG},
        {DISPOSITION_FLAG, 0, SIGNAL(KNOWN_NAME), DISPOSITION_FLAG},
        {DISPOSITION_FLAG, 60, SIGNAL(UNVERIFIED_NOW), DISPOSITION_REVIEW},
        {DISPOSITION_ACCEPT, UINT32_MAX, SIGNAL(STRANGER), DISPOSITION_REVIEW},
        {DISPOSITION_REVIEW, 0, SIGNAL(STRANGER), DISPOSITION_REVIEW},
        {DISPOSITION_QUARANTINE, 500, SIGNAL(STRANGER), DISPOSITION_QUARANTINE},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++)
        assert_int_equal(weighing_decide(&w, cases[i].before, cases[i].weight, cases[i].found), cases[i].after);
    w.flag_at = w.review_at = 0; /* even so, what weighs nothing changes nothing */
    assert_int_equal(weighing_decide(&w, DISPOSITION_ACCEPT, 0, SIGNAL(FIRST_CONTACT)), DISPOSITION_ACCEPT);
    assert_int_equal(weighing_decide(&w, DISPOSITION_ACCEPT, 1, 0), DISPOSITION_REVIEW);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_gate),
        cmocka_unit_test(gates_from_words),
        cmocka_unit_test(weights_from_words),
        cmocka_unit_test(new_tickets),
        cmocka_unit_test(joining),
        cmocka_unit_test(customers),
        cmocka_unit_test(reopening),
        cmocka_unit_test(people_and_answers),
        cmocka_unit_test(attachments),
        cmocka_unit_test(weighing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
