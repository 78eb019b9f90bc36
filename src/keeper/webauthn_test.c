/*
 * What must be refused, each for the one reason named: every answer here is signed by the right key, so only the named check
 * can catch it. And whatever is cut off, or has a bit changed, is not taken for what it was.
 */
#include "keeper/webauthn_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define GOOD_REGISTER (RIG_UP | RIG_UV | RIG_AT)
#define GOOD_ASSERT (RIG_UP | RIG_UV)
static const struct span credential_id = {(const uint8_t *)"credential-id-16", 16};
static struct test_cose *key;

static enum webauthn_verdict registered(const struct rig_data *data) {
    struct rig_answer answer SD_CLEANUP(rig_answer_free) = rig_register(key, credential_id, data);
    struct webauthn_expected expected = rig_expected();
    struct webauthn_credential credential;
    return rig_judge_registration(&answer, &expected, &credential);
}

struct past {
    uint32_t count;
    bool eligible;
};

static enum webauthn_verdict asserted(const struct rig_data *data, struct past past) {
    struct rig_answer answer SD_CLEANUP(rig_answer_free) = rig_assert(key, data);
    struct webauthn_expected expected = rig_expected();
    struct webauthn_stored stored = {buf_span(&answer.public_key), past.count, past.eligible};
    struct webauthn_use use;
    return rig_judge_assertion(&answer, &stored, &expected, &use);
}

static void says_what_was_registered(SD_UNUSED void **state) {
    struct rig_data data = {.flags = GOOD_REGISTER | RIG_BE | RIG_BS, .count = 0x01020304};
    struct rig_answer answer SD_CLEANUP(rig_answer_free) = rig_register(key, credential_id, &data);
    struct webauthn_expected expected = rig_expected();
    struct webauthn_credential c = {0};
    assert_int_equal(rig_judge_registration(&answer, &expected, &c), WEBAUTHN_GOOD);
    assert_true(span_eq(c.id, credential_id));
    assert_true(span_eq(c.public_key, buf_span(&answer.public_key)));
    assert_int_equal(c.aaguid.n, WEBAUTHN_AAGUID_BYTES);
    assert_int_equal(c.algorithm, COSE_ES256);
    assert_int_equal(c.sign_count, 0x01020304);
    assert_true(c.user_verified && c.backup_eligible && c.backed_up);
    data = (struct rig_data){.flags = GOOD_ASSERT | RIG_BE | RIG_BS, .count = 0x01020305};
    struct rig_answer use_answer SD_CLEANUP(rig_answer_free) = rig_assert(key, &data);
    struct webauthn_stored stored = {c.public_key, c.sign_count, c.backup_eligible};
    struct webauthn_use use = {0};
    assert_int_equal(rig_judge_assertion(&use_answer, &stored, &expected, &use), WEBAUTHN_GOOD);
    assert_int_equal(use.sign_count, 0x01020305);
    assert_true(use.user_verified && use.backed_up);
}

/* Authenticator data, signed: of both ceremonies (flags without AT), and what only one can say. */
static const struct {
    const char *rp_id;
    unsigned flags;
    enum webauthn_verdict verdict;
} auth_data[] = {
    {NULL, RIG_UP | RIG_UV, WEBAUTHN_GOOD},
    {NULL, RIG_UP | RIG_UV | 0x02 | 0x20, WEBAUTHN_GOOD}, /* reserved bits */
    {"example.test", RIG_UP | RIG_UV, WEBAUTHN_RP_ID},
    {"desk.example.test.", RIG_UP | RIG_UV, WEBAUTHN_RP_ID},
    {"DESK.example.test", RIG_UP | RIG_UV, WEBAUTHN_RP_ID},
    {"https://desk.example.test", RIG_UP | RIG_UV, WEBAUTHN_RP_ID},
    {"", RIG_UP | RIG_UV, WEBAUTHN_RP_ID},
    {NULL, RIG_UV, WEBAUTHN_NOT_PRESENT},
    {NULL, RIG_UP, WEBAUTHN_NOT_VERIFIED},
    {NULL, 0, WEBAUTHN_NOT_PRESENT},
    {NULL, RIG_UP | RIG_UV | RIG_BS, WEBAUTHN_BACKUP_FLAGS},
};

