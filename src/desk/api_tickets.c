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

struct page {
    struct ticket_row *rows;
    size_t count;
    bool more;
};

static enum sd_err find_page(struct desk *desk, struct exchange *x, struct ticket_filter *filter, struct page *ret) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = ticket_list(lease.store, filter, x->arena, &ret->rows, &ret->count);
    if (err || ret->count < filter->limit)
        return err;
    struct ticket_filter behind = *filter;
    struct ticket_row *rows;
    size_t count = 0;
    behind.has_after = true;
    behind.after = (struct ticket_cursor){ret->rows[ret->count - 1].updated_ms, ret->rows[ret->count - 1].id};
    behind.limit = 1;
    err = ticket_list(lease.store, &behind, x->arena, &rows, &count);
    ret->more = count > 0;
    return err;
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

/* Tickets whose head the keeper does not give are left out: they are not there for this person. */
static enum sd_err put_page(struct desk *desk, struct exchange *x, const struct page *page, const struct keys *keys,
                            const struct names *names) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_begin_array(&j, "items");
    for (size_t i = 0; i < page->count && err == SD_OK; i++)
        if (keys->keys[i].n)
            err = put_item(desk, &j, lease.store, &page->rows[i], keys->keys[i], names, x->arena);
    json_end(&j);
    if (page->more)
        json_text(&j, "next", cursor_text(&page->rows[page->count - 1], x->arena));
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
    struct object_id firsts[LIMIT_LIST_ITEMS];
    struct keys keys;
    struct names names = {0};
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < page->count && err == SD_OK; i++) {
        firsts[i] = page->rows[i].first;
        err = names_ask(desk, x, &names, page->rows[i].assignee);
    }
    if (err == SD_OK)
        err = read_head_keys(desk, x, firsts, page->count, &keys);
    return err ? err : put_page(desk, x, page, &keys, &names);
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
