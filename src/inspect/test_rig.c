#include "inspect/test_rig.h"

#include "core/ipc/cards.h"
#include "core/ipc/keeper.h"
#include "core/role.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IPC_DEF "core/ipc/inspect.def"
#define IPC_TABLE inspect_ops
#include "core/ipc/gen_dispatch.h"

#define SEND_MS 10000
#define OP_JUDGE 1
#define OP_EXAMINE 2
#define OP_SCAN 3
#define OP_LEARN 4

/* A rig that cannot be set up is no test result. */
static void must(bool ok) {
    if (!ok)
        abort();
}

#define POLICY_LINES                                                                                                           \
    "main.hostname=mx.sealdesk.example\nmain.domains=sealdesk.example\ninspect.public_suffix=no\nupstream.id=\n"               \
    "upstream.addresses=\ntrust.protected_domains=\ntrust.protected_names=\ntrust.trusted_sealers=\ntrust.forwarders=\n"       \
    "trust.refused_senders=\ntrust.weights=\ntrust.flag_at=30\ntrust.review_at=100\n"

/* The lines of the section scan, each unless the test says otherwise. */
static const char *const scan_lines[] = {
    "scan.clamd=",
    "scan.signatures=",
    "scan.settle_seconds=0",
    "scan.ask_seconds=60",
    "scan.connections=4",
    "scan.timeout_seconds=20",
    "scan.when_down=accept",
    "scan.malicious=quarantine",
    "scan.entries=10000",
    "scan.depth=16",
    "scan.unpacked_bytes=268435456",
    "scan.ratio=500",
    "scan.file_seconds=10",
    "scan.rspamd=",
    "scan.rspamd_controller=",
    "scan.rspamd_password_file=",
};

/* The script is for one thread; letters may be judged by several. */
static pthread_mutex_t script_lock = PTHREAD_MUTEX_INITIALIZER;

static enum sd_err ask(void *ctx, struct span name, enum dns_type type, struct dns_ticket *ret) {
    const struct dns_source script = dns_script_source(ctx);
    pthread_mutex_lock(&script_lock);
    enum sd_err err = script.start(ctx, name, type, ret);
    pthread_mutex_unlock(&script_lock);
    return err;
}

static enum sd_err hear(void *ctx, struct dns_ticket ticket, struct deadline deadline, struct arena *arena,
                        struct dns_answer *ret) {
    const struct dns_source script = dns_script_source(ctx);
    pthread_mutex_lock(&script_lock);
    enum sd_err err = script.wait(ctx, ticket, deadline, arena, ret);
    pthread_mutex_unlock(&script_lock);
    return err;
}

static void start(struct rig *rig, const char *zone, struct span lines) {
    memset(rig, 0, sizeof *rig);
    must(config_new(lines, &rig->config) == SD_OK);
    must(dns_script_new(&rig->script) == SD_OK && dns_script_load(rig->script, span_cstr(zone)) == SD_OK);
    rig->inspector.config = rig->config;
    rig->inspector.dns = (struct dns_source){.ctx = rig->script, .start = ask, .wait = hear};
    rig->inspector.policy_arena = arena_new(65536 * 16);
    must(policy_read(rig->config, rig->inspector.policy_arena, &rig->inspector.policy) == SD_OK);
}

void rig_start(struct rig *rig, const char *zone) {
    start(rig, zone, SPAN(POLICY_LINES));
}

/* ---- the keeper ---- */

static void take_text(char *to, struct span text) {
    if (text.n)
        memcpy(to, text.p, text.n);
    to[text.n] = 0;
}

static void take_found(struct rig_keeper *k, struct ipc_list list) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item;
    k->count = 0;
    while (ipc_list_next(&iter, &item)) {
        struct cards_verdict_v1 v;
        must(cards_verdict_v1_decode(item, NULL, &v) == SD_OK && k->count < RIG_VERDICTS_MAX);
        memset(&k->found[k->count], 0, sizeof k->found[0]);
        memcpy(k->found[k->count].digest, v.digest.p, 32);
        take_text(k->found[k->count].signature, v.signature);
        k->found[k->count].state = v.state;
        k->found[k->count++].findings = v.findings;
    }
}

