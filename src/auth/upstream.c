/*
 * Behind another MTA of ours the connection says nothing about the sender: that MTA judged it and wrote the result on top (RFC
 * 8601). It is believed when the connection comes from a configured address, and only the topmost field, and only when that
 * carries the configured id: everything below came with the message.
 */
#include "auth/authres_read.h"
#include "auth/idn.h"
#include "auth/judge.h"
#include "auth/results.h"

static const char no_field[] = "your MTA in front wrote no Authentication-Results that can be read";

static bool is_connected(const struct auth_envelope *envelope, const struct auth_policy *policy) {
    if (policy->upstream_id.n == 0)
        return false;
    for (size_t i = 0; i < policy->upstream_address_count; i++)
        if (network_has(&policy->upstream_addresses[i], envelope->ip))
            return true;
    return false;
}

static enum auth_result result_from(struct span word) {
    static const struct {
        const char *text;
        enum auth_result result;
    } known[] = {
#define X(name, text) {text, AUTH_##name},
        AUTH_RESULT_LIST(X)
#undef X
    };
    for (size_t i = 0; i < SD_COUNT(known); i++)
        if (span_ieq(word, span_cstr(known[i].text)))
            return known[i].result;
    return AUTH_NONE;
}

/* RFC 8601 §2.7.2: smtp.mailfrom, or smtp.helo of an empty reverse-path. Of several results the first one for MAIL FROM counts.
 */
static void take_spf(const struct authres_result *r, struct arena *arena, struct upstream *u) {
    struct span mail_from = authres_value(r, SPAN("smtp"), SPAN("mailfrom"));
    struct span helo = authres_value(r, SPAN("smtp"), SPAN("helo"));
    if (u->spf.identity == SPF_MAILFROM || (u->spf.identity == SPF_HELO && mail_from.n == 0))
        return;
    u->spf = (struct spf_verdict){.result = result_from(r->result),
                                  .domain = idn_domain_of(mail_from.n ? mail_from : helo, arena),
                                  .identity = mail_from.n ? SPF_MAILFROM
                                              : helo.n    ? SPF_HELO
                                                          : SPF_NO_IDENTITY};
    if (u->spf.domain.n == 0)
        u->spf = (struct spf_verdict){.reason = SPAN("your MTA in front did not say for which domain")};
}

/* Only what it found good: what it found bad may be good here, or is not needed. */
static void take_dkim(const struct authres_result *r, struct arena *arena, struct dkim_verdict *list, size_t *count) {
    struct span algorithm = authres_value(r, SPAN("header"), SPAN("a"));
    struct span domain = authres_value(r, SPAN("header"), SPAN("d"));
    struct dkim_verdict v = {.result = AUTH_PASS,
                             .domain = idn_domain_of(domain.n ? domain : authres_value(r, SPAN("header"), SPAN("i")), arena),
                             .selector = authres_value(r, SPAN("header"), SPAN("s")),
                             .algorithm = span_ieq(algorithm, SPAN("rsa-sha256"))       ? "rsa-sha256"
                                          : span_ieq(algorithm, SPAN("ed25519-sha256")) ? "ed25519-sha256"
                                                                                        : "unknown",
                             .reason = SPAN("found good by your MTA in front")};
    if (result_from(r->result) == AUTH_PASS && v.domain.n && *count < DKIM_MAX_SIGNATURES)
        list[(*count)++] = v;
}

static enum sd_err take_results(const struct authres *said, struct arena *arena, struct upstream *u) {
    struct dkim_verdict *list = arena_array(arena, DKIM_MAX_SIGNATURES, sizeof *list);
    if (!list)
        return SD_ERR_NOMEM;
    for (size_t i = 0; i < said->count; i++) {
        const struct authres_result *r = &said->results[i];
        if (span_ieq(r->method, SPAN("spf")))
            take_spf(r, arena, u);
        else if (span_ieq(r->method, SPAN("dkim")))
            take_dkim(r, arena, list, &u->dkim_count);
        else if (span_ieq(r->method, SPAN("iprev")))
            u->iprev.result = result_from(r->result);
    }
    u->dkim = list;
    return arena_err(arena);
}

enum sd_err upstream_read(const struct auth_envelope *envelope, const struct mail_message *message,
                          const struct auth_policy *policy, struct arena *arena, struct upstream *ret) {
    struct upstream u = {.connected = is_connected(envelope, policy)};
    const struct mail_field *field = u.connected && message ? mail_field_first(&message->header, SPAN("Authentication-Results"))
                                                            : NULL;
    struct authres said;
    enum sd_err err = SD_OK;
    if (u.connected && message) /* a check that nobody made, until the field says otherwise */
        u.spf = (struct spf_verdict){.result = AUTH_TEMPERROR, .reason = span_cstr(no_field)};
    if (field && results_claims(field->body, policy->upstream_id, arena) && authres_read(field->body, arena, &said) == SD_OK) {
        u.field = field;
        u.spf = (struct spf_verdict){0};
        err = take_results(&said, arena, &u);
    }
    err = err ? err : arena_err(arena);
    if (err == SD_OK)
        *ret = u;
    return err;
}
