/* life.c - the keeper's beginning and end: its files made, opened, recovered after a crash; and what is due now and then. */
#include "core/log.h"
#include "keeper/attempts.h"
#include "keeper/backup.h"
#include "keeper/budget.h"
#include "keeper/contacts.h"
#include "keeper/generation.h"
#include "keeper/handlers.h"
#include "keeper/opened.h"
#include "keeper/permit.h"
#include "keeper/retention.h"
#include "keeper/throttle.h"
#include "keeper/unlock.h"
#include "keeper/verdict.h"
#include "keeper/wall_clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIGN_INS_MAX 32 /* at 150 ms each, five seconds of waiting */
#define SIGNATURES_MAX 64
#define CHECKS_MAX 2
#define PATH_MAX_BYTES 4096
#define SETTLE_AT 256 /* finished records, a millisecond or two of the loop; else once a second */
#define CLEAN_MS (10 * 60 * 1000)

struct path {
    char text[PATH_MAX_BYTES];
};

static const char *below(const char *dir, const char *name, struct path *path) {
    int n = snprintf(path->text, sizeof path->text, "%s/%s", dir, name);
    return n > 0 && n < (int)sizeof path->text ? path->text : "";
}

/* ---- making ---- */

enum sd_err meta_put(struct keeper *k, const char *name, struct span value) {
    struct query q = db_query(k->db, SQL_META_PUT);
    query_text(&q, span_cstr(name));
    query_blob(&q, value);
    return query_run(&q);
}

static enum sd_err make_log_key(struct keeper *k, struct span domain) {
    struct secret private SD_CLEANUP(secret_free) = {0};
    struct buf public SD_CLEANUP(buf_free) = buf_new(256), wrapped SD_CLEANUP(buf_free) = buf_new(1024);
    struct buf origin SD_CLEANUP(buf_free) = buf_new(512);
    enum sd_err err = sign_generate(SIGN_ED25519, 0, &private, &public);
    if (err == SD_OK)
        err = vault_wrap(&k->vault, "key", SPAN("log"), secret_span(&private), &wrapped);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_KEY_PUT);
    query_text(&q, SPAN("log"));
    query_blob(&q, buf_span(&wrapped));
    err = query_run(&q);
    if (err == SD_OK)
        err = meta_put(k, "log_public", span_from(buf_span(&public), public.n - KEY_BYTES));
    buf_put(&origin, domain);
    buf_text(&origin, "/sealdesk");
    return err ? err : meta_put(k, "log_origin", buf_span(&origin));
}

static enum sd_err make_domain_keys(struct keeper *k, const struct span *domains, size_t count) {
    static const enum sign_algorithm algorithms[] = {SIGN_RSA_SHA256, SIGN_ED25519};
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < 2 * count && err == SD_OK; i++) {
        struct query q = db_query(k->db, SQL_DKIM_HAS);
        query_text(&q, domains[i / 2]);
        query_int(&q, algorithms[i % 2]);
        bool has = query_row(&q);
        err = query_end(&q);
        if (err == SD_OK && !has)
            err = dkim_make(k, domains[i / 2], algorithms[i % 2], 0);
    }
    return err;
}

static enum sd_err make_all(struct keeper *k, const struct span *domains, size_t count) {
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = count ? make_log_key(k, domains[0]) : SD_ERR_CONFIG;
    if (err == SD_OK)
        err = generations_begin(k);
    if (err == SD_OK)
        err = intake_key_make(k);
    if (err == SD_OK)
        err = make_domain_keys(k, domains, count);
    return db_end(k->db, err);
}

