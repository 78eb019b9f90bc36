/*
 * From verdicts to a decision. RFC 9989 §7.4: p=reject alone never refuses; a refusal needs SPF's own -all and no signature at
 * all beside it. Unknown is not clean: what the DNS did not answer is put off, not waved through.
 */
#include "auth/idn.h"
#include "auth/judge.h"
#include "auth/name.h"

struct facts {
    const struct auth_judgement *j;
    const struct auth_policy *policy;
    bool has_signature;
    bool aligned;      /* SPF or DKIM passed for the author's domain */
    bool own_forged;   /* an own domain is claimed and nothing proves it */
    bool is_protected; /* a protected domain is claimed */
    bool overridden;   /* somebody listed explains the failure */
    bool undecided;
    bool front_undecided; /* and asking again would not help: our MTA in front has taken it and says that it does not know */
    bool severe;
};

static bool front_undecided(const struct facts *f) {
    return f->front_undecided;
}

static bool own_undecided(const struct facts *f) {
    return f->own_forged && f->undecided;
}

static bool own_forged(const struct facts *f) {
    return f->own_forged;
}

static bool refused_sender(const struct facts *f) {
    return f->j->signals >> AUTH_SIGNAL_REFUSED_SENDER & 1;
}

static bool undecided(const struct facts *f) {
    return f->undecided;
}

/* What our own MTA in front has taken must not be refused any more: its bounce would go to whoever was imitated. */
static bool fails_reject_policy(const struct facts *f) {
    return f->j->dmarc.result == AUTH_FAIL && f->j->dmarc.applied == DMARC_POLICY_REJECT && !f->overridden && !f->j->upstream;
}

static bool protected_forged(const struct facts *f) {
    return fails_reject_policy(f) && f->is_protected;
}

static bool fails_everything(const struct facts *f) {
    return fails_reject_policy(f) && f->j->spf.result == AUTH_FAIL && !f->has_signature;
}

static bool severe(const struct facts *f) {
    return f->severe;
}

static bool no_author(const struct facts *f) {
    return f->j->dmarc.result == AUTH_PERMERROR;
}

static bool fails_policy(const struct facts *f) {
    enum dmarc_policy held = f->is_protected ? DMARC_NO_POLICY : DMARC_POLICY_QUARANTINE;
    return f->j->dmarc.result == AUTH_FAIL && f->j->dmarc.applied >= held && !f->overridden;
}

static bool spf_alone_fails(const struct auth_judgement *j) {
    return j->spf.result == AUTH_FAIL && j->dmarc.result == AUTH_NONE && !j->dmarc.spf_aligned && !j->dmarc.dkim_aligned;
}

static bool fails_spf_alone(const struct facts *f) {
    return spf_alone_fails(f->j) && !f->overridden;
}

static bool weighs(uint32_t weight, uint32_t limit) {
    return weight > 0 && weight >= limit;
}

static bool weighs_review(const struct facts *f) {
    return weighs(f->j->weight, f->policy->review_at);
}

static bool fails_without_policy(const struct facts *f) {
    return f->j->dmarc.result == AUTH_FAIL && !f->overridden;
}

static bool weighs_flag(const struct facts *f) {
    return weighs(f->j->weight, f->policy->flag_at);
}

static bool explained(const struct facts *f) {
    return f->overridden;
}

static bool always(const struct facts *f) {
    (void)f;
    return true;
}

#define REPLY_ACCEPTED "250 2.0.0 accepted"
#define REASON_SEVERE "Mail programs may read this message in different ways."

