/* smtp_ehlo.h - what a server offers, out of its answer to EHLO (RFC 5321 §4.1.1.1). */
#ifndef SD_COURIER_SMTP_EHLO_H
#define SD_COURIER_SMTP_EHLO_H

#include "courier/reply.h"

struct smtp_offers {
    bool starttls, pipelining, eight_bit, size;
    uint64_t size_max; /* 0: it names no maximum (RFC 1870 §4) */
};

struct smtp_offers smtp_read_offers(const struct smtp_reply *reply);

#endif
