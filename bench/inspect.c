/*
 * bench-inspect - how fast the real sealdesk-inspect judges letters, with its file child and clamd: as the supervisor starts
 * it, over real channels; DNS answers that no name exists, the keeper takes every verdict.
 *
 *   bench-inspect PROGRAM EMPTY_DIR LETTERS_DIR SECONDS AT_ONCE [section.key=value …]
 *
 * One JSON line: letters, seconds, CPU of the inspector's processes (its children, too), how many letters got which state.
 */
#include "core/ipc/inspect.h"
#include "core/ipc/control.h"
#include "core/ipc/dns.h"
#include "core/ipc/keeper.h"
#include "core/ipc/states.h"
#include "core/role.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROLE_UID 64602
#define SOON deadline_in_ms(60000)
#define LETTERS_MAX 1000
#define CONTROL_LINK 2
#define OUTCOME_NO_NAME 2

static void must(bool good, const char *what) {
    if (good)
        return;
    (void)fprintf(stderr, "bench-inspect: %s\n", what);
    exit(EXIT_FAILURE);
}

/* ---- the peers ---- */

struct peer {
    int fd;
    uint32_t kind;
    void (*answer)(struct ipc_call *call);
};

static void *serve(void *arg) {
    struct peer *peer = arg;
    struct ipc_conn *conn = ipc_conn_new(peer->fd, peer->kind, 0);
    struct ipc_msg *msg = NULL;
    enum sd_err err;
    while ((err = ipc_recv(peer->fd, SOON, &msg)) == SD_OK || err == SD_ERR_TIMEOUT) {
        if (err == SD_ERR_TIMEOUT)
            continue;
        struct ipc_call *call = malloc(sizeof *call);
        must(call != NULL, "memory");
        *call = (struct ipc_call){ipc_conn_ref(conn), msg};
        peer->answer(call);
        msg = NULL;
    }
    ipc_conn_unref(&conn);
    return NULL;
}

static void answer_dns(struct ipc_call *call) {
    dns_query_reply(call, &(struct dns_query_rep){.outcome = OUTCOME_NO_NAME, .ttl_s = 3600});
}

static _Atomic uint64_t verdicts;

static void answer_keeper(struct ipc_call *call) {
    if (call->msg->op == 97) {
        atomic_fetch_add(&verdicts, 1);
        keeper_verdict_reply(call, &(struct keeper_verdict_rep){});
    } else {
        keeper_scanner_reply(call, &(struct keeper_scanner_rep){});
    }
}

static void start_peer(struct peer *peer) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, serve, peer) == 0, "thread");
}

/* ---- the inspector ---- */

static struct ipc_client *control;
static pid_t inspector;

