/*
 * The real process, started as the supervisor starts it: made by init, confined, asked by its peers, killed at any moment under
 * load, stopped in order. argv[1]: sealdesk-keeper.
 */
#include "auth/auth.h"
#include "core/ipc/cards.h"
#include "core/ipc/control.h"
#include "core/ipc/keeper.h"
#include "core/ipc/states.h"
#include "crypt/crypt.h"
#include "keeper/audit.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ROLE_UID 64603
#define PASSWORD_TEXT "correct horse battery"

static const char *program;
static char dir[64];

struct process {
    pid_t pid;
    struct ipc_client *control, *edge, *clerk, *desk, *admin;
    struct ipc_msg *msg;
};

static struct deadline soon(void) {
    return deadline_in_ms(20000);
}

static void run(const char *format, ...) SD_PRINTF(1, 2);
static void run(const char *format, ...) {
    char command[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(command, sizeof command, format, args);
    va_end(args);
    assert_int_equal(system(command), 0);
}

/* ---- the process ---- */

static void launch(struct process *p) {
    int fds[2];
    assert_int_equal(ipc_pair(fds), SD_OK);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) {
        (void)dup2(fds[1], 3); /* not close-on-exec any more */
        (void)execl(program, program, NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    p->control = ipc_client_new("control");
    assert_non_null(p->control);
    ipc_client_attach(p->control, fds[0]);
}

static void give(struct process *p, uint8_t kind, const char *name, uint32_t peer, int fd) {
    struct control_link_req req = {.kind = kind, .name = span_cstr(name), .peer = peer};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct ipc_ticket *ticket = NULL;
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    assert_int_equal(control_link_req_encode(&out, &req), SD_OK);
    out.fd = fd;
    assert_int_equal(ipc_start(p->control, 2, &out, soon(), &ticket), SD_OK);
    assert_int_equal(ipc_wait(p->control, &ticket, soon(), &msg), SD_OK);
    (void)close(fd);
}

static struct ipc_client *peer_of(struct process *p, uint32_t peer) {
    int fds[2];
    struct ipc_client *client = ipc_client_new("keeper");
    assert_non_null(client);
    assert_int_equal(ipc_pair(fds), SD_OK);
    give(p, LINK_SERVER, "keeper", peer, fds[0]);
    ipc_client_attach(client, fds[1]);
    return client;
}

#define TRUST_LINES                                                                                                            \
    "trust.weights=\ntrust.flag_at=30\ntrust.review_at=100\ntrust.history_days=730\n"                                          \
    "gates.review=verified, unverified, failed\ngates.append=verified, unverified\ngates.reopen=verified\n"                    \
    "gates.customer=verified\ngates.auto_answer=verified\ngates.add_people=verified\ngates.attachments=verified\n"             \
    "desk.origin=http://localhost:8025\naccess.passkey_roles=security, "                                                       \
    "admin\naccess.totp_step_up=no\naccess.four_eyes=\naccess.warrant_policies=\n"                                             \
    "access.break_glass_minutes=60\naccess.enrol_hours=72\nbudget.opens_per_minute=60\nbudget.opens_per_day=1500\n"            \
    "budget.heads_per_minute=2000\nbudget.heads_per_day=60000\nbudget.roles=\n"                                                \
    "scan.retro_days=30\npreview.suspicious=yes\nkeeper.root=file\nbackup.recovery_key=\nbackup.keep=35\n"

static void configure(struct process *p, const char *may_open) {
    struct buf config SD_CLEANUP(buf_free) = buf_new(4096);
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_start_rep rep;
    uint32_t uid = geteuid() == 0 ? ROLE_UID : (uint32_t)geteuid();
    buf_printf(&config, "main.hostname=mx.example.test\nmain.data_dir=%s\nmain.domains=example.test\nlog.level=warn\n", dir);
    buf_text(&config, "queue.support=support@example.test\n" TRUST_LINES);
    buf_text(&config, "log.keep_access_days=365\nlog.keep_security_days=365\nlog.keep_system_days=365\n");
    buf_printf(&config, "gates.open=%s\n", may_open);
    struct control_start_req req = {
        .role = SPAN("keeper"), .landlock_abi_max = 99, .uid = uid, .gid = uid, .config = buf_span(&config)};
    assert_int_equal(control_start_call(p->control, &req, soon(), &msg, &rep), SD_OK);
}

static int admin_socket(struct process *p) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/admin.sock", dir);
    (void)unlink(address.sun_path);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    give(p, LINK_LISTEN, "admin", 0, listener);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void start(struct process *p) {
    struct control_go_rep rep;
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    *p = (struct process){0};
    launch(p);
    configure(p, "verified, unverified, failed");
    p->edge = peer_of(p, PEER_EDGE);
    p->clerk = peer_of(p, PEER_CLERK);
    assert_int_equal(control_go_call(p->control, &(struct control_go_req){}, soon(), &msg, &rep), SD_OK);
    p->desk = peer_of(p, PEER_DESK); /* a peer that comes later */
    p->admin = ipc_client_new("keeper");
    ipc_client_attach(p->admin, admin_socket(p));
}

static void ended(struct process *p) {
    ipc_msg_free(&p->msg);
    ipc_client_free(&p->control);
    ipc_client_free(&p->edge);
    ipc_client_free(&p->clerk);
    ipc_client_free(&p->desk);
    ipc_client_free(&p->admin);
}

static void stop(struct process *p) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_stop_rep rep;
    int status;
    assert_int_equal(control_stop_call(p->control, &(struct control_stop_req){}, soon(), &msg, &rep), SD_OK);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ended(p);
}

static void kill_now(struct process *p) {
    int status;
    assert_int_equal(kill(p->pid, SIGKILL), 0);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    ended(p);
}

static struct ipc_msg **msg(struct process *p) {
    ipc_msg_free(&p->msg);
    return &p->msg;
}

/* ---- letters ---- */

struct intake {
    uint8_t id[16], key[32];
};

static void intake_of(struct process *p, struct intake *ret) {
    struct keeper_intake_key_rep rep;
    assert_int_equal(keeper_intake_key_call(p->edge, &(struct keeper_intake_key_req){}, soon(), msg(p), &rep), SD_OK);
    memcpy(ret->id, rep.id.p, 16);
    memcpy(ret->key, rep.public_key.p, 32);
}

static void put_letter(const struct intake *intake, uint32_t number, struct ipc_list *list, struct buf *raw) {
    uint8_t id[16] = {0}, key[32] = {7}, digest[32] = {9}, none[32] = {0};
    struct ipc_out header SD_CLEANUP(ipc_out_free) = ipc_card_new(1024), card SD_CLEANUP(ipc_out_free) = ipc_card_new(4096);
    struct ipc_out adopt SD_CLEANUP(ipc_out_free) = ipc_card_new(8192);
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(8192);
    memcpy(id, &number, sizeof number);
    struct cards_intake_header_v1 h = {.version = 2,
                                       .object = span_of(id, 16),
                                       .key_id = span_of(intake->id, 16),
                                       .queue = SPAN("support"),
                                       .disposition = DISPOSITION_ACCEPT,
                                       .state = OBJECT_CLEAN};
    struct cards_adoption_v2 c = {.object_key = span_of(key, 32),
                                  .source_digest = span_of(digest, 32),
                                  .from_address = SPAN("anna@customer.example"),
                                  .message_id_hash = span_of(none, 32)};
    assert_int_equal(cards_intake_header_v1_encode(&header, &h), SD_OK);
    assert_int_equal(cards_adoption_v2_encode(&card, &c), SD_OK);
    assert_int_equal(hpke_seal(intake->key, SPAN("sealdesk intake v1"), buf_span(&header.body), buf_span(&card.body), &sealed),
                     SD_OK);
    struct cards_adopt_v1 a = {.header = buf_span(&header.body), .sealed_card = buf_span(&sealed)};
    assert_int_equal(cards_adopt_v1_encode(&adopt, &a), SD_OK);
    ipc_list_add(list, raw, buf_span(&adopt.body));
}

#define BATCH 16
struct adoption {
    bool answered;
    uint8_t ticket[16];
};

/* False: the keeper died over it. */
static bool adopt(struct process *p, const struct intake *intake, uint32_t from, struct adoption *known) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(65536);
    struct keeper_adopt_req req = {0};
    struct keeper_adopt_rep rep;
    for (uint32_t i = 0; i < BATCH; i++)
        put_letter(intake, from + i, &req.records, &raw);
    if (keeper_adopt_call(p->clerk, &req, soon(), msg(p), &rep) != SD_OK)
        return false;
    assert_int_equal(rep.results.count, BATCH);
    struct ipc_list_iter iter = ipc_list_start(rep.results);
    struct span item;
    for (uint32_t i = from; ipc_list_next(&iter, &item); i++) {
        struct cards_adopted_v1 adopted;
        assert_int_equal(cards_adopted_v1_decode(item, NULL, &adopted), SD_OK);
        assert_int_not_equal(adopted.outcome, ADOPT_REFUSED);
        if (known[i].answered) {
            assert_int_equal(adopted.outcome, ADOPT_ALREADY);
            assert_memory_equal(known[i].ticket, adopted.ticket.p, 16);
        }
        known[i].answered = true;
        memcpy(known[i].ticket, adopted.ticket.p, 16);
    }
    return true;
}

