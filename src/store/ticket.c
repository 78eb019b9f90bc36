#include "store/ticket.h"
#include "store/sql.h"

#include <string.h>

#define COLUMNS                                                                                                                \
    "SELECT id, number, queue, state, assignee, revision, created_ms, updated_ms, messages, first_object, last_inbound,"       \
    " category FROM ticket "
#define SIGNAL_BITS 63 /* a column is signed */
#define QUEUE_MAX 64   /* bytes of a queue's name, as in keeper.def */

_Static_assert(TICKET_STATES == TICKET_SPAM + 1, "ticket_counts has a number for each state");

static struct ticket_row read_row(struct query *q, struct arena *arena) {
    struct ticket_row row = {
        .number = col_int(q, 1),
        .queue = col_copy(q, 2, arena),
        .state = (enum ticket_state)col_range(q, 3, 0, TICKET_STATES - 1),
        .assignee = col_copy(q, 4, arena),
        .revision = col_int(q, 5),
        .created_ms = col_int(q, 6),
        .updated_ms = col_int(q, 7),
        .messages = (uint32_t)col_range(q, 8, 0, UINT32_MAX),
        .has_last_inbound = !col_is_null(q, 10),
        .category = (enum category)col_range(q, 11, 0, CATEGORY_COUNT - 1),
    };
    col_fixed(q, 0, row.id.b, sizeof row.id.b);
    col_fixed(q, 9, row.first.b, sizeof row.first.b);
    if (row.has_last_inbound)
        col_fixed(q, 10, row.last_inbound.b, sizeof row.last_inbound.b);
    return row;
}

static enum sd_err get_one(struct query *q, struct arena *arena, struct ticket_row *ret) {
    struct ticket_row row;
    bool found = query_next(q);
    if (found)
        row = read_row(q, arena);
    enum sd_err err = query_end_one(q, found);
    if (err == SD_OK)
        *ret = row;
    return err;
}

enum sd_err ticket_get(struct store *store, const struct ticket_id *id, struct arena *arena, struct ticket_row *ret) {
    struct query q = query(store, COLUMNS "WHERE id = ?");
    bind_blob(&q, ticket_id_span(id));
    return get_one(&q, arena, ret);
}

enum sd_err ticket_get_number(struct store *store, int64_t number, struct arena *arena, struct ticket_row *ret) {
    struct query q = query(store, COLUMNS "WHERE number = ?");
    bind_int(&q, number);
    return get_one(&q, arena, ret);
}

/* ---- lists ---- */

/* The best `limit` rows so far, newest change first. */
struct page {
    struct ticket_row *rows;
    size_t count, limit;
};

static bool newer(const struct ticket_row *a, const struct ticket_row *b) {
    if (a->updated_ms != b->updated_ms)
        return a->updated_ms > b->updated_ms;
    return memcmp(a->id.b, b->id.b, sizeof a->id.b) > 0;
}

/* False when the row, and so every later one of its queue, is too old for the page. */
static bool page_add(struct page *page, const struct ticket_row *row) {
    if (page->count == page->limit && !newer(row, &page->rows[page->count - 1]))
        return false;
    size_t at = page->count < page->limit ? page->count++ : page->count - 1;
    for (; at > 0 && newer(row, &page->rows[at - 1]); at--)
        page->rows[at] = page->rows[at - 1];
    page->rows[at] = *row;
    return true;
}

/* The conditions on messages; -1 and 0 ask for nothing. */
#define OF_MESSAGE " AND (? < 0 OR m.trust = ?) AND (? = 0 OR (m.signals & ?) <> 0)"
#define ON_PAGE " AND (updated_ms, id) < (?, ?) ORDER BY updated_ms DESC, id DESC LIMIT ?"
/*
 * A walk along the queue's index, each ticket's messages looked up, which finds soon what is common; or from the tickets of a
 * domain, which finds at once what is rare.
 */
#define WALKED " AND EXISTS (SELECT 1 FROM message_trust m WHERE m.ticket = ticket.id" OF_MESSAGE ")"
#define WALKED_DOMAIN                                                                                                          \
    " AND EXISTS (SELECT 1 FROM message_trust m WHERE m.ticket = ticket.id AND m.domain_tag = ?" OF_MESSAGE ")"
