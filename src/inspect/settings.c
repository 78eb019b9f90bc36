/* What the section scan says, and the processes aside that it takes. */
#include "inspect/inspect.h"

#include "core/connector.h"
#include "core/log.h"
#include "inspect/clamd.h"

#include <jansson.h>

static enum sd_err wrong(const char *key) {
    log_error("inspect.settings", "key=%s error=cannot-be-used", key);
    return SD_ERR_CONFIG;
}

static enum sd_err read_word(const struct config *config, const char *key, const char *no, const char *yes, bool *ret) {
    struct span word = span_cstr(config_text(config, key));
    *ret = span_eq(word, span_cstr(yes));
    return *ret || span_eq(word, span_cstr(no)) ? SD_OK : wrong(key);
}

static enum sd_err read_settings(const struct config *config, struct scan_settings *ret) {
    struct scan_settings s = {.timeout_ms = config_int(config, "scan.timeout_seconds") * 1000};
    enum sd_err err = read_word(config, "scan.when_down", "accept", "tempfail", &s.tempfail_when_down);
    err = err ? err : read_word(config, "scan.malicious", "quarantine", "reject", &s.reject_malicious);
    if (err == SD_OK)
        *ret = s;
    return err;
}

/* ---- who is connected to ---- */

/* A place in the connector only for those that are set. */
struct places {
    struct connector_spec spec;
    size_t clamd, rspamd, controller;
};

static enum sd_err add_place(const struct config *config, const char *key, struct places *places, size_t *ret_place) {
    struct endpoint endpoint;
    if (endpoint_parse(span_cstr(config_text(config, key)), &endpoint) != SD_OK)
        return wrong(key);
    *ret_place = endpoint.kind == ENDPOINT_NONE ? CONNECTOR_ENDPOINTS_MAX : places->spec.count;
    if (endpoint.kind == ENDPOINT_UNIX || endpoint.kind == ENDPOINT_TCP)
        places->spec.endpoints[places->spec.count++] = endpoint;
    return endpoint.kind == ENDPOINT_TLS ? wrong(key) : SD_OK;
}

static enum sd_err connect_places(struct inspector *in, struct places *places) {
    enum sd_err err = add_place(in->config, "scan.clamd", places, &places->clamd);
    err = err ? err : add_place(in->config, "scan.rspamd", places, &places->rspamd);
    err = err ? err : add_place(in->config, "scan.rspamd_controller", places, &places->controller);
    if (err || places->spec.count == 0)
        return err;
    err = connector_start(&places->spec, &in->connector);
    return err == SD_ERR_CONFIG ? wrong("scan.clamd, scan.rspamd") : err;
}

/* ---- the virus scanner ---- */

/* Without it only the scanner's version tells when there is something new. */
static enum sd_err watch_signatures(struct inspector *in, uint32_t uid, uint32_t gid) {
    const char *folder = config_text(in->config, "scan.signatures");
    enum sd_err err = *folder ? signatures_start(folder, uid, gid, &in->health.signatures) : SD_OK;
    if (err == SD_ERR_NOTFOUND || err == SD_ERR_DENIED) {
        log_warn("inspect.signatures", "key=scan.signatures error=%s", sd_err_name(err));
        err = SD_OK;
    }
    return err;
}

static enum sd_err use_clamd(struct inspector *in, const struct places *places) {
    struct clamd *clamd = NULL;
    int64_t connections = config_int(in->config, "scan.connections");
    if (places->clamd == CONNECTOR_ENDPOINTS_MAX)
        return SD_OK;
    if (connections < 1 || connections > CLAMD_CONNECTIONS_MAX)
        return wrong("scan.connections");
    enum sd_err err = clamd_new(in->connector, places->clamd, (size_t)connections, &clamd);
    if (err == SD_OK)
        in->health.scanner = clamd_scanner(clamd);
    return err;
}

/* ---- the spam filter ---- */

#define PASSWORD_BYTES 1024

/* Without it nothing is learned, which is then said; mail is judged all the same. */
static enum sd_err read_password(const struct config *config, struct secret *ret) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(PASSWORD_BYTES);
    const char *path = config_text(config, "scan.rspamd_password_file");
    if (!*path)
        return SD_OK;
    if (file_read(path, &text) != SD_OK) {
        (void)wrong("scan.rspamd_password_file");
        return SD_OK;
    }
    return secret_copy(span_trim(buf_span(&text)), ret);
}

static enum sd_err use_rspamd(struct inspector *in, const struct places *places) {
    json_object_seed(0); /* from a file: not when confined */
    in->rspamd.connector = in->connector;
    in->rspamd.check = places->rspamd;
    in->rspamd.learn = places->controller;
    return read_password(in->config, &in->rspamd.password);
}

/* ---- files ---- */

static enum sd_err spawn_files(struct inspector *in, uint32_t uid, uint32_t gid, const struct spawner_spec *files) {
    const struct config *config = in->config;
    struct spawner_spec spec = *files;
    spec.uid = uid;
    spec.gid = gid;
    spec.file_ms = config_int(config, "scan.file_seconds") * 1000;
    spec.budget = (struct files_budget){.entries_left = (uint32_t)config_int(config, "scan.entries"),
                                        .depth = (uint32_t)config_int(config, "scan.depth"),
                                        .bytes_left = (uint64_t)config_int(config, "scan.unpacked_bytes"),
                                        .ratio = (uint32_t)config_int(config, "scan.ratio")};
    return spawner_start(&spec, &in->files);
}

enum sd_err scan_prepare(struct inspector *in, uint32_t uid, uint32_t gid, const struct spawner_spec *files) {
    struct places places = {.spec = {.uid = uid, .gid = gid}};
    enum sd_err err = read_settings(in->config, &in->scan);
    health_init(&in->health);
    in->health.ask_ms = config_int(in->config, "scan.ask_seconds") * 1000;
    in->health.settle_ms = config_int(in->config, "scan.settle_seconds") * 1000;
    err = err ? err : spawn_files(in, uid, gid, files);
    err = err ? err : connect_places(in, &places);
    err = err ? err : use_clamd(in, &places);
    err = err ? err : use_rspamd(in, &places);
    if (err == SD_OK && in->health.scanner.ops)
        err = watch_signatures(in, uid, gid);
    return err;
}

void scan_end(struct inspector *in) {
    struct clamd *clamd = in->health.scanner.self;
    clamd_free(&clamd);
    in->health.scanner = (struct scanner){0};
    signatures_free(&in->health.signatures);
    spawner_free(&in->files);
    connector_free(&in->connector);
    secret_free(&in->rspamd.password);
}

bool scan_crippled(const struct inspector *in) {
    return spawner_gone(in->files) || (in->connector && connector_gone(in->connector)) ||
           (in->health.signatures && signatures_gone(in->health.signatures));
}
