/* Who may explain a failure, and how far that goes. */
#include "auth/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PASSED(domain) SPAN("mx.list.example; dkim=pass header.d=" domain "; dmarc=pass (p=reject) header.from=" domain)
#define FAILED SPAN("mx.list.example; arc=pass; dmarc=fail header.from=author.example")
#define NO_CHAIN SPAN("mx.list.example; dmarc=fail header.from=author.example")

static struct auth_override found;

static void find(const struct arc_set *sets, size_t count, enum auth_result result, const char *sealers) {
    struct arena *arena = arena_new(65536);
    struct span listed[] = {span_cstr(sealers)};
    struct auth_policy policy = auth_policy_default();
    struct auth_judgement j = {.arc = {.result = result, .instance = (unsigned)count, .sets = sets, .set_count = count}};
    struct auth_envelope envelope = {.ip = {[10] = 0xff, 0xff, 192, 0, 2, 7}};
    policy.trusted_sealers = listed;
    policy.trusted_sealer_count = *sealers != 0;
    found = (struct auth_override){0};
    assert_int_equal(override_find(&envelope, &j, SPAN("author.example"), &policy, arena, &found), SD_OK);
    arena_free(&arena);
}

static void nobody_is_trusted_unless_listed(void **state) {
    (void)state;
    const struct arc_set sets[] = {{SPAN("list.example"), PASSED("author.example")}};
    find(sets, 1, AUTH_PASS, "");
    assert_int_equal(found.kind, AUTH_OVERRIDE_NONE);
    find(sets, 1, AUTH_PASS, "other.example");
    assert_int_equal(found.kind, AUTH_OVERRIDE_NONE);
    find(sets, 1, AUTH_PASS, "evil-list.example");
    assert_int_equal(found.kind, AUTH_OVERRIDE_NONE);
    find(sets, 1, AUTH_PASS, "list.example");
    assert_int_equal(found.kind, AUTH_OVERRIDE_TRUSTED_SEALER);
    assert_true(span_eq(found.by, SPAN("list.example")));
}

static void only_a_whole_chain_says_anything(void **state) {
    (void)state;
    const struct arc_set sets[] = {{SPAN("list.example"), PASSED("author.example")}};
    static const enum auth_result results[] = {AUTH_NONE, AUTH_FAIL, AUTH_TEMPERROR, AUTH_PERMERROR, AUTH_NEUTRAL};
    for (size_t i = 0; i < SD_COUNT(results); i++) {
        find(sets, 1, results[i], "list.example");
        assert_int_equal(found.kind, AUTH_OVERRIDE_NONE);
    }
}

/* A seal over a text to which anybody can add says nothing about what is there now. */
static void a_partly_signed_letter_is_vouched_for_by_nobody(void **state) {
    (void)state;
    struct arena *arena = arena_new(65536);
    const struct arc_set sets[] = {{SPAN("list.example"), PASSED("author.example")}};
    struct span listed[] = {SPAN("list.example")};
    struct auth_policy policy = auth_policy_default();
    struct auth_judgement j = {.arc = {.result = AUTH_PASS, .partial = true, .sets = sets, .set_count = 1}};
    struct auth_envelope envelope = {0};
    struct auth_override o = {0};
    policy.trusted_sealers = listed;
    policy.trusted_sealer_count = 1;
    assert_int_equal(override_find(&envelope, &j, SPAN("author.example"), &policy, arena, &o), SD_OK);
    assert_int_equal(o.kind, AUTH_OVERRIDE_NONE);
    arena_free(&arena);
}

