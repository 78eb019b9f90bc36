/* settle.c - records that are durable: their rows are settled now and then, and after a crash what it left undone. */
#include "core/log.h"
#include "keeper/opened.h"

#include <stdio.h>
#include <string.h>

/* ---- after a crash ---- */

struct replaying {
    struct keeper *k;
    uint64_t indexed;
    bool has_outbox;
    enum sd_err err;
};

static enum sd_err index_record(struct keeper *k, const uint8_t ticket[ID_BYTES], uint64_t seq, uint64_t segment,
                                uint64_t offset) {
    struct query q = db_query(k->db, SQL_HISTORY_ADD);
    query_blob(&q, span_of(ticket, ID_BYTES));
    query_int(&q, (int64_t)seq);
    query_int(&q, (int64_t)segment);
    query_int(&q, (int64_t)offset);
    return query_run(&q);
}

static bool replay_record(void *arg, uint64_t seq, uint64_t segment, uint64_t offset, struct span record) {
    struct replaying *r = arg;
    uint8_t ticket[ID_BYTES];
    if (seq >= r->indexed && leaf_ticket(record, ticket))
        r->err = index_record(r->k, ticket, seq, segment, offset);
    if (r->err == SD_OK && seq >= r->indexed)
        r->err = opened_replay(r->k, record);
    if (r->err == SD_OK && r->has_outbox) {
        struct query q = db_query(r->k->db, SQL_OUTBOX_WRITTEN);
        query_blob(&q, span_from(record, span_find(record, ',') + 1));
        r->err = query_run(&q);
    }
    return r->err == SD_OK;
}

static enum sd_err read_indexed(struct keeper *k, uint64_t *ret) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(64);
    enum sd_err err = meta_get(k, "indexed", &text);
    *ret = 0;
    if (err == SD_ERR_NOTFOUND)
        return SD_OK;
    return err ? err : span_to_u64(buf_span(&text), ret);
}

static enum sd_err write_indexed(struct keeper *k, uint64_t next) {
    char text[32];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)next);
    return meta_put(k, "indexed", span_of(text, (size_t)n));
}

static enum sd_err outbox_any(struct keeper *k, bool *ret) {
    struct query q = db_query(k->db, SQL_OUTBOX_ALL);
    *ret = query_row(&q);
    return query_end(&q);
}

/* Rows of the outbox go in the transaction that moves `indexed` on, so what is before it has none: each record from there on
 * settles one row, and only one, for acts of the same moment may read the same. */
static enum sd_err replay_log(struct keeper *k) {
    struct merkle_range range;
    struct replaying r = {.k = k};
    audit_range(k->audit, &range);
    enum sd_err err = read_indexed(k, &r.indexed);
    if (err == SD_OK)
        err = outbox_any(k, &r.has_outbox);
    if (err || r.indexed >= range.size)
        return err;
    err = db_begin(k->db);
    if (err)
        return err;
    err = audit_read((const char *)k->log_dir.p, r.indexed, range.size, replay_record, &r);
    if (err == SD_ERR_PARSE || err == SD_ERR_LIMIT) /* a damaged record: what is told of is told of */
        err = SD_OK;
    err = err ? err : r.err;
    return db_end(k->db, err ? err : write_indexed(k, range.size));
}

/* Records whose change was committed but which did not reach the log. */
static enum sd_err submit_outbox(struct keeper *k) {
    struct audit_entry *first = NULL, **last = &first;
    enum sd_err err = SD_OK;
    struct query q = db_query(k->db, SQL_OUTBOX_ALL);
    while (err == SD_OK && query_row(&q)) {
        struct audit_entry *entry = audit_entry_new();
        if (!entry) {
            err = SD_ERR_NOMEM;
            break;
        }
        *last = entry;
        last = &entry->next;
        entry->outbox = query_get_int(&q, 0);
        buf_put(&entry->rest, query_get(&q, 1));
        if (!leaf_ticket(query_get(&q, 1), entry->ticket))
            memset(entry->ticket, 0, sizeof entry->ticket);
        err = buf_err(&entry->rest);
    }
    enum sd_err end = query_end(&q);
    if (first)
        audit_submit(k->audit, first);
    return err ? err : end;
}

enum sd_err settle_after_crash(struct keeper *k) {
    enum sd_err err = replay_log(k);
    return err ? err : submit_outbox(k);
}

/* ---- now and then ---- */

void keeper_collect_log(struct keeper *k) {
    *k->settled_last = audit_finished(k->audit);
    for (; *k->settled_last; k->settled_last = &(*k->settled_last)->next)
        k->settled_count++;
}

static enum sd_err settle_entry(struct keeper *k, const struct audit_entry *entry) {
    static const uint8_t none[ID_BYTES];
    enum sd_err err = SD_OK;
    if (entry->outbox) {
        struct query q = db_query(k->db, SQL_OUTBOX_DONE);
        query_int(&q, entry->outbox);
        err = query_run(&q);
    }
    if (err == SD_OK && memcmp(entry->ticket, none, sizeof none) != 0)
        err = index_record(k, entry->ticket, entry->seq, entry->segment, entry->offset);
    if (err == SD_OK && memcmp(entry->opened, none, sizeof none) != 0)
        err = opened_settle(k, span_of(entry->opened, ID_BYTES));
    return err;
}

static enum sd_err settle_all(struct keeper *k) {
    uint64_t next = 0;
    enum sd_err err = db_begin_lazy(k->db);
    if (err)
        return err;
    for (struct audit_entry *e = k->settled; e && err == SD_OK; e = e->next)
        if (e->err == SD_OK) {
            err = settle_entry(k, e);
            next = e->seq + 1;
        }
    if (err == SD_OK && next)
        err = write_indexed(k, next);
    return db_end(k->db, err);
}

/* Frees what is settled; what the log could not write, on a full disk, is offered to it again. */
static void let_go(struct keeper *k) {
    struct audit_entry *again = NULL, **last = &again;
    while (k->settled) {
        struct audit_entry *entry = k->settled;
        k->settled = entry->next;
        entry->next = NULL;
        if (entry->err == SD_OK) {
            audit_entry_free(entry);
            continue;
        }
        entry->err = SD_OK;
        *last = entry;
        last = &entry->next;
    }
    k->settled_last = &k->settled;
    k->settled_count = 0;
    if (again)
        audit_submit(k->audit, again);
}

void keeper_settle(struct keeper *k) {
    if (!k->settled)
        return;
    enum sd_err err = settle_all(k);
    if (err)
        log_error("keeper.settle", "error=%s", sd_err_name(err));
    else
        let_go(k);
}
