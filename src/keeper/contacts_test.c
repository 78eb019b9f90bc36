/* The memory of correspondents: what is known of a sender, what warns of one, what is not remembered, and that it fades. */
#include "keeper/contacts.h"
#include "keeper/test_rig.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define F TRUST_FAILED
#define U TRUST_UNVERIFIED
#define V TRUST_VERIFIED
#define ANNA "anna@customer.example"
#define KEEPERS(a) ((a).signals & SIGNALS_OF_KEEPER)
#define DAY INT64_C(86400000)

static struct rig rig;
static uint8_t next_object;

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    next_object = 1;
    return 0;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

/* A letter of a domain "<site>" whose looks are "look:<like>" and the domain itself. */
static struct rig_letter from(const char *address, const char *site, const char *like, enum trust_level trust) {
    struct rig_letter letter = RIG_LETTER(next_object++);
    letter.from = address;
    letter.domain = letter.trust_domain = site;
    letter.looks[0] = site;
    letter.looks[1] = like;
    letter.trust = (uint8_t)trust;
    rig_now_ms += 1000;
    return letter;
}

static struct rig_letter anna(enum trust_level trust) {
    return from(ANNA, "customer.example", "look:customer", trust);
}

static struct rig_adopted adopt(const struct rig_letter *letter) {
    struct rig_adopted adopted;
    rig_adopt(&rig, letter, &adopted);
    assert_int_equal(adopted.outcome, ADOPT_ADOPTED);
    return adopted;
}

static struct rig_adopted adopt_anna(enum trust_level trust) {
    struct rig_letter letter = anna(trust);
    return adopt(&letter);
}

static void known_since(SD_UNUSED void **state) {
    int64_t began = rig_now_ms + 1000;
    struct rig_adopted a = adopt_anna(U);
    assert_int_equal(a.known, 0);
    assert_int_equal(a.known_since_ms, 0);
    assert_int_equal(KEEPERS(a), SIGNAL(FIRST_CONTACT));
    assert_int_equal(a.disposition, DISPOSITION_ACCEPT); /* that weighs nothing */
    a = adopt_anna(U);
    assert_int_equal(a.known, 1);
    assert_true(a.known_since_ms == began);
    assert_int_equal(KEEPERS(a), 0);
    a = adopt_anna(V); /* nobody before was as trusted as this */
    assert_int_equal(a.known, 0);
    assert_int_equal(a.known_since_ms, 0);
    assert_int_equal(KEEPERS(a), 0);
    int64_t verified = rig_now_ms;
    a = adopt_anna(V);
    assert_int_equal(a.known, 1);
    assert_true(a.known_since_ms == verified);
    a = adopt_anna(U);
    assert_int_equal(a.known, 4);
    assert_true(a.known_since_ms == began);
    assert_int_equal(KEEPERS(a), SIGNAL(UNVERIFIED_NOW));
    assert_int_equal(a.disposition, DISPOSITION_FLAG);
    struct rig_letter shouting = from("ANNA@Customer.Example", "customer.example", NULL, V);
    a = adopt(&shouting);
    assert_int_equal(a.known, 2);
}

/* What was held, or failed, is no history; nor is it for the one it claims to come from. */
static void not_remembered(SD_UNUSED void **state) {
    static const struct {
        enum trust_level trust;
        enum disposition disposition;
    } held[] = {{V, DISPOSITION_REVIEW}, {V, DISPOSITION_QUARANTINE}, {F, DISPOSITION_ACCEPT}, {F, DISPOSITION_REVIEW}};
    for (size_t i = 0; i < SD_COUNT(held); i++) {
        struct rig_letter letter = anna(held[i].trust);
        letter.disposition = (uint8_t)held[i].disposition;
        letter.name = "anna meier";
        struct rig_adopted a = adopt(&letter);
        assert_int_equal(a.known, 0);
        assert_int_equal(KEEPERS(a), SIGNAL(FIRST_CONTACT));
    }
    struct rig_letter alike = from("x@cust0mer.example", "cust0mer.example", "look:customer", V);
    alike.name = "anna meier";
    struct rig_adopted a = adopt(&alike);
    assert_int_equal(KEEPERS(a), SIGNAL(FIRST_CONTACT)); /* there was nothing yet to be like */
    struct rig_letter nobody = RIG_LETTER(200);
    nobody.from = "";
    a = adopt(&nobody);
    assert_int_equal(KEEPERS(a), 0);
    assert_false(a.as_customer);
}

