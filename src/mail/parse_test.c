#include "mail/mail_test.h"

#include "core/limits.h"

/* The table as text: "depth type [name]" per part, "+" for an attachment. */
static void put_tree(struct buf *to, const struct mail_message *m) {
    for (size_t i = 0; i < m->part_count; i++) {
        const struct mail_part *p = &m->parts[i];
        buf_fill(to, ' ', p->depth);
        buf_put(to, p->type);
        if (p->name.n) {
            buf_text(to, " ");
            buf_put(to, p->name);
        }
        buf_text(to, p->is_attachment ? " +\n" : "\n");
    }
}

static void assert_tree(const struct mail_message *m, const char *expected) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(100000);
    put_tree(&b, m);
    assert_text(buf_span(&b), expected);
}

#define MIXED MAIL_HEAD "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n"

static void a_simple_message(void **state) {
    (void)state;
    struct parsed p SD_CLEANUP(parsed_free) = parse_text(MAIL_HEAD "Message-ID: <1@x>\r\n\r\nHello\r\n");
    assert_int_equal(p.m.ambiguities, 0);
    assert_tree(&p.m, "text/plain\n");
    assert_text(p.m.parts[0].body, "Hello\r\n");
    assert_text(p.m.body_bytes, "Hello\r\n");
    assert_true(span_ends(p.m.header_bytes, SPAN("\r\n\r\n")));
    assert_int_equal(p.m.parts[0].parent, MAIL_NO_PART);
    assert_text(mail_subject(&p.m), "s");
}

static void nested_parts(void **state) {
    (void)state;
    struct parsed p SD_CLEANUP(parsed_free) = parse_text(
        MIXED
        "--b1\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\n\r\nplain\r\n--in\r\nContent-Type: "
        "TEXT/HTML; charset=UTF-8\r\n\r\n<p>html\r\n--in--\r\n\r\n--b1 \t\r\nContent-Type: application/pdf; name=a.pdf\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b1\r\nContent-Type: message/rfc822\r\n\r\nSubject: "
        "inner\r\n\r\nx\r\n"
        "--b1--\r\n");
    assert_int_equal(p.m.ambiguities, 0);
    assert_tree(&p.m, "multipart/mixed\n multipart/alternative\n  text/plain\n  text/html\n application/pdf a.pdf +\n"
                      " message/rfc822 +\n  text/plain\n");
    assert_text(p.m.parts[2].body, "plain");
    assert_text(p.m.parts[3].body, "<p>html");
    assert_text(p.m.parts[3].charset, "utf-8");
    assert_int_equal(p.m.parts[4].encoding, MAIL_ENCODING_BASE64);
    assert_text(p.m.parts[5].body, "Subject: inner\r\n\r\nx");
    assert_true(p.m.parts[5].is_message);
    assert_text(p.m.parts[6].body, "x");
    assert_int_equal(p.m.parts[6].parent, 5);
    assert_text(mail_field_first(&p.m.parts[6].header, SPAN("subject"))->body, " inner");
}

static void a_digest_holds_messages(void **state) {
    (void)state;
    struct parsed p SD_CLEANUP(parsed_free) =
        parse_text(MAIL_HEAD "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: 1\r\n\r\none\r\n--b--\r\n");
    assert_tree(&p.m, "multipart/digest\n message/rfc822 +\n  text/plain\n");
    assert_text(p.m.parts[2].body, "one");
}

struct structure_case {
    const char *bytes;
    mail_ambiguities severe; /* exactly these */
    mail_ambiguities noted;  /* at least these */
    const char *tree;
};

static void check_cases(const struct structure_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct parsed p SD_CLEANUP(parsed_free) = parse_text(cases[i].bytes);
        assert_severe(p.m.ambiguities, cases[i].severe);
        assert_seen(p.m.ambiguities, cases[i].noted);
        assert_tree(&p.m, cases[i].tree);
    }
}

#define TYPE MAIL_HEAD "Content-Type: "
#define END "\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"
#define ONE_PART "multipart/mixed\n text/plain\n"

