/*
 * auth.h - who sent a message: SPF, DKIM and DMARC evaluated together, the trust line, the disposition, and the
 * Authentication-Results field. One call per message; all memory in the caller's arena; sequential, by deadline.
 *
 * Unknown is not clean: a check that could not be made (DNS failure) is temperror, and the judgement says tempfail or review.
 */
#ifndef SD_AUTH_AUTH_H
#define SD_AUTH_AUTH_H

#include "auth/dns.h"
#include "mail/mail.h"

/* RFC 8601 §2.7 words. The zero value says that nothing was established. */
#define AUTH_RESULT_LIST(X)                                                                                                    \
    X(NONE, "none")                                                                                                            \
    X(PASS, "pass")                                                                                                            \
    X(FAIL, "fail")                                                                                                            \
    X(SOFTFAIL, "softfail")                                                                                                    \
    X(NEUTRAL, "neutral")                                                                                                      \
    X(POLICY, "policy")                                                                                                        \
    X(TEMPERROR, "temperror")                                                                                                  \
    X(PERMERROR, "permerror")

enum auth_result {
#define X(name, text) AUTH_##name,
    AUTH_RESULT_LIST(X)
#undef X
};
const char *auth_result_text(enum auth_result result);

/* SMTP facts; spans borrowed. */
struct auth_envelope {
    uint8_t ip[16]; /* IPv6, or IPv4-mapped ::ffff:a.b.c.d */
    struct span helo;
    struct span mail_from;   /* without brackets; empty for <> */
    struct span tls_version; /* empty: the hop was not encrypted */
    int64_t received_unix_ms;
};

enum spf_identity { SPF_NO_IDENTITY, SPF_MAILFROM, SPF_HELO };
struct spf_verdict {
    enum auth_result result;
    struct span domain;
    enum spf_identity identity;
    struct span explanation; /* exp= of a fail, ASCII; empty when none */
    struct span reason;      /* why permerror or temperror, ours; for people */
};

struct dkim_verdict {
    enum auth_result result;
    struct span domain;    /* d=, lower case */
    struct span selector;  /* s= */
    const char *algorithm; /* "rsa-sha256", "ed25519-sha256" or "unknown" */
    unsigned bits;
    bool partial;          /* l= leaves a tail unsigned */
    bool repeated;         /* a signed field that may occur once has a further, unsigned occurrence */
    bool subject_unsigned; /* h= leaves out a Subject that the message has */
    struct span reason;
};

enum dmarc_policy { DMARC_NO_POLICY, DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE, DMARC_POLICY_REJECT };
const char *dmarc_policy_text(enum dmarc_policy policy);
struct dmarc_verdict {
    enum auth_result result;   /* none: no record; pass, fail, temperror, permerror */
    enum dmarc_policy policy;  /* published, that applies to this From domain */
    enum dmarc_policy applied; /* the same after t=y (RFC 9989 §4.7), or none when the result is not fail */
    struct span domain;        /* of the record */
    struct span org_domain;    /* of the From domain */
    bool spf_aligned;          /* SPF passed for an aligned domain */
    bool dkim_aligned;
    struct span reason;
};

/* Stable ids, plain sentence, weight. */
#define AUTH_SIGNAL_LIST(X)                                                                                                    \
    X(LOOKALIKE_OWN, "lookalike-own", "The sender's domain looks like one of your own but is not.")                            \
    X(OWN_DOMAIN, "own-domain", "The message claims to come from your own domain and was not sent by you.")                    \
    X(DISPLAY_ADDRESS, "display-address", "The sender's display name contains another e-mail address.")                        \
    X(REPLY_TO_ELSEWHERE, "reply-to-elsewhere", "Answers would go to another domain than the sender's.")

enum auth_signal {
#define X(name, id, sentence) AUTH_SIGNAL_##name,
    AUTH_SIGNAL_LIST(X)
#undef X
        AUTH_SIGNAL_COUNT
};
const char *auth_signal_id(enum auth_signal signal);
const char *auth_signal_sentence(enum auth_signal signal);

enum trust_level { TRUST_FAILED = 0, TRUST_UNVERIFIED = 1, TRUST_VERIFIED = 2 };
const char *trust_level_text(enum trust_level level); /* "failed", "unverified", "verified" */

/* design.md vocabulary; zero holds. */
#define DISPOSITION_LIST(X)                                                                                                    \
    X(TEMPFAIL, "tempfail")                                                                                                    \
    X(REJECT, "reject")                                                                                                        \
    X(QUARANTINE, "quarantine")                                                                                                \
    X(REVIEW, "review")                                                                                                        \
    X(FLAG, "flag")                                                                                                            \
    X(ACCEPT, "accept")
enum disposition {
#define X(name, text) DISPOSITION_##name,
    DISPOSITION_LIST(X)
#undef X
};
const char *disposition_text(enum disposition disposition);

struct auth_policy {
    struct span authserv_id;        /* our host name, RFC 8601 §2.5 */
    const struct span *own_domains; /* lower-case A-labels */
    size_t own_domain_count;
    struct deadline deadline;
    bool psl_org_domain; /* RFC 7489's public-suffix organisational domain instead of RFC 9989's tree walk */
};

