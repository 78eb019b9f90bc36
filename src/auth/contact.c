/*
 * By what the keeper knows a correspondent again. Looks are strings with a letter in front that says of which kind: s the whole
 * domain as it reads; h the name without hyphens; e the name under whatever ending, also what is left of it without a service
 * word; d the name with one letter left out, at every place. Two domains that differ in one letter (put in, left out, another,
 * or two swapped) share a d. Names of fewer letters are near each other by chance and get no d or e.
 */
#include "auth/fold.h"
#include "auth/idn.h"
#include "auth/judge.h"
#include "auth/look.h"
#include "auth/name.h"
#include "core/limits.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MIN_WORDS 2
#define NAME_MIN_LETTERS 6
#define BARE_MIN_LETTERS 5 /* kind h, and a d of the name itself: "paypa" is near "paypal" */
#define NEAR_MIN_LETTERS 6 /* kinds d and e; mail, gmail, ymail and email are not near each other */
#define NEAR_MAX_UNITS 43  /* folded; with s, h, two e and the name itself they are CONTACT_LOOKS_MAX */
#define PEOPLE_MAX 50

/* ---- looks ---- */

struct looks {
    struct span *items;
    size_t count;
    struct arena *arena;
};

static bool has_look(const struct looks *l, struct span look) {
    for (size_t i = 0; i < l->count; i++)
        if (span_eq(l->items[i], look))
            return true;
    return false;
}

/* Longer ones than CONTACT_KEY_MAX are left out: cut, they would be alike where they are not. */
static void put_look(struct looks *l, uint8_t kind, struct span name, struct span ending) {
    size_t n = 1 + name.n + (ending.n ? 1 + ending.n : 0);
    if (name.n == 0 || n > CONTACT_KEY_MAX || l->count == CONTACT_LOOKS_MAX)
        return;
    uint8_t *to = arena_alloc(l->arena, n);
    if (!to)
        return;
    to[0] = kind;
    memcpy(to + 1, name.p, name.n);
    if (ending.n) {
        to[1 + name.n] = '.';
        memcpy(to + 2 + name.n, ending.p, ending.n);
    }
    if (!has_look(l, span_of(to, n)))
        l->items[l->count++] = span_of(to, n);
}

