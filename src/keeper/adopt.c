/*
 * adopt.c - takes the keys of letters that the edge has sealed: opens the adoption card with the intake key, keeps keys and
 * facts, decides the ticket. Up to 64 letters in one transaction, each with a "received" record.
 */
#include "keeper/letter.h"

#include <string.h>

#define CARD_MAX_BYTES ((size_t)64 * 1024)

/* ---- rows ---- */

static enum sd_err add_files(struct keeper *k, const struct letter *letter, struct object_new file) {
    struct object_id id, parent;
    struct ipc_list_iter keys = ipc_list_start(letter->card.attachment_keys);
    struct ipc_list_iter digests = ipc_list_start(letter->card.attachment_digests);
    enum sd_err err = SD_OK;
    file.facts.kind = OBJECT_FILE;
    file.facts.has_files = false;
    file.letter = (struct letter_facts){0};
    file.opened_ticket = false;
    file.scan_due_ms = 0;
    file.letter_id = letter->header.object;
    memcpy(parent.b, letter->header.object.p, ID_BYTES);
    for (uint16_t i = 0; err == SD_OK && ipc_list_next(&keys, &file.key) && ipc_list_next(&digests, &file.digest); i++) {
        err = attachment_object_id(&parent, i, &id);
        file.id = span_of(id.b, ID_BYTES);
        file.found = letter->scan.found[i + 1];
        file.facts.state = file.found.own;
        file.place = i;
        if (err == SD_OK)
            err = object_add(k, &file);
    }
    return err;
}

static enum sd_err add_objects(struct keeper *k, const struct letter *letter) {
    struct object_new object = {.id = letter->header.object,
                                .facts = {.kind = OBJECT_LETTER,
                                          .state = (enum object_state)letter->scan.states[0],
                                          .disposition = letter->standing.disposition,
                                          .trust = letter->standing.trust,
                                          .has_files = letter->header.attachments > 0},
                                .found = letter->scan.found[0],
                                .scan_due_ms = letter->scan.due_ms,
                                .letter = letter->facts,
                                .key = letter->card.object_key,
                                .digest = letter->card.source_digest,
                                .ticket = span_of(letter->ticket, ID_BYTES),
                                .opened_ticket = letter->new_ticket};
    enum sd_err err = object_add(k, &object);
    return err ? err : add_files(k, letter, object);
}

static enum sd_err keep_letter(struct keeper *k, struct letter *letter) {
    enum sd_err err = letter_recognise(k, letter);
    if (err == SD_OK)
        err = letter_scan(k, letter);
    if (err == SD_OK)
        err = letter_settle_ticket(k, letter);
    if (err == SD_OK)
        err = add_objects(k, letter);
    if (err == SD_OK)
        err = letter_remember(k, letter);
    return err ? err
               : contacts_remember(k, &letter->said, letter->standing.disposition, letter->facts.signals, &letter->contact);
}

/* Seen before: the same answer again, so that whoever crashed after the first one loses nothing. */
static void answer_again(struct letter *letter, const struct object_row *row) {
    if (row->facts.kind != OBJECT_LETTER) {
        letter_refuse(letter, "id-taken");
        return;
    }
    letter->outcome = ADOPT_ALREADY;
    letter->has_ticket = true;
    letter->new_ticket = row->opened_ticket;
    letter->ticket_state = row->ticket_state;
    letter->standing.disposition = row->facts.disposition;
    letter->facts = row->letter;
    memcpy(letter->ticket, row->ticket, ID_BYTES);
}

#define FINDINGS_MAX_BYTES 200 /* a record has room for no more (LEAF_LISTED_MAX) */

static void put_finding(struct buf *to, const char *word) {
    struct span text = span_cstr(word);
    if (to->n + text.n + 1 <= FINDINGS_MAX_BYTES)
        buf_printf(to, "%s%s", to->n ? "," : "", word);
}

/* Why it became what it is: what was found in it, the gate that was shut, the keeper's signals, then the inspector's. */
static void put_findings(const struct letter *letter, struct buf *to) {
    const uint64_t seen[] = {letter->found, letter->facts.signals & ~letter->found};
    if (letter->scan.states[0] != OBJECT_CLEAN)
        put_finding(to, object_state_text(letter->scan.states[0]));
    if (letter->shut)
        put_finding(to, letter->shut);
    for (size_t i = 0; i < SD_COUNT(seen); i++)
        for (enum auth_signal s = 0; s < AUTH_SIGNAL_COUNT; s++)
            if (seen[i] >> s & 1)
                put_finding(to, auth_signal_id(s));
}

static void put_received(struct records *records, const struct letter *letter) {
    struct buf findings SD_CLEANUP(buf_free) = buf_new(FINDINGS_MAX_BYTES);
    struct leaf leaf = {.actor = ACTOR_SYSTEM,
                        .action = "received",
                        .object = "letter",
                        .object_id = letter->header.object,
                        .outcome = OUTCOME_GRANTED,
                        .reason = letter->reason};
    if (letter->outcome == ADOPT_REFUSED) {
        leaf.outcome = OUTCOME_REFUSED;
        records_add_changed(records, &leaf);
        return;
    }
    leaf.ticket = span_of(letter->ticket, ID_BYTES);
    leaf.digest = letter->card.source_digest;
    leaf.reason = disposition_word(letter->standing.disposition);
    put_findings(letter, &findings);
    if (buf_err(&findings) == SD_OK)
        leaf.detail = buf_span(&findings);
    records_add_changed(records, &leaf);
}

