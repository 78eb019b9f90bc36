#include "core/role.h"
#include "core/log.h"

#include "core/ipc/control.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTROL_FD 3
#define CLIENTS_MAX 8

struct role_ctx {
    const struct role *role;
    struct ipc_conn *control;
    struct config *config;
    const char *data_dir;
    uint32_t state; /* CONTROL_* */
    uint16_t instance;
    uint32_t uid, gid;
    uint32_t groups[8];
    size_t group_count;
    unsigned landlock_abi_max;
    bool sandbox_require;
    bool stopping;
    size_t client_count;
    struct {
        const char *service;
        struct ipc_client *client;
    } clients[CLIENTS_MAX];
};

const struct config *role_config(const struct role_ctx *ctx) {
    return ctx->config;
}

uint16_t role_instance(const struct role_ctx *ctx) {
    return ctx->instance;
}

uint32_t role_uid(const struct role_ctx *ctx) {
    return ctx->uid;
}

uint32_t role_gid(const struct role_ctx *ctx) {
    return ctx->gid;
}

const char *role_data_dir(const struct role_ctx *ctx) {
    return ctx->data_dir;
}

struct ipc_client *role_client(struct role_ctx *ctx, const char *service) {
    for (size_t i = 0; i < ctx->client_count; i++)
        if (strcmp(ctx->clients[i].service, service) == 0)
            return ctx->clients[i].client;
    char *name = strdup(service); /* lives as long as the process */
    struct ipc_client *client = name && ctx->client_count < CLIENTS_MAX ? ipc_client_new(name) : NULL;
    if (!client)
        abort(); /* at start, before anything was promised */
    ctx->clients[ctx->client_count].service = name;
    ctx->clients[ctx->client_count++].client = client;
    return client;
}

enum sd_err role_thread(const char *name, void *(*run)(void *), void *arg, unsigned long *ret_thread) {
    return role_thread_sized(name, ROLE_STACK_BYTES, run, arg, ret_thread);
}

/* A thread names itself: to name another one takes files under /proc, which roles do not have. */
struct beginning {
    void *(*run)(void *arg);
    void *arg;
    char name[16]; /* what Linux keeps of it */
};

static void *begin_thread(void *arg) {
    struct beginning b = *(struct beginning *)arg;
    free(arg);
    (void)prctl(PR_SET_NAME, b.name, 0, 0, 0);
    return b.run(b.arg);
}

enum sd_err role_thread_sized(const char *name, size_t stack_bytes, void *(*run)(void *), void *arg,
                              unsigned long *ret_thread) {
    pthread_attr_t attr;
    pthread_t thread;
    struct beginning *b = malloc(sizeof *b);
    if (!b || pthread_attr_init(&attr) != 0) {
        free(b);
        return SD_ERR_NOMEM;
    }
    *b = (struct beginning){.run = run, .arg = arg};
    (void)snprintf(b->name, sizeof b->name, "%s", name);
    int rc = pthread_attr_setstacksize(&attr, stack_bytes);
    if (rc == 0)
        rc = pthread_create(&thread, &attr, begin_thread, b);
    (void)pthread_attr_destroy(&attr);
    if (rc != 0) {
        free(b);
        return rc == EAGAIN ? SD_ERR_BUSY : SD_ERR_NOMEM;
    }
    *ret_thread = thread;
    return SD_OK;
}

#define GIVES_WAY 10 /* of 19: a tenth of what others get, while they want it */

void role_thread_gives_way(void) {
    if (setpriority(PRIO_PROCESS, 0, GIVES_WAY) != 0) /* Linux: of the thread */
        log_warn("role.thread", "priority errno=%d", errno);
}

void bell_ring(int fd) {
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0)
        return; /* full: it rings already */
}

enum sd_err bell_wait(int fd, struct deadline deadline) {
    uint64_t count;
    enum sd_err err = wait_fd(fd, POLLIN, deadline);
    if (err == SD_OK && read(fd, &count, sizeof count) < 0 && errno != EAGAIN)
        err = SD_ERR_IO;
    return err;
}

