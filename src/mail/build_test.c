#include "mail/build.h"

#include "core/limits.h"
#include "mail/mail_test.h"

static struct mail_address address(struct span display, struct span a) {
    return (struct mail_address){.display = display, .address = a};
}

static const int64_t when = 1700000000000;

static struct mail_draft draft(void) {
    return (struct mail_draft){
        .from = address(SPAN("Support"), SPAN("support@example.org")),
        .subject = SPAN("Hello"),
        .message_id = SPAN("1@example.org"),
        .text = SPAN("Hi\n"),
        .date_unix_ms = when,
    };
}

/* Every line of what was built, and nothing in it that could be read in two ways. */
static void assert_well_formed(struct span message, size_t body_line_max) {
    bool in_body = false;
    while (message.n) {
        size_t n = span_search(message, SPAN("\r\n"));
        assert_true(n + 2 <= message.n);
        struct span line = span_sub(message, 0, n);
        assert_true(span_find(line, '\n') == line.n && span_find(line, '\r') == line.n && span_is_ascii(line));
        assert_true(n <= (in_body ? body_line_max : 998));
        in_body |= n == 0;
        message = span_from(message, n + 2);
    }
    assert_true(in_body);
}

static void minimal(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(10000);
    struct mail_draft d = draft();
    struct mail_address to[2] = {address(SPAN_NONE, SPAN("a@b.example")), address(SPAN("B, C."), SPAN("\"b c\"@d.example"))};
    d.to = to;
    d.to_count = 2;
    d.in_reply_to = SPAN("0@x");
    d.references = &d.in_reply_to;
    d.reference_count = 1;
    d.auto_generated = true;
    assert_int_equal(mail_build(&d, &b), SD_OK);
    assert_text(buf_span(&b), "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
                              "From: Support <support@example.org>\r\n"
                              "To: a@b.example, \"B, C.\" <\"b c\"@d.example>\r\n"
                              "Subject: Hello\r\n"
                              "Message-ID: <1@example.org>\r\n"
                              "In-Reply-To: <0@x>\r\n"
                              "References: <0@x>\r\n"
                              "Auto-Submitted: auto-generated\r\n"
                              "MIME-Version: 1.0\r\n"
                              "Content-Type: text/plain; charset=us-ascii\r\n"
                              "Content-Transfer-Encoding: 7bit\r\n\r\nHi\r\n");
}

struct round_trip {
    const char *display;
    const char *subject;
    const char *text;
    const char *text_back;
};

static void survives_the_parser(void **state) {
    (void)state;
    static const struct round_trip cases[] = {
        {"Support", "Hello", "Hi\n", "Hi\n"},
        {"J\xc3\xb6rg \"X\" M\xc3\xbcller",
         "Gr\xc3\xbc\xc3\x9f"
         "e \xf0\x9f\x98\x80",
         "Gr\xc3\xbc\xc3\x9f"
         "e\r\nzwei",
         "Gr\xc3\xbc\xc3\x9f"
         "e\nzwei\n"},
        {"A \"quoted\" \\ name (c) <x@y>", "=?utf-8?Q?no_word?=", "=41 \n.\n..\nFrom me\n\nend ",
         "=41 \n.\n..\nFrom me\n\nend \n"},
        {"Ann B.", "two  spaces  kept",
         "tab\t\nlong words longwordslongwordslongwordslongwordslongwordslongwordslongwordslongwords x\n",
         "tab\t\nlong words longwordslongwordslongwordslongwordslongwordslongwordslongwordslongwords x\n"},
        {"", "", "", ""},
        {"A very long display name that has to be folded somewhere or encoded, because it is longer than a line",
         "A subject of many words that goes on and on so that it cannot stand in one line of seventy-six characters at all",
         "x\n", "x\n"},
        {"\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c"
         "\xac\xe6\x97\xa5"
         "\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac",
         "onewordwithoutanyspaceonewordwithoutanyspaceonewordwithoutanyspaceonewordwithoutanyspace", "\xe6\x97\xa5\n",
         "\xe6\x97\xa5\n"},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct buf b SD_CLEANUP(buf_free) = buf_new(100000), text SD_CLEANUP(buf_free) = buf_new(100000);
        struct mail_draft d = draft();
        d.from.display = span_cstr(cases[i].display);
        d.subject = span_cstr(cases[i].subject);
        d.text = span_cstr(cases[i].text);
        assert_int_equal(mail_build(&d, &b), SD_OK);
        assert_well_formed(buf_span(&b), 76);
        struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(buf_span(&b));
        struct mail_address from;
        int64_t date = 0;
        assert_int_equal(p.m.ambiguities, 0);
        assert_int_equal(mail_from(&p.m, &from), SD_OK);
        assert_text(from.display, cases[i].display);
        assert_text(mail_subject(&p.m), cases[i].subject);
        assert_text(mail_message_id(&p.m), "1@example.org");
        assert_int_equal(mail_date(&p.m, &date), SD_OK);
        assert_int_equal(date, when);
        assert_int_equal(mail_text(&p.m, &text, &p.m.ambiguities), SD_OK);
        assert_text(buf_span(&text), cases[i].text_back);
    }
}

