/*
 * pixel_pdf.h - a PDF of pictures and nothing else: no text, no fonts, no links, no scripts. The PNG files are those that the
 * renderer makes (cards_preview_v1): RGB, 8 bits, not interlaced, one IDAT chunk; its bytes become an image stream as they are,
 * because PNG's filters are what PDF calls predictor 15 (ISO 32000-1 §7.4.4.4). Pure: no I/O.
 */
#ifndef SD_DESK_PIXEL_PDF_H
#define SD_DESK_PIXEL_PDF_H

#include "core/buf.h"

#define PIXEL_PDF_PAGES_MAX 500
#define PIXEL_PDF_SIDE_POINTS 842 /* of each page's longer side: A4 */

/* pages: blobs, a PNG file each. SD_ERR_PARSE for other PNG files than those, SD_ERR_LIMIT for more pages; then `to` has
 * something in it that is no PDF. */
enum sd_err pixel_pdf(struct span pages, struct buf *to) SD_MUST_CHECK;

#endif
