#include "clerk/segment.h"
#include "clerk/survey.h"
#include "clerk/test_intake.h"

static struct test_dir dir;
static char intake[96];

static int make(SD_UNUSED void **state) {
    dir = test_dir_new();
    (void)snprintf(intake, sizeof intake, "%s/intake", dir.path);
    return 0;
}

static int drop(SD_UNUSED void **state) {
    test_dir_free(&dir);
    return 0;
}

/* Goes on as the clerk does; the letters' numbers one after another as text, D for damage, and how it ended. */
static void read_all(unsigned number, char *to, size_t size) {
    struct segment segment = {.fd = -1};
    struct buf seen SD_CLEANUP(buf_free) = buf_new(size - 1);
    enum frame_found found = FRAME_RECORD;
    assert_int_equal(segment_open(&segment, intake, number, 0), SD_OK);
    while (found == FRAME_RECORD || found == FRAME_DAMAGED) {
        struct buf body SD_CLEANUP(buf_free) = buf_new(FRAME_BODY_MAX);
        struct record record;
        uint64_t next = 0;
        assert_int_equal(segment_next(&segment, &body, &found, &next), SD_OK);
        if (found == FRAME_RECORD) {
            assert_int_equal(record_decode(buf_span(&body), &record), SD_OK);
            buf_printf(&seen, "%u ", fake_number(record.header_bytes));
        } else if (found == FRAME_DAMAGED)
            buf_text(&seen, "D ");
        assert_true(found == FRAME_NONE || next > segment.offset);
        segment.offset = next;
    }
    buf_text(&seen, found == FRAME_CUT ? "cut" : "end");
    assert_int_equal(buf_err(&seen), SD_OK);
    memcpy(to, seen.p, seen.n);
    to[seen.n] = 0;
    segment_close(&segment);
}

static void expect(unsigned number, struct span bytes, const char *want) {
    char got[256];
    append_segment(&dir, number, bytes);
    read_all(number, got, sizeof got);
    assert_string_equal(got, want);
}

static void finds_segments_in_order(SD_UNUSED void **state) {
    char path[128];
    uint64_t number;
    assert_int_equal(segment_find(intake, 0, &number), SD_ERR_NOTFOUND);
    append_segment(&dir, 12, SPAN("x"));
    append_segment(&dir, 7, SPAN("x"));
    (void)snprintf(path, sizeof path, "%s/8.log", intake);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(segment_find(intake, 0, &number), SD_OK);
    assert_int_equal(number, 7);
    assert_int_equal(segment_find(intake, 8, &number), SD_OK);
    assert_int_equal(number, 12);
    assert_int_equal(segment_find(intake, 13, &number), SD_ERR_NOTFOUND);
    assert_int_equal(segment_remove(intake, 7), SD_OK);
    assert_int_equal(segment_remove(intake, 7), SD_OK);
    struct segment segment = {.fd = -1};
    assert_int_equal(segment_open(&segment, intake, 7, 0), SD_ERR_NOTFOUND);
    assert_int_equal(segment.fd, -1);
}

/* Cut after every byte: the whole records before the cut, never anything else. */
static void truncation_at_every_byte(SD_UNUSED void **state) {
    struct buf all SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    put_letter(&all, 1);
    size_t first = all.n;
    put_letter(&all, 2);
    for (size_t n = 1; n <= all.n; n++) {
        const char *want = n == all.n ? "1 2 end" : n == first ? "1 end" : n > first ? "1 cut" : "cut";
        expect((unsigned)n, span_sub(buf_span(&all), 0, n), want);
    }
}

/* One bit wrong anywhere in the middle record costs that record only. */
static void damage_costs_one_record(SD_UNUSED void **state) {
    struct buf all SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    put_letter(&all, 1);
    size_t from = all.n;
    put_letter(&all, 2);
    size_t to = all.n;
    put_letter(&all, 3);
    for (size_t at = from; at < to; at += 7) {
        all.p[at] ^= 0x10;
        expect((unsigned)at, buf_span(&all), "1 D 3 end");
        all.p[at] ^= 0x10;
    }
}

