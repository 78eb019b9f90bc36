/*
 * RFC 7208 §4: check_host(), sequential, in the order of the record. What ends the evaluation is kept in the context (stop), so
 * every function returns at once and nobody above overrides it.
 */
#include "auth/name.h"
#include "auth/spf.h"

#include <string.h>

static enum auth_result evaluate(struct spf_context *c, struct span domain, bool outermost);

static void stop(struct spf_context *c, enum auth_result result, const char *why, struct span what) {
    if (c->stop)
        return;
    c->stop = result;
    c->reason = what.n ? arena_printf(c->arena, "%s: %.*s", why, SPAN_FMT(what)) : span_cstr(why);
}

struct dns_answer spf_ask(struct spf_context *c, struct span name, enum dns_type type) {
    struct dns_answer answer = {.outcome = DNS_TEMPFAIL};
    if (c->err)
        return answer;
    c->err = dns_ask(c->dns, name, type, c->deadline, c->arena, &answer);
    if (answer.outcome != DNS_FOUND)
        answer.count = 0;
    return answer;
}

void spf_count_void(struct spf_context *c, struct span name, const struct dns_answer *answer) {
    bool is_void = answer->outcome == DNS_NODATA || answer->outcome == DNS_NXDOMAIN;
    if (is_void && name_is_dns(name) && ++c->voids > SPF_MAX_VOID_LOOKUPS) /* another name was never asked for */
        stop(c, AUTH_PERMERROR, "more than two look-ups found nothing", SPAN_NONE);
}

/* For mechanisms: failures end the evaluation, and only so many questions may find nothing (§4.6.4, §11.1). */
static struct dns_answer ask_counted(struct spf_context *c, struct span name, enum dns_type type) {
    struct dns_answer answer = spf_ask(c, name, type);
    if (answer.outcome == DNS_TEMPFAIL)
        stop(c, AUTH_TEMPERROR, "no DNS answer for", name_is_dns(name) ? name : SPAN_NONE);
    spf_count_void(c, name, &answer);
    return answer;
}

static void count_lookup(struct spf_context *c) {
    if (++c->lookups > SPF_MAX_LOOKUPS)
        stop(c, AUTH_PERMERROR, "more than ten terms need DNS look-ups", SPAN_NONE);
}

static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits) {
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

bool spf_has_client(const struct spf_context *c, const struct dns_answer *addresses, unsigned bits4, unsigned bits6) {
    size_t n = c->is_v4 ? 4 : 16;
    for (size_t i = 0; i < addresses->count; i++)
        if (addresses->records[i].n == n && prefix_equal(addresses->records[i].p, c->ip + 16 - n, c->is_v4 ? bits4 : bits6))
            return true;
    return false;
}

/* §4.8: expanded, without the final dot, cut from the left to what the DNS can hold. */
static struct span target_of(struct spf_context *c, struct span domain, struct span spec) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(SPF_MAX_EXPANDED_BYTES);
    if (spec.n == 0)
        return domain;
    spf_expand(c, domain, spec, false, &text);
    if (buf_err(&text) == SD_ERR_LIMIT)
        stop(c, AUTH_PERMERROR, "a domain grows too long", SPAN_NONE);
    else if (buf_err(&text))
        c->err = buf_err(&text);
    struct span name = name_undot(buf_span(&text));
    while (name.n > NAME_MAX_BYTES)
        name = name_parent(name);
    return arena_span(c->arena, name);
}

/* An evaluation that another record's include or redirect starts. */
static enum auth_result evaluate_other(struct spf_context *c, struct span target, bool outermost) {
    enum auth_result result = c->stop || c->err ? c->stop : evaluate(c, target, outermost);
    if (result == AUTH_NONE)
        stop(c, AUTH_PERMERROR, "no SPF record at", name_is_dns(target) ? target : SPAN_NONE); /* §5.2, §6.1 */
    return c->stop ? c->stop : result;
}

static bool match_a(struct spf_context *c, struct span name, const struct spf_term *term) {
    struct dns_answer addresses = ask_counted(c, name, c->is_v4 ? DNS_A : DNS_AAAA);
    return spf_has_client(c, &addresses, term->bits4, term->bits6);
}

static bool match_mx(struct spf_context *c, struct span name, const struct spf_term *term) {
    struct dns_answer mx = ask_counted(c, name, DNS_MX);
    if (mx.count > SPF_MAX_MX)
        stop(c, AUTH_PERMERROR, "more than ten MX hosts at", name);
    for (size_t i = 0; i < mx.count && !c->stop && !c->err; i++) {
        struct span host;
        if (dns_name_text(span_from(mx.records[i], 2), c->arena, &host) || host.n == 0)
            continue; /* a null MX (RFC 7505) or a host no name can be made of */
        if (match_a(c, host, term))
            return true;
    }
    return false;
}

static bool match_exists(struct spf_context *c, struct span name) {
    return ask_counted(c, name, DNS_A).count > 0; /* §5.7: A, whatever the client's address is */
}

static bool match_ip(const struct spf_context *c, const struct spf_term *term) {
    if (term->mechanism == SPF_IP4)
        return c->is_v4 && prefix_equal(c->ip + 12, term->ip, term->bits4);
    return !c->is_v4 && prefix_equal(c->ip, term->ip, term->bits6);
}

