/*
 * auth.h - who sent a message: SPF, DKIM, DMARC, ARC and iprev evaluated together, impersonation signals, the trust line, the
 * disposition, and the Authentication-Results field. One call per message; all memory in the caller's arena; sequential, by
 * deadline.
 *
 * Unknown is not clean: a check that could not be made (DNS failure) is temperror, and the judgement says tempfail or review.
 */
#ifndef SD_AUTH_AUTH_H
#define SD_AUTH_AUTH_H

#include "auth/dns.h"
#include "auth/policy.h"
#include "core/network.h"
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
    struct span mail_from; /* without brackets; empty for <> */
    struct span tls;       /* "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty: the hop was not encrypted */
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
    bool answers_unsigned; /* the same for Reply-To: whoever passed it on may have put it there */
    bool format_unsigned;  /* the same for Content-Type or Content-Transfer-Encoding: how the signed bytes are read */
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
    uint32_t signatures; /* bits 1 << index of the DKIM verdicts that are aligned passes */
    struct span reason;
};

/* RFC 8617 §5.2, advisory: none (no ARC fields), pass, fail, temperror (a key could not be asked for). */
#define ARC_MAX_INSTANCE 50 /* RFC 8617 §4.2.1 */
struct arc_set {
    struct span sealer;  /* d= of its ARC-Seal, lower case */
    struct span results; /* its ARC-Authentication-Results behind "i=N;": an Authentication-Results body (RFC 8617 §4.1.1) */
};
struct arc_verdict {
    enum auth_result result;
    unsigned instance;  /* the highest; 0 when there is none */
    struct span domain; /* of the newest seal */
    struct span reason; /* why not pass; for people */
    /* The newest message signature leaves From, a tail of the body (l=), or a further occurrence of a field that may occur once
     * unsigned: the chain may pass, and yet proves nothing about this author and text. */
    bool partial;
    /* Only of a pass: sets[0] is instance 1. */
    const struct arc_set *sets;
    size_t set_count;
};

/* RFC 8601 §2.7.3: the address has a name that has the address. fail, permerror (no name), temperror. */
struct iprev_verdict {
    enum auth_result result;
    struct span name; /* the confirmed name; empty unless pass */
};

/* Why a failure was not held against the message. */
#define AUTH_OVERRIDE_LIST(X)                                                                                                  \
    X(NONE, "none")                                                                                                            \
    X(TRUSTED_SEALER, "trusted-sealer") /* an ARC chain of listed sealers says that it passed on arrival there */              \
    X(FORWARDER, "forwarder")           /* the connection came from a listed forwarder */
enum auth_override_kind {
#define X(name, text) AUTH_OVERRIDE_##name,
    AUTH_OVERRIDE_LIST(X)
#undef X
};
struct auth_override {
    enum auth_override_kind kind;
    struct span by;     /* the sealer's domain, the forwarder's entry in the list */
    struct span reason; /* one sentence */
};
const char *auth_override_text(enum auth_override_kind kind);

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

/* A name that only its owner may carry as a sender: a brand, an executive. */
struct protected_name {
    struct span name;    /* UTF-8 */
    struct span address; /* whose it is, lower case; empty: anybody's at an own domain */
};
struct auth_policy {
    struct span authserv_id;        /* our host name, RFC 8601 §2.5 */
    const struct span *own_domains; /* lower-case A-labels, as all domains here */
    size_t own_domain_count;
    const struct span *protected_domains; /* nobody may imitate these either, but they are not ours */
    size_t protected_domain_count;
    const struct protected_name *protected_names;
    size_t protected_name_count;
    const struct protected_set *guarded; /* own and protected domains and names, comparable: auth_policy_prepare() */
    const struct span *trusted_sealers;  /* empty by default: no ARC chain lifts anything */
    size_t trusted_sealer_count;
    const struct span *forwarders; /* networks, or host names that iprev must confirm (the name or one below it) */
    size_t forwarder_count;
    const struct span *refused_senders; /* addresses or domains */
    size_t refused_sender_count;
    /* Our own MTA in front of us: its topmost Authentication-Results is believed when it is the one connected. */
    struct span upstream_id; /* empty: there is none */
    const struct network *upstream_addresses;
    size_t upstream_address_count;
    uint16_t weights[AUTH_SIGNAL_COUNT];
    uint32_t flag_at, review_at; /* the sum of weights from which on */
    struct deadline deadline;
    bool psl_org_domain; /* RFC 7489's public-suffix organisational domain instead of RFC 9989's tree walk */
};

/* Default weights and thresholds, empty lists; authserv_id, own domains and deadline are the caller's to fill in. */
#define POLICY_FLAG_AT 30
#define POLICY_REVIEW_AT 100
struct auth_policy auth_policy_default(void);
/* Makes comparable, once, what nobody may imitate, when the lists are filled in. Without it every letter pays for that. */
enum sd_err auth_policy_prepare(struct auth_policy *policy, struct arena *arena) SD_MUST_CHECK;

