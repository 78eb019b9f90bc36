#include "desk/qr.h"

#include <errno.h>
#include <qrencode.h>
#include <string.h>

#define QUIET_ZONE 4 /* modules, ISO/IEC 18004 §6.3.8 */

static void code_free(QRcode **code) {
    if (*code)
        explicit_bzero((*code)->data, (size_t)(*code)->width * (size_t)(*code)->width);
    QRcode_free(*code);
    *code = NULL;
}

static bool is_black(const QRcode *code, int x, int y) {
    return x < code->width && (code->data[y * code->width + x] & 1);
}

/* Each run of black modules in a row as one rectangle. */
static void put_row(struct buf *to, const QRcode *code, int y) {
    for (int x = 0; x < code->width;) {
        int n = 0;
        while (is_black(code, x + n, y))
            n++;
        if (n)
            buf_printf(to, "M%d %dh%dv1h-%dz", x + QUIET_ZONE, y + QUIET_ZONE, n, n);
        x += n + 1;
    }
}

static void put_svg(struct buf *to, const QRcode *code) {
    int side = code->width + 2 * QUIET_ZONE;
    buf_printf(to,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\" role=\"img\" "
               "aria-label=\"QR code\"><path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path fill=\"#000\" d=\"",
               side, side, side, side);
    for (int y = 0; y < code->width; y++)
        put_row(to, code, y);
    buf_text(to, "\"/></svg>");
}

enum sd_err qr_svg(struct span text, struct buf *to) {
    if (text.n == 0 || text.n > QR_TEXT_MAX)
        return SD_ERR_LIMIT;
    QRcode *code SD_CLEANUP(code_free) = QRcode_encodeData((int)text.n, text.p, 0, QR_ECLEVEL_M);
    if (!code)
        return errno == ENOMEM ? SD_ERR_NOMEM : SD_ERR_BUG;
    put_svg(to, code);
    return buf_err(to);
}