static enum sd_err make_dir(const char *path) {
    struct stat st;
    if (mkdir(path, 0700) == 0 || (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
        return SD_OK;
    return sd_err_from_errno(errno);
}

static bool anything_there(const char *dir) {
    static const char *const names[] = {"root.key", "root.sealed", "keeper.db", "log"};
    struct path path;
    struct stat st;
    for (size_t i = 0; i < SD_COUNT(names); i++)
        if (lstat(below(dir, names[i], &path), &st) == 0)
            return true;
    return false;
}

enum sd_err keeper_create(const struct keeper_spec *spec, const struct span *domains, size_t count) {
    struct keeper k = {.spec = *spec};
    struct path path;
    enum sd_err err = make_dir(spec->dir);
    if (err == SD_OK && anything_there(spec->dir))
        err = SD_ERR_EXISTS;
    if (err == SD_OK)
        err = make_dir(below(spec->dir, "log", &path));
    (void)umask(077);
    if (err == SD_OK)
        err = db_open(below(spec->dir, "keeper.db", &path), true, &k.db);
    if (err == SD_OK)
        err = root_create(spec->dir, &k.root);
    if (err == SD_OK)
        err = vault_create(k.db, &k.root.secret);
    if (err == SD_OK)
        err = vault_load(k.db, &k.root.secret, &k.vault);
    if (err == SD_OK)
        err = make_all(&k, domains, count);
    vault_free(&k.vault);
    root_free(&k.root);
    db_close(&k.db);
    return err;
}

/* ---- opening ---- */

enum sd_err meta_get(struct keeper *k, const char *name, struct buf *to) {
    struct query q = db_query(k->db, SQL_META_GET);
    query_text(&q, span_cstr(name));
    bool there = query_row(&q);
    if (there)
        buf_put(to, query_get(&q, 0));
    enum sd_err err = query_end(&q);
    return err ? err : there ? buf_err(to) : SD_ERR_NOTFOUND;
}

static enum sd_err load_log_key(struct keeper *k) {
    struct secret private SD_CLEANUP(secret_free) = {0};
    struct buf public SD_CLEANUP(buf_free) = buf_new(64);
    k->log_origin = buf_new(512);
    enum sd_err err = meta_get(k, "log_origin", &k->log_origin);
    if (err == SD_OK)
        err = meta_get(k, "log_public", &public);
    if (err == SD_OK && public.n != KEY_BYTES)
        err = SD_ERR_BUG;
    if (err)
        return err;
    k->log_key.origin = buf_span(&k->log_origin);
    memcpy(k->log_key.public_key, public.p, KEY_BYTES);
    struct query q = db_query(k->db, SQL_KEY_GET);
    query_text(&q, SPAN("log"));
    err = query_row(&q) ? vault_unwrap(&k->vault, "key", SPAN("log"), query_get(&q, 0), &private) : SD_ERR_NOTFOUND;
    enum sd_err end = query_end(&q);
    err = err ? err : end;
    return err ? err : signer_new(SIGN_ED25519, &private, &k->log_signer);
}

/* In memory: the same rows, made at once, for a domain that cannot exist. */
static enum sd_err open_in_memory(struct keeper *k) {
    static const struct span domain = {(const uint8_t *)"example.invalid", 15};
    enum sd_err err = db_open(":memory:", true, &k->db);
    if (err == SD_OK)
        err = secret_random(KEY_BYTES, &k->root.secret);
    if (err == SD_OK)
        err = vault_create(k->db, &k->root.secret);
    if (err == SD_OK)
        err = vault_load(k->db, &k->root.secret, &k->vault);
    return err ? err : make_all(k, &domain, 1);
}

static enum sd_err open_log(struct keeper *k, uint64_t *ret_trimmed, bool *ret_damaged) {
    k->log_dir = buf_new(PATH_MAX_BYTES);
    if (k->spec.dir)
        buf_printf(&k->log_dir, "%s/log", k->spec.dir);
    else
        buf_text(&k->log_dir, k->spec.log_dir);
    buf_byte(&k->log_dir, 0);
    enum sd_err err = buf_err(&k->log_dir);
    struct audit_spec spec = {.dir = (const char *)k->log_dir.p,
                              .key = k->log_key,
                              .signer = k->log_signer,
                              .wake = k->spec.wake,
                              .arg = k->spec.wake_arg};
    return err ? err : audit_open(&spec, &k->audit, ret_trimmed, ret_damaged);
}

static void record_start(struct keeper *k, uint64_t trimmed, bool damaged) {
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(64);
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    struct leaf leaf = {.actor = ACTOR_SYSTEM, .action = "start", .object = "keeper", .outcome = OUTCOME_GRANTED};
    records_add(&records, &leaf);
    if (trimmed) {
        buf_printf(&bytes, "%llu", (unsigned long long)trimmed);
        leaf = (struct leaf){.actor = ACTOR_SYSTEM,
                             .action = "log-trimmed",
                             .object = "log",
                             .outcome = OUTCOME_GRANTED,
                             .reason = "bytes",
                             .detail = buf_span(&bytes)};
        records_add(&records, &leaf);
        log_warn("keeper.log-trimmed", "bytes=%llu", (unsigned long long)trimmed);
    }
    if (damaged) {
        leaf = (struct leaf){.actor = ACTOR_SYSTEM,
                             .action = "log-damaged",
                             .object = "log",
                             .outcome = OUTCOME_FAILED,
                             .reason = "a checkpoint covers what is not there"};
        records_add(&records, &leaf);
        log_error("keeper.log-damaged", "a checkpoint covers what is not there");
    }
    if (records.err || !records.first)
        return;
    audit_submit(k->audit, records.first);
    records.first = NULL;
}

enum sd_err keeper_open_rest(struct keeper *k) {
    uint64_t trimmed = 0;
    bool damaged = false;
    k->pages.db = k->db;
    k->pages.vault = &k->vault;
    enum sd_err err = load_log_key(k);
    if (err == SD_OK)
        err = generations_begin(k);
    if (err == SD_OK)
        err = restoring_load(k);
    if (err == SD_OK)
        err = dkim_load(k);
    if (err == SD_OK)
        err = password_dummy(k->spec.cost, &k->dummy_password);
    if (err == SD_OK)
        err = open_log(k, &trimmed, &damaged);
    if (err == SD_OK)
        err = settle_after_crash(k);
    if (err == SD_OK)
        record_start(k, trimmed, damaged);
    if (err == SD_OK)
        keeper_set_lock(k, LOCK_OPEN);
    return err;
}

static enum sd_err open_all(struct keeper *k) {
    if (k->spec.dir)
        return unlock_at_start(k);
    enum sd_err err = open_in_memory(k);
    return err ? err : keeper_open_rest(k);
}

enum sd_err keeper_open(const struct keeper_spec *spec, struct keeper **ret) {
    struct keeper *k = calloc(1, sizeof *k);
    if (!k)
        return SD_ERR_NOMEM;
    k->spec = *spec;
    k->trust = trust_settings_default();
    k->access = access_settings_default();
    k->scan = scan_settings_default();
    k->keys = key_settings_default();
    k->dummy_password = buf_new(PASSWORD_HASH_MAX);
    k->settled_last = &k->settled;
    work_init(&k->sign_ins, SIGN_INS_MAX, spec->wake, spec->wake_arg);
    work_init(&k->examinations, SIGNATURES_MAX, spec->wake, spec->wake_arg);
    work_init(&k->signatures, SIGNATURES_MAX, spec->wake, spec->wake_arg);
    work_init(&k->checks, CHECKS_MAX, spec->wake, spec->wake_arg);
    enum sd_err err = open_all(k);
    if (err)
        keeper_close(&k);
    else
        *ret = k;
    return err;
}

void keeper_close(struct keeper **ref) {
    struct keeper *k = *ref;
    if (!k)
        return;
    if (k->audit) {
        keeper_collect(k);
        keeper_settle(k);
        budget_save(k);
    }
    while (k->settled) {
        struct audit_entry *next = k->settled->next;
        audit_entry_free(k->settled);
        k->settled = next;
    }
    if (k->backup)
        backup_drop(k);
    audit_close(&k->audit);
    pages_forget(&k->pages);
    for (size_t i = 0; i < SD_COUNT(k->intake_cache); i++)
        hpke_receiver_free(&k->intake_cache[i].receiver);
    for (size_t i = 0; i < k->domain_count; i++)
        buf_free(&k->domains[i]);
    dkim_free(k);
    rules_free(k);
    budget_free(k);
    verdicts_free(k);
    opened_free(k);
    free(k->address_seats);
    signer_free(&k->log_signer);
    buf_free(&k->log_origin);
    buf_free(&k->log_dir);
    buf_free(&k->dummy_password);
    vault_free(&k->vault);
    root_free(&k->root);
    db_close(&k->db);
    work_free(&k->sign_ins);
    work_free(&k->examinations);
    work_free(&k->signatures);
    work_free(&k->checks);
    free(k);
    *ref = NULL;
}

/* ---- settings ---- */

enum sd_err keeper_set_queues(struct keeper *k, const struct queue_setting *queues, size_t count) {
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_QUEUE_OFF);
    err = query_run(&q);
    for (size_t i = 0; i < count && err == SD_OK; i++) {
        q = db_query(k->db, SQL_QUEUE_PUT);
        query_text(&q, queues[i].name);
        query_text(&q, queues[i].address);
        query_int(&q, queues[i].category);
        err = query_run(&q);
    }
    rules_forget(k);
    return db_end(k->db, err);
}

enum sd_err keeper_set_domains(struct keeper *k, const struct span *domains, size_t count) {
    if (count > DOMAINS_MAX)
        return SD_ERR_CONFIG;
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = db_end(k->db, make_domain_keys(k, domains, count));
    k->dkim_changed = true;
    if (err == SD_OK && work_idle(&k->signatures))
        err = dkim_load(k);
    for (size_t i = 0; i < k->domain_count; i++)
        buf_free(&k->domains[i]);
    k->domain_count = 0;
    for (size_t i = 0; i < count && err == SD_OK; i++) {
        k->domains[i] = buf_new(LIMIT_DOMAIN_BYTES);
        buf_put(&k->domains[i], domains[i]);
        k->domain_count = i + 1;
        err = buf_err(&k->domains[i]);
    }
    return err;
}

/* ---- now and then ---- */

void keeper_collect(struct keeper *k) {
    struct job *job;
    while ((job = work_finished(&k->sign_ins)) || (job = work_finished(&k->examinations)) ||
           (job = work_finished(&k->signatures)) || (job = work_finished(&k->checks)))
        job->done(k, job);
    if (!keeper_is_open(k))
        return;
    keeper_collect_log(k);
    dkim_tick(k);
    if (k->settled_count >= SETTLE_AT)
        keeper_settle(k);
}

static void clean(struct keeper *k) {
    struct query q = db_query(k->db, SQL_THROTTLE_EXPIRE);
    query_int(&q, k->spec.now_ms() - THROTTLE_FORGET_MS);
    enum sd_err err = query_run(&q);
    if (err)
        log_warn("keeper.throttle", "error=%s", sd_err_name(err));
    session_expire(k);
    q = db_query(k->db, SQL_ENROLMENT_EXPIRE);
    query_int(&q, k->spec.now_ms());
    err = query_run(&q);
    if (err)
        log_warn("keeper.enrolment", "error=%s", sd_err_name(err));
    err = contacts_expire(k);
    if (err)
        log_warn("keeper.contacts", "error=%s", sd_err_name(err));
}

/* A log that could not be written is tried again though nobody asks for anything, or it would be called failing for ever. */
static void tell_log_again(struct keeper *k) {
    struct records records SD_CLEANUP(records_free);
    if (!audit_failing(k->audit) || audit_backlog(k->audit))
        return;
    records_start(&records, k);
    records_add(&records,
                &(struct leaf){.actor = ACTOR_SYSTEM, .action = "log-resumed", .object = "log", .outcome = OUTCOME_GRANTED});
    enum sd_err err = records_submit(&records);
    if (err)
        log_warn("keeper.log", "error=%s", sd_err_name(err));
}

void keeper_tick(struct keeper *k) {
    if (db_damaged(k->db) && keeper_is_open(k))
        keeper_shut(k);
    if (!keeper_is_open(k))
        return;
    keeper_settle(k);
    budget_save(k);
    backup_tick(k);
    retention_tick(k);
    wall_clock_tick(k);
    attempts_tick(k);
    tell_log_again(k);
    int64_t since_ms = k->spec.now_ms() - k->cleaned_ms;
    if (since_ms >= CLEAN_MS || since_ms < 0) { /* the clock may have been set back */
        k->cleaned_ms = k->spec.now_ms();
        clean(k);
        dkim_expire(k);
        generation_tick(k);
    }
}
