/*
 * Real and hostile mail, read in place from the folder in $SEALDESK_CORPORA: every message through everything, and what share
 * of honest mail gets a severe ambiguity. Skips, saying so, where the folder is not there.
 *
 * address-isemail: is_email's categories against ours. SMTP (mail_parse_mailbox) takes VALID, DNSWARN and RFC5321; header
 * fields (mail_parse_addresses) also CFWS, DEPREC and RFC5322; ERR nobody. Where we differ on purpose (is_deviation below):
 *   - over LIMIT_ADDRESS_BYTES is refused in header fields too (RFC 5321 §4.5.3.1); is_email's longest are
 *   - control characters are refused, also where RFC 5322 §4.1 obs-qp, obs-qtext and obs-ctext have them
 *   - white space and obsolete text in domain literals are refused (RFC 5322 §3.4.1 FWS, §4.4 obs-dtext): no program sends them
 *   - "::" for a single group of an IPv6 literal is read (RFC 5321 §4.1.3 wants two groups): it has one reading
 *   - CR and LF in a field body are taken as the white space of folding: what RFC 5322 §2.2.3 says of them was decided, and
 *     flagged, when the header was split
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "mail/mail_test.h"

#define FILE_MAX_BYTES ((size_t)32 * 1024 * 1024)

static const char *corpora;

static bool is_there(const char *folder) {
    char path[4096];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", corpora ? corpora : "", folder);
    if (corpora && stat(path, &st) == 0)
        return true;
    print_message("no corpus %s: skipped\n", folder);
    return false;
}

static void read_file(const char *path, struct buf *to) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    uint8_t chunk[65536];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_put(to, span_of(chunk, n));
    (void)fclose(f);
    assert_int_equal(buf_err(to), SD_OK);
}

/* As the mail came by SMTP: CRLF, and without the line that mbox files put before it. */
static void put_as_sent(struct span file, struct buf *to) {
    if (span_starts(file, SPAN("From ")))
        file = span_from(file, span_find(file, '\n') + 1);
    while (file.n) {
        size_t n = span_find(file, '\n');
        bool crlf = n > 0 && n < file.n && file.p[n - 1] == '\r';
        buf_put(to, span_sub(file, 0, crlf ? n - 1 : n));
        if (n < file.n)
            buf_text(to, "\r\n");
        file = span_from(file, n + 1);
    }
}

struct count {
    size_t messages, severe;
    size_t of[MAIL_AMBIGUITY_COUNT];
};

static void use_message(struct span message, struct count *c) {
    struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(message);
    struct buf text SD_CLEANUP(buf_free) = buf_new(2 * LIMIT_TEXT_BYTES);
    mail_ambiguities seen = p.m.ambiguities;
    assert_int_equal(mail_text(&p.m, &text, &seen), SD_OK);
    assert_true(text.n == 0 || span_is_utf8(buf_span(&text)));
    for (size_t i = 0; i < p.m.part_count; i++) {
        struct buf bytes SD_CLEANUP(buf_free) = buf_new(FILE_MAX_BYTES);
        assert_int_equal(mail_decode_body(&p.m.parts[i], &bytes, &seen), SD_OK);
    }
    c->messages++;
    c->severe += mail_ambiguity_severe(seen);
    for (int i = 0; i < MAIL_AMBIGUITY_COUNT; i++)
        c->of[i] += seen >> i & 1;
}

static void use_file(const char *path, struct count *c) {
    struct buf file SD_CLEANUP(buf_free) = buf_new(FILE_MAX_BYTES), sent SD_CLEANUP(buf_free) = buf_new(2 * FILE_MAX_BYTES);
    struct count unused = {.messages = 0};
    read_file(path, &file);
    put_as_sent(buf_span(&file), &sent);
    use_message(buf_span(&file), &unused);
    use_message(buf_span(&sent), c);
}

static void use_folder(const char *path, struct count *c) {
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        char child[4096];
        struct stat st;
        if (e->d_name[0] == '.' && (e->d_name[1] == 0 || e->d_name[1] == '.'))
            continue;
        assert_true(snprintf(child, sizeof child, "%s/%s", path, e->d_name) < (int)sizeof child);
        assert_int_equal(stat(child, &st), 0);
        if (S_ISDIR(st.st_mode))
            use_folder(child, c);
        else
            use_file(child, c);
    }
    (void)closedir(dir);
}

static struct count use_corpus(const char *folder) {
    char path[4096];
    struct count c = {.messages = 0};
    assert_true(snprintf(path, sizeof path, "%s/%s", corpora, folder) < (int)sizeof path);
    use_folder(path, &c);
    print_message("%s: %zu files, %zu with a severe ambiguity\n", folder, c.messages, c.severe);
    for (int i = 0; i < MAIL_AMBIGUITY_COUNT; i++)
        if (c.of[i])
            print_message("  %6zu %s\n", c.of[i], mail_ambiguity_id((enum mail_ambiguity)i));
    return c;
}

static void everything_is_read(void **state) {
    (void)state;
    static const char *const folders[] = {"general", "mime-evasion", "spamassassin-public/data/spam-1",
                                          "spamassassin-public/data/spam-2"};
    for (size_t i = 0; i < SD_COUNT(folders); i++)
        if (is_there(folders[i]))
            assert_true(use_corpus(folders[i]).messages > 10);
}