/* The first rule that applies decides; the strictest come first. */
static const struct rule {
    bool (*applies)(const struct facts *);
    enum disposition disposition;
    const char *reply;  /* %s is the author's domain; NULL: accepted */
    const char *reason; /* NULL: the sentence of the heaviest signal, or the override's */
} rules[] = {
    {front_undecided, DISPOSITION_REVIEW, NULL,
     "Your MTA in front could not check the sender, or wrote nothing that can be read."},
    {own_undecided, DISPOSITION_TEMPFAIL, "451 4.7.0 The sender cannot be checked now, try again later",
     "It claims to come from one of your own domains and the DNS did not answer."},
    {own_forged, DISPOSITION_REJECT, "550 5.7.1 Mail from %s must be authenticated; our own domain is refused from outside",
     "It claims to come from one of your own domains and was not sent by you."},
    {refused_sender, DISPOSITION_REJECT, "550 5.7.1 Mail from %s is not accepted here",
     "The sender is on your list of refused senders."},
    {undecided, DISPOSITION_TEMPFAIL, "451 4.7.0 The sender cannot be checked now, try again later",
     "The DNS did not answer, so nobody can say yet who sent it."},
    {protected_forged, DISPOSITION_REJECT, "550 5.7.26 Rejected by the DMARC policy of %s, which is protected here",
     "It fails the DMARC policy of a domain that you protect, which asks for refusal."},
    {fails_everything, DISPOSITION_REJECT,
     "550 5.7.26 Rejected by the DMARC policy of %s: SPF fails and there is no DKIM signature",
     "The claimed domain asks for refusal, its SPF forbids the sending address, and there is no signature."},
    {severe, DISPOSITION_REVIEW, NULL, REASON_SEVERE},
    {no_author, DISPOSITION_REVIEW, NULL, "It does not name one author with a domain."},
    {fails_policy, DISPOSITION_REVIEW, NULL, "It fails the DMARC policy of the domain it claims."},
    {fails_spf_alone, DISPOSITION_REVIEW, NULL, "The sending address is forbidden by the envelope sender's SPF record."},
    {weighs_review, DISPOSITION_REVIEW, NULL, NULL},
    {fails_without_policy, DISPOSITION_FLAG, NULL, "It fails DMARC; the claimed domain asks for no action."},
    {weighs_flag, DISPOSITION_FLAG, NULL, NULL},
    {explained, DISPOSITION_ACCEPT, NULL, NULL},
    {always, DISPOSITION_ACCEPT, NULL, "Nothing speaks against it."},
};

static bool is_aligned(const struct auth_judgement *j, size_t signature) {
    return signature < 32 && j->dmarc.signatures >> signature & 1;
}

/* What people read first, and where their answer would go. */
static bool covers_shown(const struct auth_judgement *j) {
    for (size_t i = 0; i < j->dkim_count; i++) {
        const struct dkim_verdict *v = &j->dkim[i];
        if (is_aligned(j, i) && !v->subject_unsigned && !v->answers_unsigned)
            return true;
    }
    return false;
}

static bool is_exact(const struct auth_judgement *j, struct span from_domain) {
    for (size_t i = 0; i < j->dkim_count; i++)
        if (is_aligned(j, i) && span_ieq(j->dkim[i].domain, from_domain))
            return true;
    return j->dmarc.spf_aligned && span_ieq(j->spf.domain, from_domain);
}

/*
 * A public suffix (a top level, co.uk, a hoster that gives names away) that publishes a DMARC record without psd=y becomes
 * everybody's organisational domain by the letter of RFC 9989; that is DMARC's pass, but a neighbour below it proves nobody.
 */
static bool proves_one(const struct auth_judgement *j, struct span from_domain, struct arena *arena) {
    return is_exact(j, from_domain) || (name_labels(j->dmarc.org_domain) >= 2 && !psl_is_suffix(j->dmarc.org_domain, arena));
}

static enum trust_level trust_of(const struct facts *f, const struct claims *claims, struct arena *arena) {
    const struct auth_judgement *j = f->j;
    if (f->own_forged || ((j->dmarc.result == AUTH_FAIL || spf_alone_fails(j)) && !f->overridden))
        return TRUST_FAILED;
    if (claims->from_domain.n == 0 || f->severe || !f->aligned || !proves_one(j, claims->from_domain, arena))
        return TRUST_UNVERIFIED;
    /* A replayed signature that leaves the subject open proves nothing about what people read. */
    return j->dmarc.spf_aligned || covers_shown(j) ? TRUST_VERIFIED : TRUST_UNVERIFIED;
}

