#include "auth/idn.h"
#include "auth/judge.h"
#include "auth/name.h"
#include "auth/protected.h"
#include "core/limits.h"

#define BIT(signal) (UINT64_C(1) << AUTH_SIGNAL_##signal)

struct reading {
    const struct mail_message *message;
    const struct auth_policy *policy;
    const struct protected_set *guarded;
    struct arena *arena;
    struct claims claims;
};

/* "boss@evil.example", "evil.example" or "@evil.example"; the domain as it is written or as A-label. */
static bool is_refused(const struct mail_address *author, struct span ascii, struct span entry) {
    size_t at = span_rfind(entry, '@');
    struct span domain = at < entry.n ? span_from(entry, at + 1) : entry;
    struct span local = at < entry.n ? span_sub(entry, 0, at) : SPAN_NONE;
    if (local.n)
        return span_ieq(author->local, local) &&
               (span_ieq(name_undot(author->domain), domain) || (ascii.n && span_ieq(ascii, domain)));
    return name_is_under(name_undot(author->domain), domain) || name_is_under(ascii, domain);
}

static void look_at_refused(struct reading *r, const struct mail_address *author, struct span ascii) {
    for (size_t i = 0; i < r->policy->refused_sender_count; i++)
        if (is_refused(author, ascii, r->policy->refused_senders[i]))
            r->claims.signals |= BIT(REFUSED_SENDER);
}

