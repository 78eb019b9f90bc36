/*
 * png.h - writes one PNG file, row by row: RGB, 8 bits, not interlaced, one IDAT chunk, nothing else (W3C PNG, third edition).
 *
 * Memory: three rows and what zlib takes. Call begin, row as often as the page is high, end; free whenever.
 */
#ifndef SD_RENDER_PNG_H
#define SD_RENDER_PNG_H

#include "core/buf.h"

struct png;
/* Appends to `to`, which outlives it. Sides 1 to 4000. */
enum sd_err png_begin(uint32_t width, uint32_t height, struct buf *to, struct png **ret) SD_MUST_CHECK;
enum sd_err png_row(struct png *png, struct span rgb) SD_MUST_CHECK; /* width * 3 bytes */
enum sd_err png_end(struct png *png) SD_MUST_CHECK;
void png_free(struct png **png);

#endif