static void verified_then_failed(SD_UNUSED void **state) {
    (void)adopt_anna(V);
    struct rig_adopted a = adopt_anna(F);
    assert_int_equal(KEEPERS(a), SIGNAL(UNVERIFIED_NOW));
    assert_int_equal(a.known, 1);
    assert_int_equal(a.state, TICKET_REVIEW);
    a = adopt_anna(V);
    assert_int_equal(a.known, 1);
}

/* A letter to two queues is two objects and one letter. */
static void counted_once(SD_UNUSED void **state) {
    static const char *const ids[] = {"<one@customer.example>", "<two@customer.example>"};
    for (unsigned round = 0; round < 2; round++) {
        struct rig_letter both[2] = {anna(V), anna(V)};
        struct rig_adopted a[2];
        both[1].queue = "billing";
        both[0].message_id = both[1].message_id = ids[round];
        assert_int_equal(rig_adopt_many(&rig, both, 2, a), SD_OK);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(a[i].known, round);
            assert_int_equal(a[i].known_since_ms != 0, round > 0);
            assert_int_equal(KEEPERS(a[i]), round ? 0 : SIGNAL(FIRST_CONTACT));
        }
    }
}

/* ---- imitations ---- */

static void looks_like_a_known_domain(SD_UNUSED void **state) {
    struct rig_letter unproved = from("b@first.example", "first.example", "look:first", U);
    (void)adopt(&unproved); /* unverified: teaches no look */
    struct rig_letter alike = from("b@f1rst.example", "f1rst.example", "look:first", V);
    assert_int_equal(KEEPERS(adopt(&alike)), SIGNAL(FIRST_CONTACT));
    (void)adopt_anna(V);
    for (unsigned i = 0; i < 3; i++) { /* an imitation does not become known by being repeated */
        alike = from("anna@cust0mer.example", "cust0mer.example", "look:customer", i % 2 ? U : V);
        struct rig_adopted a = adopt(&alike);
        assert_int_equal(a.signals & SIGNAL(LOOKALIKE_KNOWN), SIGNAL(LOOKALIKE_KNOWN));
        assert_int_equal(a.disposition, DISPOSITION_FLAG);
    }
    assert_true(rig_records(&rig, "\"reason\":\"flag first-contact,lookalike-known\"") == 1);
    assert_int_equal(KEEPERS(adopt_anna(V)), 0);
    struct rig_letter colleague = from("carl@customer.example", "customer.example", "look:customer", U);
    assert_int_equal(KEEPERS(adopt(&colleague)), SIGNAL(FIRST_CONTACT)); /* of a domain that is known */
}

/* When the imitation wrote first, the genuine correspondent is warned of: not held, even under a name that was used before. */
static void the_imitation_wrote_first(SD_UNUSED void **state) {
    for (unsigned i = 0; i < 20; i++) {
        struct rig_letter evil = from("anna@cust0mer.example", "cust0mer.example", "look:customer", V);
        evil.name = "anna meier";
        assert_int_equal(adopt(&evil).disposition, DISPOSITION_ACCEPT);
    }
    for (unsigned i = 0; i < 5; i++) {
        struct rig_letter genuine = anna(V);
        genuine.name = "anna meier";
        genuine.weight = 10; /* and her Reply-To leads elsewhere */
        genuine.signals = SIGNAL(REPLY_TO_ELSEWHERE);
        struct rig_adopted a = adopt(&genuine);
        assert_int_equal(a.disposition, DISPOSITION_FLAG);
        assert_int_equal(a.state, TICKET_OPEN);
        assert_true(a.as_customer);
        assert_int_equal(a.known, i);
    }
}

