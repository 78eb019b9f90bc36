/*
 * The picture is the code: its rectangles, painted, give libqrencode's modules inside a white border. tests/system/test_qr.py
 * has it drawn by a browser and read by a scanner: `qr_test TEXT` prints the picture for it.
 */
#include "desk/qr.h"

#include <qrencode.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OTPAUTH                                                                                                                \
    "otpauth://totp/"                                                                                                          \
    "Sealdesk:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Sealdesk&algorithm=SHA1&digits=6"
#define SIDE_MAX 200

static uint8_t painted[SIDE_MAX][SIDE_MAX];

/* "M x y h n v1 h-n z", over and over. */
static void paint(const char *path) {
    int x, y, n, back, used;
    memset(painted, 0, sizeof painted);
    while (sscanf(path, "M%d %dh%dv1h-%dz%n", &x, &y, &n, &back, &used) == 4) {
        assert_true(n > 0 && n == back && x >= 0 && y >= 0 && y < SIDE_MAX && x + n <= SIDE_MAX);
        for (int i = 0; i < n; i++)
            painted[y][x + i]++;
        path += used;
    }
    assert_int_equal(*path, '"');
}

static void check(struct span text) {
    struct buf svg SD_CLEANUP(buf_free) = buf_new(QR_SVG_MAX);
    assert_int_equal(qr_svg(text, &svg), SD_OK);
    buf_byte(&svg, 0);
    const char *path = strstr((const char *)svg.p, "fill=\"#000\" d=\"");
    assert_non_null(path);
    paint(path + strlen("fill=\"#000\" d=\""));
    QRcode *code = QRcode_encodeData((int)text.n, text.p, 0, QR_ECLEVEL_M);
    assert_non_null(code);
    for (int y = 0; y < SIDE_MAX; y++)
        for (int x = 0; x < SIDE_MAX; x++) {
            bool inside = x >= 4 && y >= 4 && x < 4 + code->width && y < 4 + code->width;
            assert_int_equal(painted[y][x], inside ? code->data[(y - 4) * code->width + x - 4] & 1 : 0);
        }
    QRcode_free(code);
}

static void each_module(SD_UNUSED void **state) {
    static uint8_t longest[QR_TEXT_MAX];
    memset(longest, 0xa5, sizeof longest);
    check(SPAN(OTPAUTH));
    check(SPAN("a"));
    check(SPAN("\xc3\xa4\0\xff"));
    check(span_of(longest, sizeof longest));
}

/* One name space, no other address; nothing that loads, runs or styles. */
static void self_contained(SD_UNUSED void **state) {
    static const char *const without[] = {"href", "style", "script", "url(", "<!", "<?", "&", "image"};
    struct buf svg SD_CLEANUP(buf_free) = buf_new(QR_SVG_MAX);
    assert_int_equal(qr_svg(SPAN(OTPAUTH), &svg), SD_OK);
    assert_true(span_starts(buf_span(&svg), SPAN("<svg xmlns=\"http://www.w3.org/2000/svg\" ")));
    assert_true(span_ends(buf_span(&svg), SPAN("</svg>")));
    struct span rest = span_from(buf_span(&svg), strlen("<svg xmlns=\"http://"));
    assert_int_equal(span_search(rest, SPAN("//")), rest.n);
    for (size_t i = 0; i < SD_COUNT(without); i++)
        assert_int_equal(span_search(buf_span(&svg), span_cstr(without[i])), svg.n);
}

static void limits(SD_UNUSED void **state) {
    static const uint8_t text[QR_TEXT_MAX + 1];
    struct buf svg SD_CLEANUP(buf_free) = buf_new(QR_SVG_MAX), small SD_CLEANUP(buf_free) = buf_new(500);
    assert_int_equal(qr_svg(SPAN_NONE, &svg), SD_ERR_LIMIT);
    assert_int_equal(qr_svg(span_of(text, sizeof text), &svg), SD_ERR_LIMIT);
    assert_int_equal(svg.n, 0);
    assert_int_equal(qr_svg(SPAN(OTPAUTH), &small), SD_ERR_LIMIT);
}

static int print(const char *text) {
    struct buf svg SD_CLEANUP(buf_free) = buf_new(QR_SVG_MAX);
    if (qr_svg(span_cstr(text), &svg) != SD_OK)
        return 1;
    return fwrite(svg.p, 1, svg.n, stdout) == svg.n ? 0 : 1;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_module),
        cmocka_unit_test(self_contained),
        cmocka_unit_test(limits),
    };
    return argc > 1 ? print(argv[1]) : cmocka_run_group_tests(tests, NULL, NULL);
}
