/* The channel between processes: round trips of every message kind, hostile bytes, many callers, a service that dies. */
#include "core/ipc/cards.h"
#include "core/ipc/control.h"
#include "core/ipc/dns.h"
#include "core/ipc/inspect.h"
#include "core/ipc/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define IPC_DEF "core/ipc/dns.def"
#define IPC_TABLE dns_ops
#include "core/ipc/gen_dispatch.h"

/* Answers with the question's name as the only record; the type is the number of extra milliseconds it takes. */
enum sd_err dns_on_query(SD_UNUSED void *ctx, struct ipc_call *call, const struct dns_query_req *req) {
    if (span_eq(req->name, SPAN("refuse.me")))
        return SD_ERR_BUSY;
    if (req->type)
        (void)poll(NULL, 0, req->type);
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1024);
    struct dns_query_rep rep = {.outcome = 1, .ttl_s = 60};
    ipc_list_add(&rep.records, &raw, req->name);
    dns_query_reply(call, &rep);
    return SD_OK;
}

static void *serve(void *arg) {
    struct ipc_conn *conn = ipc_conn_new(*(int *)arg, PEER_INSPECT, 0);
    enum sd_err err = SD_OK;
    while (err == SD_OK || err == SD_ERR_TIMEOUT)
        err = ipc_serve_one(conn, dns_ops, SD_COUNT(dns_ops), 1, NULL, deadline_in_ms(10000));
    ipc_conn_unref(&conn);
    return (void *)(intptr_t)err;
}

static enum sd_err ask(struct ipc_client *client, const char *name, uint16_t type, int64_t ms) {
    struct ipc_msg *msg = NULL;
    struct dns_query_rep rep;
    enum sd_err err = dns_query_call(client, &(struct dns_query_req){.name = span_cstr(name), .type = type}, deadline_in_ms(ms),
                                     &msg, &rep);
    if (err == SD_OK) {
        struct ipc_list_iter iter = ipc_list_start(rep.records);
        struct span record = SPAN_NONE;
        assert_true(ipc_list_next(&iter, &record));
        assert_true(span_eq(record, span_cstr(name)));
    }
    ipc_msg_free(&msg);
    return err;
}

static void *ask_many(void *arg) {
    char name[32];
    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof name, "n%d-%lx.example", i, (unsigned long)pthread_self());
        if (ask(arg, name, 0, 5000) != SD_OK)
            return "failed";
    }
    return NULL;
}

static void test_many_callers_one_channel(SD_UNUSED void **state) {
    int pair[2];
    pthread_t server, callers[8];
    void *result;
    assert_int_equal(ipc_pair(pair), SD_OK);
    struct ipc_client *client = ipc_client_new("dns");
    ipc_client_attach(client, pair[1]);
    assert_int_equal(pthread_create(&server, NULL, serve, &pair[0]), 0);
    for (size_t i = 0; i < SD_COUNT(callers); i++)
        assert_int_equal(pthread_create(&callers[i], NULL, ask_many, client), 0);
    for (size_t i = 0; i < SD_COUNT(callers); i++) {
        assert_int_equal(pthread_join(callers[i], &result), 0);
        assert_null(result);
    }
    assert_int_equal(ask(client, "refuse.me", 0, 1000), SD_ERR_BUSY);
    assert_int_equal(ask(client, "slow.example", 300, 50), SD_ERR_TIMEOUT);
    assert_int_equal(ask(client, "after.example", 0, 2000), SD_OK); /* the late answer went nowhere */
    ipc_client_free(&client);
    assert_int_equal(pthread_join(server, &result), 0);
    assert_int_equal((enum sd_err)(intptr_t)result, SD_ERR_CLOSED);
}

