#include "core/log.h"
#include "crypt/seal.h"
#include "keeper/keeper.h"

#include <stdlib.h>
#include <string.h>

void records_start(struct records *records, struct keeper *k) {
    *records = (struct records){.k = k};
}

void records_free(struct records *records) {
    while (records->first) {
        struct audit_entry *next = records->first->next;
        audit_entry_free(records->first);
        records->first = next;
    }
    records->last = NULL;
}

/* So that its row knows, without reading the record again. */
static void note_opened(const struct leaf *leaf, struct audit_entry *entry) {
    static const unsigned facets[] = {FACET_FILE, FACET_SOURCE, FACET_PREVIEW};
    if (leaf->actor != ACTOR_PERSON || leaf->outcome != OUTCOME_GRANTED || strcmp(leaf->action, "open") != 0)
        return;
    for (size_t i = 0; i < SD_COUNT(facets); i++)
        if (span_eq(leaf->detail, span_cstr(facet_name((enum facet)facets[i]))) && leaf->object_id.n == sizeof entry->opened)
            memcpy(entry->opened, leaf->object_id.p, sizeof entry->opened);
}

static struct audit_entry *add(struct records *records, const struct leaf *leaf) {
    if (records->err)
        return NULL;
    struct audit_entry *entry = audit_entry_new();
    if (!entry) {
        records->err = SD_ERR_NOMEM;
        return NULL;
    }
    *(records->first ? records->last : &records->first) = entry;
    records->last = &entry->next;
    leaf_put(&entry->rest, leaf, records->k->spec.now_ms());
    records->err = buf_err(&entry->rest);
    if (leaf->ticket.n == sizeof entry->ticket)
        memcpy(entry->ticket, leaf->ticket.p, sizeof entry->ticket);
    note_opened(leaf, entry);
    return entry;
}

void records_add(struct records *records, const struct leaf *leaf) {
    (void)add(records, leaf);
}

void records_add_changed(struct records *records, const struct leaf *leaf) {
    struct audit_entry *entry = add(records, leaf);
    if (records->err)
        return;
    struct query q = db_query(records->k->db, SQL_OUTBOX_ADD);
    query_blob(&q, buf_span(&entry->rest));
    records->err = query_run(&q);
    entry->outbox = db_last_id(records->k->db);
}

enum sd_err records_send(struct records *records, struct ipc_call *call, enum sd_err status, struct ipc_out *out) {
    if (records->err == SD_OK && !records->first)
        records->err = SD_ERR_BUG; /* nothing goes out without a record */
    if (records->err)
        return records->err;
    struct audit_entry *last = records->first;
    while (last->next)
        last = last->next;
    last->call = call;
    last->status = status;
    if (out) {
        ipc_out_free(&last->out);
        last->out = *out;
        *out = ipc_out_new();
    }
    audit_submit(records->k->audit, records->first);
    records->first = NULL;
    return SD_OK;
}

enum sd_err records_submit(struct records *records) {
    if (records->err || !records->first)
        return records->err;
    audit_submit(records->k->audit, records->first);
    records->first = NULL;
    return SD_OK;
}

enum sd_err refuse_recorded(struct keeper *k, struct ipc_call *call, enum sd_err status, const struct leaf *leaf) {
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    records_add(&records, leaf);
    return records_send(&records, call, status, NULL);
}

enum sd_err answer_recorded(struct keeper *k, struct ipc_call *call, struct ipc_out *out, const struct leaf *leaf) {
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    records_add(&records, leaf);
    return records_send(&records, call, SD_OK, out);
}

enum sd_err answer_changed(struct keeper *k, struct ipc_call *call, struct query *q, const struct leaf *leaf,
                           struct ipc_out *out) {
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = db_begin(k->db);
    if (err == SD_OK) {
        err = query_run(q);
        if (err == SD_OK)
            records_add_changed(&records, leaf);
        err = db_end(k->db, err ? err : records.err);
    }
    return err ? err : records_send(&records, call, SD_OK, out);
}
