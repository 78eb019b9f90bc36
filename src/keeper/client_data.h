/*
 * client_data.h - clientDataJSON, strictly: what WebAuthn Level 3 §5.8.1.1 says a browser writes. The members type, challenge
 * and origin come first, in this order, and then any others, each at most once; no white space, no byte order mark, no escapes
 * in a name of this level nor in a value that is compared. So there is one way to read it. No I/O.
 */
#ifndef SD_KEEPER_CLIENT_DATA_H
#define SD_KEEPER_CLIENT_DATA_H

#include "core/span.h"

#define CLIENT_DATA_MAX 4096 /* bytes; browsers send 100 to 300, one with all members under 1000 */
#define CLIENT_DATA_MEMBERS_MAX 16
#define CLIENT_DATA_DEPTH_MAX 6 /* of members that nobody reads */

/* Raw text between the quotes, borrowed from the JSON. */
struct client_data {
    struct span type, challenge, origin;
    bool cross_origin; /* false as well when it is not there: Safari leaves it out (§5.8.1: OPTIONAL) */
    bool has_top_origin, has_token_binding;
};

/* SD_ERR_PARSE, SD_ERR_LIMIT. */
enum sd_err client_data_read(struct span json, struct client_data *ret) SD_MUST_CHECK;

#endif
