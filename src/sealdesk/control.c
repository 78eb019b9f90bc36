/* control.c - the supervisor's side of the control channel: sends, and takes what has been answered. Never waits. */
#include "sealdesk/control.h"

#include "core/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_MS 30000 /* prepare reads certificates */
#define GO_MS 60000    /* the keeper opens its database, and brings it up to date after a crash */
#define STUCK_MS 10000 /* a role's main thread does nothing that takes so long */
#define SILENT_MS 2500
#define OP_LINK 2 /* control.def */

enum sd_err proc_ask_start(struct proc *proc, const struct settings *settings) {
    struct buf lines SD_CLEANUP(buf_free) = buf_new(1024 * 1024);
    struct buf raw SD_CLEANUP(buf_free) = buf_new(64);
    bool root = geteuid() == 0;
    uint32_t base = (uint32_t)settings_int(settings, "run.uid_base");
    settings_lines(settings, proc->kind->settings, &lines);
    struct control_start_req req = {
        .role = span_cstr(proc->kind->name),
        .instance = proc->instance,
        .uid = root ? base + proc->kind->uid_offset : getuid(),
        .gid = root ? base + proc->kind->gid_offset : getgid(),
        .landlock_abi_max = (uint8_t)settings_int(settings, "sandbox.landlock_abi"),
        .sandbox_require = settings_bool(settings, "sandbox.require"),
        .config = buf_span(&lines),
    };
    if (root && proc->kind->extra_gid_offset) {
        struct buf group SD_CLEANUP(buf_free) = buf_new(4);
        buf_u32(&group, base + proc->kind->extra_gid_offset);
        ipc_list_add(&req.groups, &raw, buf_span(&group));
    }
    enum sd_err err = buf_err(&lines);
    proc->answer_by = deadline_in_ms(START_MS);
    return err ? err : control_start_start(proc->control, &req, deadline_in_ms(0), &proc->asked);
}

/* control.link carries its descriptor beside the fields, so it is sent by hand. */
enum sd_err proc_link(struct proc *proc, uint8_t kind, const char *name, uint32_t peer, uint16_t instance, int fd) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct control_link_req req = {.kind = kind, .name = span_cstr(name), .peer = peer, .instance = instance};
    if (proc->link_count == LINKS_MAX)
        return SD_ERR_BUSY; /* it hears nothing */
    enum sd_err err = control_link_req_encode(&out, &req);
    out.fd = fd;
    if (err == SD_OK)
        err = ipc_start(proc->control, OP_LINK, &out, deadline_in_ms(0), &proc->links[proc->link_count]);
    proc->link_count += err == SD_OK;
    return err;
}

enum sd_err proc_ask_go(struct proc *proc) {
    proc->state = PROC_JOINING;
    proc->answer_by = deadline_in_ms(GO_MS);
    proc->links_before = proc->link_count;
    return control_go_start(proc->control, &(struct control_go_req){}, deadline_in_ms(0), &proc->asked);
}

enum sd_err proc_ask_ping(struct proc *proc) {
    proc->answer_by = deadline_in_ms(STUCK_MS);
    proc->links_before = proc->link_count;
    return control_ping_start(proc->control, &(struct control_ping_req){}, deadline_in_ms(0), &proc->asked);
}

bool proc_is_silent(const struct proc *proc) {
    return proc->state == PROC_RUNNING && proc->asked && deadline_left_ms(proc->answer_by) < STUCK_MS - SILENT_MS;
}

bool proc_send_stop(struct proc *proc) {
    struct ipc_ticket *ping = proc->asked;
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    if (ping && ipc_wait(proc->control, &ping, deadline_in_ms(0), &msg) != SD_OK)
        ipc_msg_free(&msg); /* nobody wants to know any more */
    proc->asked = NULL;
    return control_stop_start(proc->control, &(struct control_stop_req){}, deadline_in_ms(0), &proc->asked) == SD_OK;
}

/* ---- answers ---- */

bool proc_answered(struct proc *proc) {
    return proc->asked && ipc_answered(proc->control, proc->asked);
}

/* Answers come in the order of the questions: links sent before the one that has just been answered have been answered. */
static enum sd_err take_links(struct proc *proc, size_t count) {
    enum sd_err first = SD_OK;
    for (size_t i = 0; i < count; i++) {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        enum sd_err err = ipc_wait(proc->control, &proc->links[i], deadline_in_ms(0), &msg);
        first = first ? first : err;
    }
    proc->link_count -= count;
    memmove(proc->links, proc->links + count, proc->link_count * sizeof *proc->links);
    return first;
}

enum sd_err proc_take_start(struct proc *proc) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_start_rep rep;
    return control_start_wait(proc->control, &proc->asked, deadline_in_ms(0), &msg, &rep);
}

enum sd_err proc_take_go(struct proc *proc) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_go_rep rep;
    enum sd_err err = control_go_wait(proc->control, &proc->asked, deadline_in_ms(0), &msg, &rep);
    enum sd_err links = take_links(proc, proc->links_before);
    if (err || links)
        return err ? err : links;
    free(proc->sandbox);
    proc->sandbox = strndup((const char *)rep.sandbox.p, rep.sandbox.n);
    proc->state = PROC_RUNNING;
    return SD_OK;
}

enum sd_err proc_take_ping(struct proc *proc, struct buf *broken) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_ping_rep rep;
    enum sd_err err = control_ping_wait(proc->control, &proc->asked, deadline_in_ms(0), &msg, &rep);
    if (err)
        return err;
    if (take_links(proc, proc->links_before))
        log_warn("role.link", "role=%s instance=%u refused=yes", proc->kind->name, proc->instance);
    proc->ready = rep.ready;
    proc->waiting = rep.waiting;
    (void)snprintf(proc->reason, sizeof proc->reason, "%.*s", SPAN_FMT(rep.reason));
    struct ipc_list_iter iter = ipc_list_start(rep.broken);
    struct span service;
    while (ipc_list_next(&iter, &service)) {
        buf_put(broken, service);
        buf_byte(broken, '\n');
    }
    return SD_OK;
}

void proc_forget(struct proc *proc) {
    if (!proc->control)
        return;
    ipc_client_attach(proc->control, -1);
    (void)take_links(proc, proc->link_count);
    if (proc->asked) {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        enum sd_err err = ipc_wait(proc->control, &proc->asked, deadline_in_ms(0), &msg);
        (void)err; /* it has none */
    }
    proc->ready = false;
    proc->reason[0] = 0;
}
