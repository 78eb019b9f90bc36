/*
 * sealdesk-courier - SENDS: takes the outbound table's messages to the servers of their recipients, under the keeper's
 * warrants, and seals what the servers answered.
 *
 * Confinement: the store's files; IPv4 and IPv6 sockets (unix ones when courier.relay is one). If it is taken over it can drop
 * or publish messages under live warrants; it can read no other.
 *
 * It never sends anything that has no warrant, never to anybody who is not in it, and makes no message itself: no bounces, no
 * automatic answers (RFC 3834). What fails is shown on the ticket.
 */
#include "auth/dns_ipc.h"
#include "core/log.h"
#include "core/role.h"
#include "courier/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CA_BYTES_MAX ((size_t)4 * 1024 * 1024) /* Debian's bundle has 220 KiB */
#define STOP_MS 10000
#define PLACE_MS 10000 /* some messages' time over a kept connection */

static struct courier courier;
static struct queue *queue;
static struct role role; /* its calls depend on courier.relay */

/* Without anchors no certificate is valid; receipts then say so, and mail is delivered all the same (RFC 7435). */
static enum sd_err make_tls(const char *path) {
    struct buf ca SD_CLEANUP(buf_free) = buf_new(CA_BYTES_MAX);
    enum sd_err err = *path ? file_read(path, &ca) : SD_OK;
    if (err) {
        log_warn("courier.setup", "courier.tls_ca cannot be read error=%s", sd_err_name(err));
        buf_reset(&ca);
    }
    err = tls_client_context(buf_span(&ca), &courier.delivery.smtp.tls);
    if (err)
        log_error("courier.setup", "courier.tls_ca error=%s", sd_err_name(err));
    return err;
}

static enum sd_err read_settings(const struct config *config) {
    struct delivery_settings *d = &courier.delivery;
    int64_t port = config_int(config, "courier.port");
    int64_t sessions = config_int(config, "courier.sessions_per_destination");
    d->smtp.hostname = span_cstr(config_text(config, "main.hostname"));
    d->smtp.times = &smtp_times_default;
    enum sd_err err = relay_parse(span_cstr(config_text(config, "courier.relay")), &d->relay);
    if (err == SD_OK)
        err = schedule_parse(span_cstr(config_text(config, "courier.retry_seconds")),
                             config_int(config, "courier.give_up_hours"), &courier.schedule);
    if (err == SD_OK && (port < 1 || port > 65535 || sessions < 1 || sessions > POOL_TAKEN_MAX || d->smtp.hostname.n > 255))
        err = SD_ERR_CONFIG;
    if (err) {
        log_error("courier.setup", "settings of the courier section error=%s", sd_err_name(err));
        return err;
    }
    d->port = (uint16_t)port;
    d->place_ms = PLACE_MS;
    return pool_new((unsigned)sessions, &d->pool);
}

static enum sd_err prepare(struct role_ctx *ctx) {
    enum sd_err err = read_settings(role_config(ctx));
    if (err == SD_OK)
        err = make_tls(config_text(role_config(ctx), "courier.tls_ca"));
    if (err == SD_OK)
        err = queue_new(&courier, &queue);
    if (courier.delivery.relay.is_unix)
        role.calls |= CALLS_UNIX;
    courier.keeper = role_client(ctx, "keeper");
    courier.delivery.dns = dns_over_ipc(role_client(ctx, "dns"));
    (void)pthread_mutex_init(&courier.store_lock, NULL);
    return err;
}

static enum sd_err on_bell(SD_UNUSED struct role_ctx *ctx, SD_UNUSED const char *name, int fd) {
    queue_bell(queue, fd);
    return SD_OK;
}

/* With its root changed to the data directory, only sockets below that can be reached. */
static enum sd_err move_relay(struct role_ctx *ctx) {
    struct relay *relay = &courier.delivery.relay;
    const char *dir = config_text(role_config(ctx), "main.data_dir");
    size_t n = strlen(dir);
    if (!relay->is_unix || *role_data_dir(ctx))
        return SD_OK;
    if (strncmp(relay->host, dir, n) != 0 || relay->host[n] != '/') {
        log_error("courier.setup", "courier.relay: started as root, its socket must be in the data directory");
        return SD_ERR_CONFIG;
    }
    memmove(relay->host, relay->host + n, strlen(relay->host + n) + 1);
    return SD_OK;
}

static enum sd_err start(struct role_ctx *ctx) {
    char dir[4096];
    if (snprintf(dir, sizeof dir, "%s/store", role_data_dir(ctx)) >= (int)sizeof dir)
        return SD_ERR_LIMIT;
    enum sd_err err = move_relay(ctx);
    if (err == SD_OK)
        err = store_open(dir, &courier.store);
    return err ? err : queue_start(queue);
}

static void ping(SD_UNUSED struct role_ctx *ctx, struct role_health *health) {
    struct queue_state state = queue_state(queue);
    health->waiting = state.waiting;
    if (!state.store_ok) {
        health->ready = false;
        buf_text(&health->reason, "the store cannot be read");
    }
}

static void stop(SD_UNUSED struct role_ctx *ctx) {
    if (queue_stop(queue, deadline_in_ms(STOP_MS)) != SD_OK)
        log_warn("courier.stop", "deliveries were cut off; they are tried again");
}

static struct role role = {
    .name = "courier",
    .calls = CALLS_INET | CALLS_FILES,
    .paths = {{"store", FILES_READ | FILES_WRITE | FILES_MAKE | FILES_REMOVE}},
    .prepare = prepare,
    .on_bell = on_bell,
    .start = start,
    .ping = ping,
    .stop = stop,
};

int main(int argc, char **argv) {
    return role_main(&role, argc, argv);
}
