#include "keeper/contacts.h"
#include "keeper/weighing.h"

#include <string.h>

#define REFRESH_MS (INT64_C(24) * 60 * 60 * 1000) /* how exactly it is kept when a domain was last heard of */
#define EXPIRE_CONTACTS 500                       /* looked at each time */
#define EXPIRE_DOMAINS 50

static enum sd_err hash_of(struct keeper *k, const char *label, struct span value, struct contact_hash *ret) {
    struct sha256 whole;
    enum sd_err err = vault_hmac(&k->vault, label, value, &whole);
    if (err == SD_OK)
        memcpy(ret->b, whole.b, sizeof ret->b);
    return err;
}

static struct span hash_span(const struct contact_hash *hash) {
    return span_of(hash->b, sizeof hash->b);
}

/* Half of the Message-ID's hash: enough to tell one letter of a sender from the next. */
static struct span letter_mark(const struct contact_letter *letter) {
    return span_is_zero(letter->message_id_hash) ? SPAN_NONE : span_sub(letter->message_id_hash, 0, CONTACT_HASH_BYTES);
}

/* ---- recalling ---- */

static uint32_t as_count(int64_t value) {
    return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* Columns: verified, unverified, first_ms, verified_ms, letter. */
static void read_contact(struct query *q, const struct contact_letter *letter, struct contact *c) {
    bool verified_now = letter->trust == TRUST_VERIFIED;
    int64_t verified = query_get_int(q, 0), unverified = query_get_int(q, 1);
    struct span mark = letter_mark(letter);
    c->again = mark.n && span_eq(mark, query_get(q, 4));
    if (c->again && verified_now)
        verified--;
    else if (c->again)
        unverified--;
    c->known = as_count(verified_now ? verified : verified + unverified);
    if (c->known)
        c->known_since_ms = query_get_int(q, verified_now ? 3 : 2);
    if (verified + unverified > 0)
        c->signals &= ~SIGNAL(FIRST_CONTACT);
    if (verified > 0 && !verified_now)
        c->signals |= SIGNAL(UNVERIFIED_NOW);
}

static enum sd_err recall_person(struct keeper *k, const struct contact_letter *letter, struct contact *c) {
    uint8_t lower[LIMIT_ADDRESS_BYTES];
    struct span address = span_of(lower, lower_case(letter->address, lower, sizeof lower));
    enum sd_err err = hash_of(k, "contact", address, &c->person);
    if (err)
        return err;
    c->signals |= SIGNAL(FIRST_CONTACT);
    struct query q = db_query(k->db, SQL_CONTACT_GET);
    query_blob(&q, hash_span(&c->person));
    if (query_row(&q))
        read_contact(&q, letter, c);
    return query_end(&q);
}

static enum sd_err look_known(struct keeper *k, struct span look, bool *ret) {
    struct contact_hash hash;
    enum sd_err err = hash_of(k, "contact-look", look, &hash);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_LOOK_GET);
    query_blob(&q, hash_span(&hash));
    *ret = query_row(&q);
    return query_end(&q);
}

/* A known domain is nobody's imitation, so its looks are not asked about. */
static enum sd_err recall_domain(struct keeper *k, const struct contact_letter *letter, struct contact *c) {
    enum sd_err err = hash_of(k, "contact-domain", letter->domain, &c->domain);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_DOMAIN_GET);
    query_blob(&q, hash_span(&c->domain));
    c->domain_known = query_row(&q);
    c->domain_seen_ms = c->domain_known ? query_get_int(&q, 0) : 0;
    err = query_end(&q);
    struct ipc_list_iter iter = ipc_list_start(letter->looks);
    struct span look;
    bool known = false;
    while (err == SD_OK && !c->domain_known && !known && ipc_list_next(&iter, &look))
        err = look_known(k, look, &known);
    if (known)
        c->signals |= SIGNAL(LOOKALIKE_KNOWN);
    return err;
}

static enum sd_err recall_name(struct keeper *k, const struct contact_letter *letter, struct contact *c) {
    enum sd_err err = hash_of(k, "contact-name", letter->name, &c->name);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_NAME_GET);
    query_blob(&q, hash_span(&c->name));
    query_blob(&q, hash_span(&c->person));
    if (query_row(&q)) { /* somebody's; mine too? */
        c->name_mine = query_get_int(&q, 0) != 0;
        c->signals |= c->name_mine ? 0 : SIGNAL(KNOWN_NAME);
    }
    return query_end(&q);
}

enum sd_err contacts_recall(struct keeper *k, const struct contact_letter *letter, struct contact *ret) {
    struct contact c = {0};
    enum sd_err err = SD_OK;
    if (letter->address.n)
        err = recall_person(k, letter, &c);
    if (err == SD_OK && letter->address.n && letter->domain.n)
        err = recall_domain(k, letter, &c);
    if (err == SD_OK && letter->address.n && letter->name.n)
        err = recall_name(k, letter, &c);
    if (err == SD_OK)
        *ret = c;
    return err;
}

/* ---- remembering ---- */

static enum sd_err count_letter(struct keeper *k, const struct contact_letter *letter, const struct contact *c) {
    bool verified = letter->trust == TRUST_VERIFIED;
    int64_t now_ms = k->spec.now_ms();
    struct query q = db_query(k->db, SQL_CONTACT_PUT);
    query_blob(&q, hash_span(&c->person));
    query_int(&q, verified);
    query_int(&q, !verified);
    query_int(&q, now_ms);
    query_int(&q, verified ? now_ms : 0);
    query_int(&q, now_ms);
    query_blob(&q, letter_mark(letter));
    return query_run(&q);
}