static void boundaries(void **state) {
    (void)state;
    const struct structure_case cases[] = {
        {TYPE "multipart/mixed; boundary=b" END, 0, 0, ONE_PART},
        {TYPE "multipart/mixed; boundary=\"b\" ; x=y;" END, 0, 0, ONE_PART},
        {TYPE "multipart/mixed (c);\r\n\tboundary=b (d)" END, AMBIGUITY(BOUNDARY_SYNTAX), 0, ONE_PART},
        {TYPE "multipart/mixed; boundary=\"b \"" END, AMBIGUITY(BOUNDARY_SYNTAX), 0, ONE_PART},
        {TYPE "multipart/mixed; boundary=b; boundary=c" END, AMBIGUITY(BOUNDARY_REPEATED), 0, ONE_PART},
        {TYPE "multipart/mixed; boundary*0=b" END, AMBIGUITY(BOUNDARY_SYNTAX), 0, ONE_PART},
        {TYPE "multipart/mixed" END, AMBIGUITY(BOUNDARY_MISSING) | AMBIGUITY(MULTIPART_EMPTY), 0, "multipart/mixed\n"},
        {TYPE "multipart/mixed; boundary=other" END, AMBIGUITY(MULTIPART_EMPTY), AMBIGUITY(BOUNDARY_OPEN), "multipart/mixed\n"},
        {TYPE "multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx", 0, AMBIGUITY(BOUNDARY_OPEN), ONE_PART},
        {TYPE "multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\n\r\nx\r\n--b--\r\n", 0, AMBIGUITY(MULTIPART_TEXT_OUTSIDE),
         ONE_PART},
        {TYPE "multipart/mixed; boundary=b" END "post\r\n", 0, AMBIGUITY(MULTIPART_TEXT_OUTSIDE), ONE_PART},
        {TYPE "multipart/mixed; boundary=b" END "--b\r\nContent-Type: text/x\r\n\r\ny\r\n", AMBIGUITY(BOUNDARY_AFTER_END), 0,
         ONE_PART " text/x\n"},
        {TYPE "multipart/mixed; boundary=b\r\n\r\n--bc\r\n\r\nx\r\n--b--\r\n", AMBIGUITY(BOUNDARY_LINE), 0, ONE_PART},
        {TYPE "multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r--b\r\n--b--\r\n", AMBIGUITY(BOUNDARY_LINE), AMBIGUITY(BODY_CR),
         ONE_PART},
        {TYPE "multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n", AMBIGUITY(HEADER_CR), AMBIGUITY(BODY_CR), ONE_PART},
        {TYPE "nonsense; boundary=b" END, AMBIGUITY(BOUNDARY_SYNTAX) | AMBIGUITY(MIME_SYNTAX), AMBIGUITY(CTYPE_SYNTAX),
         ONE_PART},
        {TYPE "text/plain; boundary=b" END, AMBIGUITY(BOUNDARY_SYNTAX), 0, "text/plain\n"},
        {TYPE "multipart/mixed; boundary=\"\\b\"" END, AMBIGUITY(BOUNDARY_SYNTAX), 0, ONE_PART},
        {TYPE "multipart/mixed; boundary=b c" END, AMBIGUITY(BOUNDARY_SYNTAX) | AMBIGUITY(MULTIPART_EMPTY), 0,
         "multipart/mixed\n"},
        {TYPE "multipart/mixed; boundary==?b?=\r\n\r\n--=?b?=\r\n\r\nx\r\n--=?b?=--\r\n", AMBIGUITY(BOUNDARY_SYNTAX), 0,
         ONE_PART},
        {TYPE "multipart/mixed; boundary=--=_b\r\n\r\n----=_b\r\n\r\nx\r\n----=_b--\r\n", 0, 0, ONE_PART},
        {TYPE "multipart/mixed; boundary=\"b" END, AMBIGUITY(BOUNDARY_SYNTAX) | AMBIGUITY(MIME_SYNTAX), 0, ONE_PART},
        {TYPE "multipart/mixed; x; boundary=b" END, AMBIGUITY(MIME_SYNTAX), 0, ONE_PART},
        {TYPE "multipart/mixed boundary=b" END,
         AMBIGUITY(MIME_SYNTAX) | AMBIGUITY(BOUNDARY_MISSING) | AMBIGUITY(MULTIPART_EMPTY), 0, "multipart/mixed\n"},
        {TYPE "=?utf-8?Q?multipart/mixed;_boundary=3Db?=" END, AMBIGUITY(MIME_SYNTAX), 0, "text/plain\n"},
        {TYPE "multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; "
              "boundary=bc\r\n\r\n--bc\r\n\r\nx\r\n--bc--\r\n--b--",
         AMBIGUITY(BOUNDARY_PREFIX), 0, "multipart/mixed\n multipart/mixed\n  text/plain\n"},
        {TYPE "text/plain\r\nContent-Type: multipart/mixed; boundary=b" END, AMBIGUITY(CTYPE_REPEATED), 0, ONE_PART},
        {TYPE "multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64" END, AMBIGUITY(CTE_ON_MULTIPART), 0, ONE_PART},
    };
    check_cases(cases, SD_COUNT(cases));
}

