#include "auth/link_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ARENA_BYTES ((size_t)16 * 1024 * 1024)

static bool misleads(const char *text, const char *target) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    return link_misleads(span_cstr(text), span_cstr(target), arena);
}

static void what_misleads(void **state) {
    (void)state;
    static const char *const links[][2] = {
        {"https://bank.example/login", "https://evil.example/login"},
        {"bank.example", "https://evil.example"},
        {"www.bank.example", "http://evil.example/www.bank.example"},
        {"BANK.example", "https://evil.example"},
        {"(bank.example).", "https://evil.example"},
        {"kim@bank.example", "mailto:kim@evil.example"},
        {"kim@bank.example", "https://evil.example/"},
        {"kim@bank.example", "mailto:kim@bank.example,x@evil.example"},
        {"kim@bank.example", "mailto:kim%40evil.example?subject=x@bank.example"},
        {"bank.example", "https://bank.example@evil.example"},
        {"bank.example", "https://bank.example:x@evil.example/"},
        {"bank.example", "https://bank.example%2f@evil.example/"},
        {"bank.example", "https:\\\\evil.example\\bank.example"},
        {"bank.example", "https:evil.example"},
        {"bank.example", "https:////evil.example"},
        {"bank.example", "//evil.example/bank.example"},
        {"bank.example", "/\\evil.example/bank.example"},
        {"bank.example", " \x01ht\ntps://ev\til.example/"},
        {"bank.example", "https://evil.example#@bank.example"},
        {"bank.example", "https://evil.example?@bank.example"},
        {"bank.example", "https://evil.example\\@bank.example"},
        {"bank.example", "https://evil%2eexample/"},
        {"bank.example", "https://evil\xe3\x80\x82"
                         "example/"},
        {"bank.example", "https://xn--bnk-6cd.example/"},
        {"b\xd0\xb0nk.example", "https://bank.example/"},
        {"bank.example", "https://bank.example.evil.example/"},
        {"bank.example", "https://192.0.2.1/"},
        {"bank.example", "https://[2001:db8::1]/"},
        {"bank.example", "https://3221225985/"},
        {"ba\xe2\x80\x8bnk.example", "https://evil.example"},
        {"\xe2\x80\xad"
         "bank.example\xe2\x80\xac",
         "https://evil.example"},
        {"\xef\xbd\x82\xef\xbd\x81nk.example", "https://evil.example"},
        {"bank\xef\xbc\x8e"
         "example",
         "https://evil.example"},
        {"Log in at https://bank.example/login now", "https://evil.example"},
        {"Bank (www.bank.example)", "https://evil.example"},
        {"https://bank.example@evil.example/", "https://evil.example/"},
        {"bank.com", "https://bank.co/"},
        {"bank.co.uk", "https://tank.co.uk/"},
        {"bank.example/login", "https://evil.example/login"},
        {"bank.example:443", "https://evil.example"},
        {"bank.example", "ftp://evil.example/"},
        {"M\xc3\xbcller.example", "https://muller.example/"},
    };
    for (size_t i = 0; i < SD_COUNT(links); i++)
        if (!misleads(links[i][0], links[i][1]))
            fail_msg("<%s> should mislead to <%s>", links[i][0], links[i][1]);
}

static void what_does_not(void **state) {
    (void)state;
    static const char *const links[][2] = {
        {"Click here", "https://evil.example"},
        {"", "https://evil.example"},
        {"bank.example", "https://bank.example/login"},
        {"bank.example", "HTTPS://WWW.Bank.Example:8443/login?x=evil.example"},
        {"https://www.bank.example/", "https://login.bank.example/"},
        {"bank.example", "https://user:pass@bank.example/"},
        {"kim@bank.example", "mailto:Kim@Bank.example?cc=x@evil.example"},
        {"kim@bank.example", "https://bank.example/contact"},
        {"Kim (kim@bank.example)", "https://evil.example"}, /* not the whole text, no URL */
        {"node.js", "https://evil.example"},
        {"README.md", "https://evil.example"},
        {"setup.zip", "https://evil.example"},
        {"1.50", "https://evil.example"},
        {"3.141.592", "https://evil.example"},
        {"Mr.Smith", "https://evil.example"},
        {"bank.example", "#top"},
        {"bank.example", "/login"},
        {"bank.example", "login.html"},
        {"bank.example", "tel:+4930123"},
        {"bank.example", "cid:logo@evil.example"},
        {"bank.example", "mailto:?subject=hello"},
        {"bank.example", "javascript:x()"},
        {"bank.example", "https://"},
        {"m\xc3\xbcller.example", "https://xn--mller-kva.example/"},
        {"xn--mller-kva.example", "https://m\xc3\xbcller.example/"},
        {"https://192.0.2.1/x", "https://evil.example"},
        {"Dear customer. See below...", "https://evil.example"},
        {"bank.example", "https://bank%2Eexample/"},
        {"\xff\xfe.\xff", "https://evil.example"},
    };
    for (size_t i = 0; i < SD_COUNT(links); i++)
        if (misleads(links[i][0], links[i][1]))
            fail_msg("<%s> should not mislead to <%s>", links[i][0], links[i][1]);
}

static bool letter_misleads(const char *html) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    struct buf b SD_CLEANUP(buf_free) = buf_new(65536);
    struct mail_message m;
    bool result = false;
    buf_text(&b, "From: a@b.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n");
    buf_text(&b, html);
    assert_int_equal(mail_parse(buf_span(&b), arena, &m), SD_OK);
    assert_int_equal(links_mislead(&m, arena, &result), SD_OK);
    return result;
}

static void in_a_letter(void **state) {
    (void)state;
    assert_true(letter_misleads("<A HREF=\"https://evil.example\">bank.example</A>"));
    assert_true(letter_misleads("<a href='https://ev&#105;l.example'>ba<b>nk</b>.exam<i>ple</i></a>"));
    assert_true(letter_misleads("<a href=https://evil.example>&#8203;bank&#46;example&nbsp;</a>"));
    assert_true(letter_misleads("<a href=https://evil.example><span style='display:none'>x</span>bank.example</a>"));
    assert_true(letter_misleads("<base href='https://evil.example/'><a href='login'>bank.example</a>"));
    assert_true(letter_misleads("<a href=ok>bank.example</a><a href='https://evil.example'>bank.example"));
    assert_false(letter_misleads("<a href='https://evil.example'><img alt='bank.example'></a>"));
    assert_false(letter_misleads("<a href='https://evil.example'>Click</a> bank.example"));
    assert_false(letter_misleads("<a name=x>bank.example</a>"));
    assert_false(letter_misleads("<script>'<a href=https://evil.example>bank.example</a>'</script>"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_misleads), cmocka_unit_test(what_does_not),
                                       cmocka_unit_test(in_a_letter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
