/*
 * How many DNS look-ups an evaluation of one SPF record takes when nothing matches before its end: the worst that a receiver
 * meets (RFC 7208 §4.6.4), through every include and redirect.
 */
#include "sealdesk/dns_check.h"

#include "core/network.h"

#include "auth/name.h"
#include "auth/spf.h"

#define COST_DEPTH_MAX 12   /* an include in an include …: ten already are too many */
#define COST_LOOKUPS_MAX 64 /* from here on the sum is only "too many" */

struct cost {
    struct dns_check *check;
    struct span domain; /* the findings' subject */
    struct span chain[COST_DEPTH_MAX];
    size_t depth;
    unsigned lookups;
    unsigned voids[2];  /* with IPv4 and with IPv6 clients */
    bool unknown;       /* an answer is missing */
    bool by_macro;      /* a target depends on the message: what is behind it is not counted */
    struct buf *detail; /* "include:x.example 3, mx 1" of the outermost record */
};

static void count_record(struct cost *cost, struct span domain, struct span text);

static bool in_chain(const struct cost *cost, struct span domain) {
    for (size_t i = 0; i < cost->depth; i++)
        if (span_ieq(cost->chain[i], domain))
            return true;
    return false;
}

static void follow(struct cost *cost, struct span target, const char *word) {
    struct dns_check *check = cost->check;
    struct span text = SPAN_NONE;
    if (in_chain(cost, target) || cost->depth == COST_DEPTH_MAX) {
        dns_found(check, SEVERITY_WRONG, "spf-loop", cost->domain, SPAN_NONE,
                  "SPF goes round in a circle: %s:%.*s leads back to where it came from", word, SPAN_FMT(target));
        return;
    }
    struct dns_answer txt = dns_check_ask(check, target, DNS_TXT);
    size_t count = dns_spf_records(check, &txt, &text);
    if (txt.outcome == DNS_TEMPFAIL)
        cost->unknown = true;
    else if (count != 1) /* §5.2, §6.1: permerror */
        dns_found(check, SEVERITY_WRONG, "spf-include-broken", cost->domain, SPAN_NONE,
                  "SPF names %s:%.*s, which has %s SPF record: receivers stop there with an error", word, SPAN_FMT(target),
                  count ? "more than one" : "no");
    else
        count_record(cost, target, text);
}

static void count_void(struct cost *cost, struct span name, enum dns_type type, unsigned family) {
    struct dns_answer answer = dns_check_ask(cost->check, name, type);
    cost->unknown |= answer.outcome == DNS_TEMPFAIL;
    cost->voids[family] += answer.outcome == DNS_NODATA || answer.outcome == DNS_NXDOMAIN;
}

static void count_mx(struct cost *cost, struct span name) {
    struct dns_answer mx = dns_check_ask(cost->check, name, DNS_MX);
    cost->unknown |= mx.outcome == DNS_TEMPFAIL;
    if (mx.outcome == DNS_NODATA || mx.outcome == DNS_NXDOMAIN)
        for (unsigned family = 0; family < 2; family++)
            cost->voids[family]++;
    if (mx.count > SPF_MAX_MX)
        dns_found(cost->check, SEVERITY_WRONG, "spf-many-mx", cost->domain, SPAN_NONE,
                  "SPF names mx:%.*s, which has more than %d MX records: receivers stop there with an error", SPAN_FMT(name),
                  SPF_MAX_MX);
    for (size_t i = 0; i < mx.count && i < SPF_MAX_MX; i++) {
        struct span host;
        if (dns_name_text(span_from(mx.records[i], 2), cost->check->arena, &host) || host.n == 0)
            continue;
        count_void(cost, host, DNS_A, 0);
        count_void(cost, host, DNS_AAAA, 1);
    }
}

static void count_term(struct cost *cost, struct span domain, const struct spf_term *term) {
    struct span target = term->domain_spec.n ? name_undot(term->domain_spec) : domain;
    if (term->mechanism == SPF_ALL || term->mechanism == SPF_IP4 || term->mechanism == SPF_IP6)
        return;
    cost->lookups++;
    if (span_find(target, '%') < target.n)
        cost->by_macro |= term->mechanism == SPF_INCLUDE;
    else if (term->mechanism == SPF_INCLUDE)
        follow(cost, target, "include");
    else if (term->mechanism == SPF_MX)
        count_mx(cost, target);
    else if (term->mechanism == SPF_A) {
        count_void(cost, target, DNS_A, 0);
        count_void(cost, target, DNS_AAAA, 1);
    }
}