/* The clock went ahead by years and came back: what was learned meanwhile is neither lost nor kept for ever. */
static void the_clock_jumps(SD_UNUSED void **state) {
    int64_t before = rig_now_ms;
    (void)adopt_anna(V);
    rig_now_ms = before + 4000 * DAY;
    (void)adopt_anna(V);
    rig_now_ms = before - 10 * DAY;
    struct rig_adopted a = adopt_anna(V);
    assert_int_equal(a.known, 2);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(contacts_expire(rig.k), SD_OK);
    a = adopt_anna(V);
    assert_int_equal(a.known, 3);
    rig_now_ms = before + 1000 * DAY; /* not heard of since: the last letter set it right */
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(contacts_expire(rig.k), SD_OK);
    a = adopt_anna(V);
    assert_int_equal(a.known, 0);
    rig_now_ms = before;
}

static void a_known_name(SD_UNUSED void **state) {
    struct rig_letter letter = anna(V);
    letter.name = "anna meier";
    assert_int_equal(KEEPERS(adopt(&letter)), SIGNAL(FIRST_CONTACT));
    letter = anna(V);
    letter.name = "anna meier";
    assert_int_equal(KEEPERS(adopt(&letter)), 0);
    for (unsigned i = 0; i < 2; i++) {
        letter = from("meier@free.example", "free.example", NULL, V);
        letter.name = "anna meier";
        assert_int_equal(adopt(&letter).signals & SIGNAL(KNOWN_NAME), SIGNAL(KNOWN_NAME));
    }
    letter = from("bert@free.example", "free.example", NULL, V);
    letter.name = "bert bauer";
    assert_int_equal(adopt(&letter).signals & SIGNAL(KNOWN_NAME), 0);
    letter = anna(U); /* her own address, by whomever: another signal's business */
    letter.name = "anna meier";
    assert_int_equal(KEEPERS(adopt(&letter)), SIGNAL(UNVERIFIED_NOW));
    letter = from("carol@third.example", "third.example", NULL, U); /* unverified: teaches no name */
    letter.name = "carol cook";
    (void)adopt(&letter);
    letter = from("carol@fourth.example", "fourth.example", NULL, V);
    letter.name = "carol cook";
    assert_int_equal(adopt(&letter).signals & SIGNAL(KNOWN_NAME), 0);
}

/* The inspector's own warnings teach nothing either. */
static void warned_of_by_the_inspector(SD_UNUSED void **state) {
    struct rig_letter letter = from("x@exarnple.test", "exarnple.test", "look:example", V);
    letter.signals = SIGNAL(LOOKALIKE_OWN);
    letter.weight = 60;
    letter.name = "the boss";
    (void)adopt(&letter);
    letter = from("y@other.example", "other.example", "look:example", V);
    letter.name = "the boss";
    assert_int_equal(KEEPERS(adopt(&letter)), SIGNAL(FIRST_CONTACT));
}

static void weights_are_set_by_the_administrator(SD_UNUSED void **state) {
    struct trust_settings settings = trust_settings_default();
    settings.weighing.weights[AUTH_SIGNAL_FIRST_CONTACT] = 100;
    settings.weighing.weights[AUTH_SIGNAL_UNVERIFIED_NOW] = 0;
    keeper_set_trust(rig.k, &settings);
    assert_int_equal(adopt_anna(V).state, TICKET_REVIEW);
    settings.weighing.weights[AUTH_SIGNAL_FIRST_CONTACT] = 0;
    keeper_set_trust(rig.k, &settings);
    (void)adopt_anna(V);
    struct rig_adopted a = adopt_anna(U);
    assert_int_equal(KEEPERS(a), SIGNAL(UNVERIFIED_NOW));
    assert_int_equal(a.disposition, DISPOSITION_ACCEPT);
}

