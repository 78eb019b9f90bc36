#include "core/ipc/ipc.h"
#include "core/socket.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int pair[2];

static int open_pair(int type) {
    return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair);
}

static void close_pair(void) {
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static int open_count(void) {
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void send_with(const void *bytes, size_t n, size_t fds) {
    struct socket_fds room;
    struct iovec part = {(void *)(uintptr_t)bytes, n};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    const int both[2] = {pair[0], pair[1]};
    socket_put_fds(&m, &room, both, fds);
    assert_int_equal(sendmsg(pair[0], &m, 0), (int)n);
}

static void descriptors_go_along(void **state) {
    (void)state;
    struct socket_fds room;
    uint8_t byte;
    int fds[2];
    struct iovec part = {&byte, 1};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    assert_int_equal(open_pair(SOCK_SEQPACKET), 0);
    send_with("x", 1, 2);
    socket_room_for_fds(&m, &room, 2);
    assert_int_equal(recvmsg(pair[1], &m, MSG_CMSG_CLOEXEC), 1);
    assert_int_equal(socket_take_fds(&m, fds), 2);
    assert_true(fcntl(fds[0], F_GETFD) == FD_CLOEXEC && fcntl(fds[1], F_GETFD) == FD_CLOEXEC && fds[0] != fds[1]);
    (void)close(fds[0]);
    (void)close(fds[1]);
    close_pair();
}

static void one_more_than_there_is_room_for_stays_outside(void **state) {
    (void)state;
    struct socket_fds room;
    uint8_t byte;
    int fd = -1;
    struct iovec part = {&byte, 1};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    assert_int_equal(open_pair(SOCK_SEQPACKET), 0);
    int before = open_count();
    send_with("x", 1, 2);
    socket_room_for_fds(&m, &room, 1);
    assert_int_equal(recvmsg(pair[1], &m, 0), 1);
    assert_true(m.msg_flags & MSG_CTRUNC);
    assert_int_equal(socket_take_fds(&m, &fd), 1);
    assert_int_equal(open_count(), before + 1);
    (void)close(fd);
    close_pair();
}

/* A peer cannot fill a process with descriptors that nobody knows of. */
static void a_message_with_two_descriptors_is_none(void **state) {
    (void)state;
    static const uint8_t head[16] = {1, 0, 0, 0, 1}; /* request 1, operation 1, no body */
    struct ipc_msg *msg = NULL;
    assert_int_equal(open_pair(SOCK_SEQPACKET), 0);
    int before = open_count();
    send_with(head, sizeof head, 1);
    assert_int_equal(ipc_recv(pair[1], deadline_in_ms(1000), &msg), SD_OK);
    ipc_msg_free(&msg);
    send_with(head, sizeof head, 2);
    assert_int_equal(ipc_recv(pair[1], deadline_in_ms(1000), &msg), SD_ERR_PROTOCOL);
    assert_int_equal(open_count(), before);
    close_pair();
}

static void all_of_it_is_sent_or_nobody_took_it(void **state) {
    (void)state;
    static uint8_t bytes[4 * 1024 * 1024];
    assert_int_equal(open_pair(SOCK_STREAM), 0);
    assert_int_equal(socket_send(pair[0], SPAN("hello"), deadline_in_ms(1000)), SD_OK);
    assert_int_equal(recv(pair[1], bytes, sizeof bytes, 0), 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_int_equal(socket_send(pair[0], span_of(bytes, sizeof bytes), deadline_in_ms(20)), SD_ERR_TIMEOUT);
    (void)close(pair[1]);
    assert_int_equal(socket_send(pair[0], SPAN("hello"), deadline_in_ms(1000)), SD_ERR_CLOSED);
    (void)close(pair[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_go_along),
        cmocka_unit_test(one_more_than_there_is_room_for_stays_outside),
        cmocka_unit_test(a_message_with_two_descriptors_is_none),
        cmocka_unit_test(all_of_it_is_sent_or_nobody_took_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
