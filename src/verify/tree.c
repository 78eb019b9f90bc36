/* tree.c - RFC 9162 §2.1: hashes, the tree, proofs. And what all files need to read numbers and bytes. */
#include "verify/verify.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* RFC 9162 §2.1.1: a record and a node can never be taken for each other. */
#define RECORD_PREFIX 0x00
#define NODE_PREFIX 0x01

/* ---- reading ---- */

bool take(struct text *rest, struct text what) {
    if (rest->n < what.n || memcmp(rest->p, what.p, what.n) != 0)
        return false;
    *rest = (struct text){rest->p + what.n, rest->n - what.n};
    return true;
}

bool take_number(struct text *rest, uint64_t *ret) {
    uint64_t number = 0;
    size_t n = 0;
    while (n < rest->n && n < 19 && rest->p[n] >= '0' && rest->p[n] <= '9')
        number = 10 * number + (uint64_t)(rest->p[n++] - '0');
    bool more = n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9';
    if (n == 0 || more || (n > 1 && rest->p[0] == '0') || number > INT64_MAX)
        return false;
    *rest = (struct text){rest->p + n, rest->n - n};
    *ret = number;
    return true;
}

bool take_until(struct text *rest, char end, struct text *ret) {
    const char *at = rest->n ? memchr(rest->p, end, rest->n) : NULL;
    if (!at)
        return false;
    size_t n = (size_t)(at - rest->p);
    *ret = (struct text){rest->p, n};
    *rest = (struct text){at + 1, rest->n - n - 1};
    return true;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool from_hex(struct text text, uint8_t *to, size_t n) {
    if (text.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(text.p[2 * i]), low = hex_digit(text.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        to[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static int base64_digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* RFC 4648 §4, and nothing that is only nearly it: one text for each value. */
bool from_base64(struct text text, uint8_t *to, size_t n) {
    size_t padding = (3 - n % 3) % 3;
    if (text.n != (n + 2) / 3 * 4)
        return false;
    uint32_t bits = 0;
    for (size_t i = 0, out = 0; i < text.n; i++) {
        bool pad = i + padding >= text.n;
        int digit = pad ? (text.p[i] == '=' ? 0 : -1) : base64_digit(text.p[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        for (int shift = 16; i % 4 == 3 && shift >= 0; shift -= 8) {
            uint8_t byte = (uint8_t)(bits >> shift);
            if (out < n)
                to[out++] = byte;
            else if (byte) /* bits that no byte needs */
                return false;
        }
    }
    return true;
}

/* ---- hashes ---- */

/* Without SHA-256 nothing can be said: no verdict at all rather than a wrong one. */
struct hash hash_of(const void *p, size_t n) {
    static EVP_MD *sha256;
    static EVP_MD_CTX *context;
    struct hash hash;
    if (!context) {
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
        context = EVP_MD_CTX_new();
    }
    if (!sha256 || !context || EVP_DigestInit_ex2(context, sha256, NULL) != 1 || EVP_DigestUpdate(context, p, n) != 1 ||
        EVP_DigestFinal_ex(context, hash.b, NULL) != 1) {
        (void)fprintf(stderr, "sealdesk-verify: SHA-256 cannot be computed here\n");
        exit(2);
    }
    return hash;
}

#define RECORD_MAX 16384

struct hash hash_of_record(struct text record) {
    uint8_t bytes[1 + RECORD_MAX];
    size_t n = record.n < RECORD_MAX ? record.n : RECORD_MAX; /* lines are never longer: export.c */
    bytes[0] = RECORD_PREFIX;
    memcpy(bytes + 1, record.p, n);
    return hash_of(bytes, n + 1);
}

static struct hash node(const struct hash *left, const struct hash *right) {
    uint8_t bytes[1 + 2 * HASH_BYTES];
    bytes[0] = NODE_PREFIX;
    memcpy(bytes + 1, left->b, HASH_BYTES);
    memcpy(bytes + 1 + HASH_BYTES, right->b, HASH_BYTES);
    return hash_of(bytes, sizeof bytes);
}

bool same_hash(const struct hash *a, const struct hash *b) {
    return memcmp(a->b, b->b, HASH_BYTES) == 0;
}

/* ---- the tree ---- */

unsigned peaks_of(uint64_t size) {
    return (unsigned)__builtin_popcountll(size);
}

void tree_add(struct tree *tree, const struct hash *leaf) {
    struct hash hash = *leaf;
    unsigned peaks = peaks_of(tree->size);
    for (uint64_t size = tree->size; size & 1; size >>= 1) /* two perfect subtrees of one height become one */
        hash = node(&tree->peaks[--peaks], &hash);
    tree->peaks[peaks] = hash;
    tree->size++;
}

struct hash tree_root(const struct tree *tree) {
    unsigned peaks = peaks_of(tree->size);
    if (peaks == 0)
        return hash_of("", 0);
    struct hash hash = tree->peaks[--peaks];
    while (peaks)
        hash = node(&tree->peaks[--peaks], &hash);
    return hash;
}

/* ---- proofs ---- */

/* RFC 9162 §2.1.3.2. */
bool proof_of_record(const struct proof *proof, const struct hash *leaf, uint64_t index, uint64_t size,
                     const struct hash *root) {
    if (index >= size)
        return false;
    uint64_t fn = index, sn = size - 1;
    struct hash r = *leaf;
    for (size_t i = 0; i < proof->count; i++, fn >>= 1, sn >>= 1) {
        if (sn == 0)
            return false;
        if (!(fn & 1) && fn != sn) {
            r = node(&r, &proof->hashes[i]);
            continue;
        }
        r = node(&proof->hashes[i], &r);
        for (; !(fn & 1) && fn; fn >>= 1)
            sn >>= 1;
    }
    return sn == 0 && same_hash(&r, root);
}

/* RFC 9162 §2.1.4.2. */
bool proof_of_continuation(const struct proof *proof, uint64_t old_size, const struct hash *old_root, uint64_t size,
                           const struct hash *root) {
    if (old_size == 0 || old_size > size)
        return false;
    if (old_size == size)
        return proof->count == 0 && same_hash(old_root, root);
    bool power_of_two = (old_size & (old_size - 1)) == 0;
    uint64_t fn = old_size - 1, sn = size - 1;
    for (; fn & 1; fn >>= 1)
        sn >>= 1;
    if (proof->count == 0)
        return false;
    struct hash fr = power_of_two ? *old_root : proof->hashes[0], sr = fr;
    for (size_t i = power_of_two ? 0 : 1; i < proof->count; i++, fn >>= 1, sn >>= 1) {
        const struct hash *c = &proof->hashes[i];
        if (sn == 0)
            return false;
        if (!(fn & 1) && fn != sn) {
            sr = node(&sr, c);
            continue;
        }
        fr = node(c, &fr);
        sr = node(c, &sr);
        for (; !(fn & 1) && fn; fn >>= 1)
            sn >>= 1;
    }
    return sn == 0 && same_hash(&fr, old_root) && same_hash(&sr, root);
}