#define COMMON_MESSAGES 2000
#define OF_DOMAIN                                                                                                              \
    "SELECT ticket.id, number, queue, state, assignee, revision, created_ms, updated_ms, messages, first_object, "             \
    "last_inbound,"                                                                                                            \
    " category FROM (SELECT DISTINCT m.ticket AS id FROM message_trust m WHERE m.domain_tag = ?" OF_MESSAGE ") AS found"       \
    " CROSS JOIN ticket WHERE ticket.id = found.id"
#define ON_PAGE_OF_DOMAIN " AND (updated_ms, ticket.id) < (?, ?) ORDER BY updated_ms DESC, ticket.id DESC LIMIT ?"

enum plan { PLAN_PLAIN, PLAN_WALK, PLAN_WALK_DOMAIN, PLAN_FROM_DOMAIN };

static enum sd_err choose_plan(struct store *store, const struct ticket_filter *filter, enum plan *ret) {
    if (!filter->has_domain_tag) {
        *ret = filter->has_trust || filter->has_signal ? PLAN_WALK : PLAN_PLAIN;
        return SD_OK;
    }
    struct query q = query(store, "SELECT count(*) FROM (SELECT 1 FROM message_trust WHERE domain_tag = ? LIMIT ?) AS some");
    bind_blob(&q, span_of(filter->domain_tag, sizeof filter->domain_tag));
    bind_int(&q, COMMON_MESSAGES);
    bool common = query_next(&q) && col_int(&q, 0) == COMMON_MESSAGES;
    *ret = common ? PLAN_WALK_DOMAIN : PLAN_FROM_DOMAIN;
    return query_end(&q);
}

static struct query page_query(struct store *store, const struct ticket_filter *filter, enum plan plan) {
    if (plan == PLAN_WALK_DOMAIN)
        return filter->has_state ? query(store, COLUMNS "WHERE queue = ? AND state = ?" WALKED_DOMAIN ON_PAGE)
                                 : query(store, COLUMNS "WHERE queue = ?" WALKED_DOMAIN ON_PAGE);
    if (plan == PLAN_FROM_DOMAIN)
        return filter->has_state ? query(store, OF_DOMAIN " AND queue = ? AND state = ?" ON_PAGE_OF_DOMAIN)
                                 : query(store, OF_DOMAIN " AND queue = ?" ON_PAGE_OF_DOMAIN);
    if (plan == PLAN_WALK)
        return filter->has_state ? query(store, COLUMNS "WHERE queue = ? AND state = ?" WALKED ON_PAGE)
                                 : query(store, COLUMNS "WHERE queue = ?" WALKED ON_PAGE);
    return filter->has_state ? query(store, COLUMNS "WHERE queue = ? AND state = ?" ON_PAGE)
                             : query(store, COLUMNS "WHERE queue = ?" ON_PAGE);
}

static void bind_of_message(struct query *q, const struct ticket_filter *filter) {
    int trust = filter->has_trust ? filter->trust : -1;
    int64_t mask = filter->has_signal ? (int64_t)1 << filter->signal : 0;
    bind_int(q, trust);
    bind_int(q, trust);
    bind_int(q, mask);
    bind_int(q, mask);
}

static void bind_domain(struct query *q, const struct ticket_filter *filter) {
    bind_blob(q, span_of(filter->domain_tag, sizeof filter->domain_tag));
    bind_of_message(q, filter);
}

static void bind_page_query(struct query *q, const struct ticket_filter *filter, enum plan plan, struct span queue,
                            const struct ticket_cursor *after, size_t limit) {
    if (plan == PLAN_FROM_DOMAIN)
        bind_domain(q, filter);
    bind_text(q, queue, QUEUE_MAX);
    if (filter->has_state)
        bind_int(q, filter->state);
    if (plan == PLAN_WALK_DOMAIN)
        bind_domain(q, filter);
    else if (plan == PLAN_WALK)
        bind_of_message(q, filter);
    bind_int(q, after->updated_ms);
    bind_blob(q, ticket_id_span(&after->id));
    bind_u64(q, limit);
}

