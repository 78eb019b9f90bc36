/* What clamd may say, and what one that is broken may do: it is never believed by mistake, and comes back by itself. */
#include "inspect/clamd.h"

#include "core/ipc/ipc.h"
#include "core/ipc/states.h"
#include "core/role.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 5000

/* ---- a scripted clamd ---- */

/* What it does with each file it is asked about. */
enum conduct {
    SAYS_OK,
    SAYS_FOUND,
    SAYS_ERROR,
    SAYS_TOO_LARGE,
    ANSWERS_ANOTHER, /* the number of the one before */
    SAYS_GARBAGE,
    SAYS_TWO,   /* an answer more than was asked for */
    NEVER_ENDS, /* an answer without an end */
    DIES_IN_THE_MIDDLE,
    DIES_ONCE, /* at the first file, then it says OK */
    SAYS_NOTHING,
    LATE, /* after the one who asked has gone; the next on this connection would get it */
};

static char dir[] = "/tmp/clamd-answers-XXXXXX";
static char path[64];
static int listener = -1;
static atomic_int conduct;
static atomic_int connections, died;

static void say(int fd, const char *text, size_t n) {
    (void)!send(fd, text, n, MSG_NOSIGNAL);
}

static void say_line(int fd, const char *format, unsigned id) {
    char text[256];
    int n = snprintf(text, sizeof text, format, id);
    say(fd, text, (size_t)n + 1);
}

/* False: it hangs up. */
static bool answer(int fd, unsigned id) {
    static const char endless[2000] = {[0 ... 1999] = 'x'};
    switch ((enum conduct)atomic_load(&conduct)) {
    case SAYS_OK:
        say_line(fd, "%u: fd[9]: OK", id);
        return true;
    case SAYS_FOUND:
        say_line(fd, "%u: fd[9]: Some.Worm-1 FOUND", id);
        return true;
    case SAYS_ERROR:
        say_line(fd, "%u: fd[9]: Can't allocate memory ERROR", id);
        return true;
    case SAYS_TOO_LARGE:
        say_line(fd, "%u: fd[9]: File size limit exceeded ERROR", id);
        return true;
    case ANSWERS_ANOTHER:
        say_line(fd, "%u: fd[9]: OK", id - 1);
        return true;
    case SAYS_GARBAGE:
        say_line(fd, "fd[9]: OK (%u)", id);
        return true;
    case SAYS_TWO:
        say(fd, "1: fd[9]: OK\0002: fd[9]: OK", 26);
        return true;
    case NEVER_ENDS:
        say(fd, endless, sizeof endless);
        return true;
    case DIES_IN_THE_MIDDLE:
        say(fd, "1: fd[9]: O", 11);
        return false;
    case DIES_ONCE:
        if (atomic_fetch_add(&died, 1) == 0)
            return false;
        say_line(fd, "%u: fd[9]: OK", id);
        return true;
    case SAYS_NOTHING:
        return true;
    case LATE:
        clock_pause_ms(600);
        say_line(fd, "%u: fd[9]: OK", id);
        return true;
    }
    return false;
}

/* Commands end with NUL; FILDES is followed by a byte of its own. */
static void *serve_connection(void *arg) {
    int fd = (int)(intptr_t)arg;
    unsigned id = 0;
    char command[64];
    size_t n = 0;
    char c;
    bool open = true;
    while (open && n < sizeof command && recv(fd, &c, 1, 0) == 1) {
        command[n++] = c;
        if (c != 0)
            continue;
        if (strcmp(command, "zFILDES") == 0)
            open = recv(fd, &c, 1, 0) == 1 && answer(fd, ++id);
        if (strcmp(command, "zVERSION") == 0)
            say(fd, "ClamAV 9.9.9/27001/Mon Nov 23 08:12:44 2026", 44);
        n = 0;
    }
    (void)close(fd);
    return NULL;
}