static void encodings_and_kinds(void **state) {
    (void)state;
    const struct structure_case cases[] = {
        {TYPE "text/plain\r\nContent-Transfer-Encoding: x-new\r\n\r\n", AMBIGUITY(CTE_UNKNOWN), 0, "text/plain\n"},
        {TYPE "text/plain\r\nContent-Transfer-Encoding: base64;\r\n\r\n", AMBIGUITY(CTE_UNKNOWN), 0, "text/plain\n"},
        {TYPE "text/plain\r\nContent-Transfer-Encoding: (x) BASE64 (y)\r\n\r\n", AMBIGUITY(CTE_UNKNOWN), 0, "text/plain\n"},
        {TYPE "text/plain\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\n",
         AMBIGUITY(CTE_REPEATED), 0, "text/plain\n"},
        {TYPE "message/partial; id=x; number=1\r\n\r\n", AMBIGUITY(PARTIAL), 0, "message/partial +\n"},
        {TYPE "message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeA==", AMBIGUITY(CTE_ON_MULTIPART), 0,
         "message/rfc822 +\n"},
        {TYPE "text\r\n\r\n", 0, AMBIGUITY(CTYPE_SYNTAX), "text/plain\n"},
        {TYPE "text/plain; charset=us-ascii; charset=utf-8\r\n\r\n", 0, AMBIGUITY(CHARSET_MULTIPLE), "text/plain\n"},
        {TYPE "text/plain; charset=utf-7\r\n\r\n", AMBIGUITY(CHARSET_MASKING), 0, "text/plain\n"},
        {TYPE "text/html; charset=utf-16le\r\n\r\n", AMBIGUITY(CHARSET_MASKING), 0, "text/html\n"},
        {TYPE "text/plain; charset=iso-2022-jp\r\n\r\n", 0, 0, "text/plain\n"},
        {TYPE "text/plain; charset=Shift_JIS\r\n\r\n", 0, 0, "text/plain\n"},
        {MAIL_HEAD "Content-Disposition: inline\r\nContent-Disposition: attachment\r\n\r\n", AMBIGUITY(DISPOSITION_REPEATED), 0,
         "text/plain\n"},
        {MAIL_HEAD "Content-Disposition: attachment filename=a.zip\r\n\r\n", AMBIGUITY(MIME_SYNTAX), 0, "text/plain +\n"},
        {MAIL_HEAD "\r\nbegin 644 a.exe\r\nno data\r\n", 0, 0, "text/plain\n"},
        {MAIL_HEAD "\r\nbegin 644 a.exe\r\n#0V%T\r\n`\r\nend\r\nx\r\n", 0, AMBIGUITY(UUENCODE),
         "text/plain\n application/octet-stream a.exe +\n"},
        {MAIL_HEAD "\r\nbegin  a.exe\r\n#0V%T\r\n", AMBIGUITY(FILE_IN_TEXT), AMBIGUITY(UUENCODE), "text/plain\n"},
        {MAIL_HEAD "\r\n=ybegin line=128 size=3 name=a.exe\r\n", AMBIGUITY(FILE_IN_TEXT), 0, "text/plain\n"},
        {MAIL_HEAD "To: c@d.example\r\nSubject: 2\r\nDate: x\r\nDate: y\r\n\r\n", 0,
         AMBIGUITY(RECIPIENTS_REPEATED) | AMBIGUITY(SUBJECT_REPEATED) | AMBIGUITY(DATE_REPEATED), "text/plain\n"},
    };
    check_cases(cases, SD_COUNT(cases));
}

