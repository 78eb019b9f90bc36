#include "keeper/note.h"
#include "core/codec.h"

#include <string.h>

#define ALGORITHM_ED25519 0x01
#define KEY_ID_BYTES 4
#define SIGNATURE_BYTES 64
#define DASH "\xe2\x80\x94 " /* em dash, space: begins a signature line */

static enum sd_err key_id(const struct note_key *key, uint8_t ret[KEY_ID_BYTES]) {
    struct sha256 hash;
    struct buf b SD_CLEANUP(buf_free) = buf_new(512);
    buf_put(&b, key->origin);
    buf_byte(&b, '\n');
    buf_byte(&b, ALGORITHM_ED25519);
    buf_put(&b, span_of(key->public_key, KEY_BYTES));
    enum sd_err err = buf_err(&b);
    if (err == SD_OK)
        err = crypt_sha256(buf_span(&b), &hash);
    if (err == SD_OK)
        memcpy(ret, hash.b, KEY_ID_BYTES);
    return err;
}

enum sd_err note_write(const struct note_key *key, const struct signer *signer, const struct checkpoint *checkpoint,
                       struct buf *to) {
    uint8_t id[KEY_ID_BYTES];
    struct buf text SD_CLEANUP(buf_free) = buf_new(NOTE_MAX_BYTES), blob SD_CLEANUP(buf_free) = buf_new(128);
    buf_put(&text, key->origin);
    buf_printf(&text, "\n%llu\n", (unsigned long long)checkpoint->size);
    put_base64(&text, span_of(checkpoint->root.b, SHA256_BYTES));
    buf_byte(&text, '\n');
    enum sd_err err = buf_err(&text);
    if (err == SD_OK)
        err = key_id(key, id);
    if (err)
        return err;
    buf_put(&blob, span_of(id, sizeof id));
    err = signer_sign(signer, buf_span(&text), &blob);
    if (err)
        return err;
    buf_put(to, buf_span(&text));
    buf_text(to, "\n" DASH);
    buf_put(to, key->origin);
    buf_byte(to, ' ');
    put_base64(to, buf_span(&blob));
    buf_byte(to, '\n');
    return buf_err(to);
}

static bool take_line(struct span *rest, struct span *ret) {
    size_t end = span_find(*rest, '\n');
    if (end == rest->n)
        return false;
    *ret = span_sub(*rest, 0, end);
    *rest = span_from(*rest, end + 1);
    return true;
}

bool note_next(struct span *rest, struct span *ret) {
    struct span left = *rest, line;
    while (take_line(&left, &line))
        if (span_starts(line, SPAN(DASH))) {
            *ret = span_sub(*rest, 0, rest->n - left.n);
            *rest = left;
            return true;
        }
    return false;
}

static enum sd_err check_signature(const struct note_key *key, struct span text, struct span line) {
    uint8_t id[KEY_ID_BYTES];
    struct verify_key *verifier SD_CLEANUP(verify_key_free) = NULL;
    struct buf blob SD_CLEANUP(buf_free) = buf_new(128);
    struct span prefix = SPAN(DASH);
    enum sd_err err = key_id(key, id);
    if (err)
        return err;
    line = span_from(line, prefix.n);
    if (!span_starts(line, key->origin) || line.n < key->origin.n + 1 || line.p[key->origin.n] != ' ')
        return SD_ERR_FORGED;
    if (base64_decode(span_from(line, key->origin.n + 1), &blob) != SD_OK || blob.n != KEY_ID_BYTES + SIGNATURE_BYTES)
        return SD_ERR_PARSE;
    if (!span_eq(span_sub(buf_span(&blob), 0, KEY_ID_BYTES), span_of(id, sizeof id)))
        return SD_ERR_FORGED;
    err = verify_key_new(SIGN_ED25519, span_of(key->public_key, KEY_BYTES), &verifier);
    return err ? err : verify_signature(verifier, text, span_from(buf_span(&blob), KEY_ID_BYTES));
}

static enum sd_err read_text(const struct note_key *key, struct span lines[3], struct checkpoint *ret) {
    struct buf root SD_CLEANUP(buf_free) = buf_new(64);
    if (!span_eq(lines[0], key->origin) || span_to_u64(lines[1], &ret->size) != SD_OK ||
        base64_decode(lines[2], &root) != SD_OK || root.n != SHA256_BYTES)
        return SD_ERR_PARSE;
    memcpy(ret->root.b, root.p, SHA256_BYTES);
    return SD_OK;
}

enum sd_err note_read(const struct note_key *key, struct span note, struct checkpoint *ret) {
    struct span rest = note, lines[3], empty, signature;
    struct checkpoint checkpoint = {0};
    for (size_t i = 0; i < 3; i++)
        if (!take_line(&rest, &lines[i]))
            return SD_ERR_PARSE;
    struct span text = span_sub(note, 0, note.n - rest.n);
    if (!take_line(&rest, &empty) || empty.n || !take_line(&rest, &signature) || rest.n || !span_starts(signature, SPAN(DASH)))
        return SD_ERR_PARSE;
    enum sd_err err = read_text(key, lines, &checkpoint);
    if (err == SD_OK)
        err = check_signature(key, text, signature);
    if (err == SD_OK)
        *ret = checkpoint;
    return err;
}

enum sd_err note_verifier_key(const struct note_key *key, struct buf *to) {
    uint8_t id[KEY_ID_BYTES], tagged[1 + KEY_BYTES] = {ALGORITHM_ED25519};
    enum sd_err err = key_id(key, id);
    if (err)
        return err;
    memcpy(tagged + 1, key->public_key, KEY_BYTES);
    buf_put(to, key->origin);
    buf_byte(to, '+');
    put_hex(to, span_of(id, sizeof id));
    buf_byte(to, '+');
    put_base64(to, span_of(tagged, sizeof tagged));
    return buf_err(to);
}
