#include "mail/mail_test.h"

#include "core/limits.h"

static void put_list(struct buf *to, const struct mail_address_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        buf_text(to, i ? " | " : "");
        buf_put(to, list->items[i].display);
        buf_text(to, " <");
        buf_put(to, list->items[i].address);
        buf_text(to, ">");
    }
}

static void reads(const char *s, const char *expected) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(TEST_ARENA_BYTES);
    struct buf b SD_CLEANUP(buf_free) = buf_new(10000);
    struct mail_address_list list = {.count = 0};
    if (mail_parse_addresses(span_cstr(s), arena, &list) != SD_OK)
        fail_msg("%s is refused", s);
    put_list(&b, &list);
    assert_text(buf_span(&b), expected);
}

/* RFC 5322 Appendix A */
static void examples_of_the_rfc(void **state) {
    (void)state;
    reads(" John Doe <jdoe@machine.example>", "John Doe <jdoe@machine.example>");
    reads("\"Joe Q. Public\" <john.q.public@example.com>", "Joe Q. Public <john.q.public@example.com>");
    reads("Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
          "Mary Smith <mary@x.test> |  <jdoe@example.org> | Who? <one@y.test>");
    reads("<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
          " <boss@nil.test> | Giant; \"Big\" Box <sysservices@example.net>");
    reads("A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
          "Ed Jones <c@a.test> |  <joe@where.test> | John <jdoe@one.test>");
    reads("Undisclosed recipients:;", "");
    reads("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete <pete@silly.test>");
    reads("A Group(Some people)\r\n :Chris Jones <c@(Chris's host.)public.example>,\r\n joe@example.org,\r\n John "
          "<jdoe@one.test> (my "
          "dear friend); (the end of the group)",
          "Chris Jones <c@public.example> |  <joe@example.org> | John <jdoe@one.test>");
    reads("(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", "");
    reads("Joe Q. Public <john.q.public@example.com>", "Joe Q. Public <john.q.public@example.com>");
    reads("John Doe <jdoe@machine(comment).  example>", "John Doe <jdoe@machine.example>");
    reads("Mary Smith\r\n\r\n <mary@example.net>", "Mary Smith <mary@example.net>");
}

static void what_senders_send(void **state) {
    (void)state;
    reads("ann@Example.ORG (Ann)", "Ann <ann@example.org>");
    reads("=?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_B?= <j@b.example>", "J\xc3\xb6rg B <j@b.example>");
    reads("\"=?utf-8?Q?J=C3=B6rg?=\" <j@b.example>", "J\xc3\xb6rg <j@b.example>");
    reads("a@b.example <A@b.example>", "a@b.example <A@b.example>");
    reads("J\xc3\xb6rg <j\xc3\xb6rg@b\xc3\xbc.example>", "J\xc3\xb6rg <j\xc3\xb6rg@b\xc3\xbc.example>");
    reads(",, a@b.example,,c@d.example ,", " <a@b.example> |  <c@d.example>");
    reads("\"a b\"@c.example", " <\"a b\"@c.example>");
    reads("\"ab\"@c.example", " <ab@c.example>");
    reads("a@[192.0.2.1]", " <a@[192.0.2.1]>");
    reads("", "");
}

static void refuses_more_than_one_reading(void **state) {
    (void)state;
    static const char *const bad[] = {
        "Ann",
        "a@b.example c@d.example",
        "<a@b.example><c@d.example>",
        "a@b.example <c@d.example>",
        "a@b.example <b.example@a>",
        "Ann <a@b.example> junk",
        "Ann <a@b.example",
        "Ann a@b.example>",
        "Ann (x <a@b.example>",
        "\"Ann <a@b.example>",
        "Ann <@relay.example:a@b.example>",
        "Ann <@relay.example,@other.example:a@b.example>",
        "Ann <>",
        "Ann <a>",
        "a@b.example@c.example",
        "a@b..example",
        "a@.b.example",
        "a@b.example.",
        ".a@b.example",
        "=?utf-8?Q?a?=@b.example",
        "a@=?utf-8?Q?b?=.example",
        "a@b.example; c@d.example",
        "Group: a@b.example",
        "Group: Inner: a@b.example;;",
        "a\x01@b.example",
        "a@b\x7f.example",
        "\xff@b.example",
        "a@[1.2.3.4",
        "Ann, B. <a@b.example>",
    };
    for (size_t i = 0; i < SD_COUNT(bad); i++) {
        struct arena *arena SD_CLEANUP(arena_free) = arena_new(TEST_ARENA_BYTES);
        struct mail_address_list list = {.count = 77};
        if (mail_parse_addresses(span_cstr(bad[i]), arena, &list) == SD_OK)
            fail_msg("%s is read", bad[i]);
        assert_int_equal(list.count, 77);
    }
}