static enum sd_err on_verdict(void *ctx, struct ipc_call *call) {
    struct rig_keeper *k = ctx;
    struct keeper_verdict_req req;
    if (keeper_verdict_req_decode(call->msg->body, call->msg, &req) != SD_OK)
        return SD_ERR_PROTOCOL;
    pthread_mutex_lock(&k->lock);
    k->verdicts++;
    memcpy(k->object, req.object.p, 16);
    memcpy(k->letter, req.letter.p, 32);
    take_text(k->engine, req.engine);
    take_found(k, req.verdicts);
    enum sd_err status = k->answers;
    pthread_mutex_unlock(&k->lock);
    if (status)
        ipc_refuse(call, status);
    else
        keeper_verdict_reply(call, &(struct keeper_verdict_rep){});
    return SD_OK;
}

static enum sd_err on_scanner(void *ctx, struct ipc_call *call) {
    struct rig_keeper *k = ctx;
    struct keeper_scanner_req req;
    if (keeper_scanner_req_decode(call->msg->body, call->msg, &req) != SD_OK)
        return SD_ERR_PROTOCOL;
    pthread_mutex_lock(&k->lock);
    k->scanners++;
    k->configured = req.configured;
    k->up = req.up;
    take_text(k->scanner_engine, req.engine);
    take_text(k->problem, req.problem);
    pthread_cond_broadcast(&k->told);
    pthread_mutex_unlock(&k->lock);
    keeper_scanner_reply(call, &(struct keeper_scanner_rep){});
    return SD_OK;
}

static const struct ipc_op keeper_ops[] = {{97, "verdict", PEER_INSPECT, 1, false, false, on_verdict},
                                           {98, "scanner", PEER_INSPECT, 1, false, false, on_scanner}};

struct keeper_thread {
    struct rig_keeper *keeper;
    struct ipc_conn *conn;
};

static void *keep(void *arg) {
    struct keeper_thread *t = arg;
    enum sd_err err = SD_OK;
    while (err == SD_OK || err == SD_ERR_TIMEOUT)
        err = ipc_serve_one(t->conn, keeper_ops, SD_COUNT(keeper_ops), 1, t->keeper, deadline_in_ms(1000));
    ipc_conn_unref(&t->conn);
    free(t);
    return NULL;
}

static void start_keeper(struct rig *rig) {
    struct rig_keeper *k = calloc(1, sizeof *k);
    struct keeper_thread *t = calloc(1, sizeof *t);
    int fds[2];
    must(k && t && ipc_pair(fds) == SD_OK && (k->client = ipc_client_new("keeper")) != NULL);
    pthread_mutex_init(&k->lock, NULL);
    cond_init_monotonic(&k->told);
    ipc_client_attach(k->client, fds[0]);
    *t = (struct keeper_thread){k, ipc_conn_new(fds[1], PEER_INSPECT, 0)};
    must(t->conn && role_thread("keeper", keep, t, &k->thread) == SD_OK);
    rig->keeper = k;
    rig->inspector.health.keeper = k->client;
}

/* ---- with scanners ---- */

static bool is_set(const char *line, const char *lines) {
    char key[64] = {0};
    memcpy(key, line, strcspn(line, "=") + 1);
    return strstr(lines, key) != NULL;
}

/* What the files of letters do to whoever looks into them: as they begin. */
static enum sd_err judge_file(SD_UNUSED void *loaded, SD_UNUSED struct files_budget *budget,
                              const struct files_subject *subject, uint64_t *ret_findings) {
    if (span_starts(subject->content, SPAN("CRASH")))
        _exit(EXIT_FAILURE);
    while (span_starts(subject->content, SPAN("HANG")))
        (void)sched_yield();
    *ret_findings = span_starts(subject->content, SPAN("SCRIPT")) ? FINDING_BIT(SCRIPT) : 0;
    return SD_OK;
}

static void start_scanning(struct rig *rig, const char *zone, const char *lines, const struct spawner_spec *files) {
    struct buf all SD_CLEANUP(buf_free) = buf_new(8192);
    buf_text(&all, POLICY_LINES);
    for (size_t i = 0; i < SD_COUNT(scan_lines); i++)
        if (!is_set(scan_lines[i], lines))
            buf_printf(&all, "%s\n", scan_lines[i]);
    buf_text(&all, lines);
    start(rig, zone, buf_span(&all));
    must(scan_prepare(&rig->inspector, getuid(), getgid(), files) == SD_OK);
    start_keeper(rig);
}

