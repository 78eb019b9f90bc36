/*
 * The real keeper killed at any moment while everybody changes something: letters come in, tickets are opened, closed and moved
 * on, answers are signed and fetched, root gives warrants, grants, roles and invitations. After each restart every row that was
 * changed has its record in the log, and each record but one row: nothing happened off the record, nothing is told twice.
 *
 * argv[1]: sealdesk-keeper. SEALDESK_KILLS: how often.
 */
#include "core/codec.h"
#include "keeper/adversary.h"
#include "keeper/audit.h"

#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const char *program;
static struct world *world;
static unsigned number; /* of names that are to be new */

/* ---- everybody changes something; false: the keeper is gone ---- */

static struct span honest(void) {
    return span_of(world->tokens[TOKEN_OF_HONEST], 32);
}

static struct span a_ticket(struct dice *dice) {
    return span_of(world->tickets[dice_below(dice, (uint32_t)world->ticket_count)].id, 16);
}

static bool gone(enum sd_err err) {
    return err == SD_ERR_UNAVAILABLE || err == SD_ERR_TIMEOUT || err == SD_ERR_CLOSED;
}

#define ASK(client, op, ...)                                                                                                   \
    ({                                                                                                                         \
        struct ipc_msg *msg_ SD_CLEANUP(ipc_msg_free) = NULL;                                                                  \
        struct keeper_##op##_rep rep_;                                                                                         \
        struct keeper_##op##_req req_ = {__VA_ARGS__};                                                                         \
        !gone(keeper_##op##_call(client, &req_, rig_soon(), &msg_, &rep_));                                                    \
    })

static bool desk_acts(struct dice *dice) {
    static const char *const states[] = {"open", "closed", "pending"};
    struct ipc_client *desk = world->p.desk;
    switch (dice_below(dice, 4)) {
    case 0:
        return ASK(desk, act, .token = honest(), .ticket = a_ticket(dice), .action = ACTION_STATE,
                   .detail = span_cstr(states[dice_below(dice, 3)]));
    case 1:
        return ASK(desk, reply_token, .token = honest(), .ticket = a_ticket(dice));
    case 2:
        return ASK(desk, request_make, .token = honest(), .verb = VERB_REPLY, .object = a_ticket(dice),
                   .reason = SPAN("The customer called and asked."));
    default:
        return ASK(desk, reply, .token = honest(), .ticket = span_of(world->tickets[0].id, 16),
                   .message = SPAN("From: support@example.test\r\nTo: anna@customer.example\r\n"
                                   "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n\r\nHello\r\n"));
    }
}

static struct span rule_of(struct ipc_out *card) {
    struct cards_rule_v1 rule = {.allow = true,
                                 .verbs = VERB_BIT(OPEN),
                                 .queue = SPAN("billing"),
                                 .categories = 1,
                                 .until_ms = clock_unix_ms() + 3600000};
    MUST(cards_rule_v1_encode(card, &rule) == SD_OK);
    return buf_span(&card->body);
}

static bool root_acts(struct dice *dice) {
    struct ipc_client *admin = world->p.admin;
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(512);
    struct buf raw SD_CLEANUP(buf_free) = buf_new(512);
    struct ipc_list rules = {0};
    char name[48];
    (void)snprintf(name, sizeof name, "role-%u", number++ % 40);
    switch (dice_below(dice, 4)) {
    case 0:
        return ASK(admin, warrant_issue, .purpose = SPAN("export"), .queue = SPAN("*"), .uses = 1,
                   .expires_ms = clock_unix_ms() + 3600000);
    case 1:
        return ASK(admin, grant_add, .person = SPAN("OFFICER@example.test"), .rule = rule_of(&card),
                   .reason = SPAN("The customer called and asked."));
    case 2:
        ipc_list_add(&rules, &raw, rule_of(&card));
        return ASK(admin, role_set, .name = span_cstr(name), .rules = rules);
    default:
        (void)snprintf(name, sizeof name, "p%u@example.test", number);
        return ASK(admin, person_invite, .email = span_cstr(name), .name = SPAN("Test Person"), .role = SPAN("agent"));
    }
}

static bool clerk_acts(struct dice *dice) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(60000);
    struct ipc_list records = {0};
    for (unsigned i = 0; i < 4; i++)
        rig_put_mail(&world->intake, world_letter(world, dice), &records, &raw);
    return ASK(world->p.clerk, adopt, .records = records);
}

static bool courier_acts(SD_UNUSED struct dice *dice) {
    return ASK(world->p.courier, redeem, .warrant = span_of(world->warrants[WARRANT_DELIVERS], 16));
}

struct actor {
    bool (*acts)(struct dice *dice);
    struct dice dice;
    unsigned times;
    pthread_t thread;
};

