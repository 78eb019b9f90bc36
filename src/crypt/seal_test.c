#include "crypt/gcm.h"
#include "crypt/seal.h"
#include "crypt/test_hex.h"

#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

#define OBJECT_KEY SPAN("0123456789abcdef0123456789abcdef")
#define HEADER 9
#define SEALED_CHUNK (SEAL_CHUNK_BYTES + GCM_TAG_BYTES)
#define MAX_PLAIN ((size_t)1 << 20)

static const struct object_id object = {"0123456789abcde"};
static struct secret key; /* of FACET_TEXT */

static int make_key(void **state) {
    (void)state;
    return facet_key(OBJECT_KEY, FACET_TEXT, &key);
}

static int drop_key(void **state) {
    (void)state;
    secret_free(&key);
    return 0;
}

/* Bytes that zstd cannot shrink, the same in every run. */
static void put_noise(struct buf *to, size_t n) {
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        buf_byte(to, (uint8_t)x);
    }
    assert_int_equal(buf_err(to), SD_OK);
}

static void seal(struct span plain, struct buf *to) {
    assert_int_equal(seal_facet(secret_span(&key), &object, FACET_TEXT, plain, to), SD_OK);
}

static enum sd_err open_it(struct span sealed, struct buf *to) {
    return open_facet(secret_span(&key), &object, FACET_TEXT, sealed, MAX_PLAIN, to);
}

static void is_forged(struct span sealed) {
    struct buf back SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN + 10);
    buf_text(&back, "kept");
    assert_int_equal(open_it(sealed, &back), SD_ERR_FORGED);
    assert_true(span_eq(buf_span(&back), SPAN("kept")));
}

static void every_size_comes_back(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, SEAL_CHUNK_BYTES - 1, SEAL_CHUNK_BYTES, SEAL_CHUNK_BYTES + 1, 200000};
    for (size_t i = 0; i < SD_COUNT(sizes); i++)
        for (int noise = 0; noise < 2; noise++) {
            struct buf plain SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
            struct buf sealed SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
            struct buf back SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
            if (noise)
                put_noise(&plain, sizes[i]);
            else
                buf_fill(&plain, 'a', sizes[i]);
            seal(buf_span(&plain), &sealed);
            assert_int_equal(open_it(buf_span(&sealed), &back), SD_OK);
            assert_true(span_eq(buf_span(&back), buf_span(&plain)));
            assert_true(noise || sizes[i] < 1000 || sealed.n < sizes[i] / 4);
        }
}

static void every_changed_byte_is_seen(void **state) {
    (void)state;
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
    struct buf back SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
    seal(SPAN("Dear support, my parcel never came."), &sealed);
    for (size_t i = 0; i < sealed.n; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            sealed.p[i] = (uint8_t)(sealed.p[i] ^ 1u << bit);
            enum sd_err err = open_it(buf_span(&sealed), &back);
            assert_true(err == SD_ERR_FORGED || (err == SD_ERR_LIMIT && i >= 1 && i < HEADER));
            sealed.p[i] = (uint8_t)(sealed.p[i] ^ 1u << bit);
        }
    for (size_t n = 0; n < sealed.n; n++)
        is_forged(span_of(sealed.p, n));
    assert_int_equal(back.n, 0);
    buf_byte(&sealed, 0);
    is_forged(buf_span(&sealed));
}