static void damage_up_to_the_end(SD_UNUSED void **state) {
    static const uint8_t zeros[5000];
    struct buf all SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    put_letter(&all, 1);
    struct span one = buf_span(&all);
    append_segment(&dir, 1, one);
    expect(1, SPAN("no frame"), "1 D end");
    append_segment(&dir, 2, one);
    expect(2, span_of(zeros, sizeof zeros), "1 cut"); /* a power cut */
    append_segment(&dir, 3, one);
    expect(3, SPAN("SDI1\xff\xff\xff\xff....."), "1 D end"); /* longer than any frame */
    append_segment(&dir, 4, one);
    expect(4, SPAN("SDI1\0\0\0\0\0\0\0\0"), "1 D end"); /* an empty one */
    expect(5, SPAN("SDI1SDI1SDISDI1"), "D end");        /* a length of nonsense: over the limit */
}

/* Magic words all over: the search ends, and is not made again while nothing was added. */
static void many_false_beginnings(SD_UNUSED void **state) {
    struct buf all SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    for (unsigned i = 0; i < 200000; i++) {
        buf_text(&all, "SDI1");
        buf_u32(&all, 1000000); /* each claims the next megabyte */
    }
    append_segment(&dir, 1, buf_span(&all));
    struct segment segment = {.fd = -1};
    struct buf body SD_CLEANUP(buf_free) = buf_new(FRAME_BODY_MAX);
    enum frame_found found;
    uint64_t next;
    assert_int_equal(segment_open(&segment, intake, 1, 0), SD_OK);
    assert_int_equal(segment_next(&segment, &body, &found, &next), SD_OK);
    assert_int_equal(found, FRAME_DAMAGED);
    assert_int_equal(next, all.n);
    int64_t from = clock_mono_ns();
    for (int i = 0; i < 100; i++)
        assert_int_equal(segment_next(&segment, &body, &found, &next), SD_OK);
    assert_true(clock_mono_ns() - from < INT64_C(2000000000));
    segment_close(&segment);
}

static void survey_counts_and_names_keys(SD_UNUSED void **state) {
    struct buf all SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    struct survey survey;
    for (unsigned i = 1; i <= 5; i++) {
        struct buf body SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
        put_record(&body, &(struct test_letter){.n = i, .key = (uint8_t)(i / 3)});
        put_frame(&all, buf_span(&body));
    }
    append_segment(&dir, 1, buf_span(&all));
    append_segment(&dir, 3, buf_span(&all));
    assert_int_equal(survey_intake(intake, (struct intake_position){0}, true, &survey), SD_OK);
    assert_true(survey.complete);
    assert_int_equal(survey.records, 10);
    assert_int_equal(survey.key_count, 2);
    assert_int_equal(survey_intake(intake, (struct intake_position){3, all.n}, true, &survey), SD_OK);
    assert_int_equal(survey.records, 0);
    assert_int_equal(survey.key_count, 0);
    append_segment(&dir, 3, SPAN("SDI1....")); /* being written: its key is not known yet */
    assert_int_equal(survey_intake(intake, (struct intake_position){3, 0}, true, &survey), SD_OK);
    assert_false(survey.complete);
}

static void records_are_those_of_their_letter(SD_UNUSED void **state) {
    struct buf body SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    struct record record;
    put_record(&body, &(struct test_letter){.n = 9, .files = 2});
    assert_int_equal(record_decode(buf_span(&body), &record), SD_OK);
    assert_int_equal(record.header.attachments, 2);
    struct object_id own = test_object_id(9), file;
    assert_int_equal(attachment_object_id(&own, 1, &file), SD_OK);
    size_t at = span_search(buf_span(&body), object_id_span(&file));
    assert_true(at < body.n);
    body.p[at] ^= 1; /* a file of no attachment */
    assert_int_equal(record_decode(buf_span(&body), &record), SD_ERR_PARSE);
    body.p[at] ^= 1;
    for (size_t n = 0; n < body.n; n++)
        assert_int_not_equal(record_decode(span_sub(buf_span(&body), 0, n), &record), SD_OK);
    buf_reset(&body);
    put_record(&body, &(struct test_letter){.n = 9, .version = 4});
    assert_int_equal(record_decode(buf_span(&body), &record), SD_ERR_PARSE);
    assert_int_equal(sealed_plain_bytes(SPAN("\001\007\001\0\0\0\0\0\0x")), 263);
    assert_int_equal(sealed_plain_bytes(SPAN("\001\007")), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(finds_segments_in_order),
        CASE(truncation_at_every_byte),
        CASE(damage_costs_one_record),
        CASE(damage_up_to_the_end),
        CASE(many_false_beginnings),
        CASE(survey_counts_and_names_keys),
        CASE(records_are_those_of_their_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