static void authenticator_data(SD_UNUSED void **state) {
    for (size_t i = 0; i < SD_COUNT(auth_data); i++) {
        struct rig_data data = {.rp_id = auth_data[i].rp_id, .flags = (uint8_t)auth_data[i].flags};
        assert_int_equal(asserted(&data, (struct past){0}), auth_data[i].verdict);
        data.flags |= RIG_AT;
        assert_int_equal(registered(&data), auth_data[i].verdict);
    }
}

static void unverified_user_when_allowed(SD_UNUSED void **state) {
    struct rig_data data = {.flags = RIG_UP};
    struct rig_answer answer SD_CLEANUP(rig_answer_free) = rig_assert(key, &data);
    struct webauthn_expected expected = rig_expected();
    struct webauthn_stored stored = {buf_span(&answer.public_key), 0, false};
    struct webauthn_use use = {.user_verified = true};
    expected.unverified_user = true;
    assert_int_equal(rig_judge_assertion(&answer, &stored, &expected, &use), WEBAUTHN_GOOD);
    assert_false(use.user_verified);
}

/* §6.1.1 and the backup flags: what the answer says, what is stored. */
static void against_the_stored(SD_UNUSED void **state) {
    static const struct {
        unsigned flags;
        uint32_t count;
        struct past past;
        enum webauthn_verdict verdict;
    } cases[] = {
        {GOOD_ASSERT, 1, {0, false}, WEBAUTHN_GOOD},
        {GOOD_ASSERT, 5, {4, false}, WEBAUTHN_GOOD},
        {GOOD_ASSERT, UINT32_MAX, {UINT32_MAX - 1, false}, WEBAUTHN_GOOD},
        {GOOD_ASSERT, 4, {4, false}, WEBAUTHN_CLONED},
        {GOOD_ASSERT, 3, {4, false}, WEBAUTHN_CLONED},
        {GOOD_ASSERT, 0, {4, false}, WEBAUTHN_CLONED},
        {GOOD_ASSERT, 0, {UINT32_MAX, false}, WEBAUTHN_CLONED},
        {GOOD_ASSERT, 1, {UINT32_MAX, false}, WEBAUTHN_CLONED},
        {GOOD_ASSERT, UINT32_MAX, {UINT32_MAX, false}, WEBAUTHN_CLONED},
        {GOOD_ASSERT | RIG_BE, 0, {0, true}, WEBAUTHN_GOOD},
        {GOOD_ASSERT | RIG_BE | RIG_BS, 0, {0, true}, WEBAUTHN_GOOD},
        {GOOD_ASSERT | RIG_BE, 0, {0, false}, WEBAUTHN_BACKUP_CHANGED},
        {GOOD_ASSERT | RIG_BE | RIG_BS, 0, {0, false}, WEBAUTHN_BACKUP_CHANGED},
        {GOOD_ASSERT, 0, {0, true}, WEBAUTHN_BACKUP_CHANGED},
        {GOOD_ASSERT | RIG_BS, 0, {0, true}, WEBAUTHN_BACKUP_FLAGS},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct rig_data data = {.flags = (uint8_t)cases[i].flags, .count = cases[i].count};
        assert_int_equal(asserted(&data, cases[i].past), cases[i].verdict);
    }
}

#define EXT                                                                                                                    \
    "\xa1\x6b"                                                                                                                 \
    "credProtect\x02"
