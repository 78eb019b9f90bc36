#include "keeper/warrant.h"
#include "keeper/handlers.h"

#include <string.h>

#define RECIPIENTS_MAX_BYTES ((size_t)40 * 1024) /* 100 addresses of 320 bytes as blobs */

enum sd_err warrant_add(struct keeper *k, const struct warrant *warrant) {
    struct buf wrapped SD_CLEANUP(buf_free) = buf_new(RECIPIENTS_MAX_BYTES);
    struct span id = span_of(warrant->id, ID_BYTES);
    enum sd_err err = vault_wrap(&k->vault, "warrant.recipients", id, warrant->recipients, &wrapped);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_WARRANT_ADD);
    query_blob(&q, id);
    query_blob(&q, warrant->object);
    query_text(&q, SPAN("deliver"));
    query_blob(&q, span_of(warrant->digest.b, SHA256_BYTES));
    query_text(&q, warrant->mail_from);
    query_blob(&q, buf_span(&wrapped));
    query_blob(&q, warrant->person);
    query_int(&q, k->spec.now_ms());
    query_int(&q, k->spec.now_ms() + WARRANT_LIFE_MS);
    query_int(&q, WARRANT_USES);
    return query_run(&q);
}

const struct purpose_facts *purpose_facts(enum warrant_purpose purpose) {
#define X(name, word, process, facets, fit) {word, process, facets, FIT_##fit},
    static const struct purpose_facts facts[] = {PURPOSE_LIST(X)};
#undef X
    return purpose < SD_COUNT(facts) ? &facts[purpose] : &facts[PURPOSE_NONE];
}

enum warrant_purpose warrant_purpose_from(struct span word) {
    for (unsigned p = PURPOSE_NONE + 1; p < PURPOSE_COUNT; p++)
        if (span_eq(word, span_cstr(purpose_facts((enum warrant_purpose)p)->word)))
            return (enum warrant_purpose)p;
    return PURPOSE_NONE;
}

enum sd_err warrant_add_scope(struct keeper *k, const struct warrant_scope *scope, uint8_t ret_id[ID_BYTES]) {
    static const uint8_t no_digest[SHA256_BYTES];
    random_bytes(ret_id, ID_BYTES);
    struct query q = db_query(k->db, SQL_WARRANT_SCOPE);
    query_blob(&q, span_of(ret_id, ID_BYTES));
    query_text(&q, span_cstr(purpose_facts(scope->purpose)->word));
    query_blob(&q, span_of(no_digest, sizeof no_digest));
    query_blob(&q, scope->person);
    query_int(&q, k->spec.now_ms());
    query_int(&q, scope->expires_ms);
    query_int(&q, scope->uses);
    query_blob(&q, scope->ticket);
    query_text(&q, scope->queue);
    query_text(&q, span_cstr(scope->policy));
    query_blob(&q, scope->object);
    return query_run(&q);
}

enum warrant_verdict { WARRANT_NOT_THERE = 0, WARRANT_OVER = 1, WARRANT_LIVE = 2 };

struct warrant_row {
    enum warrant_verdict verdict;
    bool spent;
    uint8_t object[ID_BYTES], ticket[ID_BYTES];
    struct sha256 digest;
    struct buf mail_from, recipients;
    int64_t page;
    unsigned slot;
};

static void row_free(struct warrant_row *row) {
    buf_free(&row->mail_from);
    buf_free(&row->recipients);
}

static enum sd_err read_row(struct keeper *k, struct query *q, struct span id, struct warrant_row *row) {
    int64_t expires_ms = query_get_int(q, 4), uses = query_get_int(q, 5);
    row->spent = query_get_int(q, 6) != 0 || query_get_int(q, 10) != 0;
    row->verdict = !row->spent && uses > 0 && expires_ms > k->spec.now_ms() ? WARRANT_LIVE : WARRANT_OVER;
    query_get_fixed(q, 0, row->object, ID_BYTES);
    query_get_fixed(q, 1, row->digest.b, SHA256_BYTES);
    buf_put(&row->mail_from, query_get(q, 2));
    row->page = query_get_int(q, 7);
    row->slot = (unsigned)query_get_int(q, 8);
    query_get_fixed(q, 9, row->ticket, ID_BYTES);
    if (row->spent)
        return buf_err(&row->mail_from);
    return vault_unwrap_buf(&k->vault, "warrant.recipients", id, query_get(q, 3), &row->recipients);
}

static enum sd_err find(struct keeper *k, struct span id, struct warrant_row *row) {
    row->mail_from = buf_new(LIMIT_ADDRESS_BYTES);
    row->recipients = buf_new(RECIPIENTS_MAX_BYTES);
    struct query q = db_query(k->db, SQL_WARRANT_GET);
    query_blob(&q, id);
    enum sd_err err = query_row(&q) ? read_row(k, &q, id, row) : SD_OK;
    enum sd_err end = query_end(&q);
    return end ? end : err;
}

