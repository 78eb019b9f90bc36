/*
 * backup.c - the keeper's part of a backup, and what is only done while one is restored. Its database leaves sealed, with a key
 * that only the offline recovery key gives back; so does the root, by itself. Copying goes in steps that the command line asks
 * for, so that letters are opened between them.
 */
#include "keeper/backup.h"
#include "core/log.h"
#include "crypt/backup_keys.h"
#include "crypt/stream.h"
#include "keeper/db_copy.h"
#include "keeper/generation.h"
#include "keeper/handlers.h"
#include "keeper/unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDLE_MS (10 * 60 * 1000) /* the command line is gone */
#define DETAIL_MAX 128

struct backup {
    uint8_t id[BACKUP_ID_BYTES];
    struct backup_keys keys;
    struct db_copy *copy; /* being made */
    int fd;               /* of the whole copy, which has no name any more; -1: it is not there yet */
    uint64_t bytes, at;
    struct stream *stream;
    int64_t made_ms, asked_ms;
};

static void put_path(struct keeper *k, char to[4096]) {
    (void)snprintf(to, 4096, "%s/backup.tmp", k->spec.dir ? k->spec.dir : k->spec.log_dir);
}

void backup_drop(struct keeper *k) {
    char path[4096];
    struct backup *b = k->backup;
    put_path(k, path);
    if (b) {
        db_copy_end(&b->copy);
        stream_free(&b->stream);
        backup_keys_free(&b->keys);
        if (b->fd >= 0)
            (void)close(b->fd);
        free(b);
        k->backup = NULL;
    }
    (void)unlink(path); /* and what a keeper that was killed has left */
}

void backup_tick(struct keeper *k) {
    if (k->backup && k->spec.now_ms() - k->backup->asked_ms > IDLE_MS) {
        log_warn("keeper.backup", "nobody asks for more of it");
        backup_drop(k);
    }
}

/* ---- begin ---- */

struct offer {
    struct buf archive, root; /* wrapped */
    uint64_t generation;
};

static void offer_free(struct offer *offer) {
    buf_free(&offer->archive);
    buf_free(&offer->root);
}

static enum sd_err make_keys(struct keeper *k, struct backup *b, struct offer *offer) {
    struct secret archive SD_CLEANUP(secret_free) = {0};
    struct generation root;
    random_bytes(b->id, sizeof b->id);
    enum sd_err err = secret_random(KEY_BYTES, &archive);
    if (err == SD_OK)
        err = backup_keys_derive(&archive, &b->keys);
    if (err == SD_OK)
        err = backup_key_wrap(k->keys.recovery_key, b->id, &archive, &offer->archive);
    if (err == SD_OK)
        err = generation_find(k, GENERATION_ROOT, &root);
    if (err)
        return err;
    struct backup_stamp stamp = {.made_ms = b->made_ms, .root_generation = (uint64_t)root.number};
    memcpy(stamp.id, b->id, sizeof stamp.id);
    offer->generation = stamp.root_generation;
    return backup_root_wrap(k->keys.recovery_key, &stamp, &k->root.secret, &offer->root);
}

static enum sd_err answer_begun(struct keeper *k, struct ipc_call *call, const char *problem, const struct offer *offer) {
    static const uint8_t none[KEY_BYTES];
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct backup *b = k->backup;
    struct keeper_backup_begin_rep rep = {.problem = span_cstr(problem),
                                          .id = span_of(b ? b->id : none, BACKUP_ID_BYTES),
                                          .files_key = b ? secret_span(&b->keys.files) : span_of(none, KEY_BYTES)};
    if (b) {
        rep.archive_key = buf_span(&offer->archive);
        rep.root = buf_span(&offer->root);
        rep.root_generation = offer->generation;
        rep.made_ms = b->made_ms;
    }
    enum sd_err err = keeper_backup_begin_rep_encode(&out, &rep);
    if (err)
        return err;
    struct leaf leaf = {.actor = ACTOR_ROOT,
                        .action = "backup-begin",
                        .object = "backup",
                        .object_id = b ? span_of(b->id, BACKUP_ID_BYTES) : SPAN_NONE,
                        .outcome = problem ? OUTCOME_FAILED : OUTCOME_GRANTED};
    return answer_recorded(k, call, &out, &leaf);
}