/* Behind the counter of an assertion. */
static void assertion_tails(SD_UNUSED void **state) {
    static const struct {
        unsigned flags;
        struct span tail;
        enum webauthn_verdict verdict;
    } cases[] = {
        {GOOD_ASSERT | RIG_ED, SPAN(EXT), WEBAUTHN_GOOD},
        {GOOD_ASSERT | RIG_ED, SPAN(EXT "\0"), WEBAUTHN_AUTH_DATA},
        {GOOD_ASSERT, SPAN("\0"), WEBAUTHN_AUTH_DATA},
        {GOOD_ASSERT, SPAN(EXT), WEBAUTHN_AUTH_DATA}, /* the flag does not say so */
        {GOOD_ASSERT | RIG_ED, SPAN(""), WEBAUTHN_EXTENSIONS},
        {GOOD_ASSERT | RIG_ED,
         SPAN("\xa1\x6b"
              "credProtect"),
         WEBAUTHN_EXTENSIONS},
        {GOOD_ASSERT | RIG_ED, SPAN("\x80"), WEBAUTHN_EXTENSIONS},
        {GOOD_ASSERT | RIG_ED, SPAN("\xa1\x01\x02"), WEBAUTHN_EXTENSIONS}, /* no identifier */
        {GOOD_ASSERT | RIG_ED,
         SPAN("\xbf\x61"
              "a\x02\xff"),
         WEBAUTHN_EXTENSIONS},
        {GOOD_ASSERT | RIG_ED,
         SPAN("\xa1\x61"
              "a\x18\x02"),
         WEBAUTHN_EXTENSIONS},
        {GOOD_ASSERT | RIG_ED,
         SPAN("\xa2\x61"
              "a\x02\x61"
              "a\x02"),
         WEBAUTHN_EXTENSIONS},
        {GOOD_ASSERT | RIG_ED,
         SPAN("\xa2\x61"
              "b\x02\x61"
              "a\x02"),
         WEBAUTHN_EXTENSIONS},
        {GOOD_ASSERT | RIG_AT, SPAN(""), WEBAUTHN_CREDENTIAL_IN_ASSERTION},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++)
        assert_int_equal(
            asserted(&(struct rig_data){.flags = (uint8_t)cases[i].flags, .tail = cases[i].tail}, (struct past){0}),
            cases[i].verdict);
    struct buf tail SD_CLEANUP(buf_free) = buf_new(4096);
    rig_put_credential(&tail, credential_id, key);
    assert_int_equal(asserted(&(struct rig_data){.flags = GOOD_REGISTER, .tail = buf_span(&tail)}, (struct past){0}),
                     WEBAUTHN_CREDENTIAL_IN_ASSERTION);
}

/* A registration whose attested credential data is `tail`. */
static enum webauthn_verdict tail_of_registration(unsigned flags, const struct buf *tail) {
    return registered(&(struct rig_data){.flags = (uint8_t)flags, .tail = span_of(tail->p, tail->n)});
}

static void credential_ids(SD_UNUSED void **state) {
    static uint8_t bytes[2000];
    static const struct {
        size_t n;
        enum webauthn_verdict verdict;
    } cases[] = {{1, WEBAUTHN_GOOD}, {1023, WEBAUTHN_GOOD}, {0, WEBAUTHN_CREDENTIAL_ID}, {1024, WEBAUTHN_CREDENTIAL_ID}};
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct buf tail SD_CLEANUP(buf_free) = buf_new(4096);
        rig_put_credential(&tail, span_of(bytes, cases[i].n), key);
        assert_int_equal(tail_of_registration(GOOD_REGISTER, &tail), cases[i].verdict);
    }
    struct buf tail SD_CLEANUP(buf_free) = buf_new(4096);
    buf_fill(&tail, 0, 16);
    buf_put(&tail, SPAN("\x03\xff"
                        "short"));
    assert_int_equal(tail_of_registration(GOOD_REGISTER, &tail), WEBAUTHN_AUTH_DATA);
}

