#include "mail/mail_test.h"

#include "core/limits.h"
#include "mail/flowed.h"

static void flows(const char *text, bool delsp, const char *expected) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(10000);
    flowed_put(span_cstr(text), delsp, &b);
    assert_text(buf_span(&b), expected);
}

/* RFC 3676 §4 */
static void flowed(void **state) {
    (void)state;
    flows("one \ntwo\nthree\n", false, "one two\nthree\n");
    flows("one \ntwo\n", true, "onetwo\n");
    flows(" stuffed\n  two\n", false, "stuffed\n two\n");
    flows("> a \n> b\n>> c \n> d\n", false, "> a b\n> > c \n> d\n");
    flows("text \n-- \nAnn\n", false, "text \n-- \nAnn\n");
    flows("open ", false, "open \n");
    flows("", false, "");
}

static void html(const char *s, const char *expected) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(100000);
    assert_int_equal(mail_html_to_text(span_cstr(s), &b), SD_OK);
    assert_text(buf_span(&b), expected);
}

static void html_to_text(void **state) {
    (void)state;
    html("", "");
    html("<p>One\n  two</p><p>three", "One two\n\nthree\n");
    html("a<br>b<br><br>c", "a\nb\n\nc\n");
    html("<div>a</div><div>b</div>", "a\nb\n");
    html("<h1>Title</h1>text", "Title\n\ntext\n");
    html("<a href='https://x.example/y'>shop</a>.", "shop <https://x.example/y>.\n");
    html("<a href='https://x.example/'>x.example</a>", "x.example\n");
    html("<a href='mailto:a@b.example'>a@b.example</a>", "a@b.example\n");
    html("<a href='javascript:alert(1)'>x</a> <a href='#top'>y</a>", "x y\n");
    html("<a href='https://evil.example'>https://bank.example</a>", "https://bank.example <https://evil.example>\n");
    html("<ul><li>a<li>b<ul><li>c</ul></ul>d", "- a\n- b\n  - c\n\nd\n");
    html("<ol><li><p>a</p></li><li>b</li></ol>", "1. a\n\n2. b\n");
    html("x<blockquote>a<br>b<blockquote>c</blockquote></blockquote>d", "x\n\n> a\n> b\n\n> > c\n\nd\n");
    html("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n");
    html("<pre>a  b\n c</pre>", "a  b\n c\n");
    html("<style>p{}</style><script>x()</script><title>t</title>text<!-- no -->", "text\n");
    html("&lt;b&gt; &amp; &nbsp; &euro; &#0; &#x202e;", "<b> & \xe2\x82\xac \xef\xbf\xbd \xe2\x80\xae\n");
    html("<img src=x alt='Logo'><hr>z", "[Logo]\n---\nz\n");
    html("<p>a\x1b b&#27;", "a\xef\xbf\xbd b\n"); /* gumbo replaces raw ones; written as a reference it goes */
}

/* Documents that cost a tree builder the square of their size are read by the plain reader: the words stay. */
static void costly_html(void **state) {
    (void)state;
    static const struct {
        const char *repeated;
        size_t times;
        const char *end;
    } cases[] = {
        {"<div>", 200000, "word"},
        {"<b><p></b>", 100000, "word"},
        {"<font size=1><p>", 60000, "word"},
        {"<div><table><td></div></td></table>", 30000, "word"},
        {"<table><b x><td></b></table>", 30000, "word"},
        {"<a b c d e f g h i j k l m>", 20000, "word"},
        {"<abcdefghijklmA></abcdefghijklmB>", 30000, "word"},
        {"<body x>", 60000, "word"},
        {"<", 1000000, " word"},
        {"</", 500000, "> word"},
        {"<!--", 200000, "--> word"},
        {"<style>", 100000, "</style> word"},
        {"<svg><input>", 60000, "</svg> word"},
        {"<select><xmp></select><div>", 40000, "</xmp> word"},
        {"&", 1000000, " word"},
        {"<blockquote><br>", 60000, "word"},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct buf in SD_CLEANUP(buf_free) = buf_new(8 * 1024 * 1024), out SD_CLEANUP(buf_free) = buf_new(32 * 1024 * 1024);
        for (size_t k = 0; k < cases[i].times; k++)
            buf_text(&in, cases[i].repeated);
        buf_text(&in, cases[i].end);
        assert_int_equal(mail_html_to_text(buf_span(&in), &out), SD_OK);
        if (span_search(buf_span(&out), SPAN("word")) == out.n)
            fail_msg("%s: the word is lost", cases[i].repeated);
    }
    struct buf in SD_CLEANUP(buf_free) = buf_new(2 * 1024 * 1024), out SD_CLEANUP(buf_free) = buf_new(1024 * 1024);
    buf_text(&in, "<a");
    for (int k = 0; k < 200000; k++)
        buf_printf(&in, " a%d", k);
    buf_text(&in, ">word");
    assert_int_equal(mail_html_to_text(buf_span(&in), &out), SD_OK);
    assert_text(buf_span(&out), "word\n");
}

