#include "crypt/seal.h"

const char *facet_name(enum facet facet) {
    switch (facet) {
#define X(name, number, text)                                                                                                  \
    case FACET_##name:                                                                                                         \
        return text;
        FACET_LIST(X)
#undef X
    }
    return "unknown";
}

enum sd_err facet_key(struct span object_key, enum facet facet, struct secret *ret) {
    uint8_t info[] = "sealdesk facet 1 \0"; /* the number takes the place of the last byte but one */
    if (object_key.n != KEY_BYTES || facet < FACET_HEAD || facet > FACET_PREVIEW)
        return SD_ERR_BUG;
    info[sizeof info - 2] = (uint8_t)facet;
    return crypt_hkdf(object_key, SPAN_NONE, span_of(info, sizeof info - 1), KEY_BYTES, ret);
}

enum sd_err attachment_object_id(const struct object_id *letter, uint16_t index, struct object_id *ret) {
    struct buf name SD_CLEANUP(buf_free) = buf_new(64);
    struct sha256 digest;
    buf_text(&name, "sealdesk attachment");
    buf_put(&name, span_of(letter->b, sizeof letter->b));
    buf_u16(&name, index);
    enum sd_err err = buf_err(&name);
    if (err == SD_OK)
        err = crypt_sha256(buf_span(&name), &digest);
    if (err)
        return err;
    for (size_t i = 0; i < sizeof ret->b; i++)
        ret->b[i] = digest.b[i];
    return SD_OK;
}