static void registration_tails(SD_UNUSED void **state) {
    static const struct {
        unsigned flags;
        struct span more; /* behind the credential */
        enum webauthn_verdict verdict;
    } cases[] = {
        {GOOD_REGISTER | RIG_ED, SPAN(EXT), WEBAUTHN_GOOD},      {GOOD_REGISTER, SPAN("\0"), WEBAUTHN_AUTH_DATA},
        {GOOD_REGISTER, SPAN(EXT), WEBAUTHN_AUTH_DATA},          {GOOD_REGISTER | RIG_ED, SPAN(EXT "\xa0"), WEBAUTHN_AUTH_DATA},
        {GOOD_REGISTER | RIG_ED, SPAN(""), WEBAUTHN_EXTENSIONS}, {GOOD_REGISTER | RIG_ED, SPAN("\x01"), WEBAUTHN_EXTENSIONS},
        {RIG_UP | RIG_UV, SPAN(""), WEBAUTHN_NO_CREDENTIAL},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct buf tail SD_CLEANUP(buf_free) = buf_new(4096);
        rig_put_credential(&tail, credential_id, key);
        buf_put(&tail, cases[i].more);
        assert_int_equal(tail_of_registration(cases[i].flags, &tail), cases[i].verdict);
    }
}

/* Instead of the key; cose_test.c has the forms of keys one by one. */
static void registration_keys(SD_UNUSED void **state) {
    static const struct {
        struct span cose;
        enum webauthn_verdict verdict;
    } cases[] = {
        {SPAN(""), WEBAUTHN_KEY},
        {SPAN("\xa0"), WEBAUTHN_KEY},
        {SPAN("\xbf\x01\x02\xff"), WEBAUTHN_KEY},
        {SPAN("\xa5\x01\x02\x03\x38\x2e\x20\x08\x21\x40\x22\x40"), WEBAUTHN_ALGORITHM}, /* ES256K */
        {SPAN("\xa4\x01\x03\x03\x39\xff\xfe\x20\x40\x21\x40"), WEBAUTHN_ALGORITHM},     /* RS1 */
        {SPAN("\xa4\x01\x03\x03\x38\x24\x20\x40\x21\x40"), WEBAUTHN_ALGORITHM},         /* PS256 */
        {SPAN("\xa5\x01\x02\x03\x26\x20\x01\x21\x41\x01\x22\x41\x01"), WEBAUTHN_KEY},
        {SPAN("\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
         WEBAUTHN_KEY}, /* small order */
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct buf tail SD_CLEANUP(buf_free) = buf_new(4096);
        buf_fill(&tail, 0, 16);
        buf_put(&tail, SPAN("\0\x01i"));
        buf_put(&tail, cases[i].cose);
        assert_int_equal(tail_of_registration(GOOD_REGISTER, &tail), cases[i].verdict);
    }
}

static enum webauthn_verdict attested(struct buf *object) {
    struct rig_answer answer SD_CLEANUP(rig_answer_free) = rig_register(key, credential_id,
                                                                        &(struct rig_data){.flags = GOOD_REGISTER});
    struct webauthn_expected expected = rig_expected();
    struct webauthn_credential credential;
    buf_reset(&answer.attestation);
    buf_put(&answer.attestation, buf_span(object));
    return rig_judge_registration(&answer, &expected, &credential);
}

static void statements(SD_UNUSED void **state) {
    static const struct {
        const char *format;
        struct span statement;
        enum webauthn_verdict verdict;
    } cases[] = {
        {"none", SPAN("\xa0"), WEBAUTHN_GOOD},
        {"packed",
         SPAN("\xa2\x63"
              "alg\x26\x63"
              "sig\x41\x00"),
         WEBAUTHN_GOOD}, /* taken as unattested */
        {"of-tomorrow", SPAN("\x80"), WEBAUTHN_GOOD},
        {"none",
         SPAN("\xa1\x61"
              "a\x01"),
         WEBAUTHN_STATEMENT},
        {"none", SPAN("\x80"), WEBAUTHN_STATEMENT},
        {"none", SPAN("\xf6"), WEBAUTHN_STATEMENT},
        {"", SPAN("\xa0"), WEBAUTHN_ATTESTATION},
        {"packed",
         SPAN("\xa2\x63"
              "sig\x41\x00\x63"
              "alg\x26"),
         WEBAUTHN_ATTESTATION}, /* order */
        {"packed",
         SPAN("\xbf\x63"
              "alg\x26\xff"),
         WEBAUTHN_ATTESTATION},
        {"packed",
         SPAN("\xa1\x63"
              "alg"),
         WEBAUTHN_ATTESTATION},
        {"packed", SPAN("\x81\x81\x81\x81\x81\x81\x80"), WEBAUTHN_ATTESTATION}, /* too deep */
        {"packed", SPAN("\xc0\xa0"), WEBAUTHN_ATTESTATION},
    };
    struct rig_answer good SD_CLEANUP(rig_answer_free) = rig_register(key, credential_id,
                                                                      &(struct rig_data){.flags = GOOD_REGISTER});
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct buf object SD_CLEANUP(buf_free) = buf_new(8192);
        rig_put_attestation(&object, cases[i].format, cases[i].statement, buf_span(&good.auth_data));
        assert_int_equal(attested(&object), cases[i].verdict);
        buf_byte(&object, 0);
        assert_int_not_equal(attested(&object), WEBAUTHN_GOOD);
    }
}