static void mailbox_of_smtp(void **state) {
    (void)state;
    static const char *const good[] = {"a@b",           "a.b+c@d-e.example",   "\"a b\"@c.example", "\"\"@c.example",
                                       "a@[192.0.2.1]", "a@[ipv6:2001:db8::1]"};
    static const char *const bad[] = {
        "",         "@b",           "a@",           "a",           "a@b ",  " a@b",         "<a@b>",
        "a@b(c)",   "a@-b.example", "a@b-.example", "a@[192.0.2]", "a@[x]", "a@b.example.", "a\r\n@b",
        "\"a\"b@c", "a@b,c@d",      "\"a\r\n b\"@c"};
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(TEST_ARENA_BYTES);
    struct mail_address a;
    for (size_t i = 0; i < SD_COUNT(good); i++) {
        assert_int_equal(mail_parse_mailbox(span_cstr(good[i]), arena, &a), SD_OK);
        assert_text(a.address, good[i]);
    }
    for (size_t i = 0; i < SD_COUNT(bad); i++)
        if (mail_parse_mailbox(span_cstr(bad[i]), arena, &a) == SD_OK)
            fail_msg("%s is read", bad[i]);
    assert_int_equal(mail_parse_mailbox(SPAN("\"a\\\"\\b\"@C.Example"), arena, &a), SD_OK);
    assert_text(a.local, "a\"b");
    assert_text(a.domain, "c.example");
    assert_text(a.address, "\"a\\\"b\"@c.example");
}

struct from_case {
    const char *header;
    mail_ambiguities expected;
    const char *address;
};

static void the_author(void **state) {
    (void)state;
    const struct from_case cases[] = {
        {"From: Ann <ann@example.org>\r\n\r\n", 0, "ann@example.org"},
        {"fRoM: ann@example.org\r\n\r\n", 0, "ann@example.org"},
        {"X: y\r\n\r\n", AMBIGUITY(FROM_MISSING), NULL},
        {"From: a@b.example\r\nFrom: c@d.example\r\n\r\n", AMBIGUITY(FROM_REPEATED), NULL},
        {"From: a@b.example, c@d.example\r\n\r\n", AMBIGUITY(FROM_SEVERAL), NULL},
        {"From:\r\n\r\n", AMBIGUITY(FROM_SYNTAX), NULL},
        {"From: nobody:;\r\n\r\n", AMBIGUITY(FROM_SYNTAX), NULL},
        {"From: us: a@b.example;\r\n\r\n", AMBIGUITY(FROM_SYNTAX), NULL},
        {"From: Ann <a@b.example> x\r\n\r\n", AMBIGUITY(FROM_SYNTAX), NULL},
        {"From: Ann\x02 <a@b.example>\r\n\r\n", AMBIGUITY(FROM_SYNTAX) | AMBIGUITY(FROM_CONTROL), NULL},
        {"From : a@b.example\r\n\r\n", AMBIGUITY(HEADER_SPACE_NAME), "a@b.example"},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct parsed p SD_CLEANUP(parsed_free) = parse_text(cases[i].header);
        struct mail_address a;
        assert_severe(p.m.ambiguities, cases[i].expected);
        assert_int_equal(mail_from(&p.m, &a), cases[i].address ? SD_OK : SD_ERR_PARSE);
        if (cases[i].address)
            assert_text(a.address, cases[i].address);
    }
}

static void lists_are_bounded(void **state) {
    (void)state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(TEST_ARENA_BYTES);
    struct buf b SD_CLEANUP(buf_free) = buf_new(1024 * 1024);
    struct mail_address_list list;
    buf_fill(&b, ',', 200000);
    assert_int_equal(mail_parse_addresses(buf_span(&b), arena, &list), SD_OK);
    assert_int_equal(list.count, 0);
    buf_reset(&b);
    for (size_t i = 0; i <= LIMIT_ADDRESSES; i++)
        buf_text(&b, "a@b.example,");
    assert_int_equal(mail_parse_addresses(buf_span(&b), arena, &list), SD_ERR_LIMIT);
    buf_reset(&b);
    buf_fill(&b, '(', 200000);
    assert_int_equal(mail_parse_addresses(buf_span(&b), arena, &list), SD_ERR_PARSE);
    buf_reset(&b);
    buf_fill(&b, 'a', 300);
    buf_text(&b, "@example.example.example.example");
    assert_int_equal(mail_parse_addresses(buf_span(&b), arena, &list), SD_ERR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_rfc),
        cmocka_unit_test(what_senders_send),
        cmocka_unit_test(refuses_more_than_one_reading),
        cmocka_unit_test(mailbox_of_smtp),
        cmocka_unit_test(the_author),
        cmocka_unit_test(lists_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
