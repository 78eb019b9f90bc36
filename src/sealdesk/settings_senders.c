/* What an administrator says about senders: every element is read here as inspector and keeper will read it. */
#include "sealdesk/settings_check.h"

#include "auth/name.h"
#include "auth/policy.h"
#include "core/network.h"

#define HISTORY_DAYS_MAX 36500

static bool is_address(struct span text) {
    size_t at = span_rfind(text, '@');
    return at > 0 && at < text.n && name_is_domain(span_from(text, at + 1)) && span_find(text, ' ') == text.n;
}

static bool is_address_or_domain(struct span text) {
    return is_address(text) || name_is_domain(text);
}

static bool is_network(struct span text) {
    struct network network;
    return network_parse(text, &network) == SD_OK;
}

/* "10.0.0.300" would be a domain by its letters. */
static bool looks_numeric(struct span text) {
    struct span last = name_tail(text, 1);
    uint64_t number;
    return span_to_u64(last, &number) == SD_OK || span_find(text, ':') < text.n || span_find(text, '/') < text.n;
}

static bool is_network_or_host(struct span text) {
    return is_network(text) || (name_is_domain(text) && !looks_numeric(text));
}

/* 'Jane Boss <jane@acme.example>' or 'Acme Billing'. */
static bool is_protected_name(struct span text) {
    size_t open = span_find(text, '<');
    struct span behind = span_from(text, open + 1);
    if (span_trim(span_sub(text, 0, open)).n == 0)
        return false;
    if (open == text.n)
        return span_find(text, '>') == text.n;
    return span_find(behind, '>') + 1 == behind.n && is_address(span_trim(span_sub(behind, 0, behind.n - 1)));
}

static const struct list {
    const char *key;
    bool (*good)(struct span element);
    const char *expected;
} lists[] = {
    {"main.domains", name_is_domain, "domains (international ones as xn--…)"},
    {"trust.protected_domains", name_is_domain, "domains (international ones as xn--…)"},
    {"trust.trusted_sealers", name_is_domain, "domains (international ones as xn--…)"},
    {"trust.refused_senders", is_address_or_domain, "addresses and domains"},
    {"trust.forwarders", is_network_or_host, "addresses, networks such as 192.0.2.0/24, and host names"},
    {"trust.protected_names", is_protected_name, "names, with 'NAME <ADDRESS>' or without an address"},
    {"upstream.addresses", is_network, "addresses and networks such as 192.0.2.0/24 without bits behind the prefix"},
};

/* Anybody could then say who was verified, or be excused as a forwarder. */
static bool is_everywhere(struct span text) {
    return span_ends(text, SPAN("/0"));
}

static unsigned check_list(const struct settings *s, const struct list *list, FILE *to) {
    struct span_split split = span_split_start(span_cstr(settings_text(s, list->key)));
    struct span part;
    unsigned n = 0, count = 0;
    while (span_split_next(&split, ',', &part)) {
        part = span_trim(part);
        if (part.n == 0)
            continue;
        if (is_everywhere(part))
            n += settings_problem(to, "%s: \"%.*s\" is the whole world: name the hosts", list->key, SPAN_FMT(part));
        else if (!list->good(part))
            n += settings_problem(to, "%s: \"%.*s\" is wrong: expected %s, comma-separated", list->key, SPAN_FMT(part),
                                  list->expected);
        if (++count == POLICY_LIST_MAX + 1)
            n += settings_problem(to, "%s has more than %d entries", list->key, POLICY_LIST_MAX);
    }
    return n;
}

static unsigned check_upstream(const struct settings *s, FILE *to) {
    bool id = *settings_text(s, "upstream.id"), addresses = *settings_text(s, "upstream.addresses");
    return id == addresses
               ? 0
               : settings_problem(to, "upstream.id and upstream.addresses go together: name your MTA in front and where "
                                      "it connects from, or leave both empty");
}

static unsigned check_weights(const struct settings *s, FILE *to) {
    uint16_t weights[AUTH_SIGNAL_COUNT];
    struct span wrong;
    unsigned n = 0;
    if (policy_weights(span_cstr(settings_text(s, "trust.weights")), weights, &wrong) != SD_OK)
        n = settings_problem(
            to,
            "trust.weights: \"%.*s\" is wrong: expected SIGNAL=WEIGHT with a signal that sealdesk(1) lists and a "
            "weight from 0 to %d",
            SPAN_FMT(wrong), SIGNAL_WEIGHT_MAX);
    if (settings_int(s, "trust.flag_at") > settings_int(s, "trust.review_at"))
        n += settings_problem(to, "trust.flag_at = %s is over trust.review_at = %s: what is held must be flagged before",
                              settings_text(s, "trust.flag_at"), settings_text(s, "trust.review_at"));
    if (settings_int(s, "trust.review_at") > UINT32_MAX)
        n += settings_problem(to, "trust.review_at = %s: too large", settings_text(s, "trust.review_at"));
    return n;
}

static unsigned check_history(const struct settings *s, FILE *to) {
    int64_t days = settings_int(s, "trust.history_days");
    return days >= 1 && days <= HISTORY_DAYS_MAX ? 0
                                                 : settings_problem(to, "trust.history_days = %s: expected 1 to %d",
                                                                    settings_text(s, "trust.history_days"), HISTORY_DAYS_MAX);
}

static unsigned check_gates(const struct settings *s, FILE *to) {
    static const char *const keys[] = {
#define X(name, key, levels, meaning) "gates." key,
        GATE_LIST(X)
#undef X
    };
    unsigned n = 0;
    for (size_t i = 0; i < SD_COUNT(keys); i++) {
        unsigned levels;
        struct span wrong;
        if (policy_levels(span_cstr(settings_text(s, keys[i])), &levels, &wrong) != SD_OK)
            n += settings_problem(to, "%s: \"%.*s\" is no trust level: expected verified, unverified and failed, or none alone",
                                  keys[i], SPAN_FMT(wrong));
    }
    return n;
}

unsigned settings_check_senders(const struct settings *s, FILE *to) {
    unsigned n = check_upstream(s, to) + check_weights(s, to) + check_history(s, to) + check_gates(s, to);
    for (size_t i = 0; i < SD_COUNT(lists); i++)
        n += check_list(s, &lists[i], to);
    return n;
}
