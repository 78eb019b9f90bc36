#include "mail/decode.h"

#include "core/codec.h"
#include "mail/mail_test.h"

typedef mail_ambiguities decode_fn(struct span s, struct buf *to);

static void decodes(decode_fn *decode, struct span s, struct span expected, mail_ambiguities flags) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(4096);
    mail_ambiguities seen = decode(s, &b);
    assert_int_equal(buf_err(&b), SD_OK);
    if (!span_eq(buf_span(&b), expected))
        fail_msg("%.*s gives <%.*s>", SPAN_FMT(s), SPAN_FMT(buf_span(&b)));
    assert_int_equal(seen, flags);
}

static void base64(void **state) {
    (void)state;
    const mail_ambiguities dirty = AMBIGUITY(BASE64_DIRTY), after = AMBIGUITY(BASE64_AFTER_END),
                           junk = dirty | AMBIGUITY(BASE64_JUNK);
    decodes(decode_base64, SPAN(""), SPAN(""), 0);
    decodes(decode_base64, SPAN("Zm9vYmFy"), SPAN("foobar"), 0);
    decodes(decode_base64, SPAN("Zm9\r\nvYmF\t y\r\n"), SPAN("foobar"), 0);
    decodes(decode_base64, SPAN("Zm9vYg==\r\n"), SPAN("foob"), 0);
    decodes(decode_base64, SPAN("Zm9vYg=\r\n="), SPAN("foob"), 0);
    decodes(decode_base64, SPAN("Zm9vYmE="), SPAN("fooba"), 0);
    decodes(decode_base64, SPAN("Zm9vYmE"), SPAN("fooba"), dirty);
    decodes(decode_base64, SPAN("Zm9vYg="), SPAN("foob"), dirty);
    decodes(decode_base64, SPAN("Zm9vY"), SPAN("foo"), junk);
    decodes(decode_base64, SPAN("Zm*9v"), SPAN("foo"), junk);
    decodes(decode_base64, SPAN("=Zm9v"), SPAN("foo"), dirty | after);
    decodes(decode_base64, SPAN("Zm9vYmE=="), SPAN("fooba"), dirty);
    decodes(decode_base64, SPAN("Zg==Zm9v"), SPAN("ffoo"), dirty | after);
}

static void base64_agrees_with_the_strict_one(void **state) {
    (void)state;
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + i / 7);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        struct buf text SD_CLEANUP(buf_free) = buf_new(1000);
        put_base64(&text, span_of(bytes, n));
        decodes(decode_base64, buf_span(&text), span_of(bytes, n), 0);
    }
}

static void quoted_printable(void **state) {
    (void)state;
    const mail_ambiguities dirty = AMBIGUITY(QP_DIRTY);
    decodes(decode_qp, SPAN(""), SPAN(""), 0);
    decodes(decode_qp, SPAN("a=3Db=3db"), SPAN("a=b=b"), 0);
    decodes(decode_qp, SPAN("one =\r\nline"), SPAN("one line"), 0);
    decodes(decode_qp, SPAN("one = \t\r\nline="), SPAN("one line"), 0);
    decodes(decode_qp, SPAN("cut \t\r\nnext \n"), SPAN("cut\r\nnext\n"), 0);
    decodes(decode_qp, SPAN("kept=20\r\n"), SPAN("kept \r\n"), 0);
    decodes(decode_qp, SPAN("a=zz=4"), SPAN("a=zz=4"), dirty);
    decodes(decode_qp, SPAN("100 % = all"), SPAN("100 % = all"), dirty);
}

static void a_body_by_its_encoding(void **state) {
    (void)state;
    struct mail_part part = {.body = SPAN("Zm9v"), .encoding = MAIL_ENCODING_BASE64};
    struct buf b SD_CLEANUP(buf_free) = buf_new(100);
    mail_ambiguities seen = 0;
    assert_int_equal(mail_decode_body(&part, &b, &seen), SD_OK);
    part.encoding = MAIL_ENCODING_UNKNOWN;
    assert_int_equal(mail_decode_body(&part, &b, &seen), SD_OK);
    assert_text(buf_span(&b), "fooZm9v");
    struct buf small SD_CLEANUP(buf_free) = buf_new(2);
    assert_int_equal(mail_decode_body(&part, &small, &seen), SD_ERR_LIMIT);
    assert_int_equal(seen, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64),
        cmocka_unit_test(base64_agrees_with_the_strict_one),
        cmocka_unit_test(quoted_printable),
        cmocka_unit_test(a_body_by_its_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
