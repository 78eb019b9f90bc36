/* network.h - addresses and networks in one form: 16 bytes, IPv4 mapped into ::ffff:0:0/96. */
#ifndef SD_CORE_NETWORK_H
#define SD_CORE_NETWORK_H

#include "core/span.h"

struct network {
    uint8_t base[16];
    uint8_t bits; /* of the 128 */
};

/* "192.0.2.7", "10.0.0.0/8", "2001:db8::/32". SD_ERR_PARSE: none of these, or bits set behind the prefix. */
enum sd_err network_parse(struct span text, struct network *ret) SD_MUST_CHECK;
bool network_has(const struct network *network, const uint8_t ip[16]);

#endif