static void file_names(void **state) {
    (void)state;
    const mail_ambiguities encoded = AMBIGUITY(NAME_ENCODED), repeated = AMBIGUITY(NAME_REPEATED),
                           syntax = AMBIGUITY(NAME_SYNTAX);
    const struct structure_case cases[] = {
        {TYPE "image/png; name=\"a b.png\"\r\n\r\n", 0, 0, "image/png a b.png +\n"},
        {TYPE "text/plain; name=a.txt\r\nContent-Disposition: inline; filename=a.txt\r\n\r\n", 0, 0, "text/plain a.txt +\n"},
        {TYPE "text/plain; name=a.txt\r\nContent-Disposition: inline; filename=a.exe\r\n\r\n", repeated, 0,
         "text/plain a.exe +\n"},
        {TYPE "text/plain; name=a.txt; name=a.exe\r\n\r\n", repeated, 0, "text/plain a.txt +\n"},
        {TYPE "x/y; name*=utf-8''%e2%82%ac%20a.txt\r\n\r\n", 0, 0, "x/y \xe2\x82\xac a.txt +\n"},
        {TYPE "x/y; name*0*=utf-8''%e2%82; name*1*=%ac; name*2=\".zip\"\r\n\r\n", 0, 0, "x/y \xe2\x82\xac.zip +\n"},
        {TYPE "x/y; name*2=c; name*0=a; name*1=b\r\n\r\n", 0, 0, "x/y abc +\n"},
        {TYPE "x/y; name=a.png; name*=''a.zip\r\n\r\n", 0, 0, "x/y a.zip +\n"}, /* RFC 6266 §4.3 has it so */
        {TYPE "x/y; name=\"=?utf-8?Q?=C3=A9.txt?=\"\r\n\r\n", 0, encoded, "x/y \xc3\xa9.txt +\n"},
        {TYPE "x/y; name=\"=?utf-8?Q?=C3=A9?=\r\n =?utf-8?Q?.txt?=\"\r\n\r\n", 0, encoded, "x/y \xc3\xa9.txt +\n"},
        {TYPE "x/y; name=my file.exe\r\n\r\n", 0, 0, "x/y my file.exe +\n"},
        {TYPE "x/y; name=my(1).exe\r\n\r\n", 0, 0, "x/y my(1).exe +\n"},
        {TYPE "x/y; name=a.exe b.txt\r\n\r\n", syntax, 0, "x/y a.exe b.txt +\n"},
        {TYPE "x/y; name='a.exe'\r\n\r\n", syntax, 0, "x/y 'a.exe' +\n"},
        {TYPE "x/y; name=\"a.exe.\"\r\n\r\n", syntax, 0, "x/y a.exe. +\n"},
        {TYPE "x/y; name=\"a.exe:b.txt\"\r\n\r\n", syntax, 0, "x/y a.exe:b.txt +\n"},
        {TYPE "x/y; name=\"a.exe=?utf-8?Q?.txt?=\"\r\n\r\n", syntax, encoded, "x/y a.exe.txt +\n"},
        {TYPE "x/y; name=\"=?x-none?Q?a.exe?=\"\r\n\r\n", syntax, encoded, "x/y a.exe +\n"},
        {TYPE "x/y; name=\"a.exe/\"\r\n\r\n", 0, encoded, "x/y a.exe +\n"},
        {TYPE "x/y; name*1=b.exe\r\n\r\n", syntax, 0, "x/y +\n"},
        {TYPE "x/y; name*0=a; name*2=.exe\r\n\r\n", syntax, 0, "x/y a +\n"},
        {TYPE "x/y; name*=utf-8''a%2\r\n\r\n", syntax, 0, "x/y a%2 +\n"},
        {TYPE "x/y; name=\"a.txt\".exe\r\n\r\n", syntax | AMBIGUITY(MIME_SYNTAX), 0, "x/y a.txt +\n"},
        {TYPE "x/y; name=\"..\\\\..\\\\a.txt\"\r\n\r\n", 0, encoded, "x/y a.txt +\n"},
        {TYPE "x/y; name=\"c:/x/a.txt\"\r\n\r\n", 0, encoded, "x/y a.txt +\n"},
        {TYPE "x/y; name=\"open.txt\r\n\r\n", syntax | AMBIGUITY(MIME_SYNTAX), 0, "x/y open.txt +\n"},
        {MAIL_HEAD "Content-Disposition: Attachment\r\n\r\n", 0, 0, "text/plain +\n"},
        {MAIL_HEAD "Content-Disposition: x-other\r\n\r\n", 0, 0, "text/plain +\n"},
    };
    check_cases(cases, SD_COUNT(cases));
}

