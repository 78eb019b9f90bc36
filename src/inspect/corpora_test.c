/*
 * What other people collected, through the whole inspector with Debian's clamd: mails that hide an attachment from scanners,
 * files that are not what they seem, and honest mail. Read in place from the folder in $SEALDESK_CORPORA; skips, saying so,
 * where it is not there.
 */
#include "core/codec.h"
#include "inspect/clamd_rig.h"
#include "inspect/test_rig.h"

#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HAM_FOLDER "spamassassin-public/data"
#define HAM_PERMILLE 10
#define REASONS_SHOWN 40

static const char *corpora;
static struct clamd_rig clamd;
static struct rig rig;
static bool ready;

/* ---- one letter ---- */

struct outcome {
    enum object_state state; /* the worst of what the keeper was told */
    enum disposition disposition;
    uint64_t findings; /* of all parts */
    size_t files;
};

static bool held(const struct outcome *o) {
    return o->disposition == DISPOSITION_REVIEW || o->disposition == DISPOSITION_QUARANTINE ||
           o->disposition == DISPOSITION_REJECT;
}

static struct outcome judge(struct span letter) {
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_judge_rep rep;
    unsigned before = rig.keeper->verdicts;
    assert_int_equal(rig_judge(&rig, letter, &answer, &rep), SD_OK);
    struct outcome o = {.state = OBJECT_CLEAN, .disposition = (enum disposition)rep.disposition};
    if (o.disposition == DISPOSITION_REJECT || o.disposition == DISPOSITION_TEMPFAIL)
        return o;
    assert_int_equal(rig.keeper->verdicts, before + 1);
    o.files = rig.keeper->count - 1;
    for (size_t i = 0; i < rig.keeper->count; i++) {
        o.state = object_state_worse(o.state, (enum object_state)rig.keeper->found[i].state);
        o.findings |= rig.keeper->found[i].findings;
    }
    return o;
}

static void print_findings(uint64_t findings) {
    for (unsigned i = 0; i < FINDING_COUNT; i++)
        if (findings >> i & 1)
            print_message(" %s", finding_text(i));
    print_message("\n");
}

static enum sd_err read_at(const char *folder, const char *name, struct buf *to) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s/%s", corpora, folder, name);
    return file_read(path, to);
}

/* SMTP carries CRLF; files with LF alone were saved so. The first line of an mbox is none of the letter's. */
static void with_crlf(struct span text, struct buf *to) {
    if (span_starts(text, SPAN("From ")))
        text = span_from(text, span_find(text, '\n') + 1);
    if (span_find(text, '\r') != text.n) {
        buf_put(to, text);
        return;
    }
    while (text.n) {
        size_t at = span_find(text, '\n');
        buf_put(to, span_sub(text, 0, at));
        if (at < text.n)
            buf_text(to, "\r\n");
        text = span_from(text, at + 1);
    }
}

static json_t *index_of(const char *folder) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(8 * 1024 * 1024);
    json_error_t problem;
    if (read_at(folder, "index.json", &text) != SD_OK)
        return NULL;
    return json_loadb((const char *)text.p, text.n, 0, &problem);
}

static const char *text_of(json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void need_corpora(void) {
    if (!ready) {
        print_message("skipped: no clamd, or no corpora in $SEALDESK_CORPORA\n");
        skip();
    }
}

/* ---- mails that hide their attachment ---- */

static bool evades(const char *folder, json_t *one) {
    struct buf file SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES),
                    letter SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES);
    if (read_at(folder, text_of(one, "file"), &file) != SD_OK)
        return false;
    with_crlf(buf_span(&file), &letter);
    struct outcome o = judge(buf_span(&letter));
    if (o.state != OBJECT_CLEAN || held(&o))
        return false;
    print_message("%s %s: clean, %zu attachments, %s\n", folder, text_of(one, "id"), o.files, text_of(one, "label"));
    return true;
}

static void nothing_dangerous_hides(const char *folder) {
    json_t *index = index_of(folder), *one;
    size_t i, evaded = 0, seen = 0;
    if (!index) {
        print_message("skipped: %s is not there\n", folder);
        return;
    }
    json_t *cases = json_is_array(index) ? index : json_object_get(index, "cases");
    json_array_foreach(cases, i, one) {
        if (strcmp(text_of(one, "set"), "hide-filename") == 0)
            continue; /* harmless: src/mail/evasion_test.c looks at the names */
        seen++;
        evaded += evades(folder, one);
    }
    json_decref(index);
    print_message("%s: %zu mails, %zu evade\n", folder, seen, evaded);
    assert_true(seen > 0);
    assert_int_equal(evaded, 0);
}

static void no_mail_hides_its_attachment(void **state) {
    (void)state;
    need_corpora();
    nothing_dangerous_hides("mime-evasion/noxxi");
    nothing_dangerous_hides("mime-evasion/mimeminer");
}

