#include "mail/html_clean.h"
#include "mail/html_strict.h"
#include "mail/mail_test.h"

static struct html_clean_report report;

/* Cleaned, looked at by the strict checker, and cleaned again with the same result. */
static struct buf clean(struct span html) {
    struct buf once = buf_new(2 * HTML_CLEAN_MAX_BYTES);
    struct buf twice SD_CLEANUP(buf_free) = buf_new(2 * HTML_CLEAN_MAX_BYTES);
    struct html_clean_report second = {0};
    assert_int_equal(mail_html_clean(html, &once, &report), SD_OK);
    const char *fault = strict_fault(buf_span(&once));
    if (fault)
        fail_msg("%s in <%.*s>", fault, SPAN_FMT(buf_span(&once)));
    assert_int_equal(mail_html_clean(buf_span(&once), &twice, &second), SD_OK);
    if (!span_eq(buf_span(&once), buf_span(&twice)))
        fail_msg("first <%.*s>, then <%.*s>", SPAN_FMT(buf_span(&once)), SPAN_FMT(buf_span(&twice)));
    return once;
}

static void assert_clean(const char *html, const char *expected) {
    struct buf b SD_CLEANUP(buf_free) = clean(span_cstr(html));
    assert_text(buf_span(&b), expected);
}

static void text_and_structure_stay(void **state) {
    (void)state;
    assert_clean("", "");
    assert_clean("plain &lt;b&gt; & \"quoted\" \xc3\xa4", "plain &lt;b&gt; &amp; &quot;quoted&quot; \xc3\xa4");
    assert_clean("<b>a</b><i>b</i><u>c</u><br>d<hr>", "<b>a</b><i>b</i><u>c</u><br>d<hr>");
    assert_clean("<p>one<p>two", "<div style=\"margin:1em 0\">one</div><div style=\"margin:1em 0\">two</div>");
    assert_clean("<p style='margin:0;text-align:center'>x</p>", "<div style=\"margin:0;text-align:center\">x</div>");
    assert_clean("<ul><li>a<li>b</ul><ol start=3><li>c</ol>", "<ul><li>a</li><li>b</li></ul><ol start=\"3\"><li>c</li></ol>");
    assert_clean(
        "<table width='600px' cellpadding=4 align=center><tr><td colspan=2 valign=top>x</table>",
        "<table align=\"center\" width=\"600\" cellpadding=\"4\"><tbody><tr><td valign=\"top\" colspan=\"2\">x</td></tr>"
        "</tbody></table>");
    assert_clean("<section><o:p>x</o:p></section>", "<div>x</div>");
    assert_clean("<pre>\n\n a\n  b</pre>", "<pre>\n\n a\n  b</pre>");
    assert_clean("<font color=red size=+1 face='Arial,\"Comic Sans MS\"'>x</font>",
                 "<font size=\"4\" style=\"color:#ff0000;font-family:Arial,Comic Sans MS\">x</font>");
    assert_clean("<body bgcolor=navy text=white>x", "<div style=\"color:#ffffff;background-color:#000080\">x</div>");
}

/* Where a parser would move an element, its tags are not written. */
static void elements_stand_where_a_parser_leaves_them(void **state) {
    (void)state;
    assert_clean("<ul><div><li>a</div></ul>", "<ul><div><div>a</div></div></ul>");
    assert_clean(
        "<a href=http://a.example/>a.example<table><tr><td><a href=http://b.example/>b.example</a></table></a>",
        "<a href=\"http://a.example/\" rel=\"noopener noreferrer nofollow\">a.example<table><tbody><tr><td>b.example</td>"
        "</tr></tbody></table> [a.example]</a>");
    assert_clean("<table><tr>lost<td>x</table>", "lost<table><tbody><tr><td>x</td></tr></tbody></table>");
    assert_clean("<p>a<table><tr><td>b</table>c",
                 "<div style=\"margin:1em 0\">a<table><tbody><tr><td>b</td></tr></tbody></table>c"
                 "</div>");
    assert_clean("<h1><button><h2>x</h2></button></h1>", "<h1>x</h1>");
    assert_clean("<b><b><b><b><b>x</b></b></b></b></b>y", "<b><b><b><b><b>x</b></b></b></b></b>y");
}