/* One index range per queue, merged here: with IN (…) the database would sort all tickets of the queues for one page. */
static enum sd_err add_queue(struct store *store, const struct ticket_filter *filter, enum plan plan, struct span queue,
                             struct arena *arena, struct page *page) {
    struct ticket_cursor after = {.updated_ms = INT64_MAX};
    memset(after.id.b, 0xff, sizeof after.id.b);
    if (filter->has_after)
        after = filter->after;
    struct query q = page_query(store, filter, plan);
    bind_page_query(&q, filter, plan, queue, &after, page->limit);
    while (query_next(&q)) {
        struct ticket_row row = read_row(&q, arena);
        if (q.err || !page_add(page, &row))
            break;
    }
    return query_end(&q);
}

static bool seen_before(const struct ticket_filter *filter, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (span_eq(filter->queues[k], filter->queues[i]))
            return true;
    return false;
}

enum sd_err ticket_list(struct store *store, const struct ticket_filter *filter, struct arena *arena,
                        struct ticket_row **ret_rows, size_t *ret_count) {
    if (filter->queue_count > TICKET_QUEUES_MAX || filter->limit < 1 || filter->limit > LIMIT_LIST_ITEMS ||
        (filter->has_signal && filter->signal >= SIGNAL_BITS))
        return SD_ERR_LIMIT;
    struct page page = {.limit = filter->limit, .rows = arena_array(arena, filter->limit, sizeof(struct ticket_row))};
    enum plan plan = PLAN_PLAIN;
    enum sd_err err = arena_err(arena);
    if (err == SD_OK)
        err = choose_plan(store, filter, &plan);
    for (size_t i = 0; i < filter->queue_count && err == SD_OK; i++)
        if ((filter->queue.n == 0 || span_eq(filter->queue, filter->queues[i])) && !seen_before(filter, i))
            err = add_queue(store, filter, plan, filter->queues[i], arena, &page);
    if (err == SD_OK) {
        *ret_rows = page.rows;
        *ret_count = page.count;
    }
    return err;
}

enum sd_err ticket_counts(struct store *store, struct span queue, uint64_t ret[TICKET_STATES]) {
    uint64_t counts[TICKET_STATES] = {0};
    struct query q = query(store, "SELECT state, count(*) FROM ticket WHERE queue = ? GROUP BY state");
    bind_text(&q, queue, QUEUE_MAX);
    while (query_next(&q)) {
        size_t state = (size_t)col_range(&q, 0, 0, TICKET_STATES - 1);
        counts[state] = (uint64_t)col_int(&q, 1);
    }
    enum sd_err err = query_end(&q);
    if (err == SD_OK)
        memcpy(ret, counts, sizeof counts);
    return err;
}

/* ---- changes ---- */

static enum sd_err exists(struct store *store, const struct ticket_id *id) {
    struct query q = query(store, "SELECT 1 FROM ticket WHERE id = ?");
    bind_blob(&q, ticket_id_span(id));
    bool found = query_next(&q);
    return query_end_one(&q, found);
}

/* The end of each UPDATE below, which changes a row only at the revision that was seen. */
#define AT_REVISION                                                                                                            \
    ", revision = revision + 1, updated_ms = CASE WHEN updated_ms < ? THEN ? ELSE updated_ms END WHERE id = ? AND revision = " \
    "?"

static enum sd_err run_at_revision(struct query *q, const struct ticket_id *id, int64_t revision, int64_t now_ms) {
    bind_int(q, now_ms);
    bind_int(q, now_ms);
    bind_blob(q, ticket_id_span(id));
    bind_int(q, revision);
    enum sd_err err = query_change_one(q);
    if (err == SD_ERR_NOTFOUND && exists(q->store, id) == SD_OK)
        err = SD_ERR_STALE;
    return err;
}

enum sd_err ticket_set_state(struct store *store, const struct ticket_id *id, int64_t revision, enum ticket_state state,
                             int64_t now_ms) {
    struct query q = change(store, "UPDATE ticket SET state = ?" AT_REVISION);
    bind_int(&q, state);
    return run_at_revision(&q, id, revision, now_ms);
}

