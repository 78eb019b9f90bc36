#include "core/cbor.h"
#include "core/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct input {
    uint8_t bytes[64];
    size_t n;
};

static struct reader reader_of_hex(struct input *in, const char *hex) {
    in->n = strlen(hex) / 2;
    assert_int_equal(hex_to_bytes(span_cstr(hex), in->bytes, in->n), SD_OK);
    return reader_of(span_of(in->bytes, in->n));
}

static enum sd_err item(const char *hex) {
    struct input in;
    struct reader r = reader_of_hex(&in, hex);
    struct span s = cbor_item(&r);
    if (r.err == SD_OK && s.n != in.n)
        return SD_ERR_BUG;
    return reader_end(&r);
}

/* RFC 8949 appendix A, of what CTAP2 leaves. */
static void integers(SD_UNUSED void **state) {
    static const struct {
        const char *hex;
        int64_t value;
    } good[] = {{"00", 0},
                {"17", 23},
                {"1818", 24},
                {"18ff", 255},
                {"190100", 256},
                {"1a00010000", 65536},
                {"1b0000000100000000", INT64_C(1) << 32},
                {"1b7fffffffffffffff", INT64_MAX},
                {"20", -1},
                {"3818", -25},
                {"390100", -257},
                {"3b7fffffffffffffff", INT64_MIN}};
    struct input in;
    for (size_t i = 0; i < SD_COUNT(good); i++) {
        struct reader r = reader_of_hex(&in, good[i].hex);
        assert_true(cbor_int(&r) == good[i].value);
        assert_int_equal(reader_end(&r), SD_OK);
    }
    struct reader r = reader_of_hex(&in, "1b8000000000000000");
    assert_int_equal(cbor_int(&r), 0);
    assert_int_equal(reader_end(&r), SD_ERR_LIMIT);
}

static void accepts(SD_UNUSED void **state) {
    static const char *const good[] = {"f4",
                                       "f5",
                                       "f6",
                                       "f7",
                                       "40",
                                       "4401020304",
                                       "60",
                                       "6161",
                                       "62c3bc",
                                       "80",
                                       "83010203",
                                       "a0",
                                       "a201020304",
                                       "a26161016162820203",
                                       "a3000020006161a0",
                                       "818181818180",
                                       "58180102030405060708090a0b0c0d0e0f101112131415161718"};
    for (size_t i = 0; i < SD_COUNT(good); i++)
        assert_int_equal(item(good[i]), SD_OK);
}

static void refuses(SD_UNUSED void **state) {
    static const char *const bad[] = {"", /* nothing */
                                      "1800",
                                      "1817",
                                      "190000",
                                      "1900ff",
                                      "1a0000ffff",
                                      "1b00000000ffffffff",
                                      "3800", /* longer than needed */
                                      "5800",
                                      "5801ff",
                                      "780161",
                                      "9800",
                                      "b800",
                                      "1c",
                                      "1d",
                                      "1e",
                                      "1f", /* reserved, indefinite */
                                      "5f4101ff",
                                      "7f6161ff",
                                      "9f01ff",
                                      "bf0101ff",
                                      "ff",
                                      "c000",
                                      "d81800", /* tags */
                                      "f97e00",
                                      "fa47c35000",
                                      "fb3ff199999999999a",
                                      "e0",
                                      "f0",
                                      "f818",
                                      "f8ff",
                                      "f814", /* floats, other simple values */
                                      "18",
                                      "19",
                                      "1901",
                                      "41",
                                      "6261",
                                      "81",
                                      "8201",
                                      "a1",
                                      "a101",
                                      "5bffffffffffffffff",
                                      "9bffffffffffffffff",
                                      "bbffffffffffffffff", /* short */
                                      "a201000100",
                                      "a202000100",
                                      "a261620061610000",
                                      "a262616100616200",
                                      "a220000000",
                                      "a26161000100", /* order, duplicates */
                                      "a1f400",
                                      "a18000",
                                      "a1a000", /* keys that are no key */
                                      "61ff",
                                      "62c328",
                                      "6180",           /* no UTF-8 */
                                      "81818181818180", /* too deep */
                                      "0000"};          /* left over */
    for (size_t i = 0; i < SD_COUNT(bad); i++)
        assert_int_not_equal(item(bad[i]), SD_OK);
}

static void kinds(SD_UNUSED void **state) {
    struct input in;
    struct reader r = reader_of_hex(&in, "6161");
    assert_int_equal(cbor_bytes(&r).n, 0);
    assert_int_equal(r.err, SD_ERR_PARSE);
    r = reader_of_hex(&in, "4161");
    assert_int_equal(cbor_text(&r).n, 0);
    assert_int_equal(r.err, SD_ERR_PARSE);
    r = reader_of_hex(&in, "80");
    assert_int_equal(cbor_map(&r).left, 0);
    assert_int_equal(r.err, SD_ERR_PARSE);
    r = reader_of_hex(&in, "f5");
    assert_int_equal(cbor_int(&r), 0);
    assert_int_equal(r.err, SD_ERR_PARSE);
}

static void maps(SD_UNUSED void **state) {
    struct input in;
    struct span key;
    struct reader r = reader_of_hex(&in, "a2016161206162");
    struct cbor_map map = cbor_map(&r);
    assert_true(cbor_map_next(&r, &map, &key));
    assert_true(span_eq(key, SPAN("\x01")));
    assert_true(span_eq(cbor_text(&r), SPAN("a")));
    assert_true(cbor_map_next(&r, &map, &key));
    assert_true(span_eq(key, SPAN("\x20")));
    assert_true(span_eq(cbor_text(&r), SPAN("b")));
    assert_false(cbor_map_next(&r, &map, &key));
    assert_int_equal(reader_end(&r), SD_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers), cmocka_unit_test(accepts), cmocka_unit_test(refuses),
        cmocka_unit_test(kinds),    cmocka_unit_test(maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
