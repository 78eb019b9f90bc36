#include "auth/idn.h"
#include "auth/judge.h"
#include "auth/lookalike.h"
#include "auth/name.h"

static bool is_own(struct span domain, const struct auth_policy *policy) {
    for (size_t i = 0; i < policy->own_domain_count; i++)
        if (name_is_under(domain, policy->own_domains[i]))
            return true;
    return false;
}

/* One mailbox that some From field shows, whether or not it is the only one. */
static void look_at_author(const struct mail_address *author, const struct auth_policy *policy, struct arena *arena,
                           struct claims *claims) {
    struct span domain;
    if (idn_to_ascii(author->domain, arena, &domain))
        return;
    claims->is_own = claims->is_own || is_own(domain, policy);
    if (lookalike_own(domain, policy->own_domains, policy->own_domain_count, arena))
        claims->signals |= UINT64_C(1) << AUTH_SIGNAL_LOOKALIKE_OWN;
}

static bool address_byte(uint8_t c) {
    struct span around = SPAN("<>()[],;:\"'");
    return c > 0x20 && c != 0x7f && span_find(around, c) == around.n;
}

/* The address around an "@" in text; empty when there is none. */
static struct span address_at(struct span text, size_t at) {
    size_t from = at;
    size_t to = at + 1;
    while (from > 0 && address_byte(text.p[from - 1]))
        from--;
    while (to < text.n && address_byte(text.p[to]))
        to++;
    struct span domain = name_undot(span_sub(text, at + 1, to - at - 1));
    bool named = from < at && span_find(domain, '.') < domain.n && domain.p[0] != '.';
    return named ? span_sub(text, from, at + 1 + domain.n - from) : SPAN_NONE;
}

/* A display name that shows an address which is not the author's. */
static bool shows_other_address(const struct mail_address *author) {
    static const uint8_t wide_at[] = {0xef, 0xbc, 0xa0}; /* U+FF20: looks like one, is none */
    struct span display = author->display;
    if (span_search(display, span_of(wide_at, sizeof wide_at)) < display.n)
        return true;
    for (size_t i = 0; i < display.n; i++) {
        struct span shown = display.p[i] == '@' ? address_at(display, i) : SPAN_NONE;
        if (shown.n && !span_ieq(shown, author->address))
            return true;
    }
    return false;
}

static bool same_organisation(struct span domain, struct span from_domain, struct arena *arena) {
    struct span ascii;
    if (idn_to_ascii(domain, arena, &ascii))
        return false;
    return span_ieq(psl_org_domain(ascii, arena), psl_org_domain(from_domain, arena));
}

static bool answers_go_elsewhere(const struct mail_header *header, struct span from_domain, struct arena *arena) {
    struct mail_address_list list;
    const struct mail_field *reply_to = mail_field_first(header, SPAN("Reply-To"));
    if (!reply_to || from_domain.n == 0 || mail_parse_addresses(reply_to->body, arena, &list))
        return false;
    for (size_t i = 0; i < list.count; i++)
        if (!same_organisation(list.items[i].domain, from_domain, arena))
            return true;
    return false;
}

static void look_at_authors(const struct mail_header *header, const struct auth_policy *policy, struct arena *arena,
                            struct claims *claims) {
    struct mail_address_list list;
    for (size_t i = 0; i < header->count; i++) {
        const struct mail_field *field = &header->fields[i];
        if (!span_ieq(field->name, SPAN("From")) || mail_parse_addresses(field->body, arena, &list))
            continue;
        for (size_t k = 0; k < list.count; k++)
            look_at_author(&list.items[k], policy, arena, claims);
    }
}

enum sd_err claims_read(const struct mail_message *message, const struct auth_policy *policy, struct arena *arena,
                        struct claims *ret) {
    struct claims claims = {0};
    claims.has_signature = mail_field_count(&message->header, SPAN("DKIM-Signature")) > 0;
    look_at_authors(&message->header, policy, arena, &claims);
    enum sd_err err = mail_from(message, &claims.from);
    if (err == SD_OK) {
        if (idn_to_ascii(claims.from.domain, arena, &claims.from_domain))
            claims.from_domain = SPAN_NONE;
        if (shows_other_address(&claims.from))
            claims.signals |= UINT64_C(1) << AUTH_SIGNAL_DISPLAY_ADDRESS;
        if (answers_go_elsewhere(&message->header, claims.from_domain, arena))
            claims.signals |= UINT64_C(1) << AUTH_SIGNAL_REPLY_TO_ELSEWHERE;
    }
    if (err && sd_err_fault(err) == SD_FAULT_OURS)
        return err;
    err = arena_err(arena);
    if (err == SD_OK)
        *ret = claims;
    return err;
}
