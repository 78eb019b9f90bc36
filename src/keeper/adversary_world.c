/* adversary_world.c - the installation that is attacked: people, ways in, letters of every kind, warrants. What takes gestures
 * that nobody here can make is put into the database before the keeper starts. */
#include "auth/auth.h"
#include "core/codec.h"
#include "keeper/adversary.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const world_queues[QUEUES] = {"support", "billing"};

static const struct {
    const char *address, *role;
    unsigned queues;
} people[PEOPLE] = {
#define X(name, role, queues) {#name "@example.test", role, queues},
    PEOPLE_LIST(X)
#undef X
};

enum world_person token_owner(enum world_token token) {
    static const enum world_person owners[TOKENS] = {
#define X(name, whose, live) PERSON_OF_##whose,
        TOKENS_LIST(X)
#undef X
    };
    return owners[token];
}

/* ---- objects and tickets ---- */

int world_object_at(const struct world *w, struct span id) {
    for (size_t i = 0; i < w->object_count; i++)
        if (span_eq(id, span_of(w->objects[i].mail.id, 16)))
            return (int)i;
    return -1;
}

int world_ticket_at(const struct world *w, struct span id) {
    for (size_t i = 0; i < w->ticket_count; i++)
        if (span_eq(id, span_of(w->tickets[i].id, 16)))
            return (int)i;
    return -1;
}

int world_ticket_add(struct world *w, struct span id, enum world_queue queue) {
    int at = world_ticket_at(w, id);
    if (at >= 0)
        return at;
    MUST(w->ticket_count < TICKETS_MAX && id.n == 16);
    struct world_ticket *ticket = &w->tickets[w->ticket_count++];
    *ticket = (struct world_ticket){.queue = queue};
    memcpy(ticket->id, id.p, 16);
    return (int)w->ticket_count - 1;
}

static struct world_object *add_object(struct world *w, const struct rig_mail *mail) {
    MUST(w->object_count < OBJECTS_MAX);
    struct world_object *object = &w->objects[w->object_count++];
    *object = (struct world_object){.mail = *mail, .ticket = -1, .letter = -1};
    heard_learn(w, (int)w->object_count - 1);
    return object;
}

static void add_letter(struct world *w, const struct rig_mail *mail) {
    struct object_id parent, id;
    int letter = (int)w->object_count;
    add_object(w, mail);
    memcpy(parent.b, mail->id, 16);
    for (uint16_t i = 0; i < mail->attachments; i++) {
        struct rig_mail file = *mail;
        MUST(attachment_object_id(&parent, i, &id) == SD_OK);
        memcpy(file.id, id.b, 16);
        rig_file_key(mail, i, file.key);
        struct world_object *object = add_object(w, &file);
        object->is_file = true;
        object->letter = letter;
    }
}

const struct rig_mail *world_letter(struct world *w, struct dice *dice) {
    static const uint8_t dispositions[] = {DISPOSITION_ACCEPT, DISPOSITION_ACCEPT, DISPOSITION_FLAG, DISPOSITION_REVIEW,
                                           DISPOSITION_QUARANTINE};
    static const uint8_t states[] = {OBJECT_CLEAN, OBJECT_CLEAN, OBJECT_UNSCANNED, OBJECT_MALICIOUS, OBJECT_ENCRYPTED};
    static const uint8_t inspected[] = {0, 0, WORLD_INSPECTED, WORLD_INSPECTED, WORLD_INSPECTED + 1, RIG_MAIL_DIGEST};
    struct rig_mail mail = {.queue = world_queues[dice_below(dice, QUEUES)],
                            .from = "anna@customer.example",
                            .disposition = dispositions[dice_below(dice, SD_COUNT(dispositions))],
                            .state = states[dice_below(dice, SD_COUNT(states))],
                            .trust = (uint8_t)dice_below(dice, TRUST_VERIFIED + 1),
                            .attachments = (uint16_t)dice_below(dice, 3),
                            .inspected = inspected[dice_below(dice, SD_COUNT(inspected))],
                            .other_files = dice_one_in(dice, 3)};
    if (w->object_count + 8 > OBJECTS_MAX / 2 || w->ticket_count + 8 > TICKETS_MAX) {
        const struct world_object *old;
        do
            old = &w->objects[dice_below(dice, (uint32_t)w->object_count)];
        while (old->is_file || old->is_answer);
        return &old->mail;
    }
    dice_bytes(dice, mail.id, sizeof mail.id);
    dice_bytes(dice, mail.key, sizeof mail.key);
    size_t at = w->object_count;
    add_letter(w, &mail);
    return &w->objects[at].mail;
}

