#include "core/secret.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void new_is_zeroed_even_when_reused(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 32, 33, 64, 200, 256, 1000, 1024, 2400, SECRET_MAX_BYTES};
    for (size_t i = 0; i < SD_COUNT(sizes); i++)
        for (int round = 0; round < 3; round++) {
            struct secret s SD_CLEANUP(secret_free) = {0};
            assert_int_equal(secret_new(sizes[i], &s), SD_OK);
            assert_int_equal(s.n, sizes[i]);
            for (size_t k = 0; k < s.n; k++)
                assert_int_equal(s.p[k], 0);
            memset(s.p, 0xee, s.n);
        }
}

static void free_wipes(void **state) {
    (void)state;
    struct secret s = {0};
    assert_int_equal(secret_copy(SPAN("0123456789abcdef0123456789abcdef"), &s), SD_OK);
    const uint8_t *old = s.p; /* the page stays mapped: it is the pool's */
    secret_free(&s);
    assert_null(s.p);
    assert_int_equal(s.n, 0);
    for (size_t i = sizeof(void *); i < 32; i++) /* the free list's pointer lies at the front */
        assert_int_equal(old[i], 0);
    secret_free(&s);
}

static void limits(void **state) {
    (void)state;
    struct secret s = {0};
    assert_int_equal(secret_new(SECRET_MAX_BYTES + 1, &s), SD_ERR_LIMIT);
    assert_null(s.p);
}

static void random_differs(void **state) {
    (void)state;
    struct secret a SD_CLEANUP(secret_free) = {0};
    struct secret b SD_CLEANUP(secret_free) = {0};
    assert_int_equal(secret_random(32, &a), SD_OK);
    assert_int_equal(secret_random(32, &b), SD_OK);
    assert_false(span_eq(secret_span(&a), secret_span(&b)));
}

static void take_moves(void **state) {
    (void)state;
    struct secret a SD_CLEANUP(secret_free) = {0};
    assert_int_equal(secret_copy(SPAN("password"), &a), SD_OK);
    struct secret b SD_CLEANUP(secret_free) = secret_take(&a);
    assert_null(a.p);
    assert_true(span_eq(secret_span(&b), SPAN("password")));
}

static void many_do_not_overlap(void **state) {
    (void)state;
    struct secret many[500] = {0};
    for (unsigned i = 0; i < SD_COUNT(many); i++) {
        assert_int_equal(secret_new(32, &many[i]), SD_OK);
        memset(many[i].p, (int)(i & 0xff), 32);
    }
    for (unsigned i = 0; i < SD_COUNT(many); i++) {
        for (size_t k = 0; k < 32; k++)
            assert_int_equal(many[i].p[k], i & 0xff);
        secret_free(&many[i]);
    }
}

static void *take_and_give_back(void *mark) {
    const int byte = *(const int *)mark;
    for (int i = 0; i < 2000; i++) {
        struct secret s SD_CLEANUP(secret_free) = {0};
        if (secret_new(32, &s))
            return mark;
        memset(s.p, byte, 32);
        for (size_t k = 0; k < 32; k++)
            if (s.p[k] != byte)
                return mark;
    }
    return NULL;
}

static void threads_share_the_pool(void **state) {
    (void)state;
    pthread_t threads[4];
    int marks[4] = {1, 2, 3, 4};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give_back, &marks[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_is_zeroed_even_when_reused),
        cmocka_unit_test(free_wipes),
        cmocka_unit_test(limits),
        cmocka_unit_test(random_differs),
        cmocka_unit_test(take_moves),
        cmocka_unit_test(many_do_not_overlap),
        cmocka_unit_test(threads_share_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
