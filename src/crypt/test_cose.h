/* test_cose.h - the other side of cose.h: keys that authenticators have, made for one test run. For tests only; a failure
 * aborts. */
#ifndef SD_CRYPT_TEST_COSE_H
#define SD_CRYPT_TEST_COSE_H

#include "core/buf.h"
#include "crypt/cose.h"

struct test_cose;
struct test_cose *test_cose_new(enum cose_algorithm algorithm, unsigned rsa_bits);
/* ES256 from a published private key and its point, 32 and 64 bytes. */
struct test_cose *test_cose_es256(struct span private_key, struct span point);
void test_cose_free(struct test_cose **key);
void test_cose_put(const struct test_cose *key, struct buf *to); /* the COSE_Key */
/* x, y; x; n, e: what goes into the COSE_Key, one behind the other. */
void test_cose_numbers(const struct test_cose *key, struct buf *to);
void test_cose_sign(const struct test_cose *key, struct span data, struct buf *to);

#endif
