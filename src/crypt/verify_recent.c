/*
 * The public keys of the last senders, parsed. Mail comes from the same few hundred signers again and again; OpenSSL takes as
 * long to read a key and prepare its modulus as to verify with it. A table without chains: what falls on a place takes it.
 */
#include "crypt/verify.h"

#include <pthread.h>
#include <string.h>

struct place {
    enum sign_algorithm algorithm;
    size_t n;
    uint8_t bytes[VERIFY_KEY_KEPT_BYTES];
    struct verify_key *key; /* NULL: empty */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t seed; /* keys chosen to fall on one place do not */
static struct place places[VERIFY_KEYS_KEPT];

static void make_seed(void) {
    random_bytes(&seed, sizeof seed);
}

/* FNV-1a over a secret start. */
static struct place *place_of(struct span bytes) {
    (void)pthread_once(&once, make_seed);
    uint64_t hash = seed ^ UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes.n; i++)
        hash = (hash ^ bytes.p[i]) * UINT64_C(0x100000001b3);
    return &places[(hash >> 32) % VERIFY_KEYS_KEPT];
}

static struct verify_key *find(struct place *place, enum sign_algorithm algorithm, struct span bytes) {
    struct verify_key *found = NULL;
    pthread_mutex_lock(&lock);
    if (place->key && place->algorithm == algorithm && span_eq(span_of(place->bytes, place->n), bytes))
        found = verify_key_hold(place->key);
    pthread_mutex_unlock(&lock);
    return found;
}

static void keep(struct place *place, enum sign_algorithm algorithm, struct span bytes, struct verify_key *key) {
    pthread_mutex_lock(&lock);
    struct verify_key *old = place->key;
    place->key = verify_key_hold(key);
    place->algorithm = algorithm;
    place->n = bytes.n;
    memcpy(place->bytes, bytes.p, bytes.n);
    pthread_mutex_unlock(&lock);
    verify_key_free(&old);
}

enum sd_err verify_key_recent(enum sign_algorithm algorithm, struct span public_key, struct verify_key **ret) {
    if (public_key.n == 0 || public_key.n > VERIFY_KEY_KEPT_BYTES)
        return verify_key_new(algorithm, public_key, ret);
    struct place *place = place_of(public_key);
    struct verify_key *key = find(place, algorithm, public_key);
    if (!key) {
        enum sd_err err = verify_key_new(algorithm, public_key, &key);
        if (err)
            return err;
        keep(place, algorithm, public_key, key);
    }
    *ret = key;
    return SD_OK;
}