static struct span sentence_of(const struct auth_judgement *j, struct arena *arena) {
    struct span domain = j->trust_domain, by = j->override.by;
    if (domain.n == 0)
        return j->trust == TRUST_FAILED ? SPAN("Failed: the checks of the sender failed")
                                        : SPAN("Not verified: the sender names no domain that can be checked");
    if (j->trust == TRUST_VERIFIED)
        return arena_printf(arena, "Verified: %.*s", SPAN_FMT(domain));
    if (j->trust == TRUST_FAILED)
        return arena_printf(arena, "Failed: claims to be %.*s, but the checks failed", SPAN_FMT(domain));
    if (j->override.kind)
        return arena_printf(arena, "Not verified: claims to be %.*s, passed on by %.*s", SPAN_FMT(domain), SPAN_FMT(by));
    return arena_printf(arena, "Not verified: claims to be %.*s", SPAN_FMT(domain));
}

static struct span reply_of(const struct rule *rule, struct span domain, struct arena *arena) {
    if (!rule->reply)
        return SPAN(REPLY_ACCEPTED);
    size_t gap = span_search(span_cstr(rule->reply), SPAN("%s"));
    struct span text = span_cstr(rule->reply);
    if (gap == text.n)
        return text;
    if (domain.n == 0)
        domain = SPAN("this domain");
    struct span head = span_sub(text, 0, gap);
    struct span tail = span_from(text, gap + 2);
    return arena_printf(arena, "%.*s%.*s%.*s", SPAN_FMT(head), SPAN_FMT(domain), SPAN_FMT(tail));
}

/* Where no DMARC record decides, SPF alone might have failed. */
static bool is_undecided(bool has_message, const struct auth_judgement *j) {
    bool spf_decides = !has_message || j->dmarc.result == AUTH_NONE;
    return j->dmarc.result == AUTH_TEMPERROR || (spf_decides && j->spf.result == AUTH_TEMPERROR);
}

static struct facts facts_of(const struct claims *claims, bool has_message, const struct auth_policy *policy,
                             const struct auth_judgement *j) {
    struct facts f = {.j = j, .policy = policy, .has_signature = claims->has_signature, .is_protected = claims->is_protected};
    f.aligned = j->dmarc.spf_aligned || j->dmarc.dkim_aligned;
    bool one_author = claims->from_domain.n > 0;
    f.own_forged = claims->is_own && !(one_author && f.aligned);
    f.undecided = is_undecided(has_message, j) && !f.aligned;
    f.front_undecided = f.undecided && has_message && j->upstream && j->spf.result == AUTH_TEMPERROR;
    f.severe = mail_ambiguity_severe(j->ambiguities);
    f.overridden = j->override.kind != AUTH_OVERRIDE_NONE;
    return f;
}

bool disposition_needs_override(const struct auth_judgement *j) {
    return j->dmarc.result == AUTH_FAIL || spf_alone_fails(j);
}

/* What the parser noted, as signals. */
static void note_ambiguities(struct auth_judgement *j) {
    static const enum mail_ambiguity repeats[] = {MAIL_AMBIGUITY_SUBJECT_REPEATED, MAIL_AMBIGUITY_DATE_REPEATED,
                                                  MAIL_AMBIGUITY_RECIPIENTS_REPEATED, MAIL_AMBIGUITY_SENDER_REPEATED,
                                                  MAIL_AMBIGUITY_MESSAGE_ID_REPEATED};
    if (mail_ambiguity_severe(j->ambiguities))
        j->signals |= UINT64_C(1) << AUTH_SIGNAL_AMBIGUOUS;
    for (size_t i = 0; i < SD_COUNT(repeats); i++)
        if (j->ambiguities >> repeats[i] & 1)
            j->signals |= UINT64_C(1) << AUTH_SIGNAL_REPEATED_FIELD;
}