static void selects(const char *message, const char *expected) {
    struct parsed p SD_CLEANUP(parsed_free) = parse_text(message);
    struct buf b SD_CLEANUP(buf_free) = buf_new(2 * 1024 * 1024);
    mail_ambiguities seen = 0;
    assert_int_equal(mail_text(&p.m, &b, &seen), SD_OK);
    assert_text(buf_span(&b), expected);
}

#define TYPE MAIL_HEAD "Content-Type: "
#define ALTERNATIVE TYPE "multipart/alternative; boundary=b\r\n\r\n"
#define HTML_PART "--b\r\nContent-Type: text/html\r\n\r\n<p>rich\r\n"

static void selection(void **state) {
    (void)state;
    selects(MAIL_HEAD "\r\none\r\ntwo\rthree\r\n", "one\ntwo\nthree\n");
    selects(TYPE "text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<b>caf=E9</b>",
            "caf\xc3\xa9\n");
    selects(TYPE "text/html\r\n\r\n<meta charset=iso-8859-2><p>\xb1", "\xc4\x85\n");
    selects(TYPE "text/plain; format=flowed\r\n\r\none \r\ntwo\r\n", "one two\n");
    selects(ALTERNATIVE "--b\r\n\r\nplain\r\n" HTML_PART "--b--\r\n", "plain\n");
    selects(ALTERNATIVE "--b\r\n\r\n \r\n" HTML_PART "--b--\r\n", "rich\n");
    selects(ALTERNATIVE "--b\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: "
                        "text/html\r\n\r\n<p>in\r\n--r--\r\n--b--\r\n",
            "in\n");
    selects(TYPE "multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n" HTML_PART
                 "--b\r\nContent-Disposition: attachment\r\n\r\nno\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nX: "
                 "y\r\n\r\nno\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
            "one\n\nrich\n\ntwo\n");
    selects(TYPE "multipart/mixed; boundary=none\r\n\r\nshown\r\n", "shown\n");
    selects(TYPE "image/png\r\n\r\nxx", "");
    selects(MAIL_HEAD "\r\n", "");
}

static void long_text_is_cut(void **state) {
    (void)state;
    struct buf message SD_CLEANUP(buf_free) = buf_new(4 * LIMIT_TEXT_BYTES),
                       b SD_CLEANUP(buf_free) = buf_new(2 * LIMIT_TEXT_BYTES);
    buf_text(&message, TYPE "text/plain; charset=utf-8\r\n\r\nx");
    for (size_t i = 0; i < LIMIT_TEXT_BYTES; i++)
        buf_text(&message, "\xc3\xa9");
    struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(buf_span(&message));
    mail_ambiguities seen = 0;
    assert_int_equal(mail_text(&p.m, &b, &seen), SD_OK);
    assert_true(b.n <= LIMIT_TEXT_BYTES && b.n > LIMIT_TEXT_BYTES - 100);
    assert_true(span_ends(buf_span(&b), SPAN("\n[The text is longer. The rest is in the source of the message.]\n")));
    assert_true(span_is_utf8(buf_span(&b)));
}

static bool automatic(const char *message) {
    struct parsed p SD_CLEANUP(parsed_free) = parse_text(message);
    return mail_is_automatic(&p.m);
}

static void automatic_mail(void **state) {
    (void)state;
    assert_false(automatic(MAIL_HEAD "\r\n"));
    assert_false(automatic(MAIL_HEAD "Auto-Submitted: No (really)\r\nPrecedence: first-class\r\n\r\n"));
    assert_true(automatic(MAIL_HEAD "Auto-Submitted: auto-replied; x=y\r\n\r\n"));
    assert_true(automatic(MAIL_HEAD "Precedence: BULK\r\n\r\n"));
    assert_true(automatic(MAIL_HEAD "List-Unsubscribe: <mailto:x@y.example>\r\n\r\n"));
    assert_true(automatic(TYPE "multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\n--b--\r\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flowed),    cmocka_unit_test(html_to_text),     cmocka_unit_test(costly_html),
        cmocka_unit_test(selection), cmocka_unit_test(long_text_is_cut), cmocka_unit_test(automatic_mail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
