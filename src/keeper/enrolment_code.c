#include "keeper/enrolment_code.h"

#define CODE_BYTES 5 /* 40 bits: eight characters, two groups of four */

/* Crockford's alphabet: no I, L, O, U, which are taken for others. */
static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum sd_err enrolment_code_make(struct keeper *k, struct buf *to, struct sha256 *ret_hmac) {
    uint8_t raw[CODE_BYTES];
    uint64_t bits = 0;
    random_bytes(raw, sizeof raw);
    for (size_t i = 0; i < sizeof raw; i++)
        bits = bits << 8 | raw[i];
    for (int shift = 35; shift >= 0; shift -= 5) {
        buf_byte(to, (uint8_t)alphabet[bits >> shift & 31]);
        if (shift == 20)
            buf_byte(to, '-');
    }
    enum sd_err err = buf_err(to);
    return err ? err : enrolment_code_hmac(k, buf_span(to), ret_hmac);
}

static uint8_t as_meant(uint8_t c) {
    uint8_t upper = c >= 'a' && c <= 'z' ? (uint8_t)(c - 0x20) : c;
    return upper == 'O' ? '0' : upper == 'I' || upper == 'L' ? '1' : upper;
}

enum sd_err enrolment_code_hmac(struct keeper *k, struct span typed, struct sha256 *ret) {
    struct buf plain SD_CLEANUP(buf_free) = buf_new(64);
    for (size_t i = 0; i < typed.n && i < plain.max; i++)
        if (typed.p[i] != '-' && typed.p[i] != ' ')
            buf_byte(&plain, as_meant(typed.p[i]));
    enum sd_err err = buf_err(&plain);
    return err ? err : vault_hmac(&k->vault, "enrolment", buf_span(&plain), ret);
}
