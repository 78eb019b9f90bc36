#include "keeper/process_rig.h"
#include "core/ipc/control.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

void rig_must(bool good, const char *what, const char *file, int line) {
    if (good)
        return;
    (void)fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}

void rig_shell(const char *format, ...) {
    char command[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(command, sizeof command, format, args);
    va_end(args);
    rig_must(n > 0 && n < (int)sizeof command && system(command) == 0, command, __FILE__, __LINE__);
}

struct deadline rig_soon(void) {
    return deadline_in_ms(30000);
}

struct ipc_msg **rig_fresh(struct process *p) {
    ipc_msg_free(&p->msg);
    return &p->msg;
}

/* ---- the process ---- */

void process_make(struct process *p, const char *program, const char *base) {
    *p = (struct process){.program = program, .inspector = -1};
    (void)snprintf(p->dir, sizeof p->dir, "%s/keeper-process-XXXXXX", base);
    MUST(mkdtemp(p->dir) != NULL);
    MUST(chmod(p->dir, 0711) == 0);
    rig_shell("'%s' init '%s/keeper' example.test > '%s/public.json'", program, p->dir, p->dir);
    if (geteuid() == 0)
        rig_shell("chown -R %d:%d '%s/keeper'", RIG_ROLE_UID, RIG_ROLE_UID, p->dir);
}

static void launch(struct process *p) {
    int fds[2];
    MUST(ipc_pair(fds) == SD_OK);
    p->pid = fork();
    MUST(p->pid >= 0);
    if (p->pid == 0) {
        (void)dup2(fds[1], 3); /* not close-on-exec any more */
        (void)execl(p->program, p->program, NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    p->control = ipc_client_new("control");
    MUST(p->control != NULL);
    ipc_client_attach(p->control, fds[0]);
}

#define CONTROL_LINK 2 /* control.def: a link carries a descriptor, which the generated call does not */

static enum sd_err give(struct process *p, const struct control_link_req *req, int fd) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct ipc_ticket *ticket = NULL;
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    MUST(control_link_req_encode(&out, req) == SD_OK);
    out.fd = fd;
    enum sd_err err = ipc_start(p->control, CONTROL_LINK, &out, rig_soon(), &ticket);
    if (err == SD_OK)
        err = ipc_wait(p->control, &ticket, rig_soon(), &msg);
    (void)close(fd);
    return err;
}

enum sd_err process_channel(struct process *p, uint32_t peer, int *ret_fd) {
    int fds[2];
    MUST(ipc_pair(fds) == SD_OK);
    enum sd_err err = give(p, &(struct control_link_req){.kind = LINK_SERVER, .name = SPAN("keeper"), .peer = peer}, fds[0]);
    if (err)
        (void)close(fds[1]);
    else
        *ret_fd = fds[1];
    return err;
}

struct ipc_client *process_client(struct process *p, uint32_t peer) {
    int fd = -1;
    struct ipc_client *client = ipc_client_new("keeper");
    MUST(client != NULL);
    MUST(process_channel(p, peer, &fd) == SD_OK);
    ipc_client_attach(client, fd);
    return client;
}

#define SETTINGS                                                                                                               \
    "log.level=error\nqueue.support=support@example.test\nqueue.billing=billing@example.test\n"                                \
    "trust.weights=\ntrust.flag_at=30\ntrust.review_at=100\ntrust.history_days=730\n"                                          \
    "gates.open=verified, unverified, failed\ngates.review=verified, unverified, failed\n"                                     \
    "gates.append=verified, unverified\ngates.reopen=verified\ngates.customer=verified\ngates.auto_answer=verified\n"          \
    "gates.add_people=verified\ngates.attachments=verified\ndesk.origin=http://localhost:8025\n"                               \
    "access.passkey_roles=none\naccess.totp_step_up=no\naccess.four_eyes=\naccess.warrant_policies=\n"                         \
    "access.break_glass_minutes=60\naccess.enrol_hours=72\nbudget.roles=\nkeeper.root=file\nbackup.recovery_key=\n"            \
    "scan.retro_days=30\npreview.suspicious=yes\nbackup.keep=35\nlog.keep_access_days=365\nlog.keep_security_days=365\nlog."   \
    "keep_system_days=365\n"

static void configure(struct process *p) {
    struct buf config SD_CLEANUP(buf_free) = buf_new(8192);
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_start_rep rep;
    uint32_t uid = geteuid() == 0 ? RIG_ROLE_UID : (uint32_t)geteuid();
    buf_printf(&config, "main.hostname=mx.example.test\nmain.data_dir=%s\nmain.domains=example.test\n" SETTINGS "%s", p->dir,
               p->settings ? p->settings : "");
    struct control_start_req req = {
        .role = SPAN("keeper"), .landlock_abi_max = 99, .uid = uid, .gid = uid, .config = buf_span(&config)};
    MUST(control_start_call(p->control, &req, rig_soon(), &msg, &rep) == SD_OK);
}

static int admin_socket(struct process *p) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/admin.sock", p->dir);
    MUST(n > 0 && n < (int)sizeof address.sun_path);
    (void)unlink(address.sun_path);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    MUST(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 8) == 0);
    MUST(chmod(address.sun_path, 0777) == 0); /* so that the keeper has to look who it is */
    MUST(give(p, &(struct control_link_req){.kind = LINK_LISTEN, .name = SPAN("admin")}, listener) == SD_OK);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    MUST(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

enum sd_err process_link_inspector(struct process *p) {
    int fds[2];
    if (p->inspector >= 0)
        (void)close(p->inspector);
    p->inspector = -1;
    if (ipc_client_broken(p->control))
        return SD_ERR_UNAVAILABLE;
    MUST(ipc_pair(fds) == SD_OK);
    enum sd_err err = give(p, &(struct control_link_req){.kind = LINK_CLIENT, .name = SPAN("inspect0")}, fds[0]);
    if (err)
        (void)close(fds[1]);
    else
        p->inspector = fds[1];
    return err;
}

void process_start(struct process *p) {
    struct control_go_rep rep;
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    launch(p);
    configure(p);
    MUST(process_link_inspector(p) == SD_OK);
    p->edge = process_client(p, PEER_EDGE);
    p->clerk = process_client(p, PEER_CLERK);
    MUST(control_go_call(p->control, &(struct control_go_req){}, rig_soon(), &msg, &rep) == SD_OK);
    p->desk = process_client(p, PEER_DESK);
    p->courier = process_client(p, PEER_COURIER);
    p->inspect = process_client(p, PEER_INSPECT);
    p->admin = ipc_client_new("keeper");
    MUST(p->admin != NULL);
    ipc_client_attach(p->admin, admin_socket(p));
}

static void ended(struct process *p) {
    struct ipc_client **clients[] = {&p->control, &p->edge, &p->clerk, &p->desk, &p->courier, &p->admin, &p->inspect};
    ipc_msg_free(&p->msg);
    for (size_t i = 0; i < SD_COUNT(clients); i++)
        ipc_client_free(clients[i]);
    if (p->inspector >= 0)
        (void)close(p->inspector);
    p->inspector = -1;
    p->pid = 0;
}

void process_stop(struct process *p) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_stop_rep rep;
    int status = -1;
    MUST(control_stop_call(p->control, &(struct control_stop_req){}, rig_soon(), &msg, &rep) == SD_OK);
    MUST(waitpid(p->pid, &status, 0) == p->pid);
    MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ended(p);
}

void process_kill(struct process *p) {
    int status;
    MUST(kill(p->pid, SIGKILL) == 0);
    MUST(waitpid(p->pid, &status, 0) == p->pid);
    MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* and not of itself before */
    ended(p);
}

bool process_runs(struct process *p) {
    int status;
    return p->pid && waitpid(p->pid, &status, WNOHANG) == 0;
}

void process_remove(struct process *p) {
    if (p->pid)
        process_kill(p);
    rig_shell("rm -rf '%s'", p->dir);
}

bool process_ready(struct process *p) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_ping_rep rep;
    enum sd_err err = control_ping_call(p->control, &(struct control_ping_req){}, rig_soon(), &msg, &rep);
    return err == SD_OK && rep.ready;
}