/* Nothing that a person or a letter put into a draft becomes a field of its own. */
static void refuses_what_a_header_cannot_carry(void **state) {
    (void)state;
    struct mail_draft bad[12];
    for (size_t i = 0; i < SD_COUNT(bad); i++)
        bad[i] = draft();
    const struct span folded = SPAN("1@x>\r\n <2@x");
    bad[0].from.address = SPAN("a@b\r\nBcc: c@d");
    bad[1].from.display = SPAN("x\r\nBcc: c@d");
    bad[2].from.address = SPAN_NONE;
    bad[3].from.address = SPAN("a@b, c@d");
    bad[4].message_id = SPAN("a b@c");
    bad[5].message_id = SPAN_NONE;
    bad[6].in_reply_to = SPAN("a>\r\nX: <y");
    bad[7].references = &folded;
    bad[7].reference_count = 1;
    bad[8].text = SPAN("\xff");
    bad[9].from.address = SPAN("j\xc3\xb6rg@b.example");
    bad[10].reply_to.address = SPAN("a@b\n");
    bad[11].from.display = SPAN("\xff");
    for (size_t i = 0; i < SD_COUNT(bad); i++) {
        struct buf b SD_CLEANUP(buf_free) = buf_new(10000);
        buf_text(&b, "kept");
        assert_int_equal(mail_build(&bad[i], &b), SD_ERR_PARSE);
        assert_text(buf_span(&b), "kept");
    }
}

static void a_subject_with_line_ends_stays_one_field(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(10000);
    struct mail_draft d = draft();
    d.subject = SPAN("x\r\nBcc: c@d.example");
    assert_int_equal(mail_build(&d, &b), SD_OK);
    struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(buf_span(&b));
    assert_null(mail_field_first(&p.m.header, SPAN("Bcc")));
    assert_text(mail_subject(&p.m), "x  Bcc: c@d.example");
}

static void keeps_to_its_limits(void **state) {
    (void)state;
    struct mail_draft d = draft();
    struct buf small SD_CLEANUP(buf_free) = buf_new(100);
    assert_int_equal(mail_build(&d, &small), SD_ERR_LIMIT);
    struct mail_address many[LIMIT_RECIPIENTS + 1];
    for (size_t i = 0; i < SD_COUNT(many); i++)
        many[i] = address(SPAN("N"), SPAN("n@example.org"));
    struct buf b SD_CLEANUP(buf_free) = buf_new(100000);
    d.to = many;
    d.to_count = LIMIT_RECIPIENTS;
    assert_int_equal(mail_build(&d, &b), SD_OK);
    assert_well_formed(buf_span(&b), 76);
    d.to_count++;
    assert_int_equal(mail_build(&d, &b), SD_ERR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minimal),
        cmocka_unit_test(survives_the_parser),
        cmocka_unit_test(refuses_what_a_header_cannot_carry),
        cmocka_unit_test(a_subject_with_line_ends_stays_one_field),
        cmocka_unit_test(keeps_to_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
