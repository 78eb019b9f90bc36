#include "crypt/hpke_parts.h"
#include "crypt/test_hex.h"

/* RFC 9180 Appendix A.1.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode */
#define SK_EPHEMERAL "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736"
#define PK_EPHEMERAL "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
#define SK_RECIPIENT "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"
#define PK_RECIPIENT "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d"
#define SHARED "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc"
#define INFO "4f6465206f6e2061204772656369616e2055726e"
#define AAD "436f756e742d30"
#define PLAIN "4265617574792069732074727574682c20747275746820626561757479"

static EVP_PKEY *private_key(const char *text) {
    struct hex raw = hex(text);
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, raw.b, raw.n);
    assert_non_null(pkey);
    return pkey;
}

static void rfc9180_a1(void **state) {
    (void)state;
    struct hex info = hex(INFO);
    struct hex pk_e = hex(PK_EPHEMERAL);
    struct hex pk_r = hex(PK_RECIPIENT);
    struct key32 dh;
    struct key32 shared;
    struct hpke_keys keys = {0};
    EVP_PKEY *ephemeral SD_CLEANUP(pkey_free) = private_key(SK_EPHEMERAL);
    EVP_PKEY *recipient SD_CLEANUP(pkey_free) = private_key(SK_RECIPIENT);
    assert_int_equal(hpke_dh(recipient, pk_e.b, &dh), SD_OK);
    assert_int_equal(hpke_shared_secret(&dh, pk_e.b, pk_r.b, &shared), SD_OK);
    assert_hex(key32_span(&shared), SHARED);
    assert_int_equal(hpke_dh(ephemeral, pk_r.b, &dh), SD_OK);
    assert_int_equal(hpke_shared_secret(&dh, pk_e.b, pk_r.b, &shared), SD_OK);
    assert_hex(key32_span(&shared), SHARED);
    assert_int_equal(hpke_key_schedule(HPKE_AES128GCM, &shared, hex_span(&info), &keys), SD_OK);
    assert_hex(span_of(keys.key, 16), "4531685d41d65f03dc48f6b8302c05b0");
    assert_hex(span_of(keys.nonce, GCM_NONCE_BYTES), "56d890e5accaaf011cff4b7d");
}

/*
 * The RFC prints no vector for X25519 with AES-256-GCM. This one is A.1.1's keys, info, aad and text under aead_id 2, computed
 * by a second implementation in another language that reproduces A.1.1 to the last byte.
 */
static void aes256_with_the_same_keys(void **state) {
    (void)state;
    struct hex info = hex(INFO);
    struct hex aad = hex(AAD);
    struct hex plain = hex(PLAIN);
    struct hex pk_r = hex(PK_RECIPIENT);
    struct hex sk_r = hex(SK_RECIPIENT);
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(1000);
    struct buf back SD_CLEANUP(buf_free) = buf_new(1000);
    struct secret secret SD_CLEANUP(secret_free) = {0};
    EVP_PKEY *ephemeral SD_CLEANUP(pkey_free) = private_key(SK_EPHEMERAL);
    assert_int_equal(hpke_seal_with(ephemeral, pk_r.b, hex_span(&info), hex_span(&aad), hex_span(&plain), &sealed), SD_OK);
    assert_hex(buf_span(&sealed),
               PK_EPHEMERAL "00000000"
                            "090b7dc225419f7da9e8b460becfbb96a26c7964d79b8010d397fa838530a32a397b14f5776db19ff5e57734e0");
    assert_int_equal(secret_copy(hex_span(&sk_r), &secret), SD_OK);
    assert_int_equal(hpke_open(&secret, hex_span(&info), hex_span(&aad), buf_span(&sealed), &back), SD_OK);
    assert_true(span_eq(buf_span(&back), hex_span(&plain)));
}

