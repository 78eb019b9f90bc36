/* GET /api/v1/tickets: one page of the list, newest change first. */
#include "auth/idn.h"
#include "auth/policy.h"
#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "desk/present.h"
#include "desk/problem.h"
#include "desk/tickets_query.h"

#include <string.h>

#define LIMIT_DEFAULT 50
#define CURSOR_BYTES (8 + TICKET_ID_BYTES)

struct span cursor_text(const struct ticket_row *row, struct arena *arena) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(CURSOR_BYTES);
    struct buf text SD_CLEANUP(buf_free) = buf_new(2 * CURSOR_BYTES);
    buf_u64(&raw, (uint64_t)row->updated_ms);
    buf_put(&raw, ticket_id_span(&row->id));
    put_base64url(&text, buf_span(&raw));
    return arena_span(arena, buf_span(&text));
}

static bool read_cursor(struct span text, struct ticket_cursor *ret) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(CURSOR_BYTES);
    struct ticket_cursor cursor;
    if (base64url_decode(text, &raw) != SD_OK)
        return false;
    struct reader r = reader_of(buf_span(&raw));
    cursor.updated_ms = (int64_t)read_u64(&r);
    if (ticket_id_from(read_bytes(&r, TICKET_ID_BYTES), &cursor.id) != SD_OK || reader_end(&r) != SD_OK)
        return false;
    *ret = cursor;
    return true;
}

/* An empty parameter is an absent one: forms send them. */
static bool asks(const struct http_request *request, const char *name, struct span *ret) {
    return http_param(request, name, ret) && ret->n > 0;
}

/* Who sent it. */
static void read_sender(const struct http_request *request, struct arena *arena, struct tickets_query *query,
                        struct field_errors *errors) {
    struct ticket_filter *filter = &query->filter;
    struct span text;
    if (asks(request, "trust", &text)) {
        enum trust_level level = TRUST_FAILED;
        filter->has_trust = trust_level_from(text, &level);
        filter->trust = (uint8_t)level;
        if (!filter->has_trust)
            field_wrong(errors, SPAN("trust"), "unknown", "One of verified, unverified, failed.");
    }
    if (asks(request, "signal", &text)) {
        enum auth_signal signal = auth_signal_from(text);
        filter->has_signal = signal < AUTH_SIGNAL_COUNT;
        filter->signal = (uint8_t)signal;
        if (!filter->has_signal)
            field_wrong(errors, SPAN("signal"), "unknown", "Not the id of a signal.");
    }
    if (asks(request, "domain", &text) && idn_to_ascii(span_trim(text), arena, &query->domain) != SD_OK)
        field_wrong(errors, SPAN("domain"), "domain", "Not a domain name, as in bank.example.");
}

void tickets_query(const struct http_request *request, struct arena *arena, struct tickets_query *query,
                   struct field_errors *errors) {
    struct ticket_filter *filter = &query->filter;
    struct span text;
    uint64_t limit = LIMIT_DEFAULT;
    if (http_param(request, "limit", &text) && (span_to_u64(text, &limit) != SD_OK || limit < 1 || limit > LIMIT_LIST_ITEMS))
        field_wrong(errors, SPAN("limit"), "range", "A number from 1 to 100.");
    filter->limit = (size_t)limit;
    if (asks(request, "state", &text)) {
        filter->has_state = ticket_state_from(text, &filter->state);
        if (!filter->has_state)
            field_wrong(errors, SPAN("state"), "unknown", "One of open, pending, closed, review, quarantine, spam.");
    }
    if (asks(request, "cursor", &text)) {
        filter->has_after = read_cursor(text, &filter->after);
        if (!filter->has_after)
            field_wrong(errors, SPAN("cursor"), "unknown", "Not a cursor that a list here gave.");
    }
    if (http_param(request, "queue", &text))
        filter->queue = text;
    read_sender(request, arena, query, errors);
}

/* What this person may see, and the keys to it. */
struct page {
    struct ticket_row *rows; /* room for limit + 1: the last one only tells that there is more */
    struct span *keys;
    size_t count, limit;
    bool hidden;            /* some rows are not for this person */
    bool exhausted;         /* the store has no more rows */
    struct ticket_row last; /* that was looked at */
};

/* Rows that are hidden one after the other and looked through for one page; each round is one request of up to 100 heads. */
#define ROUNDS_MAX 100
#define ROUND_MIN 16

static enum sd_err more_rows(struct desk *desk, struct exchange *x, const struct ticket_filter *filter,
                             struct ticket_row **ret_rows, size_t *ret_count) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    return err ? err : ticket_list(lease.store, filter, x->arena, ret_rows, ret_count);
}

/* A row whose head the keeper does not give is not there for this person. */
static enum sd_err add_visible(struct desk *desk, struct exchange *x, const struct ticket_row *rows, size_t count,
                               struct page *page) {
    struct object_id firsts[LIMIT_LIST_ITEMS];
    struct keys keys;
    for (size_t i = 0; i < count; i++)
        firsts[i] = rows[i].first;
    enum sd_err err = read_head_keys(desk, x, firsts, count, &keys);
    for (size_t i = 0; err == SD_OK && i < count && page->count <= page->limit; i++)
        if (keys.keys[i].n) {
            page->rows[page->count] = rows[i];
            page->keys[page->count++] = keys.keys[i];
        } else {
            page->hidden = true;
        }
    return err;
}

