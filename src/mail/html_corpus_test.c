/*
 * What others collected against sanitisers, and the HTML of many letters, must come out clean and stay as it is when it is
 * cleaned again. Skipped, with a line that says so, where ../shared/corpora is absent.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include <jansson.h>

#include "core/limits.h"
#include "mail/html_clean.h"
#include "mail/html_strict.h"
#include "mail/mail_test.h"
#include "mail/text.h"

static const char *corpora;
static size_t documents, as_text;

static bool path_of(char path[4096], const char *name) {
    struct stat st;
    (void)snprintf(path, 4096, "%s/%s", corpora ? corpora : "", name);
    if (corpora && stat(path, &st) == 0)
        return true;
    print_message("no corpus %s: skipped\n", name);
    return false;
}

static void check(struct span html, const char *name) {
    struct buf once SD_CLEANUP(buf_free) = buf_new(2 * HTML_CLEAN_MAX_BYTES);
    struct buf twice SD_CLEANUP(buf_free) = buf_new(2 * HTML_CLEAN_MAX_BYTES);
    struct html_clean_report first = {0}, second = {0};
    assert_int_equal(mail_html_clean(html, &once, &first), SD_OK);
    const char *fault = strict_fault(buf_span(&once));
    if (fault)
        fail_msg("%s: %s in <%.*s>", name, fault, SPAN_FMT(buf_span(&once)));
    assert_int_equal(mail_html_clean(buf_span(&once), &twice, &second), SD_OK);
    if (!span_eq(buf_span(&once), buf_span(&twice)))
        fail_msg("%s: first <%.*s>, then <%.*s>", name, SPAN_FMT(buf_span(&once)), SPAN_FMT(buf_span(&twice)));
    documents++;
    as_text += first.as_text;
}

static void payloads_against_sanitisers(void **state) {
    (void)state;
    char path[4096];
    if (!path_of(path, "html-sanitizer/dompurify-cases.json"))
        return;
    json_t *cases = json_load_file(path, 0, NULL);
    assert_true(json_array_size(cases) > 200);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const char *payload = json_string_value(json_object_get(json_array_get(cases, i), "payload"));
        assert_non_null(payload);
        check(span_cstr(payload), payload);
    }
    json_decref(cases);
}

static void check_letter(const char *path) {
    struct buf file SD_CLEANUP(buf_free) = buf_new((size_t)32 * 1024 * 1024);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    uint8_t chunk[65536];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_put(&file, span_of(chunk, n));
    (void)fclose(f);
    struct parsed p SD_CLEANUP(parsed_free) = parse_bytes(buf_span(&file));
    for (size_t i = 0; i < p.m.part_count; i++) {
        struct buf utf8 SD_CLEANUP(buf_free) = buf_new(TEXT_PART_MAX_BYTES);
        mail_ambiguities seen = 0;
        bool cut = false;
        if (!text_is_html(&p.m.parts[i]))
            continue;
        assert_int_equal(text_of_part(&p.m.parts[i], &utf8, &cut, &seen), SD_OK);
        check(buf_span(&utf8), path);
    }
}

static void check_folder(const char *path) {
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
            check_folder(child);
        else
            check_letter(child);
    }
    (void)closedir(dir);
}

static void letters(void **state) {
    (void)state;
    static const char *const folders[] = {"general", "spamassassin-public/data"};
    for (size_t i = 0; i < SD_COUNT(folders); i++) {
        char path[4096];
        documents = as_text = 0;
        if (!path_of(path, folders[i]))
            continue;
        check_folder(path);
        print_message("%s: %zu documents, of %zu only the text\n", folders[i], documents, as_text);
        assert_true(documents > 20 && as_text * 50 < documents);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(payloads_against_sanitisers), cmocka_unit_test(letters)};
    corpora = getenv("SEALDESK_CORPORA");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