static void check_log(struct process *p, uint64_t at_least) {
    struct keeper_audit_verify_rep rep;
    assert_int_equal(keeper_audit_verify_call(p->admin, &(struct keeper_audit_verify_req){}, soon(), msg(p), &rep), SD_OK);
    assert_true(rep.good);
    assert_true(rep.size >= at_least);
}

/* ---- tests ---- */

static void init_makes_and_never_overwrites(SD_UNUSED void **state) {
    run("'%s' init '%s/keeper' other.test > '%s/again.json' 2>'%s/why' && exit 1; test $? = 1", program, dir, dir, dir);
    run("test ! -s '%s/again.json' && test -s '%s/why'", dir, dir);
    run("grep -q '\"algorithm\":\"rsa\"' '%s/public.json' && grep -q '\"algorithm\":\"ed25519\"' '%s/public.json'", dir, dir);
    run("test \"$(stat -c %%a '%s/keeper/root.key')\" = 600", dir);
}

static void starts_and_stops(SD_UNUSED void **state) {
    struct process p;
    struct keeper_public_keys_rep keys;
    start(&p);
    assert_int_equal(keeper_public_keys_call(p.admin, &(struct keeper_public_keys_req){}, soon(), msg(&p), &keys), SD_OK);
    assert_true(span_search(keys.json, SPAN("example.test/sealdesk+")) < keys.json.n);
    check_log(&p, 1);
    stop(&p);
    start(&p);
    check_log(&p, 3);
    stop(&p);
}

