/* codec.h - hexadecimal and base64 (RFC 4648). Strict decoders: nothing that is not the encoding is skipped. */
#ifndef SD_CORE_CODEC_H
#define SD_CORE_CODEC_H

#include "core/buf.h"

void put_hex(struct buf *b, struct span s); /* lower case */
/* Exactly n bytes from 2n digits of either case. */
enum sd_err hex_to_bytes(struct span hex, uint8_t *to, size_t n) SD_MUST_CHECK;

void put_base64(struct buf *b, struct span s);    /* with padding, one line */
void put_base64url(struct buf *b, struct span s); /* RFC 4648 §5, no padding */
/* Appends the decoded bytes. Padding required (base64) or absent (base64url); trailing bits must be zero. */
enum sd_err base64_decode(struct span s, struct buf *to) SD_MUST_CHECK;
enum sd_err base64url_decode(struct span s, struct buf *to) SD_MUST_CHECK;
void put_base32(struct buf *b, struct span s); /* no padding, upper case: otpauth secrets */

#endif
