/* The verifier's own arithmetic against other people's vectors (read in place), and its reading of what is nearly right. */
#include "verify/verify.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

static struct text text_of(const char *text) {
    return (struct text){text, text ? strlen(text) : 0};
}

static unsigned judged;

/* Shorter roots stand for "whatever" in the vectors; longer ones, and empty ones, are no hashes. */
static bool read_hash(json_t *value, struct hash *ret) {
    struct text text = text_of(json_string_value(value));
    size_t n = text.n / 4 * 3;
    memset(ret, 0, sizeof *ret);
    for (size_t pad = 0; pad < 3 && n; pad++, n--)
        if (n <= HASH_BYTES && from_base64(text, ret->b, n))
            return true;
    return false;
}

static bool read_list(json_t *list, struct proof *ret) {
    size_t i;
    json_t *item;
    ret->count = json_array_size(list);
    if (ret->count > PEAKS_MAX)
        return false;
    json_array_foreach(list, i,
                       item) if (!from_base64(text_of(json_string_value(item)), ret->hashes[i].b, HASH_BYTES)) return false;
    return true;
}

static uint64_t number(json_t *doc, const char *key) {
    double real = json_number_value(json_object_get(doc, key));
    return real >= 0x1p64 ? UINT64_MAX : (uint64_t)real;
}

static bool holds(json_t *doc) {
    struct proof proof;
    struct hash first, second;
    bool inclusion = json_object_get(doc, "leafIdx") != NULL;
    if (!read_list(json_object_get(doc, "proof"), &proof) ||
        !read_hash(json_object_get(doc, inclusion ? "leafHash" : "root1"), &first) ||
        !read_hash(json_object_get(doc, inclusion ? "root" : "root2"), &second))
        return false;
    return inclusion ? proof_of_record(&proof, &first, number(doc, "leafIdx"), number(doc, "treeSize"), &second)
                     : proof_of_continuation(&proof, number(doc, "size1"), &first, number(doc, "size2"), &second);
}

static int judge_file(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st;
    (void)ftw;
    if (kind != FTW_F || !strstr(path, ".json"))
        return 0;
    json_t *doc = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(doc);
    if (holds(doc) == json_is_true(json_object_get(doc, "wantErr")))
        fail_msg("%s", path);
    judged++;
    json_decref(doc);
    return 0;
}

static void vectors(void **state) {
    static const char *const folders[] = {"inclusion", "consistency"};
    for (size_t i = 0; i < 2; i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/merkle/testdata/%s", *state ? (const char *)*state : "", folders[i]);
        if (nftw(path, judge_file, 16, FTW_PHYS) != 0)
            skip();
    }
    print_message("%u vectors\n", judged);
    assert_int_equal(judged, 196);
}

static void numbers(void **state) {
    static const char *const bad[] = {"", "-1", "01", "9223372036854775808", "99999999999999999999", "x"};
    uint64_t n = 7;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct text text = text_of(bad[i]);
        assert_false(take_number(&text, &n));
    }
    struct text good = text_of("9223372036854775807,");
    assert_true(take_number(&good, &n));
    assert_int_equal(n, INT64_MAX);
    assert_int_equal(good.n, 1);
}

static void base64(void **state) {
    uint8_t to[4];
    (void)state;
    assert_true(from_base64(text_of("AAECAw=="), to, 4));
    assert_memory_equal(to, "\0\1\2\3", 4);
    assert_true(from_base64(text_of("AAEC"), to, 3));
    assert_false(from_base64(text_of("AAECAx=="), to, 4)); /* bits behind the last byte */
    assert_false(from_base64(text_of("AAECA==="), to, 4));
    assert_false(from_base64(text_of("AAEC=A=="), to, 4));
    assert_false(from_base64(text_of("AAECAw="), to, 4));
    assert_false(from_base64(text_of("AAEC"), to, 4));
}

static void records(void **state) {
    struct hash leaf;
    bool dropped;
    (void)state;
    assert_true(record_leaf(text_of("{\"seq\":5,\"time\":\"x\"}"), 5, &leaf, &dropped));
    assert_false(dropped);
    assert_false(record_leaf(text_of("{\"seq\":5,\"time\":\"x\"}"), 6, &leaf, &dropped));
    assert_false(record_leaf(text_of("{\"seq\":5,\"time\":\"x\""), 5, &leaf, &dropped));
    assert_false(record_leaf(text_of("{\"seq\":05,\"time\":\"x\"}"), 5, &leaf, &dropped));
    assert_true(
        record_leaf(text_of("{\"seq\":5,\"dropped\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}"), 5,
                    &leaf, &dropped));
    assert_true(dropped);
    assert_int_equal(leaf.b[1], 0x11);
    /* nearly: then it is a record like others, and its bytes are what counts */
    assert_true(record_leaf(text_of("{\"seq\":5,\"dropped\":\"0011\"}"), 5, &leaf, &dropped));
    assert_false(dropped);
}

int main(int argc, char **argv) {
    char *corpora = argc > 1 ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(vectors, corpora),
        cmocka_unit_test(numbers),
        cmocka_unit_test(base64),
        cmocka_unit_test(records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