/* What another program would call it, for whoever looks into the file. */
static void other_names(void **state) {
    (void)state;
    static const struct {
        const char *fields, *name, *other;
    } cases[] = {
        {"Content-Type: x/y; name=a.png; name*=''a.zip", "a.zip", "a.png"},
        {"Content-Type: x/y; name=a.zip\r\nContent-Disposition: inline; filename=a.png", "a.png", "a.zip"},
        {"Content-Type: x/y; name=my file.exe", "my file.exe", "my"},
        {"Content-Type: x/y; name=\"C:\\TEMP\\a.png\"", "C:TEMPa.png", "a.png"},
        {"Content-Type: x/y\r\nContent-Location: http://x.example/a.zip", "", "a.zip"},
        {"Content-Type: x/y; name=a.png", "a.png", ""},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct buf b SD_CLEANUP(buf_free) = buf_new(4096);
        buf_printf(&b, MAIL_HEAD "%s\r\n\r\n", cases[i].fields);
        struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(buf_span(&b));
        assert_text(p.m.parts[0].name, cases[i].name);
        assert_text(p.m.parts[0].other_name, cases[i].other);
    }
}

static void a_uuencoded_file_is_an_attachment(void **state) {
    (void)state;
    struct parsed p SD_CLEANUP(parsed_free) = parse_text(MAIL_HEAD
                                                         "\r\nHello\r\nbegin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\nBye\r\n");
    struct buf b SD_CLEANUP(buf_free) = buf_new(100);
    mail_ambiguities seen = 0;
    assert_int_equal(p.m.part_count, 2);
    assert_int_equal(mail_decode_body(&p.m.parts[1], &b, &seen), SD_OK);
    assert_text(buf_span(&b), "Cat");
    assert_text(p.m.parts[1].name, "a.txt");
    assert_int_equal(seen, 0);
}

static void flowed_parameters(void **state) {
    (void)state;
    struct parsed p SD_CLEANUP(parsed_free) = parse_text(TYPE "text/plain; format=Flowed; DelSp=yes\r\n\r\n");
    assert_true(p.m.parts[0].is_flowed && p.m.parts[0].is_delsp);
    struct parsed q SD_CLEANUP(parsed_free) = parse_text(TYPE "text/html; format=flowed\r\n\r\n");
    assert_false(q.m.parts[0].is_flowed || q.m.parts[0].is_delsp);
}

static void a_part_header_ends_at_a_boundary(void **state) {
    (void)state;
    struct parsed p SD_CLEANUP(parsed_free) = parse_text(MIXED "--b1\r\nContent-Type: text/html\r\n--b1\r\n--b1--\r\n");
    assert_tree(&p.m, "multipart/mixed\n text/html\n text/plain\n");
    assert_int_equal(p.m.parts[1].body.n, 0);
    assert_severe(p.m.ambiguities, 0);
}

