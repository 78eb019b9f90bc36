/* letter_ticket.c - which ticket a letter joins or opens, and who takes part in it from then on. */
#include "keeper/letter.h"

#include <string.h>

static enum sd_err find_part(struct keeper *k, struct span ticket, const struct sha256 *person, struct part *ret) {
    struct query q = db_query(k->db, SQL_PARTICIPANT_GET);
    query_blob(&q, ticket);
    query_blob(&q, span_of(person->b, SHA256_BYTES));
    *ret = (struct part){.takes = query_row(&q)};
    if (ret->takes)
        ret->trust = (enum trust_level)query_get_int(&q, 0);
    return query_end(&q);
}

struct candidate {
    uint8_t ticket[ID_BYTES];
    struct proposal proposal;
};

static void read_candidate(struct query *q, const struct letter *letter, bool by_token, struct candidate *to) {
    query_get_fixed(q, 0, to->ticket, ID_BYTES);
    to->proposal = (struct proposal){.by_token = by_token,
                                     .ours = !by_token && query_get_int(q, 3) != 0,
                                     .same_queue = span_eq(query_get(q, 1), letter->header.queue),
                                     .state = (enum ticket_state)query_get_int(q, 2)};
}

/* Whoever has a reply address was given it, or was shown it: who takes no part does not come to do so by using it. */
static void take(struct keeper *k, struct letter *letter, const struct candidate *candidate) {
    if (!candidate->proposal.part.takes)
        letter_signal(k, letter, SIGNAL(STRANGER));
    if (threading_join(&k->trust.gates, &candidate->proposal, &letter->standing) != JOIN_YES)
        return; /* with that signal it weighs too much */
    memcpy(letter->ticket, candidate->ticket, ID_BYTES);
    letter->has_ticket = true;
    letter->part = candidate->proposal.part;
    letter->ticket_state = threading_state_joined(&k->trust.gates, &candidate->proposal, &letter->standing);
    letter->facts.as_customer = threading_customer(&k->trust.gates, &letter->part, &letter->standing) == CUSTOMER_YES;
}