#define RESULT_MAX_BYTES ((size_t)1400) /* keeper.def */

static void put_result(const struct letter *letter, const struct object_row *row, enum category category, struct buf *raw,
                       struct ipc_list *results) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(RESULT_MAX_BYTES);
    struct buf states SD_CLEANUP(buf_free) = buf_new(RESULT_MAX_BYTES);
    const struct letter_facts *facts = &letter->facts;
    struct cards_adopted_v1 adopted = {.object = letter->header.object,
                                       .outcome = (uint8_t)letter->outcome,
                                       .ticket = span_of(letter->ticket, ID_BYTES),
                                       .new_ticket = letter->new_ticket,
                                       .queue = row->there ? row->queue : letter->header.queue,
                                       .category = (uint8_t)category,
                                       .ticket_state = (uint8_t)letter->ticket_state,
                                       .disposition = (uint8_t)letter->standing.disposition,
                                       .signals = facts->signals,
                                       .known = facts->known,
                                       .known_since_ms = facts->known_since_ms,
                                       .domain_tag = span_of(facts->domain_tag, DOMAIN_TAG_BYTES),
                                       .as_customer = facts->as_customer,
                                       .encrypted = facts->encrypted};
    for (uint16_t i = 0; i < letter->scan.count; i++)
        ipc_list_add(&adopted.states, &states, span_of(&letter->scan.states[i], 1));
    enum sd_err err = cards_adopted_v1_encode(&card, &adopted);
    if (err)
        buf_fail(raw, err);
    ipc_list_add(results, raw, buf_span(&card.body));
}

static enum sd_err adopt_letter(struct keeper *k, const struct cards_adopt_v1 *record, struct letter *letter,
                                struct object_row *row, struct records *records) {
    enum sd_err err = object_find(k, letter->header.object, row);
    if (err)
        return err;
    if (row->there) {
        answer_again(letter, row);
        return letter->outcome == ADOPT_ALREADY ? letter_scan_again(k, letter, row) : SD_OK;
    }
    err = letter_open(k, record, letter);
    if (err == SD_OK && letter->outcome == ADOPT_ADOPTED)
        err = keep_letter(k, letter);
    if (err == SD_OK)
        put_received(records, letter);
    return err ? err : records->err;
}

static enum sd_err adopt_one(struct keeper *k, struct span item, struct records *records, struct buf *raw,
                             struct ipc_list *results) {
    static const uint8_t nothing[ID_BYTES];
    struct cards_adopt_v1 record;
    struct object_row row = {0};
    struct ticket ticket = {0};
    struct letter letter = {.plain = buf_new(CARD_MAX_BYTES), .header = {.object = span_of(nothing, ID_BYTES)}};
    enum sd_err err = SD_OK;
    if (cards_adopt_v1_decode(item, NULL, &record) != SD_OK ||
        cards_intake_header_v1_decode(record.header, NULL, &letter.header) != SD_OK) {
        letter.header = (struct cards_intake_header_v1){.object = span_of(nothing, ID_BYTES)};
        letter_refuse(&letter, "malformed-header");
        put_received(records, &letter);
        err = records->err;
    } else {
        err = adopt_letter(k, &record, &letter, &row, records);
    }
    if (err == SD_OK && letter.outcome != ADOPT_REFUSED)
        err = ticket_find(k, span_of(letter.ticket, ID_BYTES), &ticket);
    if (err == SD_OK)
        put_result(&letter, &row, ticket.category, raw, results);
    buf_free(&letter.plain);
    return err ? err : buf_err(raw);
}

static enum sd_err adopt_all(struct keeper *k, struct ipc_list list, struct records *records, struct buf *raw,
                             struct ipc_list *results) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item;
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    while (err == SD_OK && ipc_list_next(&iter, &item))
        err = adopt_one(k, item, records, raw, results);
    if (err == SD_OK)
        err = pages_flush(&k->pages);
    err = db_end(k->db, err);
    if (err)
        pages_forget(&k->pages);
    return err;
}

enum sd_err keeper_on_adopt(void *ctx, struct ipc_call *call, const struct keeper_adopt_req *req) {
    struct keeper *k = ctx;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LIMIT_IPC_INLINE_BYTES);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_adopt_rep rep = {0};
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = adopt_all(k, req->records, &records, &raw, &rep.results);
    if (err == SD_OK)
        err = keeper_adopt_rep_encode(&out, &rep);
    if (err)
        return err;
    if (!records.first) { /* all seen before: nothing new to record */
        ipc_answer(call, &out);
        return SD_OK;
    }
    return records_send(&records, call, SD_OK, &out);
}
