/*
 * adopt.c - takes the keys of letters that the edge has sealed: opens the adoption card with the intake key, keeps keys and
 * facts, decides the ticket. Up to 64 letters in one transaction, each with a "received" record.
 */
#include "keeper/handlers.h"
#include "keeper/threading.h"

#include "core/ipc/cards.h"

#include <string.h>

#define CARD_MAX_BYTES ((size_t)64 * 1024)
#define HEADER_VERSION 1

struct letter {
    struct cards_intake_header_v1 header;
    struct cards_adoption_v1 card;
    struct buf plain; /* what card points into */
    struct sha256 sender;
    uint8_t ticket[ID_BYTES];
    bool has_ticket, new_ticket;
    enum ticket_state ticket_state;
    enum adopt_outcome outcome;
    const char *reason; /* why refused */
};

static enum adopt_outcome refused(struct letter *letter, const char *reason) {
    letter->reason = reason;
    return letter->outcome = ADOPT_REFUSED;
}

/* Header and card in order, and the card authentic: else the letter is refused. Errors are ours. */
static enum sd_err open_card(struct keeper *k, const struct cards_adopt_v1 *record, struct letter *letter) {
    struct hpke_receiver *receiver = NULL;
    if (letter->header.version != HEADER_VERSION) {
        refused(letter, "unknown-version");
        return SD_OK;
    }
    enum sd_err err = intake_key_receiver(k, letter->header.key_id, &receiver);
    if (err == SD_ERR_NOTFOUND) {
        refused(letter, "intake-key-gone");
        return SD_OK;
    }
    if (err)
        return err;
    err = hpke_receiver_open(receiver, record->header, record->sealed_card, &letter->plain);
    if (err == SD_ERR_FORGED || err == SD_ERR_PARSE || err == SD_ERR_LIMIT) {
        refused(letter, "does-not-authenticate");
        return SD_OK;
    }
    if (err)
        return err;
    if (cards_adoption_v1_decode(buf_span(&letter->plain), NULL, &letter->card) != SD_OK) {
        refused(letter, "malformed-card");
        return SD_OK;
    }
    letter->outcome = ADOPT_ADOPTED;
    return SD_OK;
}

static bool all_of_length(struct ipc_list list, size_t n) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item;
    while (ipc_list_next(&iter, &item))
        if (item.n != n)
            return false;
    return true;
}

/* Whoever chose the letter's id chose its files' ids too: one that is taken costs this letter, not the batch it is in. */
static enum sd_err find_taken(struct keeper *k, const struct letter *letter, bool *ret) {
    struct object_id id, parent;
    struct object_row row = {0};
    enum sd_err err = SD_OK;
    memcpy(parent.b, letter->header.object.p, ID_BYTES);
    for (uint16_t i = 0; i < letter->header.attachments && err == SD_OK && !row.there; i++) {
        err = attachment_object_id(&parent, i, &id);
        if (err == SD_OK)
            err = object_find(k, span_of(id.b, ID_BYTES), &row);
    }
    if (err == SD_OK)
        *ret = row.there;
    return err;
}

/* What the edge must have filled in consistently. */
static enum sd_err check_facts(struct keeper *k, struct letter *letter) {
    const struct cards_adoption_v1 *card = &letter->card;
    struct queue_row queue;
    uint8_t disposition = letter->header.disposition;
    enum sd_err err = queue_find(k, letter->header.queue, &queue);
    if (err)
        return err;
    if (!queue.there)
        refused(letter, "unknown-queue");
    else if (card->attachment_keys.count != letter->header.attachments ||
             card->attachment_digests.count != letter->header.attachments || !all_of_length(card->attachment_keys, KEY_BYTES) ||
             !all_of_length(card->attachment_digests, SHA256_BYTES) || !all_of_length(card->reference_hashes, SHA256_BYTES))
        refused(letter, "malformed-card");
    else if (disposition < DISPOSITION_QUARANTINE || disposition > DISPOSITION_ACCEPT ||
             letter->header.state > OBJECT_UNSCANNABLE)
        refused(letter, "impossible-facts");
    if (letter->outcome != ADOPT_ADOPTED)
        return SD_OK;
    bool taken = false;
    err = find_taken(k, letter, &taken);
    if (taken)
        refused(letter, "id-taken");
    return err;
}

/* ---- the ticket ---- */

