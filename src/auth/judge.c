#include "auth/judge.h"
#include "auth/arc.h"
#include "auth/dkim_verify.h"
#include "auth/dns_memo.h"
#include "auth/idn.h"
#include "auth/name.h"
#include "auth/results.h"

#define RESULTS_MAX_BYTES 16384 /* 8 signatures with their reasons */

struct judging {
    const struct auth_envelope *envelope;
    const struct mail_message *message; /* NULL: the envelope alone */
    const struct auth_policy *policy;
    struct dns_source dns; /* the memo */
    struct dns_memo *memo;
    struct arena *arena;
    struct span sender_domain; /* of MAIL FROM; empty: none that can be checked */
    struct span helo_domain;
    struct claims claims;
    struct upstream upstream;
    struct dkim_candidates candidates;
    struct arc_candidates seals;
    struct auth_judgement judgement;
};

/* RFC 5321 appendix C: a source route in front of the mailbox is ignored. */
static struct span without_route(struct span path) {
    size_t colon = span_find(path, ':');
    return path.n && path.p[0] == '@' && colon < path.n ? span_from(path, colon + 1) : path;
}

static void read_envelope(struct judging *g) {
    struct span sender = without_route(g->envelope->mail_from);
    g->helo_domain = idn_domain_of(g->envelope->helo, g->arena);
    if (sender.n && span_find(sender, '@') < sender.n)
        g->sender_domain = idn_domain_of(sender, g->arena);
}

/* What will surely be asked: the evaluators themselves stay sequential. */
static void ask_ahead(struct judging *g) {
    struct span from = g->claims.from_domain;
    if (!g->upstream.connected) {
        dns_memo_ahead(g->memo, g->sender_domain.n ? g->sender_domain : g->helo_domain, DNS_TXT);
        dns_memo_ahead(g->memo, name_reverse(g->envelope->ip, g->arena), DNS_PTR);
    }
    for (size_t i = 0; i < g->candidates.count; i++)
        dns_memo_ahead(g->memo, g->candidates.items[i].key_name, DNS_TXT);
    arc_ahead(&g->seals, g->memo);
    for (unsigned step = 0; from.n && step < 3; step++, from = name_parent(from))
        dns_memo_ahead(g->memo, arena_printf(g->arena, "_dmarc.%.*s", SPAN_FMT(from)), DNS_TXT);
}

static enum sd_err check_identity(struct judging *g, enum spf_identity identity, struct span domain, struct span sender,
                                  struct spf_verdict *ret) {
    const struct auth_envelope *e = g->envelope;
    struct spf_verdict verdict = {.reason = SPAN("the name cannot be checked")};
    enum sd_err err = SD_OK;
    if (domain.n)
        err = spf_check(e->ip, domain, sender, g->helo_domain.n ? g->helo_domain : SPAN("unknown"), g->policy->authserv_id,
                        &g->dns, g->policy->deadline, g->arena, &verdict);
    verdict.identity = identity;
    if (err == SD_OK)
        *ret = verdict;
    return err;
}

/* RFC 7208 §2.4: of an empty reverse-path the identity is postmaster at the HELO name. §2.3: HELO is checked too. */
static enum sd_err check_spf(struct judging *g) {
    if (g->upstream.connected) {
        g->judgement.spf = g->upstream.spf;
        return SD_OK;
    }
    struct span sender = without_route(g->envelope->mail_from);
    struct span helo_sender = arena_printf(g->arena, "postmaster@%.*s", SPAN_FMT(g->helo_domain));
    if (sender.n == 0)
        return check_identity(g, SPF_HELO, g->helo_domain, helo_sender, &g->judgement.spf);
    enum sd_err err = check_identity(g, SPF_MAILFROM, g->sender_domain, sender, &g->judgement.spf);
    if (err || g->helo_domain.n == 0 || span_ieq(g->helo_domain, g->sender_domain))
        return err;
    return check_identity(g, SPF_HELO, g->helo_domain, helo_sender, &g->judgement.spf_helo);
}

/* The signatures that our own MTA in front found good are added: it may have changed what they cover since. */
static enum sd_err check_signatures(struct judging *g) {
    struct auth_judgement *j = &g->judgement;
    const struct dkim_verdict *ours = NULL;
    size_t count = 0;
    enum sd_err err = dkim_decide(&g->candidates, &g->dns, g->policy->deadline, g->arena, &ours, &count);
    if (err || g->upstream.dkim_count == 0) {
        j->dkim = ours;
        j->dkim_count = count;
        return err;
    }
    struct dkim_verdict *all = arena_array(g->arena, count + g->upstream.dkim_count, sizeof *all);
    if (!all)
        return SD_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        all[j->dkim_count++] = ours[i];
    for (size_t i = 0; i < g->upstream.dkim_count && err == SD_OK; i++) {
        all[j->dkim_count] = g->upstream.dkim[i];
        err = dkim_cover(&g->candidates, &all[j->dkim_count++]);
    }
    j->dkim = all;
    return err;
}

