/* RFC 9989 §4.10: the DNS tree walk. */
#include "auth/dmarc.h"
#include "auth/idn.h"
#include "auth/name.h"

/* Steps 2 and 6: what is no DMARC record is discarded; of several, all. False: none. */
static bool single_record(const struct dns_answer *txt, struct arena *arena, struct dmarc_record *ret) {
    size_t count = 0;
    for (size_t i = 0; i < txt->count; i++) {
        struct dmarc_record record;
        if (dmarc_record_parse(dns_txt_joined(txt->records[i], arena), &record))
            continue;
        *ret = record;
        count++;
    }
    return count == 1;
}

static enum sd_err query(const struct dmarc_asking *asking, struct span domain, struct dmarc_walk *walk) {
    struct dns_answer txt;
    struct span name = arena_printf(asking->arena, "_dmarc.%.*s", SPAN_FMT(domain));
    enum sd_err err = arena_err(asking->arena);
    err = err ? err : dns_ask(asking->dns, name, DNS_TXT, asking->deadline, asking->arena, &txt);
    if (err)
        return err;
    struct dmarc_found *found = &walk->found[walk->count];
    walk->cut_short = txt.outcome == DNS_TEMPFAIL;
    found->domain = domain;
    if (txt.outcome == DNS_FOUND && single_record(&txt, asking->arena, &found->record))
        walk->count++;
    return SD_OK;
}

static bool done(const struct dmarc_walk *walk) {
    return walk->cut_short || (walk->count && walk->found[walk->count - 1].record.psd != DMARC_PSD_UNKNOWN);
}

/* RFC 7489 §3.2, §6.6.3: the domain itself, else its organisational domain by the public suffix list. */
static enum sd_err ask_by_suffix(const struct dmarc_asking *asking, struct dmarc_walk *walk) {
    struct span org = psl_org_domain(walk->start, asking->arena);
    enum sd_err err = query(asking, walk->start, walk);
    if (err || walk->cut_short || walk->count || org.n == walk->start.n)
        return err;
    return query(asking, org, walk);
}

enum sd_err dmarc_tree_walk(const struct dmarc_asking *asking, struct span domain, struct dmarc_walk *ret) {
    *ret = (struct dmarc_walk){.start = domain};
    if (asking->psl_org_domain)
        return ask_by_suffix(asking, ret);
    enum sd_err err = query(asking, domain, ret);
    struct span next = name_labels(domain) > DMARC_SHORT_LABELS ? name_tail(domain, DMARC_SHORT_LABELS) : name_parent(domain);
    for (; next.n && err == SD_OK && !done(ret); next = name_parent(next))
        err = query(asking, next, ret);
    return err;
}

struct span dmarc_org_domain(const struct dmarc_walk *walk) {
    for (size_t i = 0; i < walk->count; i++) {
        const struct dmarc_found *found = &walk->found[i];
        if (found->record.psd == DMARC_PSD_NO)
            return found->domain;
        if (found->record.psd == DMARC_PSD_YES && found->domain.n != walk->start.n)
            return name_tail(walk->start, name_labels(found->domain) + 1);
    }
    return walk->count ? walk->found[walk->count - 1].domain : walk->start;
}

const struct dmarc_found *dmarc_policy_of(const struct dmarc_walk *walk) {
    if (walk->count && walk->found[0].domain.n == walk->start.n)
        return &walk->found[0];
    if (walk->cut_short || walk->count == 0)
        return NULL;
    /* The walk's last record is the organisational domain's, or a public suffix domain's, over which the former goes. */
    struct span org = dmarc_org_domain(walk);
    for (size_t i = 0; i < walk->count; i++)
        if (walk->found[i].domain.n == org.n)
            return &walk->found[i];
    return &walk->found[walk->count - 1];
}