static enum sd_err takes_part(struct keeper *k, struct span ticket, const struct sha256 *person, bool *ret) {
    struct query q = db_query(k->db, SQL_PARTICIPANT_GET);
    query_blob(&q, ticket);
    query_blob(&q, span_of(person->b, SHA256_BYTES));
    *ret = query_row(&q);
    return query_end(&q);
}

struct candidate {
    uint8_t ticket[ID_BYTES];
    struct proposal proposal;
};

static void read_candidate(struct query *q, const struct letter *letter, bool by_token, struct candidate *to) {
    query_get_fixed(q, 0, to->ticket, ID_BYTES);
    to->proposal = (struct proposal){.by_token = by_token,
                                     .same_queue = span_eq(query_get(q, 1), letter->header.queue),
                                     .state = (enum ticket_state)query_get_int(q, 2)};
}

static enum sd_err consider(struct keeper *k, struct letter *letter, struct candidate *candidate) {
    enum sd_err err = SD_OK;
    if (letter->card.from_address.n)
        err = takes_part(k, span_of(candidate->ticket, ID_BYTES), &letter->sender, &candidate->proposal.sender_participant);
    if (err || threading_join(&candidate->proposal, (enum disposition)letter->header.disposition) != JOIN_YES)
        return err;
    memcpy(letter->ticket, candidate->ticket, ID_BYTES);
    letter->ticket_state = threading_state_joined(candidate->proposal.state);
    letter->has_ticket = true;
    return SD_OK;
}

static enum sd_err by_token(struct keeper *k, struct letter *letter, struct span token) {
    uint8_t lower[64];
    struct sha256 hash;
    struct candidate candidate;
    size_t n = lower_case(token, lower, sizeof lower); /* some servers change the case of a local part */
    enum sd_err err = crypt_sha256(span_of(lower, n), &hash);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_TOKEN_GET);
    query_blob(&q, span_of(hash.b, SHA256_BYTES));
    bool there = query_row(&q);
    if (there)
        read_candidate(&q, letter, true, &candidate);
    err = query_end(&q);
    return err || !there ? err : consider(k, letter, &candidate);
}

#define CANDIDATES_MAX 8
static enum sd_err by_reference(struct keeper *k, struct letter *letter, struct span hash) {
    struct candidate candidates[CANDIDATES_MAX];
    size_t count = 0;
    struct query q = db_query(k->db, SQL_MESSAGE_GET);
    query_blob(&q, hash);
    query_text(&q, letter->header.queue);
    while (count < CANDIDATES_MAX && query_row(&q))
        read_candidate(&q, letter, false, &candidates[count++]);
    enum sd_err err = query_end(&q);
    for (size_t i = 0; i < count && err == SD_OK && !letter->has_ticket; i++)
        err = consider(k, letter, &candidates[i]);
    return err;
}

static enum sd_err find_ticket(struct keeper *k, struct letter *letter) {
    struct span item;
    enum sd_err err = SD_OK;
    struct ipc_list_iter iter = ipc_list_start(letter->card.tokens);
    while (err == SD_OK && !letter->has_ticket && ipc_list_next(&iter, &item))
        err = by_token(k, letter, item);
    iter = ipc_list_start(letter->card.reference_hashes);
    while (err == SD_OK && !letter->has_ticket && ipc_list_next(&iter, &item))
        err = by_reference(k, letter, item);
    return err;
}

static enum sd_err make_ticket(struct keeper *k, struct letter *letter) {
    random_bytes(letter->ticket, ID_BYTES);
    letter->has_ticket = letter->new_ticket = true;
    letter->ticket_state = threading_state_new((enum disposition)letter->header.disposition);
    struct query q = db_query(k->db, SQL_TICKET_ADD);
    query_blob(&q, span_of(letter->ticket, ID_BYTES));
    query_text(&q, letter->header.queue);
    query_int(&q, letter->ticket_state);
    query_int(&q, letter->header.received_ms);
    return query_run(&q);
}

static enum sd_err settle_ticket(struct keeper *k, struct letter *letter) {
    enum sd_err err = find_ticket(k, letter);
    if (err || !letter->has_ticket)
        return err ? err : make_ticket(k, letter);
    struct query q = db_query(k->db, SQL_TICKET_STATE);
    query_int(&q, letter->ticket_state);
    query_blob(&q, span_of(letter->ticket, ID_BYTES));
    return query_run(&q);
}

/* ---- rows ---- */

static bool all_zero(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i])
            return false;
    return true;
}