/* Three chunks; what is cut, swapped, doubled or added at their borders. */
static void chunks_stay_in_their_order(void **state) {
    (void)state;
    struct buf plain SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
    struct buf other SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
    put_noise(&plain, 3 * SEAL_CHUNK_BYTES - 100);
    seal(buf_span(&plain), &sealed);
    struct span head = span_sub(buf_span(&sealed), 0, HEADER);
    struct span chunk[3];
    for (size_t i = 0; i < 3; i++)
        chunk[i] = span_sub(buf_span(&sealed), HEADER + i * SEALED_CHUNK, SEALED_CHUNK);
    assert_int_equal(HEADER + 2 * SEALED_CHUNK + chunk[2].n, sealed.n);
    static const char *const orders[] = {"", "0", "01", "1", "12", "02", "102", "0112", "0122", "0012", "0120", "210", "2"};
    for (size_t i = 0; i < SD_COUNT(orders); i++) {
        buf_reset(&other);
        buf_put(&other, head);
        for (const char *c = orders[i]; *c; c++)
            buf_put(&other, chunk[*c - '0']);
        is_forged(buf_span(&other));
    }
    for (size_t i = 0; i < 3; i++) { /* the borders, a byte to either side */
        is_forged(span_sub(buf_span(&sealed), 0, HEADER + i * SEALED_CHUNK + 1));
        is_forged(span_sub(buf_span(&sealed), 0, HEADER + (i + 1) * SEALED_CHUNK - 1 - (i == 2 ? 200 : 0)));
    }
}

static void is_bound_to_object_facet_and_key(void **state) {
    (void)state;
    struct object_id other = object;
    struct secret other_key SD_CLEANUP(secret_free) = {0};
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
    struct buf back SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
    seal(SPAN("text"), &sealed);
    other.b[15] ^= 1;
    assert_int_equal(open_facet(secret_span(&key), &other, FACET_TEXT, buf_span(&sealed), 100, &back), SD_ERR_FORGED);
    assert_int_equal(open_facet(secret_span(&key), &object, FACET_HTML, buf_span(&sealed), 100, &back), SD_ERR_FORGED);
    assert_int_equal(facet_key(OBJECT_KEY, FACET_HTML, &other_key), SD_OK);
    assert_int_equal(open_facet(secret_span(&other_key), &object, FACET_TEXT, buf_span(&sealed), 100, &back), SD_ERR_FORGED);
    assert_int_equal(back.n, 0);
}

static void limits(void **state) {
    (void)state;
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
    struct buf back SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
    struct buf small SD_CLEANUP(buf_free) = buf_new(3);
    seal(SPAN("text"), &sealed);
    assert_int_equal(open_facet(secret_span(&key), &object, FACET_TEXT, buf_span(&sealed), 3, &back), SD_ERR_LIMIT);
    assert_int_equal(open_facet(secret_span(&key), &object, FACET_TEXT, buf_span(&sealed), 4, &small), SD_ERR_LIMIT);
    assert_int_equal(small.n, 0);
    assert_int_equal(open_facet(secret_span(&key), &object, FACET_TEXT, buf_span(&sealed), 4, &back), SD_OK);
    assert_int_equal(seal_facet(secret_span(&key), &object, FACET_TEXT, SPAN("text"), &small), SD_ERR_LIMIT);
    assert_int_equal(seal_facet(SPAN("short"), &object, FACET_TEXT, SPAN("text"), &back), SD_ERR_BUG);
    assert_true(span_eq(buf_span(&back), SPAN("text")));
}