static void it_must_be_about_this_author(void **state) {
    (void)state;
    const struct arc_set other[] = {{SPAN("list.example"), PASSED("evil.example")}};
    const struct arc_set below[] = {{SPAN("list.example"), PASSED("author.example.evil.example")}};
    const struct arc_set junk[] = {{SPAN("list.example"), SPAN("mx.list.example; dmarc=pass (header.from=author.example")}};
    const struct arc_set comment[] = {{SPAN("list.example"), SPAN("mx; x=fail (; dmarc=pass header.from=author.example)")}};
    const struct arc_set *const all[] = {other, below, junk, comment};
    for (size_t i = 0; i < SD_COUNT(all); i++) {
        find(all[i], 1, AUTH_PASS, "list.example");
        assert_int_equal(found.kind, AUTH_OVERRIDE_NONE);
    }
}

static void each_sealer_down_to_the_witness_must_be_listed(void **state) {
    (void)state;
    const struct arc_set relayed[] = {{SPAN("list.example"), PASSED("author.example")}, {SPAN("list.example"), FAILED}};
    const struct arc_set strange[] = {{SPAN("evil.example"), PASSED("author.example")}, {SPAN("list.example"), FAILED}};
    const struct arc_set broken[] = {{SPAN("list.example"), PASSED("author.example")}, {SPAN("list.example"), NO_CHAIN}};
    const struct arc_set newest[] = {{SPAN("list.example"), PASSED("author.example")}, {SPAN("evil.example"), FAILED}};
    find(relayed, 2, AUTH_PASS, "list.example");
    assert_int_equal(found.kind, AUTH_OVERRIDE_TRUSTED_SEALER);
    find(strange, 2, AUTH_PASS, "list.example");
    assert_int_equal(found.kind, AUTH_OVERRIDE_NONE);
    find(broken, 2, AUTH_PASS, "list.example");
    assert_int_equal(found.kind, AUTH_OVERRIDE_NONE);
    find(newest, 2, AUTH_PASS, "list.example");
    assert_int_equal(found.kind, AUTH_OVERRIDE_NONE);
}

static enum auth_override_kind forwarded(const char *entry, enum auth_result iprev, const char *name) {
    struct arena *arena = arena_new(65536);
    struct span listed[] = {span_cstr(entry)};
    struct auth_policy policy = auth_policy_default();
    struct auth_judgement j = {.iprev = {.result = iprev, .name = span_cstr(name)}};
    struct auth_envelope envelope = {.ip = {[10] = 0xff, 0xff, 192, 0, 2, 7}};
    struct auth_override o = {0};
    policy.forwarders = listed;
    policy.forwarder_count = 1;
    assert_int_equal(override_find(&envelope, &j, SPAN("author.example"), &policy, arena, &o), SD_OK);
    arena_free(&arena);
    return o.kind;
}

static void forwarders_are_known_by_address_or_confirmed_name(void **state) {
    (void)state;
    assert_int_equal(forwarded("192.0.2.0/24", AUTH_NONE, ""), AUTH_OVERRIDE_FORWARDER);
    assert_int_equal(forwarded("192.0.3.0/24", AUTH_PASS, "out.uni.example"), AUTH_OVERRIDE_NONE);
    assert_int_equal(forwarded("uni.example", AUTH_PASS, "out.uni.example"), AUTH_OVERRIDE_FORWARDER);
    assert_int_equal(forwarded("uni.example", AUTH_PASS, "out.evil-uni.example"), AUTH_OVERRIDE_NONE);
    assert_int_equal(forwarded("uni.example", AUTH_FAIL, "out.uni.example"), AUTH_OVERRIDE_NONE);
    assert_int_equal(forwarded("uni.example", AUTH_TEMPERROR, "out.uni.example"), AUTH_OVERRIDE_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_is_trusted_unless_listed),
                                       cmocka_unit_test(only_a_whole_chain_says_anything),
                                       cmocka_unit_test(a_partly_signed_letter_is_vouched_for_by_nobody),
                                       cmocka_unit_test(it_must_be_about_this_author),
                                       cmocka_unit_test(each_sealer_down_to_the_witness_must_be_listed),
                                       cmocka_unit_test(forwarders_are_known_by_address_or_confirmed_name)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
