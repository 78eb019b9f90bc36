/*
 * sealdesk-render - SHOWS: makes flat pictures of what is in a file, so that it can be looked at without being opened.
 *
 * Three circles, each trusting the one inside it less:
 * 1. This process: no network, no files, never another program. It serves the clerk, hands the file on as a sealed memfd and
 *    never looks into it; back comes a stream of width, height and pixels (stream.h), which is parsed strictly and made into
 *    PNG files (png.h). Nothing else that the inside says is believed; words for people are made here.
 * 2. The launcher (launch.h), a process aside that is forked before this one confines itself: it can start programs, has no
 *    network when started as root, and reads nothing but numbers. It starts bubblewrap once per document (box.h), at most two
 *    at once, and ends the whole sandbox when time is up or nobody reads what it writes.
 * 3. The sandbox: sealdesk-paginate (paginate.c) with LibreOffice, poppler, GraphicsMagick, Pango. No network, no files but
 *    /usr and a little of /etc, a bounded tmpfs, no other process, no capabilities, limits on processor time, address space,
 *    file size and processes. What is taken over in there can make wrong pictures of its own document, and can do it for as
 *    long as preview.seconds; then all of it is gone. The next document gets a new one.
 *
 * Confinement of this process: no files, no sockets. If it is taken over it sees the documents that it is asked to show from
 * then on, can answer with false pictures, and can have the launcher start the sandbox with what it likes; it can start no
 * other program.
 */
#include "render/answer.h"

#include "core/log.h"
#include "core/peers.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SEVERAL_S (60 * 60 * 1000)

static struct renderer renderer;
static struct launch_spec launch_spec;
static char program[PATH_MAX];

static void *serve(void *arg) {
    struct ipc_conn *conn = arg;
    enum sd_err err = SD_OK;
    while (err == SD_OK) {
        err = answer_one(&renderer, conn, deadline_in_ms(SEVERAL_S));
        if (err == SD_ERR_TIMEOUT)
            err = SD_OK;
    }
    if (err != SD_ERR_CLOSED)
        log_error("render.peer_dropped", "error=%s", sd_err_name(err));
    ipc_conn_unref(&conn);
    return NULL;
}

/* As many threads as there may be sandboxes: who asks for more waits in the channel. */
static int64_t threads_for(SD_UNUSED const struct ipc_conn *conn) {
    return LAUNCH_JOBS_MAX;
}

static struct peers peers = {.name = "show", .stack_bytes = ROLE_STACK_BYTES, .threads = threads_for, .serve = serve};

/* It stands beside this program, wherever that is. */
static enum sd_err find_program(void) {
    static const char name[] = "sealdesk-paginate";
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - sizeof name);
    if (n <= 0)
        return SD_ERR_IO;
    program[n] = 0;
    char *slash = strrchr(program, '/');
    memcpy(slash ? slash + 1 : program, name, sizeof name);
    if (access(program, X_OK) == 0)
        return SD_OK;
    log_error("render.setup", "sealdesk-paginate is missing. The installation is incomplete.");
    return SD_ERR_CONFIG;
}

static uint32_t setting(const struct config *config, const char *key, uint32_t max) {
    int64_t value = config_int(config, key);
    if (value < 1 || value > max)
        log_warn("render.setup", "key=%s value=%lld taken as the nearest that is possible max=%u", key, (long long)value, max);
    return value < 1 ? 1 : value > max ? max : (uint32_t)value;
}

static enum sd_err prepare(struct role_ctx *ctx) {
    const struct config *config = role_config(ctx);
    renderer.pages_max = setting(config, "preview.max_pages", STREAM_PAGES_MAX);
    renderer.side_max = setting(config, "preview.pixels", STREAM_SIDE_MAX);
    renderer.seconds = setting(config, "preview.seconds", 3600);
    renderer_look(&renderer);
    enum sd_err err = find_program();
    if (err)
        return err;
    launch_spec = (struct launch_spec){.box = {.program = program, .address_space_bytes = RENDER_ADDRESS_SPACE_BYTES},
                                       .uid = role_uid(ctx),
                                       .gid = role_gid(ctx)};
    return launcher_start(&launch_spec, &renderer.launcher);
}

static enum sd_err on_peer(SD_UNUSED struct role_ctx *ctx, uint32_t peer, uint16_t instance, int fd) {
    return peers_add(&peers, peer, instance, fd);
}

static enum sd_err start(SD_UNUSED struct role_ctx *ctx) {
    renderer_try(&renderer);
    return peers_start(&peers);
}

/* Nobody waits for previews: without them, Sealdesk is ready, and says what is missing. */
static void ping(SD_UNUSED struct role_ctx *ctx, struct role_health *health) {
    if (!renderer.sandbox)
        buf_text(&health->reason, renderer.bubblewrap ? "bubblewrap cannot make a sandbox: no previews"
                                                      : "bubblewrap is not installed: no previews");
}

int main(int argc, char **argv) {
    static const struct role role = {.name = "render", .prepare = prepare, .on_peer = on_peer, .start = start, .ping = ping};
    return role_main(&role, argc, argv);
}
