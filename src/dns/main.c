/*
 * sealdesk-dns - ASKS: the only process that talks to name servers, with one cache and one DNSSEC validator (libunbound).
 *
 * Confinement: no files; IPv4 and IPv6 sockets. Trust anchor and local data are read before. If it is taken over it can lie
 * about the DNS; it never sees a letter.
 *
 * Validation: from the root down with dns.trust_anchor. With a forwarder on loopback, which counts as this host, or local data,
 * nothing is validated and nothing is called secure.
 */
#include "core/log.h"
#include "core/role.h"
#include "dns/service.h"
#include "dns/zone.h"

#define ANCHOR_BYTES_MAX (64 * 1024) /* the root has two or three keys */

static struct service *service;

static bool on_loopback(const char *forwarders) {
    struct span_split split = span_split_start(span_cstr(forwarders));
    struct span part;
    while (span_split_next(&split, ',', &part)) {
        struct span address = span_trim(part);
        if (address.n && !span_starts(address, SPAN("127.")) && !span_eq(address, SPAN("::1")) &&
            !span_starts(address, SPAN("::1@")))
            return false;
    }
    return true;
}

/* A missing anchor is a configuration (config.def): then nothing is secure. */
static void read_anchor(const char *path, struct buf *to) {
    enum sd_err err = *path ? file_read(path, to) : SD_ERR_NOTFOUND;
    if (err) {
        buf_reset(to);
        log_warn("dns.validation", "off: dns.trust_anchor cannot be read error=%s", sd_err_name(err));
    }
}

static enum sd_err read_local(const char *path, struct local **ret) {
    struct buf zone SD_CLEANUP(buf_free) = buf_new(ZONE_BYTES_MAX);
    size_t line = 0;
    enum sd_err err = file_read(path, &zone);
    if (err)
        log_error("dns.setup", "dns.local_data cannot be read error=%s", sd_err_name(err));
    else if ((err = local_new(buf_span(&zone), ret, &line)))
        log_error("dns.setup", "key=dns.local_data line=%zu error=%s", line, sd_err_name(err));
    return err == SD_ERR_NOMEM ? err : err ? SD_ERR_CONFIG : SD_OK;
}

static enum sd_err make_resolver(const struct config *config, struct resolver **ret) {
    struct buf anchor SD_CLEANUP(buf_free) = buf_new(ANCHOR_BYTES_MAX);
    struct resolver_settings settings = {.forwarders = config_text(config, "dns.resolver")};
    if (!(*settings.forwarders && on_loopback(settings.forwarders)))
        read_anchor(config_text(config, "dns.trust_anchor"), &anchor);
    settings.anchor = buf_span(&anchor);
    return resolver_new(&settings, ret);
}

static enum sd_err prepare(struct role_ctx *ctx) {
    const struct config *config = role_config(ctx);
    const char *local_data = config_text(config, "dns.local_data");
    struct resolver *resolver = NULL;
    struct local *local = NULL;
    enum sd_err err = *local_data ? read_local(local_data, &local) : make_resolver(config, &resolver);
    if (err == SD_OK)
        err = service_new(resolver, local, &service);
    if (err) {
        resolver_free(&resolver);
        local_free(&local);
    }
    return err;
}

static enum sd_err on_peer(SD_UNUSED struct role_ctx *ctx, uint32_t peer, uint16_t instance, int fd) {
    return service_add_peer(service, peer, instance, fd);
}

static enum sd_err start(SD_UNUSED struct role_ctx *ctx) {
    unsigned long thread;
    return role_thread("dns", service_run, service, &thread);
}

int main(int argc, char **argv) {
    static const struct role role = {
        .name = "dns", .calls = CALLS_INET, .prepare = prepare, .on_peer = on_peer, .start = start};
    return role_main(&role, argc, argv);
}
