/*
 * contacts.h - who has written before: a memory of correspondents, as keyed hashes only. Addresses, domains, the strings by
 * which one domain can be taken for another, and display names each have a label of their own under the index key; nothing here
 * can be read or guessed at without it.
 *
 * Only letters that were accepted, and whose checks did not fail, are remembered; domains, looks and names only from verified
 * ones, and from none that a signal warns of: an imitation does not become known by being repeated.
 */
#ifndef SD_KEEPER_CONTACTS_H
#define SD_KEEPER_CONTACTS_H

#include "keeper/keeper.h"

#define CONTACT_HASH_BYTES 16
struct contact_hash {
    uint8_t b[CONTACT_HASH_BYTES];
};

/* What a letter says; spans borrowed. */
struct contact_letter {
    struct span address; /* empty: no single author, nothing is looked up or kept */
    struct span domain;  /* organisational, lower-case A-label */
    struct span name;    /* comparable; may be empty */
    struct ipc_list looks;
    struct span message_id_hash; /* a letter to two queues is one letter */
    enum trust_level trust;
};

/* What is known of its sender. */
struct contact {
    uint64_t signals;       /* of the keeper's: first-contact, unverified-now, lookalike-known, known-name */
    uint32_t known;         /* letters before this one from this address, as trusted as this one or more */
    int64_t known_since_ms; /* the first of them; 0: none */
    /* for contacts_remember() */
    bool again; /* this letter is counted already, as it came to another queue */
    bool domain_known, name_mine;
    int64_t domain_seen_ms;
    struct contact_hash person, domain, name;
};

enum sd_err contacts_recall(struct keeper *k, const struct contact_letter *letter, struct contact *ret) SD_MUST_CHECK;
/* Once the letter's disposition is final; inside the caller's transaction. */
enum sd_err contacts_remember(struct keeper *k, const struct contact_letter *letter, enum disposition disposition,
                              uint64_t signals, const struct contact *contact) SD_MUST_CHECK;
/* Forgets who was not heard of for as long as the settings say: a portion of the table each time, all of it within days. */
enum sd_err contacts_expire(struct keeper *k) SD_MUST_CHECK;

#endif
