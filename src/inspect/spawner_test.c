/* Children that look into files, and those that were made to do something else: what they can do, and what is said of them. */
#include "inspect/spawner.h"

#include "core/ipc/ipc.h"
#include "inspect/file_child.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define FILE_MS 1500
#define WAIT_MS 20000

static struct spawner *spawner;

/* ---- what the children do: as the content of the attachment says ---- */

/* Only the bits of these findings can be seen from outside. */
static uint64_t told(bool happened) {
    return happened ? FINDING_BIT(EXECUTABLE) : FINDING_BIT(SCRIPT);
}

static uint64_t take_a_gigabyte(void) {
    volatile void *p = malloc((size_t)1024 * 1024 * 1024);
    return told(p != NULL);
}

static uint64_t spin(void) {
    for (volatile uint64_t i = 0;; i++)
        continue;
    return 0;
}

static uint64_t sleep_on(void) {
    for (;;)
        (void)nanosleep(&(struct timespec){1, 0}, NULL);
    return 0;
}

static uint64_t crash(void) {
    (void)signal(SIGSEGV, SIG_DFL); /* cmocka's */
    volatile int *nowhere = NULL;
    return (uint64_t)*nowhere;
}

static uint64_t fork_off(void) {
    return told(fork() >= 0);
}

static uint64_t kill_others(void) {
    return told(kill(getppid(), 0) == 0 || kill(-1, 0) == 0);
}

static uint64_t open_files(void) {
    return told(open("/etc/passwd", O_RDONLY) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ||
                socket(AF_INET, SOCK_STREAM, 0) >= 0);
}

/* Writes into whatever it has. */
static void write_everywhere(struct span bytes) {
    for (int fd = 0; fd < 64; fd++)
        if (fd != STDERR_FILENO)
            (void)!write(fd, bytes.p, bytes.n);
}

static uint64_t lie_of_a_virus(void) {
    struct buf record SD_CLEANUP(buf_free) = buf_new(64);
    buf_u16(&record, 0);
    buf_u64(&record, FINDING_BIT(VIRUS));
    write_everywhere(buf_span(&record));
    return 0;
}

static uint64_t answer_twice(void) {
    struct buf record SD_CLEANUP(buf_free) = buf_new(64);
    buf_u16(&record, 0);
    buf_u64(&record, 0);
    buf_u16(&record, RECORD_END);
    buf_u64(&record, 0);
    write_everywhere(buf_span(&record));
    return 0;
}

static uint64_t write_garbage(void) {
    static const uint8_t garbage[4096] = {7, 7, 7};
    write_everywhere(span_of(garbage, sizeof garbage));
    return 0;
}

static const struct {
    const char *word;
    uint64_t (*act)(void);
} acts[] = {
    {"memory", take_a_gigabyte}, {"spin", spin},
    {"sleep", sleep_on},         {"crash", crash},
    {"fork", fork_off},          {"kill", kill_others},
    {"open", open_files},        {"virus", lie_of_a_virus},
    {"twice", answer_twice},     {"garbage", write_garbage},
};

static enum sd_err judge(void *loaded, struct files_budget *budget, const struct files_subject *subject,
                         uint64_t *ret_findings) {
    *ret_findings = strcmp(loaded, "loaded") != 0 || deadline_passed(budget->deadline) ? FINDING_BIT(DAMAGED) : 0;
    for (size_t i = 0; i < SD_COUNT(acts); i++)
        if (span_eq(subject->content, span_cstr(acts[i].word)))
            *ret_findings = acts[i].act();
    if (span_eq(subject->name, SPAN("named.exe")) && span_eq(subject->type, SPAN("image/png")))
        *ret_findings = FINDING_BIT(TYPE_MISMATCH);
    budget->entries_left--;
    if (budget->entries_left == 0)
        *ret_findings |= FINDING_BIT(LIMIT_ENTRIES);
    return SD_OK;
}

static enum sd_err load(void **ret_loaded) {
    static char loaded[] = "loaded";
    *ret_loaded = loaded;
    return SD_OK;
}

/* ---- letters ---- */

