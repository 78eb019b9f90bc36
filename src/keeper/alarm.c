/* alarm.c - what people are told at once, and the free text of staff that goes with it. */
#include "core/ipc/keeper.h"
#include "core/log.h"
#include "keeper/permit.h"

enum sd_err note_add(struct keeper *k, struct span text, uint8_t ret_id[ID_BYTES]) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(2048);
    struct span id = span_of(ret_id, ID_BYTES);
    random_bytes(ret_id, ID_BYTES);
    enum sd_err err = vault_wrap(&k->vault, "note", id, text, &sealed);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_NOTE_ADD);
    query_blob(&q, id);
    query_blob(&q, buf_span(&sealed));
    return query_run(&q);
}

enum sd_err note_get(struct keeper *k, struct span id, struct buf *to) {
    struct query q = db_query(k->db, SQL_NOTE_GET);
    query_blob(&q, id);
    enum sd_err err = query_row(&q) ? vault_unwrap_buf(&k->vault, "note", id, query_get(&q, 0), to) : SD_OK;
    enum sd_err end = query_end(&q);
    return end ? end : err;
}

enum sd_err alarm_raise(struct keeper *k, const struct alarm_new *alarm, struct records *records) {
    struct query q = db_query(k->db, SQL_ALARM_ADD);
    query_int(&q, alarm->kind);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, alarm->person);
    query_blob(&q, alarm->note);
    enum sd_err err = query_run(&q);
    if (err)
        return err;
    struct leaf leaf = {.actor = ACTOR_SYSTEM,
                        .action = "alarm",
                        .object = alarm->person.n ? "person" : "installation",
                        .object_id = alarm->person,
                        .outcome = OUTCOME_GRANTED,
                        .reason = alarm_text(alarm->kind),
                        .note = alarm->note};
    records_add_changed(records, &leaf);
    log_warn("keeper.alarm", "kind=%s", alarm_text(alarm->kind));
    return records->err;
}

/* Kinds that this person is told of, whomever they are about. */
static uint32_t kinds_told(bool security) {
    uint32_t kinds = 0;
    for (unsigned kind = 1; alarm_sentence(kind)[0]; kind++)
        if (alarm_told(kind) == TOLD_EVERYBODY || (security && alarm_told(kind) == TOLD_SECURITY))
            kinds |= UINT32_C(1) << kind;
    return kinds;
}

enum sd_err alarm_kinds(struct keeper *k, const struct who *who, uint32_t *ret) {
    bool security = false;
    enum sd_err err = permit_peek(k, who, &(struct demand){.verb = VERB_ALARMS}, &security);
    if (err == SD_OK)
        *ret = kinds_told(security);
    return err;
}

enum sd_err alarms_unseen(struct keeper *k, const struct who *who, uint32_t *ret) {
    uint32_t kinds = 0;
    enum sd_err err = alarm_kinds(k, who, &kinds);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_ALARM_UNSEEN);
    query_blob(&q, span_of(who->person, ID_BYTES));
    query_int(&q, kinds);
    uint32_t count = query_row(&q) ? (uint32_t)query_get_int(&q, 0) : 0;
    err = query_end(&q);
    if (err == SD_OK)
        *ret = count;
    return err;
}
