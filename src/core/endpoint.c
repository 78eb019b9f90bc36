#include "core/endpoint.h"

static enum sd_err take_text(struct span text, struct endpoint *to) {
    if (text.n == 0 || text.n >= sizeof to->host || !span_is_ascii(text) || span_find(text, ' ') < text.n)
        return SD_ERR_CONFIG;
    memcpy(to->host, text.p, text.n);
    to->host[text.n] = 0;
    return SD_OK;
}

static enum sd_err take_host_and_port(struct span text, struct endpoint *to) {
    size_t colon = span_rfind(text, ':');
    struct span host = span_sub(text, 0, colon);
    uint64_t port = 0;
    if (span_to_u64(span_from(text, colon + 1), &port) != SD_OK || port == 0 || port > UINT16_MAX)
        return SD_ERR_CONFIG;
    to->port = (uint16_t)port;
    bool bracketed = span_starts(host, SPAN("[")) && span_ends(host, SPAN("]"));
    if (!bracketed && span_find(host, ':') < host.n)
        return SD_ERR_CONFIG; /* an IPv6 address needs brackets */
    return take_text(bracketed ? span_sub(host, 1, host.n - 2) : host, to);
}

enum sd_err endpoint_parse(struct span text, struct endpoint *ret) {
    struct endpoint endpoint = {0};
    enum sd_err err = SD_OK;
    text = span_trim(text);
    struct span rest = span_from(text, 4);
    if (text.n == 0) {
        endpoint.kind = ENDPOINT_NONE;
    } else if (span_starts(text, SPAN("tcp:")) || span_starts(text, SPAN("tls:"))) {
        endpoint.kind = text.p[1] == 'c' ? ENDPOINT_TCP : ENDPOINT_TLS;
        err = take_host_and_port(rest, &endpoint);
    } else if (span_starts(text, SPAN("unix:/"))) {
        endpoint.kind = ENDPOINT_UNIX;
        err = take_text(span_from(text, 5), &endpoint);
    } else {
        err = SD_ERR_CONFIG;
    }
    if (err == SD_OK)
        *ret = endpoint;
    return err;
}
