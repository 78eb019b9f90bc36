/*
 * note.h - checkpoints of the audit log as C2SP signed notes (c2sp.org/tlog-checkpoint, c2sp.org/signed-note), Ed25519. No I/O.
 *
 *   <origin>\n<size>\n<base64 root>\n\n— <origin> <base64 of 4 key id bytes and the signature>\n
 */
#ifndef SD_KEEPER_NOTE_H
#define SD_KEEPER_NOTE_H

#include "crypt/crypt.h"

#define NOTE_MAX_BYTES ((size_t)1024)

/* Who signs: the log's name and key. */
struct note_key {
    struct span origin;
    uint8_t public_key[KEY_BYTES];
};

struct checkpoint {
    uint64_t size;
    struct sha256 root;
};

enum sd_err note_write(const struct note_key *key, const struct signer *signer, const struct checkpoint *checkpoint,
                       struct buf *to) SD_MUST_CHECK;
/* SD_ERR_PARSE: not such a note; SD_ERR_FORGED: not signed by this key. */
enum sd_err note_read(const struct note_key *key, struct span note, struct checkpoint *ret) SD_MUST_CHECK;
/* The key for those who check from outside: "<origin>+<key id>+<base64 of 0x01 and the key>". */
enum sd_err note_verifier_key(const struct note_key *key, struct buf *to) SD_MUST_CHECK;
/* The next whole note at the start of *rest, moving *rest behind it; false when there is none. */
bool note_next(struct span *rest, struct span *ret);

#endif
