#include "desk/input.h"
#include "desk/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void ids_are_32_lower_case_digits(SD_UNUSED void **state) {
    struct object_id id;
    assert_int_equal(id_from_text(SPAN("00112233445566778899aabbccddeeff"), &id), SD_OK);
    assert_int_equal(id.b[15], 0xff);
    static const char *const wrong[] = {"",
                                        "0",
                                        "00112233445566778899aabbccddeef",
                                        "00112233445566778899aabbccddeeff0",
                                        "00112233445566778899AABBCCDDEEFF",
                                        "00112233445566778899aabbccddeefg",
                                        "../../../../etc/passwd"};
    for (size_t i = 0; i < SD_COUNT(wrong); i++)
        assert_int_equal(id_from_text(span_cstr(wrong[i]), &id), SD_ERR_PARSE);
}

static void if_match_takes_one_strong_tag(SD_UNUSED void **state) {
    assert_int_equal(if_match_of(SPAN("")).kind, IF_MATCH_ABSENT);
    assert_int_equal(if_match_of(SPAN("*")).kind, IF_MATCH_ANY);
    struct if_match seven = if_match_of(SPAN(" \"7\" "));
    assert_true(if_match_permits(seven, 7));
    assert_false(if_match_permits(seven, 8));
    static const char *const never[] = {"W/\"7\"", "\"\"", "7", "\"7", "\"7\", \"8\"", "\"-7\"", "\"99999999999999999999\""};
    for (size_t i = 0; i < SD_COUNT(never); i++) {
        struct if_match condition = if_match_of(span_cstr(never[i]));
        assert_int_equal(condition.kind, IF_MATCH_NEVER);
        assert_false(if_match_permits(condition, 7));
    }
}

static void json_is_read_strictly(SD_UNUSED void **state) {
    static const char *const wrong[] = {"", "{", "{\"a\":1,\"a\":2}", "{\"a\":1}x", "nul", "\xff", "{\"a\":\"\xc3\"}"};
    struct json_in *value = NULL;
    for (size_t i = 0; i < SD_COUNT(wrong); i++)
        assert_int_equal(in_read(span_cstr(wrong[i]), &value), SD_ERR_PARSE);
    struct http_request list = {.body = SPAN("[1]")};
    assert_int_equal(in_body(&list, &value), SD_ERR_PARSE);
    assert_null(value);
}

static void members_and_items(SD_UNUSED void **state) {
    static const char *const known[] = {"text", "cc"};
    struct http_request request = {.body = SPAN("{\"text\":\"a\\u0000b\",\"cc\":[\"x\",null],\"bcc\":1}")};
    struct json_in *body SD_CLEANUP(in_free) = NULL;
    struct span name;
    assert_int_equal(in_body(&request, &body), SD_OK);
    assert_true(span_eq(in_text(in_member(body, "text")), span_of("a\0b", 3)));
    const struct json_in *cc = in_member(body, "cc");
    assert_int_equal(in_count(cc), 2);
    assert_int_equal(in_kind(in_item(cc, 1)), IN_NULL);
    assert_int_equal(in_kind(in_item(cc, 2)), IN_ABSENT);
    assert_int_equal(in_kind(in_member(body, "none")), IN_ABSENT);
    assert_int_equal(in_text(in_member(body, "bcc")).n, 0);
    assert_true(in_unknown(body, known, SD_COUNT(known), &name));
    assert_true(span_eq(name, SPAN("bcc")));
}

/* The library would recurse 2,000 deep in a thread of 256 KiB. */
static void deep_json_is_refused_before_it_is_parsed(SD_UNUSED void **state) {
    struct buf deep SD_CLEANUP(buf_free) = buf_new(1 << 20);
    struct json_in *value = NULL;
    buf_fill(&deep, '[', 100000);
    assert_int_equal(in_read(buf_span(&deep), &value), SD_ERR_PARSE);
    assert_int_equal(in_read(SPAN("[[[[[[[[1]]]]]]]]"), &value), SD_OK);
    in_free(&value);
    assert_int_equal(in_read(SPAN("[[[[[[[[[1]]]]]]]]]"), &value), SD_ERR_PARSE);
    assert_int_equal(in_read(SPAN("[\"[[[[[[[[[[\\\"[[[[\"]"), &value), SD_OK);
    in_free(&value);
}