/* Proved by signatures alone, and none of those that prove it says how the text is to be read. */
static bool format_is_open(const struct auth_judgement *j) {
    for (size_t i = 0; i < j->dkim_count; i++)
        if (is_aligned(j, i) && !j->dkim[i].format_unsigned)
            return false;
    return j->dmarc.dkim_aligned && !j->dmarc.spf_aligned;
}

static void weigh(struct auth_judgement *j, const struct auth_policy *policy) {
    j->weight = policy_weight(j->signals, policy->weights);
}

static struct span heaviest(const struct auth_judgement *j, const struct auth_policy *policy) {
    return span_cstr(auth_signal_sentence(policy_heaviest(j->signals, policy->weights)));
}

static struct span reason_of(const struct rule *rule, const struct facts *f) {
    if (rule->applies == always && f->j->signals)
        return SPAN("Nothing weighs enough against it.");
    if (rule->reason)
        return span_cstr(rule->reason);
    return rule->applies == explained ? f->j->override.reason : heaviest(f->j, f->policy);
}

enum sd_err disposition_decide(const struct claims *claims, bool has_message, const struct auth_policy *policy,
                               struct arena *arena, struct auth_judgement *judgement) {
    struct auth_judgement *j = judgement;
    struct facts facts = facts_of(claims, has_message, policy, j);
    const struct rule *rule = rules;
    if (facts.own_forged)
        j->signals |= UINT64_C(1) << AUTH_SIGNAL_OWN_DOMAIN;
    if (format_is_open(j))
        j->signals |= UINT64_C(1) << AUTH_SIGNAL_UNSIGNED_FORMAT;
    note_ambiguities(j);
    weigh(j, policy);
    while (!rule->applies(&facts))
        rule++;
    j->trust = trust_of(&facts, claims, arena);
    j->trust_domain = has_message ? claims->from_domain : name_is_domain(j->spf.domain) ? j->spf.domain : SPAN_NONE;
    j->trust_sentence = sentence_of(j, arena);
    j->disposition = rule->disposition;
    j->disposition_reason = reason_of(rule, &facts);
    j->smtp_reply = reply_of(rule, j->trust_domain, arena);
    return arena_err(arena);
}

static bool passes(const struct auth_judgement *j) {
    return j->disposition == DISPOSITION_ACCEPT || j->disposition == DISPOSITION_FLAG;
}

enum sd_err auth_found_later(struct auth_judgement *j, mail_ambiguities found, const struct auth_policy *policy,
                             struct arena *arena) {
    j->ambiguities |= found;
    note_ambiguities(j);
    weigh(j, policy);
    if (!mail_ambiguity_severe(found))
        return SD_OK;
    if (passes(j)) {
        j->disposition = DISPOSITION_REVIEW;
        j->disposition_reason = SPAN(REASON_SEVERE);
    }
    if (j->trust == TRUST_VERIFIED) {
        j->trust = TRUST_UNVERIFIED;
        j->trust_sentence = sentence_of(j, arena);
    }
    return arena_err(arena);
}

void auth_signal_later(struct auth_judgement *j, enum auth_signal signal, const struct auth_policy *policy) {
    enum disposition to = DISPOSITION_ACCEPT;
    j->signals |= UINT64_C(1) << signal;
    weigh(j, policy);
    if (weighs(j->weight, policy->review_at))
        to = DISPOSITION_REVIEW;
    else if (weighs(j->weight, policy->flag_at))
        to = DISPOSITION_FLAG;
    if (!passes(j) || to >= j->disposition)
        return;
    j->disposition = to;
    j->disposition_reason = heaviest(j, policy);
}
