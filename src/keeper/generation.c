#include "keeper/generation.h"
#include "core/log.h"

#include <string.h>

#define META_DESTROYED "destroyed_ms"

const char *generation_text(enum generation_kind kind) {
    static const char *const texts[] = {
#define X(name, text) text,
        GENERATION_LIST(X)
#undef X
    };
    return (size_t)kind < SD_COUNT(texts) ? texts[kind] : "unknown";
}

void keeper_empty_wal(struct keeper *k) {
    struct query q = db_query(k->db, SQL_WAL_TRUNCATE);
    if (query_run(&q) != SD_OK)
        log_warn("keeper.db", "the write-ahead log could not be emptied now");
}

/* ---- numbers ---- */

enum sd_err generation_find(struct keeper *k, enum generation_kind kind, struct generation *ret) {
    struct query q = db_query(k->db, SQL_GENERATION_GET);
    query_text(&q, span_cstr(generation_text(kind)));
    bool there = query_row(&q);
    *ret = (struct generation){0};
    if (there)
        *ret = (struct generation){query_get_int(&q, 0), query_get_int(&q, 1)};
    return query_end(&q);
}

static enum sd_err put(struct keeper *k, enum generation_kind kind, int64_t number) {
    struct query q = db_query(k->db, SQL_GENERATION_PUT);
    query_text(&q, span_cstr(generation_text(kind)));
    query_int(&q, number);
    query_int(&q, k->spec.now_ms());
    return query_run(&q);
}

enum sd_err generations_begin(struct keeper *k) {
    enum sd_err err = SD_OK;
    for (unsigned kind = 0; kind < GENERATION_KINDS && err == SD_OK; kind++) {
        struct generation generation;
        err = generation_find(k, (enum generation_kind)kind, &generation);
        if (err == SD_OK && generation.number == 0)
            err = put(k, (enum generation_kind)kind, 1);
    }
    return err;
}

/* The next number, recorded; within the transaction of the replacement. */
static enum sd_err count_on(struct keeper *k, enum generation_kind kind, enum actor_kind by, struct records *records) {
    struct generation generation;
    struct buf number SD_CLEANUP(buf_free) = buf_new(32);
    enum sd_err err = generation_find(k, kind, &generation);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_GENERATION_END);
    query_int(&q, k->spec.now_ms());
    query_text(&q, span_cstr(generation_text(kind)));
    query_int(&q, generation.number);
    err = query_run(&q);
    if (err == SD_OK)
        err = put(k, kind, generation.number + 1);
    buf_printf(&number, "%lld", (long long)generation.number + 1);
    records_add_changed(records, &(struct leaf){.actor = by,
                                                .action = "key-rotate",
                                                .object = "key",
                                                .outcome = OUTCOME_GRANTED,
                                                .reason = generation_text(kind),
                                                .detail = buf_span(&number)});
    return err ? err : records->err;
}

/* ---- replacing ---- */

static enum sd_err replace_vault(struct keeper *k, enum actor_kind by, struct records *records) {
    struct secret next SD_CLEANUP(secret_free) = {0};
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = vault_replace(k->db, &k->vault, &k->root.secret, &next);
    if (err == SD_OK)
        err = pages_rewrap(&k->pages, &next);
    if (err == SD_OK)
        err = count_on(k, GENERATION_VAULT, by, records);
    err = db_end(k->db, err);
    if (err) {
        pages_forget(&k->pages);
        return err;
    }
    secret_free(&k->vault.vault);
    k->vault.vault = secret_take(&next);
    return SD_OK;
}

static enum sd_err commit_root(struct keeper *k, const struct root *next, enum actor_kind by, struct records *records) {
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = vault_rewrap(k->db, &k->vault, &next->secret);
    if (err == SD_OK)
        err = count_on(k, GENERATION_ROOT, by, records);
    return db_end(k->db, err);
}