/* A pass whose l= leaves a tail that anybody may have appended: what people read is not what was signed. */
static void note_unsigned_tail(struct auth_judgement *j) {
    for (size_t i = 0; i < j->dkim_count; i++)
        if (j->dkim[i].result == AUTH_PASS && j->dkim[i].partial) {
            j->signals |= UINT64_C(1) << AUTH_SIGNAL_UNSIGNED_TAIL;
            j->ambiguities |= (mail_ambiguities)1 << MAIL_AMBIGUITY_UNSIGNED_TAIL;
        }
}

static enum sd_err check_policy(struct judging *g) {
    struct auth_judgement *j = &g->judgement;
    struct dmarc_question question = {
        .from_domain = g->claims.from_domain,
        .spf = &j->spf,
        .dkim = j->dkim,
        .dkim_count = j->dkim_count,
        .psl_org_domain = g->policy->psl_org_domain,
    };
    return dmarc_check(&question, &g->dns, g->policy->deadline, g->arena, &j->dmarc);
}

static enum sd_err check_message(struct judging *g) {
    struct auth_judgement *j = &g->judgement;
    enum sd_err err = check_signatures(g);
    note_unsigned_tail(j);
    err = err ? err : check_policy(g);
    err = err ? err : arc_decide(&g->seals, &g->dns, g->policy->deadline, g->arena, &j->arc);
    const struct results_believed believed = {g->policy->upstream_id, g->upstream.field};
    return err ? err : results_cuts(&g->message->header, g->policy->authserv_id, &believed, g->arena, &j->cuts, &j->cut_count);
}

static enum sd_err check_address(struct judging *g) {
    if (g->upstream.connected) {
        g->judgement.iprev = g->upstream.iprev;
        return SD_OK;
    }
    return iprev_check(g->envelope->ip, &g->dns, g->policy->deadline, g->arena, &g->judgement.iprev);
}

static enum sd_err decide(struct judging *g) {
    struct auth_judgement *j = &g->judgement;
    enum sd_err err = SD_OK;
    if (disposition_needs_override(j))
        err = override_find(g->envelope, j, g->claims.from_domain, g->policy, g->arena, &j->override);
    return err ? err : disposition_decide(&g->claims, g->message != NULL, g->policy, g->arena, j);
}

static enum sd_err write_results(struct judging *g) {
    struct buf field SD_CLEANUP(buf_free) = buf_new(RESULTS_MAX_BYTES);
    results_write(&g->judgement, g->envelope, g->policy->authserv_id, g->message != NULL, &field);
    enum sd_err err = buf_err(&field);
    if (err)
        return err;
    g->judgement.results_field = arena_span(g->arena, buf_span(&field));
    return arena_err(g->arena);
}

static enum sd_err read_message(struct judging *g) {
    struct auth_judgement *j = &g->judgement;
    enum sd_err err = claims_read(g->message, g->policy, g->arena, &g->claims);
    err = err ? err : dkim_collect(g->message, g->envelope->received_unix_ms, g->arena, &g->candidates);
    err = err ? err : arc_collect(g->message, g->envelope->received_unix_ms, g->arena, &g->seals);
    j->from = g->claims.from;
    j->signals = g->claims.signals;
    j->ambiguities = g->message->ambiguities;
    return err;
}

static enum sd_err check(struct judging *g) {
    ask_ahead(g);
    enum sd_err err = check_spf(g);
    if (g->message)
        err = err ? err : check_message(g);
    err = err ? err : check_address(g);
    err = err ? err : decide(g);
    return err ? err : write_results(g);
}

enum sd_err auth_judge(const struct auth_envelope *envelope, const struct mail_message *message,
                       const struct auth_policy *policy, const struct dns_source *dns, struct arena *arena,
                       struct auth_judgement *ret) {
    struct judging g = {.envelope = envelope, .message = message, .policy = policy, .arena = arena};
    enum sd_err err = dns_memo_new(dns, policy->deadline, arena, &g.memo);
    if (err)
        return err;
    g.dns = dns_memo_source(g.memo);
    read_envelope(&g);
    err = upstream_read(envelope, message, policy, arena, &g.upstream);
    if (message)
        err = err ? err : read_message(&g);
    g.judgement.upstream = g.upstream.connected;
    g.judgement.tls = envelope->tls;
    err = err ? err : check(&g);
    dns_memo_finish(&g.memo);
    err = err ? err : arena_err(arena);
    if (err == SD_OK)
        *ret = g.judgement;
    return err;
}
