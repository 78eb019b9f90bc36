/*
 * Who explains a failure: a forwarder that the administrator listed, for which SPF cannot pass, or a chain of sealers that the
 * administrator listed, of which one says that the message passed when it came to it (RFC 8617 §7.2.1). Both lists are empty by
 * default. An override lifts a hold; it proves nobody's domain.
 */
#include "auth/authres_read.h"
#include "auth/idn.h"
#include "auth/judge.h"
#include "auth/name.h"

static bool listed(struct span domain, const struct span *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (name_is_under(domain, list[i]))
            return true;
    return false;
}

/* ---- forwarders ---- */

static bool is_forwarder(const struct auth_envelope *envelope, const struct auth_judgement *j, struct span entry) {
    struct network network;
    if (network_parse(entry, &network) == SD_OK)
        return network_has(&network, envelope->ip);
    return j->iprev.result == AUTH_PASS && name_is_under(j->iprev.name, entry);
}

static bool find_forwarder(const struct auth_envelope *envelope, const struct auth_judgement *j,
                           const struct auth_policy *policy, struct auth_override *ret) {
    for (size_t i = 0; i < policy->forwarder_count; i++)
        if (is_forwarder(envelope, j, policy->forwarders[i])) {
            *ret = (struct auth_override){AUTH_OVERRIDE_FORWARDER, policy->forwarders[i],
                                          SPAN("It came through a forwarder on your list, behind which SPF cannot pass.")};
            return true;
        }
    return false;
}

/* ---- sealers ---- */

struct attestation {
    bool dmarc_passed; /* for the author's domain */
    bool arc_passed;
};

static struct attestation read_attestation(struct span body, struct span from_domain, struct arena *arena) {
    struct attestation a = {0};
    struct authres said;
    if (authres_read(body, arena, &said) != SD_OK)
        return a;
    for (size_t i = 0; i < said.count; i++) {
        const struct authres_result *r = &said.results[i];
        if (!span_ieq(r->result, SPAN("pass")))
            continue;
        a.arc_passed |= span_ieq(r->method, SPAN("arc"));
        a.dmarc_passed |= span_ieq(r->method, SPAN("dmarc")) &&
                          span_ieq(idn_domain_of(authres_value(r, SPAN("header"), SPAN("from")), arena), from_domain);
    }
    return a;
}

/* From the newest seal down: each sealer must be on the list, until one says that the message passed when it came there. One
 * that says neither that nor that the chain before it was whole ends the search. */
static bool find_sealer(const struct auth_judgement *j, struct span from_domain, const struct auth_policy *policy,
                        struct arena *arena, struct auth_override *ret) {
    if (j->arc.result != AUTH_PASS || j->arc.partial)
        return false;
    for (size_t i = j->arc.set_count; i > 0; i--) {
        const struct arc_set *set = &j->arc.sets[i - 1];
        if (!listed(set->sealer, policy->trusted_sealers, policy->trusted_sealer_count))
            return false;
        struct attestation a = read_attestation(set->results, from_domain, arena);
        if (a.dmarc_passed) {
            *ret = (struct auth_override){AUTH_OVERRIDE_TRUSTED_SEALER, set->sealer,
                                          SPAN("A sealer on your list found it to pass DMARC before it was passed on.")};
            return true;
        }
        if (!a.arc_passed)
            return false;
    }
    return false;
}

enum sd_err override_find(const struct auth_envelope *envelope, const struct auth_judgement *judgement, struct span from_domain,
                          const struct auth_policy *policy, struct arena *arena, struct auth_override *ret) {
    struct auth_override found = {0};
    bool there = find_forwarder(envelope, judgement, policy, &found);
    if (!there && from_domain.n)
        there = find_sealer(judgement, from_domain, policy, arena, &found);
    enum sd_err err = arena_err(arena);
    if (err == SD_OK && there)
        *ret = found;
    return err;
}
