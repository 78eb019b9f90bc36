#include "courier/relay.h"

#include <string.h>

static enum sd_err take_host(struct span host, struct relay *relay) {
    if (host.n == 0 || host.n >= sizeof relay->host || !span_is_ascii(host) || span_find(host, ' ') < host.n)
        return SD_ERR_CONFIG;
    memcpy(relay->host, host.p, host.n);
    relay->host[host.n] = 0;
    return SD_OK;
}

enum sd_err relay_parse(struct span text, struct relay *ret) {
    struct relay relay = {.is_set = true};
    text = span_trim(text);
    if (text.n == 0) {
        *ret = (struct relay){0};
        return SD_OK;
    }
    relay.is_unix = span_starts(text, SPAN("unix:"));
    struct span host = span_from(text, relay.is_unix ? 5 : 0);
    if (relay.is_unix && !span_starts(host, SPAN("/")))
        return SD_ERR_CONFIG;
    if (!relay.is_unix) {
        size_t colon = span_rfind(text, ':');
        uint64_t port = 0;
        host = span_sub(text, 0, colon);
        if (span_to_u64(span_from(text, colon + 1), &port) != SD_OK || port == 0 || port > 65535)
            return SD_ERR_CONFIG;
        relay.port = (uint16_t)port;
        bool bracketed = span_starts(host, SPAN("[")) && span_ends(host, SPAN("]"));
        if (bracketed)
            host = span_sub(host, 1, host.n - 2);
        if (!bracketed && span_find(host, ':') < host.n)
            return SD_ERR_CONFIG; /* an IPv6 address needs brackets */
    }
    enum sd_err err = take_host(host, &relay);
    if (err == SD_OK)
        *ret = relay;
    return err;
}
