/*
 * seal_letter.h - a judged letter as one framed intake record: every facet sealed under a key made for this object, and those
 * keys in an adoption card that only the keeper can open. One record per queue, each with its own keys.
 */
#ifndef SD_EDGE_SEAL_LETTER_H
#define SD_EDGE_SEAL_LETTER_H

#include "core/ipc/cards.h"
#include "crypt/seal.h"
#include "edge/key_cache.h"

/* The same for every queue. Spans borrowed. */
struct letter {
    uint8_t disposition, trust, state;
    int64_t received_ms;
    struct span source; /* as stored: our fields on top, cuts left out */
    struct sha256 source_digest;
    struct sha256 letter_digest; /* of the letter as the inspector saw it; all zero: it could not look into it */
    struct span facets; /* cards_facet_v1, each as a blob: HEAD once, TEXT once, HTML at most once, FILE 0, 1, … in order */
    uint16_t attachments;
    struct span from_address;
    struct span message_id_hash;
    struct ipc_list reference_hashes;
    bool automatic;
    /* What the keeper goes on from: as inspect.judge answers them. */
    uint64_t signals;
    uint32_t weight;
    struct span trust_domain, contact_domain, contact_name;
    struct ipc_list contact_looks, people;
    struct span tls; /* of the inbound hop; empty: in clear */
};

/*
 * Checks the facets, so that no record is written that the clerk or the keeper would choke on: SD_ERR_PARSE. Whatever the
 * inspector said, it cannot name a facet that is ours to make.
 */
enum sd_err letter_check(const struct letter *letter) SD_MUST_CHECK;

/* Appends the framed record. tokens: of this queue's recipients. */
enum sd_err seal_letter(const struct letter *letter, const struct intake_key *key, struct span queue, struct ipc_list tokens,
                        struct buf *to) SD_MUST_CHECK;

/* The facets of a letter that could not be parsed: a head card that says so, and an empty text. */
enum sd_err put_unparsed_facets(struct buf *to) SD_MUST_CHECK;

#endif
