/*
 * sealdesk-inspect - judges letters: no network, no files, no secrets, no way to make a connection: a process aside makes those
 * to the virus scanner. Its threads read the channel of each peer; one letter,
 * one thread, from the first byte to the verdict.
 */
#include "inspect/inspect.h"

#include "auth/dns_ipc.h"
#include "auth/dns_recent.h"
#include "core/log.h"
#include "core/peers.h"

#include <stdlib.h>
#include <unistd.h>

#define IPC_DEF "core/ipc/inspect.def"
#define IPC_TABLE inspect_ops
#include "core/ipc/gen_dispatch.h"

#define POLICY_ARENA_BYTES ((size_t)8 * 1024 * 1024) /* the lists of an administrator, and how each entry reads */
#define KEEPER_THREADS 2                             /* answers are few */
#define INSPECT_STACK_BYTES ((size_t)1024 * 1024)    /* the HTML parser and ICU take more than a role's usual thread */

static struct inspector inspector;

static void *serve(void *arg) {
    struct ipc_conn *conn = arg;
    enum sd_err err = SD_OK;
    if (ipc_conn_peer(conn) == PEER_CLERK) /* what is looked into again can wait for what is at the door */
        role_thread_gives_way();
    while (err == SD_OK) {
        err = ipc_serve_one(conn, inspect_ops, SD_COUNT(inspect_ops), 1, &inspector, deadline_in_ms(60 * 60 * 1000));
        if (err == SD_ERR_TIMEOUT)
            err = SD_OK;
    }
    if (err != SD_ERR_CLOSED)
        log_error("inspect.peer_dropped", "peer=%u error=%s", ipc_conn_peer(conn), sd_err_name(err));
    ipc_conn_unref(&conn);
    return NULL;
}

static int64_t threads_for(const struct ipc_conn *conn) {
    return ipc_conn_peer(conn) == PEER_EDGE ? config_int(inspector.config, "inspect.threads") : KEEPER_THREADS;
}

static struct peers peers = {.name = "judge", .stack_bytes = INSPECT_STACK_BYTES, .threads = threads_for, .serve = serve};

static enum sd_err prepare(struct role_ctx *ctx) {
    inspector.config = role_config(ctx);
    inspector.policy_arena = arena_new(POLICY_ARENA_BYTES);
    enum sd_err err = inspector.policy_arena ? policy_read(inspector.config, inspector.policy_arena, &inspector.policy)
                                             : SD_ERR_NOMEM;
    struct dns_source asked = dns_over_ipc(role_client(ctx, "dns"));
    struct dns_recent *recent = NULL; /* for life */
    err = err ? err : dns_recent_new(&asked, &recent);
    if (err)
        return err;
    inspector.dns = dns_recent_source(recent);
    inspector.health.keeper = role_client(ctx, "keeper");
    return scan_prepare(&inspector, role_uid(ctx), role_gid(ctx), &spawner_of_files);
}

static enum sd_err on_peer(SD_UNUSED struct role_ctx *ctx, uint32_t peer, uint16_t instance, int fd) {
    return peers_add(&peers, peer, instance, fd);
}

static enum sd_err start(SD_UNUSED struct role_ctx *ctx) {
    unsigned long thread;
    enum sd_err err = role_thread("scanner", health_run, &inspector.health, &thread);
    return err ? err : peers_start(&peers);
}

/* Asked every second by the supervisor, which starts us again. */
static void ping(SD_UNUSED struct role_ctx *ctx, struct role_health *health) {
    bool stuck = watch_is_stuck(&inspector.watch, clock_mono_ns());
    health_say(&inspector.health, &health->reason);
    if (atomic_load(&inspector.rspamd.down))
        buf_printf(&health->reason, "%sThe spam filter does not answer.", health->reason.n ? " " : "");
    if (!stuck && !scan_crippled(&inspector))
        return;
    if (stuck)
        log_error("inspect.stuck", "limit_ms=%d", WATCH_MS);
    else
        log_error("inspect.aside", "error=gone");
    _exit(EXIT_FAILURE);
}

int main(int argc, char **argv) {
    static const struct role role = {.name = "inspect", .prepare = prepare, .on_peer = on_peer, .start = start, .ping = ping};
    return role_main(&role, argc, argv);
}
