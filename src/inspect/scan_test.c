/* The inspector with Debian's clamd: what comes of letters, and what the keeper is told. */
#include "core/ipc/states.h"
#include "inspect/clamd_rig.h"
#include "inspect/test_rig.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define ZONE "customer.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n_dmarc.customer.example TXT \"v=DMARC1; p=reject\"\n"

static struct clamd_rig clamd;
static struct rig rig;
static bool has_clamd;

/* A letter and what became of it. */
struct judged {
    struct buf letter;
    struct ipc_msg *answer;
    struct inspect_judge_rep rep;
};

static void judged_free(struct judged *j) {
    ipc_msg_free(&j->answer);
    buf_free(&j->letter);
}

static struct judged letter_begin(void) {
    struct judged j = {.letter = buf_new(LIMIT_MESSAGE_BYTES)};
    buf_text(&j.letter,
             "From: Kim <kim@customer.example>\r\nTo: support@sealdesk.example\r\nSubject: hello\r\nMIME-Version: 1.0\r\n"
             "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n");
    return j;
}

static void attach(struct judged *j, const char *name, struct span content) {
    buf_printf(&j->letter,
               "--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=%s\r\n\r\n", name);
    buf_put(&j->letter, content);
    buf_text(&j->letter, "\r\n");
}

static void judge_by(struct rig *r, struct judged *j) {
    buf_text(&j->letter, "--b--\r\n");
    assert_int_equal(rig_judge(r, buf_span(&j->letter), &j->answer, &j->rep), SD_OK);
}

static struct rig_keeper *keeper_of(struct rig *r) {
    return r->keeper;
}

static void a_clean_letter_is_clean(void **state) {
    (void)state;
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    attach(&j, "note.txt", SPAN("nothing to see"));
    judge_by(&rig, &j);
    const struct rig_keeper *k = keeper_of(&rig);
    assert_int_equal(j.rep.state, OBJECT_CLEAN);
    assert_int_equal(j.rep.disposition, DISPOSITION_ACCEPT);
    assert_int_equal(k->count, 2);
    assert_int_equal(k->found[0].state, OBJECT_CLEAN);
    assert_int_equal(k->found[1].state, OBJECT_CLEAN);
    assert_memory_equal(k->letter, j.rep.digest.p, 32);
    assert_memory_equal(k->found[0].digest, j.rep.digest.p, 32);
    assert_true(span_starts(span_cstr(k->engine), SPAN("ClamAV 1.")));
}

static void a_virus_is_quarantined_and_named(void **state) {
    (void)state;
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    attach(&j, "good.txt", SPAN("good"));
    attach(&j, "bad.txt", eicar());
    judge_by(&rig, &j);
    const struct rig_keeper *k = keeper_of(&rig);
    assert_int_equal(j.rep.state, OBJECT_MALICIOUS);
    assert_int_equal(j.rep.disposition, DISPOSITION_QUARANTINE);
    assert_int_equal(k->count, 3);
    assert_int_equal(k->found[1].state, OBJECT_CLEAN);
    assert_int_equal(k->found[2].state, OBJECT_MALICIOUS);
    assert_true(k->found[2].findings & FINDING_BIT(VIRUS));
    assert_string_equal(k->found[2].signature, EICAR_NAME);
}

/* A virus where no attachment is: the letter as it came is looked at too. */
static void the_letter_itself_is_scanned(void **state) {
    (void)state;
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    buf_put(&j.letter, eicar());
    buf_text(&j.letter, "\r\n");
    judge_by(&rig, &j);
    assert_int_equal(j.rep.attachments, 0);
    assert_int_equal(j.rep.state, OBJECT_MALICIOUS);
    assert_int_equal(keeper_of(&rig)->count, 1);
    assert_string_equal(keeper_of(&rig)->found[0].signature, EICAR_NAME);
}