static void *serve(void *arg) {
    (void)arg;
    for (;;) {
        unsigned long thread;
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        atomic_fetch_add(&connections, 1);
        if (role_thread("line", serve_connection, (void *)(intptr_t)fd, &thread) != SD_OK)
            (void)close(fd);
        else
            (void)pthread_detach((pthread_t)thread);
    }
}

/* ---- its client ---- */

static struct connector *connector;

static enum sd_err ask(struct clamd *clamd, int64_t ms, struct scan_result *ret) {
    int file = -1;
    struct scanner scanner = clamd_scanner(clamd);
    assert_int_equal(sealed_memfd(SPAN("a file"), &file), SD_OK);
    enum sd_err err = scanner.ops->scan(scanner.self, file, deadline_in_ms(ms), ret);
    (void)close(file);
    return err;
}

static struct clamd *client(size_t count) {
    struct clamd *clamd = NULL;
    assert_int_equal(clamd_new(connector, 0, count, &clamd), SD_OK);
    atomic_store(&connections, 0);
    atomic_store(&died, 0);
    return clamd;
}

static void what_it_says_is_what_is_found(void **state) {
    (void)state;
    struct clamd *clamd SD_CLEANUP(clamd_free) = client(1);
    struct scan_result result = {0};
    atomic_store(&conduct, SAYS_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(clamd, WAIT_MS, &result), SD_OK);
        assert_int_equal(result.findings, 0);
    }
    atomic_store(&conduct, SAYS_FOUND);
    assert_int_equal(ask(clamd, WAIT_MS, &result), SD_OK);
    assert_int_equal(result.findings, FINDING_BIT(VIRUS));
    assert_string_equal(result.signature, "Some.Worm-1");
    atomic_store(&conduct, SAYS_TOO_LARGE);
    assert_int_equal(ask(clamd, WAIT_MS, &result), SD_OK);
    assert_int_equal(result.findings, FINDING_BIT(SCANNER_LIMIT));
    atomic_store(&conduct, SAYS_ERROR);
    assert_int_equal(ask(clamd, WAIT_MS, &result), SD_ERR_UNAVAILABLE);
    assert_int_equal(atomic_load(&connections), 1);
}

/* Nothing that a broken one says makes a file clean; and as soon as it is whole again, it is believed again. */
static void one_that_is_broken_is_not_believed(void **state) {
    (void)state;
    static const enum conduct broken[] = {ANSWERS_ANOTHER, SAYS_GARBAGE, SAYS_TWO, NEVER_ENDS, DIES_IN_THE_MIDDLE};
    for (size_t i = 0; i < SD_COUNT(broken); i++) {
        struct clamd *clamd SD_CLEANUP(clamd_free) = client(2);
        struct scan_result result = {.findings = FINDING_BIT(CRASHED)};
        atomic_store(&conduct, broken[i]);
        assert_int_equal(ask(clamd, WAIT_MS, &result), SD_ERR_UNAVAILABLE);
        assert_int_equal(result.findings, FINDING_BIT(CRASHED));
        assert_int_equal(atomic_load(&connections), 2); /* once more on a new one */
        atomic_store(&conduct, SAYS_FOUND);
        assert_int_equal(ask(clamd, WAIT_MS, &result), SD_OK);
        assert_int_equal(result.findings, FINDING_BIT(VIRUS));
    }
}

static void one_that_dies_once_is_asked_again(void **state) {
    (void)state;
    struct clamd *clamd SD_CLEANUP(clamd_free) = client(1);
    struct scan_result result;
    atomic_store(&conduct, DIES_ONCE);
    assert_int_equal(ask(clamd, WAIT_MS, &result), SD_OK);
    assert_int_equal(result.findings, 0);
    assert_int_equal(atomic_load(&connections), 2);
}