/* As many as are missing; more only where rows are hidden, because each key that is released counts. */
static size_t round_size(const struct page *page) {
    size_t missing = page->limit + 1 - page->count;
    size_t size = page->hidden && missing < ROUND_MIN ? ROUND_MIN : missing;
    return size > LIMIT_LIST_ITEMS ? LIMIT_LIST_ITEMS : size;
}

/*
 * Fills the page with what may be seen, from as many rows as that takes: a short page, or a cursor with nothing behind it,
 * would tell that something is hidden.
 */
static enum sd_err find_page(struct desk *desk, struct exchange *x, const struct ticket_filter *filter, struct page *page) {
    struct ticket_filter part = *filter;
    enum sd_err err = SD_OK;
    page->limit = filter->limit;
    page->rows = arena_array(x->arena, filter->limit + 1, sizeof *page->rows);
    page->keys = arena_array(x->arena, filter->limit + 1, sizeof *page->keys);
    if (!page->rows || !page->keys)
        return arena_err(x->arena);
    for (unsigned round = 0; err == SD_OK && round < ROUNDS_MAX && page->count <= page->limit && !page->exhausted; round++) {
        struct ticket_row *rows = NULL;
        size_t count = 0;
        part.limit = round_size(page);
        err = more_rows(desk, x, &part, &rows, &count);
        if (err == SD_OK)
            err = add_visible(desk, x, rows, count, page);
        page->exhausted = err == SD_OK && count < part.limit;
        if (count == 0)
            continue;
        page->last = rows[count - 1];
        part.has_after = true;
        part.after = (struct ticket_cursor){page->last.updated_ms, page->last.id};
    }
    return err;
}

static size_t shown(const struct page *page) {
    return page->count > page->limit ? page->limit : page->count;
}

static enum sd_err put_item(const struct desk *desk, struct json_out *j, struct store *store, const struct ticket_row *row,
                            struct span key, const struct names *names, struct arena *arena) {
    struct head head SD_CLEANUP(head_free) = {0};
    enum sd_err err = read_head_or_say(store, &row->first, key, &head);
    if (err)
        return err;
    json_begin_object(j, NULL);
    put_ticket(j, row, &head.card, names_of(names, row->assignee));
    err = put_counts(desk, j, store, row, &head.card, arena);
    json_end(j);
    return err;
}

static enum sd_err put_page(struct desk *desk, struct exchange *x, const struct page *page, const struct names *names) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_begin_array(&j, "items");
    for (size_t i = 0; i < shown(page) && err == SD_OK; i++)
        err = put_item(desk, &j, lease.store, &page->rows[i], page->keys[i], names, x->arena);
    json_end(&j);
    if (page->count > page->limit)
        json_text(&j, "next", cursor_text(&page->rows[page->limit - 1], x->arena));
    else if (!page->exhausted) /* ROUNDS_MAX: the client looks further */
        json_text(&j, "next", cursor_text(&page->last, x->arena));
    else
        json_put_null(&j, "next");
    json_end(&j);
    return err;
}

static size_t session_queues(const struct session *session, struct span *to) {
    struct ipc_list_iter iter = ipc_list_start(session->queues);
    size_t n = 0;
    while (n < TICKET_QUEUES_MAX && ipc_list_next(&iter, &to[n]))
        n++;
    return n;
}

/* On the record at the keeper; hold no store connection. */
static enum sd_err ask_domain_tag(struct desk *desk, struct exchange *x, struct tickets_query *query) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_domain_tag_req req = {.token = x->session.token, .origin = x->request->client, .domain = query->domain};
    struct keeper_domain_tag_rep rep;
    if (query->domain.n == 0)
        return SD_OK;
    enum sd_err err = keeper_domain_tag_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    memcpy(query->filter.domain_tag, rep.tag.p, sizeof query->filter.domain_tag);
    query->filter.has_domain_tag = true;
    return SD_OK;
}

static enum sd_err answer_page(struct desk *desk, struct exchange *x, const struct page *page) {
    struct names names = {0};
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < shown(page) && err == SD_OK; i++)
        err = names_ask(desk, x, &names, page->rows[i].assignee);
    return err ? err : put_page(desk, x, page, &names);
}

enum sd_err api_tickets_list(struct desk *desk, struct exchange *x) {
    struct span queues[TICKET_QUEUES_MAX];
    struct tickets_query query = {.filter = {.queues = queues, .queue_count = session_queues(&x->session, queues)}};
    struct field_errors errors = {0};
    struct page page = {0};
    tickets_query(x->request, x->arena, &query, &errors);
    if (errors.count) {
        respond_invalid(x, &errors);
        return SD_OK;
    }
    enum sd_err err = ask_domain_tag(desk, x, &query);
    if (err == SD_OK)
        err = find_page(desk, x, &query.filter, &page);
    return err ? err : answer_page(desk, x, &page);
}