static void nothing_runs(void **state) {
    (void)state;
    assert_clean("a<script>alert(1)</script><b onclick=x() id=i class=c name=n>b</b>", "a<b>b</b>");
    assert_int_equal(report.scripts, 2);
    assert_clean("<a href='java\nscript:alert(1)'>x</a><a href=' javascript:x'>y</a><a href='data:text/html,x'>z</a>", "xyz");
    assert_int_equal(report.links, 3);
    assert_clean("<svg><script>x</script><a href=http://x/>t</a></svg><math><mi>y</math><template><b>t</b></template>z", "z");
    assert_clean("<iframe src=http://x/>t</iframe><object data=x><b>u</b></object><embed src=x><video src=x>v</video>w", "w");
    assert_clean("<noscript><p title='</noscript><img src=x onerror=x>'></noscript>y", "<div style=\"margin:1em 0\">y</div>");
    assert_clean("<title><img src=x></title><textarea><b></textarea><xmp><script></xmp>", "<pre>\n&lt;script&gt;</pre>");
    assert_clean("a<!-- <b> --><!--[if mso]><b>x</b><![endif]--><?php x ?>b", "ab");
    assert_clean("<plaintext></b><script>", "<pre>\n&lt;/b&gt;&lt;script&gt;</pre>");
    assert_clean(
        "<style>*{}</style><link rel=stylesheet href=http://x/><meta http-equiv=refresh content=0><base href=http://x/>t", "t");
}

static void nothing_is_asked(void **state) {
    (void)state;
    assert_clean("<form action=http://x/>Name <input name=n value=v><select><option>o</select><textarea>t</textarea>"
                 "<button formaction=x>Go</button></form>",
                 "Name Go");
    assert_int_equal(report.forms, 5);
}

static void nothing_is_fetched(void **state) {
    (void)state;
    assert_clean("<img src=http://x/a.png alt='Our \"logo\"'>", "[picture: Our &quot;logo&quot;]");
    assert_int_equal(report.pictures, 1);
    assert_clean("<img src=cid:1><img src='data:image/png;base64,xx' alt=''>", "[picture]");
    assert_int_equal(report.pictures, 0);
    assert_clean("<img src=http://x/t.gif width=1 height=1 alt=x>y", "y");
    assert_int_equal(report.pictures, 1);
    assert_clean("<table background=http://x/><tr><td style='background:#eee url(http://x/) no-repeat'>x</table>",
                 "<table><tbody><tr><td style=\"background-color:#eeeeee\">x</td></tr></tbody></table>");
    assert_int_equal(report.pictures, 2);
    assert_clean("<td style='font-size:0'><img src=http://x/ alt=Sale></td>", "[picture: Sale]");
    assert_clean("<div style='font-size:0'><img src=http://x/ alt=Sale></div>",
                 "<div style=\"font-size:0\"><span style=\"font-size:13px\">[picture: Sale]</span></div>");
}

static void styles_stay_in_their_place(void **state) {
    (void)state;
    assert_clean("<div style='position:fixed;top:0;z-index:9;float:left;color:red'>x</div>",
                 "<div style=\"color:#ff0000\">x</div>");
    assert_clean(
        "<div style=\"width:expression(alert(1));background:url(x);margin:-9px;padding:9999px;behavior:url(x)\">x</div>",
        "<div>x</div>");
    assert_clean("<div style='color:var(--x);@import x;font-size:900px;c\\6flor:red;width:calc(1px)'>x</div>", "<div>x</div>");
    assert_clean("<div style='font-family:\"}*{x:y\", 9x, Arial;letter-spacing:-3px'>x</div>",
                 "<div style=\"font-family:Arial\">x</div>");
    assert_clean("<div style='border:1px SOLID Red !important;padding:1.50em 0 3.333px;line-height:1.4'>x</div>",
                 "<div style=\"border:1px solid #ff0000;padding:1.5em 0 3.33px;line-height:1.4\">x</div>");
    assert_clean(
        "<div style='font:italic bold 12px/1.5 \"Open Sans\",sans-serif'>x</div>",
        "<div style=\"font-size:12px;font-style:italic;font-weight:bold;line-height:1.5;font-family:Open Sans,sans-serif\">"
        "x</div>");
    assert_clean("<div style='color:rgba(0,0,0,.5)'>x</div>", "<div style=\"color:#808080\">x</div>");
}

