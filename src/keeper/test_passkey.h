/*
 * test_passkey.h - an authenticator and a browser in software, for tests only: passkeys with ES256 that can be made to say what
 * an honest one would not. What they say is signed all the same. A failure aborts.
 */
#ifndef SD_KEEPER_TEST_PASSKEY_H
#define SD_KEEPER_TEST_PASSKEY_H

#include "core/buf.h"

#define TEST_PASSKEY_ID_BYTES 32

enum { TEST_UP = 1, TEST_UV = 4, TEST_BE = 8, TEST_BS = 16, TEST_AT = 64 };

struct test_passkey {
    struct test_cose *key;
    uint8_t id[TEST_PASSKEY_ID_BYTES];
    uint8_t user[16]; /* the handle it was made with */
    size_t user_bytes;
    uint32_t count; /* counted up before each assertion */
    bool counts;    /* else 0 for ever, as synchronised ones say */
    uint8_t flags;
    const char *origin, *rp_id; /* of the page it is used on */
};
/* Lives until the test program ends. */
struct test_passkey *test_passkey_new(const char *origin, const char *rp_id);

struct test_answer {
    struct buf client_data, authenticator_data, attestation, signature;
};
void test_answer_free(struct test_answer *answer);
struct test_answer test_passkey_create(struct test_passkey *passkey, struct span challenge, struct span user);
struct test_answer test_passkey_get(struct test_passkey *passkey, struct span challenge);

#endif