void world_preview(struct world *w, const struct keeper_preview_wanted_rep *rep) {
    if (w->warrant_count >= WARRANTS_MAX / 2) /* those of answers have their place, too */
        return;
    w->warrant_object[w->warrant_count] = WARRANT_OF_PREVIEW;
    memcpy(w->warrants[w->warrant_count++], rep->warrant.p, 16);
}

void world_answer(struct world *w, const struct keeper_reply_rep *rep, int ticket) {
    struct rig_mail mail = {.queue = world_queues[w->tickets[ticket].queue]};
    memcpy(mail.id, rep->object.p, 16);
    memcpy(mail.key, rep->object_key.p, 32);
    struct world_object *object = add_object(w, &mail);
    object->is_answer = object->there = true;
    object->ticket = ticket;
    if (w->warrant_count == WARRANTS_MAX)
        return;
    w->warrant_object[w->warrant_count] = (int)w->object_count - 1;
    memcpy(w->warrants[w->warrant_count++], rep->warrant.p, 16);
}

/* ---- rows that need a gesture ---- */

static void bind_all(sqlite3_stmt *stmt, const struct span *blobs, size_t blob_count, const int64_t *numbers, size_t count) {
    int at = 0;
    for (size_t i = 0; i < blob_count; i++)
        MUST(sqlite3_bind_blob(stmt, ++at, blobs[i].n ? (const void *)blobs[i].p : "", (int)blobs[i].n, SQLITE_TRANSIENT) ==
             SQLITE_OK);
    for (size_t i = 0; i < count; i++)
        MUST(sqlite3_bind_int64(stmt, ++at, numbers[i]) == SQLITE_OK);
}

