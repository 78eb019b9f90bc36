#include "clerk/opening.h"
#include "core/ipc/keeper.h"
#include "store/facet.h"

#include <string.h>

/* zstd and the chunks' tags make what cannot be compressed somewhat larger. */
#define SEALED_MAX (OPENING_MAX + OPENING_MAX / 64)

static enum sd_err ask(const struct opening *o, struct deadline deadline, struct secret *ret_key, struct sha256 *ret_digest) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_warrant_open_req req = {
        .warrant = warrant_id_span(o->warrant), .object = object_id_span(o->object), .facet = (uint8_t)o->facet};
    struct keeper_warrant_open_rep rep;
    enum sd_err err = keeper_warrant_open_call(o->keeper, &req, deadline, &msg, &rep);
    if (err)
        return err;
    if (rep.digest.n != sizeof ret_digest->b)
        return SD_ERR_PROTOCOL;
    memcpy(ret_digest->b, rep.digest.p, rep.digest.n);
    return secret_copy(rep.key, ret_key);
}

static enum sd_err check_digest(struct span plain, const struct sha256 *digest) {
    struct sha256 got;
    enum sd_err err = crypt_sha256(plain, &got);
    if (err)
        return err;
    return span_eq(span_of(got.b, sizeof got.b), span_of(digest->b, sizeof digest->b)) ? SD_OK : SD_ERR_FORGED;
}

/* The sealed bytes are read first: no key is asked for what is not there. */
enum sd_err opening_read(const struct opening *o, struct deadline deadline, struct buf *to) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(SEALED_MAX);
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct sha256 digest;
    size_t before = to->n;
    enum sd_err err = facet_get(o->store, o->object, o->facet, &sealed);
    if (err == SD_OK)
        err = ask(o, deadline, &key, &digest);
    if (err == SD_OK)
        err = open_facet(secret_span(&key), o->object, o->facet, buf_span(&sealed), OPENING_MAX, to);
    return err ? err : check_digest(span_from(buf_span(to), before), &digest);
}

enum sd_err opening_key(const struct opening *o, struct deadline deadline, struct secret *ret) {
    struct sha256 digest;
    return ask(o, deadline, ret, &digest);
}

bool opening_may_wait(enum sd_err err) {
    return err == SD_ERR_UNAVAILABLE || err == SD_ERR_TIMEOUT || err == SD_ERR_LOCKED || err == SD_ERR_BUSY;
}