static const char plain[] = "Some words\r\n-b\r\nbag\r\nbe g\r\n\r\nas they are written by most, on a longer line.\r\n";
#define PLAIN_BYTES (sizeof plain - 1)

/* Text without anything in it, then what is looked for, then text again; at every place of a block and near both ends. */
static mail_ambiguities seen_in_text(size_t before, const char *odd, size_t after) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(4096);
    buf_text(&text, MAIL_HEAD "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n");
    buf_put(&text, span_from(span_cstr(plain), PLAIN_BYTES - before));
    buf_text(&text, odd);
    buf_put(&text, span_sub(span_cstr(plain), 0, after));
    struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(buf_span(&text));
    return p.m.ambiguities;
}

/* A CRLF cut in two would be odd itself. */
static bool splits_line_end(size_t at) {
    return at < PLAIN_BYTES && plain[at] == '\n';
}

static void every_line_is_looked_at(void **state) {
    (void)state;
    const mail_ambiguities asked = AMBIGUITY(BODY_CR) | AMBIGUITY(UUENCODE) | AMBIGUITY(BOUNDARY_LINE) |
                                   AMBIGUITY(BOUNDARY_OPEN) | AMBIGUITY(MULTIPART_TEXT_OUTSIDE);
    static const struct {
        const char *odd;
        mail_ambiguities seen;
    } cases[] = {
        {"words", AMBIGUITY(BOUNDARY_OPEN)},
        {"\r\n--y\r\n", AMBIGUITY(BOUNDARY_OPEN)},
        {"\r\nbegin 64 a\r\n", AMBIGUITY(BOUNDARY_OPEN)},
        {"\r\nbegin 644 a.exe\r\n#0V%T\r\nend\r\n", AMBIGUITY(UUENCODE) | AMBIGUITY(BOUNDARY_OPEN)},
        {"a\rb", AMBIGUITY(BODY_CR) | AMBIGUITY(BOUNDARY_OPEN)},
        {"\nb", AMBIGUITY(BODY_CR) | AMBIGUITY(BOUNDARY_OPEN)},
        {"a\nb", AMBIGUITY(BODY_CR) | AMBIGUITY(BOUNDARY_OPEN)},
        {"a\r\r\nb", AMBIGUITY(BODY_CR) | AMBIGUITY(BOUNDARY_OPEN)},
        {"a\r--x", AMBIGUITY(BODY_CR) | AMBIGUITY(BOUNDARY_LINE) | AMBIGUITY(BOUNDARY_OPEN)},
        {"\r\n--xy\r\n", AMBIGUITY(BOUNDARY_LINE) | AMBIGUITY(BOUNDARY_OPEN)},
        {"\r\n--x\r\n\r\nnext", AMBIGUITY(BOUNDARY_OPEN)},
        {"\r\n--x--\r\n", 0},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++)
        for (size_t before = 0; before < 70; before++)
            for (size_t after = 0; after < (cases[i].seen ? 40 : 1); after++) {
                if (splits_line_end(PLAIN_BYTES - before) || splits_line_end(after))
                    continue;
                mail_ambiguities seen = seen_in_text(before, cases[i].odd, after) & asked;
                if (seen != cases[i].seen)
                    fail_msg("case %zu, %zu before, %zu after: %llx", i, before, after, (unsigned long long)seen);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simple_message),
        cmocka_unit_test(nested_parts),
        cmocka_unit_test(a_digest_holds_messages),
        cmocka_unit_test(boundaries),
        cmocka_unit_test(encodings_and_kinds),
        cmocka_unit_test(file_names),
        cmocka_unit_test(other_names),
        cmocka_unit_test(a_uuencoded_file_is_an_attachment),
        cmocka_unit_test(flowed_parameters),
        cmocka_unit_test(a_part_header_ends_at_a_boundary),
        cmocka_unit_test(every_line_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
