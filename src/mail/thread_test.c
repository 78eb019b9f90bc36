/* Message-ID, references and dates. */
#include "mail/mail_test.h"

#include "core/limits.h"

static void id_is(const char *header, const char *expected) {
    struct parsed p SD_CLEANUP(parsed_free) = parse_text(header);
    assert_text(mail_message_id(&p.m), expected);
}

static void message_ids(void **state) {
    (void)state;
    id_is("Message-ID: <a.1@b.example>\r\n\r\n", "a.1@b.example");
    id_is("message-id:\r\n (c) <a@b> (d)\r\n\r\n", "a@b");
    id_is("Message-ID: a@b\r\n\r\n", "");
    id_is("Message-ID: <a@b\r\n\r\n", "");
    id_is("Message-ID: <a@b> <c@d>\r\n\r\n", "");
    id_is("Message-ID: <a b@c>\r\n\r\n", "");
    id_is("Message-ID: <>\r\n\r\n", "");
    id_is("X: y\r\n\r\n", "");
}

static void references(void **state) {
    (void)state;
    struct parsed p SD_CLEANUP(parsed_free) =
        parse_text("References: <1@x> <2@x>\r\n <3@x><3@x> junk <4 @x> <5@x\r\nIn-Reply-To: <3@x> (by <0@x>)\r\n\r\n");
    struct span ids[10];
    assert_int_equal(mail_references(&p.m, ids, 10), 4);
    assert_text(ids[0], "0@x");
    assert_text(ids[1], "3@x");
    assert_text(ids[2], "2@x");
    assert_text(ids[3], "1@x");
    assert_int_equal(mail_references(&p.m, ids, 2), 2);
    struct parsed none SD_CLEANUP(parsed_free) = parse_text("X: y\r\n\r\n");
    assert_int_equal(mail_references(&none.m, ids, 10), 0);
}

static void long_references_are_bounded(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(LIMIT_HEADER_BYTES);
    buf_text(&b, "References:");
    for (int i = 0; b.n < LIMIT_HEADER_BYTES - 100; i++)
        buf_printf(&b, " <%d@x>", i % 40);
    buf_text(&b, "\r\n\r\n");
    struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(buf_span(&b));
    struct span ids[100];
    assert_int_equal(mail_references(&p.m, ids, 100), 40);
}

#define NO_DATE INT64_MIN

static void date_is(const char *date, int64_t expected) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(1000);
    buf_text(&b, "Date: ");
    buf_text(&b, date);
    buf_text(&b, "\r\n\r\n");
    struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(buf_span(&b));
    int64_t ms = NO_DATE;
    enum sd_err err = mail_date(&p.m, &ms);
    if (err != (expected == NO_DATE ? SD_ERR_PARSE : SD_OK) || ms != expected)
        fail_msg("%s is %lld", date, (long long)ms);
}

static void dates(void **state) {
    (void)state;
    date_is("Fri, 21 Nov 1997 09:55:06 -0600", 880127706000);
    date_is("Tue, 1 Jul 2003 10:52:37 +0200", 1057049557000);
    date_is("Thu,\r\n 13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (Newfoundland Time)", -27723480000);
    date_is("21 Nov 97 09:55:06 GMT", 880106106000);
    date_is("Fri, 21 Nov 1997 09(comment): 55 : 06 -0600", NO_DATE);
    date_is("1 Jan 1970 00:00:00 +0000", 0);
    date_is("29 Feb 2000 12:00 EST", 951843600000);
    date_is("Wed, 31 Dec 2025 23:59:60 Z", 1767225600000);
    date_is("1 Jan 49 00:00:00 UT", 2493072000000);
    date_is("29 Feb 2001 12:00 +0000", NO_DATE);
    date_is("32 Jan 2001 12:00 +0000", NO_DATE);
    date_is("1 Foo 2001 12:00 +0000", NO_DATE);
    date_is("Someday, 1 Jan 2001 12:00 +0000", NO_DATE);
    date_is("1 Jan 2001 24:00 +0000", NO_DATE);
    date_is("1 Jan 2001 12:00 +00", NO_DATE);
    date_is("1 Jan 2001 12:00 +0000 x", NO_DATE);
    date_is("1 Jan 99999 12:00 +0000", NO_DATE);
    date_is("2001-01-01T12:00:00Z", NO_DATE);
    date_is("", NO_DATE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_ids),
        cmocka_unit_test(references),
        cmocka_unit_test(long_references_are_bounded),
        cmocka_unit_test(dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
