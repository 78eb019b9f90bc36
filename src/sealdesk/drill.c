/* drill.c - does a restored copy hold what it should: the log verified, letters opened with the real keys and compared. */
#include "sealdesk/restore.h"

#include "core/ipc/keeper.h"
#include "crypt/seal.h"
#include "store/copy.h"
#include "store/facet.h"

#include <string.h>

#define ASK_MS 60000
#define VERIFY_MS 3600000
#define SOURCE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define LETTERS_MAX 1000

static enum sd_err verify_log(struct ipc_client *keeper, struct drilled *ret) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_audit_verify_rep rep;
    enum sd_err err = keeper_audit_verify_call(keeper, &(struct keeper_audit_verify_req){}, deadline_in_ms(VERIFY_MS), &msg,
                                               &rep);
    if (err)
        return err;
    ret->log_good = rep.good;
    ret->log_size = rep.size;
    memcpy(ret->log_root, rep.root.p, SHA256_BYTES);
    return SD_OK;
}

static bool is_right(struct store *store, const struct object_id *id, const struct keeper_drill_open_rep *key) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(SOURCE_MAX_BYTES), plain SD_CLEANUP(buf_free) = buf_new(SOURCE_MAX_BYTES);
    struct sha256 digest;
    return facet_get(store, id, FACET_SOURCE, &sealed) == SD_OK &&
           open_facet(key->key, id, FACET_SOURCE, buf_span(&sealed), SOURCE_MAX_BYTES, &plain) == SD_OK &&
           crypt_sha256(buf_span(&plain), &digest) == SD_OK && span_eq(key->digest, span_of(digest.b, SHA256_BYTES));
}

static enum sd_err try_letter(struct store *store, struct ipc_client *keeper, const struct object_id *id, struct drilled *ret) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_drill_open_rep rep;
    struct keeper_drill_open_req req = {.object = span_of(id->b, OBJECT_ID_BYTES)};
    enum sd_err err = keeper_drill_open_call(keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err == SD_ERR_UNSUPPORTED)
        ret->destroyed++;
    else if (err == SD_ERR_NOTFOUND || (err == SD_OK && !is_right(store, id, &rep)))
        ret->wrong++;
    else if (err == SD_OK)
        ret->right++;
    return err == SD_ERR_UNSUPPORTED || err == SD_ERR_NOTFOUND ? SD_OK : err;
}

enum sd_err drill(const struct restoring *r, struct ipc_client *keeper, unsigned letters, struct drilled *ret) {
    struct object_id ids[LETTERS_MAX];
    struct store *store SD_CLEANUP(store_close) = NULL;
    size_t count = 0;
    char dir[4100];
    (void)snprintf(dir, sizeof dir, "%s/store", r->dir);
    *ret = (struct drilled){0};
    enum sd_err err = verify_log(keeper, ret);
    if (err == SD_OK)
        err = store_open(dir, &store);
    if (err == SD_OK)
        err = store_count(store, &ret->messages);
    if (err == SD_OK)
        err = store_sample(store, letters < LETTERS_MAX ? letters : LETTERS_MAX, ids, &count);
    for (size_t i = 0; i < count && err == SD_OK; i++)
        err = try_letter(store, keeper, &ids[i], ret);
    return err;
}
