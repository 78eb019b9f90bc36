/*
 * sealdesk-edge - receives mail: SMTP on the sockets it is given, TLS, limits; asks an inspector about each letter, seals it to
 * the keeper's intake key, appends it to the intake, answers. It can seal and cannot open; it cannot read what it wrote.
 *
 * Calls keeper and inspect0 … inspectN; listens on "smtp"; rings the bell "intake".
 */
#include "edge/edge.h"

#include "core/log.h"
#include "core/role.h"
#include "edge/server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STOP_MS 9500 /* of the ten seconds the supervisor gives */
#define PEM_MAX ((size_t)256 * 1024)

static struct edge edge;
static struct server *server;

/* ---- before confinement ---- */

static enum sd_err read_pem(const char *path, const char *what, struct buf *to) {
    enum sd_err err = file_read(path, to);
    if (err)
        log_error("edge.tls", "cannot read %s: %s", what, sd_err_text(err));
    return err;
}

static enum sd_err prepare_tls(const struct config *config) {
    const char *cert = config_text(config, "smtp.tls_cert");
    const char *key = config_text(config, "smtp.tls_key");
    if (!*cert)
        return SD_OK;
    struct buf cert_pem SD_CLEANUP(buf_free) = buf_new(PEM_MAX);
    struct buf key_pem SD_CLEANUP(buf_free) = buf_new(PEM_MAX);
    enum sd_err err = read_pem(cert, "smtp.tls_cert", &cert_pem);
    if (err == SD_OK)
        err = read_pem(key, "smtp.tls_key", &key_pem);
    if (err == SD_OK)
        err = tls_server_context(buf_span(&cert_pem), buf_span(&key_pem), &edge.tls);
    if (err)
        log_error("edge.tls", "smtp.tls_cert and smtp.tls_key cannot be used: %s", sd_err_text(err));
    return err;
}

static enum sd_err prepare_clients(struct role_ctx *ctx) {
    struct ipc_client *clients[JUDGE_WORKERS_MAX];
    int64_t workers = config_int(role_config(ctx), "inspect.workers");
    size_t count = workers < 1 ? 1 : workers > JUDGE_WORKERS_MAX ? JUDGE_WORKERS_MAX : (size_t)workers;
    char name[16];
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "inspect%zu", i);
        clients[i] = role_client(ctx, name);
    }
    edge.judge = judge_new(clients, count);
    edge.keys = key_cache_new(role_client(ctx, "keeper"));
    return edge.judge && edge.keys ? SD_OK : SD_ERR_NOMEM;
}

/* The folder stays open: its entries must be synced, and a confined edge may not open it for reading any more. */
static enum sd_err prepare_intake(struct role_ctx *ctx) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/intake", role_data_dir(ctx)) >= (int)sizeof path)
        return SD_ERR_CONFIG;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        log_error("edge.intake", "cannot open the intake folder");
        return SD_ERR_CONFIG;
    }
    return intake_new(fd, &edge.intake);
}

static enum sd_err prepare(struct role_ctx *ctx) {
    const struct config *config = role_config(ctx);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file size limit is a full disk, not our end */
    edge.hostname = span_cstr(config_text(config, "main.hostname"));
    limits_configure(&edge.limits, config);
    edge.budget.max = (uint64_t)edge.limits.value[EDGE_DATA_TOTAL];
    edge.door = door_new((size_t)edge.limits.value[EDGE_CONNECTIONS], (size_t)edge.limits.value[EDGE_ADDRESS]);
    roster_init(&edge.roster);
    pthread_mutex_init(&edge.large, NULL);
    server = server_new(&edge);
    if (!edge.door || !server)
        return SD_ERR_NOMEM;
    enum sd_err err = queues_configure(&edge.queues, config);
    if (err == SD_OK)
        err = prepare_tls(config);
    if (err == SD_OK)
        err = prepare_clients(ctx);
    return err ? err : prepare_intake(ctx);
}

/* ---- links, start, stop ---- */

static enum sd_err on_listen(struct role_ctx *ctx, const char *name, int fd) {
    (void)ctx, (void)name;
    return server_listen(server, fd);
}

static enum sd_err on_bell(struct role_ctx *ctx, const char *name, int fd) {
    (void)ctx, (void)name;
    intake_set_bell(edge.intake, fd);
    return SD_OK;
}

static enum sd_err start(struct role_ctx *ctx) {
    (void)ctx;
    enum sd_err err = intake_start(edge.intake);
    if (err == SD_OK)
        err = key_cache_start(edge.keys);
    return err ? err : server_start(server);
}

static void ping(struct role_ctx *ctx, struct role_health *health) {
    (void)ctx;
    enum sd_err intake = intake_health(edge.intake);
    if (!key_cache_has(edge.keys)) {
        health->ready = false;
        buf_text(&health->reason, "edge has no intake key yet");
    } else if (intake) {
        health->ready = false;
        buf_printf(&health->reason, "intake: %s", sd_err_text(intake));
    }
}

static void stop(struct role_ctx *ctx) {
    (void)ctx;
    if (server_stop(server, deadline_in_ms(STOP_MS)))
        log_warn("edge.stop", "messages in progress were cut off after %d ms", STOP_MS);
}

int main(int argc, char **argv) {
    static const struct role role = {
        .name = "edge",
        .calls = CALLS_ACCEPT | CALLS_FILES,
        .paths = {{"intake", FILES_WRITE | FILES_MAKE}},
        .prepare = prepare,
        .on_listen = on_listen,
        .on_bell = on_bell,
        .start = start,
        .ping = ping,
        .stop = stop,
    };
    return role_main(&role, argc, argv);
}