static void hidden_text_is_left_out(void **state) {
    (void)state;
    static const char *const disguises[] = {
        "<div style='display:none'>no</div>yes",
        "<div style='DISPLAY : none !important'>no<b style='display:block'>no</b></div>yes",
        "<div hidden>no</div>yes",
        "<div style='visibility:hidden'>no</div>yes",
        "<div style='opacity:0'>no</div>yes",
        "<div style='max-height:0;overflow:hidden'>no</div>yes",
        "<div style='position:absolute;left:-9999px'>no</div>yes",
        "<div style='display:/**/none'>no</div>yes",
        "<o:p style='display:none'>no</o:p>yes",
        "<div style='color:transparent'>no</div>yes",
        "<div style='clip:rect(0 0 0 0)'>no</div>yes",
    };
    for (size_t i = 0; i < SD_COUNT(disguises); i++) {
        assert_clean(disguises[i], "yes");
        assert_int_equal(report.hidden, 1);
    }
    assert_clean("<span style='font-size:1px'>no</span>yes", "<span style=\"font-size:1px\"></span>yes");
    assert_int_equal(report.hidden, 1);
    assert_clean("<div style='font-size:0'><p style='font-size:12px;margin:0'>yes</div>",
                 "<div style=\"font-size:0\"><div style=\"font-size:12px;margin:0\">yes</div></div>");
    assert_clean("<div style='display:none'> &nbsp;&zwnj; </div>", "");
    assert_int_equal(report.hidden, 0);
}

static void text_can_be_told_from_its_background(void **state) {
    (void)state;
    assert_clean("<span style='color:#fff'>x</span>", "<span>x</span>");
    assert_int_equal(report.unreadable, 1);
    assert_clean("<div style='background:#123;color:#112233'>x</div>", "<div style=\"background-color:#112233\">x</div>");
    assert_clean("<div style='background:#010101;color:#000'>x</div>", "<div>x</div>");
    assert_clean("<div style='background:#000'><b style='color:white'>x</b></div>", "<div><b>x</b></div>");
    assert_clean("<div style='background:#000;color:white'>x</div>",
                 "<div style=\"color:#ffffff;background-color:#000000\">x</div>");
}

#define REL "rel=\"noopener noreferrer nofollow\""

static void links_say_where_they_lead(void **state) {
    (void)state;
    assert_clean("<a href='https://x.example/y' target=_top title=t>click</a>",
                 "<a href=\"https://x.example/y\" " REL ">click [x.example]</a>");
    assert_clean("<a href='https://bank.example@evil.example/'>https://bank.example/</a>",
                 "<a href=\"https://evil.example/\" " REL ">https://bank.example/ [evil.example]</a>");
    assert_clean("<a href='HTTPS:\\\\Evil.Example:443\\a b'>evil.example</a>",
                 "<a href=\"https://evil.example/a%20b\" " REL ">evil.example</a>");
    assert_clean("<a href='http://b\xc3\xbc"
                 "cher.example'>b\xc3\xbc"
                 "cher.example</a>",
                 "<a href=\"http://xn--bcher-kva.example/\" " REL ">b\xc3\xbc"
                 "cher.example [xn--bcher-kva.example]</a>");
    assert_clean("<a href='http://0x7f.1/'>x</a>", "<a href=\"http://127.0.0.1/\" " REL ">x [127.0.0.1]</a>");
    assert_clean("<a href='http://3232235777/'>x</a>", "<a href=\"http://192.168.1.1/\" " REL ">x [192.168.1.1]</a>");
    assert_clean("<a href='http://ex%61mple.org/?q=\"&x'>x</a>",
                 "<a href=\"http://example.org/?q=%22&amp;x\" " REL ">x [example.org]</a>");
    assert_clean("<a href='mailto:a@b.example?subject=s'>write</a> <a href='mailto:a@b.example'>a@b.example</a>",
                 "<a href=\"mailto:a@b.example?subject=s\" " REL ">write [a@b.example]</a> "
                 "<a href=\"mailto:a@b.example\" " REL ">a@b.example</a>");
    assert_clean("<a href='tel:+49 (30) 12-3'>call</a>", "<a href=\"tel:+4930123\" " REL ">call [+4930123]</a>");
    assert_clean("<a href=http://x.example/>[bank.example]</a>",
                 "<a href=\"http://x.example/\" " REL ">[bank.example] [x.example]</a>");
    assert_clean("<a href=http://x.example/>\xe2\x80\xae[x.example]</a>",
                 "<a href=\"http://x.example/\" " REL ">[x.example]</a>");
    assert_clean("<a href=http://x.example/><img src=http://x/ alt=''></a>",
                 "<a href=\"http://x.example/\" " REL ">[picture] [x.example]</a>");
    assert_clean(
        "<a href=http://x.example/></a>y<a href=#top>z</a><a href=/rel>r</a><a href=//h/>s</a><a href='http://a b/'>t</a>",
        "yzrst");
    assert_clean("<a href='http://[::1]:8080/'>x</a>", "<a href=\"http://[::1]:8080/\" " REL ">x [[::1]]</a>");
}

