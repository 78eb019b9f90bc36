/*
 * question.h - one question as the dns process knows it: a name that a DNS message can hold, in lower case, and a type.
 *
 * Names come from mail: every byte but the dot is a byte of a label (RFC 2181 §11), so a backslash in one is a backslash.
 */
#ifndef SD_DNS_QUESTION_H
#define SD_DNS_QUESTION_H

#include "auth/dns.h"

#define QUESTION_NAME_BYTES 253 /* RFC 1035 §2.3.4: 255 octets on the wire, less the first length and the root */
#define QUESTION_LABEL_BYTES 63
#define QUESTION_TEXT_BYTES (QUESTION_NAME_BYTES * 4 + 2) /* each byte as \DDD, a final dot, NUL */

struct question {
    uint16_t type;
    uint16_t name_bytes;
    uint8_t name[QUESTION_NAME_BYTES]; /* lower case; no final dot */
};

/* SD_ERR_PARSE: no such name can exist (empty or overlong label, too long). SD_ERR_UNSUPPORTED: a type that nobody here asks.
 */
enum sd_err question_make(struct span name, uint16_t type, struct question *ret) SD_MUST_CHECK;

/* The name in presentation form (RFC 4343 §2.1), absolute and NUL-terminated, for libunbound. */
void question_text(const struct question *question, char text[QUESTION_TEXT_BYTES]);

/* From presentation form, as libunbound names the end of a CNAME chain. SD_ERR_PARSE. */
enum sd_err question_from_text(const char *text, uint16_t type, struct question *ret) SD_MUST_CHECK;

bool question_same(const struct question *a, const struct question *b);

#endif