enum sd_err keeper_on_backup_begin(void *ctx, struct ipc_call *call, SD_UNUSED const struct keeper_backup_begin_req *req) {
    struct keeper *k = ctx;
    struct offer offer SD_CLEANUP(offer_free) = {.archive = buf_new(256), .root = buf_new(256)};
    backup_drop(k);
    if (!k->keys.has_recovery_key)
        return answer_begun(k, call, "backup.recovery_key is not set: sealdesk backup keygen makes one.", &offer);
    k->backup = calloc(1, sizeof *k->backup);
    if (!k->backup)
        return SD_ERR_NOMEM;
    *k->backup = (struct backup){.fd = -1, .made_ms = k->spec.now_ms(), .asked_ms = k->spec.now_ms()};
    enum sd_err err = make_keys(k, k->backup, &offer);
    if (err == SD_OK)
        err = answer_begun(k, call, NULL, &offer);
    if (err)
        backup_drop(k);
    return err;
}

/* ---- the database ---- */

/* The copy is whole: from here on it is a file without a name, and a stream. */
static enum sd_err begin_reading(struct keeper *k, struct backup *b, const char *path) {
    struct buf made SD_CLEANUP(buf_free) = buf_new(32);
    struct stat st;
    buf_printf(&made, "%lld", (long long)b->made_ms);
    enum sd_err err = db_copy_mark(b->copy, META_RESTORING, buf_span(&made));
    db_copy_end(&b->copy);
    if (err)
        return err;
    b->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (b->fd < 0 || fstat(b->fd, &st) != 0)
        return sd_err_from_errno(errno);
    (void)unlink(path);
    b->bytes = (uint64_t)st.st_size;
    (void)k;
    return stream_new(STREAM_SEAL, secret_span(&b->keys.keeper), span_of(b->id, sizeof b->id), &b->stream);
}

static enum sd_err go_on_copying(struct keeper *k, struct backup *b) {
    char path[4096];
    bool done = false;
    put_path(k, path);
    enum sd_err err = b->copy ? SD_OK : db_copy_begin(k->db, path, &b->copy);
    if (err == SD_OK)
        err = db_copy_step(b->copy, &done);
    return err || !done ? err : begin_reading(k, b, path);
}

static enum sd_err read_chunk(struct backup *b, struct buf *to) {
    uint8_t plain[STREAM_CHUNK_BYTES];
    size_t want = b->bytes - b->at < sizeof plain ? (size_t)(b->bytes - b->at) : sizeof plain;
    ssize_t n = pread(b->fd, plain, want, (off_t)b->at);
    enum sd_err err = n == (ssize_t)want ? SD_OK : SD_ERR_IO;
    b->at += want;
    if (err == SD_OK)
        err = stream_chunk(b->stream, span_of(plain, want), b->at == b->bytes, to);
    explicit_bzero(plain, sizeof plain);
    return err;
}

enum sd_err keeper_on_backup_read(void *ctx, struct ipc_call *call, const struct keeper_backup_read_req *req) {
    struct keeper *k = ctx;
    struct backup *b = k->backup;
    struct buf data SD_CLEANUP(buf_free) = buf_new(STREAM_SEALED_BYTES);
    if (!b || !span_eq(req->id, span_of(b->id, sizeof b->id)) || (b->stream && stream_ended(b->stream)))
        return SD_ERR_NOTFOUND;
    b->asked_ms = k->spec.now_ms();
    struct keeper_backup_read_rep rep = {.copying = !b->stream};
    enum sd_err err = b->stream ? read_chunk(b, &data) : go_on_copying(k, b);
    if (err) {
        backup_drop(k);
        return err;
    }
    rep.bytes = b->bytes;
    rep.data = buf_span(&data);
    rep.last = b->stream && stream_ended(b->stream);
    keeper_backup_read_reply(call, &rep);
    return SD_OK;
}

