/*
 * Plays the cases of the smtp-smuggling corpus (its folder is the argument, or in SEALDESK_CORPORA; skipped when absent)
 * against the real session over a socket pair: what may be delivered, what must not, and what is answered.
 */
#include "edge/session.h"
#include "edge/test_rig.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define REPLY_MS 60 /* to wait for a reply before the next write */
#define HUGE_BYTES ((size_t)200 * 1024 * 1024)

static const char *folder;
static struct rig rig;

static void *serve(void *arg) {
    static const uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 1};
    int fd = *(int *)arg;
    struct session *s = session_new(&rig.edge, stream_of_fd(fd), ip);
    assert_non_null(s);
    session_run(s);
    session_free(&s);
    (void)close(fd);
    return NULL;
}

/* A client's end of a conversation. */
struct talk {
    pthread_t thread;
    int fd, server_fd;
    struct buf replies;
    bool closed;
};

static void talk_start(struct talk *t) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    *t = (struct talk){.fd = fds[0], .server_fd = fds[1], .replies = buf_new(4 << 20)};
    assert_int_equal(pthread_create(&t->thread, NULL, serve, &t->server_fd), 0);
}

/* What comes within ms of silence; up to the end with ms < 0. */
static void hear(struct talk *t, int ms) {
    char bytes[4096];
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    while (!t->closed && poll(&p, 1, ms) > 0) {
        ssize_t n = recv(t->fd, bytes, sizeof bytes, 0);
        t->closed = n <= 0;
        if (n > 0)
            buf_put(&t->replies, span_of(bytes, (size_t)n));
    }
}

