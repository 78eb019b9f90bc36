/*
 * qr.h - a QR code (ISO/IEC 18004) as an SVG picture: for the otpauth: text that an authenticator app scans. The picture needs
 * nothing from outside, carries no script or style, and is black on white with a quiet zone on any background.
 *
 * The text is a secret: whoever has the picture has it. `to` wipes itself, and the code's modules are wiped here; libqrencode's
 * own copies of the text are freed and not wiped, in a process that leaves no core dump.
 */
#ifndef SD_DESK_QR_H
#define SD_DESK_QR_H

#include "core/buf.h"

#define QR_TEXT_MAX 1024 /* bytes: what the keeper's otpauth may have; a version 24 code, at which cameras still get it */
#define QR_SVG_MAX (160 * 1024) /* of so long a text; of an otpauth of 120 bytes it is 12 KB */

/* Appends "<svg …>…</svg>". SD_ERR_LIMIT: no text, or too long. */
enum sd_err qr_svg(struct span text, struct buf *to) SD_MUST_CHECK;

#endif
