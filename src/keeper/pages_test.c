/* Pages of data keys: added, found after a restart, bound to their place. */
#include "keeper/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 1000

struct bench {
    struct db *db;
    struct vault vault;
    struct pages pages;
    int64_t page[KEYS];
    unsigned slot[KEYS];
};

static void key_of(unsigned i, uint8_t key[32]) {
    memset(key, (int)(i % 251), 32);
    key[0] = (uint8_t)(i >> 8);
    key[31] = 1; /* never all zero: that is none */
}

static void bench_new(struct bench *b) {
    memset(b, 0, sizeof *b);
    assert_int_equal(db_open(":memory:", true, &b->db), SD_OK);
    assert_int_equal(vault_random(&b->vault), SD_OK);
    b->pages = (struct pages){.db = b->db, .vault = &b->vault};
}

static void bench_free(struct bench *b) {
    pages_forget(&b->pages);
    vault_free(&b->vault);
    db_close(&b->db);
}

static void add(struct bench *b, unsigned from, unsigned count, bool commit) {
    assert_int_equal(db_begin(b->db), SD_OK);
    for (unsigned i = from; i < from + count; i++) {
        uint8_t key[32];
        key_of(i, key);
        assert_int_equal(pages_add(&b->pages, span_of(key, 32), &b->page[i], &b->slot[i]), SD_OK);
    }
    assert_int_equal(pages_flush(&b->pages), SD_OK);
    if (commit) {
        assert_int_equal(db_commit(b->db), SD_OK);
        return;
    }
    db_rollback(b->db);
    pages_forget(&b->pages);
}

static void check(struct bench *b, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        struct secret found SD_CLEANUP(secret_free) = {0};
        uint8_t key[32];
        key_of(i, key);
        assert_int_equal(pages_find(&b->pages, b->page[i], b->slot[i], &found), SD_OK);
        assert_memory_equal(found.p, key, 32);
    }
}

static void adds_and_finds(SD_UNUSED void **state) {
    struct bench b;
    bench_new(&b);
    for (unsigned i = 0; i < KEYS; i += 50) {
        add(&b, i, 50, true);
        check(&b, i + 50);
        if (i % 150 == 0)
            pages_forget(&b.pages); /* as after a restart */
    }
    assert_true(b.page[KEYS - 1] > 5);
    check(&b, KEYS);
    bench_free(&b);
}

static void rolls_back(SD_UNUSED void **state) {
    struct bench b;
    bench_new(&b);
    add(&b, 0, 100, true);
    add(&b, 100, 100, false);
    struct secret found SD_CLEANUP(secret_free) = {0};
    assert_int_equal(pages_find(&b.pages, b.page[150], b.slot[150], &found), SD_ERR_NOTFOUND);
    check(&b, 100);
    add(&b, 100, 100, true);
    check(&b, 200);
    bench_free(&b);
}

/* A page that was read before more keys were added to it must not answer for them. */
static void read_then_added(SD_UNUSED void **state) {
    struct bench b;
    bench_new(&b);
    add(&b, 0, 10, true);
    pages_forget(&b.pages);
    check(&b, 10); /* now cached as a page that is only read */
    add(&b, 10, 10, true);
    check(&b, 20);
    add(&b, 20, 300, true);
    check(&b, 320);
    bench_free(&b);
}

static void not_there(SD_UNUSED void **state) {
    struct bench b;
    struct secret found SD_CLEANUP(secret_free) = {0};
    bench_new(&b);
    add(&b, 0, 3, true);
    assert_int_equal(pages_find(&b.pages, 1, 3, &found), SD_ERR_NOTFOUND);
    assert_int_equal(pages_find(&b.pages, 2, 0, &found), SD_ERR_NOTFOUND);
    assert_int_equal(pages_find(&b.pages, 0, 0, &found), SD_ERR_NOTFOUND);
    bench_free(&b);
}

/* ---- destroying ---- */

static void destroy(struct bench *b, unsigned i, bool commit) {
    assert_int_equal(db_begin(b->db), SD_OK);
    assert_int_equal(pages_destroy(&b->pages, b->page[i], b->slot[i]), SD_OK);
    if (commit) {
        assert_int_equal(db_commit(b->db), SD_OK);
        return;
    }
    db_rollback(b->db);
    pages_forget(&b->pages);
}

static enum sd_err found(struct bench *b, unsigned i) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    return pages_find(&b->pages, b->page[i], b->slot[i], &key);
}