enum sd_err file_read(const char *path, struct buf *to) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sd_err_from_errno(errno);
    enum sd_err err = SD_OK;
    for (;;) {
        uint8_t part[4096];
        ssize_t n = read(fd, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n > 0)
            buf_put(to, span_of(part, (size_t)n));
        explicit_bzero(part, sizeof part);
        err = n < 0 ? sd_err_from_errno(errno) : buf_err(to);
        if (err || n == 0)
            break;
    }
    (void)close(fd);
    return err;
}

/* ---- the control channel's operations ---- */

#define IPC_DEF "core/ipc/control.def"
#define IPC_TABLE control_ops
#include "core/ipc/gen_dispatch.h"

static void read_groups(struct role_ctx *ctx, struct ipc_list list) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item;
    while (ctx->group_count < SD_COUNT(ctx->groups) && ipc_list_next(&iter, &item)) {
        struct reader r = reader_of(item);
        ctx->groups[ctx->group_count++] = read_u32(&r);
    }
}

enum sd_err control_on_start(void *state, struct ipc_call *call, const struct control_start_req *req) {
    struct role_ctx *ctx = state;
    if (!span_eq(req->role, span_cstr(ctx->role->name)))
        return SD_ERR_PROTOCOL;
    enum sd_err err = config_new(req->config, &ctx->config);
    if (err)
        return err;
    ctx->instance = req->instance;
    ctx->uid = req->uid;
    ctx->gid = req->gid;
    ctx->landlock_abi_max = req->landlock_abi_max;
    ctx->sandbox_require = req->sandbox_require;
    ctx->data_dir = config_text(ctx->config, "main.data_dir");
    read_groups(ctx, req->groups);
    const char *level = config_text(ctx->config, "log.level");
    log_setup(ctx->role->name, *level == 'e'   ? LOG_LEVEL_ERROR
                               : *level == 'w' ? LOG_LEVEL_WARN
                               : *level == 'd' ? LOG_LEVEL_DEBUG
                                               : LOG_LEVEL_INFO);
    err = ctx->role->prepare ? ctx->role->prepare(ctx) : SD_OK;
    if (err)
        return err;
    ctx->state = CONTROL_STARTED;
    control_start_reply(call, &(struct control_start_rep){});
    return SD_OK;
}

#define SECRET_FILE_MAX 4096

/* Mapped for as long as the role copies it; the memfd ends with its last descriptor. */
static enum sd_err take_secret(struct role_ctx *ctx, const char *name, int fd) {
    struct span bytes = SPAN_NONE;
    struct stat st;
    enum sd_err err = fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size <= SECRET_FILE_MAX ? SD_OK : SD_ERR_PROTOCOL;
    if (err == SD_OK)
        err = map_sealed(fd, (size_t)st.st_size, &bytes);
    (void)close(fd);
    if (err)
        return err;
    err = ctx->role->on_secret(ctx, name, bytes);
    (void)munmap((void *)(uintptr_t)bytes.p, bytes.n);
    return err;
}

static enum sd_err take_link(struct role_ctx *ctx, const struct control_link_req *req, const char *name, int fd) {
    const struct role *role = ctx->role;
    if (req->kind == LINK_CLIENT) {
        ipc_client_attach(role_client(ctx, name), fd);
        return SD_OK;
    }
    if (req->kind == LINK_SERVER && role->on_peer)
        return role->on_peer(ctx, req->peer, req->instance, fd);
    if (req->kind == LINK_LISTEN && role->on_listen)
        return role->on_listen(ctx, name, fd);
    if (req->kind == LINK_BELL && role->on_bell)
        return role->on_bell(ctx, name, fd);
    if (req->kind == LINK_SECRET && role->on_secret && ctx->state == CONTROL_STARTED)
        return take_secret(ctx, name, fd);
    if (req->kind == LINK_FILE && role->on_file)
        return role->on_file(ctx, name, fd);
    (void)close(fd);
    return SD_ERR_PROTOCOL;
}

enum sd_err control_on_link(void *state, struct ipc_call *call, const struct control_link_req *req) {
    char name[65] = {0};
    memcpy(name, req->name.p, req->name.n);
    enum sd_err err = take_link(state, req, name, ipc_msg_take_fd(call->msg));
    if (err == SD_OK)
        control_link_reply(call, &(struct control_link_rep){});
    return err;
}

