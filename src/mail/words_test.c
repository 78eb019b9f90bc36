#include "mail/words.h"

#include "mail/charset.h"
#include "mail/mail_test.h"

static void decodes(const char *s, const char *expected) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(TEST_ARENA_BYTES);
    assert_text(mail_decode_text(span_cstr(s), arena), expected);
}

/* RFC 2047 §8 */
static void examples_of_the_rfc(void **state) {
    (void)state;
    decodes("=?ISO-8859-1?Q?a?=", "a");
    decodes("=?ISO-8859-1?Q?a?= b", "a b");
    decodes("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab");
    decodes("=?ISO-8859-1?Q?a?=  \r\n   =?ISO-8859-1?Q?b?=", "ab");
    decodes("=?ISO-8859-1?Q?a_b?=", "a b");
    decodes("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b");
    decodes("=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik F\xc3\xa4ltstr\xc3\xb6m");
    decodes("=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=",
            "\xd7\x9d\xd7\x95\xd7\x9c\xd7\xa9 \xd7\x9f\xd7\x91 \xd7\x99\xd7\x9c\xd7\x98\xd7\xa4\xd7\xa0");
}

static void what_senders_send(void **state) {
    (void)state;
    decodes("  folded\r\n  text ", "folded  text");
    decodes("=?utf-8?B?w4M=?= =?utf-8?B?wqk=?=", "\xc3\x83\xc2\xa9");
    decodes("=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "\xc3\xa9"); /* a character split between words */
    decodes("=?utf-8*en?Q?x?=", "x");
    decodes("=?utf-8?Q?with space?=", "with space");
    decodes("plain =?utf-8?X?y?= =?utf-8?Q?open", "plain =?utf-8?X?y?= =?utf-8?Q?open");
    decodes("=?no-such-charset?Q?=41bc?=", "Abc");
    decodes("raw \xc3\xa9 and \xe9", "raw \xc3\x83\xc2\xa9 and \xc3\xa9"); /* not UTF-8 as a whole */
    decodes("raw \xc3\xa9", "raw \xc3\xa9");
    decodes("=?utf-8?Q?a=0Ab=0D=00c=7F=1B[d?=", "abc[d");
    decodes("=?utf-8?Q?a=C2=9Bb=E2=80=A8c?=", "ab c");
    decodes("=?utf-7?Q?+AGE-?=", "a");
    decodes("=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", "\xe6\x97\xa5\xe6\x9c\xac");
    decodes("", "");
}

static void subject_is_cut_at_a_character(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(10000);
    buf_text(&b, "Subject: x");
    for (int i = 0; i < 2000; i++)
        buf_text(&b, "\xc3\xa9");
    buf_text(&b, "\r\n\r\n");
    struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(buf_span(&b));
    struct span subject = mail_subject(&p.m);
    assert_int_equal(subject.n, 2047);
    assert_true(span_is_utf8(subject));
}

static void converts(struct span s, struct span charset, const char *expected, mail_ambiguities flags) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(100000);
    mail_ambiguities seen = 0;
    assert_int_equal(mail_to_utf8(s, charset, &b, &seen), SD_OK);
    assert_text(buf_span(&b), expected);
    assert_int_equal(seen, flags);
}

static void charsets(void **state) {
    (void)state;
    const mail_ambiguities broken = AMBIGUITY(CHARSET_BROKEN), unknown = AMBIGUITY(CHARSET_UNKNOWN);
    converts(SPAN("abc"), SPAN_NONE, "abc", 0);
    converts(SPAN("\x80"), SPAN("windows-1252"), "\xe2\x82\xac", 0);
    converts(SPAN("\x80"), SPAN("ISO-8859-1"), "\xe2\x82\xac", 0);
    converts(SPAN("\xa4"), SPAN("iso-8859-15"), "\xe2\x82\xac", 0);
    converts(SPAN("\xc4\xe3"), SPAN("gb2312"), "\xe4\xbd\xa0", 0);
    converts(SPAN("\xf0\x9f\x98\x80"), SPAN("utf-8"), "\xf0\x9f\x98\x80", 0);
    converts(SPAN("\x3d\xd8\x00\xde"), SPAN("utf-16le"), "\xf0\x9f\x98\x80", 0);
    converts(SPAN("a\xff"), SPAN("utf-8"), "a\xef\xbf\xbd", broken);
    converts(SPAN("\xe9"), SPAN("us-ascii"), "\xc3\xa9", broken);
    converts(SPAN("\xc3\xa9"), SPAN_NONE, "\xc3\xa9", broken);
    converts(SPAN("abc"), SPAN("x-unknown"), "abc", unknown);
    converts(SPAN("abc"), SPAN("../../etc/x"), "abc", unknown);
    converts(SPAN("abc"), SPAN("ibm-37,swaplfnl"), "abc", unknown);
}

/* Characters over the boundaries of ICU's chunks stay whole. */
static void long_text_converts(void **state) {
    (void)state;
    for (size_t lead = 1020; lead < 1030; lead++) {
        struct buf in SD_CLEANUP(buf_free) = buf_new(10000), out SD_CLEANUP(buf_free) = buf_new(10000);
        mail_ambiguities seen = 0;
        for (size_t i = 0; i < lead; i++)
            buf_put(&in, SPAN("a\0"));
        buf_put(&in, SPAN("\x3d\xd8\x00\xde"));
        assert_int_equal(mail_to_utf8(buf_span(&in), SPAN("utf-16le"), &out, &seen), SD_OK);
        assert_int_equal(out.n, lead + 4);
        assert_true(span_ends(buf_span(&out), SPAN("a\xf0\x9f\x98\x80")));
        assert_int_equal(seen, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_rfc),
        cmocka_unit_test(what_senders_send),
        cmocka_unit_test(subject_is_cut_at_a_character),
        cmocka_unit_test(charsets),
        cmocka_unit_test(long_text_converts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