/* Only of the outermost record: that is the one the reader can change. */
static void put_detail(struct cost *cost, const struct spf_term *term, const char *word, unsigned before) {
    static const char *const words[] = {"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"};
    struct span spec = term ? term->domain_spec : SPAN_NONE;
    if (cost->depth == 1 && cost->lookups > before)
        buf_printf(cost->detail, "%s%s%s%.*s %u", cost->detail->n ? ", " : "", term ? words[term->mechanism] : word,
                   spec.n ? ":" : "", SPAN_FMT(spec), cost->lookups - before);
}

static void count_record(struct cost *cost, struct span domain, struct span text) {
    struct spf_record record;
    struct span bad = SPAN_NONE;
    bool ends = false; /* §5.1: nothing behind "all" is looked at, and §6.1: no redirect either */
    if (spf_parse(text, cost->check->arena, &record, &bad) != SD_OK) {
        dns_found(cost->check, SEVERITY_WRONG, "spf-include-broken", cost->domain, SPAN_NONE,
                  "SPF uses the record at %.*s, which has a syntax error at \"%.*s\": receivers stop there with an error",
                  SPAN_FMT(domain), SPAN_FMT(bad));
        return;
    }
    cost->chain[cost->depth++] = domain;
    for (size_t i = 0; i < record.count && !ends && cost->lookups < COST_LOOKUPS_MAX; i++) {
        unsigned before = cost->lookups;
        count_term(cost, domain, &record.terms[i]);
        put_detail(cost, &record.terms[i], "", before);
        ends = record.terms[i].mechanism == SPF_ALL;
    }
    if (record.redirect.n && !ends) {
        unsigned before = cost->lookups++;
        if (span_find(record.redirect, '%') < record.redirect.n)
            cost->by_macro = true;
        else
            follow(cost, name_undot(record.redirect), "redirect");
        put_detail(cost, NULL, "redirect", before);
    }
    cost->depth--;
}

static bool sends_by(const struct dns_check *check, bool v6) {
    bool any = false;
    for (size_t i = 0; i < check->sender_count; i++)
        any |= ip_is_v4(check->senders[i]) != v6;
    return any;
}

void dns_check_spf_cost(struct dns_check *check, struct span domain, struct span text) {
    struct buf detail SD_CLEANUP(buf_free) = buf_new(65536);
    struct cost cost = {.check = check, .domain = domain, .detail = &detail};
    count_record(&cost, domain, text);
    if (cost.unknown)
        dns_found(check, SEVERITY_UNKNOWN, "spf-lookups-unknown", domain, SPAN_NONE,
                  "the DNS did not answer for all that SPF names: %u look-ups were counted so far", cost.lookups);
    if (cost.lookups > SPF_MAX_LOOKUPS)
        dns_found(check, SEVERITY_WRONG, "spf-many-lookups", domain, SPAN_NONE,
                  "SPF takes %s%u DNS look-ups, and receivers stop with an error after %d: %.*s",
                  cost.lookups >= COST_LOOKUPS_MAX ? "more than " : "", cost.lookups, SPF_MAX_LOOKUPS,
                  SPAN_FMT(buf_span(&detail)));
    else if (!cost.unknown)
        dns_found(check, SEVERITY_OK, "spf-lookups", domain, SPAN_NONE, "SPF takes %u of at most %d DNS look-ups%s",
                  cost.lookups, SPF_MAX_LOOKUPS, cost.by_macro ? ", and more behind names that depend on the message" : "");
    for (unsigned family = 0; family < 2; family++)
        if (cost.voids[family] > SPF_MAX_VOID_LOOKUPS && (sends_by(check, family == 1) || check->sender_count == 0))
            dns_found(check, SEVERITY_WRONG, "spf-void-lookups", domain, SPAN_NONE,
                      "%u names in SPF have no IPv%d address, and receivers may stop with an error after %d",
                      cost.voids[family], family ? 6 : 4, SPF_MAX_VOID_LOOKUPS);
}