static void round_trip_and_forgeries(void **state) {
    (void)state;
    struct secret own SD_CLEANUP(secret_free) = {0};
    struct secret other SD_CLEANUP(secret_free) = {0};
    uint8_t pub[KEY_BYTES];
    uint8_t other_pub[KEY_BYTES];
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(1000);
    struct buf back SD_CLEANUP(buf_free) = buf_new(1000);
    assert_int_equal(hpke_keypair(&own, pub), SD_OK);
    assert_int_equal(hpke_keypair(&other, other_pub), SD_OK);
    assert_memory_not_equal(pub, other_pub, KEY_BYTES);
    assert_int_equal(hpke_seal(pub, SPAN("info"), SPAN("aad"), SPAN("a letter's key"), &sealed), SD_OK);
    assert_int_equal(sealed.n, KEY_BYTES + 4 + 14 + GCM_TAG_BYTES);
    for (size_t i = 0; i < sealed.n; i++) {
        sealed.p[i] ^= 0x40;
        assert_int_equal(hpke_open(&own, SPAN("info"), SPAN("aad"), buf_span(&sealed), &back), SD_ERR_FORGED);
        sealed.p[i] ^= 0x40;
        assert_int_equal(hpke_open(&own, SPAN("info"), SPAN("aad"), span_of(sealed.p, i), &back), SD_ERR_FORGED);
    }
    assert_int_equal(hpke_open(&own, SPAN("inf0"), SPAN("aad"), buf_span(&sealed), &back), SD_ERR_FORGED);
    assert_int_equal(hpke_open(&own, SPAN("info"), SPAN("aae"), buf_span(&sealed), &back), SD_ERR_FORGED);
    assert_int_equal(hpke_open(&other, SPAN("info"), SPAN("aad"), buf_span(&sealed), &back), SD_ERR_FORGED);
    assert_int_equal(back.n, 0);
    assert_int_equal(hpke_open(&own, SPAN("info"), SPAN("aad"), buf_span(&sealed), &back), SD_OK);
    assert_true(span_eq(buf_span(&back), SPAN("a letter's key")));
}

/* RFC 9180 §7.1.4: a shared secret of zeros must be refused on both sides. */
static void points_of_low_order(void **state) {
    (void)state;
    struct secret own SD_CLEANUP(secret_free) = {0};
    uint8_t pub[KEY_BYTES];
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(1000);
    struct buf back SD_CLEANUP(buf_free) = buf_new(1000);
    static const uint8_t zero[KEY_BYTES] = {0};
    static const uint8_t one[KEY_BYTES] = {1};
    assert_int_equal(hpke_keypair(&own, pub), SD_OK);
    assert_int_equal(hpke_seal(zero, SPAN_NONE, SPAN_NONE, SPAN("x"), &sealed), SD_ERR_PARSE);
    assert_int_equal(hpke_seal(one, SPAN_NONE, SPAN_NONE, SPAN("x"), &sealed), SD_ERR_PARSE);
    assert_int_equal(sealed.n, 0);
    buf_fill(&sealed, 0, 64);
    assert_int_equal(hpke_open(&own, SPAN_NONE, SPAN_NONE, buf_span(&sealed), &back), SD_ERR_FORGED);
}

static void two_seals_differ(void **state) {
    (void)state;
    struct secret own SD_CLEANUP(secret_free) = {0};
    uint8_t pub[KEY_BYTES];
    struct buf two SD_CLEANUP(buf_free) = buf_new(1000);
    assert_int_equal(hpke_keypair(&own, pub), SD_OK);
    assert_int_equal(hpke_seal(pub, SPAN_NONE, SPAN_NONE, SPAN("x"), &two), SD_OK);
    assert_int_equal(hpke_seal(pub, SPAN_NONE, SPAN_NONE, SPAN("x"), &two), SD_OK);
    assert_memory_not_equal(two.p, two.p + two.n / 2, KEY_BYTES);
}