enum sd_err control_on_go(void *state, struct ipc_call *call, SD_UNUSED const struct control_go_req *req) {
    struct role_ctx *ctx = state;
    unsigned more = ctx->role->more_calls ? ctx->role->more_calls(ctx->config) : 0;
    struct sandbox_spec spec = {.data_dir = ctx->data_dir,
                                .calls = ctx->role->calls | more,
                                .uid = ctx->uid,
                                .gid = ctx->gid,
                                .groups = ctx->groups,
                                .group_count = ctx->group_count,
                                .landlock_abi_max = ctx->landlock_abi_max,
                                .require = ctx->sandbox_require};
    memcpy(spec.paths, ctx->role->paths, sizeof ctx->role->paths);
    struct buf report SD_CLEANUP(buf_free) = buf_new(2048);
    enum sd_err err = sandbox_enter(&spec, &report, &ctx->data_dir);
    if (err == SD_OK)
        err = ctx->role->start(ctx);
    if (err) {
        log_error("role.start", "error=%s", sd_err_name(err));
        return err;
    }
    ctx->state = CONTROL_RUNNING;
    control_go_reply(call, &(struct control_go_rep){.sandbox = buf_span(&report)});
    return SD_OK;
}

enum sd_err control_on_ping(void *state, struct ipc_call *call, SD_UNUSED const struct control_ping_req *req) {
    struct role_ctx *ctx = state;
    struct role_health health = {.ready = true, .reason = buf_new(256)};
    if (ctx->role->ping)
        ctx->role->ping(ctx, &health);
    struct buf raw SD_CLEANUP(buf_free) = buf_new(4096);
    struct control_ping_rep rep = {.ready = health.ready, .waiting = health.waiting, .reason = buf_span(&health.reason)};
    for (size_t i = 0; i < ctx->client_count; i++)
        if (ipc_client_broken(ctx->clients[i].client))
            ipc_list_add(&rep.broken, &raw, span_cstr(ctx->clients[i].service));
    if (health.wanted)
        ipc_list_add(&rep.broken, &raw, span_cstr(health.wanted));
    control_ping_reply(call, &rep);
    buf_free(&health.reason);
    return SD_OK;
}

enum sd_err control_on_stop(void *state, struct ipc_call *call, SD_UNUSED const struct control_stop_req *req) {
    struct role_ctx *ctx = state;
    if (ctx->role->stop && ctx->state == CONTROL_RUNNING)
        ctx->role->stop(ctx);
    ctx->stopping = true;
    control_stop_reply(call, &(struct control_stop_rep){});
    return SD_OK;
}

int role_main(const struct role *role, SD_UNUSED int argc, SD_UNUSED char **argv) {
    struct role_ctx ctx = {.role = role, .state = CONTROL_NEW};
    struct stat st;
    log_setup(role->name, LOG_LEVEL_INFO);
    if (fstat(CONTROL_FD, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        (void)fprintf(stderr, "sealdesk-%s is started by `sealdesk run`, not by hand.\n", role->name);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the whole terminal; the supervisor stops us in order */
    (void)signal(SIGTERM, SIG_IGN);
    (void)mallopt(M_ARENA_MAX, 2); /* many threads, small memory */
    ctx.control = ipc_conn_new(CONTROL_FD, PEER_SUPERVISOR, 0);
    enum sd_err err = ctx.control ? SD_OK : SD_ERR_NOMEM;
    while (err == SD_OK && !ctx.stopping) {
        err = ipc_serve_one(ctx.control, control_ops, SD_COUNT(control_ops), ctx.state, &ctx, deadline_in_ms(60 * 60 * 1000));
        if (err == SD_ERR_TIMEOUT)
            err = SD_OK;
    }
    if (err && err != SD_ERR_CLOSED)
        log_error("role.control", "error=%s", sd_err_name(err));
    _exit(err == SD_OK ? 0 : 1); /* threads may still run: no destructors under them */
}
