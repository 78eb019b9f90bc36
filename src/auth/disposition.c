/*
 * From verdicts to a decision. RFC 9989 §7.4: p=reject alone never refuses; a refusal needs SPF's own -all and no signature at
 * all beside it. Unknown is not clean: what the DNS did not answer is put off, not waved through.
 */
#include "auth/judge.h"
#include "auth/name.h"

struct facts {
    const struct auth_judgement *j;
    bool has_message;
    bool has_signature;
    bool aligned;    /* SPF or DKIM passed for the author's domain */
    bool own_forged; /* an own domain is claimed and nothing proves it */
    bool undecided;
    bool severe;
    bool subtle; /* a field that readers show once occurs twice */
};

static bool own_undecided(const struct facts *f) {
    return f->own_forged && f->undecided;
}

static bool own_forged(const struct facts *f) {
    return f->own_forged;
}

static bool undecided(const struct facts *f) {
    return f->undecided;
}

static bool fails_everything(const struct facts *f) {
    return f->j->dmarc.result == AUTH_FAIL && f->j->dmarc.applied == DMARC_POLICY_REJECT && f->j->spf.result == AUTH_FAIL &&
           !f->has_signature;
}

static bool severe(const struct facts *f) {
    return f->severe;
}

static bool no_author(const struct facts *f) {
    return f->j->dmarc.result == AUTH_PERMERROR;
}

static bool fails_policy(const struct facts *f) {
    return f->j->dmarc.result == AUTH_FAIL && f->j->dmarc.applied >= DMARC_POLICY_QUARANTINE;
}

static bool fails_spf_alone(const struct facts *f) {
    return f->j->spf.result == AUTH_FAIL && f->j->dmarc.result == AUTH_NONE && !f->aligned;
}

static bool fails_without_policy(const struct facts *f) {
    return f->j->dmarc.result == AUTH_FAIL;
}

static bool signal_lookalike(const struct facts *f) {
    return f->j->signals >> AUTH_SIGNAL_LOOKALIKE_OWN & 1;
}

static bool signal_display(const struct facts *f) {
    return f->j->signals >> AUTH_SIGNAL_DISPLAY_ADDRESS & 1;
}

static bool subtle(const struct facts *f) {
    return f->subtle;
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
    const char *reply; /* %s is the author's domain; NULL: accepted */
    const char *reason;
} rules[] = {
    {own_undecided, DISPOSITION_TEMPFAIL, "451 4.7.0 The sender cannot be checked now, try again later",
     "It claims to come from one of your own domains and the DNS did not answer."},
    {own_forged, DISPOSITION_REJECT, "550 5.7.1 Mail from %s must be authenticated; our own domain is refused from outside",
     "It claims to come from one of your own domains and was not sent by you."},
    {undecided, DISPOSITION_TEMPFAIL, "451 4.7.0 The sender cannot be checked now, try again later",
     "The DNS did not answer, so nobody can say yet who sent it."},
    {fails_everything, DISPOSITION_REJECT,
     "550 5.7.26 Rejected by the DMARC policy of %s: SPF fails and there is no DKIM signature",
     "The claimed domain asks for refusal, its SPF forbids the sending address, and there is no signature."},
    {severe, DISPOSITION_REVIEW, NULL, REASON_SEVERE},
    {no_author, DISPOSITION_REVIEW, NULL, "It does not name one author with a domain."},
    {fails_policy, DISPOSITION_REVIEW, NULL, "It fails the DMARC policy of the domain it claims."},
    {fails_spf_alone, DISPOSITION_REVIEW, NULL, "The sending address is forbidden by the envelope sender's SPF record."},
    {fails_without_policy, DISPOSITION_FLAG, NULL, "It fails DMARC; the claimed domain asks for no action."},
    {signal_lookalike, DISPOSITION_FLAG, NULL, "The sender's domain looks like one of your own."},
    {signal_display, DISPOSITION_FLAG, NULL, "The sender's name shows another e-mail address."},
    {subtle, DISPOSITION_FLAG, NULL, "A field that programs show once occurs more than once."},
    {always, DISPOSITION_ACCEPT, NULL, "Nothing speaks against it."},
};

static bool covers_subject(const struct auth_judgement *j) {
    for (size_t i = 0; i < j->dkim_count; i++) {
        const struct dkim_verdict *v = &j->dkim[i];
        if (v->result == AUTH_PASS && !v->partial && !v->repeated && !v->subject_unsigned)
            return true;
    }
    return false;
}

