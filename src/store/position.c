#include "store/position.h"
#include "store/sql.h"

enum sd_err position_get(struct store *store, struct intake_position *ret) {
    struct intake_position position = {0};
    struct query q = query(store, "SELECT segment, place FROM intake_position WHERE one = 1");
    if (query_next(&q)) {
        position.segment = (uint64_t)col_range(&q, 0, 0, INT64_MAX);
        position.offset = (uint64_t)col_range(&q, 1, 0, INT64_MAX);
    }
    enum sd_err err = query_end(&q);
    if (err == SD_OK)
        *ret = position;
    return err;
}

enum sd_err position_set(struct store *store, struct intake_position position) {
    struct query q = change(store, "INSERT INTO intake_position (one, segment, place) VALUES (1, ?, ?)"
                                   " ON CONFLICT (one) DO UPDATE SET segment = excluded.segment, place = excluded.place");
    bind_u64(&q, position.segment);
    bind_u64(&q, position.offset);
    return query_run(&q);
}
