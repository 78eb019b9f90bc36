/* results.h - the Authentication-Results field (RFC 8601): ours to write, others' that pretend to be ours to cut. */
#ifndef SD_AUTH_RESULTS_H
#define SD_AUTH_RESULTS_H

#include "auth/auth.h"

/* The authserv-id of a field's body, unquoted; SD_ERR_PARSE when it cannot be read in one way only. */
enum sd_err results_authserv_id(struct span body, struct arena *arena, struct span *ret) SD_MUST_CHECK;
/* Does a field with this body carry our id in any spelling, or is it unreadable and names it somewhere? */
bool results_claims(struct span body, struct span authserv_id, struct arena *arena);
/* The one field that is believed although it is not ours. */
struct results_believed {
    struct span id;                 /* of our MTA in front; empty: there is none */
    const struct mail_field *field; /* NULL: none */
};
/* The fields to cut: all that carry our id, and all that carry the believed id but the believed field itself (RFC 8601 §5). */
enum sd_err results_cuts(const struct mail_header *header, struct span authserv_id, const struct results_believed *believed,
                         struct arena *arena, const struct span **ret, size_t *ret_count) SD_MUST_CHECK;
/* Our field, with CRLF. Nothing in it that a stranger chose can be read as more than one value. */
void results_write(const struct auth_judgement *judgement, const struct auth_envelope *envelope, struct span authserv_id,
                   bool has_message, struct buf *to);

#endif