static void *act_on(void *arg) {
    struct actor *actor = arg;
    while (actor->acts(&actor->dice))
        actor->times++;
    return NULL;
}

/* ---- what the log says ---- */

struct told {
    const char *action;
    json_t *objects; /* id: how often */
    unsigned count;
};

static struct told tales[] = {{.action = "received"},    {.action = "reply"},   {.action = "warrant-issue"},
                              {.action = "invite"},      {.action = "request"}, {.action = "redeem"},
                              {.action = "reply-token"}, {.action = "grant"},   {.action = "alarm"}};
static json_t *states; /* of tickets: the last one that was told */

static const char *text_in(json_t *record, const char *object, const char *key) {
    json_t *from = object ? json_object_get(record, object) : record;
    const char *text = json_string_value(json_object_get(from, key));
    return text ? text : "";
}

static const char *last_word(const char *text) {
    const char *space = strrchr(text, ' ');
    return space ? space + 1 : text;
}

/* By what the record names its row: a grant by its number, a request by its note. */
static const char *row_of(const struct told *told, json_t *record) {
    if (strcmp(told->action, "grant") == 0)
        return last_word(text_in(record, NULL, "reason"));
    return strcmp(told->action, "request") == 0 ? text_in(record, NULL, "note") : text_in(record, "object", "id");
}

static void tell(struct told *told, json_t *record) {
    const char *id = row_of(told, record);
    json_int_t times = json_integer_value(json_object_get(told->objects, id));
    MUST(json_object_set_new(told->objects, *id ? id : "none", json_integer(times + 1)) == 0);
    told->count++;
}

static bool read_record(SD_UNUSED void *arg, SD_UNUSED uint64_t seq, SD_UNUSED uint64_t segment, SD_UNUSED uint64_t offset,
                        struct span text) {
    json_t *record = json_loadb((const char *)text.p, text.n, 0, NULL);
    const char *action = text_in(record, NULL, "action");
    MUST(record != NULL);
    if (strcmp(text_in(record, NULL, "outcome"), "granted") == 0) {
        for (size_t i = 0; i < SD_COUNT(tales); i++)
            if (strcmp(action, tales[i].action) == 0)
                tell(&tales[i], record);
        if (strcmp(action, "change-state") == 0)
            MUST(json_object_set_new(states, text_in(record, NULL, "ticket"),
                                     json_string(last_word(text_in(record, NULL, "reason")))) == 0);
    }
    json_decref(record);
    return true;
}

static void read_log(void) {
    char dir[128];
    (void)snprintf(dir, sizeof dir, "%s/keeper/log", world->p.dir);
    for (size_t i = 0; i < SD_COUNT(tales); i++) {
        json_decref(tales[i].objects);
        tales[i].objects = json_object();
        tales[i].count = 0;
    }
    json_decref(states);
    states = json_object();
    MUST(audit_read(dir, 0, UINT64_MAX, read_record, NULL) == SD_OK);
}

static struct told *tale_of(const char *action) {
    for (size_t i = 0; i < SD_COUNT(tales); i++)
        if (strcmp(tales[i].action, action) == 0)
            return &tales[i];
    return NULL;
}

/* ---- what the rows say ---- */

