#include "keeper/asker.h"
#include "core/codec.h"

#include <string.h>

void asker_free(struct asker *asker) {
    who_free(&asker->who);
}

enum sd_err asker_find(struct keeper *k, const struct ipc_call *call, struct span token, struct span origin,
                       struct asker *ret) {
    *ret = (struct asker){.root = ipc_conn_peer(call->conn) == PEER_ADMIN};
    return ret->root ? SD_OK : session_check(k, token, origin, &ret->who);
}

struct leaf asker_leaf(const struct asker *asker, struct span origin, const char *action) {
    if (!asker->root)
        return leaf_by(&asker->who, origin, action);
    return (struct leaf){.actor = ACTOR_ROOT, .action = action, .outcome = OUTCOME_REFUSED};
}

struct span asker_id(const struct asker *asker) {
    return asker->root ? SPAN_NONE : span_of(asker->who.person, ID_BYTES);
}

enum sd_err asker_permit(struct keeper *k, const struct asker *asker, const struct demand *demand, struct permission *ret) {
    if (!asker->root)
        return permit(k, &asker->who, demand, ret);
    *ret = (struct permission){.status = SD_OK};
    return SD_OK;
}

enum sd_err asker_may(struct keeper *k, const struct asker *asker, enum verb verb, bool *ret) {
    *ret = asker->root;
    return asker->root ? SD_OK : permit_peek(k, &asker->who, &(struct demand){.verb = verb}, ret);
}

/* ---- people ---- */

void person_found_free(struct person_found *person) {
    buf_free(&person->name);
    buf_free(&person->email);
}

static void read_person(struct query *q, struct person_found *person) {
    int64_t role = query_get_int(q, 2);
    buf_reset(&person->name);
    buf_reset(&person->email);
    person->there = true;
    query_get_fixed(q, 0, person->id, ID_BYTES);
    buf_put(&person->name, query_get(q, 1));
    person->role = role > 0 && role <= ROLE_AUDITOR ? (enum person_role)role : ROLE_NOBODY;
    buf_put(&person->email, query_get(q, 3));
    person->state = (enum person_state)query_get_int(q, 4);
}

static enum sd_err find_exactly(struct keeper *k, struct span text, struct person_found *person) {
    uint8_t raw[ID_BYTES], lower[LIMIT_ADDRESS_BYTES];
    bool by_id = hex_to_bytes(text, raw, sizeof raw) == SD_OK;
    struct query q = db_query(k->db, by_id ? SQL_PERSON_BY_ID : SQL_PERSON_ID_BY_EMAIL);
    if (by_id)
        query_blob(&q, span_of(raw, sizeof raw));
    else
        query_text(&q, span_of(lower, lower_case(text, lower, sizeof lower)));
    if (query_row(&q))
        read_person(&q, person);
    return query_end(&q);
}

static bool called(struct query *q, struct span text) {
    struct span email = query_get(q, 3), local = span_sub(email, 0, span_rfind(email, '@'));
    return span_ieq(local, text) || span_ieq(query_get(q, 1), text);
}

/* By what colleagues say: only when it means one. */
static enum sd_err find_by_word(struct keeper *k, struct span text, struct person_found *person) {
    struct query q = db_query(k->db, SQL_PERSON_ALL);
    unsigned found = 0;
    while (query_row(&q))
        if (called(&q, text) && ++found == 1)
            read_person(&q, person);
    person->there = found == 1;
    return query_end(&q);
}

static enum sd_err find(struct keeper *k, struct span text, bool by_word, struct person_found *ret) {
    struct person_found person = {.name = buf_new(1024), .email = buf_new(LIMIT_ADDRESS_BYTES)};
    enum sd_err err = text.n ? find_exactly(k, text, &person) : SD_OK;
    if (err == SD_OK && by_word && !person.there && text.n && span_find(text, '@') == text.n)
        err = find_by_word(k, text, &person);
    if (err == SD_OK)
        err = buf_err(&person.name);
    if (err)
        person_found_free(&person);
    else
        *ret = person;
    return err;
}

enum sd_err person_find(struct keeper *k, struct span text, struct person_found *ret) {
    return find(k, text, false, ret);
}

enum sd_err person_resolve(struct keeper *k, struct span text, struct person_found *ret) {
    return find(k, text, true, ret);
}

enum sd_err person_name(struct keeper *k, struct span id, struct buf *to) {
    struct query q = db_query(k->db, SQL_PERSON_BY_ID);
    query_blob(&q, id);
    if (query_row(&q))
        buf_put(to, query_get(&q, 1));
    return query_end(&q);
}

/* ---- tickets and messages ---- */

static void set_subject(struct subject *subject, const uint8_t ticket[ID_BYTES], struct span queue, enum category category) {
    queue = span_sub(queue, 0, sizeof subject->queue_bytes);
    subject->there = true;
    subject->category = category;
    if (queue.n)
        memcpy(subject->queue_bytes, queue.p, queue.n);
    subject->queue_n = queue.n;
    memcpy(subject->ticket, ticket, ID_BYTES);
}

struct span subject_queue(const struct subject *subject) {
    return span_of(subject->queue_bytes, subject->queue_n);
}

enum sd_err subject_find(struct keeper *k, struct span id, struct subject *ret) {
    struct ticket ticket = {0};
    struct object_row object = {0};
    *ret = (struct subject){0};
    enum sd_err err = ticket_find(k, id, &ticket);
    if (err == SD_OK && !ticket.there)
        err = object_find(k, id, &object);
    if (err)
        return err;
    if (ticket.there)
        set_subject(ret, ticket.id, ticket.queue, ticket.category);
    else if (object.there)
        set_subject(ret, object.ticket, object.queue, object.category);
    ret->is_ticket = ticket.there;
    ret->kind = object.facts.kind;
    return SD_OK;
}