/*
 * A public suffix that publishes a DMARC record without psd=y becomes everybody's organisational domain by the letter of RFC
 * 9989; that is DMARC's pass, but no proof of one domain to show to people.
 */
static bool aligns_below_suffix(const struct auth_judgement *j) {
    return name_labels(j->dmarc.org_domain) >= 2;
}

static enum trust_level trust_of(const struct facts *f, const struct claims *claims) {
    const struct auth_judgement *j = f->j;
    if (j->dmarc.result == AUTH_FAIL || f->own_forged || fails_spf_alone(f))
        return TRUST_FAILED;
    if (claims->from_domain.n == 0 || f->severe || !f->aligned || !aligns_below_suffix(j))
        return TRUST_UNVERIFIED;
    /* A replayed signature that leaves the subject open proves nothing about what people read. */
    return j->dmarc.spf_aligned || covers_subject(j) ? TRUST_VERIFIED : TRUST_UNVERIFIED;
}

static struct span sentence_of(enum trust_level level, struct span domain, struct arena *arena) {
    if (domain.n == 0)
        return level == TRUST_FAILED ? SPAN("Failed: the checks of the sender failed")
                                     : SPAN("Not verified: the sender names no domain that can be checked");
    if (level == TRUST_VERIFIED)
        return arena_printf(arena, "Verified: %.*s", SPAN_FMT(domain));
    if (level == TRUST_FAILED)
        return arena_printf(arena, "Failed: claims to be %.*s, but the checks failed", SPAN_FMT(domain));
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

static bool has(mail_ambiguities set, enum mail_ambiguity a) {
    return set >> a & 1;
}

static struct facts facts_of(const struct claims *claims, bool has_message, const struct auth_judgement *j) {
    struct facts f = {.j = j, .has_message = has_message, .has_signature = claims->has_signature};
    mail_ambiguities a = j->ambiguities;
    f.aligned = j->dmarc.spf_aligned || j->dmarc.dkim_aligned;
    bool one_author = claims->from_domain.n > 0;
    f.own_forged = claims->is_own && !(one_author && f.aligned);
    enum auth_result deciding = has_message ? j->dmarc.result : j->spf.result;
    f.undecided = deciding == AUTH_TEMPERROR && !f.aligned;
    f.severe = mail_ambiguity_severe(a);
    f.subtle = has(a, MAIL_AMBIGUITY_SUBJECT_REPEATED) || has(a, MAIL_AMBIGUITY_DATE_REPEATED) ||
               has(a, MAIL_AMBIGUITY_RECIPIENTS_REPEATED) || has(a, MAIL_AMBIGUITY_SENDER_REPEATED) ||
               has(a, MAIL_AMBIGUITY_MESSAGE_ID_REPEATED);
    return f;
}

enum sd_err disposition_decide(const struct claims *claims, bool has_message, struct arena *arena,
                               struct auth_judgement *judgement) {
    struct auth_judgement *j = judgement;
    struct facts facts = facts_of(claims, has_message, j);
    const struct rule *rule = rules;
    if (facts.own_forged)
        j->signals |= UINT64_C(1) << AUTH_SIGNAL_OWN_DOMAIN;
    while (!rule->applies(&facts))
        rule++;
    j->trust = trust_of(&facts, claims);
    j->trust_domain = has_message ? claims->from_domain : name_is_domain(j->spf.domain) ? j->spf.domain : SPAN_NONE;
    j->trust_sentence = sentence_of(j->trust, j->trust_domain, arena);
    j->disposition = rule->disposition;
    j->disposition_reason = span_cstr(rule->reason);
    j->smtp_reply = reply_of(rule, j->trust_domain, arena);
    return arena_err(arena);
}

enum sd_err auth_found_later(struct auth_judgement *j, mail_ambiguities found, struct arena *arena) {
    bool passes = j->disposition == DISPOSITION_ACCEPT || j->disposition == DISPOSITION_FLAG;
    j->ambiguities |= found;
    if (!mail_ambiguity_severe(found))
        return SD_OK;
    if (passes) {
        j->disposition = DISPOSITION_REVIEW;
        j->disposition_reason = SPAN(REASON_SEVERE);
    }
    if (j->trust == TRUST_VERIFIED) {
        j->trust = TRUST_UNVERIFIED;
        j->trust_sentence = sentence_of(j->trust, j->trust_domain, arena);
    }
    return arena_err(arena);
}
