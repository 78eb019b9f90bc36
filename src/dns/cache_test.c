#include "dns/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define S INT64_C(1000000000)

static struct question question(const char *name, unsigned type) {
    struct question q;
    assert_int_equal(question_make(span_cstr(name), (uint16_t)type, &q), SD_OK);
    return q;
}

static void put(struct cache *c, const char *name, int64_t now, uint32_t ttl_s, struct span record) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(CACHE_BYTES_MAX + 100);
    struct dns_query_rep rep = {.outcome = DNS_FOUND, .secure = true, .ttl_s = ttl_s};
    struct question q = question(name, DNS_TXT);
    ipc_list_add(&rep.records, &raw, record);
    cache_put(c, &q, now, &rep);
}

static bool has(struct cache *c, const char *name, int64_t now, struct dns_query_rep *rep) {
    struct question q = question(name, DNS_TXT);
    return cache_get(c, &q, now, rep);
}

static void test_time_to_live(void **state) {
    (void)state;
    struct cache *c SD_CLEANUP(cache_free) = NULL;
    struct dns_query_rep rep;
    assert_int_equal(cache_new(&c), SD_OK);
    put(c, "a.example", 0, 10, SPAN("x"));
    assert_true(has(c, "A.example", 4 * S, &rep));
    assert_int_equal(rep.ttl_s, 6);
    assert_true(rep.secure);
    assert_int_equal(rep.records.count, 1);
    struct question other = question("a.example", DNS_A);
    assert_false(cache_get(c, &other, 4 * S, &rep));
    assert_false(has(c, "a.example", 10 * S, &rep));
    assert_int_equal(cache_count(c), 0);
    assert_int_equal(cache_bytes(c), 0);
}

static void test_not_kept(void **state) {
    (void)state;
    struct cache *c SD_CLEANUP(cache_free) = NULL;
    struct dns_query_rep rep = {.outcome = DNS_TEMPFAIL, .ttl_s = 100};
    struct question q = question("a.example", DNS_TXT);
    assert_int_equal(cache_new(&c), SD_OK);
    put(c, "a.example", 0, 100, SPAN("x"));
    cache_put(c, &q, 0, &rep); /* a failure replaces what was there by nothing */
    assert_false(cache_get(c, &q, 0, &rep));
    put(c, "b.example", 0, 0, SPAN("x"));
    assert_int_equal(cache_count(c), 0);
    put(c, "c.example", 0, UINT32_MAX, SPAN("x"));
    assert_true(has(c, "c.example", (CACHE_TTL_MAX_S - 1) * S, &rep));
    assert_false(has(c, "c.example", CACHE_TTL_MAX_S * S, &rep));
}

static void test_bounds(void **state) {
    (void)state;
    struct cache *c SD_CLEANUP(cache_free) = NULL;
    struct dns_query_rep rep;
    char name[64];
    assert_int_equal(cache_new(&c), SD_OK);
    for (int i = 0; i <= CACHE_ENTRIES_MAX; i++) {
        (void)snprintf(name, sizeof name, "n%d.example", i);
        put(c, name, 0, 100, SPAN("x"));
        assert_true(has(c, "n0.example", 0, &rep)); /* used, so it stays */
    }
    assert_int_equal(cache_count(c), CACHE_ENTRIES_MAX);
    assert_false(has(c, "n1.example", 0, &rep));
    struct buf big SD_CLEANUP(buf_free) = buf_new(CACHE_BYTES_MAX);
    buf_fill(&big, 'x', CACHE_BYTES_MAX / 2);
    put(c, "big1.example", 0, 100, buf_span(&big));
    put(c, "big2.example", 0, 100, buf_span(&big));
    assert_true(cache_bytes(c) <= CACHE_BYTES_MAX);
    assert_true(has(c, "big2.example", 0, &rep));
    assert_false(has(c, "big1.example", 0, &rep));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_to_live),
        cmocka_unit_test(test_not_kept),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