/* The three members otherwise: % stands for the authenticator data with its head. */
static void attestation_objects(SD_UNUSED void **state) {
    static const struct span bad[] = {
        SPAN("\xa2\x63"
             "fmt\x64none\x68"
             "authData%"),
        SPAN("\xa4\x63"
             "fmt\x64none\x67"
             "attStmt\xa0\x68"
             "authData%\x69"
             "authDatas\x00"),
        SPAN("\xa3\x68"
             "authData%\x63"
             "fmt\x64none\x67"
             "attStmt\xa0"),
        SPAN("\xa3\x67"
             "attStmt\xa0\x63"
             "fmt\x64none\x68"
             "authData%"),
        SPAN("\xa4\x63"
             "fmt\x64none\x63"
             "fmt\x64none\x67"
             "attStmt\xa0\x68"
             "authData%"),
        SPAN("\xa3\x63"
             "fmt\x44none\x67"
             "attStmt\xa0\x68"
             "authData%"),
        SPAN("\xa3\x63"
             "Fmt\x64none\x67"
             "attStmt\xa0\x68"
             "authData%"),
        SPAN("\xbf\x63"
             "fmt\x64none\x67"
             "attStmt\xa0\x68"
             "authData%\xff"),
        SPAN("\xb8\x03\x63"
             "fmt\x64none\x67"
             "attStmt\xa0\x68"
             "authData%"),
        SPAN("\xa3\x63"
             "fmt\x78\x04none\x67"
             "attStmt\xa0\x68"
             "authData%"),
        SPAN("\x83\x64none\xa0%"),
        SPAN("\xd9\xd9\xf7\xa3\x63"
             "fmt\x64none\x67"
             "attStmt\xa0\x68"
             "authData%"),
        SPAN("\xa3\x63"
             "fmt\x64none\x67"
             "attStmt\xa0\x68"
             "authData\x64text"),
        SPAN("%"),
        SPAN(""),
    };
    struct rig_answer good SD_CLEANUP(rig_answer_free) = rig_register(key, credential_id,
                                                                      &(struct rig_data){.flags = GOOD_REGISTER});
    for (size_t i = 0; i < SD_COUNT(bad); i++) {
        struct buf object SD_CLEANUP(buf_free) = buf_new(8192);
        for (size_t at = 0; at < bad[i].n; at++) {
            if (bad[i].p[at] != '%') {
                buf_byte(&object, bad[i].p[at]);
                continue;
            }
            buf_put(&object, span_of((const uint8_t[]){0x58, (uint8_t)good.auth_data.n}, 2));
            buf_put(&object, buf_span(&good.auth_data));
        }
        assert_int_equal(attested(&object), WEBAUTHN_ATTESTATION);
    }
}