enum sd_err ticket_set_assignee(struct store *store, const struct ticket_id *id, int64_t revision, struct span person,
                                int64_t now_ms) {
    struct query q = change(store, "UPDATE ticket SET assignee = ?" AT_REVISION);
    bind_text_or_null(&q, person, PERSON_ID_MAX);
    return run_at_revision(&q, id, revision, now_ms);
}

enum sd_err ticket_set_queue(struct store *store, const struct ticket_id *id, int64_t revision, struct span queue,
                             int64_t now_ms) {
    struct query q = change(store, "UPDATE ticket SET queue = ?" AT_REVISION);
    bind_text(&q, queue, QUEUE_MAX);
    return run_at_revision(&q, id, revision, now_ms);
}

enum sd_err ticket_set_category(struct store *store, const struct ticket_id *id, int64_t revision, enum category category,
                                int64_t now_ms) {
    struct query q = change(store, "UPDATE ticket SET category = ?" AT_REVISION);
    bind_int(&q, category);
    return run_at_revision(&q, id, revision, now_ms);
}

/* Not max(number) + 1: a number is never given twice, even after its ticket was deleted. */
static enum sd_err next_number(struct store *store, int64_t *ret) {
    int64_t number = 0;
    struct query q = change(store, "UPDATE counter SET value = value + 1 WHERE name = 'ticket' RETURNING value");
    bool found = query_next(&q);
    if (found)
        number = col_int(&q, 0);
    enum sd_err err = query_end_one(&q, found);
    if (err == SD_OK)
        *ret = number;
    return err == SD_ERR_NOTFOUND ? SD_ERR_IO : err;
}

static enum sd_err correct_queue(struct store *store, const struct ticket_id *id, struct span queue) {
    struct query q = change(store, "UPDATE ticket SET queue = ?, revision = revision + 1 WHERE id = ? AND queue <> ?");
    bind_text(&q, queue, QUEUE_MAX);
    bind_blob(&q, ticket_id_span(id));
    bind_text(&q, queue, QUEUE_MAX);
    return query_run(&q);
}

enum sd_err ticket_file_category(struct store *store, const struct ticket_id *id, enum category category) {
    struct query q = change(store, "UPDATE ticket SET category = ?, revision = revision + 1 WHERE id = ? AND category <> ?");
    bind_int(&q, category);
    bind_blob(&q, ticket_id_span(id));
    bind_int(&q, category);
    return query_run(&q);
}

enum sd_err ticket_file_state(struct store *store, const struct ticket_id *id, enum ticket_state state, int64_t now_ms) {
    struct query q = change(store, "UPDATE ticket SET state = ?, revision = revision + 1,"
                                   " updated_ms = CASE WHEN updated_ms < ? THEN ? ELSE updated_ms END"
                                   " WHERE id = ? AND state <> ?");
    bind_int(&q, state);
    bind_int(&q, now_ms);
    bind_int(&q, now_ms);
    bind_blob(&q, ticket_id_span(id));
    bind_int(&q, state);
    return query_run(&q);
}

enum sd_err ticket_ensure(struct store *store, const struct ticket_id *id, struct span queue, enum ticket_state state,
                          const struct object_id *first, int64_t now_ms) {
    enum sd_err err = exists(store, id);
    if (err == SD_OK)
        return correct_queue(store, id, queue);
    int64_t number = 0;
    if (err == SD_ERR_NOTFOUND)
        err = next_number(store, &number);
    if (err)
        return err;
    struct query q = change(store, "INSERT INTO ticket (id, number, queue, state, revision, created_ms, updated_ms, messages,"
                                   " first_object) VALUES (?, ?, ?, ?, 0, ?, ?, 0, ?)");
    bind_blob(&q, ticket_id_span(id));
    bind_int(&q, number);
    bind_text(&q, queue, QUEUE_MAX);
    bind_int(&q, state);
    bind_int(&q, now_ms);
    bind_int(&q, now_ms);
    bind_blob(&q, object_id_span(first));
    return query_run(&q);
}
