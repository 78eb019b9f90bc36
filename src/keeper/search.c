/* search.c - by what the desk finds messages of one sender's domain: a keyed hash, so that the store tells a thief no domain.
 */
#include "keeper/handlers.h"
#include "keeper/permit.h"

#include <string.h>

static bool is_domain(struct span s) {
    if (s.n == 0 || s.n > LIMIT_DOMAIN_BYTES || s.p[0] == '.' || s.p[s.n - 1] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool of_label = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!of_label && (c != '.' || s.p[i - 1] == '.'))
            return false;
    }
    return true;
}

enum sd_err domain_tag(struct keeper *k, struct span domain, uint8_t ret[DOMAIN_TAG_BYTES]) {
    struct sha256 hash;
    enum sd_err err = vault_hmac(&k->vault, "domain", domain, &hash);
    if (err == SD_OK)
        memcpy(ret, hash.b, DOMAIN_TAG_BYTES);
    return err;
}

/* Who may search on some queue. To others the hash would say whether a domain has written. */
static enum sd_err may_search(struct keeper *k, const struct who *who, bool *ret) {
    struct query q = db_query(k->db, SQL_QUEUE_ACTIVE);
    enum sd_err err = SD_OK;
    while (err == SD_OK && !*ret && query_row(&q))
        for (unsigned c = 0; c < CATEGORY_COUNT && !*ret && err == SD_OK; c++) {
            struct demand demand = {.verb = VERB_SEARCH, .queue = query_get(&q, 0), .category = (enum category)c};
            err = permit_peek(k, who, &demand, ret);
        }
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

enum sd_err keeper_on_domain_tag(void *ctx, struct ipc_call *call, const struct keeper_domain_tag_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    uint8_t lower[LIMIT_DOMAIN_BYTES], tag[DOMAIN_TAG_BYTES];
    struct span domain = span_of(lower, lower_case(req->domain, lower, sizeof lower));
    if (domain.n != req->domain.n || !is_domain(domain))
        return SD_ERR_PARSE;
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err)
        return err;
    struct leaf leaf = leaf_by(&who, req->origin, "search");
    leaf.object = "messages";
    bool may = false;
    err = may_search(k, &who, &may);
    if (err)
        return err;
    if (!may && who.verdict == SESSION_LIVE)
        leaf.reason = REASON_NOT_YOURS;
    if (!may)
        return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
    err = domain_tag(k, domain, tag);
    if (err == SD_OK)
        err = keeper_domain_tag_rep_encode(&out, &(struct keeper_domain_tag_rep){.tag = span_of(tag, sizeof tag)});
    leaf.outcome = OUTCOME_GRANTED;
    return err ? err : answer_recorded(k, call, &out, &leaf);
}