/* Looking never waits, takes replies in the order they come, and sees the end of the channel. */
static void test_looking_for_an_answer_does_not_wait(SD_UNUSED void **state) {
    int pair[2];
    pthread_t server;
    struct ipc_ticket *first = NULL, *second = NULL, *lost = NULL;
    struct ipc_msg *msg = NULL;
    struct dns_query_rep rep;
    struct dns_query_req slow = {.name = SPAN("slow.example"), .type = 200}, quick = {.name = SPAN("quick.example")};
    assert_int_equal(ipc_pair(pair), SD_OK);
    struct ipc_client *client = ipc_client_new("dns");
    ipc_client_attach(client, pair[1]);
    assert_int_equal(ipc_client_fd(client), pair[1]);
    assert_int_equal(pthread_create(&server, NULL, serve, &pair[0]), 0);
    assert_int_equal(dns_query_start(client, &slow, deadline_in_ms(0), &first), SD_OK);
    assert_int_equal(dns_query_start(client, &quick, deadline_in_ms(0), &second), SD_OK);
    int64_t began_ns = clock_mono_ns();
    assert_false(ipc_answered(client, first));
    assert_true(clock_mono_ns() - began_ns < 150 * 1000000LL);
    struct deadline end = deadline_in_ms(10000);
    while (!ipc_answered(client, second) && !deadline_passed(end))
        (void)poll(NULL, 0, 5);
    assert_true(ipc_answered(client, first)); /* answered before */
    assert_int_equal(dns_query_wait(client, &first, deadline_in_ms(0), &msg, &rep), SD_OK);
    ipc_msg_free(&msg);
    assert_int_equal(dns_query_wait(client, &second, deadline_in_ms(0), &msg, &rep), SD_OK);
    ipc_msg_free(&msg);
    assert_int_equal(dns_query_start(client, &slow, deadline_in_ms(0), &lost), SD_OK);
    ipc_client_attach(client, -1);
    assert_true(ipc_answered(client, lost));
    assert_int_equal(dns_query_wait(client, &lost, deadline_in_ms(0), &msg, &rep), SD_ERR_UNAVAILABLE);
    assert_int_equal(ipc_client_fd(client), -1);
    ipc_client_free(&client);
    assert_int_equal(pthread_join(server, NULL), 0);
}

static void *serve_shared(void *arg) {
    struct ipc_conn *conn = arg;
    enum sd_err err = SD_OK;
    while (err == SD_OK || err == SD_ERR_TIMEOUT) /* short deadlines, so that some pass while others read */
        err = ipc_serve_one(conn, dns_ops, SD_COUNT(dns_ops), 1, NULL, deadline_in_ms(5));
    ipc_conn_unref(&conn);
    return (void *)(intptr_t)err;
}

static void test_many_threads_serve_one_channel(SD_UNUSED void **state) {
    int pair[2];
    pthread_t servers[4], callers[8];
    void *result;
    assert_int_equal(ipc_pair(pair), SD_OK);
    struct ipc_conn *conn = ipc_conn_new(pair[0], PEER_INSPECT, 0);
    struct ipc_client *client = ipc_client_new("dns");
    ipc_client_attach(client, pair[1]);
    for (size_t i = 0; i < SD_COUNT(servers); i++)
        assert_int_equal(pthread_create(&servers[i], NULL, serve_shared, ipc_conn_ref(conn)), 0);
    ipc_conn_unref(&conn);
    for (size_t i = 0; i < SD_COUNT(callers); i++)
        assert_int_equal(pthread_create(&callers[i], NULL, ask_many, client), 0);
    for (size_t i = 0; i < SD_COUNT(callers); i++) {
        assert_int_equal(pthread_join(callers[i], &result), 0);
        assert_null(result);
    }
    ipc_client_free(&client);
    for (size_t i = 0; i < SD_COUNT(servers); i++) { /* the end of the peer reaches every one of them */
        assert_int_equal(pthread_join(servers[i], &result), 0);
        assert_int_equal((enum sd_err)(intptr_t)result, SD_ERR_CLOSED);
    }
}

static void *ask_slowly(void *arg) {
    return ask(arg, "slow.example", 100, 3000) == SD_OK ? NULL : "failed";
}

static void *ask_later(void *arg) {
    (void)poll(NULL, 0, 30);
    return ask(arg, "later.example", 0, 3000) == SD_OK ? NULL : "failed";
}