struct auth_judgement {
    struct spf_verdict spf;
    struct spf_verdict spf_helo;
    const struct dkim_verdict *dkim;
    size_t dkim_count;
    struct dmarc_verdict dmarc;
    struct mail_address from; /* empty when there is no single author */
    enum trust_level trust;
    struct span trust_domain;   /* the verified domain, or the claimed one */
    struct span trust_sentence; /* "Verified: example.com" / "Not verified: claims to be example.com" */
    uint32_t signals;           /* bits 1 << enum auth_signal */
    mail_ambiguities ambiguities;
    enum disposition disposition;
    struct span smtp_reply;         /* the line the edge answers with after DATA when it refuses, else "250 2.0.0 …" */
    struct span disposition_reason; /* one sentence */
    struct span results_field;      /* our Authentication-Results field with CRLF, folded, to be put on top */
    /* Byte ranges of the message to cut: Authentication-Results fields that carry our authserv-id (RFC 8601 §5). */
    const struct span *cuts; /* spans into the message */
    size_t cut_count;
};

/*
 * Judges a parsed message; message NULL judges the envelope alone (SPF; then dkim and dmarc are none). Errors are ours only.
 */
enum sd_err auth_judge(const struct auth_envelope *envelope, const struct mail_message *message,
                       const struct auth_policy *policy, const struct dns_source *dns, struct arena *arena,
                       struct auth_judgement *ret) SD_MUST_CHECK;

/* What decoding showed after the sender was judged: it is held after all, and not verified, as if it had been known before. */
enum sd_err auth_found_later(struct auth_judgement *judgement, mail_ambiguities found, struct arena *arena) SD_MUST_CHECK;

/*
 * {"spf":…,"dkim":[…],"dmarc":…,"from":…,"ambiguities":[…],"signals":[…],"trust":…,"disposition":…,"smtp_reply":…} in the
 * shapes of docs/openapi.yaml and sealdesk-verify's output: spf{result,domain,identity,explanation},
 * dkim[{result,domain,selector,algorithm,bits,reason}],
 * dmarc{result,policy,domain,org_domain,disposition,spf_aligned,dkim_aligned, reason}, from{address,domain,display},
 * ambiguities[id…], signals[{id,sentence}], trust{level,domain,sentence}.
 */
void auth_judgement_json(const struct auth_judgement *judgement, struct buf *to);

/* Parts of it, for head cards: {"spf","dkim","dmarc"}; [{"id","sentence"}…]; [id…]. */
void auth_checks_json(const struct auth_judgement *judgement, struct buf *to);
void auth_signals_json(const struct auth_judgement *judgement, struct buf *to);
void auth_ambiguities_json(const struct auth_judgement *judgement, struct buf *to);

/* ---- pieces, each in its own file ---- */

/* RFC 7208 check_host() for one identity. */
enum sd_err spf_check(const uint8_t ip[16], struct span domain, struct span sender, struct span helo, struct span receiver,
                      const struct dns_source *dns, struct deadline deadline, struct arena *arena,
                      struct spf_verdict *ret) SD_MUST_CHECK;

/*
 * RFC 9989 (psl_org_domain: RFC 7489) for one Author Domain, an A-label or U-label. A DKIM pass counts that is neither partial
 * nor repeated. temperror: an answer is missing without which neither pass nor fail can be said.
 */
struct dmarc_question {
    struct span from_domain;
    const struct spf_verdict *spf; /* of the MAIL FROM identity; NULL: none */
    const struct dkim_verdict *dkim;
    size_t dkim_count;
    bool psl_org_domain;
};
enum sd_err dmarc_check(const struct dmarc_question *question, const struct dns_source *dns, struct deadline deadline,
                        struct arena *arena, struct dmarc_verdict *ret) SD_MUST_CHECK;

/* RFC 6376 §6 with RFC 8301 and 8463: every DKIM-Signature field, at most DKIM_MAX_SIGNATURES of them. now: for x= and t=. */
#define DKIM_MAX_SIGNATURES 8
enum sd_err dkim_verify(const struct mail_message *message, int64_t now_unix_ms, const struct dns_source *dns,
                        struct deadline deadline, struct arena *arena, const struct dkim_verdict **ret,
                        size_t *ret_count) SD_MUST_CHECK;

struct signer;
struct dkim_sign_key {
    struct span domain;
    struct span selector;
    const struct signer *signer; /* crypt.h */
    bool is_ed25519;
};
/*
 * One DKIM-Signature field (with CRLF) for a finished message, to be put on top of it: c=relaxed/relaxed, oversigned From, To,
 * Cc, Subject, Date, Message-ID, Reply-To, In-Reply-To, References, MIME-Version, Content-Type, Content-Transfer-Encoding,
 * Auto-Submitted. Only splits the header; parses nothing else.
 */
enum sd_err dkim_sign(struct span message, const struct dkim_sign_key *key, int64_t now_unix_ms, struct buf *to) SD_MUST_CHECK;

#endif