static void one_is_destroyed(SD_UNUSED void **state) {
    struct bench b;
    bench_new(&b);
    add(&b, 0, 300, true);
    destroy(&b, 5, false);
    check(&b, 300);
    const unsigned doomed[] = {0, 5, 127, 128, 299}; /* in pages that are full, and in the one that is being filled */
    for (size_t i = 0; i < SD_COUNT(doomed); i++) {
        destroy(&b, doomed[i], true);
        assert_int_equal(found(&b, doomed[i]), SD_ERR_NOTFOUND); /* not in memory */
        assert_int_equal(pages_destroy(&b.pages, b.page[doomed[i]], b.slot[doomed[i]]), SD_ERR_NOTFOUND);
    }
    pages_forget(&b.pages);
    for (unsigned i = 0; i < 300; i++) {
        bool gone = i == 0 || i == 5 || i == 127 || i == 128 || i == 299;
        assert_int_equal(found(&b, i), gone ? SD_ERR_NOTFOUND : SD_OK);
    }
    add(&b, 300, 50, true); /* its page goes on being filled */
    assert_int_equal(found(&b, 299), SD_ERR_NOTFOUND);
    assert_int_equal(found(&b, 349), SD_OK);
    bench_free(&b);
}

static bool holds(const struct key_page *page, struct span key) {
    return page->id && span_search(secret_span(&page->keys), key) < page->keys.n;
}

/* No page in memory has it any more. */
static bool in_memory(const struct bench *b, struct span key) {
    bool there = holds(&b->pages.open, key);
    for (size_t i = 0; i < PAGES_CACHED; i++)
        there |= holds(&b->pages.cached[i], key);
    return there;
}

static void memory_forgets(SD_UNUSED void **state) {
    struct bench b;
    uint8_t full[32], open[32], other[32];
    bench_new(&b);
    add(&b, 0, 200, true);
    check(&b, 200);
    key_of(3, full);
    key_of(150, open);
    key_of(151, other);
    assert_true(in_memory(&b, span_of(full, 32)) && in_memory(&b, span_of(open, 32)));
    destroy(&b, 3, true);
    destroy(&b, 150, true);
    assert_false(in_memory(&b, span_of(full, 32)) || in_memory(&b, span_of(open, 32)));
    assert_true(in_memory(&b, span_of(other, 32)));
    pages_forget(&b.pages); /* as when it is locked */
    assert_false(in_memory(&b, span_of(other, 32)));
    bench_free(&b);
}

static void read_page(struct bench *b, int64_t id, struct buf *key, struct buf *keys) {
    struct query q = db_query(b->db, SQL_PAGE_GET);
    query_int(&q, id);
    assert_true(query_row(&q));
    buf_put(key, query_get(&q, 1));
    buf_put(keys, query_get(&q, 2));
    assert_int_equal(query_end(&q), SD_OK);
}

/* What lay on the disk before does not open with what is there now. */
static void the_page_key_is_another(SD_UNUSED void **state) {
    struct bench b;
    struct buf key SD_CLEANUP(buf_free) = buf_new(1024), keys SD_CLEANUP(buf_free) = buf_new(8192);
    struct buf key_now SD_CLEANUP(buf_free) = buf_new(1024), keys_now SD_CLEANUP(buf_free) = buf_new(8192);
    struct secret page_key SD_CLEANUP(secret_free) = {0}, opened SD_CLEANUP(secret_free) = {0};
    static const uint8_t aad[12] = {'p', 'a', 'g', 'e', 1};
    bench_new(&b);
    add(&b, 0, 128, true);
    read_page(&b, 1, &key, &keys);
    destroy(&b, 7, true);
    read_page(&b, 1, &key_now, &keys_now);
    assert_false(span_eq(buf_span(&key), buf_span(&key_now)));
    assert_int_equal(crypt_unwrap(secret_span(&b.vault.vault), span_of(aad, 12), buf_span(&key_now), &page_key), SD_OK);
    assert_int_equal(crypt_unwrap(secret_span(&page_key), span_of(aad, 12), buf_span(&keys), &opened), SD_ERR_FORGED);
    assert_int_equal(crypt_unwrap(secret_span(&page_key), span_of(aad, 12), buf_span(&keys_now), &opened), SD_OK);
    bench_free(&b);
}