static struct leaf warrant_leaf(struct span id, const struct warrant_row *row, const char *action) {
    struct leaf leaf = {.actor = ACTOR_WARRANT, .action = action, .object = "answer", .outcome = OUTCOME_REFUSED};
    if (row->verdict == WARRANT_NOT_THERE) { /* what is not there does not act: the id is the asker's own word */
        leaf.object = "warrant";
        leaf.object_id = id;
        leaf.reason = "no-warrant";
        return leaf;
    }
    leaf.actor_id = id;
    leaf.object_id = span_of(row->object, ID_BYTES);
    leaf.ticket = span_of(row->ticket, ID_BYTES);
    leaf.reason = row->verdict == WARRANT_OVER ? "warrant-over" : NULL;
    return leaf;
}

static uint32_t count_blobs(struct span raw) {
    struct reader r = reader_of(raw);
    uint32_t n = 0;
    while (r.rest.n && r.err == SD_OK) {
        (void)read_blob(&r, LIMIT_ADDRESS_BYTES);
        n++;
    }
    return n;
}

static enum sd_err encode_redeemed(struct keeper *k, const struct warrant_row *row, struct ipc_out *out) {
    struct secret key SD_CLEANUP(secret_free) = {0}, source SD_CLEANUP(secret_free) = {0},
                      receipt SD_CLEANUP(secret_free) = {0};
    enum sd_err err = pages_find(&k->pages, row->page, row->slot, &key);
    if (err == SD_OK)
        err = facet_key(secret_span(&key), FACET_SOURCE, &source);
    if (err == SD_OK)
        err = facet_key(secret_span(&key), FACET_RECEIPT, &receipt);
    if (err)
        return err;
    struct span recipients = buf_span(&row->recipients);
    struct keeper_redeem_rep rep = {.object = span_of(row->object, ID_BYTES),
                                    .source_key = secret_span(&source),
                                    .receipt_key = secret_span(&receipt),
                                    .digest = span_of(row->digest.b, SHA256_BYTES),
                                    .mail_from = buf_span(&row->mail_from),
                                    .recipients = {.raw = recipients, .count = count_blobs(recipients)}};
    return keeper_redeem_rep_encode(out, &rep);
}

/* One statement on the warrant with its record, then the answer. */
static enum sd_err settle(struct keeper *k, struct ipc_call *call, enum db_sql sql, struct span id, const struct leaf *leaf,
                          struct ipc_out *out) {
    struct query q = db_query(k->db, sql);
    query_blob(&q, id);
    return answer_changed(k, call, &q, leaf, out);
}

enum sd_err keeper_on_redeem(void *ctx, struct ipc_call *call, const struct keeper_redeem_req *req) {
    struct keeper *k = ctx;
    struct warrant_row row SD_CLEANUP(row_free) = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = find(k, req->warrant, &row);
    if (err)
        return err;
    struct leaf leaf = warrant_leaf(req->warrant, &row, "redeem");
    if (row.verdict != WARRANT_LIVE)
        return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
    leaf.outcome = OUTCOME_GRANTED;
    err = encode_redeemed(k, &row, &out);
    return err ? err : settle(k, call, SQL_WARRANT_USE, req->warrant, &leaf, &out);
}

/* "2.0.0" and nothing else of what a remote server said (RFC 3463 §2). */
static bool is_status(struct span s) {
    size_t dots = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '.' && (s.p[i] < '0' || s.p[i] > '9'))
            return false;
        dots += s.p[i] == '.';
    }
    return s.n >= 5 && dots == 2;
}

static const char *delivery_action(unsigned state) {
    switch (state) {
    case DELIVERY_SENT:
        return "sent";
    case DELIVERY_DEFERRED:
        return "deferred";
    case DELIVERY_FAILED:
        return "failed";
    default:
        return NULL;
    }
}

enum sd_err keeper_on_delivered(void *ctx, struct ipc_call *call, const struct keeper_delivered_req *req) {
    struct keeper *k = ctx;
    struct warrant_row row SD_CLEANUP(row_free) = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    const char *action = delivery_action(req->state);
    if (!action)
        return SD_ERR_PARSE;
    enum sd_err err = find(k, req->warrant, &row);
    if (err)
        return err;
    struct leaf leaf = warrant_leaf(req->warrant, &row, action);
    if (row.verdict == WARRANT_NOT_THERE || row.spent)
        return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
    /* A warrant that ran out meanwhile may still be reported on. */
    leaf.outcome = req->state == DELIVERY_SENT ? OUTCOME_GRANTED : OUTCOME_FAILED;
    leaf.reason = req->tls.n ? "tls" : "in-clear";
    leaf.detail = is_status(req->status) ? req->status : SPAN_NONE;
    err = keeper_delivered_rep_encode(&out, &(struct keeper_delivered_rep){});
    if (err)
        return err;
    return req->last ? settle(k, call, SQL_WARRANT_SPEND, req->warrant, &leaf, &out) : answer_recorded(k, call, &out, &leaf);
}
