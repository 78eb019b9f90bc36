/*
 * Any bytes as a letter: what it claims, whom the keeper would know, where its links lead. The policy's preparation changes
 * nothing, every key keeps to its bounds and is text, and a protected name stays one whatever is put around it.
 */
#include "auth/fuzz_world.h"
#include "auth/judge.h"
#include "auth/link_check.h"
#include "auth/protected.h"

#define S(text)                                                                                                                \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const struct span own[] = {S("acme-support.example"), S("m\303\274ller.example")};
static const struct span others[] = {S("northwind.example"), S("xn--bcher-kva.example")};
static const struct span refused[] = {S("boss@evil.example"), S("spam.example"), S("")};
static const struct protected_name names[] = {
    {S("Jane Boss"), S("jane@acme-support.example")}, {S("Sealdesk"), {NULL, 0}}, {S(""), {NULL, 0}}};

static struct auth_policy policy_of(void) {
    struct auth_policy p = auth_policy_default();
    p.own_domains = own;
    p.own_domain_count = SD_COUNT(own);
    p.protected_domains = others;
    p.protected_domain_count = SD_COUNT(others);
    p.refused_senders = refused;
    p.refused_sender_count = SD_COUNT(refused);
    p.protected_names = names;
    p.protected_name_count = SD_COUNT(names);
    return p;
}

static void check_contact(const struct mail_message *m, const struct claims *claims, const struct auth_policy *policy,
                          struct arena *arena) {
    const struct auth_judgement judgement = {.from = claims->from};
    struct auth_contact c;
    fuzz_check(auth_contact_make(m, &judgement, policy, arena, &c) == SD_OK);
    fuzz_check(c.domain.n <= 255 && c.name.n <= CONTACT_KEY_MAX && c.look_count <= CONTACT_LOOKS_MAX && c.people_count <= 50);
    fuzz_check(c.name.n == 0 || span_is_utf8(c.name));
    fuzz_check((c.domain.n > 0) == (c.look_count > 0) || c.domain.n > CONTACT_KEY_MAX / 2);
    for (size_t i = 0; i < c.look_count; i++)
        fuzz_check(c.looks[i].n > 1 && c.looks[i].n <= CONTACT_KEY_MAX && span_is_utf8(c.looks[i]));
    for (size_t i = 0; i < c.people_count; i++)
        fuzz_check(c.people[i].n > 2 && c.people[i].n <= 320);
}

/* The input's first bytes as what somebody puts before a protected name, with invisible characters in it. */
static void check_name(struct span before, const struct protected_set *set, struct arena *arena) {
    struct buf display SD_CLEANUP(buf_free) = buf_new(1024);
    struct fold_name name;
    buf_put(&display, before);
    buf_text(&display, " J\342\200\213ane bo\302\255sS");
    fold_name(buf_span(&display), arena, &name);
    if (name.count < FOLD_NAME_WORDS_MAX)
        fuzz_check(protected_name_in(&name, &set->names[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = arena_new((size_t)64 * 1024 * 1024);
    struct auth_policy policy = policy_of();
    struct claims bare, prepared;
    struct mail_message m;
    bool misleads;
    fuzz_check(mail_parse(span_of(data, size), arena, &m) == SD_OK);
    fuzz_check(claims_read(&m, &policy, arena, &bare) == SD_OK);
    fuzz_check(auth_policy_prepare(&policy, arena) == SD_OK);
    fuzz_check(claims_read(&m, &policy, arena, &prepared) == SD_OK && prepared.signals == bare.signals);
    check_contact(&m, &prepared, &policy, arena);
    fuzz_check(links_mislead(&m, arena, &misleads) == SD_OK);
    check_name(span_sub(span_of(data, size), 0, 100), policy.guarded, arena);
    arena_free(&arena);
    return 0;
}