/* By what later letters and answers find this ticket. */
static enum sd_err remember(struct keeper *k, const struct letter *letter) {
    struct span ticket = span_of(letter->ticket, ID_BYTES);
    enum sd_err err = SD_OK;
    if (!all_zero(letter->card.message_id_hash)) {
        struct query q = db_query(k->db, SQL_MESSAGE_ADD);
        query_blob(&q, letter->card.message_id_hash);
        query_blob(&q, ticket);
        err = query_run(&q);
    }
    if (err || letter->card.from_address.n == 0)
        return err;
    struct query q = db_query(k->db, SQL_PARTICIPANT_ADD);
    query_blob(&q, ticket);
    query_blob(&q, span_of(letter->sender.b, SHA256_BYTES));
    return query_run(&q);
}

static enum sd_err add_files(struct keeper *k, const struct letter *letter, struct object_facts facts) {
    struct object_id id, parent;
    struct ipc_list_iter keys = ipc_list_start(letter->card.attachment_keys);
    struct ipc_list_iter digests = ipc_list_start(letter->card.attachment_digests);
    struct span key, digest;
    enum sd_err err = SD_OK;
    facts.kind = OBJECT_FILE;
    memcpy(parent.b, letter->header.object.p, ID_BYTES);
    for (uint16_t i = 0; err == SD_OK && ipc_list_next(&keys, &key) && ipc_list_next(&digests, &digest); i++) {
        err = attachment_object_id(&parent, i, &id);
        if (err == SD_OK)
            err = object_add(k, span_of(id.b, ID_BYTES), &facts, key, digest, span_of(letter->ticket, ID_BYTES), false);
    }
    return err;
}

static enum sd_err keep_letter(struct keeper *k, struct letter *letter) {
    struct object_facts facts = {.kind = OBJECT_LETTER,
                                 .state = (enum object_state)letter->header.state,
                                 .disposition = (enum disposition)letter->header.disposition};
    enum sd_err err = SD_OK;
    if (letter->card.from_address.n)
        err = participant_hash(k, letter->card.from_address, &letter->sender);
    if (err == SD_OK)
        err = settle_ticket(k, letter);
    if (err == SD_OK)
        err = object_add(k, letter->header.object, &facts, letter->card.object_key, letter->card.source_digest,
                         span_of(letter->ticket, ID_BYTES), letter->new_ticket);
    if (err == SD_OK)
        err = add_files(k, letter, facts);
    return err ? err : remember(k, letter);
}

/* Seen before: the same answer again, so that whoever crashed after the first one loses nothing. */
static void answer_again(struct letter *letter, const struct object_row *row) {
    if (row->facts.kind != OBJECT_LETTER) {
        refused(letter, "id-taken");
        return;
    }
    letter->outcome = ADOPT_ALREADY;
    letter->has_ticket = true;
    letter->new_ticket = row->opened_ticket;
    letter->ticket_state = row->ticket_state;
    memcpy(letter->ticket, row->ticket, ID_BYTES);
}

static void put_received(struct records *records, const struct letter *letter) {
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
    leaf.reason = disposition_word(letter->header.disposition);
    records_add_changed(records, &leaf);
}

static void put_result(const struct letter *letter, const struct object_row *row, struct buf *raw, struct ipc_list *results) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(512);
    struct cards_adopted_v1 adopted = {.object = letter->header.object,
                                       .outcome = (uint8_t)letter->outcome,
                                       .ticket = span_of(letter->ticket, ID_BYTES),
                                       .new_ticket = letter->new_ticket,
                                       .queue = row->there ? row->queue : letter->header.queue,
                                       .ticket_state = (uint8_t)letter->ticket_state};
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
        return SD_OK;
    }
    err = open_card(k, record, letter);
    if (err == SD_OK && letter->outcome == ADOPT_ADOPTED)
        err = check_facts(k, letter);
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
    struct letter letter = {.plain = buf_new(CARD_MAX_BYTES), .header = {.object = span_of(nothing, ID_BYTES)}};
    enum sd_err err = SD_OK;
    if (cards_adopt_v1_decode(item, NULL, &record) != SD_OK ||
        cards_intake_header_v1_decode(record.header, NULL, &letter.header) != SD_OK) {
        letter.header = (struct cards_intake_header_v1){.object = span_of(nothing, ID_BYTES)};
        refused(&letter, "malformed-header");
        put_received(records, &letter);
        err = records->err;
    } else {
        err = adopt_letter(k, &record, &letter, &row, records);
    }
    if (err == SD_OK)
        put_result(&letter, &row, raw, results);
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
