/* dkim_verify.h - dkim_verify() in two steps, so that the judge can send the questions for all keys ahead. */
#ifndef SD_AUTH_DKIM_VERIFY_H
#define SD_AUTH_DKIM_VERIFY_H

#include "auth/dkim_check.h"

struct dkim_candidates {
    const struct mail_message *message;
    struct dkim_candidate items[DKIM_MAX_SIGNATURES];
    size_t count;
};

enum sd_err dkim_collect(const struct mail_message *message, int64_t now_unix_ms, struct arena *arena,
                         struct dkim_candidates *ret) SD_MUST_CHECK;
enum sd_err dkim_decide(const struct dkim_candidates *candidates, const struct dns_source *dns, struct deadline deadline,
                        struct arena *arena, const struct dkim_verdict **ret, size_t *ret_count) SD_MUST_CHECK;

/*
 * What a signature covers that somebody else verified: what every one here with its d= (and s=, when that is known) leaves
 * open, together. With l=, or when it is not among them, it counts as partial: nobody knows what it covered.
 */
enum sd_err dkim_cover(const struct dkim_candidates *candidates, struct dkim_verdict *found) SD_MUST_CHECK;

#endif