/* ---- what became of it ---- */

static bool is_plain(struct span text) {
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x20 || text.p[i] > 0x7e)
            return false;
    return text.n <= DETAIL_MAX;
}

static const struct {
    const char *action;
    enum outcome outcome;
} notes[] = {
    [BACKUP_MADE] = {"backup-made", OUTCOME_GRANTED},  [BACKUP_FAILED] = {"backup-made", OUTCOME_FAILED},
    [BACKUP_RESTORED] = {"restored", OUTCOME_GRANTED}, [BACKUP_DRILL] = {"drill", OUTCOME_GRANTED},
    [BACKUP_DRILL_FAILED] = {"drill", OUTCOME_FAILED},
};

static enum sd_err end_restoring(struct keeper *k) {
    struct query q = db_query(k->db, SQL_META_END);
    query_text(&q, SPAN(META_RESTORING));
    return query_run(&q);
}

enum sd_err keeper_on_backup_note(void *ctx, struct ipc_call *call, const struct keeper_backup_note_req *req) {
    struct keeper *k = ctx;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    if (req->what >= SD_COUNT(notes) || !is_plain(req->detail))
        return SD_ERR_PARSE;
    if (req->what == BACKUP_RESTORED && !k->restoring)
        return SD_ERR_STALE;
    records_start(&records, k);
    struct leaf leaf = {.actor = ACTOR_ROOT,
                        .action = notes[req->what].action,
                        .object = "backup",
                        .outcome = notes[req->what].outcome,
                        .detail = req->detail};
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    if (req->what == BACKUP_RESTORED)
        err = end_restoring(k);
    records_add_changed(&records, &leaf);
    err = db_end(k->db, err ? err : records.err);
    if (err)
        return err;
    if (req->what == BACKUP_RESTORED)
        k->restoring = false;
    if (req->what == BACKUP_MADE || req->what == BACKUP_FAILED)
        backup_drop(k);
    err = keeper_backup_note_rep_encode(&out, &(struct keeper_backup_note_rep){});
    return err ? err : records_send(&records, call, SD_OK, &out);
}

/* ---- a drill ---- */

static enum sd_err source_key(struct keeper *k, const struct object_row *row, struct secret *ret) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    enum sd_err err = pages_find(&k->pages, row->page, row->slot, &key);
    return err ? err : facet_key(secret_span(&key), FACET_SOURCE, ret);
}

static enum sd_err drill_leaf_refused(struct keeper *k, struct ipc_call *call, struct leaf *leaf, enum sd_err status,
                                      const char *reason) {
    leaf->reason = reason;
    return refuse_recorded(k, call, status, leaf);
}

enum sd_err keeper_on_drill_open(void *ctx, struct ipc_call *call, const struct keeper_drill_open_req *req) {
    struct keeper *k = ctx;
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct object_row row;
    struct leaf leaf = {.actor = ACTOR_ROOT, .action = "drill-open", .object = "object", .object_id = req->object};
    if (!k->restoring)
        return drill_leaf_refused(k, call, &leaf, SD_ERR_DENIED, "not-restoring");
    enum sd_err err = object_find(k, req->object, &row);
    if (err)
        return err;
    if (!row.there)
        return drill_leaf_refused(k, call, &leaf, SD_ERR_NOTFOUND, "not-there");
    if (row.facts.destroyed)
        return drill_leaf_refused(k, call, &leaf, SD_ERR_UNSUPPORTED, REASON_DESTROYED);
    err = source_key(k, &row, &key);
    struct keeper_drill_open_rep rep = {.key = secret_span(&key), .digest = span_of(row.digest.b, SHA256_BYTES)};
    if (err == SD_OK)
        err = keeper_drill_open_rep_encode(&out, &rep);
    leaf.outcome = OUTCOME_GRANTED;
    return err ? err : answer_recorded(k, call, &out, &leaf);
}