/* The format written down a second time: a frame of one chunk that claims plain_bytes. */
static void seal_by_hand(struct span frame, uint64_t plain_bytes, struct buf *to) {
    struct buf aad SD_CLEANUP(buf_free) = buf_new(100);
    const uint8_t nonce[GCM_NONCE_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    buf_u8(to, 1);
    buf_u64(to, plain_bytes);
    buf_put(&aad, span_of(object.b, sizeof object.b));
    buf_u8(&aad, 2);
    buf_put(&aad, buf_span(to));
    assert_int_equal(crypt_gcm_seal(secret_span(&key), nonce, buf_span(&aad), frame, to), SD_OK);
}

/* The format is stored data: what this writes, every later version must open. */
static void format(void **state) {
    (void)state;
    static const uint8_t raw[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x04, 0x21, 0x00, 0x00, 'h', 'e', 'l', 'p'}; /* RFC 8878 §3.1 */
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(1000);
    struct buf back SD_CLEANUP(buf_free) = buf_new(1000);
    seal_by_hand(span_of(raw, sizeof raw), 4, &sealed);
    assert_int_equal(open_it(buf_span(&sealed), &back), SD_OK);
    assert_true(span_eq(buf_span(&back), SPAN("help")));
}

/* Only who holds the key can make these; still they must not cost memory or give a wrong length. */
static void a_bomb_does_not_unfold(void **state) {
    (void)state;
    size_t n = (size_t)32 << 20;
    uint8_t *zeros = calloc(1, n);
    uint8_t frame[8192];
    assert_non_null(zeros);
    size_t frame_bytes = ZSTD_compress(frame, sizeof frame, zeros, n, 1);
    assert_false(ZSTD_isError(frame_bytes));
    free(zeros);
    static const size_t claims[] = {0, 1, 1000, MAX_PLAIN};
    for (size_t i = 0; i < SD_COUNT(claims); i++) {
        struct buf sealed SD_CLEANUP(buf_free) = buf_new(10000);
        seal_by_hand(span_of(frame, frame_bytes), claims[i], &sealed);
        is_forged(buf_span(&sealed));
    }
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(10000);
    struct buf back SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
    seal_by_hand(span_of(frame, frame_bytes), n, &sealed);
    assert_int_equal(open_it(buf_span(&sealed), &back), SD_ERR_LIMIT);
    assert_int_equal(back.cap, 0);
}

static void facets(void **state) {
    (void)state;
    assert_string_equal(facet_name(FACET_HEAD), "head");
    assert_string_equal(facet_name(FACET_FILE), "file");
    assert_string_equal(facet_name((enum facet)0), "unknown");
    struct secret keys[2] = {0};
    for (unsigned f = FACET_HEAD; f <= FACET_PREVIEW; f++) {
        struct secret again SD_CLEANUP(secret_free) = {0};
        assert_int_equal(facet_key(OBJECT_KEY, (enum facet)f, &keys[f % 2]), SD_OK);
        assert_int_equal(facet_key(OBJECT_KEY, (enum facet)f, &again), SD_OK);
        assert_true(span_eq(secret_span(&keys[f % 2]), secret_span(&again)));
        assert_false(span_eq(secret_span(&keys[0]), secret_span(&keys[1])));
        secret_free(&keys[(f + 1) % 2]);
    }
    struct secret none = {0};
    secret_free(&keys[0]);
    secret_free(&keys[1]);
    assert_int_equal(facet_key(OBJECT_KEY, (enum facet)10, &none), SD_ERR_BUG);
    assert_int_equal(facet_key(SPAN("short"), FACET_HEAD, &none), SD_ERR_BUG);
    assert_null(none.p);
}

static void *seal_much(void *arg) {
    for (int i = 0; i < 50; i++) {
        struct buf sealed SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
        struct buf back SD_CLEANUP(buf_free) = buf_new(MAX_PLAIN);
        if (seal_facet(secret_span(&key), &object, FACET_TEXT, OBJECT_KEY, &sealed) || open_it(buf_span(&sealed), &back) ||
            !span_eq(buf_span(&back), OBJECT_KEY))
            return arg;
    }
    return NULL;
}

static void threads(void **state) {
    (void)state;
    char failure = 0;
    pthread_t t[12]; /* more than contexts are kept */
    for (size_t i = 0; i < SD_COUNT(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, seal_much, &failure), 0);
    for (size_t i = 0; i < SD_COUNT(t); i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(t[i], &failed), 0);
        assert_null(failed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_comes_back),
        cmocka_unit_test(every_changed_byte_is_seen),
        cmocka_unit_test(chunks_stay_in_their_order),
        cmocka_unit_test(is_bound_to_object_facet_and_key),
        cmocka_unit_test(limits),
        cmocka_unit_test(format),
        cmocka_unit_test(a_bomb_does_not_unfold),
        cmocka_unit_test(facets),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, make_key, drop_key);
}
