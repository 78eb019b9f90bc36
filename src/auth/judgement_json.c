#include "auth/auth.h"
#include "core/json_out.h"

static void put_spf(struct json_out *j, const char *key, const struct spf_verdict *spf) {
    static const char *const identities[] = {[SPF_NO_IDENTITY] = NULL, [SPF_MAILFROM] = "mailfrom", [SPF_HELO] = "helo"};
    json_begin_object(j, key);
    json_cstr(j, "result", auth_result_text(spf->result));
    json_text(j, "domain", spf->domain);
    json_cstr(j, "identity", identities[spf->identity]);
    json_text(j, "explanation", spf->explanation);
    json_text(j, "reason", spf->reason);
    json_end(j);
}

static void put_dkim(struct json_out *j, const struct auth_judgement *judgement) {
    json_begin_array(j, "dkim");
    for (size_t i = 0; i < judgement->dkim_count; i++) {
        const struct dkim_verdict *v = &judgement->dkim[i];
        json_begin_object(j, NULL);
        json_cstr(j, "result", auth_result_text(v->result));
        json_text(j, "domain", v->domain);
        json_text(j, "selector", v->selector);
        json_cstr(j, "algorithm", v->algorithm);
        json_int(j, "bits", v->bits);
        json_bool(j, "partial", v->partial);
        json_bool(j, "repeated", v->repeated);
        json_text(j, "reason", v->reason);
        json_end(j);
    }
    json_end(j);
}

static void put_dmarc(struct json_out *j, const struct dmarc_verdict *dmarc) {
    json_begin_object(j, "dmarc");
    json_cstr(j, "result", auth_result_text(dmarc->result));
    json_cstr(j, "policy", dmarc->policy ? dmarc_policy_text(dmarc->policy) : NULL);
    json_text(j, "domain", dmarc->domain);
    json_text(j, "org_domain", dmarc->org_domain);
    json_cstr(j, "disposition", dmarc_policy_text(dmarc->applied));
    json_bool(j, "spf_aligned", dmarc->spf_aligned);
    json_bool(j, "dkim_aligned", dmarc->dkim_aligned);
    json_text(j, "reason", dmarc->reason);
    json_end(j);
}

static void put_arc(struct json_out *j, const struct arc_verdict *arc) {
    json_begin_object(j, "arc");
    json_cstr(j, "result", auth_result_text(arc->result));
    json_int(j, "instance", arc->instance);
    json_text(j, "domain", arc->domain);
    json_text(j, "reason", arc->reason);
    json_end(j);
}

/* "TLSv1.3 TLS_AES_256_GCM_SHA384" */
static void put_tls(struct json_out *j, struct span tls) {
    size_t space = span_find(tls, ' ');
    if (tls.n == 0) {
        json_put_null(j, "tls");
        return;
    }
    json_begin_object(j, "tls");
    json_text(j, "version", span_sub(tls, 0, space));
    json_text(j, "cipher", span_from(tls, space + 1));
    json_end(j);
}

static void put_override(struct json_out *j, const struct auth_override *override) {
    if (override->kind == AUTH_OVERRIDE_NONE) {
        json_put_null(j, "override");
        return;
    }
    json_begin_object(j, "override");
    json_cstr(j, "kind", auth_override_text(override->kind));
    json_text(j, "by", override->by);
    json_text(j, "reason", override->reason);
    json_end(j);
}

static void put_checks(struct json_out *j, const struct auth_judgement *judgement) {
    put_spf(j, "spf", &judgement->spf);
    put_dkim(j, judgement);
    put_dmarc(j, &judgement->dmarc);
    put_arc(j, &judgement->arc);
    json_begin_object(j, "iprev");
    json_cstr(j, "result", auth_result_text(judgement->iprev.result));
    json_text(j, "name", judgement->iprev.name);
    json_end(j);
    put_tls(j, judgement->tls);
    json_bool(j, "upstream", judgement->upstream);
    put_override(j, &judgement->override);
}

static void put_signal(struct json_out *j, enum auth_signal signal, struct span sentence, uint16_t weight) {
    json_begin_object(j, NULL);
    json_cstr(j, "id", auth_signal_id(signal));
    json_text(j, "sentence", sentence);
    json_int(j, "weight", weight);
    json_end(j);
}

/* What the spam filter said is shown even when it is no signal, because it found nothing: then it weighs nothing. */
static void put_signals(struct json_out *j, const char *key, const struct auth_judgement *judgement,
                        const uint16_t weights[AUTH_SIGNAL_COUNT]) {
    json_begin_array(j, key);
    for (enum auth_signal s = 0; s < AUTH_SIGNAL_COUNT; s++) {
        bool is_set = judgement->signals >> s & 1;
        if (s == AUTH_SIGNAL_SPAM_FILTER && judgement->spam_sentence.n)
            put_signal(j, s, judgement->spam_sentence, is_set ? weights[s] : 0);
        else if (is_set)
            put_signal(j, s, span_cstr(auth_signal_sentence(s)), weights[s]);
    }
    json_end(j);
}

static void put_ambiguities(struct json_out *j, const char *key, mail_ambiguities set) {
    json_begin_array(j, key);
    for (enum mail_ambiguity a = 0; a < MAIL_AMBIGUITY_COUNT; a++)
        if (set >> a & 1)
            json_cstr(j, NULL, mail_ambiguity_id(a));
    json_end(j);
}

static void put_from(struct json_out *j, const struct mail_address *from) {
    json_begin_object(j, "from");
    json_text(j, "address", from->address);
    json_text(j, "domain", from->domain);
    json_text(j, "display", from->display);
    json_end(j);
}

static void put_trust(struct json_out *j, const struct auth_judgement *judgement) {
    json_begin_object(j, "trust");
    json_cstr(j, "level", trust_level_text(judgement->trust));
    json_text(j, "domain", judgement->trust_domain);
    json_text(j, "sentence", judgement->trust_sentence);
    json_end(j);
}

void auth_judgement_json(const struct auth_judgement *judgement, const uint16_t weights[AUTH_SIGNAL_COUNT], struct buf *to) {
    struct json_out j = json_out(to);
    json_begin_object(&j, NULL);
    put_checks(&j, judgement);
    put_spf(&j, "spf_helo", &judgement->spf_helo);
    put_from(&j, &judgement->from);
    put_ambiguities(&j, "ambiguities", judgement->ambiguities);
    put_signals(&j, "signals", judgement, weights);
    put_trust(&j, judgement);
    json_cstr(&j, "disposition", disposition_text(judgement->disposition));
    json_text(&j, "disposition_reason", judgement->disposition_reason);
    json_text(&j, "smtp_reply", judgement->smtp_reply);
    json_end(&j);
}

void auth_checks_json(const struct auth_judgement *judgement, struct buf *to) {
    struct json_out j = json_out(to);
    json_begin_object(&j, NULL);
    put_checks(&j, judgement);
    json_end(&j);
}

void auth_signals_json(const struct auth_judgement *judgement, const uint16_t weights[AUTH_SIGNAL_COUNT], struct buf *to) {
    struct json_out j = json_out(to);
    put_signals(&j, NULL, judgement, weights);
}

void auth_ambiguities_json(const struct auth_judgement *judgement, struct buf *to) {
    struct json_out j = json_out(to);
    put_ambiguities(&j, NULL, judgement->ambiguities);
}