/* A gate that nobody can read is no gate: the keeper does not start. */
static void a_gate_that_is_none(SD_UNUSED void **state) {
    struct process p = {0};
    struct control_go_rep rep;
    struct ipc_msg *reply SD_CLEANUP(ipc_msg_free) = NULL;
    launch(&p);
    configure(&p, "verified, friends");
    assert_int_equal(control_go_call(p.control, &(struct control_go_req){}, soon(), &reply, &rep), SD_ERR_CONFIG);
    kill_now(&p);
}

/* With root's help nothing of the keeper's memory goes to swap. */
static void memory_is_locked(SD_UNUSED void **state) {
    struct process p;
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    char path[64], line[256];
    long locked_kib = 0;
    if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
        print_message("the limit on locked memory cannot be lifted here\n");
        skip();
    }
    start(&p);
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)p.pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        (void)sscanf(line, "VmLck: %ld kB", &locked_kib);
    (void)fclose(f);
    assert_true(locked_kib > 1024); /* more than the keys' own pages */
    stop(&p);
}

static void signs_people_in(SD_UNUSED void **state) {
    struct process p;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(64);
    struct keeper_user_add_rep added;
    struct keeper_user_add_req add = {
        .email = SPAN("agent@example.test"), .name = SPAN("A"), .role = SPAN("agent"), .password = SPAN(PASSWORD_TEXT)};
    start(&p);
    ipc_list_add(&add.queues, &raw, SPAN("support"));
    assert_int_equal(keeper_user_add_call(p.admin, &add, soon(), msg(&p), &added), SD_OK);
    assert_int_equal(added.problem.n, 0);
    assert_true(span_starts(added.otpauth, SPAN("otpauth://totp/Sealdesk:agent@example.test?secret=")));
    assert_true(span_ends(added.otpauth, SPAN("&issuer=Sealdesk&algorithm=SHA1&digits=6&period=30")));
    struct keeper_sign_in_req in = {.email = SPAN("agent@example.test"),
                                    .password = SPAN(PASSWORD_TEXT),
                                    .totp = SPAN("000000"),
                                    .origin = SPAN("192.0.2.1")};
    struct keeper_sign_in_rep out;
    assert_int_equal(keeper_sign_in_call(p.desk, &in, soon(), msg(&p), &out), SD_OK);
    assert_int_equal(out.outcome, SIGN_IN_FAILED);
    stop(&p);
}

