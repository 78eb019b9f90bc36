#include "core/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

uint32_t crc32c_by_table(struct span bytes);

/* RFC 3720 §B.4, and the check value of the CRC catalogues. */
static void known_answers(SD_UNUSED void **state) {
    uint8_t bytes[32] = {0};
    assert_int_equal(crc32c(span_of(bytes, 32)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc32c(span_of(bytes, 32)), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(crc32c(span_of(bytes, 32)), 0x46dd794e);
    assert_int_equal(crc32c(SPAN("123456789")), 0xe3069283);
    assert_int_equal(crc32c(SPAN_NONE), 0);
}

static void table_and_instruction_agree_in_pieces(SD_UNUSED void **state) {
    uint8_t bytes[301];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 131 + 7);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        struct span all = span_of(bytes, n);
        uint32_t pieces = crc32c_add(crc32c(span_sub(all, 0, n / 3)), span_from(all, n / 3));
        assert_int_equal(crc32c(all), crc32c_by_table(all));
        assert_int_equal(pieces, crc32c(all));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(table_and_instruction_agree_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
