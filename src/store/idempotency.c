#include "store/idempotency.h"
#include "store/sql.h"

#define LIFE_MS ((int64_t)IDEMPOTENCY_HOURS * 60 * 60 * 1000)

enum sd_err idempotency_get(struct store *store, struct span person, struct span key_hash, int64_t now_ms,
                            struct object_id *ret) {
    struct object_id object;
    struct query q = query(store, "SELECT object FROM idempotency WHERE person = ? AND key_hash = ? AND expires_ms > ?");
    bind_text(&q, person, PERSON_ID_MAX);
    bind_blob(&q, key_hash);
    bind_int(&q, now_ms);
    bool found = query_next(&q);
    if (found)
        col_fixed(&q, 0, object.b, sizeof object.b);
    enum sd_err err = query_end_one(&q, found);
    if (err == SD_OK)
        *ret = object;
    return err;
}

enum sd_err idempotency_claim(struct store *store, struct span person, struct span key_hash, const struct object_id *object,
                              int64_t now_ms) {
    if (key_hash.n != IDEMPOTENCY_HASH_BYTES)
        return SD_ERR_BUG;
    struct query expired = change(store, "DELETE FROM idempotency WHERE expires_ms <= ?");
    bind_int(&expired, now_ms);
    enum sd_err err = query_run(&expired);
    if (err)
        return err;
    struct query q = change(store, "INSERT INTO idempotency (person, key_hash, object, expires_ms) VALUES (?, ?, ?, ?)");
    bind_text(&q, person, PERSON_ID_MAX);
    bind_blob(&q, key_hash);
    bind_blob(&q, object_id_span(object));
    bind_int(&q, now_ms + LIFE_MS);
    return query_run(&q);
}
