/*
 * verify.h - what sealdesk-verify is made of. It shares no code with what writes the log: whoever doubts the one can read the
 * other. It trusts nothing but the log's public key, which is given, and checkpoints that were kept elsewhere.
 *
 *   tree.c    hashes, the tree over the records, proofs (RFC 9162 §2.1)
 *   note.c    the key, and checkpoints: C2SP signed-note and tlog-checkpoint, Ed25519
 *   export.c  an export, line by line, in memory that does not grow with it
 *   proof.c   proofs of one record (C2SP tlog-proof), and that one checkpoint continues another
 *   report.c  what is said about it
 */
#ifndef VERIFY_H
#define VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Bytes of somebody else: never NUL-terminated. */
struct text {
    const char *p;
    size_t n;
};
#define TEXT(literal) ((struct text){"" literal, sizeof(literal) - 1})

/* Takes what it names off the front of *rest; false, and nothing taken, when it does not stand there. */
bool take(struct text *rest, struct text what);
bool take_number(struct text *rest, uint64_t *ret);             /* decimal, no leading zeros, below 2^63 */
bool take_until(struct text *rest, char end, struct text *ret); /* up to `end`, which is taken too */
/* Base64 with padding, or hexadecimal in lower case, of exactly n bytes. */
bool from_base64(struct text text, uint8_t *to, size_t n);
bool from_hex(struct text text, uint8_t *to, size_t n);

/* ---- tree.c ---- */

#define HASH_BYTES 32
#define PEAKS_MAX 64
struct hash {
    uint8_t b[HASH_BYTES];
};
/* The tree so far: the roots of its perfect subtrees, largest first, as many as size has one bits. */
struct tree {
    uint64_t size;
    struct hash peaks[PEAKS_MAX];
};
struct proof {
    size_t count;
    struct hash hashes[PEAKS_MAX];
};

unsigned peaks_of(uint64_t size);
struct hash hash_of(const void *p, size_t n);
struct hash hash_of_record(struct text record);
bool same_hash(const struct hash *a, const struct hash *b);
void tree_add(struct tree *tree, const struct hash *leaf);
struct hash tree_root(const struct tree *tree);
/* Is the record number `index` of the tree of `size` records with this root? */
bool proof_of_record(const struct proof *proof, const struct hash *leaf, uint64_t index, uint64_t size,
                     const struct hash *root);
/* Does the tree of `size` records begin with the one of `old_size`, which is not empty? */
bool proof_of_continuation(const struct proof *proof, uint64_t old_size, const struct hash *old_root, uint64_t size,
                           const struct hash *root);

/* ---- note.c ---- */

#define ORIGIN_MAX 300
#define NOTE_MAX 4096 /* a checkpoint with the signatures of some witnesses */
struct key {
    char origin[ORIGIN_MAX];
    size_t origin_n;
    uint8_t id[4], bytes[32];
};
/* "<origin>+<id>+<key>", or a file with that in its first line. */
bool key_read(const char *argument, struct key *ret);
bool key_is(const struct key *key, struct text verifier_key);

struct checkpoint {
    uint64_t size;
    struct hash root;
};
/* NULL: it is a checkpoint signed by this key; else what is wrong, as the end of a sentence that begins with its name. */
const char *checkpoint_read(const struct key *key, struct text note, struct checkpoint *ret);

/* ---- report.c ---- */

struct report {
    bool json;
    bool bad;
    char problem[600]; /* the first one: a sentence or two */
    uint64_t first_bad;
    bool has_first_bad;
    bool one; /* a proof by itself: size is that of the tree under its checkpoint */
    uint64_t from, size, checkpoints, dropped;
    struct hash root;
    bool has_root;
    char remark[300]; /* what is odd and not wrong */
};
/* Keeps the first problem. */
void problem(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, with the first record that cannot be believed. */
void problem_at(struct report *report, uint64_t record, const char *format, ...) __attribute__((format(printf, 3, 4)));
int report_end(const struct report *report, const char *what); /* prints; the exit status */

/* ---- export.c, proof.c ---- */

#define KEPT_MAX 64
struct kept { /* a checkpoint from elsewhere */
    const char *name;
    struct checkpoint checkpoint;
    bool found; /* the export had it */
};
void verify_export(FILE *in, const struct key *key, struct kept *kept, size_t kept_count, struct report *report);
/* record: NULL for a proof that one checkpoint continues another. */
void verify_proof(struct text proof, const struct key *key, const struct text *record, const struct kept *kept,
                  size_t kept_count, struct report *report);
/* Record number `seq`, as a line of an export has it; *ret_dropped when only its hash is left. False: it is another one. */
bool record_leaf(struct text line, uint64_t seq, struct hash *ret_leaf, bool *ret_dropped);

#endif
