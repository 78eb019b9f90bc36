/* Runs the real sealdesk-dns as the supervisor does, with local data and confined, and asks it over its channel. */
#include "core/ipc/control.h"
#include "core/ipc/dns.h"
#include "dns/service.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 20000

static const char *program;

struct running {
    char dir[64];
    pid_t pid;
    struct ipc_client *control;
    struct ipc_client *dns;
};

static void start_process(struct running *r) {
    int fds[2];
    assert_int_equal(ipc_pair(fds), SD_OK);
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (r->pid == 0) {
        if (dup2(fds[1], 3) == 3 && fcntl(3, F_SETFD, 0) == 0)
            (void)execl(program, program, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    r->control = ipc_client_new("control");
    ipc_client_attach(r->control, fds[0]);
}

static enum sd_err order_start(struct running *r, const char *settings) {
    char config[1024];
    struct ipc_msg *msg = NULL;
    struct control_start_rep rep;
    (void)snprintf(config, sizeof config, "main.data_dir=%s\nmain.hostname=mx.example\nlog.level=warn\ndns.trust_anchor=\n%s",
                   r->dir, settings);
    struct control_start_req req = {
        .role = SPAN("dns"), .uid = getuid(), .gid = getgid(), .landlock_abi_max = 2, .config = span_cstr(config)};
    if (getuid() == 0)
        req.uid = req.gid = 64601;
    enum sd_err err = control_start_call(r->control, &req, deadline_in_ms(WAIT_MS), &msg, &rep);
    ipc_msg_free(&msg);
    return err;
}

static int link_peer(struct running *r, uint32_t peer) {
    int fds[2];
    assert_int_equal(ipc_pair(fds), SD_OK);
    struct control_link_req req = {.kind = LINK_SERVER, .name = SPAN("dns"), .peer = peer};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct ipc_ticket *ticket = NULL;
    struct ipc_msg *msg = NULL;
    assert_int_equal(control_link_req_encode(&out, &req), SD_OK);
    out.fd = fds[1];
    assert_int_equal(ipc_start(r->control, 2, &out, deadline_in_ms(WAIT_MS), &ticket), SD_OK);
    assert_int_equal(ipc_wait(r->control, &ticket, deadline_in_ms(WAIT_MS), &msg), SD_OK);
    ipc_msg_free(&msg);
    (void)close(fds[1]);
    return fds[0];
}

static void order_go(struct running *r) {
    struct ipc_msg *msg = NULL;
    struct control_go_rep rep;
    assert_int_equal(control_go_call(r->control, &(struct control_go_req){}, deadline_in_ms(WAIT_MS), &msg, &rep), SD_OK);
    assert_true(span_search(rep.sandbox, SPAN("\"seccomp\":true")) < rep.sandbox.n);
    ipc_msg_free(&msg);
}

static void start_all(struct running *r, const char *settings) {
    start_process(r);
    assert_int_equal(order_start(r, settings), SD_OK);
    r->dns = ipc_client_new("dns");
    ipc_client_attach(r->dns, link_peer(r, PEER_INSPECT));
    order_go(r);
}

static void end_all(struct running *r) {
    int status;
    ipc_client_free(&r->control); /* the end of the control channel ends the process */
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    ipc_client_free(&r->dns);
}

static const char *const folders[] = {"run", "run/empty"}; /* a role without files gets the second one as its root */

static const char *in_dir(const struct running *r, const char *name) {
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", r->dir, name);
    return path;
}

static void make_dir(struct running *r) {
    (void)snprintf(r->dir, sizeof r->dir, "/tmp/sealdesk-dns-test-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    for (size_t i = 0; i < SD_COUNT(folders); i++)
        assert_int_equal(mkdir(in_dir(r, folders[i]), 0755), 0);
}

static void write_zone(const struct running *r, const char *text) {
    FILE *f = fopen(in_dir(r, "zone"), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void remove_dir(const struct running *r) {
    (void)unlink(in_dir(r, "zone"));
    for (size_t i = SD_COUNT(folders); i-- > 0;)
        (void)rmdir(in_dir(r, folders[i]));
    (void)rmdir(r->dir);
}

struct got {
    enum sd_err err;
    unsigned outcome;
    uint32_t ttl_s;
    size_t count;
    uint8_t first[1024];
    size_t first_bytes;
};

static struct got take(const struct dns_query_rep *rep) {
    struct got g = {.outcome = rep->outcome, .ttl_s = rep->ttl_s, .count = rep->records.count};
    struct ipc_list_iter iter = ipc_list_start(rep->records);
    struct span item;
    if (ipc_list_next(&iter, &item) && item.n <= sizeof g.first) {
        memcpy(g.first, item.p, item.n);
        g.first_bytes = item.n;
    }
    return g;
}

static struct got ask_span(struct running *r, struct span name, unsigned type) {
    struct ipc_msg *msg = NULL;
    struct dns_query_rep rep;
    struct dns_query_req req = {.name = name, .type = (uint16_t)type};
    enum sd_err err = dns_query_call(r->dns, &req, deadline_in_ms(WAIT_MS), &msg, &rep);
    struct got g = {.err = err};
    if (err == SD_OK)
        g = take(&rep);
    ipc_msg_free(&msg);
    return g;
}

static struct got ask(struct running *r, const char *name, unsigned type) {
    return ask_span(r, span_cstr(name), type);
}

#define A300 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char zone[] = "; what the tests know\n"
                           "# also a comment\n"
                           "\n"
                           "sender.example. 300 IN A 192.0.2.1\r\n"
                           "sender.example. 300 IN A 192.0.2.2\n"
                           "sender.example. 300 IN AAAA 2001:db8::1\n"
                           "sender.example. 3600 IN MX 10 mx.sender.example.\n"
                           "sender.example. 3600 IN TXT \"v=spf1 \" \"ip4:192.0.2.1 -all\"\n"
                           "key._domainkey.sender.example. 3600 IN TXT \"" A300 A300 A300 "\"\n"
                           "1.2.0.192.in-addr.arpa. 300 IN PTR sender.example.\n"
                           "alias.example. 60 IN CNAME sender.example.\n"
                           "dangling.example. 60 IN CNAME nobody.example.\n"
                           "loop1.example. 60 IN CNAME loop2.example.\n"
                           "loop2.example. 60 IN CNAME loop1.example.\n"
                           "odd\\032name.example. 60 IN A 192.0.2.7\n"
                           "x.test. 60 IN A 192.0.2.8\n"
                           "*.attacker.example. 60 IN TXT \"v=spf1 +all\"\n"
                           "broken.example. TIMEOUT\n";

static void test_found(void **state) {
    struct running *r = *state;
    struct got g = ask(r, "Sender.EXAMPLE", DNS_A);
    assert_int_equal(g.outcome, DNS_FOUND);
    assert_int_equal(g.count, 2);
    assert_int_equal(g.first_bytes, 4);
    assert_int_equal(g.ttl_s, 300);
    assert_int_equal(ask(r, "sender.example.", DNS_AAAA).first_bytes, 16);
    g = ask(r, "sender.example", DNS_MX);
    assert_int_equal(g.first_bytes, 2 + 19);
    assert_memory_equal(g.first, "\0\012\2mx\6sender\7example\0", 21);
    assert_int_equal(ask(r, "1.2.0.192.in-addr.arpa", DNS_PTR).outcome, DNS_FOUND);
    assert_int_equal(ask(r, "x.test", DNS_A).outcome, DNS_FOUND);
    assert_int_equal(ask(r, "odd name.example", DNS_A).outcome, DNS_FOUND);
}

static void test_txt(void **state) {
    struct running *r = *state;
    struct got g = ask(r, "sender.example", DNS_TXT);
    assert_int_equal(g.first_bytes, 1 + 7 + 1 + 18);
    assert_memory_equal(g.first, "\007v=spf1 \022ip4:192.0.2.1 -all", 27);
    g = ask(r, "key._domainkey.sender.example", DNS_TXT); /* 300 bytes: two strings */
    assert_int_equal(g.first_bytes, 302);
    assert_int_equal(g.first[0], 255);
    assert_int_equal(g.first[256], 45);
}

static void test_void(void **state) {
    struct running *r = *state;
    assert_int_equal(ask(r, "sender.example", DNS_TLSA).outcome, DNS_NODATA);
    assert_int_equal(ask(r, "example", DNS_TXT).outcome, DNS_NODATA); /* an empty non-terminal exists (RFC 8020) */
    assert_int_equal(ask(r, "nobody.example", DNS_A).outcome, DNS_NXDOMAIN);
    assert_int_equal(ask(r, "no.test", DNS_A).outcome, DNS_NXDOMAIN);
    assert_int_equal(ask(r, "localhost", DNS_A).outcome, DNS_NXDOMAIN); /* local data is all there is */
    assert_int_equal(ask(r, "1.0.0.127.in-addr.arpa", DNS_PTR).outcome, DNS_NXDOMAIN);
}

static void test_cname(void **state) {
    struct running *r = *state;
    struct got g = ask(r, "alias.example", DNS_A);
    assert_int_equal(g.outcome, DNS_FOUND);
    assert_int_equal(g.count, 2);
    assert_int_equal(g.ttl_s, 60);
    assert_int_equal(ask(r, "alias.example", DNS_TLSA).outcome, DNS_NODATA);
    assert_int_equal(ask(r, "alias.example", DNS_CNAME).outcome, DNS_FOUND);
    assert_int_equal(ask(r, "dangling.example", DNS_A).outcome, DNS_NXDOMAIN);
    assert_int_equal(ask(r, "loop1.example", DNS_A).outcome, DNS_TEMPFAIL);
}

static void test_wildcard_and_failure(void **state) {
    struct running *r = *state;
    assert_int_equal(ask(r, "a.b.attacker.example", DNS_TXT).outcome, DNS_FOUND);
    assert_int_equal(ask(r, "attacker.example", DNS_TXT).outcome, DNS_NODATA);
    assert_int_equal(ask(r, "broken.example", DNS_TXT).outcome, DNS_TEMPFAIL);
}

static void test_names_that_cannot_exist(void **state) {
    struct running *r = *state;
    char label[80] = {0};
    memset(label, 'a', 64);
    assert_int_equal(ask(r, label, DNS_A).outcome, DNS_NXDOMAIN);
    assert_int_equal(ask(r, "a..example", DNS_A).outcome, DNS_NXDOMAIN);
    assert_int_equal(ask(r, ".example", DNS_A).outcome, DNS_NXDOMAIN);
    assert_int_equal(ask(r, "", DNS_A).outcome, DNS_NXDOMAIN);
    assert_int_equal(ask_span(r, SPAN("sender.example\0.x"), DNS_A).outcome, DNS_NXDOMAIN);
    assert_int_equal(ask(r, "sender\\.example", DNS_A).outcome, DNS_NXDOMAIN);
    assert_int_equal(ask(r, "sender.example", 255).err, SD_ERR_UNSUPPORTED);
}

/* Many at once, the same and different ones: each gets its answer. */
static void test_many(void **state) {
    struct running *r = *state;
    enum { N = 1200 };
    struct ipc_ticket *tickets[N];
    for (int i = 0; i < N; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "n%d.example", i / 2);
        struct dns_query_req req = {.name = i % 7 ? span_cstr(name) : SPAN("sender.example"), .type = DNS_A};
        assert_int_equal(dns_query_start(r->dns, &req, deadline_in_ms(WAIT_MS), &tickets[i]), SD_OK);
    }
    for (int i = 0; i < N; i++) {
        struct ipc_msg *msg = NULL;
        struct dns_query_rep rep;
        assert_int_equal(dns_query_wait(r->dns, &tickets[i], deadline_in_ms(WAIT_MS), &msg, &rep), SD_OK);
        assert_int_equal(rep.outcome, i % 7 ? DNS_NXDOMAIN : DNS_FOUND);
        ipc_msg_free(&msg);
    }
}

/* A peer that breaks the protocol loses its own channel, nobody else's. */
static void test_bad_peer(void **state) {
    struct running *r = *state;
    int fd = link_peer(r, PEER_COURIER);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct ipc_msg *msg = NULL;
    buf_text(&out.body, "nonsense");
    assert_int_equal(ipc_send(fd, &(struct ipc_msg){.id = 1, .op = 1}, &out, deadline_in_ms(WAIT_MS)), SD_OK);
    assert_int_equal(ipc_recv(fd, deadline_in_ms(WAIT_MS), &msg), SD_ERR_CLOSED);
    (void)close(fd);
    assert_int_equal(ask(r, "sender.example", DNS_A).outcome, DNS_FOUND);
}

static void ask_together(struct running *r, struct ipc_ticket **tickets, size_t n) {
    struct dns_query_req req = {.name = SPAN("sender.example"), .type = DNS_TXT};
    for (size_t i = 0; i < n; i++)
        assert_int_equal(dns_query_start(r->dns, &req, deadline_in_ms(WAIT_MS), &tickets[i]), SD_OK);
    for (size_t i = 0; i < n; i++) {
        struct ipc_msg *msg = NULL;
        struct dns_query_rep rep;
        assert_int_equal(dns_query_wait(r->dns, &tickets[i], deadline_in_ms(WAIT_MS), &msg, &rep), SD_OK);
        assert_int_equal(rep.outcome, DNS_FOUND);
        ipc_msg_free(&msg);
    }
}

/* What the inspector does all day. No limit, because machines differ; the log shows the cost. */
static void test_hits(void **state) {
    enum { ROUNDS = 400, TOGETHER = 50 };
    struct ipc_ticket *tickets[TOGETHER];
    struct running *r = *state;
    int64_t start = clock_mono_ns();
    for (int i = 0; i < ROUNDS; i++)
        ask_together(r, tickets, TOGETHER);
    print_message("%d cached answers, %.1f us each\n", ROUNDS * TOGETHER,
                  (double)(clock_mono_ns() - start) / 1000 / (ROUNDS * TOGETHER));
}

static int start_local(void **state) {
    static struct running r;
    char settings[256];
    r = (struct running){0};
    make_dir(&r);
    write_zone(&r, zone);
    (void)snprintf(settings, sizeof settings, "dns.resolver=\ndns.local_data=%s/zone\n", r.dir);
    start_all(&r, settings);
    *state = &r;
    return 0;
}

static int stop_local(void **state) {
    if (*state) {
        end_all(*state);
        remove_dir(*state);
    }
    return 0;
}

static void test_wrong_settings(void **state) {
    (void)state;
    static const char *const zones[] = {"sender.example. 300 IN A not-an-address\n", "sender.example. 300 IN NONSENSE x\n"};
    for (size_t i = 0; i < SD_COUNT(zones); i++) {
        struct running r = {0};
        char settings[256];
        make_dir(&r);
        write_zone(&r, zones[i]);
        (void)snprintf(settings, sizeof settings, "dns.resolver=\ndns.local_data=%s/zone\n", r.dir);
        start_process(&r);
        assert_int_equal(order_start(&r, settings), SD_ERR_CONFIG);
        end_all(&r);
        remove_dir(&r);
    }
}

/* ---- a forwarder: answers A with 192.0.2.53, SERVFAIL for names that begin with 's', silence for those with 'q' ---- */

static int udp_server(int *ret_port) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static size_t question_end(const uint8_t *packet, size_t n) {
    size_t at = 12;
    while (at < n && packet[at])
        at += packet[at] + (size_t)1;
    return at + 5 <= n ? at + 5 : n;
}

static size_t make_answer(uint8_t *packet, size_t n) {
    static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 53};
    size_t end = question_end(packet, n);
    bool is_a = packet[end - 3] == DNS_A;
    bool fails = packet[13] == 's';
    packet[2] |= 0x80;                             /* QR */
    packet[3] = (uint8_t)(0x80 | (fails ? 2 : 0)); /* RA, RCODE */
    packet[7] = is_a && !fails;
    packet[9] = packet[11] = 0;
    if (is_a && !fails)
        memcpy(packet + end, record, sizeof record);
    return is_a && !fails ? end + sizeof record : end;
}

static pid_t run_forwarder(int fd) {
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        uint8_t packet[2048];
        struct sockaddr_in from;
        socklen_t from_bytes = sizeof from;
        ssize_t n = recvfrom(fd, packet, sizeof packet - 64, 0, (struct sockaddr *)&from, &from_bytes);
        if (n > 16 && packet[13] != 'q')
            (void)sendto(fd, packet, make_answer(packet, (size_t)n), 0, (struct sockaddr *)&from, from_bytes);
    }
}

static void test_forwarder(void **state) {
    (void)state;
    struct running r = {0};
    char settings[256];
    int port;
    int fd = udp_server(&port);
    pid_t forwarder = run_forwarder(fd);
    make_dir(&r);
    (void)snprintf(settings, sizeof settings, "dns.resolver=127.0.0.1@%d\ndns.local_data=\n", port);
    start_all(&r, settings);
    struct got g = ask(&r, "a.sender.test", DNS_A);
    assert_int_equal(g.outcome, DNS_FOUND);
    assert_memory_equal(g.first, "\300\0\2\65", 4);
    assert_int_equal(ask(&r, "a.sender.test", DNS_TXT).outcome, DNS_NODATA);
    assert_int_equal(ask(&r, "servfail.example", DNS_A).outcome, DNS_TEMPFAIL);
    int64_t start = clock_mono_ns();
    assert_int_equal(ask(&r, "quiet.example", DNS_A).outcome, DNS_TEMPFAIL);
    int64_t took_ms = (clock_mono_ns() - start) / 1000000;
    assert_true(took_ms < SERVICE_LOOKUP_MS + 3000);
    end_all(&r);
    remove_dir(&r);
    (void)kill(forwarder, SIGKILL);
    assert_int_equal(waitpid(forwarder, NULL, 0), forwarder);
    (void)close(fd);
}

int main(int argc, char **argv) {
    const struct CMUnitTest with_local_data[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_txt),
        cmocka_unit_test(test_void),
        cmocka_unit_test(test_cname),
        cmocka_unit_test(test_wildcard_and_failure),
        cmocka_unit_test(test_names_that_cannot_exist),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_bad_peer),
        cmocka_unit_test(test_hits),
    };
    const struct CMUnitTest others[] = {cmocka_unit_test(test_wrong_settings), cmocka_unit_test(test_forwarder)};
    if (argc != 2)
        return 2;
    program = argv[1];
    int failed = cmocka_run_group_tests(with_local_data, start_local, stop_local);
    return failed + cmocka_run_group_tests(others, NULL, NULL);
}
