/* letter_card.c - opens a letter's adoption card with the intake key, of any version, and checks what the edge filled in. */
#include "keeper/letter.h"

#include <string.h>

#define VERSION_1 1 /* says nothing about who sent it but the trust level */
#define VERSION_2 2 /* says not by what the inspector's verdict is known */
#define VERSION 3

enum adopt_outcome letter_refuse(struct letter *letter, const char *reason) {
    letter->reason = reason;
    return letter->outcome = ADOPT_REFUSED;
}

static const uint8_t no_digest[SHA256_BYTES];

/* Each version says what the one before did, and something besides. */
static struct cards_adoption_v2 version_2_of(const struct cards_adoption_v1 *c) {
    return (struct cards_adoption_v2){.object_key = c->object_key,
                                      .attachment_keys = c->attachment_keys,
                                      .source_digest = c->source_digest,
                                      .attachment_digests = c->attachment_digests,
                                      .from_address = c->from_address,
                                      .message_id_hash = c->message_id_hash,
                                      .reference_hashes = c->reference_hashes,
                                      .tokens = c->tokens,
                                      .automatic = c->automatic};
}

static struct cards_adoption_v3 version_3_of(const struct cards_adoption_v2 *c) {
    return (struct cards_adoption_v3){.object_key = c->object_key,
                                      .attachment_keys = c->attachment_keys,
                                      .source_digest = c->source_digest,
                                      .attachment_digests = c->attachment_digests,
                                      .from_address = c->from_address,
                                      .message_id_hash = c->message_id_hash,
                                      .reference_hashes = c->reference_hashes,
                                      .tokens = c->tokens,
                                      .automatic = c->automatic,
                                      .signals = c->signals,
                                      .weight = c->weight,
                                      .trust_domain = c->trust_domain,
                                      .contact_domain = c->contact_domain,
                                      .contact_name = c->contact_name,
                                      .contact_looks = c->contact_looks,
                                      .people = c->people,
                                      .tls = c->tls,
                                      .letter_digest = span_of(no_digest, sizeof no_digest)};
}

static enum sd_err read_card(struct letter *letter) {
    struct span plain = buf_span(&letter->plain);
    struct cards_adoption_v1 first;
    struct cards_adoption_v2 second = {0};
    enum sd_err err = SD_OK;
    if (letter->header.version == VERSION)
        return cards_adoption_v3_decode(plain, NULL, &letter->card);
    if (letter->header.version == VERSION_2)
        err = cards_adoption_v2_decode(plain, NULL, &second);
    else if ((err = cards_adoption_v1_decode(plain, NULL, &first)) == SD_OK)
        second = version_2_of(&first);
    if (err == SD_OK)
        letter->card = version_3_of(&second);
    return err;
}

/* Header and card in order, and the card authentic: else the letter is refused. Errors are ours. */
static enum sd_err open_card(struct keeper *k, const struct cards_adopt_v1 *record, struct letter *letter) {
    struct hpke_receiver *receiver = NULL;
    if (letter->header.version < VERSION_1 || letter->header.version > VERSION) {
        letter_refuse(letter, "unknown-version");
        return SD_OK;
    }
    enum sd_err err = intake_key_receiver(k, letter->header.key_id, &receiver);
    if (err == SD_ERR_NOTFOUND) {
        letter_refuse(letter, "intake-key-gone");
        return SD_OK;
    }
    if (err)
        return err;
    err = hpke_receiver_open(receiver, record->header, record->sealed_card, &letter->plain);
    if (err == SD_ERR_FORGED || err == SD_ERR_PARSE || err == SD_ERR_LIMIT) {
        letter_refuse(letter, "does-not-authenticate");
        return SD_OK;
    }
    if (err)
        return err;
    if (read_card(letter) != SD_OK) {
        letter_refuse(letter, "malformed-card");
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
    const struct cards_adoption_v3 *card = &letter->card;
    struct queue_row queue;
    uint8_t disposition = letter->header.disposition;
    enum sd_err err = queue_find(k, letter->header.queue, &queue);
    if (err)
        return err;
    if (!queue.there)
        letter_refuse(letter, "unknown-queue");
    else if (card->attachment_keys.count != letter->header.attachments ||
             card->attachment_digests.count != letter->header.attachments || !all_of_length(card->attachment_keys, KEY_BYTES) ||
             !all_of_length(card->attachment_digests, SHA256_BYTES) || !all_of_length(card->reference_hashes, SHA256_BYTES))
        letter_refuse(letter, "malformed-card");
    else if (disposition < DISPOSITION_QUARANTINE || disposition > DISPOSITION_ACCEPT ||
             letter->header.state > OBJECT_UNSCANNABLE || letter->header.trust > TRUST_VERIFIED)
        letter_refuse(letter, "impossible-facts");
    if (letter->outcome != ADOPT_ADOPTED)
        return SD_OK;
    bool taken = false;
    err = find_taken(k, letter, &taken);
    if (taken)
        letter_refuse(letter, "id-taken");
    return err;
}

enum sd_err letter_open(struct keeper *k, const struct cards_adopt_v1 *record, struct letter *letter) {
    enum sd_err err = open_card(k, record, letter);
    return err || letter->outcome != ADOPT_ADOPTED ? err : check_facts(k, letter);
}

/* ---- who sent it ---- */

static void weigh(struct keeper *k, struct letter *letter) {
    letter->standing.disposition = weighing_decide(&k->trust.weighing, (enum disposition)letter->header.disposition,
                                                   letter->card.weight, letter->found);
}

void letter_signal(struct keeper *k, struct letter *letter, uint64_t signal) {
    letter->found |= signal;
    weigh(k, letter);
}

static enum sd_err tag_domain(struct keeper *k, struct letter *letter) {
    uint8_t lower[LIMIT_DOMAIN_BYTES];
    size_t n = lower_case(letter->card.trust_domain, lower, sizeof lower);
    return n ? domain_tag(k, span_of(lower, n), letter->facts.domain_tag) : SD_OK;
}

enum sd_err letter_recognise(struct keeper *k, struct letter *letter) {
    const struct cards_adoption_v3 *card = &letter->card;
    letter->standing = (struct standing){.trust = (enum trust_level)letter->header.trust, .automatic = card->automatic};
    letter->said = (struct contact_letter){.address = card->from_address,
                                           .domain = card->contact_domain,
                                           .name = card->contact_name,
                                           .looks = card->contact_looks,
                                           .message_id_hash = card->message_id_hash,
                                           .trust = letter->standing.trust};
    enum sd_err err = SD_OK;
    if (card->from_address.n)
        err = participant_hash(k, card->from_address, &letter->sender);
    if (err == SD_OK)
        err = contacts_recall(k, &letter->said, &letter->contact);
    if (err == SD_OK)
        err = tag_domain(k, letter);
    letter_signal(k, letter, letter->contact.signals);
    letter->facts.known = letter->contact.known;
    letter->facts.known_since_ms = letter->contact.known_since_ms;
    letter->facts.encrypted = card->tls.n > 0;
    return err;
}
