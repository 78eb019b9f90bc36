/* The tree: against the classic eight-leaf vectors (read in place), and against RFC 9162's recursive definition. */
#include "core/codec.h"
#include "keeper/merkle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define LEAVES 200
static struct sha256 leaves[LEAVES];

/* RFC 9162 §2.1.1, word for word. */
static struct sha256 root_of(const struct sha256 *from, size_t n) {
    struct sha256 hash;
    size_t k = 1;
    if (n == 1)
        return from[0];
    while (2 * k < n)
        k *= 2;
    struct sha256 left = root_of(from, k), right = root_of(from + k, n - k);
    assert_int_equal(merkle_node(&left, &right, &hash), SD_OK);
    return hash;
}

static void against_definition(SD_UNUSED void **state) {
    struct merkle_range range = {0};
    struct sha256 root;
    for (size_t i = 0; i < LEAVES; i++) {
        uint8_t data[2] = {(uint8_t)i, (uint8_t)(i >> 8)};
        assert_int_equal(merkle_leaf(span_of(data, sizeof data), &leaves[i]), SD_OK);
        assert_int_equal(merkle_add(&range, &leaves[i]), SD_OK);
        assert_int_equal(merkle_root(&range, &root), SD_OK);
        struct sha256 expected = root_of(leaves, i + 1);
        assert_memory_equal(root.b, expected.b, SHA256_BYTES);
    }
}

static void check_hex(const struct sha256 *hash, json_t *hex) {
    uint8_t expected[SHA256_BYTES];
    assert_int_equal(hex_to_bytes(span_cstr(json_string_value(hex)), expected, sizeof expected), SD_OK);
    assert_memory_equal(hash->b, expected, sizeof expected);
}

static void known_tree(void **state) {
    const char *corpora = *state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/merkle/rfc6962-small-tree.json", corpora ? corpora : "");
    json_t *doc = json_load_file(path, 0, NULL);
    if (!doc) {
        print_message("skipped: no vectors in %s\n", path);
        skip();
    }
    json_t *data = json_object_get(doc, "leaves"), *hashes = json_object_get(doc, "leaf_hashes");
    json_t *roots = json_object_get(doc, "roots_size_0_to_8");
    struct merkle_range range = {0};
    struct sha256 hash;
    assert_int_equal(json_array_size(data), 8);
    for (size_t i = 0; i <= 8; i++) {
        uint8_t bytes[64];
        assert_int_equal(merkle_root(&range, &hash), SD_OK);
        check_hex(&hash, json_array_get(roots, i));
        if (i == 8)
            break;
        struct span hex = span_cstr(json_string_value(json_array_get(data, i)));
        assert_int_equal(hex_to_bytes(hex, bytes, hex.n / 2), SD_OK);
        assert_int_equal(merkle_leaf(span_of(bytes, hex.n / 2), &hash), SD_OK);
        check_hex(&hash, json_array_get(hashes, i));
        assert_int_equal(merkle_add(&range, &hash), SD_OK);
    }
    json_decref(doc);
}

static void too_large(SD_UNUSED void **state) {
    static uint8_t bytes[MERKLE_LEAF_MAX + 1];
    struct sha256 hash;
    assert_int_equal(merkle_leaf(span_of(bytes, MERKLE_LEAF_MAX), &hash), SD_OK);
    assert_int_equal(merkle_leaf(span_of(bytes, sizeof bytes), &hash), SD_ERR_LIMIT);
}

int main(int argc, char **argv) {
    char *corpora = argc > 1 ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_definition),
        cmocka_unit_test_prestate(known_tree, corpora),
        cmocka_unit_test(too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