static enum sd_err put_domain(struct keeper *k, const struct contact *c) {
    struct query q = db_query(k->db, SQL_DOMAIN_PUT);
    query_blob(&q, hash_span(&c->domain));
    query_int(&q, k->spec.now_ms());
    return query_run(&q);
}

static enum sd_err put_look(struct keeper *k, struct span look, const struct contact *c) {
    struct contact_hash hash;
    enum sd_err err = hash_of(k, "contact-look", look, &hash);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_LOOK_PUT);
    query_blob(&q, hash_span(&hash));
    query_blob(&q, hash_span(&c->domain));
    return query_run(&q);
}

static enum sd_err learn_domain(struct keeper *k, const struct contact_letter *letter, const struct contact *c) {
    if (c->domain_known && k->spec.now_ms() - c->domain_seen_ms < REFRESH_MS)
        return SD_OK;
    enum sd_err err = put_domain(k, c);
    if (c->domain_known)
        return err;
    struct ipc_list_iter iter = ipc_list_start(letter->looks);
    struct span look;
    while (err == SD_OK && ipc_list_next(&iter, &look))
        err = put_look(k, look, c);
    return err;
}

static enum sd_err learn_name(struct keeper *k, const struct contact *c) {
    struct query q = db_query(k->db, SQL_NAME_PUT);
    query_blob(&q, hash_span(&c->name));
    query_blob(&q, hash_span(&c->person));
    return query_run(&q);
}

#define IMITATES_DOMAIN (SIGNAL(LOOKALIKE_KNOWN) | SIGNAL(LOOKALIKE_OWN) | SIGNAL(LOOKALIKE_PROTECTED))
#define IMITATES_NAME (IMITATES_DOMAIN | SIGNAL(KNOWN_NAME) | SIGNAL(DISPLAY_NAME) | SIGNAL(DISPLAY_ADDRESS))

enum sd_err contacts_remember(struct keeper *k, const struct contact_letter *letter, enum disposition disposition,
                              uint64_t signals, const struct contact *c) {
    bool accepted = disposition == DISPOSITION_ACCEPT || disposition == DISPOSITION_FLAG;
    if (letter->address.n == 0 || !accepted || letter->trust == TRUST_FAILED)
        return SD_OK;
    enum sd_err err = c->again ? SD_OK : count_letter(k, letter, c);
    if (letter->trust != TRUST_VERIFIED)
        return err;
    if (err == SD_OK && letter->domain.n && !(signals & IMITATES_DOMAIN))
        err = learn_domain(k, letter, c);
    if (err == SD_OK && letter->name.n && !c->name_mine && !(signals & IMITATES_NAME))
        err = learn_name(k, c);
    return err;
}

/* ---- forgetting ---- */

/* From behind `from`, in the order of their hashes: *ret is the last one of this portion, *ret_end that there are no more. */
static enum sd_err portion(struct keeper *k, const struct contact_hash *from, struct contact_hash *ret, bool *ret_end) {
    struct query q = db_query(k->db, SQL_CONTACT_PORTION);
    query_blob(&q, hash_span(from));
    query_int(&q, EXPIRE_CONTACTS - 1);
    *ret_end = !query_row(&q);
    if (!*ret_end)
        query_get_fixed(&q, 0, ret->b, sizeof ret->b);
    else
        memset(ret->b, 0xff, sizeof ret->b);
    return query_end(&q);
}

static enum sd_err expire_range(struct keeper *k, const struct contact_hash *from, const struct contact_hash *to,
                                int64_t before_ms) {
    static const enum db_sql statements[] = {SQL_NAME_EXPIRE, SQL_CONTACT_EXPIRE};
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < SD_COUNT(statements) && err == SD_OK; i++) {
        struct query q = db_query(k->db, statements[i]);
        query_blob(&q, hash_span(from));
        query_blob(&q, hash_span(to));
        query_int(&q, before_ms);
        err = query_run(&q);
    }
    return err;
}

static enum sd_err expire_domain(struct keeper *k, const struct contact_hash *domain) {
    static const enum db_sql statements[] = {SQL_LOOK_END, SQL_DOMAIN_END};
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < SD_COUNT(statements) && err == SD_OK; i++) {
        struct query q = db_query(k->db, statements[i]);
        query_blob(&q, hash_span(domain));
        err = query_run(&q);
    }
    return err;
}

static enum sd_err expire_domains(struct keeper *k, int64_t before_ms) {
    struct contact_hash old[EXPIRE_DOMAINS];
    size_t count = 0;
    struct query q = db_query(k->db, SQL_DOMAIN_OLD);
    query_int(&q, before_ms);
    query_int(&q, EXPIRE_DOMAINS);
    while (count < EXPIRE_DOMAINS && query_row(&q))
        query_get_fixed(&q, 0, old[count++].b, sizeof old[0].b);
    enum sd_err err = query_end(&q);
    for (size_t i = 0; i < count && err == SD_OK; i++)
        err = expire_domain(k, &old[i]);
    return err;
}

enum sd_err contacts_expire(struct keeper *k) {
    struct contact_hash from, to;
    bool end = false;
    int64_t before_ms = k->spec.now_ms() - k->trust.history_ms;
    memcpy(from.b, k->contacts_from, sizeof from.b);
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = portion(k, &from, &to, &end);
    if (err == SD_OK)
        err = expire_range(k, &from, &to, before_ms);
    if (err == SD_OK)
        err = expire_domains(k, before_ms);
    err = db_end(k->db, err);
    if (err)
        return err;
    if (end)
        memset(k->contacts_from, 0, sizeof k->contacts_from);
    else
        memcpy(k->contacts_from, to.b, sizeof k->contacts_from);
    return SD_OK;
}