/* ---- forgetting ---- */

static int64_t rows(const char *table) {
    char path[128], sql[64];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    (void)snprintf(path, sizeof path, "%s/keeper.db", rig.dir);
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    rig_crash(&rig);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    rig_open(&rig);
    return count;
}

static void forgotten_in_time(SD_UNUSED void **state) {
    char address[64];
    struct rig_letter letter = anna(V);
    letter.name = "anna meier";
    (void)adopt(&letter);
    for (unsigned i = 0; i < 150; i++) {
        (void)snprintf(address, sizeof address, "p%u@many.example", i);
        letter = from(address, NULL, NULL, U);
        letter.looks[0] = NULL;
        (void)adopt(&letter);
    }
    rig_now_ms += 729 * DAY;
    letter = from("bert@new.example", "new.example", "look:new", V);
    (void)adopt(&letter);
    rig_now_ms += 1 * DAY - 200000;
    assert_int_equal(contacts_expire(rig.k), SD_OK);
    assert_int_equal(contacts_expire(rig.k), SD_OK);
    assert_int_equal(rows("contact"), 152);
    rig_now_ms += 400000;
    assert_int_equal(contacts_expire(rig.k), SD_OK);
    assert_int_equal(rows("contact"), 1);
    assert_int_equal(rows("known_domain"), 1);
    assert_int_equal(rows("known_look"), 2);
    assert_int_equal(rows("known_name"), 0);
    assert_int_equal(KEEPERS(adopt_anna(U)), SIGNAL(FIRST_CONTACT));
}

/* Portions: a table that is larger than one is gone through as a whole, and again from its beginning. */
static void forgotten_in_portions(SD_UNUSED void **state) {
    for (unsigned i = 0; i < 1203; i++) {
        uint8_t hash[16] = {(uint8_t)(i * 7), (uint8_t)(i >> 3), (uint8_t)i, 1};
        struct query q = db_query(rig.k->db, SQL_CONTACT_PUT);
        query_blob(&q, span_of(hash, 16));
        for (int column = 0; column < 4; column++)
            query_int(&q, 1);
        query_int(&q, i % 2 ? rig_now_ms : 1);
        query_blob(&q, SPAN_NONE);
        assert_int_equal(query_run(&q), SD_OK);
    }
    assert_int_equal(contacts_expire(rig.k), SD_OK);
    int64_t first = rows("contact");
    assert_true(first > 601 && first < 1203);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(contacts_expire(rig.k), SD_OK); /* rows() opened the keeper anew: from the beginning */
    assert_int_equal(rows("contact"), 601);
}

/* keeper.db has nothing of any of it that can be read. */
static void nothing_readable(SD_UNUSED void **state) {
    struct rig_letter letter = from("unmistakable@quokka.example", "quokka.example", "numbat", V);
    char command[160];
    letter.name = "wombat bilby";
    letter.people[0] = "echidna@platypus.example";
    letter.message_id = "<dunnart@quokka.example>";
    (void)adopt(&letter);
    (void)snprintf(command, sizeof command, "! grep -rqiE 'unmistakable|quokka|numbat|wombat|echidna|platypus|dunnart' '%s'",
                   rig.dir);
    assert_int_equal(system(command), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(known_since),
        CASE(not_remembered),
        CASE(verified_then_failed),
        CASE(counted_once),
        CASE(looks_like_a_known_domain),
        CASE(the_imitation_wrote_first),
        CASE(the_clock_jumps),
        CASE(a_known_name),
        CASE(warned_of_by_the_inspector),
        CASE(weights_are_set_by_the_administrator),
        CASE(forgotten_in_time),
        CASE(forgotten_in_portions),
        CASE(nothing_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
