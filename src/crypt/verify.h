/* verify.h - public keys among themselves: a key may have several holders (verify_recent.c); each frees it once. */
#ifndef SD_CRYPT_VERIFY_H
#define SD_CRYPT_VERIFY_H

#include "crypt/crypt.h"

struct verify_key *verify_key_hold(struct verify_key *key);

#endif