/* The one who read for all has its answer; the lead must go to somebody who waits, not to a call that was only started. */
static void test_a_call_started_ahead_is_not_given_the_lead(SD_UNUSED void **state) {
    int pair[2];
    pthread_t server, first, second;
    void *result;
    struct ipc_ticket *ahead = NULL;
    struct ipc_msg *msg = NULL;
    struct dns_query_rep rep;
    assert_int_equal(ipc_pair(pair), SD_OK);
    struct ipc_client *client = ipc_client_new("dns");
    ipc_client_attach(client, pair[1]);
    assert_int_equal(pthread_create(&server, NULL, serve, &pair[0]), 0);
    assert_int_equal(pthread_create(&first, NULL, ask_slowly, client), 0);
    assert_int_equal(pthread_create(&second, NULL, ask_later, client), 0);
    (void)poll(NULL, 0, 60);
    assert_int_equal(
        dns_query_start(client, &(struct dns_query_req){.name = SPAN("ahead.example")}, deadline_in_ms(1000), &ahead), SD_OK);
    assert_int_equal(pthread_join(first, &result), 0);
    assert_null(result);
    assert_int_equal(pthread_join(second, &result), 0);
    assert_null(result);
    assert_int_equal(dns_query_wait(client, &ahead, deadline_in_ms(1000), &msg, &rep), SD_OK);
    ipc_msg_free(&msg);
    ipc_client_free(&client);
    assert_int_equal(pthread_join(server, &result), 0);
}

static void *kill_soon(void *arg) {
    (void)poll(NULL, 0, 50);
    (void)shutdown(*(int *)arg, SHUT_RDWR);
    return NULL;
}

static void test_service_dies_and_comes_back(SD_UNUSED void **state) {
    int pair[2], second[2];
    pthread_t killer, server;
    assert_int_equal(ipc_pair(pair), SD_OK);
    struct ipc_client *client = ipc_client_new("dns");
    ipc_client_attach(client, pair[1]);
    assert_int_equal(pthread_create(&killer, NULL, kill_soon, &pair[0]), 0);
    assert_int_equal(ask(client, "never.example", 0, 5000), SD_ERR_UNAVAILABLE);
    assert_int_equal(pthread_join(killer, NULL), 0);
    assert_true(ipc_client_broken(client));
    assert_int_equal(ask(client, "nobody.example", 0, 50), SD_ERR_UNAVAILABLE);
    assert_int_equal(ipc_pair(second), SD_OK);
    ipc_client_attach(client, second[1]);
    assert_int_equal(pthread_create(&server, NULL, serve, &second[0]), 0);
    assert_int_equal(ask(client, "again.example", 0, 2000), SD_OK);
    ipc_client_free(&client);
    assert_int_equal(pthread_join(server, NULL), 0);
    (void)close(pair[0]);
}

/* Sends raw bytes to a server and tells what it did with the peer. */
static enum sd_err served(const void *bytes, size_t n, uint32_t peer, uint32_t state) {
    int pair[2];
    assert_int_equal(ipc_pair(pair), SD_OK);
    assert_int_equal(send(pair[1], bytes, n, 0), (ssize_t)n);
    struct ipc_conn *conn = ipc_conn_new(pair[0], peer, 0);
    enum sd_err err = ipc_serve_one(conn, dns_ops, SD_COUNT(dns_ops), state, NULL, deadline_in_ms(1000));
    ipc_conn_unref(&conn);
    (void)close(pair[1]);
    return err;
}

static void test_hostile_peers_are_dropped(SD_UNUSED void **state) {
    struct buf b = buf_new(1024);
    buf_u32(&b, 7);         /* id */
    buf_u16(&b, 1);         /* operation query */
    buf_u16(&b, 0);         /* request */
    buf_u32(&b, 0);         /* status */
    buf_u32(&b, 4 + 1 + 2); /* body bytes */
    buf_blob(&b, SPAN("x"));
    buf_u16(&b, 0);
    assert_int_equal(served(b.p, b.n, PEER_INSPECT, 1), SD_OK);
    assert_int_equal(served(b.p, b.n, PEER_EDGE, 1), SD_ERR_PROTOCOL);    /* wrong peer */
    assert_int_equal(served(b.p, b.n, PEER_INSPECT, 2), SD_ERR_PROTOCOL); /* wrong state */
    for (size_t n = 1; n < b.n; n++)
        assert_int_equal(served(b.p, n, PEER_INSPECT, 1), SD_ERR_PROTOCOL); /* cut short */
    buf_byte(&b, 0);
    assert_int_equal(served(b.p, b.n, PEER_INSPECT, 1), SD_ERR_PROTOCOL); /* trailing byte */
    b.p[12]++;
    assert_int_equal(served(b.p, b.n, PEER_INSPECT, 1), SD_ERR_PROTOCOL); /* trailing byte that is counted */
    b.p[12]--;
    b.p[4] = 9;
    assert_int_equal(served(b.p, b.n - 1, PEER_INSPECT, 1), SD_ERR_PROTOCOL); /* unknown operation */
    b.p[4] = 1;
    b.p[6] = 1;
    assert_int_equal(served(b.p, b.n - 1, PEER_INSPECT, 1), SD_ERR_PROTOCOL); /* a reply nobody asked for */
    buf_free(&b);
}

