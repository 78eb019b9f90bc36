/* Proofs: other people's vectors (read in place), every proof of every small tree, and what a changed one is taken for. */
#include "core/codec.h"
#include "keeper/merkle_proof.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define LEAVES 140
static struct sha256 leaves[LEAVES];
static struct sha256 roots[LEAVES + 1];

static enum sd_err get_node(SD_UNUSED void *arg, unsigned height, uint64_t index, struct sha256 *ret) {
    if (height == 0) {
        assert_true(index < LEAVES);
        *ret = leaves[index];
        return SD_OK;
    }
    struct sha256 left, right;
    assert_int_equal(get_node(NULL, height - 1, 2 * index, &left), SD_OK);
    assert_int_equal(get_node(NULL, height - 1, 2 * index + 1, &right), SD_OK);
    return merkle_node(&left, &right, ret);
}
static const struct merkle_nodes nodes = {.get = get_node};

static int make_tree(SD_UNUSED void **state) {
    struct merkle_range range = {0};
    assert_int_equal(merkle_root(&range, &roots[0]), SD_OK);
    for (size_t i = 0; i < LEAVES; i++) {
        uint8_t data[2] = {(uint8_t)i, (uint8_t)(i >> 8)};
        assert_int_equal(merkle_leaf(span_of(data, sizeof data), &leaves[i]), SD_OK);
        assert_int_equal(merkle_add(&range, &leaves[i]), SD_OK);
        assert_int_equal(merkle_root(&range, &roots[i + 1]), SD_OK);
    }
    return 0;
}

static bool holds(const struct merkle_proof *proof, uint64_t index, uint64_t size) {
    enum proof_verdict verdict;
    assert_int_equal(merkle_check_inclusion(proof, &leaves[index], index, size, &roots[size], &verdict), SD_OK);
    return verdict == PROOF_GOOD;
}

static bool continues(const struct merkle_proof *proof, uint64_t old_size, uint64_t size) {
    enum proof_verdict verdict;
    assert_int_equal(merkle_check_consistency(proof, old_size, &roots[old_size], size, &roots[size], &verdict), SD_OK);
    return verdict == PROOF_GOOD;
}

static void every_inclusion(SD_UNUSED void **state) {
    struct merkle_proof proof;
    for (uint64_t size = 1; size <= LEAVES; size++)
        for (uint64_t index = 0; index < size; index++) {
            assert_int_equal(merkle_prove_inclusion(&nodes, index, size, &proof), SD_OK);
            assert_true(holds(&proof, index, size));
            assert_false(index && holds(&proof, index - 1, size));
            for (size_t i = 0; i < proof.count; i++) {
                proof.hashes[i].b[i % SHA256_BYTES] ^= 1;
                assert_false(holds(&proof, index, size));
                proof.hashes[i].b[i % SHA256_BYTES] ^= 1;
            }
        }
    assert_int_equal(merkle_prove_inclusion(&nodes, 5, 5, &proof), SD_ERR_NOTFOUND);
    assert_int_equal(merkle_prove_inclusion(&nodes, 0, 0, &proof), SD_ERR_NOTFOUND);
}

static void every_consistency(SD_UNUSED void **state) {
    struct merkle_proof proof;
    for (uint64_t size = 1; size <= LEAVES; size++)
        for (uint64_t old_size = 1; old_size <= size; old_size++) {
            assert_int_equal(merkle_prove_consistency(&nodes, old_size, size, &proof), SD_OK);
            assert_true(continues(&proof, old_size, size));
            assert_false(old_size > 1 && continues(&proof, old_size - 1, size));
            for (size_t i = 0; i < proof.count; i++) {
                proof.hashes[i].b[i % SHA256_BYTES] ^= 0x80;
                assert_false(continues(&proof, old_size, size));
                proof.hashes[i].b[i % SHA256_BYTES] ^= 0x80;
            }
            proof.count += proof.count < MERKLE_PROOF_MAX;
            assert_false(continues(&proof, old_size, size));
        }
    assert_int_equal(merkle_prove_consistency(&nodes, 0, 5, &proof), SD_ERR_NOTFOUND);
    assert_int_equal(merkle_prove_consistency(&nodes, 6, 5, &proof), SD_ERR_NOTFOUND);
}

/* ---- vectors ---- */

static struct sha256 hash_of(json_t *value, bool hex) {
    struct sha256 hash = {0};
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(64);
    struct span text = span_cstr(json_string_value(value));
    if (hex)
        assert_int_equal(hex_to_bytes(text, hash.b, SHA256_BYTES), SD_OK);
    else if (text.n && base64_decode(text, &bytes) == SD_OK && bytes.n <= SHA256_BYTES)
        memcpy(hash.b, bytes.p, bytes.n);
    return hash;
}

/* False: a hash of another length, or more of them than any proof has. Roots that are shorter stand for "whatever". */
static bool read_proof(json_t *list, bool hex, struct merkle_proof *ret) {
    size_t i;
    json_t *item;
    *ret = (struct merkle_proof){0};
    if (json_array_size(list) > MERKLE_PROOF_MAX)
        return false;
    json_array_foreach(list, i, item) {
        if (!hex && json_string_length(item) != 44)
            return false;
        ret->hashes[ret->count++] = hash_of(item, hex);
    }
    return true;
}

/* What is above INT64_MAX was read as a real. */
static uint64_t number(json_t *doc, const char *key) {
    json_t *value = json_object_get(doc, key);
    double real = json_real_value(value);
    if (json_is_real(value))
        return real >= 0x1p64 ? UINT64_MAX : (uint64_t)real;
    return (uint64_t)json_integer_value(value);
}

