/* Hostile input costs little: no read outside (exact-size copies under ASan), bounded time and memory. */
#include <time.h>

#include "core/limits.h"
#include "mail/mail_test.h"

/* Generous: sanitizers and a busy machine; what is quadratic takes minutes. */
#define BOUND_MS 3000

static int64_t now_ms(void) {
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void use_part(const struct mail_part *part, mail_ambiguities *seen) {
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(2 * LIMIT_MESSAGE_BYTES);
    struct buf utf8 SD_CLEANUP(buf_free) = buf_new(8 * LIMIT_MESSAGE_BYTES);
    assert_int_equal(mail_decode_body(part, &bytes, seen), SD_OK);
    assert_int_equal(mail_to_utf8(buf_span(&bytes), part->charset, &utf8, seen), SD_OK);
}

/* Everything that can be asked of a message, within the memory that mail.h promises and the time above. */
static mail_ambiguities use(struct span message, size_t *ret_parts) {
    int64_t start = now_ms();
    struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(message);
    struct buf text SD_CLEANUP(buf_free) = buf_new(2 * LIMIT_TEXT_BYTES);
    struct mail_address from;
    struct span ids[LIMIT_REFERENCES];
    int64_t date;
    mail_ambiguities seen = p.m.ambiguities;
    (void)mail_subject(&p.m);
    (void)(mail_from(&p.m, &from) == SD_OK);
    (void)(mail_date(&p.m, &date) == SD_OK);
    (void)mail_message_id(&p.m);
    assert_true(mail_references(&p.m, ids, SD_COUNT(ids)) <= LIMIT_REFERENCES);
    assert_int_equal(mail_text(&p.m, &text, &seen), SD_OK);
    assert_true(text.n <= LIMIT_TEXT_BYTES && (text.n == 0 || span_is_utf8(buf_span(&text))));
    for (size_t i = 0; i < p.m.part_count && i < 200; i++)
        use_part(&p.m.parts[i], &seen);
    *ret_parts = p.m.part_count;
    if (now_ms() - start > BOUND_MS)
        fail_msg("%lld ms for %zu bytes", (long long)(now_ms() - start), message.n);
    return seen;
}

static const char sample[] =
    "Received: from a.example (a.example [192.0.2.1])\r\n\tby b.example; Tue, 1 Jul 2003 10:52:37 +0200\r\n"
    "From: =?utf-8?Q?J=C3=B6rg?= (comment) <\"j b\"@example.org>\r\nTo: list: a@b.example, (x) c@[192.0.2.1];\r\n"
    "Subject: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?utf-8?Q?=C3?=\r\n =?utf-8?Q?=A9?=\r\nDate: Tue, 1 Jul 2003 10:52:37 "
    "+0200\r\n"
    "Message-ID: <1@example.org>\r\nReferences: <0@x> <2@x>\r\nIn-Reply-To: <0@x>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=\"out\"\r\n\r\npreamble\r\n--out\r\nContent-Type: multipart/alternative;\r\n "
    "boundary=in\r\n\r\n"
    "--in\r\nContent-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\nContent-Transfer-Encoding: "
    "quoted-printable\r\n\r\n"
    "> quoted =\r\ntext =C3=A9 \r\nmore\r\n--in\r\nContent-Type: text/html; charset=windows-1252\r\n\r\n<table><tr><td>a<a "
    "href=\"https://x.example\">b</a><!-- c --><ul><li>\x80</table>\r\n--in--\r\n--out\r\nContent-Type: application/zip;\r\n "
    "name*0*=utf-8''%e2%82; name*1*=%ac.zip\r\nContent-Disposition: attachment; "
    "filename=\"x.zip\"\r\nContent-Transfer-Encoding: "
    "base64\r\n\r\nUEsDBA==\r\n--out\r\nContent-Type: message/rfc822\r\n\r\nSubject: "
    "inner\r\n\r\nbody\r\n--out--\r\nepilogue\r\n";

static void cut_at_every_byte(void **state) {
    (void)state;
    size_t parts = 0;
    for (size_t n = 0; n < sizeof sample; n++)
        (void)use(span_of(sample, n), &parts);
    assert_int_equal(parts, 7);
}

/* Each byte in turn becomes each of the bytes that mean something. */
static void every_byte_changed(void **state) {
    (void)state;
    static const uint8_t bytes[] = {0, '\r', '\n', '"', '(', '<', '=', 0xff};
    for (size_t i = 0; i < sizeof sample - 1; i++) {
        char copy[sizeof sample];
        size_t parts;
        memcpy(copy, sample, sizeof sample);
        copy[i] = (char)bytes[i % sizeof bytes];
        (void)use(span_of(copy, sizeof sample - 1), &parts);
    }
}

static void put_times(struct buf *b, const char *text, size_t times) {
    for (size_t i = 0; i < times; i++)
        buf_text(b, text);
}

static void many_parts(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES);
    size_t parts = 0;
    buf_text(&b, MAIL_HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    put_times(&b, "--b\r\nContent-Type: text/plain; name=\"a.txt\"\r\n\r\nx\r\n", 10000);
    assert_seen(use(buf_span(&b), &parts), AMBIGUITY(PARTS_TOO_MANY));
    assert_int_equal(parts, LIMIT_PARTS);
}

static void deep_nesting(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES);
    size_t parts = 0;
    buf_text(&b, MAIL_HEAD);
    for (int i = 0; i < 100; i++)
        buf_printf(&b, "Content-Type: multipart/mixed; boundary=x%dx\r\n\r\n--x%dx\r\n", i, i);
    buf_text(&b, "\r\ndeep\r\n");
    put_times(&b, "--x\r\n", 500000);
    assert_seen(use(buf_span(&b), &parts), AMBIGUITY(PARTS_TOO_DEEP));
    assert_int_equal(parts, LIMIT_PART_DEPTH + 1);
    buf_reset(&b);
    put_times(&b, "Content-Type: message/rfc822\r\n\r\n", 10000);
    assert_seen(use(buf_span(&b), &parts), AMBIGUITY(PARTS_TOO_DEEP));
    assert_int_equal(parts, LIMIT_PART_DEPTH + 1);
}