/* A descriptor that the operation does not carry would stay open for as long as its call waits. */
static void test_a_descriptor_nobody_asked_for(SD_UNUSED void **state) {
    int pair[2];
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct ipc_msg head = {.id = 1, .op = 1};
    assert_int_equal(ipc_pair(pair), SD_OK);
    assert_int_equal(dns_query_req_encode(&out, &(struct dns_query_req){.name = SPAN("x.example")}), SD_OK);
    out.fd = pair[1];
    assert_int_equal(ipc_send(pair[1], &head, &out, deadline_in_ms(1000)), SD_OK);
    struct ipc_conn *conn = ipc_conn_new(pair[0], PEER_INSPECT, 0);
    assert_int_equal(ipc_serve_one(conn, dns_ops, SD_COUNT(dns_ops), 1, NULL, deadline_in_ms(1000)), SD_ERR_PROTOCOL);
    ipc_conn_unref(&conn);
    (void)close(pair[1]);
}

static void ask_unread(int fd, struct ipc_conn *conn, unsigned count, unsigned *ret_asked) {
    struct ipc_msg head = {.op = 1};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    assert_int_equal(dns_query_req_encode(&out, &(struct dns_query_req){.name = SPAN("x.example")}), SD_OK);
    for (unsigned i = 0; i < count; i++) {
        head.id = *ret_asked + 1;
        if (ipc_send(fd, &head, &out, deadline_in_ms(100)) != SD_OK ||
            ipc_serve_one(conn, dns_ops, SD_COUNT(dns_ops), 1, NULL, deadline_in_ms(100)) != SD_OK)
            return;
        (*ret_asked)++;
    }
}

/* Answers that nobody reads wait in order, at no cost of time; too many of them end the connection. */
static void test_a_peer_that_does_not_read(SD_UNUSED void **state) {
    int pair[2];
    unsigned asked = 0, read = 0;
    struct ipc_msg *msg = NULL;
    assert_int_equal(ipc_pair(pair), SD_OK);
    struct ipc_conn *conn = ipc_conn_new(pair[0], PEER_INSPECT, 0);
    ipc_conn_keep_answers(conn, (size_t)1 << 20);
    int64_t begun_ns = clock_mono_ns();
    while (!ipc_conn_has_answers(conn))
        ask_unread(pair[1], conn, 1, &asked);
    ask_unread(pair[1], conn, 100, &asked);
    assert_true(clock_mono_ns() - begun_ns < INT64_C(1500) * 1000000); /* not once two seconds */
    while (read < asked) {
        assert_int_equal(ipc_conn_flush(conn), SD_OK);
        assert_int_equal(ipc_recv(pair[1], deadline_in_ms(1000), &msg), SD_OK);
        assert_int_equal(msg->id, ++read);
        ipc_msg_free(&msg);
    }
    assert_false(ipc_conn_has_answers(conn));
    ask_unread(pair[1], conn, 100000, &asked);
    assert_true(asked - read < 100000);
    assert_int_equal(ipc_conn_flush(conn), SD_ERR_CLOSED);
    enum sd_err err = SD_OK;
    while (err == SD_OK) {
        err = ipc_recv(pair[1], deadline_in_ms(1000), &msg);
        ipc_msg_free(&msg);
    }
    assert_int_equal(err, SD_ERR_CLOSED);
    ipc_conn_unref(&conn);
    (void)close(pair[1]);
}

