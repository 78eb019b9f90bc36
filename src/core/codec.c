#include "core/codec.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char base32_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void put_hex(struct buf *b, struct span s) {
    static const char digits[] = "0123456789abcdef";
    uint8_t *p = buf_reserve(b, 2 * s.n);
    if (!p)
        return;
    for (size_t i = 0; i < s.n; i++) {
        p[2 * i] = (uint8_t)digits[s.p[i] >> 4];
        p[2 * i + 1] = (uint8_t)digits[s.p[i] & 15];
    }
    buf_grew(b, 2 * s.n);
}

static int hex_value(uint8_t c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum sd_err hex_to_bytes(struct span hex, uint8_t *to, size_t n) {
    if (hex.n != 2 * n)
        return SD_ERR_PARSE;
    for (size_t i = 0; i < hex.n; i++)
        if (hex_value(hex.p[i]) < 0)
            return SD_ERR_PARSE;
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(hex_value(hex.p[2 * i]) << 4 | hex_value(hex.p[2 * i + 1]));
    return SD_OK;
}

/* Bits of s in groups of bits_per_digit, most significant first. */
static void put_digits(struct buf *b, struct span s, const char *digits, unsigned bits_per_digit) {
    uint32_t held = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < s.n; i++) {
        held = held << 8 | s.p[i];
        bits += 8;
        while (bits >= bits_per_digit) {
            bits -= bits_per_digit;
            buf_byte(b, (uint8_t)digits[held >> bits & ((1u << bits_per_digit) - 1)]);
        }
        held &= (1u << bits) - 1;
    }
    if (bits)
        buf_byte(b, (uint8_t)digits[held << (bits_per_digit - bits) & ((1u << bits_per_digit) - 1)]);
}

void put_base64(struct buf *b, struct span s) {
    put_digits(b, s, base64_digits, 6);
    buf_fill(b, '=', (3 - s.n % 3) % 3);
}

void put_base64url(struct buf *b, struct span s) {
    put_digits(b, s, base64url_digits, 6);
}

void put_base32(struct buf *b, struct span s) {
    put_digits(b, s, base32_digits, 5);
}

/* One more than the value of a letter or digit, the same in both alphabets. A table, because keys and hashes are random: tests
 * of ranges would be mispredicted at every other character. */
static const uint8_t common_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,  ['I'] = 9,
    ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18,
    ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27,
    ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
    ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45,
    ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54,
    ['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62};

static int digit_value(const char *digits, uint8_t c) {
    if (common_values[c])
        return common_values[c] - 1;
    return c == (uint8_t)digits[62] ? 62 : c == (uint8_t)digits[63] ? 63 : -1;
}

static enum sd_err decode_digits(struct span s, const char *digits, struct buf *to) {
    uint32_t held = 0;
    unsigned bits = 0;
    size_t n = 0;
    if (s.n % 4 == 1)
        return SD_ERR_PARSE;
    uint8_t *p = buf_reserve(to, s.n / 4 * 3 + s.n % 4 * 6 / 8);
    for (size_t i = 0; p && i < s.n; i++) {
        int value = digit_value(digits, s.p[i]);
        if (value < 0)
            return SD_ERR_PARSE;
        held = (held << 6 | (uint32_t)value) & 0xffffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            p[n++] = (uint8_t)(held >> bits);
        }
    }
    if (held & ((1u << bits) - 1))
        return SD_ERR_PARSE;
    if (p)
        buf_grew(to, n);
    return buf_err(to);
}

enum sd_err base64_decode(struct span s, struct buf *to) {
    if (s.n % 4)
        return SD_ERR_PARSE;
    size_t padding = 0;
    while (padding < 2 && padding < s.n && s.p[s.n - 1 - padding] == '=')
        padding++;
    return decode_digits(span_sub(s, 0, s.n - padding), base64_digits, to);
}

enum sd_err base64url_decode(struct span s, struct buf *to) {
    return decode_digits(s, base64url_digits, to);
}