/* RFC 9180 §5.2: one encapsulation, a nonce per record; they open in any order, and only under their own number. */
static void several_records_of_one_sender(void **state) {
    (void)state;
    struct secret own SD_CLEANUP(secret_free) = {0};
    struct hpke_sender *sender SD_CLEANUP(hpke_sender_free) = NULL;
    struct hpke_receiver *receiver SD_CLEANUP(hpke_receiver_free) = NULL;
    uint8_t pub[KEY_BYTES];
    struct buf records[300];
    assert_int_equal(hpke_keypair(&own, pub), SD_OK);
    assert_int_equal(hpke_sender_new(pub, SPAN("info"), &sender), SD_OK);
    assert_int_equal(hpke_receiver_new(&own, SPAN("info"), &receiver), SD_OK);
    for (size_t i = 0; i < SD_COUNT(records); i++) {
        records[i] = buf_new(100);
        assert_int_equal(hpke_sender_seal(sender, SPAN("aad"), SPAN("same text"), &records[i]), SD_OK);
    }
    assert_int_equal(hpke_sender_count(sender), SD_COUNT(records));
    for (size_t i = SD_COUNT(records); i-- > 0;) {
        struct buf plain SD_CLEANUP(buf_free) = buf_new(100);
        assert_int_equal(hpke_receiver_open(receiver, SPAN("aad"), buf_span(&records[i]), &plain), SD_OK);
        assert_true(span_eq(buf_span(&plain), SPAN("same text")));
        assert_int_equal(hpke_receiver_open(receiver, SPAN("other"), buf_span(&records[i]), &plain), SD_ERR_FORGED);
        assert_int_equal(hpke_open(&own, SPAN("info"), SPAN("aad"), buf_span(&records[i]), &plain), SD_OK);
        if (i) /* no nonce twice */
            assert_memory_not_equal(records[i].p + KEY_BYTES + 4, records[i - 1].p + KEY_BYTES + 4, 9);
        records[i].p[KEY_BYTES] ^= 1; /* another number */
        assert_int_equal(hpke_receiver_open(receiver, SPAN("aad"), buf_span(&records[i]), &plain), SD_ERR_FORGED);
        buf_free(&records[i]);
    }
}

/* More senders than are remembered, mixed, with garbage between them. */
static void many_senders(void **state) {
    (void)state;
    struct secret own SD_CLEANUP(secret_free) = {0};
    struct hpke_receiver *receiver SD_CLEANUP(hpke_receiver_free) = NULL;
    struct hpke_sender *senders[20] = {0};
    uint8_t pub[KEY_BYTES];
    assert_int_equal(hpke_keypair(&own, pub), SD_OK);
    assert_int_equal(hpke_receiver_new(&own, SPAN_NONE, &receiver), SD_OK);
    for (size_t i = 0; i < SD_COUNT(senders); i++)
        assert_int_equal(hpke_sender_new(pub, SPAN_NONE, &senders[i]), SD_OK);
    for (size_t round = 0; round < 60; round++) {
        struct buf sealed SD_CLEANUP(buf_free) = buf_new(100);
        struct buf plain SD_CLEANUP(buf_free) = buf_new(100);
        assert_int_equal(hpke_sender_seal(senders[round * 7 % SD_COUNT(senders)], SPAN_NONE, SPAN("x"), &sealed), SD_OK);
        assert_int_equal(hpke_receiver_open(receiver, SPAN_NONE, buf_span(&sealed), &plain), SD_OK);
        sealed.p[0] ^= 1;
        assert_int_equal(hpke_receiver_open(receiver, SPAN_NONE, buf_span(&sealed), &plain), SD_ERR_FORGED);
    }
    for (size_t i = 0; i < SD_COUNT(senders); i++)
        hpke_sender_free(&senders[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc9180_a1),
        cmocka_unit_test(aes256_with_the_same_keys),
        cmocka_unit_test(round_trip_and_forgeries),
        cmocka_unit_test(points_of_low_order),
        cmocka_unit_test(several_records_of_one_sender),
        cmocka_unit_test(many_senders),
        cmocka_unit_test(two_seals_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