/* The bytes of the letter that begins at `at`. */
static size_t letter_bytes(struct span s, size_t at) {
    size_t n = 1;
    while (at + n < s.n && (s.p[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

static void put_near(struct looks *l, const struct look *look) {
    uint8_t shorter[CONTACT_KEY_MAX];
    struct span label = look->label;
    put_look(l, 'd', label, look->ending);
    if (look->label_letters < NEAR_MIN_LETTERS || fold_letters(label) > NEAR_MAX_UNITS || label.n > sizeof shorter)
        return;
    for (size_t at = 0; at < label.n; at += letter_bytes(label, at)) {
        size_t gone = letter_bytes(label, at), n = 0;
        for (size_t i = 0; i < label.n; i++)
            if (i < at || i >= at + gone)
                shorter[n++] = label.p[i];
        put_look(l, 'd', span_of(shorter, n), look->ending);
    }
}

/* Providers of mailboxes that have their one name under many endings: another ending is no imitation there. */
static bool has_many_endings(struct span written) {
    static const char *const names[] = {"hotmail", "outlook", "googlemail", "yandex", "rediffmail", "icloud"};
    for (size_t i = 0; i < SD_COUNT(names); i++)
        if (span_ieq(written, span_cstr(names[i])))
            return true;
    return false;
}

static void put_any_ending(struct looks *l, const struct look *look) {
    struct span written = span_sub(look->domain, 0, span_find(look->domain, '.'));
    struct span brand = look_without_service(look->label);
    if (has_many_endings(written) || look_is_documentation(look->domain))
        return;
    if (look->label_letters >= NEAR_MIN_LETTERS)
        put_look(l, 'e', look->label, SPAN_NONE);
    if (brand.n < look->label.n && fold_letters(brand) >= NEAR_MIN_LETTERS)
        put_look(l, 'e', brand, SPAN_NONE);
}

static void make_looks(struct span domain, struct looks *l) {
    struct look look = look_at(domain, l->arena);
    l->items = arena_array(l->arena, CONTACT_LOOKS_MAX, sizeof *l->items);
    if (!l->items)
        return;
    put_look(l, 's', look.folded, SPAN_NONE);
    if (look.label_letters < BARE_MIN_LETTERS)
        return;
    put_look(l, 'h', look.bare, look.ending);
    put_any_ending(l, &look);
    put_near(l, &look);
}

/* ---- name ---- */

static int by_bytes(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    return span_cmp(*x, *y);
}

/* Whole words up to the maximum. A name that is an address says nothing beside it. */
static struct span make_name(struct span display, struct arena *arena) {
    struct fold_name name;
    if (span_find(display, '@') < display.n)
        return SPAN_NONE;
    fold_name(display, arena, &name);
    uint8_t *to = arena_alloc(arena, CONTACT_KEY_MAX);
    if (!to || name.count < NAME_MIN_WORDS || name.letters < NAME_MIN_LETTERS)
        return SPAN_NONE;
    qsort(name.words, name.count, sizeof name.words[0], by_bytes);
    size_t n = 0;
    for (size_t i = 0; i < name.count && n + (n > 0) + name.words[i].n <= CONTACT_KEY_MAX; i++) {
        if (n)
            to[n++] = ' ';
        memcpy(to + n, name.words[i].p, name.words[i].n);
        n += name.words[i].n;
    }
    return span_of(to, n);
}

/* ---- people ---- */

struct people {
    struct span *items;
    size_t count;
    const struct auth_policy *policy;
    struct arena *arena;
};

static bool is_own(const struct auth_policy *policy, struct span domain) {
    for (size_t i = 0; i < policy->own_domain_count; i++)
        if (name_is_under(domain, policy->own_domains[i]))
            return true;
    return false;
}

static void put_person(struct people *p, const struct mail_address *who) {
    struct span ascii, address;
    if (p->count == PEOPLE_MAX || who->local.n == 0 || who->address.n > LIMIT_ADDRESS_BYTES)
        return;
    if (idn_to_ascii(who->domain, p->arena, &ascii) || is_own(p->policy, ascii))
        return;
    address = name_lower(who->address, p->arena);
    for (size_t i = 0; i < p->count; i++)
        if (span_eq(p->items[i], address))
            return;
    p->items[p->count++] = address;
}

static void make_people(const struct mail_header *header, struct people *p) {
    struct mail_address_list list;
    p->items = arena_array(p->arena, PEOPLE_MAX, sizeof *p->items);
    for (size_t i = 0; i < header->count && p->items; i++) {
        const struct mail_field *f = &header->fields[i];
        if (!(span_ieq(f->name, SPAN("To")) || span_ieq(f->name, SPAN("Cc"))) || mail_parse_addresses(f->body, p->arena, &list))
            continue;
        for (size_t k = 0; k < list.count && p->count < PEOPLE_MAX; k++)
            put_person(p, &list.items[k]);
    }
}

/*
 * The domain is the public suffix list's organisation, not DMARC's: it needs no answer of the DNS, so a letter whose answers
 * are missing has the same correspondent as the one before.
 */
enum sd_err auth_contact_make(const struct mail_message *message, const struct auth_judgement *judgement,
                              const struct auth_policy *policy, struct arena *arena, struct auth_contact *ret) {
    struct looks looks = {.arena = arena};
    struct people people = {.policy = policy, .arena = arena};
    struct auth_contact contact = {.domain = SPAN_NONE};
    struct span ascii;
    if (judgement->from.domain.n && idn_to_ascii(judgement->from.domain, arena, &ascii) == SD_OK) {
        contact.domain = psl_org_domain(ascii, arena);
        contact.name = make_name(judgement->from.display, arena);
        make_looks(contact.domain, &looks);
    }
    make_people(&message->header, &people);
    contact.looks = looks.items;
    contact.look_count = looks.count;
    contact.people = people.items;
    contact.people_count = people.count;
    enum sd_err err = arena_err(arena);
    if (err == SD_OK)
        *ret = contact;
    return err;
}