/* In a text that shows itself only when it is decoded, in a way that not every decoder goes along with. */
static void an_encoded_text_is_scanned_as_we_read_it(void **state) {
    (void)state;
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    struct span text = eicar();
    buf_text(&j.letter, "--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
    for (size_t i = 0; i < text.n; i++)
        buf_printf(&j.letter, "=%02x%s", text.p[i], i % 7 == 6 ? "= \t\r\n" : "");
    buf_text(&j.letter, "=\r\n\r\n");
    judge_by(&rig, &j);
    assert_int_equal(j.rep.attachments, 0);
    assert_int_equal(j.rep.state, OBJECT_MALICIOUS);
    assert_string_equal(keeper_of(&rig)->found[0].signature, EICAR_NAME);
}

static void wait_until_up(struct rig *r, bool up) {
    struct deadline deadline = deadline_in_ms(20000);
    char engine[ENGINE_BYTES + 1];
    while (health_up(&r->inspector.health, engine) != up && !deadline_passed(deadline))
        (void)nanosleep(&(struct timespec){0, 20000000}, NULL);
    assert_int_equal(health_up(&r->inspector.health, engine), up);
}

/* Down: nothing with an attachment is clean, nor without. Back: everything as before, with nobody's help. */
static void a_scanner_that_dies_leaves_letters_unscanned(void **state) {
    (void)state;
    struct judged down SD_CLEANUP(judged_free) = letter_begin();
    struct judged bare SD_CLEANUP(judged_free) = letter_begin();
    struct judged again SD_CLEANUP(judged_free) = letter_begin();
    struct buf reason SD_CLEANUP(buf_free) = buf_new(512);
    attach(&down, "note.txt", SPAN("nothing to see"));
    attach(&again, "note.txt", SPAN("nothing to see"));
    clamd_rig_kill(&clamd);
    judge_by(&rig, &down);
    assert_int_equal(down.rep.state, OBJECT_UNSCANNED);
    assert_int_equal(down.rep.disposition, DISPOSITION_ACCEPT);
    assert_int_equal(keeper_of(&rig)->count, 2);
    assert_true(keeper_of(&rig)->found[1].findings & FINDING_BIT(SCANNER_DOWN));
    judge_by(&rig, &bare);
    assert_int_equal(bare.rep.state, OBJECT_UNSCANNED);
    wait_until_up(&rig, false);
    health_say(&rig.inspector.health, &reason);
    assert_true(span_starts(buf_span(&reason), SPAN("The virus scanner does not answer")));
    clamd_rig_run(&clamd);
    wait_until_up(&rig, true);
    judge_by(&rig, &again);
    assert_int_equal(again.rep.state, OBJECT_CLEAN);
}

/* It takes connections and files, and says nothing: letters wait for as long as the settings say, and no longer when that is
 * known. */
static void a_scanner_that_hangs_is_not_waited_for_twice(void **state) {
    (void)state;
    static struct rig hung; /* its thread goes on */
    char lines[512];
    struct judged first SD_CLEANUP(judged_free) = letter_begin();
    struct judged second SD_CLEANUP(judged_free) = letter_begin();
    struct judged third SD_CLEANUP(judged_free) = letter_begin();
    (void)snprintf(lines, sizeof lines, "scan.clamd=%s\nscan.timeout_seconds=1\n", clamd.endpoint);
    rig_start_scanning(&hung, ZONE, lines);
    rig_watch_scanner(&hung);
    wait_until_up(&hung, true);
    assert_int_equal(kill(clamd.pid, SIGSTOP), 0);
    int64_t since_ns = clock_mono_ns();
    attach(&first, "a.txt", SPAN("x"));
    judge_by(&hung, &first);
    assert_int_equal(first.rep.state, OBJECT_UNSCANNED);
    assert_true(clock_mono_ns() - since_ns < INT64_C(4000000000));
    wait_until_up(&hung, false);
    since_ns = clock_mono_ns();
    judge_by(&hung, &second);
    assert_int_equal(second.rep.state, OBJECT_UNSCANNED);
    assert_true(clock_mono_ns() - since_ns < INT64_C(900000000));
    assert_int_equal(kill(clamd.pid, SIGCONT), 0);
    wait_until_up(&hung, true);
    judge_by(&hung, &third);
    assert_int_equal(third.rep.state, OBJECT_CLEAN);
}

static void while_it_is_down_letters_with_attachments_can_be_put_off(void **state) {
    (void)state;
    struct rig strict;
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    struct judged bare SD_CLEANUP(judged_free) = letter_begin();
    rig_start_scanning(&strict, ZONE, "scan.clamd=unix:/nonexistent/clamd\nscan.when_down=tempfail\n");
    attach(&j, "note.txt", SPAN("x"));
    judge_by(&strict, &j);
    assert_int_equal(j.rep.disposition, DISPOSITION_TEMPFAIL);
    assert_true(span_starts(j.rep.smtp_reply, SPAN("451 4.7.1 ")));
    assert_int_equal(j.rep.facets.n, 0);
    assert_int_equal(keeper_of(&strict)->verdicts, 0);
    judge_by(&strict, &bare);
    assert_int_equal(bare.rep.disposition, DISPOSITION_ACCEPT);
    assert_int_equal(bare.rep.state, OBJECT_UNSCANNED);
    rig_stop(&strict);
}

/* Only who is verified is told: another sender's address may be anybody's. */
static void a_virus_is_refused_only_to_the_verified(void **state) {
    (void)state;
    struct rig strict;
    char lines[256];
    const char *const zones[] = {ZONE, ""};
    (void)snprintf(lines, sizeof lines, "scan.clamd=%s\nscan.malicious=reject\n", clamd.endpoint);
    for (size_t i = 0; i < SD_COUNT(zones); i++) {
        struct judged j SD_CLEANUP(judged_free) = letter_begin();
        rig_start_scanning(&strict, zones[i], lines);
        attach(&j, "bad.txt", eicar());
        judge_by(&strict, &j);
        assert_int_equal(j.rep.disposition, i == 0 ? DISPOSITION_REJECT : DISPOSITION_QUARANTINE);
        assert_int_equal(span_starts(j.rep.smtp_reply, SPAN("554 5.7.1 ")), i == 0);
        assert_int_equal(keeper_of(&strict)->verdicts, i);
        rig_stop(&strict);
    }
}

static void without_a_scanner_attachments_are_unscanned(void **state) {
    (void)state;
    struct rig none;
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    struct judged bare SD_CLEANUP(judged_free) = letter_begin();
    rig_start_scanning(&none, ZONE, "");
    attach(&j, "note.txt", SPAN("x"));
    judge_by(&none, &j);
    assert_int_equal(j.rep.state, OBJECT_UNSCANNED);
    assert_true(keeper_of(&none)->found[1].findings & FINDING_BIT(NO_SCANNER));
    assert_int_equal(keeper_of(&none)->found[0].state, OBJECT_CLEAN);
    assert_string_equal(keeper_of(&none)->engine, "");
    judge_by(&none, &bare);
    assert_int_equal(bare.rep.state, OBJECT_CLEAN);
    rig_stop(&none);
}

/* New signatures while letters are scanned: they are told with the engine that they were begun with. */
static void new_signatures_are_another_engine(void **state) {
    (void)state;
    struct span worm = SPAN("a worm that nobody has seen before today");
    struct judged before SD_CLEANUP(judged_free) = letter_begin();
    struct judged after SD_CLEANUP(judged_free) = letter_begin();
    struct rig_keeper *k = keeper_of(&rig);
    char engine[129];
    attach(&before, "w.txt", worm);
    attach(&after, "w.txt", worm);
    judge_by(&rig, &before);
    assert_int_equal(before.rep.state, OBJECT_CLEAN);
    memcpy(engine, k->engine, sizeof engine);
    clamd_rig_learn(&clamd, "Test-Worm", worm);
    clamd_rig_reload(&clamd);
    assert_true(health_ask(&rig.inspector.health));
    judge_by(&rig, &after);
    assert_int_equal(after.rep.state, OBJECT_MALICIOUS);
    assert_string_equal(k->found[1].signature, "Test-Worm.UNOFFICIAL");
    assert_string_not_equal(k->engine, engine);
}

/* What is kept is looked into again by what is known now; the keeper hears of the object. */
static void what_is_kept_is_looked_into_again(void **state) {
    (void)state;
    static const uint8_t object[16] = {1, 2, 3};
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_scan_rep rep;
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    struct rig_keeper *k = keeper_of(&rig);
    struct sha256 digest;
    attach(&j, "good.txt", SPAN("good"));
    attach(&j, "bad.txt", eicar());
    buf_text(&j.letter, "--b--\r\n");
    assert_int_equal(rig_scan(&rig, object, buf_span(&j.letter), &answer, &rep), SD_OK);
    assert_int_equal(rep.states.count, 3);
    assert_memory_equal(k->object, object, 16);
    assert_int_equal(crypt_sha256(buf_span(&j.letter), &digest), SD_OK);
    assert_memory_equal(k->letter, digest.b, 32);
    assert_memory_equal(k->found[0].digest, digest.b, 32);
    assert_int_equal(crypt_sha256(SPAN("good"), &digest), SD_OK);
    assert_memory_equal(k->found[1].digest, digest.b, 32);
    assert_int_equal(k->found[1].state, OBJECT_CLEAN);
    assert_int_equal(k->found[2].state, OBJECT_MALICIOUS);
}

/* Nothing is known anew: what is on record stays, and the clerk asks again. */
static void nothing_is_told_while_the_scanner_is_down(void **state) {
    (void)state;
    static const uint8_t object[16] = {1};
    struct rig dead;
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_scan_rep rep;
    rig_start_scanning(&dead, ZONE, "scan.clamd=unix:/nonexistent/clamd\n");
    assert_int_equal(rig_scan(&dead, object, SPAN("From: a@b.example\r\n\r\nx\r\n"), &answer, &rep), SD_ERR_UNAVAILABLE);
    assert_int_equal(keeper_of(&dead)->verdicts, 0);
    rig_stop(&dead);
}

/* A keeper that cannot take it, locked or gone, is no reason to refuse the letter. */
static void a_keeper_that_does_not_listen_delays_nothing(void **state) {
    (void)state;
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    struct rig_keeper *k = keeper_of(&rig);
    k->answers = SD_ERR_LOCKED;
    judge_by(&rig, &j);
    k->answers = SD_OK;
    assert_int_equal(j.rep.disposition, DISPOSITION_ACCEPT);
}

static void the_keeper_is_told_how_the_scanner_is(void **state) {
    (void)state;
    struct rig_keeper *k = keeper_of(&rig);
    struct deadline deadline = deadline_in_ms(10000);
    while (k->scanners == 0 && !deadline_passed(deadline))
        (void)nanosleep(&(struct timespec){0, 10000000}, NULL);
    pthread_mutex_lock(&k->lock);
    assert_true(k->configured && k->up);
    assert_true(span_starts(span_cstr(k->scanner_engine), SPAN("ClamAV 1.")));
    assert_true(strchr(k->scanner_engine, '/') != NULL);
    assert_string_equal(k->problem, "");
    pthread_mutex_unlock(&k->lock);
}

/* What children find and what the scanner finds is one verdict. */
static void files_are_looked_into(void **state) {
    (void)state;
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    struct rig_keeper *k = keeper_of(&rig);
    attach(&j, "a.js", SPAN("SCRIPT"));
    attach(&j, "b.txt", SPAN("plain"));
    attach(&j, "c.bin", SPAN("CRASH"));
    attach(&j, "d.txt", SPAN("plain"));
    judge_by(&rig, &j);
    assert_int_equal(k->count, 5);
    assert_int_equal(k->found[0].state, OBJECT_CLEAN);
    assert_int_equal(k->found[1].state, OBJECT_SUSPICIOUS);
    assert_int_equal(k->found[1].findings, FINDING_BIT(SCRIPT));
    assert_int_equal(k->found[2].state, OBJECT_CLEAN);
    assert_int_equal(k->found[3].findings, FINDING_BIT(CRASHED));
    assert_int_equal(k->found[4].findings, FINDING_BIT(CRASHED));
    assert_int_equal(j.rep.state, OBJECT_UNSCANNABLE);
    assert_int_equal(j.rep.disposition, DISPOSITION_ACCEPT);
}

static void a_file_that_never_ends_is_unscannable(void **state) {
    (void)state;
    struct rig quick;
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    rig_start_scanning(&quick, ZONE, "scan.file_seconds=1\n");
    attach(&j, "a.bin", SPAN("HANG"));
    judge_by(&quick, &j);
    assert_true(keeper_of(&quick)->found[1].findings & FINDING_BIT(LIMIT_TIME));
    rig_stop(&quick);
}

/* Of an attachment that others may see differently nobody can say that it is clean. */
static void ambiguity_is_a_finding(void **state) {
    (void)state;
    struct judged j SD_CLEANUP(judged_free) = {.letter = buf_new(65536)};
    buf_text(&j.letter, "From: Kim <kim@customer.example>\r\nContent-Type: multipart/mixed; boundary=a\r\n"
                        "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    attach(&j, "note.txt", SPAN("x"));
    judge_by(&rig, &j);
    assert_int_equal(j.rep.state, OBJECT_SUSPICIOUS);
    assert_true(keeper_of(&rig)->found[0].findings & FINDING_BIT(AMBIGUOUS));
}

static int set_up(void **state) {
    char lines[512];
    (void)state;
    has_clamd = clamd_rig_start(&clamd, "");
    if (!has_clamd)
        return 0;
    (void)snprintf(lines, sizeof lines, "scan.clamd=%s\nscan.signatures=%s\n", clamd.endpoint, clamd.signatures);
    rig_start_scanning(&rig, ZONE, lines);
    rig_watch_scanner(&rig);
    wait_until_up(&rig, true);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    clamd_rig_stop(&clamd);
    return 0;
}

static int needs_clamd(void **state) {
    (void)state;
    if (!has_clamd)
        skip();
    return 0;
}

#define WITH_CLAMD(test) cmocka_unit_test_setup(test, needs_clamd)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_CLAMD(the_keeper_is_told_how_the_scanner_is),
        WITH_CLAMD(a_clean_letter_is_clean),
        WITH_CLAMD(a_virus_is_quarantined_and_named),
        WITH_CLAMD(the_letter_itself_is_scanned),
        WITH_CLAMD(an_encoded_text_is_scanned_as_we_read_it),
        WITH_CLAMD(files_are_looked_into),
        WITH_CLAMD(ambiguity_is_a_finding),
        cmocka_unit_test(a_file_that_never_ends_is_unscannable),
        WITH_CLAMD(a_scanner_that_dies_leaves_letters_unscanned),
        WITH_CLAMD(a_scanner_that_hangs_is_not_waited_for_twice),
        cmocka_unit_test(while_it_is_down_letters_with_attachments_can_be_put_off),
        WITH_CLAMD(a_virus_is_refused_only_to_the_verified),
        cmocka_unit_test(without_a_scanner_attachments_are_unscanned),
        WITH_CLAMD(new_signatures_are_another_engine),
        WITH_CLAMD(what_is_kept_is_looked_into_again),
        cmocka_unit_test(nothing_is_told_while_the_scanner_is_down),
        WITH_CLAMD(a_keeper_that_does_not_listen_delays_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