static bool all_hashes_whole(json_t *doc) {
    static const char *const keys[] = {"root", "root1", "root2", "leafHash"};
    for (size_t i = 0; i < SD_COUNT(keys); i++) {
        json_t *value = json_object_get(doc, keys[i]);
        struct buf bytes SD_CLEANUP(buf_free) = buf_new(4096);
        if (value &&
            (base64_decode(span_cstr(json_string_value(value)), &bytes) != SD_OK || bytes.n == 0 || bytes.n > SHA256_BYTES))
            return false;
    }
    return true;
}

static enum proof_verdict judge(json_t *doc) {
    enum proof_verdict verdict = PROOF_BAD;
    struct merkle_proof proof;
    if (!all_hashes_whole(doc) || !read_proof(json_object_get(doc, "proof"), false, &proof))
        return PROOF_BAD;
    struct sha256 root = hash_of(json_object_get(doc, "root"), false), leaf = hash_of(json_object_get(doc, "leafHash"), false);
    struct sha256 root1 = hash_of(json_object_get(doc, "root1"), false), root2 = hash_of(json_object_get(doc, "root2"), false);
    bool parts = json_object_get(doc, "start"), inclusion = json_object_get(doc, "leafIdx");
    struct merkle_part part = {number(doc, "start"), number(doc, "end"), inclusion ? UINT64_MAX : number(doc, "size"),
                               inclusion ? &root : &root1, &root2};
    uint64_t index = number(doc, "leafIdx");
    enum sd_err err = parts && inclusion ? merkle_check_inclusion_in(&proof, &leaf, index, &part, &verdict)
                      : parts            ? merkle_check_part(&proof, &part, &verdict)
                      : inclusion ? merkle_check_inclusion(&proof, &leaf, index, number(doc, "treeSize"), &root, &verdict)
                                  : merkle_check_consistency(&proof, number(doc, "size1"), &root1, number(doc, "size2"), &root2,
                                                             &verdict);
    assert_int_equal(err, SD_OK);
    return verdict;
}

static unsigned judged, wrong;

static int judge_file(const char *path, SD_UNUSED const struct stat *st, int kind, SD_UNUSED struct FTW *ftw) {
    if (kind != FTW_F || !span_ends(span_cstr(path), SPAN(".json")))
        return 0;
    json_t *doc = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(doc);
    bool refused = json_is_true(json_object_get(doc, "wantErr"));
    if ((judge(doc) == PROOF_GOOD) == refused) {
        print_error("%s: %s\n", path, refused ? "taken, and must be refused" : "refused");
        wrong++;
    }
    judged++;
    json_decref(doc);
    return 0;
}

static void vectors(void **state) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/merkle/testdata", *state ? (const char *)*state : "");
    judged = wrong = 0;
    if (nftw(path, judge_file, 16, FTW_PHYS) != 0 || judged == 0) {
        print_message("skipped: no vectors in %s\n", path);
        skip();
    }
    print_message("%u vectors, %u deviations\n", judged, wrong);
    assert_int_equal(wrong, 0);
    assert_int_equal(judged, 518);
}

static json_t *small_leaves;

static enum sd_err get_small(SD_UNUSED void *arg, unsigned height, uint64_t index, struct sha256 *ret) {
    if (height == 0) {
        *ret = hash_of(json_array_get(small_leaves, index), true);
        return SD_OK;
    }
    struct sha256 left, right;
    assert_int_equal(get_small(NULL, height - 1, 2 * index, &left), SD_OK);
    assert_int_equal(get_small(NULL, height - 1, 2 * index + 1, &right), SD_OK);
    return merkle_node(&left, &right, ret);
}

static void same_proof(const struct merkle_proof *proof, json_t *expected) {
    struct merkle_proof known;
    assert_true(read_proof(expected, true, &known));
    assert_int_equal(proof->count, known.count);
    assert_memory_equal(proof->hashes, known.hashes, known.count * sizeof known.hashes[0]);
}

/* The classic tree: what we make is, hash by hash, what the reference makes. */
static void known_proofs(void **state) {
    const struct merkle_nodes small = {.get = get_small};
    char path[4096];
    size_t i;
    json_t *item;
    struct merkle_proof proof;
    (void)snprintf(path, sizeof path, "%s/merkle/rfc6962-small-tree.json", *state ? (const char *)*state : "");
    json_t *doc = json_load_file(path, 0, NULL);
    if (!doc) {
        print_message("skipped: no vectors in %s\n", path);
        skip();
    }
    small_leaves = json_object_get(doc, "leaf_hashes");
    assert_int_equal(json_array_size(json_object_get(doc, "inclusion")), 36);
    json_array_foreach(json_object_get(doc, "inclusion"), i, item) {
        assert_int_equal(merkle_prove_inclusion(&small, number(item, "index"), number(item, "size"), &proof), SD_OK);
        same_proof(&proof, json_object_get(item, "path"));
    }
    assert_int_equal(json_array_size(json_object_get(doc, "consistency")), 36);
    json_array_foreach(json_object_get(doc, "consistency"), i, item) {
        assert_int_equal(merkle_prove_consistency(&small, number(item, "size1"), number(item, "size2"), &proof), SD_OK);
        same_proof(&proof, json_object_get(item, "proof"));
    }
    json_decref(doc);
}

int main(int argc, char **argv) {
    char *corpora = argc > 1 ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_inclusion),
        cmocka_unit_test(every_consistency),
        cmocka_unit_test_prestate(vectors, corpora),
        cmocka_unit_test_prestate(known_proofs, corpora),
    };
    return cmocka_run_group_tests(tests, make_tree, NULL);
}