static void run_sql(sqlite3 *db, const char *sql, const struct span *blobs, size_t blob_count, const int64_t *numbers,
                    size_t count) {
    sqlite3_stmt *stmt = NULL;
    MUST(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    bind_all(stmt, blobs, blob_count, numbers, count);
    MUST(sqlite3_step(stmt) == SQLITE_DONE);
    MUST(sqlite3_finalize(stmt) == SQLITE_OK);
}

static sqlite3 *open_db(const struct world *w) {
    sqlite3 *db = NULL;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/keeper/keeper.db", w->p.dir);
    MUST(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
    return db;
}

static void close_db(const struct world *w, sqlite3 *db) {
    MUST(sqlite3_close(db) == SQLITE_OK);
    if (w->p.dir[0] && geteuid() == 0) /* what SQLite made beside it */
        rig_shell("chown -R %d:%d '%s/keeper'", RIG_ROLE_UID, RIG_ROLE_UID, w->p.dir);
}

#define MINUTE_MS INT64_C(60000)

/* made, used and replaced: minutes ago. before: the token that was the session's before this one. */
struct session_row {
    enum world_person person;
    struct span token, before;
    int64_t made, used, replaced;
};

static void put_session(struct world *w, sqlite3 *db, const struct session_row *row) {
    struct sha256 hash, before = {0};
    int64_t now_ms = clock_unix_ms();
    MUST(crypt_sha256(row->token, &hash) == SD_OK && crypt_sha256(row->before, &before) == SD_OK);
    const struct span blobs[] = {span_of(hash.b, 16), span_of(hash.b, 32), span_of(before.b, row->before.n ? 32 : 0),
                                 span_of(w->people[row->person], 16)};
    const int64_t numbers[] = {now_ms - row->replaced * MINUTE_MS, now_ms - row->made * MINUTE_MS,
                               now_ms - row->used * MINUTE_MS};
    run_sql(db,
            "INSERT INTO session(id,hash,before,person,replaced_ms,made_ms,used_ms,origin,factor,limited) "
            "VALUES(?,?,?,?,?,?,?,'192.0.2.1',1,0)",
            blobs, SD_COUNT(blobs), numbers, SD_COUNT(numbers));
}

static struct span token_of(const struct world *w, enum world_token token) {
    return span_of(w->tokens[token], 32);
}

static void put_sessions(struct world *w, sqlite3 *db) {
    static const uint8_t other[32] = {1};
    static const enum world_token fresh[] = {TOKEN_OF_AGENT, TOKEN_OF_ADMIN, TOKEN_OF_GUARD, TOKEN_OF_OFFICER, TOKEN_OF_HONEST};
    run_sql(db, "DELETE FROM session", NULL, 0, NULL, 0);
    for (size_t i = 0; i < SD_COUNT(fresh); i++)
        put_session(w, db, &(struct session_row){.person = token_owner(fresh[i]), .token = token_of(w, fresh[i]), .made = 1});
    put_session(w, db,
                &(struct session_row){
                    .person = PERSON_OF_BILLER, .token = token_of(w, TOKEN_OF_IDLE), .made = 60, .used = 20, .replaced = 60});
    put_session(w, db,
                &(struct session_row){.person = PERSON_OF_BILLER, .token = token_of(w, TOKEN_OF_AGED), .made = 8 * 60 + 1});
    put_session(w, db,
                &(struct session_row){.person = PERSON_OF_BILLER,
                                      .token = span_of(other, 32),
                                      .before = token_of(w, TOKEN_OF_REPLACED),
                                      .made = 30,
                                      .replaced = 5});
}

static void put_machine(struct world *w, sqlite3 *db, enum world_token token, int64_t expires_ms, int64_t revoked_ms) {
    struct sha256 hash;
    struct buf queues SD_CLEANUP(buf_free) = buf_new(64);
    buf_blob(&queues, SPAN("support"));
    MUST(crypt_sha256(token_of(w, token), &hash) == SD_OK);
    const struct span blobs[] = {span_of(hash.b, 16), span_of(hash.b, 32), span_of(w->people[token_owner(token)], 16),
                                 buf_span(&queues)};
    const int64_t numbers[] = {VERB_BIT(LIST) | VERB_BIT(OPEN), clock_unix_ms(), expires_ms, revoked_ms};
    run_sql(db,
            "INSERT INTO token(id,hash,person,queues,verbs,made_ms,expires_ms,revoked_ms,name,addresses) "
            "VALUES(?,?,?,?,?,?,?,?,'machine',x'')",
            blobs, SD_COUNT(blobs), numbers, SD_COUNT(numbers));
}

static void put_warrant(struct world *w, sqlite3 *db, int64_t expires_ms, int64_t revoked_ms) {
    const struct span blobs[] = {span_of(w->warrants[w->warrant_count], 16)};
    const int64_t numbers[] = {clock_unix_ms(), expires_ms, revoked_ms};
    run_sql(db,
            "INSERT INTO warrant(id,made_ms,expires_ms,revoked_ms,uses,object,purpose,digest,mail_from,recipients,person,"
            "scope_queue) VALUES(?,?,?,?,100000,x'','export',zeroblob(32),'',x'',x'','support')",
            blobs, SD_COUNT(blobs), numbers, SD_COUNT(numbers));
    w->warrant_object[w->warrant_count++] = WARRANT_OF_QUEUE;
}

static void put_rows(struct world *w) {
    int64_t now_ms = clock_unix_ms();
    sqlite3 *db = open_db(w);
    put_machine(w, db, TOKEN_OF_MACHINE, now_ms + 600 * MINUTE_MS, 0);
    put_machine(w, db, TOKEN_OF_MACHINE_OVER, now_ms - MINUTE_MS, 0);
    put_machine(w, db, TOKEN_OF_MACHINE_REVOKED, now_ms + 600 * MINUTE_MS, now_ms - MINUTE_MS);
    put_warrant(w, db, now_ms + 600 * MINUTE_MS, 0);
    put_warrant(w, db, now_ms - MINUTE_MS, 0);
    put_warrant(w, db, now_ms + 600 * MINUTE_MS, now_ms - MINUTE_MS);
    close_db(w, db);
}

/* ---- what honest processes did before ---- */

static void add_person(struct world *w, unsigned i) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    struct keeper_user_add_rep rep;
    struct keeper_user_add_req req = {.email = span_cstr(people[i].address),
                                      .name = SPAN("Test Person"),
                                      .role = span_cstr(people[i].role),
                                      .password = SPAN(RIG_PERSON_PASSWORD)};
    for (unsigned q = 0; q < QUEUES; q++)
        if (people[i].queues >> q & 1)
            ipc_list_add(&req.queues, &raw, span_cstr(world_queues[q]));
    MUST(keeper_user_add_call(w->p.admin, &req, rig_soon(), rig_fresh(&w->p), &rep) == SD_OK && rep.problem.n == 0);
    MUST(hex_to_bytes(rep.person, w->people[i], 16) == SD_OK);
}

/* Some special mail among the tickets of support: BOSS would see it, AGENT not. */
static void classify(struct world *w, size_t ticket, const char *category) {
    struct keeper_act_rep rep;
    struct keeper_act_req req = {.token = token_of(w, TOKEN_OF_HONEST),
                                 .origin = SPAN("192.0.2.1"),
                                 .ticket = span_of(w->tickets[ticket].id, 16),
                                 .action = ACTION_CLASSIFY,
                                 .detail = span_cstr(category)};
    enum sd_err err = keeper_act_call(w->p.desk, &req, rig_soon(), rig_fresh(&w->p), &rep);
    MUST(err == SD_OK || err == SD_ERR_DENIED); /* a ticket of billing */
}

#define FIRST_LETTERS 48

static void add_letters(struct world *w, struct dice *dice) {
    struct rig_mail plain = {.queue = "support",
                             .from = "anna@customer.example",
                             .disposition = DISPOSITION_ACCEPT,
                             .state = OBJECT_CLEAN,
                             .trust = TRUST_VERIFIED};
    uint8_t ticket[16];
    rig_intake(&w->p, &w->intake);
    dice_bytes(dice, plain.id, sizeof plain.id);
    dice_bytes(dice, plain.key, sizeof plain.key);
    add_letter(w, &plain); /* the one that the honest desk opens */
    rig_adopt_mail(&w->p, &w->intake, &plain, ticket);
    (void)world_ticket_add(w, span_of(ticket, 16), QUEUE_SUPPORT);
    for (unsigned i = 0; i < FIRST_LETTERS; i++) {
        struct rig_mail mail = *world_letter(w, dice);
        rig_adopt_mail(&w->p, &w->intake, &mail, ticket);
        (void)world_ticket_add(w, span_of(ticket, 16),
                               strcmp(mail.queue, world_queues[0]) == 0 ? QUEUE_SUPPORT : QUEUE_BILLING);
    }
    for (size_t i = 1; i < w->ticket_count; i += 4)
        classify(w, i, i % 8 == 1 ? "confidential" : "special");
}

/* What an honest inspector found in the letters that are there, and what was released of it. */
static void find_and_release(struct world *w, struct dice *dice) {
    static const uint8_t states[] = {OBJECT_CLEAN,     OBJECT_CLEAN,     OBJECT_CLEAN,      OBJECT_SUSPICIOUS,
                                     OBJECT_MALICIOUS, OBJECT_ENCRYPTED, OBJECT_UNSCANNABLE};
    for (size_t i = 0; i < w->object_count; i++) {
        const struct world_object *o = &w->objects[i];
        struct rig_findings findings = {.stored = &o->mail, .states = {OBJECT_CLEAN}, .count = o->mail.attachments + 1u};
        for (unsigned part = 1; part < findings.count; part++)
            findings.states[part] = states[dice_below(dice, SD_COUNT(states))];
        if (!o->is_file && !o->is_answer && o->mail.attachments && o->mail.inspected != WORLD_INSPECTED)
            rig_tell_findings(&w->p, &findings);
    }
    for (size_t i = 0; i < w->object_count; i += 3) {
        struct keeper_release_req req = {.object = span_of(w->objects[i].mail.id, 16), .reason = SPAN("It was asked for.")};
        struct keeper_release_rep rep; /* a problem when nothing holds it */
        MUST(keeper_release_call(w->p.admin, &req, rig_soon(), rig_fresh(&w->p), &rep) == SD_OK);
    }
}

static void answer(struct world *w) {
    struct keeper_reply_rep rep;
    static const char message[] = "From: support@example.test\r\nTo: anna@customer.example\r\nDate: Mon, 23 Nov 2026 10:00:00 "
                                  "+0000\r\nMessage-ID: <0@example.test>\r\n\r\nHello\r\n";
    struct keeper_reply_req req = {.token = token_of(w, TOKEN_OF_HONEST),
                                   .origin = SPAN("192.0.2.1"),
                                   .ticket = span_of(w->tickets[0].id, 16),
                                   .message = span_cstr(message)};
    struct inspector *inspector = inspector_start(w, true, 1);
    MUST(keeper_reply_call(w->p.desk, &req, rig_soon(), rig_fresh(&w->p), &rep) == SD_OK && rep.outcome == REPLY_SIGNED);
    world_answer(w, &rep, 0);
    inspector_stop(&inspector);
}

void world_start(struct world *w) {
    sqlite3 *db = open_db(w);
    put_sessions(w, db);
    close_db(w, db);
    process_start(&w->p);
    rig_tell_findings(&w->p,
                      &(struct rig_findings){.inspected = WORLD_INSPECTED, .states = {OBJECT_CLEAN, OBJECT_CLEAN}, .count = 2});
}

static void read_keys(struct world *w) {
    struct keeper_public_keys_rep rep;
    MUST(keeper_public_keys_call(w->p.admin, &(struct keeper_public_keys_req){}, rig_soon(), rig_fresh(&w->p), &rep) == SD_OK);
    w->signatures = signatures_new(rep.json);
}

void world_make(struct world *w, const char *program, uint64_t seed) {
    struct dice dice = {seed};
    *w = (struct world){.seed = seed, .objects = calloc(OBJECTS_MAX, sizeof *w->objects)};
    w->tickets = calloc(TICKETS_MAX, sizeof *w->tickets);
    MUST(w->objects && w->tickets);
    for (unsigned i = 0; i < TOKENS; i++)
        dice_bytes(&dice, w->tokens[i], 32);
    for (unsigned i = 0; i <= WARRANT_REVOKED; i++)
        dice_bytes(&dice, w->warrants[i], 16);
    process_make(&w->p, program, "/tmp");
    w->p.settings = "budget.opens_per_minute=100000\nbudget.opens_per_day=1000000\nbudget.heads_per_minute=1000000\n"
                    "budget.heads_per_day=100000000\n";
    process_start(&w->p);
    for (unsigned i = 0; i < PEOPLE; i++)
        add_person(w, i);
    process_stop(&w->p);
    put_rows(w);
    world_start(w);
    read_keys(w);
    add_letters(w, &dice);
    find_and_release(w, &dice);
    answer(w);
    process_stop(&w->p);
}

void world_free(struct world *w) {
    process_remove(&w->p);
    signatures_free(&w->signatures);
    free(w->objects);
    free(w->tickets);
}

int64_t world_probe(struct world *w) {
    int64_t begun_ns = clock_mono_ns();
    struct ipc_msg *first SD_CLEANUP(ipc_msg_free) = NULL, *second SD_CLEANUP(ipc_msg_free) = NULL;
    struct ipc_msg *third SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_session_rep session;
    struct keeper_open_rep opened;
    struct keeper_intake_key_rep intake;
    struct keeper_session_req who = {.token = token_of(w, TOKEN_OF_HONEST), .origin = SPAN("192.0.2.1")};
    struct keeper_open_req open = {
        .token = who.token, .origin = who.origin, .object = span_of(w->objects[0].mail.id, 16), .facet = FACET_TEXT};
    MUST(keeper_session_call(w->p.desk, &who, rig_soon(), &first, &session) == SD_OK);
    MUST(keeper_open_call(w->p.desk, &open, rig_soon(), &second, &opened) == SD_OK);
    MUST(keeper_intake_key_call(w->p.edge, &(struct keeper_intake_key_req){}, rig_soon(), &third, &intake) == SD_OK);
    return clock_mono_ns() - begun_ns;
}
