#include "core/network.h"

#include <arpa/inet.h>
#include <string.h>

#define MAPPED_BITS 96

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool ip_is_v4(const uint8_t ip[16]) {
    return memcmp(ip, mapped, sizeof mapped) == 0;
}

void ip_of_record(struct span rdata, uint8_t ret[16]) {
    size_t n = rdata.n == 4 ? 4 : 16;
    memcpy(ret, mapped, sizeof mapped);
    memcpy(ret + 16 - n, rdata.p, n);
}

/* *ret_first_bit: where a prefix is counted from. */
static enum sd_err parse_ip(struct span text, uint8_t ip[16], unsigned *ret_first_bit) {
    char copy[IP_TEXT_BYTES];
    if (text.n >= sizeof copy || span_find(text, 0) < text.n)
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

enum sd_err ip_parse(struct span text, uint8_t ret[16]) {
    uint8_t ip[16];
    unsigned first;
    enum sd_err err = parse_ip(text, ip, &first);
    if (err == SD_OK)
        memcpy(ret, ip, sizeof ip);
    return err;
}

const char *ip_text(const uint8_t ip[16], char to[IP_TEXT_BYTES]) {
    bool is_v4 = ip_is_v4(ip);
    (void)inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? ip + sizeof mapped : ip, to, IP_TEXT_BYTES); /* always fits */
    return to;
}

static bool bit_at(const uint8_t ip[16], unsigned bit) {
    return ip[bit / 8] >> (7 - bit % 8) & 1;
}

enum sd_err network_parse(struct span text, struct network *ret) {
    struct network network;
    size_t slash = span_find(text, '/');
    unsigned first = 0;
    uint64_t bits = 0;
    if (parse_ip(span_sub(text, 0, slash), network.base, &first) != SD_OK)
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