static enum sd_err consider(struct keeper *k, struct letter *letter, struct candidate *candidate) {
    enum sd_err err = SD_OK;
    if (candidate->proposal.by_token && letter->card.from_address.n)
        err = find_part(k, span_of(candidate->ticket, ID_BYTES), &letter->sender, &candidate->proposal.part);
    if (err == SD_OK && threading_join(&k->trust.gates, &candidate->proposal, &letter->standing) == JOIN_YES)
        take(k, letter, candidate);
    return err;
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

/* As many tickets as one Message-ID is kept for, besides our own answers': whoever repeats somebody's Message-ID in letter
 * after letter neither hides the ticket that it belongs to nor makes looking for it long. */
#define CANDIDATES_MAX 64
static enum sd_err by_reference(struct keeper *k, struct letter *letter, struct span hash) {
    struct candidate candidates[CANDIDATES_MAX];
    size_t count = 0;
    if (letter->card.from_address.n == 0)
        return SD_OK; /* who takes no part joins nothing by reference */
    struct query q = db_query(k->db, SQL_MESSAGE_GET);
    query_blob(&q, span_of(letter->sender.b, SHA256_BYTES));
    query_blob(&q, hash);
    query_text(&q, letter->header.queue);
    for (; count < CANDIDATES_MAX && query_row(&q); count++) {
        read_candidate(&q, letter, false, &candidates[count]);
        candidates[count].proposal.part = (struct part){.takes = true, .trust = (enum trust_level)query_get_int(&q, 4)};
    }
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
    struct opening opening = threading_open(&k->trust.gates, &letter->standing);
    random_bytes(letter->ticket, ID_BYTES);
    letter->has_ticket = letter->new_ticket = true;
    letter->ticket_state = opening.state;
    letter->standing.disposition = opening.disposition;
    letter->shut = opening.shut;
    letter->facts.as_customer = letter->card.from_address.n && threading_opener(&letter->standing) == CUSTOMER_YES;
    struct query q = db_query(k->db, SQL_TICKET_ADD);
    query_blob(&q, span_of(letter->ticket, ID_BYTES));
    query_text(&q, letter->header.queue);
    query_int(&q, letter->ticket_state);
    query_int(&q, letter->header.received_ms);
    return query_run(&q);
}

static enum sd_err join_ticket(struct keeper *k, const struct letter *letter) {
    struct query q = db_query(k->db, SQL_TICKET_STATE);
    query_int(&q, letter->ticket_state);
    query_blob(&q, span_of(letter->ticket, ID_BYTES));
    return query_run(&q);
}

enum sd_err letter_settle_ticket(struct keeper *k, struct letter *letter) {
    enum sd_err err = find_ticket(k, letter);
    if (err == SD_OK)
        err = letter->has_ticket ? join_ticket(k, letter) : make_ticket(k, letter);
    letter->facts.signals = ((letter->card.signals & ~SIGNALS_OF_KEEPER) | letter->found) & SIGNALS_KNOWN;
    return err;
}

/* ---- who takes part ---- */

static enum sd_err add_part(struct keeper *k, const struct letter *letter, const struct sha256 *person,
                            enum trust_level trust) {
    struct query q = db_query(k->db, SQL_PARTICIPANT_ADD);
    query_blob(&q, span_of(letter->ticket, ID_BYTES));
    query_blob(&q, span_of(person->b, SHA256_BYTES));
    query_int(&q, trust);
    return query_run(&q);
}

static enum sd_err raise_part(struct keeper *k, const struct letter *letter) {
    struct query q = db_query(k->db, SQL_PARTICIPANT_TRUST);
    query_int(&q, letter->standing.trust);
    query_blob(&q, span_of(letter->ticket, ID_BYTES));
    query_blob(&q, span_of(letter->sender.b, SHA256_BYTES));
    return query_run(&q);
}

/* Who opens a ticket takes part in it; who takes part and is seen better proved is known by that from now on. */
static enum sd_err keep_sender(struct keeper *k, const struct letter *letter) {
    if (letter->card.from_address.n == 0)
        return SD_OK;
    if (letter->new_ticket)
        return add_part(k, letter, &letter->sender, letter->standing.trust);
    return letter->part.takes && letter->standing.trust > letter->part.trust ? raise_part(k, letter) : SD_OK;
}

/* They have proved nothing themselves, however well the one who named them has. */
static enum sd_err add_people(struct keeper *k, const struct letter *letter) {
    enum customer customer = letter->facts.as_customer ? CUSTOMER_YES : CUSTOMER_NO;
    if (threading_people(&k->trust.gates, customer, letter->ticket_state, &letter->standing) != PEOPLE_COME_IN)
        return SD_OK;
    enum trust_level trust = letter->standing.trust < TRUST_UNVERIFIED ? letter->standing.trust : TRUST_UNVERIFIED;
    struct ipc_list_iter iter = ipc_list_start(letter->card.people);
    struct span address;
    struct sha256 person;
    enum sd_err err = SD_OK;
    while (err == SD_OK && ipc_list_next(&iter, &address)) {
        if (!is_address(address))
            continue;
        err = participant_hash(k, address, &person);
        if (err == SD_OK)
            err = add_part(k, letter, &person, trust);
    }
    return err;
}

enum sd_err letter_remember(struct keeper *k, const struct letter *letter) {
    enum sd_err err = SD_OK;
    if (!span_is_zero(letter->card.message_id_hash)) {
        struct query q = db_query(k->db, SQL_MESSAGE_ADD);
        query_blob(&q, letter->card.message_id_hash);
        query_blob(&q, span_of(letter->ticket, ID_BYTES));
        query_int(&q, false); /* not ours */
        err = query_run(&q);
    }
    if (err == SD_OK)
        err = keep_sender(k, letter);
    return err ? err : add_people(k, letter);
}
