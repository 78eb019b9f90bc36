/* object.c - rows of objects: the facts that opening is decided by. */
#include "keeper/handlers.h"

#include <string.h>

static enum trust_level trust_from(int64_t value) {
    return value == TRUST_VERIFIED || value == TRUST_UNVERIFIED ? (enum trust_level)value : TRUST_FAILED;
}

static void read_row(struct query *q, struct object_row *row) {
    struct span queue = span_sub(query_get(q, 8), 0, sizeof row->queue_bytes);
    row->there = true;
    row->facts.kind = (enum object_kind)query_get_int(q, 0);
    row->page = query_get_int(q, 1);
    row->slot = (unsigned)query_get_int(q, 2);
    query_get_fixed(q, 3, row->ticket, ID_BYTES);
    row->facts.state = (enum object_state)query_get_int(q, 4);
    row->facts.disposition = (enum disposition)query_get_int(q, 5);
    query_get_fixed(q, 6, row->digest.b, SHA256_BYTES);
    row->opened_ticket = query_get_int(q, 7) != 0;
    if (queue.n)
        memcpy(row->queue_bytes, queue.p, queue.n);
    row->queue = span_of(row->queue_bytes, queue.n);
    row->ticket_state = (enum ticket_state)query_get_int(q, 9);
    row->facts.trust = trust_from(query_get_int(q, 10));
    row->facts.has_files = query_get_int(q, 11) != 0;
    /* Who marks what was held as spam has not let it in; who takes it out of there has. */
    row->facts.decided = query_get_int(q, 12) != 0 && row->ticket_state != TICKET_SPAM;
    row->letter.signals = (uint64_t)query_get_int(q, 13);
    row->letter.known = (uint32_t)query_get_int(q, 14);
    row->letter.known_since_ms = query_get_int(q, 15);
    query_get_fixed(q, 16, row->letter.domain_tag, DOMAIN_TAG_BYTES);
    row->letter.as_customer = query_get_int(q, 17) != 0;
    row->letter.encrypted = query_get_int(q, 18) != 0;
    row->category = category_stored(query_get_int(q, 19));
    row->facts.destroyed = query_get_int(q, 20) != 0;
    row->facts.released = query_get_int(q, 21) != 0;
    row->facts.letter_released = query_get_int(q, 22) != 0;
    if (row->facts.kind == OBJECT_FILE)
        query_get_fixed(q, 23, row->letter_id, ID_BYTES);
    row->place = (uint16_t)query_get_int(q, 24);
}

enum sd_err object_find(struct keeper *k, struct span id, struct object_row *ret) {
    struct query q = db_query(k->db, SQL_OBJECT_GET);
    *ret = (struct object_row){0};
    query_blob(&q, id);
    if (query_row(&q))
        read_row(&q, ret);
    ret->facts.show_suspicious = k->scan.show_suspicious;
    return query_end(&q);
}

static void bind_found(struct query *q, const struct object_new *object, int64_t now_ms) {
    query_int(q, object->found.own);
    query_int(q, (int64_t)object->found.findings);
    query_text(q, object->found.signature);
    query_text(q, object->found.engine);
    query_int(q, object->found.scanned_ms);
    query_int(q, object->found.epoch);
    query_int(q, object->scan_due_ms);
    query_int(q, now_ms);
    query_blob(q, object->letter_id);
    query_int(q, object->place);
}

enum sd_err object_add(struct keeper *k, const struct object_new *object) {
    const struct object_facts *facts = &object->facts;
    const struct letter_facts *letter = &object->letter;
    int64_t page = 0;
    unsigned slot = 0;
    enum sd_err err = pages_add(&k->pages, object->key, &page, &slot);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_OBJECT_ADD);
    query_blob(&q, object->id);
    query_int(&q, facts->kind);
    query_int(&q, page);
    query_int(&q, slot);
    query_blob(&q, object->ticket);
    query_int(&q, facts->state);
    query_int(&q, facts->disposition);
    query_blob(&q, object->digest);
    query_int(&q, object->opened_ticket);
    query_int(&q, facts->trust);
    query_int(&q, facts->has_files);
    query_int(&q, (int64_t)letter->signals);
    query_int(&q, letter->known);
    query_int(&q, letter->known_since_ms);
    query_blob(&q, span_of(letter->domain_tag, DOMAIN_TAG_BYTES));
    query_int(&q, letter->as_customer);
    query_int(&q, letter->encrypted);
    bind_found(&q, object, k->spec.now_ms());
    return query_run(&q);
}