long process_memory_kib(const struct process *p, const char *line) {
    char path[64], text[256];
    long kib = -1;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)p->pid);
    FILE *f = fopen(path, "r");
    size_t n = strlen(line);
    while (f && fgets(text, sizeof text, f))
        if (strncmp(text, line, n) == 0 && text[n] == ':')
            kib = strtol(text + n + 1, NULL, 10);
    if (f)
        (void)fclose(f);
    return kib;
}

/* ---- letters ---- */

void rig_intake(struct process *p, struct rig_intake *ret) {
    struct keeper_intake_key_rep rep;
    MUST(keeper_intake_key_call(p->edge, &(struct keeper_intake_key_req){}, rig_soon(), rig_fresh(p), &rep) == SD_OK);
    memcpy(ret->id, rep.id.p, 16);
    memcpy(ret->key, rep.public_key.p, 32);
}

void rig_file_key(const struct rig_mail *mail, uint16_t index, uint8_t ret[32]) {
    memcpy(ret, mail->key, 32);
    ret[31] ^= 0xff;
    ret[30] ^= (uint8_t)index;
}

static void put_card(const struct rig_mail *mail, struct ipc_out *card) {
    static const uint8_t none[32];
    uint8_t file_key[32], digest[32] = {RIG_MAIL_DIGEST}, inspected[32] = {mail->inspected};
    struct buf keys SD_CLEANUP(buf_free) = buf_new(8192), digests SD_CLEANUP(buf_free) = buf_new(8192);
    struct cards_adoption_v3 c = {.object_key = span_of(mail->key, 32),
                                  .source_digest = span_of(digest, 32),
                                  .from_address = span_cstr(mail->from),
                                  .message_id_hash = span_of(none, 32),
                                  .letter_digest = span_of(inspected, 32)};
    uint8_t file_digest[32] = {mail->other_files ? RIG_OTHER_DIGEST : RIG_MAIL_DIGEST};
    for (uint16_t i = 0; i < mail->attachments; i++) {
        rig_file_key(mail, i, file_key);
        ipc_list_add(&c.attachment_keys, &keys, span_of(file_key, 32));
        ipc_list_add(&c.attachment_digests, &digests, span_of(file_digest, 32));
    }
    struct cards_adoption_v2 before = {.object_key = c.object_key,
                                       .attachment_keys = c.attachment_keys,
                                       .source_digest = c.source_digest,
                                       .attachment_digests = c.attachment_digests,
                                       .from_address = c.from_address,
                                       .message_id_hash = c.message_id_hash};
    MUST((mail->inspected ? cards_adoption_v3_encode(card, &c) : cards_adoption_v2_encode(card, &before)) == SD_OK);
}

