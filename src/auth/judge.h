/* judge.h - the parts of the judgement among themselves: what a message claims (claims.c), what follows (disposition.c). */
#ifndef SD_AUTH_JUDGE_H
#define SD_AUTH_JUDGE_H

#include "auth/auth.h"

/* What the message says about itself. */
struct claims {
    struct mail_address from; /* empty when there is no single author */
    struct span from_domain;  /* its A-label form; empty when it is no domain */
    bool is_own;              /* some From names an own domain or one below it */
    bool has_signature;       /* a DKIM-Signature field */
    uint64_t signals;
};
enum sd_err claims_read(const struct mail_message *message, const struct auth_policy *policy, struct arena *arena,
                        struct claims *ret) SD_MUST_CHECK;

/* Fills trust, trust_domain, trust_sentence, the own-domain signal, disposition, its reason and smtp_reply. The checks'
 * verdicts are in judgement already. */
enum sd_err disposition_decide(const struct claims *claims, bool has_message, struct arena *arena,
                               struct auth_judgement *judgement) SD_MUST_CHECK;

#endif
