/*
 * audit.h - the audit log: collects records, makes them durable together, then sends the answers that waited for them.
 *
 * audit_submit() is called by the keeper's loop; audit_turn() does one round of writing and belongs to the log thread (or to a
 * test). An answer goes out only after its record is durable; when the record could not be written, the asker gets the error
 * and no key. Every 60 s, and when the log closes, a checkpoint is signed over all of it.
 */
#ifndef SD_KEEPER_AUDIT_H
#define SD_KEEPER_AUDIT_H

#include "core/ipc/ipc.h"
#include "keeper/note.h"
#include "keeper/segment.h"

#define AUDIT_CHECKPOINT_MS (60 * 1000)
/* What waits, with its answers; above it the loop takes no more questions. */
#define AUDIT_BACKLOG_MAX 4096
#define AUDIT_BACKLOG_BYTES ((size_t)8 * 1024 * 1024) /* ordinary ones have 700 bytes; a list of people has 60000 */

/* One record and what waits for it. From audit_entry_new; freed by the log or, when finished, by audit_entry_free. */
struct audit_entry {
    struct audit_entry *next;
    struct buf rest;       /* the record without its opening {"seq":N, */
    uint8_t ticket[16];    /* what it is found by; all zero: nothing */
    uint8_t opened[16];    /* an object of which the record says that something of an attachment was opened; all zero: none */
    int64_t outbox;        /* the keeper.db row that remembers it until it is durable; 0: none */
    struct ipc_call *call; /* answered after this record; NULL: nobody waits */
    enum sd_err status;
    struct ipc_out out;
    /* Asks for a checkpoint over this record and all before it, and makes the answer from it; called by the log's thread. */
    enum sd_err (*with_checkpoint)(struct ipc_out *out, struct span note);
    /* filled in by the log */
    size_t bytes; /* of record and answer, while they wait */
    enum sd_err err;
    uint64_t seq, segment, offset;
};
struct audit_entry *audit_entry_new(void);
void audit_entry_free(struct audit_entry *entry);

struct audit;
struct audit_spec {
    const char *dir;
    struct note_key key;
    const struct signer *signer; /* outlives the log */
    void (*wake)(void *arg);     /* after each round, from the log's thread */
    void *arg;
};
/* Recovers: a torn tail is cut off; *ret_trimmed counts its bytes, *ret_damaged tells that a checkpoint no longer fits. */
enum sd_err audit_open(const struct audit_spec *spec, struct audit **ret, uint64_t *ret_trimmed,
                       bool *ret_damaged) SD_MUST_CHECK;
void audit_close(struct audit **audit); /* frees; refuses what still waits */

void audit_submit(struct audit *audit, struct audit_entry *first); /* a chain; takes ownership */
size_t audit_backlog(struct audit *audit);                         /* records that wait */
bool audit_full(struct audit *audit);
#define LOG_FAILING_SENTENCE "The audit log cannot be written; nothing is opened or sent."
bool audit_failing(struct audit *audit); /* the last round could not be written */
/* Waits for records until the deadline or audit_stop(), then writes what is there. False when stopped and empty. */
bool audit_turn(struct audit *audit, struct deadline deadline);
/* The next record begins a segment. */
void audit_end_segment(struct audit *audit);
/* Makes audit_turn() finish; with it the last checkpoint is written. */
void audit_stop(struct audit *audit);
/* Written entries, or failed ones that have an outbox row; the caller frees them. */
struct audit_entry *audit_finished(struct audit *audit);
/* What is durable now: the tree. */
void audit_range(struct audit *audit, struct merkle_range *ret);

/* Appends the newest checkpoint, a signed note; nothing when there is none. */
void audit_checkpoint(struct audit *audit, struct buf *to);

/* ---- reading; any thread ---- */

/* Calls with each record from number `from` below `until`; stops when the callback says false. */
typedef bool audit_each(void *arg, uint64_t seq, uint64_t segment, uint64_t offset, struct span record);
/* The same, when it is known where that record is; may stop early, when audit_read() goes on. Costs no reading of what is
 * before. */
struct audit_place {
    uint64_t seq, segment, offset;
};
enum sd_err audit_read_at(const char *dir, const struct audit_place *place, uint64_t until, audit_each *each,
                          void *arg) SD_MUST_CHECK;
enum sd_err audit_read(const char *dir, uint64_t from, uint64_t until, audit_each *each, void *arg) SD_MUST_CHECK;

/* One record and its leaf hash: SD_ERR_NOTFOUND. */
enum sd_err audit_read_record(const char *dir, uint64_t seq, struct buf *to, struct sha256 *ret_leaf) SD_MUST_CHECK;

/* The checkpoints from this offset of their file on, which is moved behind the last one that the callback took. */
typedef bool audit_each_checkpoint(void *arg, struct span note);
enum sd_err audit_read_checkpoints(const char *dir, uint64_t *offset, audit_each_checkpoint *each, void *arg) SD_MUST_CHECK;

/* The tree before record number `size`, as the segments have it. */
enum sd_err audit_range_at(const char *dir, uint64_t size, struct merkle_range *ret) SD_MUST_CHECK;

struct audit_report {
    bool good;
    uint64_t size;
    struct sha256 root;
    uint64_t first_bad;
    char problem[256];
};
/* Recomputes the tree from the files and compares it with every checkpoint, and with `durable` unless that is NULL. */
enum sd_err audit_verify(const char *dir, const struct note_key *key, const struct merkle_range *durable,
                         struct audit_report *ret) SD_MUST_CHECK;

#endif