struct auth_judgement {
    struct spf_verdict spf;
    struct spf_verdict spf_helo;
    const struct dkim_verdict *dkim;
    size_t dkim_count;
    struct dmarc_verdict dmarc;
    struct arc_verdict arc;
    struct iprev_verdict iprev;
    bool upstream;   /* spf and iprev are what our own MTA in front said */
    struct span tls; /* of the inbound hop; empty: in clear */
    struct auth_override override;
    struct mail_address from; /* empty when there is no single author */
    enum trust_level trust;
    struct span trust_domain;   /* the verified domain, or the claimed one */
    struct span trust_sentence; /* "Verified: example.com" / "Not verified: claims to be example.com" */
    uint64_t signals;           /* bits 1 << enum auth_signal */
    uint32_t weight;            /* their weights together */
    struct span spam_sentence;  /* what the spam filter said of it: instead of that signal's own; empty: it was not asked */
    mail_ambiguities ambiguities;
    enum disposition disposition;
    struct span smtp_reply;         /* the line the edge answers with after DATA when it refuses, else "250 2.0.0 …" */
    struct span disposition_reason; /* one sentence */
    struct span results_field;      /* our Authentication-Results field with CRLF, folded, to be put on top */
    /* Byte ranges of the message to cut: Authentication-Results fields that carry our authserv-id, or that of our MTA in front
     * when it is not the one connected (RFC 8601 §5). */
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
enum sd_err auth_found_later(struct auth_judgement *judgement, mail_ambiguities found, const struct auth_policy *policy,
                             struct arena *arena) SD_MUST_CHECK;

/*
 * Found in the letter's content after the sender was judged (a link that shows one domain and leads to another): adds the
 * signal and its weight, and holds or flags what now weighs enough.
 */
void auth_signal_later(struct auth_judgement *judgement, enum auth_signal signal, const struct auth_policy *policy);

/*
 * As docs/openapi.yaml and sealdesk-verify's output have it: spf{result,domain,identity,explanation,reason}, spf_helo,
 * dkim[{result, domain,selector,algorithm,bits,partial,repeated,reason}],
 * dmarc{result,policy,domain,org_domain,disposition,spf_aligned,dkim_aligned, reason}, arc{result,instance,domain,reason},
 * iprev{result,name}, tls{version,cipher}|null, upstream, override{kind,by,reason}|null, from{address,domain,display},
 * ambiguities[id…], signals[{id,sentence,weight}], trust{level,domain,sentence}, disposition, disposition_reason, smtp_reply.
 * weights: of the policy it was judged by.
 */
void auth_judgement_json(const struct auth_judgement *judgement, const uint16_t weights[AUTH_SIGNAL_COUNT], struct buf *to);

/* Parts of it, for head cards: {"spf","dkim","dmarc","arc","iprev","tls","upstream","override"}; [{"id","sentence","weight"}…];
 * [id…]. */
void auth_checks_json(const struct auth_judgement *judgement, struct buf *to);
void auth_signals_json(const struct auth_judgement *judgement, const uint16_t weights[AUTH_SIGNAL_COUNT], struct buf *to);
void auth_ambiguities_json(const struct auth_judgement *judgement, struct buf *to);

/*
 * By what the keeper will know this correspondent again (contact.c). It keeps none of it, only keyed hashes.
 * looks: strings that two domains share when one could be taken for the other; at most CONTACT_LOOKS_MAX of CONTACT_KEY_MAX
 * bytes.
 */
#define CONTACT_LOOKS_MAX 48
#define CONTACT_KEY_MAX 128
struct auth_contact {
    struct span domain; /* organisational domain of the author, lower-case A-label; empty: no single author */
    struct span name; /* the display name made comparable: folded, without accents and punctuation, words sorted; empty when it
                         is not at least two words */
    const struct span *looks;
    size_t look_count;
    const struct span *people; /* To and Cc without our own domains, lower case; at most 50 */
    size_t people_count;
};
enum sd_err auth_contact_make(const struct mail_message *message, const struct auth_judgement *judgement,
                              const struct auth_policy *policy, struct arena *arena, struct auth_contact *ret) SD_MUST_CHECK;

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

/* RFC 8617 §5.2: the whole chain, every seal and the newest message signature. now: as for DKIM. */
enum sd_err arc_verify(const struct mail_message *message, int64_t now_unix_ms, const struct dns_source *dns,
                       struct deadline deadline, struct arena *arena, struct arc_verdict *ret) SD_MUST_CHECK;

/* RFC 8601 §2.7.3. */
enum sd_err iprev_check(const uint8_t ip[16], const struct dns_source *dns, struct deadline deadline, struct arena *arena,
                        struct iprev_verdict *ret) SD_MUST_CHECK;

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