void rig_start_scanning(struct rig *rig, const char *zone, const char *lines) {
    const struct spawner_spec files = {.judge = judge_file};
    start_scanning(rig, zone, lines, &files);
}

void rig_start_looking(struct rig *rig, const char *zone, const char *lines) {
    start_scanning(rig, zone, lines, &spawner_of_files);
}

void rig_watch_scanner(struct rig *rig) {
    unsigned long thread; /* for life, which is that of a test */
    must(role_thread("scanner", health_run, &rig->inspector.health, &thread) == SD_OK);
}

/* A keeper's memory stays: its threads may still be about to look at it. */
void rig_stop(struct rig *rig) {
    scan_end(&rig->inspector);
    dns_script_free(&rig->script);
    arena_free(&rig->inspector.policy_arena);
    config_free(&rig->config);
}

enum sd_err rig_serve(struct rig *rig, uint32_t peer, uint16_t op, const struct ipc_out *out, struct ipc_msg **ret_answer) {
    int fds[2];
    must(ipc_pair(fds) == SD_OK);
    struct ipc_conn *conn = ipc_conn_new(fds[0], peer, 0);
    must(conn != NULL);
    const struct ipc_msg head = {.id = 1, .op = op};
    enum sd_err err = ipc_send(fds[1], &head, out, deadline_in_ms(SEND_MS));
    if (err == SD_OK)
        err = ipc_serve_one(conn, inspect_ops, SD_COUNT(inspect_ops), 1, &rig->inspector, deadline_in_ms(SEND_MS));
    if (err == SD_OK)
        err = ipc_recv(fds[1], deadline_in_ms(SEND_MS), ret_answer);
    ipc_conn_unref(&conn);
    (void)close(fds[1]);
    return err;
}

enum sd_err rig_judge(struct rig *rig, struct span letter, struct ipc_msg **ret_answer, struct inspect_judge_rep *ret) {
    static const uint8_t ip[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};
    const struct inspect_judge_req req = {.ip = span_of(ip, sizeof ip),
                                          .helo = SPAN("mx.customer.example"),
                                          .mail_from = SPAN("kim@customer.example"),
                                          .received_ms = INT64_C(1790000000000),
                                          .letter = letter};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = inspect_judge_req_encode(&out, &req);
    err = err ? err : rig_serve(rig, PEER_EDGE, OP_JUDGE, &out, ret_answer);
    err = err ? err : (*ret_answer)->status;
    return err ? err : inspect_judge_rep_decode((*ret_answer)->body, *ret_answer, ret);
}

enum sd_err rig_scan(struct rig *rig, const uint8_t object[16], struct span source, struct ipc_msg **ret_answer,
                     struct inspect_scan_rep *ret) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = inspect_scan_req_encode(&out, &(struct inspect_scan_req){span_of(object, 16), source});
    err = err ? err : rig_serve(rig, PEER_CLERK, OP_SCAN, &out, ret_answer);
    err = err ? err : (*ret_answer)->status;
    return err ? err : inspect_scan_rep_decode((*ret_answer)->body, *ret_answer, ret);
}

enum sd_err rig_learn(struct rig *rig, bool spam, struct span source, struct ipc_msg **ret_answer,
                      struct inspect_learn_rep *ret) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = inspect_learn_req_encode(&out, &(struct inspect_learn_req){spam, source});
    err = err ? err : rig_serve(rig, PEER_CLERK, OP_LEARN, &out, ret_answer);
    err = err ? err : (*ret_answer)->status;
    return err ? err : inspect_learn_rep_decode((*ret_answer)->body, *ret_answer, ret);
}

enum sd_err rig_examine(struct rig *rig, struct span message, struct ipc_msg **ret_answer, struct inspect_examine_rep *ret) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = inspect_examine_req_encode(&out, &(struct inspect_examine_req){.message = message});
    err = err ? err : rig_serve(rig, PEER_KEEPER, OP_EXAMINE, &out, ret_answer);
    err = err ? err : (*ret_answer)->status;
    return err ? err : inspect_examine_rep_decode((*ret_answer)->body, *ret_answer, ret);
}
