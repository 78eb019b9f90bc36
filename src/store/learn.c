#include "store/learn.h"
#include "store/event.h"
#include "store/sql.h"

/*
 * SQLite gives the numbers of the newest events, once they were deleted, again: a decision may be passed over then, which costs
 * the filter one lesson. learn_begin puts a position that is behind them all back. The kinds stand in the text, as in the
 * index's (schema.c), which else would not be used.
 */
_Static_assert(EVENT_SPAM == 10 && EVENT_NOT_SPAM == 11, "in the text and in the index");

enum sd_err learn_next(struct store *store, struct learn_row *ret) {
    struct learn_row row = {0};
    struct query q = query(store, "SELECT e.sequence, e.ticket, e.kind FROM event e JOIN learn_position p ON p.one = 1"
                                  " WHERE e.kind IN (10, 11) AND e.sequence > p.event ORDER BY e.sequence LIMIT 1");
    bool found = query_next(&q);
    if (found) {
        row.event = col_int(&q, 0);
        col_fixed(&q, 1, row.ticket.b, sizeof row.ticket.b);
        row.spam = col_int(&q, 2) == EVENT_SPAM;
    }
    enum sd_err err = query_end_one(&q, found);
    if (err == SD_OK)
        *ret = row;
    return err;
}

enum sd_err learn_position_set(struct store *store, int64_t event) {
    struct query q = change(store, "INSERT INTO learn_position (one, event) VALUES (1, ?)"
                                   " ON CONFLICT (one) DO UPDATE SET event = excluded.event");
    bind_int(&q, event);
    return query_run(&q);
}

enum sd_err learn_begin(struct store *store) {
    struct query q = change(store, "INSERT INTO learn_position (one, event) SELECT 1, coalesce(max(sequence), 0) FROM event"
                                   " WHERE true ON CONFLICT (one) DO UPDATE SET event = min(event, excluded.event)");
    return query_run(&q);
}
