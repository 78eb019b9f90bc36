/*
 * The attachments of others' test suites, ../shared/corpora/attachments: each with what it is expected to be. And the
 * attachments of real mail, which are to be let through.
 */
#include "files/files_test.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/role.h"
#include "mail/mail.h"

#define BIT(name) FINDING_BIT(name)
#define FILE_MAX_BYTES ((size_t)32 * 1024 * 1024)

static const char *corpora;

static bool read_file(const char *path, struct buf *to) {
    return file_read(path, to) == SD_OK;
}

/* The value of a text member of one JSON object of index.json, whose layout is known. */
static struct span member(struct span object, const char *name) {
    char key[64];
    int n = snprintf(key, sizeof key, "\"%s\": \"", name);
    size_t at = span_search(object, span_of(key, (size_t)n));
    struct span rest = span_from(object, at + (size_t)n);
    return at < object.n ? span_sub(rest, 0, span_find(rest, '"')) : SPAN_NONE;
}

static const struct {
    const char *flag;
    uint64_t any; /* one of these fits */
} fits[] = {
    {"encrypted", BIT(ENCRYPTED_FILE) | BIT(ENCRYPTED_ENTRY)},
    {"excel4", BIT(MACRO_EXCEL4)},
    {"\"dde\"", BIT(DDE) | BIT(ENCRYPTED_FILE) | BIT(ENCRYPTED_ENTRY)}, /* some are in encrypted archives */
    {"vba form", BIT(MACRO)},
    {"vba macro", BIT(MACRO)},
    {"embedded object", BIT(EMBEDDED_OBJECT)},
    {"external link", BIT(EXTERNAL_TEMPLATE)},
    {"rtf object", BIT(EMBEDDED_OBJECT) | BIT(ENCRYPTED_ENTRY)},
};

static bool fits_flags(struct span object, uint64_t found) {
    size_t flags = span_search(object, SPAN("\"flags\""));
    struct span list = span_from(object, flags);
    for (size_t i = 0; i < SD_COUNT(fits); i++)
        if (span_search(list, span_cstr(fits[i].flag)) < list.n)
            return (found & fits[i].any) != 0;
    return false;
}

static bool is_expected(struct span object, uint64_t found) {
    struct span expect = member(object, "expect");
    if (span_eq(expect, SPAN("clean")))
        return found == 0;
    if (span_eq(expect, SPAN("flag")))
        return fits_flags(object, found);
    return span_eq(expect, SPAN("infected")) && found != 0;
}

static void each_attachment_is_what_it_is(void **state) {
    (void)state;
    char path[4096];
    struct buf index SD_CLEANUP(buf_free) = buf_new(2 * FILE_MAX_BYTES);
    (void)snprintf(path, sizeof path, "%s/attachments/index.json", corpora);
    if (!read_file(path, &index))
        skip();
    unsigned seen = 0, wrong = 0;
    for (struct span rest = buf_span(&index); rest.n;) {
        size_t begin = span_find(rest, '{'), end = span_find(rest, '}');
        if (end >= rest.n)
            break;
        struct span object = span_sub(rest, begin, end - begin), file = member(object, "file");
        rest = span_from(rest, end + 1);
        struct buf content SD_CLEANUP(buf_free) = buf_new(2 * FILE_MAX_BYTES);
        (void)snprintf(path, sizeof path, "%s/attachments/%.*s", corpora, SPAN_FMT(file));
        assert_true(read_file(path, &content));
        uint64_t found = judged(strrchr(path, '/') + 1, "", buf_span(&content));
        seen++;
        if (!is_expected(object, found)) {
            explain(path, found);
            wrong++;
        }
    }
    print_message("%u attachments, %u not as expected\n", seen, wrong);
    assert_true(seen > 0);
    assert_int_equal(wrong, 0);
}

struct ham {
    unsigned letters, attachments, held;
};

static void judge_ham_letter(struct ham *ham, const char *path, struct span bytes) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new((size_t)64 * 1024 * 1024);
    struct files_budget budget = files_budget_default();
    struct mail_message m;
    uint64_t found = 0;
    if (span_starts(bytes, SPAN("From ")))
        bytes = span_from(bytes, span_find(bytes, '\n') + 1);
    assert_non_null(arena);
    assert_int_equal(mail_parse(bytes, arena, &m), SD_OK);
    for (size_t i = 0; i < m.part_count; i++) {
        const struct mail_part *part = &m.parts[i];
        struct buf content SD_CLEANUP(buf_free) = buf_new(2 * FILE_MAX_BYTES);
        mail_ambiguities seen = 0;
        if (!part->is_attachment || part->is_multipart)
            continue;
        assert_int_equal(mail_decode_body(part, &content, &seen), SD_OK);
        struct files_subject s = {.content = buf_span(&content), .name = part->name, .type = part->type};
        found |= judged_within(&budget, &s);
        ham->attachments++;
    }
    ham->letters++;
    ham->held += found != 0;
    if (found)
        explain(path, found);
}

static void judge_ham_folder(struct ham *ham, const char *folder) {
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char path[4096];
        struct stat st;
        (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] == '.' || stat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode)) {
            judge_ham_folder(ham, path);
            continue;
        }
        struct buf bytes SD_CLEANUP(buf_free) = buf_new(2 * FILE_MAX_BYTES);
        if (read_file(path, &bytes))
            judge_ham_letter(ham, path, buf_span(&bytes));
    }
    if (dir)
        (void)closedir(dir);
}

static void real_mail_is_let_through(void **state) {
    (void)state;
    char path[4096];
    struct ham ham = {0};
    (void)snprintf(path, sizeof path, "%s/spamassassin-public/data", corpora);
    judge_ham_folder(&ham, path);
    if (ham.letters == 0)
        skip();
    print_message("%u letters with %u attachments, %u held\n", ham.letters, ham.attachments, ham.held);
    assert_true(ham.held * 100 <= ham.letters);
}

int main(void) {
    corpora = getenv("SEALDESK_CORPORA");
    if (!corpora)
        corpora = "../shared/corpora";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_attachment_is_what_it_is),
        cmocka_unit_test(real_mail_is_let_through),
    };
    return cmocka_run_group_tests(tests, setup_files, drop_files);
}