static void test_large_payload_travels_sealed(SD_UNUSED void **state) {
    int pair[2];
    struct ipc_msg *msg = NULL;
    struct buf big = buf_new(1 << 20);
    buf_fill(&big, 'x', 1 << 20);
    assert_int_equal(ipc_pair(pair), SD_OK);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct inspect_examine_req req = {.message = buf_span(&big)};
    assert_int_equal(inspect_examine_req_encode(&out, &req), SD_OK);
    assert_int_equal(ipc_send(pair[0], &(struct ipc_msg){.id = 1, .op = 2}, &out, deadline_in_ms(1000)), SD_OK);
    assert_int_equal(ipc_recv(pair[1], deadline_in_ms(1000), &msg), SD_OK);
    struct inspect_examine_req got;
    assert_int_equal(inspect_examine_req_decode(msg->body, msg, &got), SD_OK);
    assert_true(span_eq(got.message, buf_span(&big)));
    ipc_msg_free(&msg);
    buf_free(&big);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static void test_unsealed_memory_is_refused(SD_UNUSED void **state) {
    int fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct span mapped = SPAN_NONE;
    assert_int_equal(write(fd, "0123456789", 10), 10);
    assert_int_equal(map_sealed(fd, 10, &mapped), SD_ERR_PROTOCOL); /* the sender could still change it */
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL), 0);
    assert_int_equal(map_sealed(fd, 11, &mapped), SD_ERR_PROTOCOL); /* claims more than there is */
    assert_int_equal(map_sealed(fd, 10, &mapped), SD_OK);
    assert_true(span_eq(mapped, SPAN("0123456789")));
    (void)close(fd);
}

static void test_limits_hold_on_both_sides(SD_UNUSED void **state) {
    struct ipc_out out = ipc_out_new();
    char name[300] = {0};
    memset(name, 'a', 299);
    assert_int_equal(dns_query_req_encode(&out, &(struct dns_query_req){.name = span_cstr(name)}), SD_ERR_LIMIT);
    ipc_out_free(&out);
    struct buf b = buf_new(1024);
    struct dns_query_req req;
    buf_blob(&b, span_cstr(name));
    buf_u16(&b, 1);
    assert_int_equal(dns_query_req_decode(buf_span(&b), NULL, &req), SD_ERR_LIMIT);
    buf_free(&b);
}

static void test_text_fields_are_utf8(SD_UNUSED void **state) {
    struct buf b = buf_new(64);
    struct cards_mailbox_v1 box;
    buf_blob(&b, SPAN("\xc3\x28"));
    buf_blob(&b, SPAN("a@b"));
    assert_int_equal(cards_mailbox_v1_decode(buf_span(&b), NULL, &box), SD_ERR_PARSE);
    buf_free(&b);
}

static void test_dump_tells_no_content(SD_UNUSED void **state) {
    struct buf b = buf_new(1024);
    struct keeper_sign_in_req req = {.email = SPAN("who@example.com"), .password = SPAN("correct horse battery")};
    keeper_sign_in_req_dump(&req, &b);
    assert_int_equal(span_search(buf_span(&b), SPAN("horse")), b.n);
    assert_int_equal(span_search(buf_span(&b), SPAN("who@")), b.n);
    assert_true(span_starts(buf_span(&b), SPAN("keeper.sign_in.req email[15]")));
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_callers_one_channel),
        cmocka_unit_test(test_a_call_started_ahead_is_not_given_the_lead),
        cmocka_unit_test(test_looking_for_an_answer_does_not_wait),
        cmocka_unit_test(test_many_threads_serve_one_channel),
        cmocka_unit_test(test_service_dies_and_comes_back),
        cmocka_unit_test(test_hostile_peers_are_dropped),
        cmocka_unit_test(test_a_descriptor_nobody_asked_for),
        cmocka_unit_test(test_a_peer_that_does_not_read),
        cmocka_unit_test(test_large_payload_travels_sealed),
        cmocka_unit_test(test_unsealed_memory_is_refused),
        cmocka_unit_test(test_limits_hold_on_both_sides),
        cmocka_unit_test(test_text_fields_are_utf8),
        cmocka_unit_test(test_dump_tells_no_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