static void oversize(SD_UNUSED void **state) {
    static uint8_t bytes[WEBAUTHN_ATTESTATION_MAX];
    struct buf object SD_CLEANUP(buf_free) = buf_new(65536), json SD_CLEANUP(buf_free) = buf_new(65536);
    rig_put_attestation(&object, "packed", SPAN("\xa0"), span_of(bytes, sizeof bytes));
    assert_int_equal(attested(&object), WEBAUTHN_ATTESTATION);
    buf_text(&json, "{\"type\":\"$T\",\"challenge\":\"$C\",\"origin\":\"" RIG_ORIGIN "\",\"a\":\"");
    buf_fill(&json, 'a', CLIENT_DATA_MAX);
    buf_put(&json, SPAN("\"}\0"));
    assert_int_equal(asserted(&(struct rig_data){.json = (const char *)json.p, .flags = GOOD_ASSERT}, (struct past){0}),
                     WEBAUTHN_CLIENT_DATA);
    struct rig_data data = {.flags = GOOD_ASSERT, .tail = span_of(bytes, WEBAUTHN_AUTH_DATA_MAX - 36)};
    assert_int_equal(asserted(&data, (struct past){0}), WEBAUTHN_AUTH_DATA);
}

/* Signed by another key, of the same and of other algorithms; stored keys that are none. */
static void other_keys(SD_UNUSED void **state) {
    struct rig_answer answer SD_CLEANUP(rig_answer_free) = rig_assert(key, &(struct rig_data){.flags = GOOD_ASSERT});
    struct webauthn_expected expected = rig_expected();
    struct webauthn_use use;
    const enum cose_algorithm others[] = {COSE_EDDSA, COSE_ES384, COSE_RS256};
    struct webauthn_stored stored = {0};
    assert_int_equal(rig_judge_assertion(&answer, &stored, &expected, &use), WEBAUTHN_KEY);
    for (size_t i = 0; i <= SD_COUNT(others); i++) {
        struct test_cose *other SD_CLEANUP(test_cose_free) = test_cose_new(i < SD_COUNT(others) ? others[i] : COSE_ES256, 2048);
        struct buf cose SD_CLEANUP(buf_free) = buf_new(COSE_KEY_MAX);
        test_cose_put(other, &cose);
        stored.public_key = buf_span(&cose);
        assert_int_equal(rig_judge_assertion(&answer, &stored, &expected, &use), WEBAUTHN_SIGNATURE);
    }
}

/* Not ours to take: expectations that anybody's answer could meet. */
static void careless_callers(SD_UNUSED void **state) {
    struct rig_answer answer SD_CLEANUP(rig_answer_free) = rig_register(key, credential_id,
                                                                        &(struct rig_data){.flags = GOOD_REGISTER});
    struct webauthn_expected expected[4] = {rig_expected(), rig_expected(), rig_expected(), rig_expected()};
    struct webauthn_credential credential;
    enum webauthn_verdict verdict = WEBAUTHN_REFUSED;
    struct span empty = SPAN_NONE;
    expected[0].challenge = SPAN("0123456789abcde");
    expected[1].origin_count = 0;
    expected[2].rp_id = SPAN_NONE;
    expected[3].origins = &empty;
    expected[3].origin_count = 1;
    for (size_t i = 0; i < SD_COUNT(expected); i++)
        assert_int_equal(
            webauthn_register(buf_span(&answer.json), buf_span(&answer.attestation), &expected[i], &credential, &verdict),
            SD_ERR_BUG);
    assert_int_equal(verdict, WEBAUTHN_REFUSED);
}

/* One field of an answer cut at every byte, and with each bit changed: never GOOD. */
static void damage(struct buf *field, const struct rig_answer *answer, const struct webauthn_stored *stored) {
    struct webauthn_expected expected = rig_expected();
    struct webauthn_use use;
    size_t n = field->n;
    for (field->n = 0; field->n < n; field->n++)
        assert_int_not_equal(rig_judge_assertion(answer, stored, &expected, &use), WEBAUTHN_GOOD);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        field->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(rig_judge_assertion(answer, stored, &expected, &use), WEBAUTHN_GOOD);
        field->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(rig_judge_assertion(answer, stored, &expected, &use), WEBAUTHN_GOOD);
}

