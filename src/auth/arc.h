/*
 * arc.h - arc_verify() in two steps, so that the judge can send the questions for all keys ahead: arc_collect() reads the sets
 * (arc_sets.c), arc_decide() verifies them (arc_verify.c). A message without ARC fields costs a look at its fields' names.
 */
#ifndef SD_AUTH_ARC_H
#define SD_AUTH_ARC_H

#include "auth/dkim_check.h"
#include "auth/dns_memo.h"

#define ARC_MAX_FIELDS ((size_t)3 * ARC_MAX_INSTANCE) /* beyond it the chain fails and nothing is read or asked */

/* One instance while it is checked. */
struct arc_link {
    const struct mail_field *results;   /* ARC-Authentication-Results */
    struct span results_body;           /* behind "i=N;" */
    const struct mail_field *signature; /* ARC-Message-Signature */
    struct dkim_candidate seal;         /* ARC-Seal */
};

struct arc_candidates {
    const struct mail_message *message;
    struct arc_link *links;       /* links[0] is instance 1 */
    size_t count;                 /* 0: nothing is left to decide */
    struct dkim_candidate newest; /* the ARC-Message-Signature of the last link; only this one is verified (§5.2 step 4) */
    struct arc_verdict verdict;   /* as far as the fields alone decide it */
};

enum sd_err arc_collect(const struct mail_message *message, int64_t now_unix_ms, struct arena *arena,
                        struct arc_candidates *ret) SD_MUST_CHECK;
/* Sends the questions for all keys. */
void arc_ahead(const struct arc_candidates *candidates, struct dns_memo *memo);
enum sd_err arc_decide(const struct arc_candidates *candidates, const struct dns_source *dns, struct deadline deadline,
                       struct arena *arena, struct arc_verdict *ret) SD_MUST_CHECK;

#endif
