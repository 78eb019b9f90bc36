/*
 * sealdesk-keeper - opens and signs; holds people, rights, keys and the audit log.
 *
 *   sealdesk-keeper                              started by `sealdesk run`: control channel on descriptor 3
 *   sealdesk-keeper init KEEPER_DIR DOMAIN[,…]   makes the keys and the database of a new installation, once; prints the public
 * keys
 */
#include "core/ipc/inspect.h"
#include "core/log.h"
#include "core/role.h"
#include "keeper/loop.h"
#include "keeper/retention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXAMINE_MS 20000
#define QUEUES_MAX 256

static struct {
    struct loop *loop;
    struct keeper *k;
    struct ipc_client *inspect;
    struct buf dir;
    struct config const *config;
    struct secret credential;
} self;

/* ---- init ---- */

static enum sd_err print_public(const struct keeper_spec *spec) {
    struct keeper *k = NULL;
    struct buf json SD_CLEANUP(buf_free) = buf_new(60000);
    enum sd_err err = keeper_open(spec, &k);
    if (err == SD_OK && !keeper_is_open(k)) {
        keeper_close(&k);
        err = SD_ERR_LOCKED;
    }
    if (err)
        return err;
    err = keeper_public_json(k, &json);
    audit_stop(k->audit);
    while (audit_turn(k->audit, deadline_in_ms(0)))
        ; /* the log's first record and checkpoint */
    keeper_close(&k);
    if (err == SD_OK && (fwrite(json.p, 1, json.n, stdout) != json.n || putchar('\n') == EOF || fflush(stdout) != 0))
        err = SD_ERR_IO;
    return err;
}

static int init_main(const char *dir, const char *list) {
    struct span domains[DOMAINS_MAX];
    struct keeper_spec spec = {.dir = dir, .now_ms = clock_unix_ms, .cost = PASSWORD_COST};
    size_t count = span_list(span_cstr(list), domains, SD_COUNT(domains));
    enum sd_err err = count ? keeper_create(&spec, domains, count) : SD_ERR_CONFIG;
    if (err == SD_OK)
        err = print_public(&spec);
    if (err == SD_ERR_EXISTS)
        (void)fprintf(stderr, "sealdesk-keeper: there is a keeper in %s already; nothing was changed\n", dir);
    else if (err)
        (void)fprintf(stderr, "sealdesk-keeper: init: %s\n", sd_err_text(err));
    return err ? 1 : 0;
}

/* ---- role ---- */

static enum sd_err copy_examined(const struct inspect_examine_rep *rep, struct examined *ret) {
    struct ipc_list_iter iter = ipc_list_start(rep->recipients);
    struct span recipient;
    buf_put(&ret->from, rep->from_address);
    while (ipc_list_next(&iter, &recipient))
        buf_blob(&ret->recipients, recipient);
    ret->recipient_count = rep->recipients.count;
    memcpy(ret->message_id_hash.b, rep->message_id_hash.p, SHA256_BYTES);
    ret->ambiguities = rep->ambiguities;
    ret->hidden_recipients = rep->hidden_recipients;
    return buf_err(&ret->from) ? buf_err(&ret->from) : buf_err(&ret->recipients);
}

static enum sd_err examine(void *arg, struct span message, struct examined *ret) {
    struct ipc_client *client = arg;
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_examine_rep rep;
    struct inspect_examine_req req = {.message = message};
    enum sd_err err = inspect_examine_call(client, &req, deadline_in_ms(EXAMINE_MS), &msg, &rep);
    return err ? err : copy_examined(&rep, ret);
}

/*
 * Keys have locked pages of their own, but OpenSSL's copies of them, and what a handler has on its stack, lie anywhere: where
 * the limit can be lifted, which root may, nothing of this process is ever written to swap. With a limit, memory that is not to
 * be had would end the process, so then only the keys' own pages are locked.
 */
static void lock_memory(void) {
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    (void)setrlimit(RLIMIT_MEMLOCK, &limit);
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY ||
        mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
        log_info("keeper.memory", "locked=keys only");
}

static enum sd_err prepare(struct role_ctx *ctx) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    uint8_t public_key[KEY_BYTES];
    lock_memory();
    self.inspect = role_client(ctx, "inspect0");
    enum sd_err err = hpke_keypair(&key, public_key); /* OpenSSL reads its configuration now, while it may */
    return err ? err : loop_new(getuid(), &self.loop);
}

static enum sd_err on_peer(SD_UNUSED struct role_ctx *ctx, uint32_t peer, uint16_t instance, int fd) {
    if (peer == PEER_EDGE || peer == PEER_CLERK || peer == PEER_DESK || peer == PEER_COURIER || peer == PEER_ADMIN ||
        peer == PEER_INSPECT)
        return loop_add_peer(self.loop, peer, instance, fd);
    (void)close(fd);
    return SD_ERR_PROTOCOL;
}

