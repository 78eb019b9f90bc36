#include "keeper/password.h"
#include "core/codec.h"
#include "core/secret.h"
#include "keeper/common_passwords.h"
#include "keeper/guess.h"

#include <argon2.h>
#include <stdio.h>
#include <string.h>

#define SALT_BYTES 16
#define HASH_BYTES 32
#define LANES 1

static size_t characters(struct span s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xc0) != 0x80;
    return n;
}

const char *password_problem_for(struct span password, struct span email, const struct span *context, size_t n) {
    struct span known[1 + GUESS_CONTEXT_MAX] = {email};
    size_t more = n < GUESS_CONTEXT_MAX ? n : GUESS_CONTEXT_MAX;
    if (!span_is_utf8(password))
        return "The password is not UTF-8 text.";
    if (characters(password) < PASSWORD_MIN_CHARACTERS)
        return "The password is shorter than 15 characters.";
    if (characters(password) > PASSWORD_MAX_CHARACTERS)
        return "The password is longer than 256 characters.";
    for (size_t i = 0; i < more; i++)
        known[1 + i] = context[i];
    enum password_guess guess = password_guess(password, known, 1 + more);
    return guess == PASSWORD_UNCOMMON ? NULL : password_guess_sentence(guess);
}

const char *password_problem(struct span password, struct span email) {
    return password_problem_for(password, email, NULL, 0);
}

enum sd_err password_hash(struct span password, struct password_cost cost, struct buf *to) {
    uint8_t salt[SALT_BYTES];
    char encoded[PASSWORD_HASH_MAX];
    random_bytes(salt, sizeof salt);
    int rc = argon2id_hash_encoded(cost.passes, cost.memory_kib, LANES, password.p, password.n, salt, sizeof salt, HASH_BYTES,
                                   encoded, sizeof encoded);
    if (rc != ARGON2_OK)
        return rc == ARGON2_MEMORY_ALLOCATION_ERROR ? SD_ERR_NOMEM : SD_ERR_BUG;
    buf_text(to, encoded);
    explicit_bzero(encoded, sizeof encoded);
    return buf_err(to);
}

enum sd_err password_verify(struct span encoded, struct span password, enum password_verdict *ret) {
    char text[PASSWORD_HASH_MAX];
    if (encoded.n >= sizeof text)
        return SD_ERR_BUG;
    memcpy(text, encoded.p, encoded.n);
    text[encoded.n] = 0;
    int rc = argon2id_verify(text, password.n ? (const void *)password.p : "", password.n);
    explicit_bzero(text, sizeof text);
    if (rc == ARGON2_OK || rc == ARGON2_VERIFY_MISMATCH) {
        *ret = rc == ARGON2_OK ? PASSWORD_RIGHT : PASSWORD_WRONG;
        return SD_OK;
    }
    return rc == ARGON2_MEMORY_ALLOCATION_ERROR ? SD_ERR_NOMEM : SD_ERR_BUG;
}

enum sd_err password_key(struct span passphrase, struct span salt, struct password_cost cost, struct secret *ret) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    enum sd_err err = secret_new(HASH_BYTES, &key);
    if (err)
        return err;
    int rc = argon2id_hash_raw(cost.passes, cost.memory_kib, LANES, passphrase.n ? (const void *)passphrase.p : "",
                               passphrase.n, salt.p, salt.n, key.p, key.n);
    if (rc != ARGON2_OK)
        return rc == ARGON2_MEMORY_ALLOCATION_ERROR ? SD_ERR_NOMEM : SD_ERR_CONFIG;
    *ret = secret_take(&key);
    return SD_OK;
}

static void put_unpadded(struct buf *to, struct span s) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(128);
    put_base64(&b, s);
    struct span text = buf_span(&b);
    buf_put(to, span_sub(text, 0, span_find(text, '=')));
}

enum sd_err password_dummy(struct password_cost cost, struct buf *to) {
    uint8_t salt[SALT_BYTES], hash[HASH_BYTES];
    random_bytes(salt, sizeof salt);
    random_bytes(hash, sizeof hash);
    buf_printf(to, "$argon2id$v=19$m=%u,t=%u,p=%d$", cost.memory_kib, cost.passes, LANES);
    put_unpadded(to, span_of(salt, sizeof salt));
    buf_byte(to, '$');
    put_unpadded(to, span_of(hash, sizeof hash));
    return buf_err(to);
}
