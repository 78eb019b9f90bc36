#include "keeper/totp.h"

#include <string.h>

enum sd_err totp_code(struct span secret, uint64_t step, unsigned digits, uint32_t *ret) {
    uint8_t counter[8], mac[20];
    for (unsigned i = 0; i < 8; i++)
        counter[i] = (uint8_t)(step >> (56 - 8 * i));
    enum sd_err err = crypt_hmac_sha1(secret, span_of(counter, sizeof counter), mac);
    if (err)
        return err;
    unsigned at = mac[19] & 15;
    uint32_t value = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 | (uint32_t)mac[at + 2] << 8 | mac[at + 3];
    explicit_bzero(mac, sizeof mac);
    *ret = value % (digits == 8 ? 100000000 : 1000000);
    return SD_OK;
}

/* The digits as an app shows them: "123456" or "123 456". Any other text becomes empty. */
static struct span digits_of(struct span typed, char to[TOTP_DIGITS]) {
    bool spaced = typed.n == TOTP_DIGITS + 1 && typed.p[3] == ' ';
    if (!spaced && typed.n != TOTP_DIGITS)
        return SPAN_NONE;
    for (size_t i = 0, n = 0; i < typed.n; i++) {
        if (spaced && i == 3)
            continue;
        if (typed.p[i] < '0' || typed.p[i] > '9')
            return SPAN_NONE;
        to[n++] = (char)typed.p[i];
    }
    return span_of(to, TOTP_DIGITS);
}

/* Compared as text, in constant time. */
static enum sd_err is_code(struct span secret, uint64_t step, struct span typed, bool *ret) {
    char code[TOTP_DIGITS];
    uint32_t value = 0;
    enum sd_err err = totp_code(secret, step, TOTP_DIGITS, &value);
    if (err)
        return err;
    for (size_t i = TOTP_DIGITS; i > 0; i--, value /= 10)
        code[i - 1] = (char)('0' + value % 10);
    *ret = span_eq_secret(span_of(code, sizeof code), typed);
    explicit_bzero(code, sizeof code);
    return SD_OK;
}

enum sd_err totp_check(struct span secret, struct span typed, int64_t now_unix_ms, struct totp_used *used,
                       enum totp_verdict *ret) {
    char text[TOTP_DIGITS];
    struct span digits = digits_of(typed, text);
    if (secret.n < TOTP_SECRET_LEAST)
        return SD_ERR_BUG;
    uint64_t now = now_unix_ms < 0 ? 0 : (uint64_t)now_unix_ms / 1000 / TOTP_STEP_S, good = 0;
    uint64_t last = used->last > now + TOTP_AHEAD_STEPS ? now - (now > 0) : used->last;
    /* RFC 6238 §5.2: one step back for the delay of typing. Step 0, half a minute of 1970, is none: `last` starts with it. */
    for (uint64_t step = now; step + 2 > now && step > 0; step--) {
        bool same = false;
        enum sd_err err = is_code(secret, step, digits, &same);
        if (err)
            return err;
        if (same && step > last && good == 0) /* §5.2: not a second time; and nothing older than what was used */
            good = step;
    }
    explicit_bzero(text, sizeof text);
    if (good)
        used->last = good;
    *ret = good ? TOTP_GOOD : TOTP_REFUSED;
    return SD_OK;
}