/* The late answer belongs to the file before: nobody may take it for the next one's. */
static void a_late_answer_is_nobody_s(void **state) {
    (void)state;
    struct clamd *clamd SD_CLEANUP(clamd_free) = client(1);
    struct scan_result result;
    atomic_store(&conduct, LATE);
    assert_int_equal(ask(clamd, 200, &result), SD_ERR_TIMEOUT);
    atomic_store(&conduct, SAYS_FOUND);
    clock_pause_ms(700);
    assert_int_equal(ask(clamd, WAIT_MS, &result), SD_OK);
    assert_int_equal(result.findings, FINDING_BIT(VIRUS));
    assert_int_equal(atomic_load(&connections), 2);
}

static void silence_ends_at_the_deadline(void **state) {
    (void)state;
    struct clamd *clamd SD_CLEANUP(clamd_free) = client(1);
    struct scan_result result;
    int64_t since_ns = clock_mono_ns();
    atomic_store(&conduct, SAYS_NOTHING);
    assert_int_equal(ask(clamd, 300, &result), SD_ERR_TIMEOUT);
    assert_true(clock_mono_ns() - since_ns < INT64_C(2000000000));
}

struct asker {
    struct clamd *clamd;
    enum sd_err err;
    pthread_t thread;
};

static void *ask_in_thread(void *arg) {
    struct asker *a = arg;
    struct scan_result result;
    a->err = ask(a->clamd, WAIT_MS, &result);
    return NULL;
}

/* More who ask than connections: they wait for one, and no more are made. */
static void connections_are_shared(void **state) {
    (void)state;
    struct clamd *clamd SD_CLEANUP(clamd_free) = client(2);
    struct asker askers[12];
    atomic_store(&conduct, SAYS_OK);
    for (size_t i = 0; i < SD_COUNT(askers); i++) {
        askers[i] = (struct asker){.clamd = clamd};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_in_thread, &askers[i]), 0);
    }
    for (size_t i = 0; i < SD_COUNT(askers); i++) {
        (void)pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].err, SD_OK);
    }
    assert_true(atomic_load(&connections) <= 2);
}

/* Nobody accepts: the queue of its socket is full. What is asked ends at its deadline. */
static void a_full_socket_is_waited_for(void **state) {
    (void)state;
    char full[80], endpoint_text[96];
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct connector_spec spec = {.uid = getuid(), .gid = getgid(), .count = 1};
    struct connector *own = NULL;
    struct clamd *clamd = NULL;
    struct scan_result result;
    int held[16];
    size_t n = 0;
    (void)snprintf(full, sizeof full, "%s/full", dir);
    (void)snprintf(endpoint_text, sizeof endpoint_text, "unix:%s", full);
    memcpy(un.sun_path, full, strlen(full) + 1);
    int deaf = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(deaf, (struct sockaddr *)&un, sizeof un), 0);
    assert_int_equal(listen(deaf, 0), 0);
    assert_int_equal(endpoint_parse(span_cstr(endpoint_text), &spec.endpoints[0]), SD_OK);
    assert_int_equal(connector_start(&spec, &own), SD_OK);
    while (n < SD_COUNT(held) && connector_connect(own, 0, deadline_in_ms(WAIT_MS), &held[n]) == SD_OK)
        n++;
    assert_true(n < SD_COUNT(held));
    assert_int_equal(clamd_new(own, 0, 1, &clamd), SD_OK);
    assert_int_not_equal(ask(clamd, 300, &result), SD_OK);
    while (n)
        (void)close(held[--n]);
    clamd_free(&clamd);
    connector_free(&own);
    (void)close(deaf);
    (void)unlink(full);
}

/* ---- what is read ---- */