/* A flood of sign-ins keeps the Argon2 worker busy; everything else goes on. */
static void a_flood_stops_nobody(SD_UNUSED void **state) {
    struct process p;
    struct intake intake;
    static struct adoption known[2000];
    struct ipc_ticket *tickets[30];
    char name[30][16];
    start(&p);
    for (size_t i = 0; i < SD_COUNT(tickets); i++) {
        int n = snprintf(name[i], sizeof name[i], "g%zu@x.test", i);
        struct keeper_sign_in_req in = {.email = span_of(name[i], (size_t)n),
                                        .password = SPAN(PASSWORD_TEXT),
                                        .totp = SPAN("000000"),
                                        .origin = span_of(name[i], (size_t)n)};
        assert_int_equal(keeper_sign_in_start(p.desk, &in, soon(), &tickets[i]), SD_OK);
    }
    int64_t begun_ns = clock_mono_ns();
    intake_of(&p, &intake);
    assert_true(adopt(&p, &intake, 1900, known));
    assert_true(clock_mono_ns() - begun_ns < INT64_C(1500) * 1000000); /* thirty hashes take several seconds */
    assert_int_equal(kill(p.pid, SIGKILL), 0);
    for (size_t i = 0; i < SD_COUNT(tickets); i++) {
        struct keeper_sign_in_rep rep;
        enum sd_err err = keeper_sign_in_wait(p.desk, &tickets[i], soon(), msg(&p), &rep);
        assert_true(err == SD_ERR_UNAVAILABLE || rep.outcome == SIGN_IN_FAILED);
    }
    kill_now(&p);
}

/* A desk that was taken over asks and never reads: it is dropped, and meanwhile nobody waits for it. */
static void a_deaf_peer_delays_nobody(SD_UNUSED void **state) {
    struct process p;
    struct intake intake;
    int fds[2];
    struct ipc_msg head = {.op = 11}, *reply = NULL;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    start(&p);
    assert_int_equal(ipc_pair(fds), SD_OK);
    give(&p, LINK_SERVER, "keeper", PEER_DESK, fds[0]);
    assert_int_equal(keeper_session_req_encode(&out, &(struct keeper_session_req){.token = SPAN("none")}), SD_OK);
    enum sd_err err = SD_OK;
    int64_t slowest_ns = 0;
    for (unsigned i = 0; i < 20000 && err == SD_OK; i++) {
        err = ipc_send(fds[1], &head, &out, deadline_in_ms(3000));
        int64_t begun_ns = clock_mono_ns();
        if (i % 50 == 0)
            intake_of(&p, &intake);
        if (clock_mono_ns() - begun_ns > slowest_ns)
            slowest_ns = clock_mono_ns() - begun_ns;
    }
    assert_true(slowest_ns < INT64_C(500) * 1000000);
    assert_int_not_equal(err, SD_ERR_TIMEOUT); /* its questions were taken as long as it was there */
    for (err = SD_OK; err == SD_OK;) {
        err = ipc_recv(fds[1], deadline_in_ms(3000), &reply);
        ipc_msg_free(&reply);
    }
    assert_int_equal(err, SD_ERR_CLOSED);
    (void)close(fds[1]);
    stop(&p);
}