static int letter_of(const char *const *contents, size_t count) {
    struct buf letter SD_CLEANUP(buf_free) = buf_new(65536);
    int fd = -1;
    buf_text(&letter, "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
    for (size_t i = 0; i < count; i++)
        buf_printf(&letter, "--b\r\nContent-Disposition: attachment; filename=a%zu.bin\r\n\r\n%s\r\n", i, contents[i]);
    buf_text(&letter, "--b--\r\n");
    assert_int_equal(sealed_memfd(buf_span(&letter), &fd), SD_OK);
    return fd;
}

static enum sd_err looked_into(const char *const *contents, size_t count, uint64_t *findings) {
    int letter = letter_of(contents, count);
    int answer = -1;
    enum sd_err err = spawner_begin(spawner, letter, &answer);
    (void)close(letter);
    return err ? err : spawner_collect(spawner, answer, deadline_in_ms(WAIT_MS), findings, count);
}

static uint64_t found_in(const char *content) {
    uint64_t findings = 0;
    assert_int_equal(looked_into(&content, 1, &findings), SD_OK);
    return findings;
}

static void each_attachment_is_looked_into_in_order(void **state) {
    (void)state;
    const char *const contents[] = {"x", "fork", "y"};
    uint64_t findings[3] = {FINDING_BIT(AMBIGUOUS)};
    assert_int_equal(looked_into(contents, 3, findings), SD_OK);
    assert_int_equal(findings[0], FINDING_BIT(AMBIGUOUS));
    assert_int_equal(findings[1], FINDING_BIT(SCRIPT));
    assert_int_equal(findings[2], 0);
}

/* One budget for all of a letter, a new one for the next. */
static void the_budget_is_the_letter_s(void **state) {
    (void)state;
    const char *const contents[] = {"a", "b", "c", "d", "e"};
    for (int i = 0; i < 2; i++) {
        uint64_t findings[5] = {0};
        assert_int_equal(looked_into(contents, 5, findings), SD_OK);
        assert_int_equal(findings[3], 0);
        assert_int_equal(findings[4], FINDING_BIT(LIMIT_ENTRIES));
    }
}

static void name_and_type_come_along(void **state) {
    (void)state;
    int letter = -1, answer = -1;
    uint64_t findings = 0;
    assert_int_equal(sealed_memfd(SPAN("From: a@b.example\r\nContent-Type: image/png; name=named.exe\r\n\r\nx\r\n"), &letter),
                     SD_OK);
    assert_int_equal(spawner_begin(spawner, letter, &answer), SD_OK);
    (void)close(letter);
    assert_int_equal(spawner_collect(spawner, answer, deadline_in_ms(WAIT_MS), &findings, 1), SD_OK);
    assert_int_equal(findings, FINDING_BIT(TYPE_MISMATCH));
}

/* What was said before it broke counts; the rest is not known. */
static void a_crash_costs_only_what_was_not_answered(void **state) {
    (void)state;
    const char *const contents[] = {"fork", "crash", "x"};
    uint64_t findings[3] = {0};
    assert_int_equal(looked_into(contents, 3, findings), SD_OK);
    assert_int_equal(findings[0], FINDING_BIT(SCRIPT));
    assert_int_equal(findings[1], FINDING_BIT(CRASHED));
    assert_int_equal(findings[2], FINDING_BIT(CRASHED));
    assert_int_equal(found_in("x"), 0);
}

static void what_takes_too_long_is_killed(void **state) {
    (void)state;
    int64_t since_ns = clock_mono_ns();
    assert_int_equal(found_in("spin"), FINDING_BIT(LIMIT_TIME));
    assert_int_equal(found_in("sleep"), FINDING_BIT(LIMIT_TIME));
    assert_true(clock_mono_ns() - since_ns < INT64_C(2) * (FILE_MS + 3000) * 1000000);
    assert_int_equal(found_in("x"), 0);
}

/* Others are served meanwhile, and when all children hang, letters wait for their turn and get it. */
static void those_that_hang_do_not_stop_others(void **state) {
    (void)state;
    const char *const hang = "sleep";
    int answers[10];
    uint64_t findings[10] = {0};
    const char *const writer = "garbage";
    for (size_t i = 0; i < 7; i++) {
        int letter = letter_of(&hang, 1);
        assert_int_equal(spawner_begin(spawner, letter, &answers[i]), SD_OK);
        (void)close(letter);
    }
    int64_t since_ns = clock_mono_ns();
    assert_int_equal(found_in("x"), 0);
    assert_true(clock_mono_ns() - since_ns < INT64_C(1000000000));
    assert_true(found_in(writer) & FINDING_BIT(CRASHED)); /* and none of the others' */
    for (size_t i = 7; i < 10; i++) {
        int letter = letter_of(&hang, 1);
        assert_int_equal(spawner_begin(spawner, letter, &answers[i]), SD_OK);
        (void)close(letter);
    }
    assert_int_equal(found_in("x"), 0); /* as the tenth waits, so does this one */
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(spawner_collect(spawner, answers[i], deadline_in_ms(WAIT_MS), &findings[i], 1), SD_OK);
        assert_int_equal(findings[i], FINDING_BIT(LIMIT_TIME));
    }
}

static void memory_is_limited(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#endif
    assert_int_equal(found_in("memory"), FINDING_BIT(SCRIPT));
}

static void one_that_was_taken_over_reaches_nothing(void **state) {
    (void)state;
    assert_int_equal(found_in("fork"), FINDING_BIT(SCRIPT));
    assert_int_equal(found_in("kill"), FINDING_BIT(SCRIPT));
    assert_int_equal(found_in("open"), FINDING_BIT(SCRIPT));
}

/* Nor can it say what a child does not say. */
static void one_that_was_taken_over_is_not_believed(void **state) {
    (void)state;
    assert_true(found_in("virus") & FINDING_BIT(CRASHED));
    assert_false(found_in("virus") & FINDING_BIT(VIRUS));
    assert_true(found_in("twice") & FINDING_BIT(CRASHED));
    assert_true(found_in("garbage") & FINDING_BIT(CRASHED));
    assert_int_equal(found_in("x"), 0);
}

static void its_end_is_noticed(void **state) {
    (void)state;
    struct spawner_spec spec = {.uid = getuid(), .gid = getgid(), .file_ms = FILE_MS, .judge = judge, .load = load};
    struct spawner *other = NULL;
    assert_int_equal(spawner_start(&spec, &other), SD_OK);
    assert_false(spawner_gone(other));
    spawner_free(&other);
    assert_null(other);
}

static int start(void **state) {
    (void)state;
    static struct spawner_spec spec;
    spec = (struct spawner_spec){
        .uid = getuid(), .gid = getgid(), .budget = {.entries_left = 5}, .file_ms = FILE_MS, .load = load, .judge = judge};
    return spawner_start(&spec, &spawner) == SD_OK ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    spawner_free(&spawner);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_attachment_is_looked_into_in_order),
        cmocka_unit_test(the_budget_is_the_letter_s),
        cmocka_unit_test(name_and_type_come_along),
        cmocka_unit_test(a_crash_costs_only_what_was_not_answered),
        cmocka_unit_test(what_takes_too_long_is_killed),
        cmocka_unit_test(those_that_hang_do_not_stop_others),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(one_that_was_taken_over_reaches_nothing),
        cmocka_unit_test(one_that_was_taken_over_is_not_believed),
        cmocka_unit_test(its_end_is_noticed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
