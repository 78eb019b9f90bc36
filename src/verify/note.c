/* note.c - the log's public key, and checkpoints: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, with Ed25519 (RFC 8032). */
#include "verify/verify.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define ED25519 0x01 /* signed-note's algorithm number */
#define KEY_BYTES 32
#define ID_BYTES 4
#define SIGNATURE_BYTES 64
#define SIGNATURES_MAX 32
#define DASH TEXT("\xe2\x80\x94 ") /* em dash, space: begins a signature's line */

/* ---- the key ---- */

/* signed-note: SHA-256(name, line feed, algorithm, key), the first four bytes. */
static void key_id(const struct key *key, uint8_t ret[ID_BYTES]) {
    uint8_t bytes[ORIGIN_MAX + 2 + KEY_BYTES];
    size_t n = key->origin_n;
    memcpy(bytes, key->origin, n);
    bytes[n++] = '\n';
    bytes[n++] = ED25519;
    memcpy(bytes + n, key->bytes, KEY_BYTES);
    struct hash hash = hash_of(bytes, n + KEY_BYTES);
    memcpy(ret, hash.b, ID_BYTES);
}

static bool key_parse(struct text text, struct key *ret) {
    struct text origin, id;
    uint8_t tagged[1 + KEY_BYTES], expected[ID_BYTES];
    struct key key = {.origin_n = 0};
    if (!take_until(&text, '+', &origin) || !take_until(&text, '+', &id) || origin.n == 0 || origin.n > ORIGIN_MAX ||
        memchr(origin.p, ' ', origin.n))
        return false;
    if (!from_hex(id, key.id, ID_BYTES) || !from_base64(text, tagged, sizeof tagged) || tagged[0] != ED25519)
        return false;
    memcpy(key.origin, origin.p, origin.n);
    key.origin_n = origin.n;
    memcpy(key.bytes, tagged + 1, KEY_BYTES);
    key_id(&key, expected);
    if (memcmp(key.id, expected, ID_BYTES) != 0)
        return false;
    *ret = key;
    return true;
}

bool key_read(const char *argument, struct key *ret) {
    char line[1024];
    if (key_parse((struct text){argument, strlen(argument)}, ret))
        return true;
    FILE *f = fopen(argument, "r");
    bool read = f && fgets(line, sizeof line, f);
    if (f)
        (void)fclose(f);
    if (!read)
        return false;
    return key_parse((struct text){line, strcspn(line, "\r\n \t")}, ret);
}

bool key_is(const struct key *key, struct text verifier_key) {
    struct key other;
    return key_parse(verifier_key, &other) && other.origin_n == key->origin_n &&
           memcmp(other.origin, key->origin, key->origin_n) == 0 && memcmp(other.bytes, key->bytes, KEY_BYTES) == 0;
}

static bool signed_by(const struct key *key, struct text text, const uint8_t signature[SIGNATURE_BYTES]) {
    EVP_PKEY *public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->bytes, KEY_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = public && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, public) == 1 &&
                EVP_DigestVerify(context, signature, SIGNATURE_BYTES, (const uint8_t *)text.p, text.n) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public);
    return good;
}

/* ---- checkpoints ---- */

/* The text, which is what is signed, with its last line feed; behind an empty line the signatures. */
static bool split_note(struct text note, struct text *ret_text, struct text *ret_signatures) {
    for (size_t i = note.n; i-- > 1;)
        if (note.p[i] == '\n' && note.p[i - 1] == '\n') {
            *ret_text = (struct text){note.p, i};
            *ret_signatures = (struct text){note.p + i + 1, note.n - i - 1};
            return true;
        }
    return false;
}

/* Lines of other keys, of witnesses for one, are passed over; a line that is none is not. */
static const char *check_signatures(const struct key *key, struct text text, struct text lines) {
    struct text line, name;
    unsigned count = 0;
    bool ours = false;
    while (lines.n) {
        uint8_t blob[ID_BYTES + SIGNATURE_BYTES];
        if (count++ == SIGNATURES_MAX || !take_until(&lines, '\n', &line) || !take(&line, DASH) ||
            !take_until(&line, ' ', &name))
            return "is no checkpoint: its signatures are malformed";
        if (name.n != key->origin_n || memcmp(name.p, key->origin, name.n) != 0 || !from_base64(line, blob, sizeof blob) ||
            memcmp(blob, key->id, ID_BYTES) != 0)
            continue;
        if (!signed_by(key, text, blob + ID_BYTES))
            return "carries a signature that is not the log's: it was forged or changed";
        ours = true;
    }
    return ours ? NULL : "does not carry the log's signature";
}

static bool read_text(const struct key *key, struct text text, struct checkpoint *ret) {
    struct text origin, size, root, other;
    if (!take_until(&text, '\n', &origin) || !take_until(&text, '\n', &size) || !take_until(&text, '\n', &root))
        return false;
    while (text.n) /* tlog-checkpoint allows more lines, none of them empty */
        if (!take_until(&text, '\n', &other) || other.n == 0)
            return false;
    return origin.n == key->origin_n && memcmp(origin.p, key->origin, origin.n) == 0 && take_number(&size, &ret->size) &&
           size.n == 0 && from_base64(root, ret->root.b, HASH_BYTES);
}

const char *checkpoint_read(const struct key *key, struct text note, struct checkpoint *ret) {
    struct text text, signatures;
    struct checkpoint checkpoint;
    if (note.n > NOTE_MAX || !split_note(note, &text, &signatures))
        return "is no checkpoint";
    const char *wrong = check_signatures(key, text, signatures);
    if (wrong)
        return wrong;
    if (!read_text(key, text, &checkpoint))
        return "is signed by the log, but is no checkpoint of it";
    *ret = checkpoint;
    return NULL;
}