static void large_tables_fit(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES);
    size_t parts = 0;
    buf_text(&b, MAIL_HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    for (int i = 0; i < 999; i++) {
        buf_text(&b, "--b\r\nContent-Type: text/plain; name=\"");
        buf_fill(&b, 'n', 12000);
        buf_text(&b, "\"\r\nContent-Disposition: attachment; filename*=utf-8''");
        buf_fill(&b, 'f', 3000);
        buf_text(&b, "\r\n");
        put_times(&b, "a:\r\n", 900);
        buf_text(&b, "\r\n");
    }
    assert_seen(use(buf_span(&b), &parts), AMBIGUITY(HEADER_TOO_LONG));
    assert_int_equal(parts, 1000);
}

/* Fields of 256 KiB whose readers could look back, look ahead, or copy. */
static void long_fields(void **state) {
    (void)state;
    static const struct {
        const char *name, *repeated;
    } cases[] = {
        {"From: ", "a@b.example,"},
        {"From: ", ","},
        {"From: ", "("},
        {"From: ", "\""},
        {"From: ", "a."},
        {"From: ", "\\"},
        {"From: a", "@"},
        {"From: ", "=?utf-8?Q?a?= "},
        {"From: ", "g:;,"},
        {"From: ", "(a)"},
        {"From: ", "\"a\" "},
        {"From: ", "<"},
        {"Subject: ", "=?"},
        {"Subject: ", "=?a?Q?"},
        {"Subject: ", "=?utf-8?B?w6k=?= "},
        {"Subject: ", "=?iso-2022-jp?Q?a?= =?gb2312?Q?b?="},
        {"Subject: ", "a\r\n "},
        {"Subject: ", "\xe9"},
        {"References: ", "<a>"},
        {"References: ", "<"},
        {"References: ", ">"},
        {"Content-Type: text/plain", ";a=b"},
        {"Content-Type: text/plain", ";name*0*=a"},
        {"Content-Type: text/plain; name=\"", "\\"},
        {"Content-Type: text/plain; name*=utf-8''", "%e9"},
        {"Content-Type: text/plain", "("},
        {"Content-Type: ", ";"},
        {"Content-Type: multipart/mixed; boundary=", "b"},
        {"Content-Type: multipart/mixed; boundary=\"", "b "},
        {"Date: ", "("},
        {"Message-ID: <", "a"},
        {"X: y\r\n", "z\r\n"},
        {"X: y\r\n", " \r\n"},
        {"X: y\r\n", "\r"},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct buf b SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES);
        size_t parts;
        buf_text(&b, cases[i].name);
        put_times(&b, cases[i].repeated, (LIMIT_HEADER_BYTES - 1000) / strlen(cases[i].repeated));
        buf_text(&b, "\r\n\r\nbody\r\n");
        (void)use(buf_span(&b), &parts);
        assert_int_equal(parts, 1);
    }
}

static void long_bodies(void **state) {
    (void)state;
    static const struct {
        const char *type, *repeated;
    } cases[] = {
        {"Content-Type: multipart/mixed; boundary=b\r\n", "--\r\n"},
        {"Content-Type: multipart/mixed; boundary=b\r\n", "\r--b"},
        {"Content-Type: multipart/mixed; boundary=b\r\n", "--b--\r\n"},
        {"", "\r"},
        {"", "\n"},
        {"", "begin 644 a\r\n"},
        {"Content-Transfer-Encoding: base64\r\n", "="},
        {"Content-Transfer-Encoding: base64\r\n", "A=B"},
        {"Content-Transfer-Encoding: quoted-printable\r\n", "= "},
        {"Content-Transfer-Encoding: quoted-printable\r\n", " "},
        {"Content-Type: text/plain; format=flowed\r\n", ">"},
        {"Content-Type: text/plain; format=flowed\r\n", ">>>>>>>>>>> \n"},
        {"Content-Type: text/plain; charset=utf-7\r\n", "+"},
        {"Content-Type: text/plain; charset=iso-2022-jp\r\n", "\x1b$B"},
        {"Content-Type: text/html\r\n", "<div>"},
        {"Content-Type: text/html\r\n", "<b><p>"},
        {"Content-Type: text/html\r\n", "&"},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct buf b SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES);
        size_t parts;
        buf_text(&b, MAIL_HEAD);
        buf_text(&b, cases[i].type);
        buf_text(&b, "\r\n");
        put_times(&b, cases[i].repeated, 2000000 / strlen(cases[i].repeated));
        (void)use(buf_span(&b), &parts);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_every_byte), cmocka_unit_test(every_byte_changed), cmocka_unit_test(many_parts),
        cmocka_unit_test(deep_nesting),      cmocka_unit_test(large_tables_fit),   cmocka_unit_test(long_fields),
        cmocka_unit_test(long_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
