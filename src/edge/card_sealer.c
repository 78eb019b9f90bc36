#include "edge/card_sealer.h"

#include "crypt/crypt.h"

#include <pthread.h>
#include <string.h>

#define ADOPTION_INFO SPAN("sealdesk intake v1")

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hpke_sender *sender; /* under lock, like all below */
static uint8_t sender_public_key[KEY_BYTES];
static struct deadline sender_until;

static enum sd_err fresh_sender(const struct intake_key *key) {
    if (sender && hpke_sender_count(sender) < CARD_SEALER_LETTERS && !deadline_passed(sender_until) &&
        memcmp(sender_public_key, key->public_key, KEY_BYTES) == 0)
        return SD_OK;
    hpke_sender_free(&sender);
    memcpy(sender_public_key, key->public_key, KEY_BYTES);
    sender_until = deadline_in_ms(CARD_SEALER_MS);
    return hpke_sender_new(key->public_key, ADOPTION_INFO, &sender);
}

enum sd_err card_seal(const struct intake_key *key, struct span header, struct span card, struct buf *to) {
    pthread_mutex_lock(&lock);
    enum sd_err err = fresh_sender(key);
    if (err == SD_OK)
        err = hpke_sender_seal(sender, header, card, to);
    pthread_mutex_unlock(&lock);
    return err;
}
