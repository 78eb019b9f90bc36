/* GET /api/v1/attachments/{id}: the original, as it came. The second step, with a right of its own: pictures come first. */
#include "core/log.h"
#include "desk/attachment.h"
#include "desk/file_name.h"

/* The store's bytes are what the keeper's row says that came in, or nothing of them goes out. */
static enum sd_err check_digest(struct span content, const struct sha256 *want) {
    struct sha256 have;
    enum sd_err err = crypt_sha256(content, &have);
    if (err == SD_OK && !span_eq(span_of(have.b, sizeof have.b), span_of(want->b, sizeof want->b))) {
        log_error("desk.attachment", "error=digest");
        err = SD_ERR_FORGED;
    }
    return err;
}

static enum sd_err load(struct desk *desk, struct exchange *x, const struct object_id *id, struct span key,
                        const struct sha256 *digest) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = read_facet(lease.store, id, FACET_FILE, key, FILE_PLAIN_MAX, &x->response.body);
    lease_end(&lease);
    return err ? err : check_digest(buf_span(&x->response.body), digest);
}

/* A browser saves it and shows nothing of it, whatever it is. */
static void respond_file(struct exchange *x, struct span name) {
    x->response.status = 200;
    x->response.type = "application/octet-stream";
    x->response.policy = POLICY_FILE;
    x->response.disposition = file_name_disposition(name, x->arena);
}

enum sd_err api_attachment_get(struct desk *desk, struct exchange *x) {
    struct attachment_row row;
    struct span key, name;
    struct sha256 digest;
    enum sd_err err = attachment_find(desk, x, &row);
    if (err == SD_OK)
        err = read_file_key(desk, x, &row.object, &key, &digest);
    if (err == SD_ERR_UNSUPPORTED)
        return respond_unfit(desk, x, &row.message, &row.object, WANTED_FILE);
    if (err == SD_OK)
        err = attachment_name(desk, x, &row, &name);
    if (err == SD_OK)
        err = place_take(&desk->sources, x->deadline);
    if (err)
        return err;
    err = load(desk, x, &row.object, key, &digest);
    (void)sem_post(&desk->sources);
    if (err == SD_OK)
        respond_file(x, name);
    return err;
}