static void all_page_keys_are_replaced(SD_UNUSED void **state) {
    struct bench b;
    struct buf key SD_CLEANUP(buf_free) = buf_new(1024), keys SD_CLEANUP(buf_free) = buf_new(8192);
    struct buf key_now SD_CLEANUP(buf_free) = buf_new(1024), keys_now SD_CLEANUP(buf_free) = buf_new(8192);
    bench_new(&b);
    add(&b, 0, KEYS, true);
    read_page(&b, 3, &key, &keys);
    assert_int_equal(db_begin(b.db), SD_OK);
    assert_int_equal(pages_rekey(&b.pages), SD_OK);
    assert_int_equal(db_commit(b.db), SD_OK);
    read_page(&b, 3, &key_now, &keys_now);
    assert_false(span_eq(buf_span(&keys), buf_span(&keys_now)));
    check(&b, KEYS);
    bench_free(&b);
}

/* Under a new vault key: in memory, and after a restart with that key alone. */
static void rewrapped(SD_UNUSED void **state) {
    struct bench b;
    struct secret next SD_CLEANUP(secret_free) = {0};
    bench_new(&b);
    add(&b, 0, KEYS, true);
    destroy(&b, 500, true);
    assert_int_equal(secret_random(KEY_BYTES, &next), SD_OK);
    assert_int_equal(db_begin(b.db), SD_OK);
    assert_int_equal(pages_rewrap(&b.pages, &next), SD_OK);
    assert_int_equal(db_commit(b.db), SD_OK);
    pages_forget(&b.pages);
    assert_int_equal(found(&b, 1), SD_ERR_FORGED); /* with the one before */
    secret_free(&b.vault.vault);
    b.vault.vault = secret_take(&next);
    check(&b, 500);
    assert_int_equal(found(&b, 500), SD_ERR_NOTFOUND);
    assert_int_equal(found(&b, KEYS - 1), SD_OK);
    bench_free(&b);
}

/* Whoever can write the database, but has not the root, cannot put one page's keys in another's place. */
static void pages_cannot_be_exchanged(SD_UNUSED void **state) {
    struct bench b;
    struct secret found SD_CLEANUP(secret_free) = {0};
    struct buf key SD_CLEANUP(buf_free) = buf_new(1024), keys SD_CLEANUP(buf_free) = buf_new(8192);
    bench_new(&b);
    add(&b, 0, 200, true);
    struct query q = db_query(b.db, SQL_PAGE_GET);
    query_int(&q, 1);
    assert_true(query_row(&q));
    buf_put(&key, query_get(&q, 1));
    buf_put(&keys, query_get(&q, 2));
    assert_int_equal(query_end(&q), SD_OK);
    q = db_query(b.db, SQL_PAGE_PUT);
    query_int(&q, 2);
    query_blob(&q, buf_span(&key));
    query_blob(&q, buf_span(&keys));
    query_int(&q, 128);
    assert_int_equal(query_run(&q), SD_OK);
    pages_forget(&b.pages);
    assert_int_equal(pages_find(&b.pages, 2, 0, &found), SD_ERR_FORGED);
    bench_free(&b);
}

static void columns_are_bound(SD_UNUSED void **state) {
    struct bench b;
    struct secret out SD_CLEANUP(secret_free) = {0};
    struct buf wrapped SD_CLEANUP(buf_free) = buf_new(256);
    bench_new(&b);
    assert_int_equal(vault_wrap(&b.vault, "person.totp", SPAN("row1"), SPAN("secret"), &wrapped), SD_OK);
    assert_int_equal(vault_unwrap(&b.vault, "person.totp", SPAN("row2"), buf_span(&wrapped), &out), SD_ERR_FORGED);
    assert_int_equal(vault_unwrap(&b.vault, "person.password", SPAN("row1"), buf_span(&wrapped), &out), SD_ERR_FORGED);
    assert_int_equal(vault_unwrap(&b.vault, "person.totp", SPAN("row1"), buf_span(&wrapped), &out), SD_OK);
    assert_true(span_eq(secret_span(&out), SPAN("secret")));
    bench_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_and_finds),
        cmocka_unit_test(rolls_back),
        cmocka_unit_test(read_then_added),
        cmocka_unit_test(not_there),
        cmocka_unit_test(one_is_destroyed),
        cmocka_unit_test(memory_forgets),
        cmocka_unit_test(the_page_key_is_another),
        cmocka_unit_test(all_page_keys_are_replaced),
        cmocka_unit_test(rewrapped),
        cmocka_unit_test(pages_cannot_be_exchanged),
        cmocka_unit_test(columns_are_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
