/* test_store.h - for tests of store and clerk: a folder that is gone afterwards, and stores in it. */
#ifndef SD_STORE_TEST_STORE_H
#define SD_STORE_TEST_STORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/message.h"
#include "store/ticket.h"

struct test_dir {
    char path[64];  /* of the folder */
    char store[96]; /* of the store's folder in it */
};

static inline struct test_dir test_dir_new(void) {
    struct test_dir dir = {.path = "/tmp/sealdesk-test-XXXXXX"};
    assert_non_null(mkdtemp(dir.path));
    (void)snprintf(dir.store, sizeof dir.store, "%s/store", dir.path);
    return dir;
}

static inline void test_dir_free(struct test_dir *dir) {
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir->path);
    assert_int_equal(system(command), 0);
}

static inline struct store *test_store_open(const struct test_dir *dir) {
    struct store *store = NULL;
    assert_int_equal(store_open(dir->store, &store), SD_OK);
    return store;
}

static inline void test_begin(struct store *store) {
    assert_int_equal(store_begin(store, deadline_in_ms(10000)), SD_OK);
}

/* A store that is in a transaction, in a folder of its own, and an arena for rows. */
static inline void test_rows_make(struct test_dir *dir, struct store **store, struct arena **arena) {
    *dir = test_dir_new();
    assert_int_equal(store_create(dir->store), SD_OK);
    *store = test_store_open(dir);
    *arena = arena_new(4 * 1024 * 1024);
    assert_non_null(*arena);
    test_begin(*store);
}

static inline void test_rows_drop(struct test_dir *dir, struct store **store, struct arena **arena) {
    arena_free(arena);
    store_close(store);
    test_dir_free(dir);
}

static inline struct ticket_id test_ticket_id(unsigned n) {
    struct ticket_id id = {{'T'}};
    memcpy(id.b + 8, &n, sizeof n);
    return id;
}

static inline struct ticket_row test_ticket(struct store *store, unsigned t, struct arena *arena) {
    struct ticket_row row;
    struct ticket_id id = test_ticket_id(t);
    assert_int_equal(ticket_get(store, &id, arena, &row), SD_OK);
    return row;
}

static inline struct object_id test_object_id(unsigned n) {
    struct object_id id = {{'O'}};
    memcpy(id.b + 8, &n, sizeof n);
    return id;
}

/* Files message n on ticket t at that time, inside the caller's transaction. */
static inline enum sd_err test_file(struct store *store, unsigned t, unsigned n, struct span queue, int64_t at_ms) {
    struct message_row m = {.object = test_object_id(n),
                            .ticket = test_ticket_id(t),
                            .direction = DIRECTION_IN,
                            .at_ms = at_ms,
                            .trust = 2,
                            .disposition = 5,
                            .state = OBJECT_CLEAN,
                            .size_bytes = 1000 + n};
    enum sd_err err = ticket_ensure(store, &m.ticket, queue, TICKET_OPEN, &m.object, at_ms);
    return err ? err : message_add(store, &m, TICKET_OPEN);
}

#endif
