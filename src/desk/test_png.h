/* test_png.h - PNG files as the renderer makes them, for tests: one colour, rows filtered in two ways, deflate without
 * compression. */
#ifndef SD_DESK_TEST_PNG_H
#define SD_DESK_TEST_PNG_H

#include "core/buf.h"

/* At most 100 × 100. */
void test_png(struct buf *to, uint32_t width, uint32_t height, const uint8_t colour[3]);

#endif
