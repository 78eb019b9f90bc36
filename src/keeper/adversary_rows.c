/* adversary_rows.c - the keeper's database as it lies there: every row of every table in text, but for what anybody's acts
 * change. A table that is added later is among those that must stay as they are until somebody says here why not. */
#include "keeper/adversary.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What inspectors say, and nobody else. */
static const char *const of_inspectors[] = {"scan_epoch", "incident", "object"};
/* What mail, sign-ins and acts of people change; none of it says who may do what. */
static const char *const moving[] = {"session",    "throttle", "ticket", "participant", "message_id",   "reply_token",
                                     "outbox",     "history",  "page",   "contact",     "known_domain", "known_look",
                                     "known_name", "budget",   "alarm",  "alarm_seen",  "note",         "intake_key"};
static const struct {
    const char *table, *rows, *columns; /* columns: NULL: all of them. A time that is over is negative (wall_clock.h) */
} in_part[] = {
    {"meta", "WHERE name NOT IN ('indexed','clock')", NULL},
    {"person", "", "id,email,name,role,state,hex(password),hex(totp)"},
    {"token", "", "id,hash,person,name,verbs,queues,addresses,abs(expires_ms),revoked_ms"},
    {"passkey", "", "id,person,name,key,algorithm,flags,suspended"},
    {"enrolment", "", "hash,person,code,expires_ms"},
    /* deliveries are made by answers, with the right to; what is asked of a second person, or declined, is not granted */
    {"warrant", "WHERE purpose NOT IN ('deliver','preview')",
     "id,purpose,scope_ticket,scope_queue,abs(expires_ms),policy,revoked_ms"},
    {"incident", "", "id,at_ms,object,letter,ticket,kind,signature,opened"}, /* whoever is told of them may close them */
    /* nothing of an attachment becomes clean, or is released */
    {"object", "WHERE number<=?1 AND ((kind=2 AND state=1) OR released_ms<>0)",
     "id,kind,state,own_state,released_ms,released_by,released_state"},
    {"request", "WHERE state NOT IN (0,2)", "id,verb,object,person,abs(expires_ms),state,decided_by"},
};

static bool is_moving(const char *table) {
    for (size_t i = 0; i < SD_COUNT(moving); i++)
        if (strcmp(table, moving[i]) == 0)
            return true;
    return strncmp(table, "sqlite_", 7) == 0;
}

static bool is_of_inspectors(const char *table) {
    for (size_t i = 0; i < SD_COUNT(of_inspectors); i++)
        if (strcmp(table, of_inspectors[i]) == 0)
            return true;
    return false;
}

static void select_of(const char *table, char *to, size_t n) {
    const char *rows = "", *columns = NULL;
    for (size_t i = 0; i < SD_COUNT(in_part); i++)
        if (strcmp(table, in_part[i].table) == 0) {
            rows = in_part[i].rows;
            columns = in_part[i].columns;
        }
    int written = snprintf(to, n, "SELECT %s FROM %s %s ORDER BY 1,2", columns ? columns : "*", table, rows);
    MUST(written > 0 && written < (int)n);
}

static void put_row(sqlite3_stmt *stmt, struct buf *to) {
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        const uint8_t *p = sqlite3_column_blob(stmt, i);
        int n = sqlite3_column_bytes(stmt, i);
        buf_byte(to, ' ');
        for (int k = 0; k < n; k++)
            buf_printf(to, p[k] > 0x20 && p[k] < 0x7f ? "%c" : "%02x", p[k]);
    }
    buf_byte(to, '\n');
}

static void put_table(const struct world *w, sqlite3 *db, const char *table, struct buf *to) {
    char sql[512];
    sqlite3_stmt *stmt = NULL;
    select_of(table, sql, sizeof sql);
    MUST(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    if (sqlite3_bind_parameter_count(stmt) > 0)
        MUST(sqlite3_bind_int64(stmt, 1, w->rows_until) == SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        buf_text(to, table);
        put_row(stmt, to);
    }
    MUST(sqlite3_finalize(stmt) == SQLITE_OK);
}

static sqlite3 *open_db(const struct world *w) {
    char path[256];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/keeper/keeper.db", w->p.dir);
    MUST(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
    return db;
}

void rows_mark(struct world *w) {
    sqlite3 *db = open_db(w);
    sqlite3_stmt *stmt = NULL;
    MUST(sqlite3_prepare_v2(db, "SELECT ifnull(max(number),0) FROM object", -1, &stmt, NULL) == SQLITE_OK);
    MUST(sqlite3_step(stmt) == SQLITE_ROW);
    w->rows_until = sqlite3_column_int64(stmt, 0);
    MUST(sqlite3_finalize(stmt) == SQLITE_OK && sqlite3_close(db) == SQLITE_OK);
}

void rows_check_found(const struct world *w) {
    sqlite3 *db = open_db(w);
    sqlite3_stmt *stmt = NULL;
    MUST(sqlite3_prepare_v2(db, "SELECT id,state,released_ms<>0 FROM object", -1, &stmt, NULL) == SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        int at = world_object_at(w, span_of(sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0)));
        if (at < 0 || !w->objects[at].there || w->objects[at].is_answer)
            continue;
        const struct world_object *o = &w->objects[at];
        if (sqlite3_column_int(stmt, 1) == (int)o->state && (sqlite3_column_int(stmt, 2) != 0) == o->released)
            continue;
        (void)fprintf(stderr, "object %d is %s%s and must be %s%s, seed %llu\n", at,
                      object_state_text((unsigned)sqlite3_column_int(stmt, 1)), sqlite3_column_int(stmt, 2) ? ", released" : "",
                      object_state_text(o->state), o->released ? ", released" : "", (unsigned long long)w->seed);
        abort();
    }
    MUST(sqlite3_finalize(stmt) == SQLITE_OK && sqlite3_close(db) == SQLITE_OK);
}

void rows_dump(const struct world *w, bool inspected, struct buf *to) {
    sqlite3 *db = open_db(w);
    sqlite3_stmt *stmt = NULL;
    MUST(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_master WHERE type='table' ORDER BY name", -1, &stmt, NULL) ==
         SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *table = (const char *)sqlite3_column_text(stmt, 0);
        if (!is_moving(table) && !(inspected && is_of_inspectors(table)))
            put_table(w, db, table, to);
    }
    MUST(sqlite3_finalize(stmt) == SQLITE_OK && sqlite3_close(db) == SQLITE_OK);
    MUST(buf_err(to) == SD_OK);
}
