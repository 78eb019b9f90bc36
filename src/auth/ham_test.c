/*
 * Honest mail of people and newsletters, read in place from the folder in $SEALDESK_CORPORA: how much of it has which signal of
 * those that a letter alone shows, and that it is not flagged in masses. Spam beside it, for comparison. Also what a letter
 * costs here. Skips, saying so, where the folder is not there.
 */
#include "auth/judge.h"
#include "auth/link_check.h"
#include "core/clock.h"
#include "core/limits.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER "spamassassin-public/data"
#define ARENA_BYTES ((size_t)48 * 1024 * 1024)

static const char *corpora;

/* Sixty-four protected domains and a few names: more than most will set. */
static struct span own[] = {{(const uint8_t *)"acme-support.example", 20}};
static struct span others[64];
static const struct protected_name names[] = {
    {{(const uint8_t *)"Jane Boss", 9}, {(const uint8_t *)"jane@acme-support.example", 25}},
    {{(const uint8_t *)"Acme Support", 12}, {NULL, 0}},
    {{(const uint8_t *)"Acme", 4}, {NULL, 0}}};

static struct auth_policy policy_new(struct arena *arena) {
    static const char *const brands[] = {"paypal.com", "microsoft.com", "amazon.com", "northwind.example"};
    struct auth_policy policy = auth_policy_default();
    for (size_t i = 0; i < SD_COUNT(others); i++)
        others[i] = i < SD_COUNT(brands) ? span_cstr(brands[i]) : arena_printf(arena, "customer-number-%zu.example", i);
    policy.own_domains = own;
    policy.own_domain_count = SD_COUNT(own);
    policy.protected_domains = others;
    policy.protected_domain_count = SD_COUNT(others);
    policy.protected_names = names;
    policy.protected_name_count = SD_COUNT(names);
    assert_int_equal(auth_policy_prepare(&policy, arena), SD_OK);
    return policy;
}

struct count {
    size_t letters, flagged;
    size_t of[AUTH_SIGNAL_COUNT];
    int64_t parse_ns, claims_ns, contact_ns, links_ns;
};

static void count_signals(uint64_t signals, const struct auth_policy *policy, struct count *c) {
    unsigned weight = 0;
    for (enum auth_signal s = 0; s < AUTH_SIGNAL_COUNT; s++) {
        c->of[s] += signals >> s & 1;
        weight += signals >> s & 1 ? policy->weights[s] : 0;
    }
    c->letters++;
    c->flagged += weight >= policy->flag_at;
}

static void use_letter(struct span letter, const struct auth_policy *policy, struct count *c) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    struct auth_judgement judgement = {.weight = 0};
    struct auth_contact contact;
    struct claims claims;
    struct mail_message m;
    bool misleads = false;
    int64_t times[5] = {clock_mono_ns()};
    assert_int_equal(mail_parse(letter, arena, &m), SD_OK);
    times[1] = clock_mono_ns();
    assert_int_equal(claims_read(&m, policy, arena, &claims), SD_OK);
    times[2] = clock_mono_ns();
    judgement.from = claims.from;
    assert_int_equal(auth_contact_make(&m, &judgement, policy, arena, &contact), SD_OK);
    times[3] = clock_mono_ns();
    assert_int_equal(links_mislead(&m, arena, &misleads), SD_OK);
    times[4] = clock_mono_ns();
    c->parse_ns += times[1] - times[0];
    c->claims_ns += times[2] - times[1];
    c->contact_ns += times[3] - times[2];
    c->links_ns += times[4] - times[3];
    count_signals(claims.signals | (misleads ? UINT64_C(1) << AUTH_SIGNAL_LINK_MISMATCH : 0), policy, c);
}

