#include "core/limits.h"
#include "mail/mail_test.h"

static struct mail_links links_of(const char *message, struct parsed *p) {
    struct mail_links links;
    *p = parse_text(message);
    assert_int_equal(mail_links(&p->m, p->arena, &links), SD_OK);
    return links;
}

static void assert_link(struct mail_link link, const char *text, const char *target) {
    assert_text(link.text, text);
    assert_text(link.target, target);
}

#define HTML_HEAD MAIL_HEAD "Content-Type: text/html; charset=utf-8\r\n\r\n"

static void what_is_read_and_where_it_leads(void **state) {
    (void)state;
    struct parsed p SD_CLEANUP(parsed_free) = {.arena = NULL};
    struct mail_links links = links_of(HTML_HEAD
                                       "<p><A HREF='https://a.example/?x&amp;y'> One\r\n <b>t</b>wo&nbsp;&#51;<br>four </A>"
                                       "<a href=b>five<a href=c>six</a>"
                                       "<a name=n>none</a><a href=d><img alt=x></a><a href=''>none</a>"
                                       "<a href=e>se<style>x</style><span hidden>x</span><i style='DISPLAY:none'>x</i>ven",
                                       &p);
    assert_int_equal(links.count, 4);
    assert_link(links.items[0], "One two 3 four", "https://a.example/?x&y");
    assert_link(links.items[1], "five", "b");
    assert_link(links.items[2], "six", "c");
    assert_link(links.items[3], "seven", "e");
    assert_false(links.cut);
}

static void a_base_moves_what_is_relative(void **state) {
    (void)state;
    struct parsed p SD_CLEANUP(parsed_free) = {.arena = NULL};
    struct mail_links links = links_of(HTML_HEAD "<a href=login>1</a><a href='http:x'>2</a><a href='//b.example'>3</a>"
                                                 "<base href='https://base.example/'><base href='https://later.example/'>"
                                                 "<a href='/x?a:b'>4</a><a href='mailto:a@b.example'>5</a>",
                                       &p);
    assert_int_equal(links.count, 5);
    assert_link(links.items[0], "1", "https://base.example/");
    assert_link(links.items[1], "2", "http:x");
    assert_link(links.items[2], "3", "//b.example");
    assert_link(links.items[3], "4", "https://base.example/");
    assert_link(links.items[4], "5", "mailto:a@b.example");
}

/* Both alternatives and every inline part; not a file, nor what an attached message holds. */
static void of_every_inline_part(void **state) {
    (void)state;
    struct parsed p SD_CLEANUP(parsed_free) = {.arena = NULL};
    struct mail_links links = links_of(
        MAIL_HEAD
        "Content-Type: multipart/mixed; boundary=m\r\n\r\n"
        "--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
        "--a\r\n\r\n<a href=x>plain</a>\r\n"
        "--a\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<a "
        "href=3D1>o=\r\nne</a>\r\n--a--\r\n"
        "--m\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: text/html\r\n\r\n<a href=x>inner</a>\r\n"
        "--m\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename=a.html\r\n\r\n<a href=x>file</a>\r\n"
        "--m\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGEgaHJlZj0yPnR3bzwvYT4=\r\n--m--\r\n",
        &p);
    assert_int_equal(links.count, 2);
    assert_link(links.items[0], "one", "1");
    assert_link(links.items[1], "two", "2");
}

static void more_than_is_read(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new((size_t)8 * 1024 * 1024);
    buf_text(&b, HTML_HEAD);
    for (int i = 0; i < MAIL_LINKS_MAX + 1; i++)
        buf_text(&b, "<a href=x>y</a>\r\n");
    struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(buf_span(&b));
    struct mail_links links;
    assert_int_equal(mail_links(&p.m, p.arena, &links), SD_OK);
    assert_int_equal(links.count, MAIL_LINKS_MAX);
    assert_true(links.cut);
    struct span text = links.items[MAIL_LINKS_MAX - 1].text;
    assert_text(text, "y");
}

static void long_ones_are_cut(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new((size_t)8 * 1024 * 1024);
    buf_text(&b, HTML_HEAD "<a href='");
    buf_fill(&b, 'x', 100000);
    buf_text(&b, "'>");
    buf_fill(&b, 'y', 100000);
    buf_text(&b, "</a>");
    for (int i = 0; i < 3000; i++) /* nested too deeply to be parsed */
        buf_text(&b, "\r\n<div>");
    struct parsed deep SD_CLEANUP(parsed_free) = parse_bytes(buf_span(&b));
    struct mail_links links;
    assert_int_equal(mail_links(&deep.m, deep.arena, &links), SD_OK);
    assert_int_equal(links.count, 0);
    assert_true(links.cut);
    b.n -= sizeof "\r\n<div>" * 3000 - 3000;
    struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(buf_span(&b));
    assert_int_equal(mail_links(&p.m, p.arena, &links), SD_OK);
    assert_int_equal(links.count, 1);
    assert_int_equal(links.items[0].target.n, MAIL_LINK_TARGET_MAX);
    assert_int_equal(links.items[0].text.n, MAIL_LINK_TEXT_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_and_where_it_leads),
        cmocka_unit_test(a_base_moves_what_is_relative),
        cmocka_unit_test(of_every_inline_part),
        cmocka_unit_test(more_than_is_read),
        cmocka_unit_test(long_ones_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