/* What opens the root, when keeper.root names a credential. */
static enum sd_err on_secret(SD_UNUSED struct role_ctx *ctx, const char *name, struct span secret) {
    if (strcmp(name, "root") != 0)
        return SD_ERR_PROTOCOL;
    secret_free(&self.credential);
    return secret_copy(secret, &self.credential);
}

static enum sd_err on_listen(SD_UNUSED struct role_ctx *ctx, const char *name, int fd) {
    if (strcmp(name, "admin") == 0)
        return loop_listen(self.loop, fd);
    (void)close(fd);
    return SD_ERR_PROTOCOL;
}

/* The supervisor has checked the word; what is none all the same is the strictest. */
static enum category category_named(const struct config *config, const char *queue) {
    enum category category;
    return category_from(span_cstr(config_queue_category(config, queue)), &category) ? category : CATEGORY_SPECIAL;
}

/* What is only kept in memory: known before anything is opened. */
static enum sd_err apply_settings(struct keeper *k, const struct key_settings *keys) {
    struct trust_settings trust;
    struct access_settings access;
    struct scan_settings scan;
    struct retention_settings retention;
    enum sd_err err = trust_settings_from_config(self.config, &trust);
    if (err == SD_OK)
        err = access_settings_from_config(self.config, &access);
    if (err == SD_OK)
        err = scan_settings_from_config(self.config, &scan);
    if (err == SD_OK)
        err = retention_from_config(self.config, &retention);
    if (err)
        return err;
    keeper_set_retention(k, &retention);
    keeper_set_trust(k, &trust);
    keeper_set_access(k, &access);
    keeper_set_scan(k, &scan);
    keeper_set_keys(k, keys);
    return SD_OK;
}

/* What becomes rows and keys. */
static enum sd_err apply_rows(struct keeper *k) {
    struct queue_setting queues[QUEUES_MAX];
    struct span domains[DOMAINS_MAX];
    const char *name = NULL, *address = NULL;
    size_t n = 0;
    for (; n < QUEUES_MAX && config_queue(self.config, n, &name, &address); n++)
        queues[n] = (struct queue_setting){span_cstr(name), span_cstr(address), category_named(self.config, name)};
    enum sd_err err = keeper_set_queues(k, queues, n);
    return err ? err : keeper_set_domains(k, domains, config_domains(self.config, domains, DOMAINS_MAX));
}

static enum sd_err on_opened(SD_UNUSED void *arg, struct keeper *k) {
    return apply_rows(k);
}

static enum sd_err start(struct role_ctx *ctx) {
    struct key_settings keys;
    self.config = role_config(ctx);
    self.dir = buf_new(4096);
    buf_printf(&self.dir, "%s/keeper", role_data_dir(ctx));
    buf_byte(&self.dir, 0);
    enum sd_err err = buf_err(&self.dir);
    if (err == SD_OK)
        err = key_settings_from_config(self.config, &keys);
    if (err)
        return err;
    struct keeper_spec spec = {.dir = (const char *)self.dir.p,
                               .now_ms = clock_unix_ms,
                               .cost = PASSWORD_COST,
                               .examine = examine,
                               .examine_arg = self.inspect,
                               .wake = loop_wake,
                               .wake_arg = self.loop,
                               .root = keys.root,
                               .credential = secret_span(&self.credential),
                               .opened = on_opened};
    err = keeper_open(&spec, &self.k);
    if (err == SD_OK)
        err = apply_settings(self.k, &keys);
    if (err == SD_OK && keeper_is_open(self.k))
        err = apply_rows(self.k);
    return err ? err : loop_start(self.loop, self.k);
}

static void ping(SD_UNUSED struct role_ctx *ctx, struct role_health *health) {
    enum keeper_lock lock = (enum keeper_lock)atomic_load(&self.k->lock);
    if (lock != LOCK_OPEN) {
        health->ready = false;
        buf_text(&health->reason, keeper_lock_sentence(lock));
    } else if (audit_failing(self.k->audit)) {
        health->ready = false;
        buf_text(&health->reason, LOG_FAILING_SENTENCE);
    }
}

static void stop(SD_UNUSED struct role_ctx *ctx) {
    loop_stop(self.loop);
    keeper_close(&self.k);
}

int main(int argc, char **argv) {
    static const struct role role = {
        .name = "keeper",
        .calls = CALLS_FILES | CALLS_ACCEPT,
        .paths = {{"keeper", FILES_READ | FILES_WRITE | FILES_MAKE | FILES_REMOVE}},
        .prepare = prepare,
        .on_peer = on_peer,
        .on_listen = on_listen,
        .on_secret = on_secret,
        .start = start,
        .ping = ping,
        .stop = stop,
    };
    if (argc > 1 && strcmp(argv[1], "init") == 0) {
        if (argc == 4)
            return init_main(argv[2], argv[3]);
        (void)fprintf(stderr, "usage: sealdesk-keeper init KEEPER_DIR DOMAIN[,DOMAIN...]\n");
        return 2;
    }
    return role_main(&role, argc, argv);
}