/* ---- files ---- */

static void put_letter(const char *name, struct span content, struct buf *to) {
    buf_printf(to,
               "From: Kim <kim@customer.example>\r\nTo: support@sealdesk.example\r\nSubject: a file\r\nMIME-Version: 1.0\r\n"
               "Date: Sat, 28 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@customer.example>\r\n"
               "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the file.\r\n--b\r\n"
               "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"%s\"\r\n"
               "Content-Transfer-Encoding: base64\r\n\r\n",
               name);
    for (size_t at = 0; at < content.n; at += 57) {
        put_base64(to, span_sub(content, at, 57));
        buf_text(to, "\r\n");
    }
    buf_text(to, "--b--\r\n");
}

static bool file_is_wrong(json_t *one) {
    struct buf file SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES),
                    letter SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES);
    const char *path = text_of(one, "file"), *name = strrchr(path, '/');
    bool clean = strcmp(text_of(one, "expect"), "clean") == 0;
    if (read_at("attachments", path, &file) != SD_OK)
        return false;
    put_letter(name ? name + 1 : path, buf_span(&file), &letter);
    assert_int_equal(buf_err(&letter), SD_OK);
    struct outcome o = judge(buf_span(&letter));
    if ((o.state == OBJECT_CLEAN && !held(&o)) == clean)
        return false;
    print_message("%s: expected %s, is %s:", path, text_of(one, "expect"), object_state_text(o.state));
    print_findings(o.findings);
    return true;
}

static void files_are_what_they_are(void **state) {
    (void)state;
    need_corpora();
    json_t *index = index_of("attachments"), *one;
    size_t i, wrong = 0;
    assert_non_null(index);
    json_array_foreach(index, i, one) wrong += file_is_wrong(one);
    print_message("attachments: %zu files, %zu wrong\n", json_array_size(index), wrong);
    json_decref(index);
    assert_int_equal(wrong, 0);
}

/* ---- honest mail ---- */

struct count {
    size_t letters, with_files, not_clean;
    size_t of[FINDING_COUNT];
};

static void count_letter(struct span text, const char *name, struct count *c) {
    struct buf letter SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES);
    with_crlf(text, &letter);
    struct outcome o = judge(buf_span(&letter));
    c->letters++;
    c->with_files += o.files > 0;
    if (o.state == OBJECT_CLEAN)
        return;
    for (unsigned i = 0; i < FINDING_COUNT; i++)
        c->of[i] += o.findings >> i & 1;
    if (c->not_clean++ < REASONS_SHOWN) {
        print_message("%s: %s:", name, object_state_text(o.state));
        print_findings(o.findings);
    }
}

static void count_folder(const char *folder, struct count *c) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", corpora, folder);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *e; (e = readdir(dir));) {
        struct buf text SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES);
        if (e->d_name[0] != '.' && read_at(folder, e->d_name, &text) == SD_OK)
            count_letter(buf_span(&text), e->d_name, c);
    }
    (void)closedir(dir);
}

static void honest_mail_is_clean(void **state) {
    (void)state;
    need_corpora();
    struct count c = {0};
    count_folder(HAM_FOLDER "/easy-ham-1", &c);
    count_folder(HAM_FOLDER "/easy-ham-2", &c);
    count_folder(HAM_FOLDER "/hard-ham-1", &c);
    print_message("ham: %zu letters, %zu with attachments, %zu not clean\n", c.letters, c.with_files, c.not_clean);
    for (unsigned i = 0; i < FINDING_COUNT; i++)
        if (c.of[i])
            print_message("  %s: %zu\n", finding_text(i), c.of[i]);
    assert_true(c.letters > 0);
    assert_true(c.not_clean * 1000 <= c.letters * HAM_PERMILLE);
}

static int set_up(void **state) {
    (void)state;
    char lines[512];
    struct buf program SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES);
    corpora = getenv("SEALDESK_CORPORA");
    if (!corpora || !clamd_rig_start(&clamd, "MaxThreads 4\n"))
        return 0;
    clamd_rig_learn(&clamd, EICAR_NAME, eicar());
    if (read_at("attachments/clamav-testfiles", "clam.exe", &program) == SD_OK)
        clamd_rig_learn(&clamd, "Clamav.Test.File", buf_span(&program));
    clamd_rig_reload(&clamd);
    (void)snprintf(lines, sizeof lines, "scan.clamd=%s\nscan.signatures=%s\n", clamd.endpoint, clamd.signatures);
    rig_start_looking(&rig, "customer.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n", lines);
    ready = true;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    if (!ready)
        return 0;
    rig_stop(&rig);
    clamd_rig_stop(&clamd);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_mail_hides_its_attachment),
                                       cmocka_unit_test(files_are_what_they_are), cmocka_unit_test(honest_mail_is_clean)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