static sqlite3 *open_rows(void) {
    char path[256];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/keeper/keeper.db", world->p.dir);
    MUST(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
    return db;
}

static int64_t number_of(sqlite3 *db, const char *sql) {
    sqlite3_stmt *stmt = NULL;
    MUST(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    MUST(sqlite3_finalize(stmt) == SQLITE_OK);
    return value;
}

/* Each of these rows was told once, and nothing else was; but `before` rows that this test put there itself. */
static void rows_are_told(sqlite3 *db, const char *action, const char *sql, unsigned before) {
    sqlite3_stmt *stmt = NULL;
    struct told *told = tale_of(action);
    unsigned rows = 0, untold = 0;
    MUST(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    for (; sqlite3_step(stmt) == SQLITE_ROW; rows++) {
        json_int_t times = json_integer_value(json_object_get(told->objects, (const char *)sqlite3_column_text(stmt, 0)));
        untold += times == 0;
        if (times > 1)
            fail_msg("%s of %s is told %d times", action, sqlite3_column_text(stmt, 0), (int)times);
    }
    MUST(sqlite3_finalize(stmt) == SQLITE_OK);
    if (untold != before || told->count + before != rows)
        fail_msg("%s: %u rows, %u of them untold, %u records", action, rows, untold, told->count);
}

static void states_are_told(sqlite3 *db) {
    sqlite3_stmt *stmt = NULL;
    MUST(sqlite3_prepare_v2(db, "SELECT lower(hex(id)),state FROM ticket", -1, &stmt, NULL) == SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *told = json_string_value(json_object_get(states, (const char *)sqlite3_column_text(stmt, 0)));
        if (told)
            assert_string_equal(told, ticket_state_text((unsigned)sqlite3_column_int(stmt, 1)));
    }
    MUST(sqlite3_finalize(stmt) == SQLITE_OK);
}

#define OWN_WARRANTS 3 /* that the world was made with */

static void compare(void) {
    sqlite3 *db = open_rows();
    read_log();
    assert_int_equal(number_of(db, "SELECT count(*) FROM outbox"), 0);
    rows_are_told(db, "received", "SELECT lower(hex(id)) FROM object WHERE kind=1", 0);
    rows_are_told(db, "reply", "SELECT lower(hex(id)) FROM object WHERE kind=3", 0);
    rows_are_told(db, "warrant-issue", "SELECT lower(hex(id)) FROM warrant WHERE purpose<>'deliver'", OWN_WARRANTS);
    rows_are_told(db, "invite", "SELECT lower(hex(id)) FROM person WHERE state=0", 0);
    rows_are_told(db, "request", "SELECT lower(hex(note)) FROM request", 0);
    rows_are_told(db, "grant", "SELECT id FROM rule WHERE person<>x''", 0);
    assert_int_equal(number_of(db, "SELECT sum(used) FROM warrant WHERE purpose='deliver'"), tale_of("redeem")->count);
    assert_int_equal(number_of(db, "SELECT count(*) FROM reply_token"), tale_of("reply-token")->count);
    assert_int_equal(number_of(db, "SELECT count(*) FROM alarm"), tale_of("alarm")->count);
    states_are_told(db);
    MUST(sqlite3_close(db) == SQLITE_OK);
}

/* ---- the kills ---- */

static int64_t left_in_the_outbox(void) {
    sqlite3 *db = open_rows();
    int64_t count = number_of(db, "SELECT count(*) FROM outbox");
    MUST(sqlite3_close(db) == SQLITE_OK);
    return count;
}

static unsigned kill_under_load(uint64_t seed) {
    struct dice dice = {seed};
    struct timespec pause = {.tv_nsec = (long)(5 + dice_below(&dice, 250)) * 1000000L};
    struct actor actors[] = {
        {.acts = desk_acts}, {.acts = desk_acts}, {.acts = root_acts}, {.acts = clerk_acts}, {.acts = courier_acts}};
    unsigned times = 0;
    for (size_t i = 0; i < SD_COUNT(actors); i++) {
        actors[i].dice = (struct dice){seed + i};
        MUST(pthread_create(&actors[i].thread, NULL, act_on, &actors[i]) == 0);
    }
    (void)nanosleep(&pause, NULL);
    MUST(kill(world->p.pid, SIGKILL) == 0);
    for (size_t i = 0; i < SD_COUNT(actors); i++) {
        MUST(pthread_join(actors[i].thread, NULL) == 0);
        times += actors[i].times;
    }
    return times;
}

/* Ends in order, so that everything that waited is written; then rows and records are laid side by side. */
static void restart_and_compare(void) {
    struct keeper_audit_verify_rep rep;
    process_start(&world->p);
    assert_int_equal(
        keeper_audit_verify_call(world->p.admin, &(struct keeper_audit_verify_req){}, rig_soon(), rig_fresh(&world->p), &rep),
        SD_OK);
    assert_true(rep.good);
    process_stop(&world->p);
    compare();
}

static void killed_between_act_and_record(SD_UNUSED void **state) {
    const char *text = getenv("SEALDESK_KILLS");
    unsigned kills = text && *text ? (unsigned)strtoul(text, NULL, 10) : 12, times = 0;
    int64_t waiting = 0;
    for (unsigned round = 0; round < kills; round++) {
        world_start(world);
        struct inspector *inspector = inspector_start(world, true, round);
        times += kill_under_load(world->seed + 100 * round);
        inspector_stop(&inspector);
        process_kill(&world->p);
        waiting += left_in_the_outbox();
        restart_and_compare();
    }
    print_message("%u kills among %u acts; %lld acts had their record still to come or to be settled\n", kills, times,
                  (long long)waiting);
    assert_true(waiting > 0);
}

static int make(SD_UNUSED void **state) {
    world = malloc(sizeof *world);
    MUST(world != NULL);
    world_make(world, program, (uint64_t)clock_unix_ms());
    print_message("seed %llu\n", (unsigned long long)world->seed);
    return 0;
}

static int drop(SD_UNUSED void **state) {
    world_free(world);
    free(world);
    return 0;
}

int main(int argc, char **argv) {
    program = argc > 1 ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {cmocka_unit_test(killed_between_act_and_record)};
    return program ? cmocka_run_group_tests(tests, make, drop) : 1;
}
