#include "core/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void allocates_zeroed_and_aligned(void **state) {
    (void)state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(1 << 20);
    for (size_t n = 1; n < 300; n += 7) {
        uint8_t *p = arena_alloc(arena, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xee, n);
    }
    uint8_t *large = arena_alloc(arena, 100000); /* larger than a block */
    assert_non_null(large);
    memset(large, 1, 100000);
    uint64_t *one = ARENA_NEW(arena, uint64_t);
    assert_non_null(one);
    assert_true(*one == 0);
    assert_int_equal(arena_err(arena), SD_OK);
}

static void maximum_is_hard_and_sticky(void **state) {
    (void)state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(100);
    assert_non_null(arena_alloc(arena, 100));
    assert_int_equal(arena_used(arena), 100);
    assert_null(arena_alloc(arena, 1));
    assert_int_equal(arena_err(arena), SD_ERR_LIMIT);
    assert_null(arena_alloc(arena, 0));
    assert_null(arena_span(arena, SPAN("x")).p);
}

static void arrays_do_not_overflow(void **state) {
    (void)state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(1000);
    assert_non_null(arena_array(arena, 10, 8));
    assert_null(arena_array(arena, SIZE_MAX / 4, 8));
    assert_int_equal(arena_err(arena), SD_ERR_LIMIT);
}

static void copies(void **state) {
    (void)state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(1000);
    char text[] = "abc";
    struct span s = arena_span(arena, span_cstr(text));
    text[0] = 'x';
    assert_true(span_eq(s, SPAN("abc")));
    assert_true(span_eq(arena_printf(arena, "%s/%d", "id", 7), SPAN("id/7")));
    assert_string_equal(arena_cstr(arena, SPAN("name")), "name");
    assert_null(arena_cstr(arena, SPAN("na\0me")));
    assert_int_equal(arena_err(arena), SD_OK); /* a NUL is no error of the arena */
}

static void free_takes_null(void **state) {
    (void)state;
    struct arena *none = NULL;
    arena_free(&none);
    struct arena *arena = arena_new(10);
    arena_free(&arena);
    assert_null(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocates_zeroed_and_aligned),
        cmocka_unit_test(maximum_is_hard_and_sticky),
        cmocka_unit_test(arrays_do_not_overflow),
        cmocka_unit_test(copies),
        cmocka_unit_test(free_takes_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