static void depth_and_size_are_bounded(void **state) {
    (void)state;
    struct buf html SD_CLEANUP(buf_free) = buf_new((size_t)16 * 1024 * 1024);
    for (int i = 0; i < 500; i++)
        buf_text(&html, i % 3 ? "<div>" : "<table><tr><td>");
    buf_text(&html, "deep");
    struct buf deep SD_CLEANUP(buf_free) = clean(buf_span(&html));
    assert_true(span_search(buf_span(&deep), SPAN("deep")) < deep.n);
    buf_reset(&html);
    for (int i = 0; i < 90000; i++)
        buf_text(&html, "<li>");
    struct buf many SD_CLEANUP(buf_free) = clean(buf_span(&html));
    assert_false(report.as_text);
    buf_reset(&html);
    for (int i = 0; i < 2000; i++)
        buf_text(&html, "<b><p>x");
    struct buf formatting SD_CLEANUP(buf_free) = clean(buf_span(&html));
    buf_reset(&html);
    for (int i = 0; i < 300000; i++)
        buf_text(&html, "&lt;&gt;ab <");
    struct buf longer SD_CLEANUP(buf_free) = clean(buf_span(&html));
    assert_true(report.cut && longer.n <= HTML_CLEAN_MAX_BYTES + 4096);
    buf_reset(&html);
    for (int i = 0; i < 60000; i++)
        buf_text(&html, "<b style=color:red><i><p>");
    struct buf costly SD_CLEANUP(buf_free) = clean(buf_span(&html));
    assert_true(report.as_text);
    struct buf reference SD_CLEANUP(buf_free) = clean(SPAN("<b>a&#xeeeeeeeeeeeeeeeeeeee;</b>&#1234567890123;"));
    assert_true(report.as_text && span_is_utf8(buf_span(&reference)));
}

static void assert_letter(const char *body, const char *expected) {
    struct buf message SD_CLEANUP(buf_free) = buf_new(65536), html SD_CLEANUP(buf_free) = buf_new(2 * HTML_CLEAN_MAX_BYTES);
    mail_ambiguities seen = 0;
    buf_text(&message, MAIL_HEAD "MIME-Version: 1.0\r\n");
    buf_text(&message, body);
    struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(buf_span(&message));
    assert_int_equal(mail_html(&p.m, &html, &seen), SD_OK);
    assert_text(buf_span(&html), expected);
}

#define ALTERNATIVE "Content-Type: multipart/alternative; boundary=a\r\n\r\n"
#define PLAIN "Content-Type: text/plain\r\n\r\n"
#define HTML "Content-Type: text/html; charset=iso-8859-1\r\n\r\n"

static void the_html_of_a_letter(void **state) {
    (void)state;
    assert_letter("\r\njust <b>text</b>\r\n", "");
    assert_letter(HTML "<b>\xe4</b>", "<b>\xc3\xa4</b>");
    assert_letter(ALTERNATIVE "--a\r\n" PLAIN "plain\r\n--a\r\n" HTML "<i>html</i>\r\n--a--\r\n", "<i>html</i>");
    assert_letter(ALTERNATIVE "--a\r\n" HTML "<i>one</i>\r\n--a\r\n" HTML "<i>two</i>\r\n--a\r\n" PLAIN "x\r\n--a--\r\n",
                  "<i>two</i>");
    assert_letter("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" HTML "<i>html</i>\r\n--a\r\n" PLAIN
                  "foot < er\r\n--a\r\n"
                  "Content-Disposition: attachment\r\n" HTML "<b>not</b>\r\n--a--\r\n",
                  "<i>html</i><div style=\"white-space:pre-wrap\">foot &lt; er</div>");
    assert_letter("Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+eDwvYj4=\r\n", "<b>x</b>");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_structure_stay),
        cmocka_unit_test(elements_stand_where_a_parser_leaves_them),
        cmocka_unit_test(nothing_runs),
        cmocka_unit_test(nothing_is_asked),
        cmocka_unit_test(nothing_is_fetched),
        cmocka_unit_test(styles_stay_in_their_place),
        cmocka_unit_test(hidden_text_is_left_out),
        cmocka_unit_test(text_can_be_told_from_its_background),
        cmocka_unit_test(links_say_where_they_lead),
        cmocka_unit_test(depth_and_size_are_bounded),
        cmocka_unit_test(the_html_of_a_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