static void damaged_assertions(SD_UNUSED void **state) {
    static const enum cose_algorithm algorithms[] = {COSE_ES256, COSE_EDDSA, COSE_RS256};
    for (size_t i = 0; i < SD_COUNT(algorithms); i++) {
        struct test_cose *own SD_CLEANUP(test_cose_free) = test_cose_new(algorithms[i], 2048);
        struct rig_answer answer SD_CLEANUP(rig_answer_free) = rig_assert(own,
                                                                          &(struct rig_data){.flags = GOOD_ASSERT, .count = 9});
        struct webauthn_stored stored = {buf_span(&answer.public_key), 3, false};
        damage(&answer.json, &answer, &stored);
        damage(&answer.auth_data, &answer, &stored);
        damage(&answer.signature, &answer, &stored);
    }
}

static bool same_credential(const struct webauthn_credential *a, const struct webauthn_credential *b) {
    return span_eq(a->id, b->id) && span_eq(a->public_key, b->public_key) && span_eq(a->aaguid, b->aaguid) &&
           a->sign_count == b->sign_count && a->backup_eligible == b->backup_eligible && a->backed_up == b->backed_up;
}

/* Two flags are reserved, and a format that nobody knows is as unattested as none. */
static bool says_nothing(size_t bit, size_t flags_at) {
    return bit == 8 * flags_at + 1 || bit == 8 * flags_at + 5 || (bit / 8 >= 6 && bit / 8 < 10);
}

/* Nothing signs a registration without attestation: whoever can change it can make one. What is taken then says something else.
 */
static void damaged_registrations(SD_UNUSED void **state) {
    struct rig_answer answer SD_CLEANUP(rig_answer_free) = rig_register(key, credential_id,
                                                                        &(struct rig_data){.flags = GOOD_REGISTER});
    struct rig_answer again SD_CLEANUP(rig_answer_free) = rig_register(key, credential_id,
                                                                       &(struct rig_data){.flags = GOOD_REGISTER});
    struct webauthn_expected expected = rig_expected();
    struct webauthn_credential whole, credential;
    assert_int_equal(rig_judge_registration(&again, &expected, &whole), WEBAUTHN_GOOD);
    size_t n = answer.attestation.n, flags_at = n - answer.auth_data.n + 32; /* behind rpIdHash */
    for (answer.attestation.n = 0; answer.attestation.n < n; answer.attestation.n++)
        assert_int_not_equal(rig_judge_registration(&answer, &expected, &credential), WEBAUTHN_GOOD);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        answer.attestation.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (rig_judge_registration(&answer, &expected, &credential) == WEBAUTHN_GOOD)
            assert_true(!same_credential(&whole, &credential) || says_nothing(bit, flags_at));
        answer.attestation.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void words(SD_UNUSED void **state) {
    assert_string_equal(webauthn_word(WEBAUTHN_CLONED), "cloned");
    assert_string_equal(webauthn_sentence(WEBAUTHN_GOOD), "The passkey is good.");
    assert_string_equal(webauthn_word((enum webauthn_verdict)99), "unknown");
    assert_string_equal(webauthn_sentence((enum webauthn_verdict)99), webauthn_sentence(WEBAUTHN_REFUSED));
}

static int make_keys(SD_UNUSED void **state) {
    key = test_cose_new(COSE_ES256, 0);
    return 0;
}

static int free_keys(SD_UNUSED void **state) {
    test_cose_free(&key);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_was_registered),
        cmocka_unit_test(authenticator_data),
        cmocka_unit_test(unverified_user_when_allowed),
        cmocka_unit_test(against_the_stored),
        cmocka_unit_test(assertion_tails),
        cmocka_unit_test(credential_ids),
        cmocka_unit_test(registration_tails),
        cmocka_unit_test(registration_keys),
        cmocka_unit_test(statements),
        cmocka_unit_test(attestation_objects),
        cmocka_unit_test(oversize),
        cmocka_unit_test(other_keys),
        cmocka_unit_test(careless_callers),
        cmocka_unit_test(damaged_assertions),
        cmocka_unit_test(damaged_registrations),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
