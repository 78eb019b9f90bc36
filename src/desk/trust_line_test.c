/* The trust line: each part said in words, and nothing said that is not known. */
#include "desk/trust_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SINCE 1772409600000 /* 2026-03-02 */
#define DOT " \xc2\xb7 "
#define VERIFIED                                                                                                               \
    { (const uint8_t *)"Verified: bank.example", 22 }
#define CLAIMS                                                                                                                 \
    { (const uint8_t *)"Not verified: claims to be bank.example", 39 }

static void lines_read_as_people_do(SD_UNUSED void **state) {
    static const struct {
        struct trust_line line;
        const char *want;
    } cases[] = {
        {{VERIFIED, ACQUAINTANCE_KNOWN, 14, SINCE, HOP_ENCRYPTED, {(const uint8_t *)"TLSv1.3", 7}},
         "Verified: bank.example" DOT "known since 2026-03-02, 14 messages" DOT "TLS 1.3"},
        {{CLAIMS, ACQUAINTANCE_FIRST, 0, 0, HOP_CLEAR, {NULL, 0}},
         "Not verified: claims to be bank.example" DOT "first contact" DOT "in clear"},
        {{VERIFIED, ACQUAINTANCE_KNOWN, 1, SINCE, HOP_ENCRYPTED, {(const uint8_t *)"TLSv1", 5}},
         "Verified: bank.example" DOT "known since 2026-03-02, 1 message" DOT "TLS 1"},
        {{VERIFIED, ACQUAINTANCE_NOTHING, 0, 0, HOP_NOT_SAID, {NULL, 0}}, "Verified: bank.example"},
        {{VERIFIED, ACQUAINTANCE_NOTHING, 9, SINCE, HOP_ENCRYPTED, {NULL, 0}}, "Verified: bank.example" DOT "encrypted"},
        {{VERIFIED, ACQUAINTANCE_NOTHING, 0, 0, HOP_RELAYED, {(const uint8_t *)"TLSv1.3", 7}},
         "Verified: bank.example" DOT "through your own mail server"},
        {{VERIFIED, ACQUAINTANCE_NOTHING, 0, 0, HOP_ENCRYPTED, {(const uint8_t *)"SSLv3", 5}},
         "Verified: bank.example" DOT "SSLv3"},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct buf text SD_CLEANUP(buf_free) = buf_new(1024);
        trust_line_put(&text, &cases[i].line);
        buf_byte(&text, 0);
        assert_int_equal(buf_err(&text), SD_OK);
        assert_string_equal((const char *)text.p, cases[i].want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_read_as_people_do)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
