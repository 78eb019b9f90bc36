/*
 * sealdesk-clerk - files: takes what the edge wrote to the intake, has the keeper adopt it, and puts it into the store, exactly
 * once. Beside it, in threads of their own: stored letters are looked into again (rescan.h), pictures of attachments are made
 * (preview.h), the spam filter learns (learn.h). It can misfile and withhold; it cannot sign a
 * letter, change the log, or open more than warrants say. And shows the log's checkpoints to witnesses outside (witness.h), for
 * which alone it may be given a network.
 *
 * Woken by the bells "intake" and "preview", and every second in any case. Limits: 64 records or 8 MiB at once (batch.h).
 */
#include "clerk/learn.h"
#include "clerk/preview.h"
#include "clerk/rescan.h"
#include "clerk/witness.h"
#include "clerk/work.h"
#include "clerk/worker.h"
#include "core/role.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 1000
#define AFTER_FAILURE_MS 250
#define UNREADY_AFTER_MS 5000
#define PATH_BYTES 4096
#define INSPECTOR "inspect0"  /* any one would do */
#define RENDER_SLACK_MS 30000 /* beside preview.seconds: for coming and going */

static struct {
    struct work *work;
    struct worker filing;
    struct rescan *rescan;
    struct previewer *previewer;
    struct learner *learner; /* NULL: nothing is learned */
    struct witness *witness; /* NULL: none is configured */
    int preview_bell;        /* came before the start; else -1 */
    char intake_dir[PATH_BYTES], store_dir[PATH_BYTES];
} clerk = {.preview_bell = -1};

static int64_t file_step(SD_UNUSED void *arg) {
    bool more = false;
    enum sd_err err = work_step(clerk.work, &more);
    if (worker_stops(&clerk.filing))
        return 0;
    work_report(clerk.work);
    if (err)
        return -AFTER_FAILURE_MS;
    return more ? 0 : WAIT_MS;
}

static enum sd_err clerk_on_bell(SD_UNUSED struct role_ctx *ctx, const char *name, int fd) {
    if (strcmp(name, "intake") == 0)
        worker_bell(&clerk.filing, fd);
    else if (strcmp(name, "preview") == 0 && clerk.previewer)
        previewer_bell(clerk.previewer, fd);
    else if (strcmp(name, "preview") == 0 && clerk.preview_bell < 0)
        clerk.preview_bell = fd;
    else
        (void)close(fd);
    return SD_OK;
}

/* ---- beginning ---- */

static enum sd_err new_previewer(struct role_ctx *ctx) {
    int64_t seconds = config_int(role_config(ctx), "preview.seconds");
    struct previewer_spec spec = {.store_dir = clerk.store_dir,
                                  .keeper = role_client(ctx, "keeper"),
                                  .render = role_client(ctx, "render"),
                                  .wait_ms = PREVIEW_WAIT_MS,
                                  .render_ms = seconds * 1000 + RENDER_SLACK_MS,
                                  .give_up_ms = PREVIEW_GIVE_UP_MS,
                                  .keep_again_ms = PREVIEW_KEEP_AGAIN_MS};
    enum sd_err err = previewer_new(&spec, &clerk.previewer);
    if (err == SD_OK && clerk.preview_bell >= 0)
        previewer_bell(clerk.previewer, clerk.preview_bell);
    return err;
}

static enum sd_err new_rescan(struct role_ctx *ctx) {
    int64_t ask_ms = config_int(role_config(ctx), "scan.ask_seconds") * 1000;
    struct rescan_spec spec = {.store_dir = clerk.store_dir,
                               .keeper = role_client(ctx, "keeper"),
                               .inspect = role_client(ctx, INSPECTOR),
                               .wait_ms = ask_ms < RESCAN_WAIT_MS ? ask_ms : RESCAN_WAIT_MS};
    return rescan_new(&spec, &clerk.rescan);
}

static enum sd_err new_learner(struct role_ctx *ctx) {
    struct learner_spec spec = {.store_dir = clerk.store_dir,
                                .keeper = role_client(ctx, "keeper"),
                                .inspect = role_client(ctx, INSPECTOR),
                                .wait_ms = LEARN_WAIT_MS};
    return *config_text(role_config(ctx), "scan.rspamd_controller") ? learner_new(&spec, &clerk.learner) : SD_OK;
}