static void look_at_domain(struct reading *r, struct span ascii) {
    bool own = lookalike_is_listed(ascii, r->guarded->own);
    bool other = lookalike_is_listed(ascii, r->guarded->others);
    r->claims.is_own |= own;
    r->claims.is_protected |= other;
    if (own || other)
        return;
    if (lookalike_any(ascii, r->guarded->own, r->arena))
        r->claims.signals |= BIT(LOOKALIKE_OWN);
    if (lookalike_any(ascii, r->guarded->others, r->arena))
        r->claims.signals |= BIT(LOOKALIKE_PROTECTED);
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

static bool same_organisation(struct span domain, struct span from_domain, struct arena *arena) {
    struct span a, b;
    if (idn_to_ascii(domain, arena, &a) || idn_to_ascii(from_domain, arena, &b))
        return false;
    return span_ieq(a, b) || span_ieq(psl_org_domain(a, arena), psl_org_domain(b, arena));
}

/* Of one person: the same name at two addresses of one organisation is no other address. */
static bool is_same_person(struct span shown, const struct mail_address *author, struct arena *arena) {
    size_t at = span_rfind(shown, '@');
    return span_ieq(shown, author->address) || (span_ieq(span_sub(shown, 0, at), author->local) &&
                                                same_organisation(span_from(shown, at + 1), author->domain, arena));
}

/* A display name that shows an address which is not the author's. */
static bool shows_other_address(struct span display, const struct mail_address *author, struct arena *arena) {
    for (size_t i = 0; i < display.n; i++) {
        struct span shown = display.p[i] == '@' ? address_at(display, i) : SPAN_NONE;
        if (shown.n && !is_same_person(shown, author, arena))
            return true;
    }
    return false;
}

static bool owns_name(struct reading *r, const struct mail_address *author, struct span ascii, const struct folded_name *name) {
    if (name->domain.n == 0)
        return lookalike_is_listed(ascii, r->guarded->own);
    return span_ieq(author->local, name->local) && span_ieq(ascii, name->domain);
}

static void look_at_protected(struct reading *r, struct span shown, const struct mail_address *author, struct span ascii) {
    struct fold_name display;
    if (shown.n == 0 || r->guarded->name_count == 0)
        return;
    fold_name(shown, r->arena, &display);
    for (size_t i = 0; i < r->guarded->name_count; i++)
        if (protected_name_in(&display, &r->guarded->names[i]) && !owns_name(r, author, ascii, &r->guarded->names[i]))
            r->claims.signals |= BIT(DISPLAY_NAME);
}

static void look_at_name(struct reading *r, const struct mail_address *author, struct span ascii) {
    struct span visible = fold_visible(author->display, r->arena), backwards = fold_backwards(author->display, r->arena);
    if (shows_other_address(visible, author, r->arena) ||
        shows_other_address(fold_visible(backwards, r->arena), author, r->arena))
        r->claims.signals |= BIT(DISPLAY_ADDRESS);
    look_at_protected(r, author->display, author, ascii);
    look_at_protected(r, backwards, author, ascii);
}

/* One mailbox that some From field shows, whether or not it is the only one. */
static void look_at_author(struct reading *r, const struct mail_address *author) {
    struct span ascii = SPAN_NONE;
    if (idn_to_ascii(author->domain, r->arena, &ascii))
        ascii = SPAN_NONE;
    look_at_refused(r, author, ascii);
    look_at_name(r, author, ascii);
    if (ascii.n)
        look_at_domain(r, ascii);
}

/*
 * Wherever in the field it stands, in a comment or a quoted local part too: there are programs that take it for the author. Of
 * a field with thousands of addresses only the first are compared; it shows another one in any case.
 */
static void look_at_field(struct reading *r, struct span visible, const struct mail_address *author) {
    size_t seen = 0;
    bool shows = false;
    for (size_t i = 0; i < visible.n && !shows; i++) {
        if (visible.p[i] != '@')
            continue;
        size_t from = i > LIMIT_ADDRESS_BYTES ? i - LIMIT_ADDRESS_BYTES : 0;
        struct span shown = address_at(span_sub(visible, from, 2 * LIMIT_ADDRESS_BYTES), i - from);
        shows = ++seen > LIMIT_ADDRESSES || (shown.n && !is_same_person(shown, author, r->arena));
    }
    if (shows)
        r->claims.signals |= BIT(DISPLAY_ADDRESS);
}

/* Nobody can say which author a field names that has no one reading; that it names one of ours is enough. */
static void look_at_unreadable(struct reading *r, struct span visible) {
    for (size_t i = 0; i < visible.n; i++) {
        struct span ascii, domain = span_from(visible, i + 1);
        size_t n = 0;
        while (n < domain.n && domain.p[n] != '@' && address_byte(domain.p[n]))
            n++;
        if (visible.p[i] != '@' || idn_to_ascii(span_sub(domain, 0, n), r->arena, &ascii))
            continue;
        r->claims.is_own |= lookalike_is_listed(ascii, r->guarded->own);
        r->claims.is_protected |= lookalike_is_listed(ascii, r->guarded->others);
    }
}

static void look_at_from(struct reading *r, struct span body) {
    struct mail_address_list list;
    struct span visible = fold_visible(mail_decode_text(body, r->arena), r->arena);
    if (mail_parse_addresses(body, r->arena, &list)) {
        look_at_unreadable(r, visible);
        return;
    }
    if (list.count == 1) /* several are held anyway */
        look_at_field(r, visible, &list.items[0]);
    for (size_t k = 0; k < list.count; k++)
        look_at_author(r, &list.items[k]);
}

static void look_at_authors(struct reading *r) {
    const struct mail_header *header = &r->message->header;
    for (size_t i = 0; i < header->count; i++)
        if (span_ieq(header->fields[i].name, SPAN("From")))
            look_at_from(r, header->fields[i].body);
}

static bool leads_elsewhere(const struct mail_field *reply_to, struct span from_domain, struct arena *arena) {
    struct mail_address_list list;
    if (mail_parse_addresses(reply_to->body, arena, &list))
        return true; /* in no way that all programs share */
    for (size_t i = 0; i < list.count; i++)
        if (!same_organisation(list.items[i].domain, from_domain, arena))
            return true;
    return false;
}

static void look_at_reply_to(struct reading *r) {
    const struct mail_header *header = &r->message->header;
    for (size_t i = 0; i < header->count && r->claims.from_domain.n; i++)
        if (span_ieq(header->fields[i].name, SPAN("Reply-To")) &&
            leads_elsewhere(&header->fields[i], r->claims.from_domain, r->arena))
            r->claims.signals |= BIT(REPLY_TO_ELSEWHERE);
}

#define SEEN(name) ((mail_ambiguities)1 << MAIL_AMBIGUITY_##name)

/* Fields that RFC 5322 §3.6 allows once; of the others programs show the first, the last or all. */
static uint64_t signals_of(mail_ambiguities seen) {
    const mail_ambiguities repeated = SEEN(SUBJECT_REPEATED) | SEEN(DATE_REPEATED) | SEEN(RECIPIENTS_REPEATED) |
                                      SEEN(SENDER_REPEATED) | SEEN(MESSAGE_ID_REPEATED);
    return (seen & repeated ? BIT(REPEATED_FIELD) : 0) | (mail_ambiguity_severe(seen) ? BIT(AMBIGUOUS) : 0);
}

static enum sd_err read_author(struct reading *r) {
    enum sd_err err = mail_from(r->message, &r->claims.from);
    if (err)
        return sd_err_fault(err) == SD_FAULT_OURS ? err : SD_OK; /* no single author: the ambiguities say it */
    if (idn_to_ascii(r->claims.from.domain, r->arena, &r->claims.from_domain))
        r->claims.from_domain = SPAN_NONE;
    look_at_reply_to(r);
    return SD_OK;
}

enum sd_err claims_read(const struct mail_message *message, const struct auth_policy *policy, struct arena *arena,
                        struct claims *ret) {
    struct reading r = {.message = message, .policy = policy, .guarded = policy->guarded, .arena = arena};
    enum sd_err err = r.guarded ? SD_OK : protected_new(policy, arena, &r.guarded);
    if (err)
        return err;
    r.claims.has_signature = mail_field_count(&message->header, SPAN("DKIM-Signature")) > 0;
    r.claims.signals = signals_of(message->ambiguities);
    look_at_authors(&r);
    err = read_author(&r);
    err = err ? err : arena_err(arena);
    if (err == SD_OK)
        *ret = r.claims;
    return err;
}
