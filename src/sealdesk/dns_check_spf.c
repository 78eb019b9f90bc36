/* SPF of one domain: is there one record, can it be read, does it let this server send, and how does it end. */
#include "sealdesk/dns_check.h"

#include "auth/spf.h"

size_t dns_spf_records(struct dns_check *check, const struct dns_answer *txt, struct span *ret_text) {
    size_t n = 0;
    for (size_t i = 0; i < txt->count; i++) {
        struct span text = dns_txt_joined(txt->records[i], check->arena);
        if (!span_istarts(text, SPAN("v=spf1")) || (text.n > 6 && text.p[6] != ' '))
            continue;
        if (n++ == 0)
            *ret_text = text;
    }
    return n;
}

/* "v=spf1 ip4:ADDRESS" and what the record has behind its version. */
static struct span with_address(struct dns_check *check, struct span domain, struct span text, struct span address) {
    bool is_v6 = span_find(address, ':') < address.n;
    struct span value = arena_printf(check->arena, "v=spf1 ip%d:%.*s%.*s", is_v6 ? 6 : 4, SPAN_FMT(address),
                                     SPAN_FMT(span_from(text, 6)));
    return dns_txt_line(check, domain, value);
}

static void check_sender(struct dns_check *check, struct span domain, struct span text, const uint8_t ip[16]) {
    struct span address = address_text(ip, check->arena);
    struct spf_verdict v = {.result = AUTH_TEMPERROR};
    struct span sender = arena_printf(check->arena, "postmaster@%.*s", SPAN_FMT(domain));
    (void)!spf_check(ip, domain, sender, check->hostname, check->hostname, check->dns, check->deadline, check->arena,
                     &v); /* else it stays temperror */
    if (v.result == AUTH_PASS)
        dns_found(check, SEVERITY_OK, "spf-permits", domain, SPAN_NONE, "SPF permits mail from %.*s, where it leaves from",
                  SPAN_FMT(address));
    else if (v.result == AUTH_TEMPERROR)
        dns_found(check, SEVERITY_UNKNOWN, "spf-permits-unknown", domain, SPAN_NONE,
                  "whether SPF permits mail from %.*s is not known: %.*s", SPAN_FMT(address), SPAN_FMT(v.reason));
    else if (v.result == AUTH_PERMERROR)
        dns_found(check, SEVERITY_WRONG, "spf-error", domain, SPAN_NONE,
                  "every receiver finds an error in its SPF record: %.*s", SPAN_FMT(v.reason));
    else
        dns_found(check, SEVERITY_WRONG, "spf-not-permitted", domain, with_address(check, domain, text, address),
                  "SPF does not permit mail from %.*s, where it leaves from (%s)", SPAN_FMT(address),
                  auth_result_text(v.result));
}

/* The qualifier of "all" counts; a record that goes on elsewhere ends there. */
static void check_end(struct dns_check *check, struct span domain, const struct spf_record *record) {
    const struct spf_term *all = NULL;
    for (size_t i = 0; i < record->count && !all; i++)
        if (record->terms[i].mechanism == SPF_ALL)
            all = &record->terms[i];
    if (!all && record->redirect.n)
        dns_found(check, SEVERITY_NOTE, "spf-redirect", domain, SPAN_NONE, "SPF ends as the record at %.*s does",
                  SPAN_FMT(record->redirect));
    else if (all && all->qualifier == AUTH_PASS)
        dns_found(check, SEVERITY_WRONG, "spf-anybody", domain, SPAN_NONE,
                  "SPF ends in +all: anybody may send in its name. End it in -all");
    else if (!all || all->qualifier == AUTH_NEUTRAL)
        dns_found(check, SEVERITY_WARNING, "spf-open-end", domain, SPAN_NONE,
                  "SPF does not end in -all or ~all: what it does not permit it does not forbid either");
}

static void check_record(struct dns_check *check, struct span domain, struct span text) {
    struct spf_record record;
    struct span bad = SPAN_NONE;
    enum sd_err err = spf_parse(text, check->arena, &record, &bad);
    if (err == SD_ERR_PARSE)
        dns_found(check, SEVERITY_WRONG, "spf-syntax", domain, dns_to_publish(check, domain, "v=spf1"),
                  "its SPF record has a syntax error at \"%.*s\"", SPAN_FMT(bad));
    if (err)
        return;
    check_end(check, domain, &record);
    dns_check_spf_cost(check, domain, text);
    for (size_t i = 0; i < check->sender_count; i++)
        check_sender(check, domain, text, check->senders[i]);
}

void dns_check_spf(struct dns_check *check, struct span domain) {
    struct span line = dns_to_publish(check, domain, "v=spf1");
    struct span text = SPAN_NONE;
    struct dns_answer txt = dns_check_ask(check, domain, DNS_TXT);
    size_t count = dns_spf_records(check, &txt, &text);
    if (txt.outcome == DNS_TEMPFAIL)
        dns_found(check, SEVERITY_UNKNOWN, "spf-unknown", domain, SPAN_NONE, "the DNS did not answer for its SPF record");
    else if (count == 0)
        dns_found(check, SEVERITY_WRONG, "spf-missing", domain, line, "it has no SPF record: anybody can send in its name");
    else if (count > 1)
        dns_found(check, SEVERITY_WRONG, "spf-several", domain, line,
                  "it has %zu SPF records, and then none counts (RFC 7208 §4.5): publish one, with the terms of all", count);
    else
        check_record(check, domain, text);
}