static void *kill_later(void *arg) {
    const struct process *p = arg;
    struct timespec pause = {.tv_nsec = (rand() % 60) * 1000000L};
    (void)nanosleep(&pause, NULL);
    (void)kill(p->pid, SIGKILL);
    return NULL;
}

static void killed_at_any_moment(SD_UNUSED void **state) {
    static struct adoption known[1800];
    struct intake intake = {0};
    srand(1);
    uint32_t next = 0;
    for (unsigned round = 0; round < 12; round++) {
        struct process p;
        pthread_t killer;
        start(&p);
        if (round == 0)
            intake_of(&p, &intake);
        for (uint32_t i = 0; i < next; i += BATCH)
            assert_true(adopt(&p, &intake, i, known)); /* what was answered before is there, with the same ticket */
        check_log(&p, next);
        assert_int_equal(pthread_create(&killer, NULL, kill_later, &p), 0);
        while (next + BATCH <= SD_COUNT(known) && adopt(&p, &intake, next, known))
            next += BATCH;
        assert_int_equal(pthread_join(killer, NULL), 0);
        kill_now(&p);
    }
    struct process p;
    start(&p);
    check_log(&p, next);
    stop(&p);
    assert_true(next >= BATCH);
}

static bool count_received(void *arg, SD_UNUSED uint64_t seq, SD_UNUSED uint64_t segment, SD_UNUSED uint64_t offset,
                           struct span record) {
    unsigned *n = arg;
    *n += span_search(record, SPAN("\"action\":\"received\"")) < record.n;
    return true;
}

/* After all the killing: one "received" for each letter, not two. */
static void nothing_doubled(SD_UNUSED void **state) {
    char log[128], path[256];
    unsigned records = 0, letters = 0;
    (void)snprintf(log, sizeof log, "%s/keeper/log", dir);
    assert_int_equal(audit_read(log, 0, UINT64_MAX, count_received, &records), SD_OK);
    (void)snprintf(path, sizeof path, "%s/count", dir);
    run("grep -oah '\"action\":\"received\",\"object\":{\"kind\":\"letter\",\"id\":\"[0-9a-f]*' '%s'/*.log | sort -u | wc -l > "
        "'%s'",
        log, path);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%u", &letters), 1);
    (void)fclose(f);
    assert_true(letters > BATCH);
    assert_int_equal(records, letters);
}

static int make(SD_UNUSED void **state) {
    (void)snprintf(dir, sizeof dir, "/tmp/keeper-role-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chmod(dir, 0711), 0);
    run("'%s' init '%s/keeper' example.test > '%s/public.json'", program, dir, dir);
    if (geteuid() == 0)
        run("chown -R %d:%d '%s/keeper'", ROLE_UID, ROLE_UID, dir);
    return 0;
}

static int drop(SD_UNUSED void **state) {
    run("rm -rf '%s'", dir);
    return 0;
}

int main(int argc, char **argv) {
    program = argc > 1 ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_makes_and_never_overwrites),
        cmocka_unit_test(starts_and_stops),
        cmocka_unit_test(a_gate_that_is_none),
        cmocka_unit_test(memory_is_locked),
        cmocka_unit_test(signs_people_in),
        cmocka_unit_test(killed_at_any_moment),
        cmocka_unit_test(a_flood_stops_nobody),
        cmocka_unit_test(a_deaf_peer_delays_nobody),
        cmocka_unit_test(nothing_doubled),
    };
    return program ? cmocka_run_group_tests(tests, make, drop) : 1;
}