static enum sd_err find_folders(struct role_ctx *ctx) {
    const char *dir = role_data_dir(ctx);
    int n = snprintf(clerk.intake_dir, PATH_BYTES, "%s/intake", dir);
    int m = snprintf(clerk.store_dir, PATH_BYTES, "%s/store", dir);
    return n < 0 || m < 0 || n >= PATH_BYTES || m >= PATH_BYTES ? SD_ERR_LIMIT : SD_OK;
}

static enum sd_err start_threads(struct role_ctx *ctx) {
    enum sd_err err = clerk.witness ? witness_start(clerk.witness, role_client(ctx, "keeper")) : SD_OK;
    if (err == SD_OK)
        err = worker_start(&clerk.filing);
    if (err == SD_OK)
        err = rescan_start(clerk.rescan);
    if (err == SD_OK)
        err = previewer_start(clerk.previewer);
    if (err == SD_OK && clerk.learner)
        err = learner_start(clerk.learner);
    return err;
}

static enum sd_err clerk_start(struct role_ctx *ctx) {
    enum sd_err err = find_folders(ctx);
    if (err == SD_OK)
        err = work_new(clerk.intake_dir, clerk.store_dir, role_client(ctx, "keeper"), &clerk.work);
    if (err == SD_OK)
        err = new_rescan(ctx);
    if (err == SD_OK)
        err = new_previewer(ctx);
    if (err == SD_OK)
        err = new_learner(ctx);
    return err ? err : start_threads(ctx);
}

/* Clients are made now, attached when their links come. */
static enum sd_err clerk_prepare(struct role_ctx *ctx) {
    (void)role_client(ctx, "keeper");
    (void)role_client(ctx, INSPECTOR);
    (void)role_client(ctx, "render");
    worker_init(&clerk.filing, &(struct worker_spec){.name = "clerk", .step = file_step});
    return witness_new(ctx, &clerk.witness);
}

static enum sd_err clerk_on_file(SD_UNUSED struct role_ctx *ctx, const char *name, int fd) {
    return witness_take_file(clerk.witness, name, fd);
}

/* ---- running and ending ---- */

static void add_reason(struct buf *reason, const char *sentence) {
    if (!sentence)
        return;
    if (reason->n)
        buf_byte(reason, ' ');
    buf_text(reason, sentence);
}

static void clerk_ping(SD_UNUSED struct role_ctx *ctx, struct role_health *health) {
    struct work_health now = work_health(clerk.work);
    health->waiting = now.waiting;
    if (now.problem && now.problem_ms > UNREADY_AFTER_MS) {
        health->ready = false;
        buf_text(&health->reason, now.problem);
    }
    witness_health(clerk.witness, &health->reason, &health->wanted);
    add_reason(&health->reason, rescan_problem(clerk.rescan));
    add_reason(&health->reason, learner_problem(clerk.learner));
}

/* What waits for an answer of inspector or renderer may take minutes: their ends are taken away. */
static void clerk_stop(struct role_ctx *ctx) {
    worker_tell_stop(&clerk.filing);
    rescan_tell_stop(clerk.rescan);
    previewer_tell_stop(clerk.previewer);
    learner_tell_stop(clerk.learner);
    ipc_client_attach(role_client(ctx, INSPECTOR), -1);
    ipc_client_attach(role_client(ctx, "render"), -1);
    worker_join(&clerk.filing);
    rescan_free(&clerk.rescan);
    previewer_free(&clerk.previewer);
    learner_free(&clerk.learner);
    witness_stop(&clerk.witness);
    work_free(&clerk.work);
}

static const struct role role = {
    .name = "clerk",
    .calls = CALLS_FILES,
    .paths = {{"intake", FILES_READ | FILES_REMOVE}, {"store", FILES_READ | FILES_WRITE | FILES_MAKE | FILES_REMOVE}},
    .prepare = clerk_prepare,
    .on_bell = clerk_on_bell,
    .on_file = clerk_on_file,
    .more_calls = witness_calls,
    .start = clerk_start,
    .ping = clerk_ping,
    .stop = clerk_stop,
};

int main(int argc, char **argv) {
    return role_main(&role, argc, argv);
}
