/* relay.h - courier.relay: HOST:PORT, [V6]:PORT or unix:/path takes all mail. */
#ifndef SD_COURIER_RELAY_H
#define SD_COURIER_RELAY_H

#include "core/span.h"

struct relay {
    bool is_set, is_unix;
    char host[256]; /* name or address; or the path */
    uint16_t port;
};

/* Empty text: not set. SD_ERR_CONFIG. */
enum sd_err relay_parse(struct span text, struct relay *ret) SD_MUST_CHECK;

#endif