static void idempotency_keys(SD_UNUSED void **state) {
    char longest[257];
    memset(longest, 'k', sizeof longest);
    assert_true(idempotency_key_valid(SPAN("3f2a-9")));
    assert_true(idempotency_key_valid(span_of(longest, 255)));
    assert_false(idempotency_key_valid(span_of(longest, 256)));
    assert_false(idempotency_key_valid(SPAN("")));
    assert_false(idempotency_key_valid(SPAN("a b")));
    assert_false(idempotency_key_valid(SPAN("a\x7f")));
}

static void times_of_records(SD_UNUSED void **state) {
    int64_t ms = 0;
    assert_int_equal(rfc3339_to_ms(SPAN("2026-11-23T10:00:00.123Z"), &ms), SD_OK);
    assert_int_equal(ms, 1795428000123);
    assert_int_equal(rfc3339_to_ms(SPAN("1970-01-01T00:00:01Z"), &ms), SD_OK);
    assert_int_equal(ms, 1000);
    static const char *const wrong[] = {"",
                                        "2026-11-23",
                                        "2026-11-23T10:00:00.12Z",
                                        "2026-11-23T10:00:00.123+01:00",
                                        "2026-11-23 10:00:00.123Z",
                                        "2026-11-23T10:00:00.123Z and more"};
    for (size_t i = 0; i < SD_COUNT(wrong); i++)
        assert_int_equal(rfc3339_to_ms(span_cstr(wrong[i]), &ms), SD_ERR_PARSE);
}

static void two_histories_in_one_order(SD_UNUSED void **state) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(1 << 20);
    struct timeline *t = arena_alloc(arena, sizeof *t);
    timeline_add_record(
        t,
        SPAN("{\"time\":\"1970-01-01T00:00:05.000Z\",\"action\":\"open\",\"outcome\":\"granted\",\"reason\":\"head\","
             "\"actor\":{\"kind\":\"person\",\"id\":\"p1\",\"name\":\"Ada\"},"
             "\"object\":{\"kind\":\"letter\",\"id\":\"00112233445566778899aabbccddeeff\"}}"),
        arena);
    timeline_add_record(
        t,
        SPAN("{\"time\":\"1970-01-01T00:00:06.000Z\",\"action\":\"open\",\"outcome\":\"granted\",\"reason\":\"text\","
             "\"actor\":{\"kind\":\"person\",\"id\":\"p1\",\"name\":\"Ada\"},"
             "\"object\":{\"kind\":\"letter\",\"id\":\"00112233445566778899aabbccddeeff\"}}"),
        arena);
    timeline_add_record(t,
                        SPAN("{\"time\":\"1970-01-01T00:00:09.000Z\",\"action\":\"change-state\",\"outcome\":\"refused\","
                             "\"reason\":\"closed\",\"actor\":{\"kind\":\"root\"}}"),
                        arena);
    timeline_add_record(t, SPAN("{\"time\":\"1970-01-01T00:00:09.000Z\",\"action\":\"adopt\",\"outcome\":\"granted\"}"), arena);
    timeline_add_record(t, SPAN("not json"), arena);
    struct event_row received = {.at_ms = 1000, .kind = EVENT_RECEIVED, .actor = SPAN("clerk"), .detail = SPAN("accept")};
    timeline_add_event(t, &received, arena);
    timeline_sort(t);
    assert_int_equal(t->count, 3); /* two readings within a second are one item */
    assert_string_equal(t->items[0].kind, "received");
    assert_true(span_eq(t->items[0].detail, SPAN("A message came in.")));
    assert_true(span_eq(t->items[1].detail, SPAN("Opened a message.")));
    assert_false(t->items[0].is_person);
    assert_string_equal(t->items[1].kind, "opened");
    assert_true(t->items[1].has_object);
    assert_true(span_eq(t->items[1].actor_name, SPAN("Ada")));
    assert_string_equal(t->items[2].actor_kind, "root");
    assert_true(span_eq(t->items[2].detail, SPAN("Changed the state. closed (refused)")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_32_lower_case_digits),
        cmocka_unit_test(if_match_takes_one_strong_tag),
        cmocka_unit_test(json_is_read_strictly),
        cmocka_unit_test(members_and_items),
        cmocka_unit_test(deep_json_is_refused_before_it_is_parsed),
        cmocka_unit_test(idempotency_keys),
        cmocka_unit_test(times_of_records),
        cmocka_unit_test(two_histories_in_one_order),
    };
    input_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
