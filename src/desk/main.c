/*
 * sealdesk-desk - serves the JSON API and the agents' page. It has the sockets it is given, the store (sealed), its TLS key,
 * and the keys of what is being read at this moment; what it may open or send is decided by the keeper, for each signed-in
 * person.
 *
 * Limits are in server.h (connections, headers, time), route.c (bodies) and desk.h (large answers).
 */
#include "core/log.h"
#include "core/role.h"
#include "desk/server.h"

#include <stdlib.h>
#include <unistd.h>

#define STOP_MS 5000
#define CERTIFICATE_MAX ((size_t)256 * 1024)

static struct desk desk;
static struct server *server;
static struct secret tls_key;             /* with a final NUL, for the TLS library */
static struct buf tls_certificate;        /* likewise */
static int waiting[SERVER_LISTENERS_MAX]; /* listeners that came before confinement */
static size_t waiting_count;
static bool running;

static enum sd_err read_tls(const struct config *config) {
    const char *certificate = config_text(config, "desk.tls_cert"), *key = config_text(config, "desk.tls_key");
    struct buf pem SD_CLEANUP(buf_free) = buf_new(CERTIFICATE_MAX); /* a secret takes SECRET_MAX_BYTES of it */
    if (!*certificate && !*key)
        return SD_OK;
    tls_certificate = buf_new(CERTIFICATE_MAX);
    enum sd_err err = *certificate && *key ? file_read(certificate, &tls_certificate) : SD_ERR_CONFIG;
    if (err == SD_OK)
        err = file_read(key, &pem);
    buf_byte(&tls_certificate, 0);
    buf_byte(&pem, 0);
    if (err == SD_OK)
        err = buf_err(&tls_certificate);
    if (err == SD_OK)
        err = buf_err(&pem);
    if (err == SD_OK)
        err = secret_copy(buf_span(&pem), &tls_key);
    desk.tls = err == SD_OK;
    if (err)
        log_error("desk.tls", "error=%s", sd_err_name(err));
    return err;
}

static enum sd_err prepare(struct role_ctx *ctx) {
    desk_init(&desk);
    desk.hostname = config_text(role_config(ctx), "main.hostname");
    desk.keeper = role_client(ctx, "keeper");
    desk.review_at = (uint32_t)config_int(role_config(ctx), "trust.review_at");
    struct span wrong;
    if (policy_weights(span_cstr(config_text(role_config(ctx), "trust.weights")), desk.weights, &wrong) != SD_OK)
        return SD_ERR_CONFIG;
    return read_tls(role_config(ctx));
}

static enum sd_err on_listen(SD_UNUSED struct role_ctx *ctx, SD_UNUSED const char *name, int fd) {
    if (running)
        return server_listen(server, fd);
    if (waiting_count == SERVER_LISTENERS_MAX) {
        (void)close(fd);
        return SD_ERR_LIMIT;
    }
    waiting[waiting_count++] = fd;
    return SD_OK;
}

static enum sd_err on_bell(SD_UNUSED struct role_ctx *ctx, const char *name, int fd) {
    int *bell = strcmp(name, "preview") == 0 ? &desk.preview_bell : &desk.outbound_bell;
    int old = *bell;
    *bell = fd;
    if (old >= 0)
        (void)close(old);
    return SD_OK;
}

static enum sd_err start(struct role_ctx *ctx) {
    struct buf path SD_CLEANUP(buf_free) = buf_new(4096);
    buf_printf(&path, "%s/store", role_data_dir(ctx));
    buf_byte(&path, 0);
    enum sd_err err = buf_err(&path);
    if (err == SD_OK)
        err = stores_new((const char *)path.p, &desk.stores);
    if (err == SD_OK)
        err = server_new(&desk, (const char *)tls_key.p, (const char *)tls_certificate.p, &server);
    for (size_t i = 0; i < waiting_count && err == SD_OK; i++)
        err = server_listen(server, waiting[i]);
    running = err == SD_OK;
    return err;
}

static void ping(SD_UNUSED struct role_ctx *ctx, struct role_health *health) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    if (ipc_client_broken(desk.keeper)) {
        health->ready = false;
        buf_text(&health->reason, "the keeper is away");
    } else if (lease_take(desk.stores, deadline_in_ms(500), &lease) != SD_OK) {
        health->ready = false;
        buf_text(&health->reason, "the store cannot be opened");
    }
}

static void stop(SD_UNUSED struct role_ctx *ctx) {
    server_stop(server, deadline_in_ms(STOP_MS));
}

static const struct role role = {
    .name = "desk",
    .calls = CALLS_ACCEPT | CALLS_FILES,
    .paths = {{"store", FILES_READ | FILES_WRITE | FILES_MAKE | FILES_REMOVE}},
    .prepare = prepare,
    .on_listen = on_listen,
    .on_bell = on_bell,
    .start = start,
    .ping = ping,
    .stop = stop,
};

int main(int argc, char **argv) {
    return role_main(&role, argc, argv);
}
