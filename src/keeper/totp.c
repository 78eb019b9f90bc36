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

/* Marks step as used; false when it was, or is older than what is remembered. */
static bool use_step(struct totp_used *used, uint64_t step) {
    if (step > used->last) {
        *used = (struct totp_used){step, used->last == step - 1};
        return true;
    }
    if (step + 1 == used->last && !used->before_last) {
        used->before_last = true;
        return true;
    }
    return false;
}

enum sd_err totp_check(struct span secret, struct span typed, int64_t now_unix_ms, struct totp_used *used,
                       enum totp_verdict *ret) {
    uint64_t now = now_unix_ms < 0 ? 0 : (uint64_t)now_unix_ms / 1000 / TOTP_STEP_S, number = 0;
    bool readable = typed.n == TOTP_DIGITS && span_to_u64(typed, &number) == SD_OK;
    enum totp_verdict verdict = TOTP_REFUSED;
    struct totp_used after = *used;
    for (uint64_t step = now; step + 2 > now; step--) { /* RFC 6238 §5.2: one step back for the delay of typing */
        uint32_t code;
        enum sd_err err = totp_code(secret, step, TOTP_DIGITS, &code);
        if (err)
            return err;
        if (readable && code == number && verdict == TOTP_REFUSED && use_step(&after, step))
            verdict = TOTP_GOOD;
        if (step == 0)
            break;
    }
    if (verdict == TOTP_GOOD)
        *used = after;
    *ret = verdict;
    return SD_OK;
}
