#include "inspect/test_rig.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IPC_DEF "core/ipc/inspect.def"
#define IPC_TABLE inspect_ops
#include "core/ipc/gen_dispatch.h"

#define SEND_MS 10000
#define OP_JUDGE 1
#define OP_EXAMINE 2

/* A rig that cannot be set up is no test result. */
static void must(bool ok) {
    if (!ok)
        abort();
}

void rig_start(struct rig *rig, const char *zone) {
    static const char lines[] =
        "main.hostname=mx.sealdesk.example\nmain.domains=sealdesk.example\ninspect.public_suffix=no\nupstream.id=\n"
        "upstream.addresses=\ntrust.protected_domains=\ntrust.protected_names=\ntrust.trusted_sealers=\ntrust.forwarders=\n"
        "trust.refused_senders=\ntrust.weights=\ntrust.flag_at=30\ntrust.review_at=100\n";
    memset(rig, 0, sizeof *rig);
    must(config_new(span_cstr(lines), &rig->config) == SD_OK);
    must(dns_script_new(&rig->script) == SD_OK && dns_script_load(rig->script, span_cstr(zone)) == SD_OK);
    rig->inspector.config = rig->config;
    rig->inspector.dns = dns_script_source(rig->script);
    rig->inspector.policy_arena = arena_new(65536 * 16);
    must(policy_read(rig->config, rig->inspector.policy_arena, &rig->inspector.policy) == SD_OK);
}

void rig_stop(struct rig *rig) {
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

enum sd_err rig_examine(struct rig *rig, struct span message, struct ipc_msg **ret_answer, struct inspect_examine_rep *ret) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = inspect_examine_req_encode(&out, &(struct inspect_examine_req){.message = message});
    err = err ? err : rig_serve(rig, PEER_KEEPER, OP_EXAMINE, &out, ret_answer);
    err = err ? err : (*ret_answer)->status;
    return err ? err : inspect_examine_rep_decode((*ret_answer)->body, *ret_answer, ret);
}