static void honest_mail_is_not_held(void **state) {
    (void)state;
    static const char *const folders[] = {"easy-ham-1", "easy-ham-2", "hard-ham-1"};
    size_t messages = 0, severe = 0;
    for (size_t i = 0; i < SD_COUNT(folders); i++) {
        char path[100];
        (void)snprintf(path, sizeof path, "spamassassin-public/data/%s", folders[i]);
        if (!is_there(path))
            return;
        struct count c = use_corpus(path);
        messages += c.messages;
        severe += c.severe;
    }
    print_message("ham: %zu of %zu with a severe ambiguity\n", severe, messages);
    assert_true(messages > 0 && severe * 100 < 3 * messages);
}

/* The text of <name> in this test of the list; XML escapes and is_email's U+2400+n for control characters undone. */
static void put_unescaped(struct span s, struct buf *to) {
    static const struct {
        const char *name, *text;
    } escapes[] = {{"&lt;", "<"},   {"&gt;", ">"},    {"&amp;", "&"},  {"&quot;", "\""},
                   {"&apos;", "'"}, {"&#x0D;", "\r"}, {"&#x0A;", "\n"}};
    while (s.n) {
        size_t k = 0;
        unsigned control = 0;
        char number[9] = "";
        while (k < SD_COUNT(escapes) && !span_istarts(s, span_cstr(escapes[k].name)))
            k++;
        memcpy(number, s.p, s.n < 8 ? s.n : 8);
        if (k < SD_COUNT(escapes)) {
            buf_text(to, escapes[k].text);
            s = span_from(s, strlen(escapes[k].name));
        } else if (sscanf(number, "&#x%4x;", &control) == 1) {
            buf_byte(to, (uint8_t)(control >= 0x2400 ? control - 0x2400 : control));
            s = span_from(s, span_find(s, ';') + 1);
        } else if (s.n >= 3 && s.p[0] == 0xe2 && s.p[1] == 0x90) {
            buf_byte(to, (uint8_t)(s.p[2] - 0x80));
            s = span_from(s, 3);
        } else {
            buf_byte(to, s.p[0]);
            s = span_from(s, 1);
        }
    }
}

static struct span element(struct span s, const char *open, const char *close) {
    size_t at = span_search(s, span_cstr(open));
    s = span_from(s, at + strlen(open));
    return span_sub(s, 0, span_search(s, span_cstr(close)));
}

static bool is_one_of(struct span s, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (span_eq(s, span_cstr(list[i])))
            return true;
    return false;
}

/* The deviations above. None of them makes SMTP take what is_email refuses there, but for the IPv6 literal. */
static bool is_deviation(struct span diagnosis, struct span address, bool in_smtp) {
    static const char *const list[] = {
        "ISEMAIL_RFC5322_DOMAIN_TOOLONG",
        "ISEMAIL_RFC5322_TOOLONG",
        "ISEMAIL_RFC5322_DOMAINLITERAL",
        "ISEMAIL_RFC5322_DOMLIT_OBSDTEXT",
        "ISEMAIL_DEPREC_QP",
        "ISEMAIL_DEPREC_QTEXT",
        "ISEMAIL_DEPREC_CTEXT",
    };
    if (span_eq(diagnosis, SPAN("ISEMAIL_RFC5321_IPV6DEPRECATED")))
        return true;
    bool has_line_end = span_find(address, '\r') < address.n || span_find(address, '\n') < address.n;
    return !in_smtp && (is_one_of(diagnosis, list, SD_COUNT(list)) || has_line_end);
}

static void check_address(struct span test, size_t *mismatches) {
    static const char *const smtp[] = {"ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN", "ISEMAIL_RFC5321"};
    struct span category = element(test, "<category>", "<"), diagnosis = element(test, "<diagnosis>", "<");
    struct buf address SD_CLEANUP(buf_free) = buf_new(10000);
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(TEST_ARENA_BYTES);
    struct mail_address_list list = {.count = 0};
    struct mail_address mailbox;
    put_unescaped(element(test, "<address>", "</address>"), &address);
    bool in_smtp = mail_parse_mailbox(buf_span(&address), arena, &mailbox) == SD_OK;
    bool in_header = mail_parse_addresses(buf_span(&address), arena, &list) == SD_OK && list.count == 1;
    bool smtp_wanted = is_one_of(category, smtp, SD_COUNT(smtp));
    bool header_wanted = !span_eq(category, SPAN("ISEMAIL_ERR"));
    if (in_smtp == smtp_wanted && in_header == header_wanted)
        return;
    if (is_deviation(diagnosis, buf_span(&address), in_smtp))
        return;
    ++*mismatches;
    print_message("%.*s %.*s: smtp %d, header %d: %.*s\n", SPAN_FMT(category), SPAN_FMT(diagnosis), in_smtp, in_header,
                  SPAN_FMT(buf_span(&address)));
}

static void addresses_of_isemail(void **state) {
    (void)state;
    if (!is_there("address-isemail/test/tests.xml"))
        return;
    char path[4096];
    struct buf file SD_CLEANUP(buf_free) = buf_new(FILE_MAX_BYTES);
    (void)snprintf(path, sizeof path, "%s/address-isemail/test/tests.xml", corpora);
    read_file(path, &file);
    struct span rest = buf_span(&file);
    size_t tests = 0, mismatches = 0;
    for (;; tests++) {
        rest = span_from(rest, span_search(rest, SPAN("<test id=")));
        if (!rest.n)
            break;
        check_address(span_sub(rest, 0, span_search(rest, SPAN("</test>"))), &mismatches);
        rest = span_from(rest, 1);
    }
    print_message("%zu addresses\n", tests);
    assert_true(tests > 100);
    assert_int_equal(mismatches, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(honest_mail_is_not_held),
        cmocka_unit_test(addresses_of_isemail),
    };
    corpora = getenv("SEALDESK_CORPORA");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