/* As the mail came by SMTP: CRLF, and without the line that mbox files put before it. */
static void put_as_sent(struct span file, struct buf *to) {
    if (span_starts(file, SPAN("From ")))
        file = span_from(file, span_find(file, '\n') + 1);
    while (file.n) {
        size_t n = span_find(file, '\n');
        buf_put(to, span_sub(file, 0, n > 0 && n < file.n && file.p[n - 1] == '\r' ? n - 1 : n));
        if (n < file.n)
            buf_text(to, "\r\n");
        file = span_from(file, n + 1);
    }
}

static void use_file(const char *path, const struct auth_policy *policy, struct count *c) {
    struct buf file SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES),
                    sent SD_CLEANUP(buf_free) = buf_new(2 * LIMIT_MESSAGE_BYTES);
    uint8_t chunk[65536];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_put(&file, span_of(chunk, n));
    (void)fclose(f);
    put_as_sent(buf_span(&file), &sent);
    assert_int_equal(buf_err(&sent), SD_OK);
    use_letter(buf_span(&sent), policy, c);
}

static struct count use_folder(const char *name, const struct auth_policy *policy) {
    char path[2048], child[4096];
    struct count c = {.letters = 0};
    assert_true(snprintf(path, sizeof path, "%s/" FOLDER "/%s", corpora, name) < (int)sizeof path);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        assert_true(snprintf(child, sizeof child, "%s/%s", path, e->d_name) < (int)sizeof child);
        use_file(child, policy, &c);
    }
    if (dir)
        (void)closedir(dir);
    return c;
}

static void print_count(const char *what, const struct count *c) {
    int64_t n = (int64_t)c->letters;
    print_message("%s: %zu letters, %zu (%.2f %%) weigh a flag\n", what, c->letters, c->flagged,
                  100.0 * (double)c->flagged / (double)c->letters);
    print_message("  per letter: parse %lld ns, claims %lld ns, contact %lld ns, links %lld ns\n", (long long)(c->parse_ns / n),
                  (long long)(c->claims_ns / n), (long long)(c->contact_ns / n), (long long)(c->links_ns / n));
    for (enum auth_signal s = 0; s < AUTH_SIGNAL_COUNT; s++)
        if (c->of[s])
            print_message("  %5zu (%5.2f %%) %s\n", c->of[s], 100.0 * (double)c->of[s] / (double)c->letters, auth_signal_id(s));
}

static struct count use_folders(const char *what, const char *const *folders, size_t count) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(1024 * 1024);
    const struct auth_policy policy = policy_new(arena);
    struct count all = {.letters = 0};
    for (size_t i = 0; i < count; i++) {
        struct count c = use_folder(folders[i], &policy);
        all.letters += c.letters;
        all.flagged += c.flagged;
        all.parse_ns += c.parse_ns;
        all.claims_ns += c.claims_ns;
        all.contact_ns += c.contact_ns;
        all.links_ns += c.links_ns;
        for (enum auth_signal s = 0; s < AUTH_SIGNAL_COUNT; s++)
            all.of[s] += c.of[s];
    }
    if (all.letters)
        print_count(what, &all);
    else
        print_message("no corpus " FOLDER ": skipped\n");
    return all;
}

static void honest_mail_is_not_flagged(void **state) {
    (void)state;
    static const char *const folders[] = {"easy-ham-1", "easy-ham-2", "hard-ham-1"};
    const struct count c = use_folders("ham", folders, SD_COUNT(folders));
    assert_true(c.flagged * 100 <= 5 * c.letters);
    assert_int_equal(c.of[AUTH_SIGNAL_LOOKALIKE_OWN] + c.of[AUTH_SIGNAL_DISPLAY_NAME], 0);
}

static void spam_beside_it(void **state) {
    (void)state;
    static const char *const folders[] = {"spam-1", "spam-2"};
    const struct count c = use_folders("spam", folders, SD_COUNT(folders));
    assert_true(c.letters == 0 || c.flagged > 0); /* forged headers, addresses shown as names */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(honest_mail_is_not_flagged), cmocka_unit_test(spam_beside_it)};
    corpora = getenv("SEALDESK_CORPORA");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
