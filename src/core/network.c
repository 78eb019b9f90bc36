#include "core/network.h"

#include <arpa/inet.h>
#include <string.h>

#define MAPPED_BITS 96
#define ADDRESS_TEXT_MAX 45 /* the longest IPv6 address, with dots */

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static enum sd_err parse_address(struct span text, uint8_t ip[16], unsigned *ret_first_bit) {
    char copy[ADDRESS_TEXT_MAX + 1];
    if (text.n > ADDRESS_TEXT_MAX || span_find(text, 0) < text.n)
        return SD_ERR_PARSE;
    memcpy(copy, text.n ? (const char *)text.p : "", text.n);
    copy[text.n] = 0;
    memcpy(ip, mapped, sizeof mapped);
    *ret_first_bit = MAPPED_BITS;
    if (inet_pton(AF_INET, copy, ip + sizeof mapped) == 1)
        return SD_OK;
    *ret_first_bit = 0;
    return inet_pton(AF_INET6, copy, ip) == 1 ? SD_OK : SD_ERR_PARSE;
}

static bool bit_at(const uint8_t ip[16], unsigned bit) {
    return ip[bit / 8] >> (7 - bit % 8) & 1;
}

enum sd_err network_parse(struct span text, struct network *ret) {
    struct network network;
    size_t slash = span_find(text, '/');
    unsigned first = 0;
    uint64_t bits = 0;
    if (parse_address(span_sub(text, 0, slash), network.base, &first) != SD_OK)
        return SD_ERR_PARSE;
    if (slash < text.n && (span_to_u64(span_from(text, slash + 1), &bits) != SD_OK || bits > 128 - first))
        return SD_ERR_PARSE;
    network.bits = slash < text.n ? (uint8_t)(first + bits) : 128;
    for (unsigned bit = network.bits; bit < 128; bit++)
        if (bit_at(network.base, bit))
            return SD_ERR_PARSE;
    *ret = network;
    return SD_OK;
}

bool network_has(const struct network *network, const uint8_t ip[16]) {
    for (unsigned bit = 0; bit < network->bits; bit++)
        if (bit_at(network->base, bit) != bit_at(ip, bit))
            return false;
    return true;
}
