/* judge.h - the parts of the judgement among themselves: what a message claims (claims.c), what follows (disposition.c). */
#ifndef SD_AUTH_JUDGE_H
#define SD_AUTH_JUDGE_H

#include "auth/auth.h"

/* What the message says about itself. */
struct claims {
    struct mail_address from; /* empty when there is no single author */
    struct span from_domain;  /* its A-label form; empty when it is no domain */
    bool is_own;              /* some From names an own domain or one below it */
    bool is_protected;        /* the same for a protected one */
    bool has_signature;       /* a DKIM-Signature field */
    uint64_t signals;
};
enum sd_err claims_read(const struct mail_message *message, const struct auth_policy *policy, struct arena *arena,
                        struct claims *ret) SD_MUST_CHECK;

/* upstream.c: what our own MTA in front of us says, in its topmost Authentication-Results. */
struct upstream {
    bool connected;                 /* it is the one that hands the message over: SPF and iprev of this hop say nothing */
    const struct mail_field *field; /* the one that is believed; NULL: it wrote none that can be read */
    struct spf_verdict spf;
    struct iprev_verdict iprev;
    const struct dkim_verdict *dkim; /* signatures it found good */
    size_t dkim_count;
};
enum sd_err upstream_read(const struct auth_envelope *envelope, const struct mail_message *message,
                          const struct auth_policy *policy, struct arena *arena, struct upstream *ret) SD_MUST_CHECK;

/* override.c: does somebody whom the administrator listed explain the failure? kind NONE when not. */
enum sd_err override_find(const struct auth_envelope *envelope, const struct auth_judgement *judgement, struct span from_domain,
                          const struct auth_policy *policy, struct arena *arena, struct auth_override *ret) SD_MUST_CHECK;

/* Whether there is a failure that an override could explain. */
bool disposition_needs_override(const struct auth_judgement *judgement);
/* Fills trust, trust_domain, trust_sentence, the own-domain signal, weight, disposition, its reason and smtp_reply. The checks'
 * verdicts and the override are in judgement already. */
enum sd_err disposition_decide(const struct claims *claims, bool has_message, const struct auth_policy *policy,
                               struct arena *arena, struct auth_judgement *judgement) SD_MUST_CHECK;

#endif