static enum sd_err replace_root(struct keeper *k, enum actor_kind by, struct records *records) {
    /* the wrapper is lent: the next root is kept as the present one is */
    struct root next = {.source = k->root.source, .wrapper = k->root.wrapper};
    enum sd_err err = secret_random(KEY_BYTES, &next.secret);
    if (err == SD_OK && k->spec.dir)
        err = root_stage(k->spec.dir, &next);
    if (err == SD_OK) {
        err = commit_root(k, &next, by, records);
        if (err && k->spec.dir)
            root_unstage(k->spec.dir, next.source);
    }
    if (err) {
        secret_free(&next.secret);
        return err;
    }
    secret_free(&k->root.secret);
    k->root.secret = secret_take(&next.secret);
    if (k->spec.dir && root_settle(k->spec.dir, next.source) != SD_OK)
        log_error("keeper.root", "the new root has its own name still; the next start settles it");
    return SD_OK;
}

static enum sd_err replace_pages(struct keeper *k, enum actor_kind by, struct records *records) {
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = pages_rekey(&k->pages);
    if (err == SD_OK)
        err = count_on(k, GENERATION_PAGES, by, records);
    err = db_end(k->db, err);
    if (err)
        pages_forget(&k->pages);
    return err;
}

enum sd_err generation_replace(struct keeper *k, enum generation_kind kind, enum actor_kind by, struct records *records) {
    static enum sd_err (*const replace[])(struct keeper *, enum actor_kind, struct records *) = {
        [GENERATION_ROOT] = replace_root, [GENERATION_VAULT] = replace_vault, [GENERATION_PAGES] = replace_pages};
    int64_t began_ns = clock_mono_ns();
    enum sd_err err = replace[kind](k, by, records);
    if (err == SD_OK)
        keeper_empty_wal(k);
    log_info("keeper.key-rotate", "kind=%s ms=%lld error=%s", generation_text(kind),
             (long long)(clock_mono_ns() - began_ns) / 1000000, sd_err_name(err));
    return err;
}

/* ---- within a day ---- */

enum sd_err generation_destroyed(struct keeper *k) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(32);
    buf_printf(&text, "%lld", (long long)k->spec.now_ms());
    struct query q = db_query(k->db, SQL_META_PUT);
    query_text(&q, SPAN(META_DESTROYED));
    query_blob(&q, buf_span(&text));
    return query_run(&q);
}

static enum sd_err last_destroyed(struct keeper *k, int64_t *ret_ms) {
    uint64_t ms = 0;
    struct query q = db_query(k->db, SQL_META_GET);
    query_text(&q, SPAN(META_DESTROYED));
    if (query_row(&q) && span_to_u64(query_get(&q, 0), &ms) != SD_OK)
        ms = 0;
    *ret_ms = (int64_t)ms;
    return query_end(&q);
}

enum sd_err generation_due(struct keeper *k, int64_t *ret_ms) {
    struct generation root, vault;
    int64_t destroyed_ms = 0;
    enum sd_err err = last_destroyed(k, &destroyed_ms);
    if (err == SD_OK)
        err = generation_find(k, GENERATION_ROOT, &root);
    if (err == SD_OK)
        err = generation_find(k, GENERATION_VAULT, &vault);
    if (err)
        return err;
    int64_t made_ms = root.made_ms < vault.made_ms ? root.made_ms : vault.made_ms;
    *ret_ms = destroyed_ms >= made_ms && destroyed_ms ? made_ms + GENERATION_MS : 0;
    return SD_OK;
}

void generation_tick(struct keeper *k) {
    struct records records SD_CLEANUP(records_free);
    int64_t due_ms = 0;
    records_start(&records, k);
    enum sd_err err = generation_due(k, &due_ms);
    if (err == SD_OK && (due_ms == 0 || due_ms > k->spec.now_ms()))
        return;
    if (err == SD_OK)
        err = generation_replace(k, GENERATION_VAULT, ACTOR_SYSTEM, &records);
    if (err == SD_OK)
        err = generation_replace(k, GENERATION_ROOT, ACTOR_SYSTEM, &records);
    enum sd_err sent = records_submit(&records);
    if (err || sent)
        log_error("keeper.key-rotate", "error=%s", sd_err_name(err ? err : sent));
}
