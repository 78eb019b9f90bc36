/* network.h - addresses and networks in one form: 16 bytes, IPv4 mapped into ::ffff:0:0/96. */
#ifndef SD_CORE_NETWORK_H
#define SD_CORE_NETWORK_H

#include "core/span.h"

bool ip_is_v4(const uint8_t ip[16]);
/* Of an A or AAAA record's data: 4 or 16 bytes. */
void ip_of_record(struct span rdata, uint8_t ret[16]);
/* SD_ERR_PARSE: neither "192.0.2.7" nor "2001:db8::7". */
enum sd_err ip_parse(struct span text, uint8_t ret[16]) SD_MUST_CHECK;
/* Back to text, as inet_ntop(3) writes it; IPv4 without the mapping. Returns `to`. */
#define IP_TEXT_BYTES 46
const char *ip_text(const uint8_t ip[16], char to[IP_TEXT_BYTES]);

struct network {
    uint8_t base[16];
    uint8_t bits; /* of the 128 */
};

/* "192.0.2.7", "10.0.0.0/8", "2001:db8::/32". SD_ERR_PARSE: none of these, or bits set behind the prefix. */
enum sd_err network_parse(struct span text, struct network *ret) SD_MUST_CHECK;
bool network_has(const struct network *network, const uint8_t ip[16]);

#endif