static void spawn(const char *program) {
    int fds[2];
    must(ipc_pair(fds) == SD_OK, "channel");
    inspector = fork();
    must(inspector >= 0, "fork");
    if (inspector == 0) {
        (void)setpgid(0, 0);
        if (dup2(fds[1], 3) == 3 && fcntl(3, F_SETFD, 0) == 0)
            (void)execl(program, program, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    control = ipc_client_new("control");
    must(control != NULL, "memory");
    ipc_client_attach(control, fds[0]);
}

/* Every setting as it is by default, but for those given. */
static void put_settings(struct buf *config, const char *dir, char **own, int count) {
    static const struct {
        const char *key, *value;
    } defaults[] = {
#define X(section, name, type, value, roles, doc) {#section "." #name, value},
#include "core/config.def"
#undef X
    };
    char data_dir[4200];
    (void)snprintf(data_dir, sizeof data_dir, "main.data_dir=%s", dir);
    for (size_t i = 0; i < SD_COUNT(defaults); i++) {
        const char *line = strcmp(defaults[i].key, "main.data_dir") == 0 ? data_dir : NULL;
        for (int k = 0; k < count && !line; k++)
            if (span_starts(span_cstr(own[k]), span_cstr(defaults[i].key)) && own[k][strlen(defaults[i].key)] == '=')
                line = own[k];
        if (line)
            buf_printf(config, "%s\n", line);
        else
            buf_printf(config, "%s=%s\n", defaults[i].key, defaults[i].value);
    }
}

static int link_to(uint8_t kind, const char *name, uint32_t peer) {
    int fds[2];
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct ipc_ticket *ticket = NULL;
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_link_req req = {.kind = kind, .name = span_cstr(name), .peer = peer};
    must(ipc_pair(fds) == SD_OK && control_link_req_encode(&out, &req) == SD_OK, "link");
    out.fd = fds[0];
    must(ipc_start(control, CONTROL_LINK, &out, SOON, &ticket) == SD_OK && ipc_wait(control, &ticket, SOON, &msg) == SD_OK,
         name);
    (void)close(fds[0]);
    return fds[1];
}

static struct ipc_client *start(const char *program, const char *dir, char **own, int count) {
    static struct peer dns = {.kind = PEER_INSPECT, .answer = answer_dns},
                       keeper = {.kind = PEER_INSPECT, .answer = answer_keeper};
    struct buf config SD_CLEANUP(buf_free) = buf_new(64 * 1024);
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL, *gone SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_start_rep started;
    struct control_go_rep confined;
    uint32_t uid = geteuid() == 0 ? ROLE_UID : (uint32_t)geteuid();
    spawn(program);
    put_settings(&config, dir, own, count);
    struct control_start_req req = {
        .role = SPAN("inspect"), .landlock_abi_max = 99, .uid = uid, .gid = uid, .config = buf_span(&config)};
    must(control_start_call(control, &req, SOON, &msg, &started) == SD_OK, "the inspector does not start");
    dns.fd = link_to(LINK_CLIENT, "dns", 0);
    start_peer(&dns);
    keeper.fd = link_to(LINK_CLIENT, "keeper", 0);
    start_peer(&keeper);
    struct ipc_client *edge = ipc_client_new("inspect0");
    must(edge != NULL, "memory");
    ipc_client_attach(edge, link_to(LINK_SERVER, "edge", PEER_EDGE));
    must(control_go_call(control, &(struct control_go_req){}, SOON, &gone, &confined) == SD_OK, "the inspector does not go");
    return edge;
}

/* ---- CPU of a process group, ended children included ---- */

static uint64_t ticks_of(const char *pid, pid_t group) {
    char path[300], text[1024];
    unsigned long long user, system, child_user, child_system;
    int process_group;
    (void)snprintf(path, sizeof path, "/proc/%s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    text[n < 0 ? 0 : n] = 0;
    const char *rest = strrchr(text, ')');
    if (!rest ||
        sscanf(rest + 1, " %*c %*d %d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &process_group, &user, &system,
               &child_user, &child_system) != 5 ||
        process_group != group)
        return 0;
    return user + system + child_user + child_system;
}

static double cpu_seconds(pid_t group) {
    DIR *proc = opendir("/proc");
    uint64_t ticks = 0;
    must(proc != NULL, "/proc");
    for (struct dirent *e; (e = readdir(proc));)
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
            ticks += ticks_of(e->d_name, group);
    (void)closedir(proc);
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

/* ---- the load ---- */

static struct {
    struct ipc_client *edge;
    struct buf letters[LETTERS_MAX];
    size_t count;
    atomic_size_t next;
    atomic_ullong done, states[OBJECT_UNSCANNABLE + 1];
    struct deadline end;
} load;

static void read_letters(const char *dir) {
    DIR *d = opendir(dir);
    must(d != NULL, dir);
    for (struct dirent *e; (e = readdir(d)) && load.count < LETTERS_MAX;) {
        char path[4096];
        if (!span_ends(span_cstr(e->d_name), SPAN(".eml")))
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        load.letters[load.count] = buf_new(LIMIT_MESSAGE_BYTES);
        must(file_read(path, &load.letters[load.count]) == SD_OK, path);
        load.count++;
    }
    (void)closedir(d);
    must(load.count > 0, "no letters");
}

static void judge_one(const struct buf *letter) {
    static const uint8_t ip[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1024);
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_judge_rep rep;
    struct inspect_judge_req req = {.ip = span_of(ip, sizeof ip),
                                    .helo = SPAN("mx.customer.example"),
                                    .mail_from = SPAN("kim@customer.example"),
                                    .received_ms = clock_unix_ms(),
                                    .letter = buf_span(letter)};
    ipc_list_add(&req.recipients, &raw, SPAN("support@example.test"));
    must(inspect_judge_call(load.edge, &req, SOON, &msg, &rep) == SD_OK, "a letter is not judged");
    atomic_fetch_add(&load.done, 1);
    atomic_fetch_add(&load.states[rep.state <= OBJECT_UNSCANNABLE ? rep.state : 0], 1);
}

static void *push(SD_UNUSED void *arg) {
    while (!deadline_passed(load.end))
        judge_one(&load.letters[atomic_fetch_add(&load.next, 1) % load.count]);
    return NULL;
}

static void run(int64_t seconds, size_t at_once) {
    pthread_t threads[256];
    load.end = deadline_in_ms(seconds * 1000);
    for (size_t i = 0; i < at_once; i++)
        must(pthread_create(&threads[i], NULL, push, NULL) == 0, "thread");
    for (size_t i = 0; i < at_once; i++)
        (void)pthread_join(threads[i], NULL);
}

static void report(double seconds, double cpu) {
    double done = (double)atomic_load(&load.done);
    (void)printf("{\"letters\":%.0f,\"seconds\":%.2f,\"per_s\":%.1f,\"cpu_us\":%.0f,\"verdicts\":%llu,\"states\":{", done,
                 seconds, done / seconds, cpu * 1e6 / done, (unsigned long long)atomic_load(&verdicts));
    for (unsigned i = 0; i <= OBJECT_UNSCANNABLE; i++)
        (void)printf("%s\"%s\":%llu", i ? "," : "", object_state_text(i), (unsigned long long)atomic_load(&load.states[i]));
    (void)printf("}}\n");
}

int main(int argc, char **argv) {
    must(argc >= 6, "usage: bench-inspect PROGRAM EMPTY_DIR LETTERS_DIR SECONDS AT_ONCE [section.key=value …]");
    long seconds = strtol(argv[4], NULL, 10), at_once = strtol(argv[5], NULL, 10);
    must(seconds > 0 && at_once > 0 && at_once <= 256, "SECONDS and AT_ONCE: 1 to 256 at once");
    (void)signal(SIGPIPE, SIG_IGN);
    read_letters(argv[3]);
    load.edge = start(argv[1], argv[2], argv + 6, argc - 6);
    (void)sleep(1); /* it finds its scanner */
    judge_one(&load.letters[0]);
    atomic_store(&load.done, 0);
    for (unsigned i = 0; i <= OBJECT_UNSCANNABLE; i++)
        atomic_store(&load.states[i], 0);
    double cpu = cpu_seconds(inspector);
    int64_t began = clock_mono_ns();
    run(seconds, (size_t)at_once);
    report((double)(clock_mono_ns() - began) / 1e9, cpu_seconds(inspector) - cpu);
    (void)fflush(stdout);
    (void)kill(inspector, SIGKILL);
    (void)waitpid(inspector, NULL, 0);
    _exit(EXIT_SUCCESS); /* the peers' threads may still run */
}