static void say(struct talk *t, struct span bytes) {
    while (bytes.n && !t->closed) {
        ssize_t n = send(t->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        t->closed = n <= 0;
        if (n > 0)
            bytes = span_from(bytes, (size_t)n);
    }
}

static void talk_end(struct talk *t) {
    (void)shutdown(t->fd, SHUT_WR);
    t->closed = false; /* what it said before it closed is still to be read */
    hear(t, -1);
    assert_int_equal(pthread_join(t->thread, NULL), 0);
    (void)close(t->fd);
}

static struct span text_of(json_t *value) {
    return span_of(json_string_value(value), json_string_length(value));
}

static void say_huge(struct talk *t) {
    struct buf block SD_CLEANUP(buf_free) = buf_new(1 << 20);
    while (block.n < (1 << 20) - 100)
        buf_text(&block, "a line of a message that is far larger than it said\r\n");
    for (size_t n = 0; n < HUGE_BYTES && !t->closed; n += block.n)
        say(t, buf_span(&block));
    say(t, SPAN(".\r\n"));
    hear(t, 20 * REPLY_MS);
}

static void play(json_t *doc, json_t *c, struct talk *t) {
    json_t *after = json_object_get(c, "after_354");
    struct span group = text_of(json_object_get(c, "group"));
    bool wait = !span_eq(group, SPAN("fragmentation")) && !span_eq(group, SPAN("synchronisation"));
    json_t *write;
    size_t i;
    if (after) {
        say(t, text_of(json_object_get(doc, "envelope")));
        hear(t, REPLY_MS);
        say(t, text_of(after));
    }
    json_array_foreach(json_object_get(c, "writes"), i, write) {
        if (span_eq(text_of(write), SPAN("<200 MiB>")))
            say_huge(t);
        else
            say(t, text_of(write));
        if (wait && !t->closed)
            hear(t, json_array_size(json_object_get(c, "writes")) > 100 ? 1 : REPLY_MS);
    }
}

static bool delivered(struct span subject) {
    struct buf line SD_CLEANUP(buf_free) = buf_new(1024);
    buf_text(&line, "Subject: ");
    buf_put(&line, subject);
    buf_text(&line, "\r\n");
    for (size_t i = 0; i < rig.letter_count && i < RIG_LETTERS_MAX; i++) {
        struct span letter = buf_span(&rig.letters[i]);
        struct span header = span_sub(letter, 0, span_search(letter, SPAN("\r\n\r\n")) + 2);
        if (span_search(header, buf_span(&line)) < header.n)
            return true;
    }
    return false;
}

static bool delivered_exactly(json_t *subjects) {
    json_t *subject;
    size_t i;
    json_array_foreach(subjects, i, subject) if (!delivered(text_of(subject))) return false;
    return rig.letter_count == json_array_size(subjects);
}

static bool one_set_fits(json_t *sets) {
    json_t *set;
    size_t i;
    json_array_foreach(sets, i, set) if (delivered_exactly(set)) return true;
    return false;
}

/* A reply line that begins like this; "5xx" is any of that class. */
static bool replied(const struct talk *t, struct span code) {
    struct span_split split = span_split_start(buf_span(&t->replies));
    struct span line;
    size_t n = span_ends(code, SPAN("xx")) ? 1 : code.n;
    while (span_split_next(&split, '\n', &line))
        if (span_starts(line, span_sub(code, 0, n)))
            return true;
    return false;
}

static void check(json_t *c, const struct talk *t) {
    json_t *expect = json_object_get(c, "expect");
    json_t *value, *entry;
    size_t i;
    if ((value = json_object_get(expect, "messages_any_of")))
        assert_true(one_set_fits(value));
    if ((value = json_object_get(expect, "messages")))
        assert_true(delivered_exactly(value));
    json_array_foreach(json_object_get(expect, "body_contains"), i, entry)
        assert_true(span_search(buf_span(&rig.letters[0]), text_of(entry)) < rig.letters[0].n);
    if ((value = json_object_get(expect, "reply")))
        assert_true(replied(t, text_of(value)));
    if (json_array_size(json_object_get(expect, "must_not")) && json_object_get(c, "after_354"))
        assert_true(!delivered(SPAN("smuggled")) && rig.letter_count <= 1);
}

/* What the corpus says in words only. */
static void check_by_name(struct span id, const struct talk *t) {
    if (span_eq(id, SPAN("starttls-injection")))
        assert_true(replied(t, SPAN("503")) && !replied(t, SPAN("250 2.1.0")));
    if (span_starts(id, SPAN("rcpt-relay")))
        assert_true(replied(t, SPAN("550 5.1.1")) && !replied(t, SPAN("250 2.1.5")));
    if (span_eq(id, SPAN("http-cross-protocol")))
        assert_true(replied(t, SPAN("554")) && !replied(t, SPAN("250")) && rig.letter_count == 0);
    if (span_eq(id, SPAN("rcpt-flood")))
        assert_true(replied(t, SPAN("421")));
    if (span_eq(id, SPAN("cmd-bare-lf")) || span_eq(id, SPAN("cmd-long")))
        assert_true(replied(t, SPAN("500")));
    if (span_eq(id, SPAN("smtputf8-undeclared")))
        assert_true(replied(t, SPAN("553")));
    if (span_eq(id, SPAN("pipelining-after-eod"))) /* a second transaction has its own envelope */
        assert_true(rig.letter_count < 2 || span_eq(buf_span(&rig.mail_from), SPAN("admin@bank.example")));
}

/* BDAT comes later; TLS handshakes are in server_test.c; what we send is the courier's. */
static bool is_ours(json_t *c) {
    struct span group = text_of(json_object_get(c, "group"));
    json_t *write;
    size_t i;
    json_array_foreach(json_object_get(c, "writes"), i,
                       write) if (span_eq(text_of(write), SPAN("<TLS handshake>"))) return false;
    return !span_eq(group, SPAN("BDAT")) && !span_eq(group, SPAN("outbound"));
}

static void offer_tls(void) {
    struct buf cert SD_CLEANUP(buf_free) = buf_new(1 << 16);
    struct buf key SD_CLEANUP(buf_free) = buf_new(1 << 16);
    assert_int_equal(tls_self_signed(SPAN("mx.sealdesk.example"), &cert, &key), SD_OK);
    assert_int_equal(tls_server_context(buf_span(&cert), buf_span(&key), &rig.edge.tls), SD_OK);
}

static void run_case(json_t *doc, json_t *c) {
    struct talk t;
    rig_start(&rig);
    offer_tls();
    talk_start(&t);
    play(doc, c, &t);
    talk_end(&t);
    check(c, &t);
    check_by_name(text_of(json_object_get(c, "id")), &t);
    assert_int_equal(rig.edge.budget.used, 0);
    buf_free(&t.replies);
    rig_stop(&rig);
}

static void every_case(void **state) {
    (void)state;
    char path[512];
    json_t *c;
    size_t i, played = 0;
    (void)snprintf(path, sizeof path, "%s/smtp-smuggling/cases.json", folder ? folder : "");
    if (!folder || access(path, R_OK) != 0) {
        print_message("skipped: no corpus at %s\n", path);
        skip();
    }
    json_t *doc = json_load_file(path, JSON_ALLOW_NUL, NULL);
    assert_non_null(doc);
    json_array_foreach(json_object_get(doc, "cases"), i, c) {
        if (!is_ours(c))
            continue;
        print_message("case %s\n", json_string_value(json_object_get(c, "id")));
        run_case(doc, c);
        played++;
    }
    print_message("%zu cases played\n", played);
    assert_true(played > 20);
    json_decref(doc);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_case)};
    const char *env = getenv("SEALDESK_CORPORA");
    folder = env ? env : argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