void rig_put_mail(const struct rig_intake *intake, const struct rig_mail *mail, struct ipc_list *list, struct buf *raw) {
    struct ipc_out header SD_CLEANUP(ipc_out_free) = ipc_card_new(1024), card SD_CLEANUP(ipc_out_free) = ipc_card_new(65536);
    struct ipc_out adopt SD_CLEANUP(ipc_out_free) = ipc_card_new(70000);
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(65536);
    struct cards_intake_header_v1 h = {.version = mail->inspected ? 3 : 2,
                                       .object = span_of(mail->id, 16),
                                       .key_id = span_of(intake->id, 16),
                                       .queue = span_cstr(mail->queue),
                                       .disposition = mail->disposition,
                                       .trust = mail->trust,
                                       .state = mail->state,
                                       .received_ms = clock_unix_ms(),
                                       .attachments = mail->attachments,
                                       .size_bytes = 100};
    put_card(mail, &card);
    MUST(cards_intake_header_v1_encode(&header, &h) == SD_OK);
    MUST(hpke_seal(intake->key, SPAN("sealdesk intake v1"), buf_span(&header.body), buf_span(&card.body), &sealed) == SD_OK);
    struct cards_adopt_v1 a = {.header = buf_span(&header.body), .sealed_card = buf_span(&sealed)};
    MUST(cards_adopt_v1_encode(&adopt, &a) == SD_OK);
    ipc_list_add(list, raw, buf_span(&adopt.body));
}

void rig_adopt_mail(struct process *p, const struct rig_intake *intake, const struct rig_mail *mail, uint8_t ret_ticket[16]) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(70000);
    struct keeper_adopt_req req = {0};
    struct keeper_adopt_rep rep;
    struct cards_adopted_v1 adopted;
    struct span item;
    rig_put_mail(intake, mail, &req.records, &raw);
    MUST(keeper_adopt_call(p->clerk, &req, rig_soon(), rig_fresh(p), &rep) == SD_OK);
    struct ipc_list_iter iter = ipc_list_start(rep.results);
    MUST(ipc_list_next(&iter, &item) && cards_adopted_v1_decode(item, NULL, &adopted) == SD_OK);
    MUST(adopted.outcome != 0); /* ADOPT_REFUSED */
    memcpy(ret_ticket, adopted.ticket.p, 16);
}

/* ---- what was found in them ---- */

static void put_finding(uint8_t first, uint8_t state, struct ipc_list *list, struct buf *raw) {
    uint8_t digest[32] = {first};
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(256);
    MUST(cards_verdict_v1_encode(&card, &(struct cards_verdict_v1){.digest = span_of(digest, 32), .state = state}) == SD_OK);
    ipc_list_add(list, raw, buf_span(&card.body));
}

void rig_tell_findings(struct process *p, const struct rig_findings *findings) {
    static const uint8_t at_the_door[16];
    const struct rig_mail *mail = findings->stored;
    uint8_t letter[32] = {mail ? RIG_MAIL_DIGEST : findings->inspected};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(4096);
    struct keeper_verdict_req req = {
        .object = span_of(mail ? mail->id : at_the_door, 16), .letter = span_of(letter, 32), .engine = SPAN("Honest 1")};
    struct keeper_verdict_rep rep;
    for (unsigned i = 0; i < findings->count; i++)
        put_finding(i ? (mail && mail->other_files ? RIG_OTHER_DIGEST : RIG_MAIL_DIGEST) : letter[0], findings->states[i],
                    &req.verdicts, &raw);
    MUST(keeper_verdict_call(p->inspect, &req, rig_soon(), rig_fresh(p), &rep) == SD_OK);
}
