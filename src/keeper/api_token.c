#include "keeper/api_token.h"
#include "core/network.h"

static bool allowed_from(struct span networks, struct span origin) {
    uint8_t ip[16];
    struct reader r = reader_of(networks);
    if (networks.n == 0)
        return true;
    if (ip_parse(origin, ip) != SD_OK)
        return false;
    while (r.rest.n) {
        struct network network;
        struct span text = read_blob(&r, 64);
        if (r.err)
            return false;
        if (network_parse(text, &network) == SD_OK && network_has(&network, ip))
            return true;
    }
    return false;
}

static void read_row(struct keeper *k, struct query *q, struct span origin, struct who *who) {
    int64_t role = query_get_int(q, 8);
    bool live = query_get_int(q, 5) > k->spec.now_ms() && query_get_int(q, 6) == 0 && query_get_int(q, 9) == PERSON_ACTIVE;
    query_get_fixed(q, 0, who->session, ID_BYTES);
    query_get_fixed(q, 1, who->person, ID_BYTES);
    who->token_verbs = (uint32_t)query_get_int(q, 2);
    buf_put(&who->token_queues, query_get(q, 3));
    buf_put(&who->name, query_get(q, 7));
    who->role = role > 0 && role <= ROLE_AUDITOR ? (enum person_role)role : ROLE_NOBODY;
    who->factor = FACTOR_TOKEN;
    who->expires_ms = query_get_int(q, 5);
    if (live && allowed_from(query_get(q, 4), origin))
        who->verdict = SESSION_LIVE;
}

enum sd_err api_token_check(struct keeper *k, const struct sha256 *hash, struct span origin, struct who *who) {
    struct query q = db_query(k->db, SQL_TOKEN_BY_HASH);
    query_blob(&q, span_of(hash->b, SHA256_BYTES));
    if (query_row(&q))
        read_row(k, &q, origin, who);
    enum sd_err err = query_end(&q);
    if (err || who->verdict != SESSION_LIVE)
        return err;
    q = db_query(k->db, SQL_TOKEN_USED);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, span_of(who->session, ID_BYTES));
    err = query_run(&q);
    return err ? err : buf_err(&who->token_queues);
}