static void answers_are_read_strictly(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "OK",
                                        "7: OK",
                                        "7: fd[9] OK",
                                        "8: fd[9]: OK",
                                        "7: fd[9]: ok",
                                        "7: fd[9]: OK ",
                                        "7: fd[]: OK",
                                        "7: fd[9]:  FOUND",
                                        "7: fd[9]: FOUND",
                                        "07x: fd[9]: OK",
                                        "-7: fd[9]: OK",
                                        "7: fd[9]: Worm",
                                        "4294967303: fd[9]: OK",
                                        "7: fd[9]: OK\n"};
    static const struct {
        const char *answer, *signature;
        uint64_t findings;
    } right[] = {{"7: fd[9]: OK", "", 0},
                 {"7: fd[10]: Win.Test FOUND", "Win.Test", FINDING_BIT(VIRUS)},
                 {"7: fd[10]: a b\x01\xff FOUND", "a?b??", FINDING_BIT(VIRUS)},
                 {"7: fd[10]: Heuristics.Encrypted.Zip FOUND", "Heuristics.Encrypted.Zip", FINDING_BIT(ENCRYPTED_ENTRY)},
                 {"7: fd[10]: Heuristics.Limits.Exceeded.MaxFileSize FOUND", "Heuristics.Limits.Exceeded.MaxFileSize",
                  FINDING_BIT(SCANNER_LIMIT)}};
    struct scan_result result;
    for (size_t i = 0; i < SD_COUNT(wrong); i++)
        assert_int_equal(clamd_read_answer(span_cstr(wrong[i]), 7, &result), SD_ERR_PROTOCOL);
    for (size_t i = 0; i < SD_COUNT(right); i++) {
        assert_int_equal(clamd_read_answer(span_cstr(right[i].answer), 7, &result), SD_OK);
        assert_int_equal(result.findings, right[i].findings);
        assert_string_equal(result.signature, right[i].signature);
    }
}

static void its_version_is_read(void **state) {
    (void)state;
    char engine[ENGINE_BYTES + 1];
    int64_t made_ms = 0;
    assert_int_equal(clamd_read_version(SPAN("ClamAV 1.4.6/27001/Mon Nov 23 08:12:44 2026"), engine, &made_ms), SD_OK);
    assert_string_equal(engine, "ClamAV 1.4.6/27001");
    assert_int_equal(made_ms, INT64_C(1795421564000));
    assert_int_equal(clamd_read_version(SPAN("ClamAV 1.4.6"), engine, &made_ms), SD_OK);
    assert_string_equal(engine, "ClamAV 1.4.6");
    assert_int_equal(made_ms, 0);
    assert_int_equal(clamd_read_version(SPAN("Postfix"), engine, &made_ms), SD_ERR_PROTOCOL);
    assert_int_equal(clamd_read_version(SPAN(""), engine, &made_ms), SD_ERR_PROTOCOL);
    atomic_store(&conduct, SAYS_NOTHING);
    struct clamd *clamd SD_CLEANUP(clamd_free) = client(1);
    struct scanner scanner = clamd_scanner(clamd);
    assert_int_equal(scanner.ops->version(scanner.self, deadline_in_ms(WAIT_MS), engine, &made_ms), SD_OK);
    assert_string_equal(engine, "ClamAV 9.9.9/27001");
}

static int set_up(void **state) {
    (void)state;
    char text[80];
    unsigned long thread;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct connector_spec spec = {.uid = getuid(), .gid = getgid(), .count = 1};
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof path, "%s/sock", dir);
    (void)snprintf(text, sizeof text, "unix:%s", path);
    memcpy(un.sun_path, path, strlen(path) + 1);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&un, sizeof un) != 0 || listen(listener, 20) != 0 ||
        endpoint_parse(span_cstr(text), &spec.endpoints[0]) != SD_OK || connector_start(&spec, &connector) != SD_OK)
        return -1;
    return role_thread("clamd", serve, NULL, &thread) == SD_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    connector_free(&connector);
    (void)unlink(path);
    return rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says_is_what_is_found),
        cmocka_unit_test(one_that_is_broken_is_not_believed),
        cmocka_unit_test(one_that_dies_once_is_asked_again),
        cmocka_unit_test(a_late_answer_is_nobody_s),
        cmocka_unit_test(silence_ends_at_the_deadline),
        cmocka_unit_test(connections_are_shared),
        cmocka_unit_test(a_full_socket_is_waited_for),
        cmocka_unit_test(answers_are_read_strictly),
        cmocka_unit_test(its_version_is_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
