/* RFC 9989 §5.3: alignment, result and policy. */
#include "auth/dmarc.h"
#include "auth/idn.h"
#include "auth/name.h"

/* The zero value aligns nothing. */
enum alignment { ALIGNMENT_NO, ALIGNMENT_YES, ALIGNMENT_UNKNOWN };

struct evaluation {
    struct dmarc_asking asking;
    const struct dmarc_question *question;
    struct dmarc_walk walk; /* of the Author Domain */
    const struct dmarc_found *policy;
    struct span org_domain; /* empty while unknown */
    struct dmarc_verdict verdict;
    bool undecided; /* an identifier might align, or pass, if only the DNS answered */
    enum sd_err err;
};

/* The organisational domain of an identifier; empty when it cannot be known. Without any record it is the suffix list's. */
static struct span org_domain_of(struct evaluation *e, struct span domain) {
    struct dmarc_walk walk;
    if (!e->policy || e->asking.psl_org_domain)
        return psl_org_domain(domain, e->asking.arena);
    e->err = e->err ? e->err : dmarc_tree_walk(&e->asking, domain, &walk);
    return e->err || walk.cut_short ? SPAN_NONE : dmarc_org_domain(&walk);
}

static enum alignment align(struct evaluation *e, struct span domain, bool strict) {
    if (domain.n == 0)
        return ALIGNMENT_NO;
    if (span_ieq(domain, e->walk.start))
        return ALIGNMENT_YES;
    if (strict)
        return ALIGNMENT_NO;
    /* Organisational domains are suffixes of their domains: with different last labels they cannot meet. */
    if (!span_ieq(name_tail(domain, 1), name_tail(e->walk.start, 1)))
        return ALIGNMENT_NO;
    struct span org = org_domain_of(e, domain);
    if (org.n == 0 || e->org_domain.n == 0)
        return ALIGNMENT_UNKNOWN;
    return span_ieq(org, e->org_domain) ? ALIGNMENT_YES : ALIGNMENT_NO;
}

/* One authenticated, or not yet authenticated, identifier. */
static void consider(struct evaluation *e, struct span domain, enum auth_result result, bool strict, bool *ret_aligned) {
    if (result != AUTH_PASS && result != AUTH_TEMPERROR)
        return;
    enum alignment alignment = align(e, domain, strict);
    if (alignment == ALIGNMENT_YES && result == AUTH_PASS)
        *ret_aligned = true;
    else if (alignment != ALIGNMENT_NO)
        e->undecided = true;
}

static void consider_signature(struct evaluation *e, size_t i, bool strict) {
    const struct dkim_verdict *v = &e->question->dkim[i];
    bool aligned = false;
    consider(e, v->domain, v->result, strict, &aligned);
    e->verdict.dkim_aligned |= aligned;
    e->verdict.signatures |= aligned && i < 32 ? UINT32_C(1) << i : 0;
}

static void consider_all(struct evaluation *e) {
    const struct dmarc_question *q = e->question;
    bool unknown = !e->policy && e->walk.cut_short; /* only the same domain aligns under whatever record there may be */
    bool strict_spf = e->policy ? e->policy->record.strict_spf : unknown;
    bool strict_dkim = e->policy ? e->policy->record.strict_dkim : unknown;
    if (q->spf)
        consider(e, q->spf->domain, q->spf->result, strict_spf, &e->verdict.spf_aligned);
    for (size_t i = 0; i < q->dkim_count; i++)
        if (!q->dkim[i].partial && !q->dkim[i].repeated)
            consider_signature(e, i, strict_dkim);
}

/* Does np apply? RFC 9989 §3.2.13: the Author Domain does not exist when the DNS says NXDOMAIN. */
static bool author_missing(struct evaluation *e) {
    struct dns_answer answer = {.outcome = DNS_TEMPFAIL};
    e->err = e->err ? e->err : dns_ask(e->asking.dns, e->walk.start, DNS_A, e->asking.deadline, e->asking.arena, &answer);
    e->undecided = e->undecided || answer.outcome == DNS_TEMPFAIL;
    return answer.outcome == DNS_NXDOMAIN;
}

/* §4.10.1: p for the domain of the record itself, sp or np below it. */
static enum dmarc_policy published_policy(struct evaluation *e) {
    const struct dmarc_record *r = &e->policy->record;
    if (e->policy->domain.n == e->walk.start.n)
        return r->p;
    enum dmarc_policy existing = r->sp ? r->sp : r->p;
    if (!r->np || r->np == existing || e->asking.psl_org_domain)
        return existing;
    return author_missing(e) ? r->np : existing;
}

static enum dmarc_policy applied_policy(const struct evaluation *e) {
    if (e->verdict.result != AUTH_FAIL)
        return DMARC_POLICY_NONE;
    if (!e->policy->record.testing)
        return e->verdict.policy;
    return e->verdict.policy == DMARC_POLICY_REJECT ? DMARC_POLICY_QUARANTINE : DMARC_POLICY_NONE; /* §4.7 t */
}

static void conclude(struct evaluation *e, enum auth_result result, const char *why) {
    e->verdict.result = result;
    e->verdict.reason = span_cstr(why);
}

static void judge(struct evaluation *e) {
    e->verdict.policy = published_policy(e);
    e->verdict.domain = e->policy->domain;
    if (e->verdict.spf_aligned || e->verdict.dkim_aligned)
        conclude(e, AUTH_PASS, "");
    else if (e->undecided)
        conclude(e, AUTH_TEMPERROR, "a DNS answer is missing");
    else
        conclude(e, AUTH_FAIL, "neither SPF nor DKIM passed for the author's domain");
    e->verdict.applied = applied_policy(e);
}

static void evaluate(struct evaluation *e) {
    e->policy = dmarc_policy_of(&e->walk);
    if (e->policy && !e->policy->record.usable)
        e->policy = NULL; /* §4.10.1: no DMARC processing */
    if (!e->policy || e->asking.psl_org_domain)
        e->org_domain = psl_org_domain(e->walk.start, e->asking.arena);
    else if (!e->walk.cut_short)
        e->org_domain = dmarc_org_domain(&e->walk);
    e->verdict.org_domain = e->org_domain;
    if (e->walk.cut_short && !e->policy) {
        consider_all(e);
        conclude(e, AUTH_TEMPERROR, "no DNS answer for the DMARC record");
        return;
    }
    consider_all(e);
    if (e->policy)
        judge(e);
    else
        conclude(e, e->undecided && !e->verdict.spf_aligned && !e->verdict.dkim_aligned ? AUTH_TEMPERROR : AUTH_NONE,
                 "there is no DMARC record");
}

enum sd_err dmarc_check(const struct dmarc_question *question, const struct dns_source *dns, struct deadline deadline,
                        struct arena *arena, struct dmarc_verdict *ret) {
    struct evaluation e = {.asking = {dns, deadline, arena, question->psl_org_domain}, .question = question};
    struct span author;
    enum sd_err err = idn_to_ascii(question->from_domain, arena, &author);
    if (err == SD_ERR_PARSE) {
        *ret = (struct dmarc_verdict){.result = AUTH_PERMERROR, .reason = SPAN("the author has no domain")};
        return SD_OK;
    }
    err = err ? err : dmarc_tree_walk(&e.asking, author, &e.walk);
    if (err)
        return err;
    evaluate(&e);
    err = e.err ? e.err : arena_err(arena);
    if (err == SD_OK)
        *ret = e.verdict;
    return err;
}