static bool match_asking(struct spf_context *c, struct span domain, const struct spf_term *term) {
    count_lookup(c);
    if (c->stop)
        return false;
    struct span target = target_of(c, domain, term->domain_spec);
    if (c->stop || c->err)
        return false;
    switch (term->mechanism) {
    case SPF_INCLUDE:
        return evaluate_other(c, target, false) == AUTH_PASS;
    case SPF_A:
        return match_a(c, target, term);
    case SPF_MX:
        return match_mx(c, target, term);
    case SPF_PTR:
        return spf_validated_name(c, target, true).n > 0;
    default:
        return match_exists(c, target);
    }
}

static bool matches(struct spf_context *c, struct span domain, const struct spf_term *term) {
    switch (term->mechanism) {
    case SPF_ALL:
        return true;
    case SPF_IP4:
    case SPF_IP6:
        return match_ip(c, term);
    default:
        return match_asking(c, domain, term);
    }
}

/* §4.4, §4.5: the one TXT record that is "v=spf1" or goes on with a space. Empty when there is none. */
static struct span select_record(struct spf_context *c, const struct dns_answer *txt) {
    struct span found = SPAN_NONE;
    for (size_t i = 0; i < txt->count && !c->stop; i++) {
        struct span text = dns_txt_joined(txt->records[i], c->arena);
        if (!span_istarts(text, SPAN("v=spf1")) || (text.n > 6 && text.p[6] != ' '))
            continue;
        if (found.n)
            stop(c, AUTH_PERMERROR, "more than one SPF record", SPAN_NONE);
        found = text;
    }
    return found;
}

/* §6.2: any trouble with the explanation means that there is none. Its look-up is not counted. */
static void explain(struct spf_context *c, struct span domain, struct span spec) {
    struct span name = target_of(c, domain, spec);
    struct dns_answer txt = spf_ask(c, name, DNS_TXT);
    if (txt.count != 1)
        return;
    struct span text = dns_txt_joined(txt.records[0], c->arena);
    struct buf expanded SD_CLEANUP(buf_free) = buf_new(SPF_MAX_EXPANDED_BYTES);
    if (!spf_macro_ok(text, true))
        return;
    spf_expand(c, domain, text, true, &expanded);
    if (buf_err(&expanded) == SD_OK && span_is_ascii(buf_span(&expanded)))
        c->explanation = arena_span(c->arena, buf_span(&expanded));
}

static void explain_fail(struct spf_context *c, struct span domain, struct span spec) {
    explain(c, domain, spec);
    c->stop = AUTH_NONE; /* whatever went wrong in there, the result stays fail */
    c->reason = SPAN_NONE;
}

static enum auth_result run_terms(struct spf_context *c, struct span domain, const struct spf_record *record, bool outermost) {
    for (size_t i = 0; i < record->count; i++) {
        bool match = matches(c, domain, &record->terms[i]);
        if (c->stop || c->err)
            return c->stop;
        if (!match)
            continue;
        enum auth_result result = record->terms[i].qualifier;
        if (result == AUTH_FAIL && outermost && record->exp.n)
            explain_fail(c, domain, record->exp);
        return result;
    }
    if (record->redirect.n == 0)
        return AUTH_NEUTRAL; /* §4.7 */
    count_lookup(c);
    return evaluate_other(c, target_of(c, domain, record->redirect), outermost);
}

static enum auth_result evaluate(struct spf_context *c, struct span domain, bool outermost) {
    if (!name_is_dns(domain) || span_find(domain, '.') == domain.n)
        return AUTH_NONE; /* §4.3 */
    struct dns_answer txt = spf_ask(c, domain, DNS_TXT);
    if (txt.outcome == DNS_TEMPFAIL)
        stop(c, AUTH_TEMPERROR, "no DNS answer for", domain);
    struct span text = select_record(c, &txt);
    if (c->stop || text.n == 0)
        return c->stop;
    struct spf_record record;
    struct span bad = SPAN_NONE;
    enum sd_err err = spf_parse(text, c->arena, &record, &bad);
    if (err == SD_ERR_PARSE)
        stop(c, AUTH_PERMERROR, "the SPF record has a syntax error", span_is_ascii(bad) ? bad : SPAN_NONE);
    else if (err)
        c->err = err;
    return err ? c->stop : run_terms(c, domain, &record, outermost);
}

static void split_sender(struct spf_context *c, struct span sender) {
    size_t at = span_rfind(sender, '@');
    c->local = span_sub(sender, 0, at);
    c->sender_domain = span_from(sender, at + 1);
    if (at == sender.n) { /* no "@": it is a domain */
        c->local = SPAN_NONE;
        c->sender_domain = sender;
    }
    if (c->local.n == 0)
        c->local = SPAN("postmaster"); /* §4.3 */
}

enum sd_err spf_check(const uint8_t ip[16], struct span domain, struct span sender, struct span helo, struct span receiver,
                      const struct dns_source *dns, struct deadline deadline, struct arena *arena, struct spf_verdict *ret) {
    struct spf_context c = {.helo = helo, .receiver = receiver, .dns = dns, .deadline = deadline, .arena = arena};
    struct spf_verdict verdict = {.domain = name_lower(name_undot(domain), arena)};
    memcpy(c.ip, ip, sizeof c.ip);
    c.is_v4 = ip_is_v4(ip);
    split_sender(&c, sender);
    verdict.result = evaluate(&c, verdict.domain, true);
    verdict.reason = c.reason;
    verdict.explanation = verdict.result == AUTH_FAIL ? c.explanation : SPAN_NONE;
    if (c.err == SD_OK)
        c.err = arena_err(arena);
    if (c.err == SD_OK)
        *ret = verdict;
    return c.err;
}
