#include "inspect/inspect.h"

#include "core/ipc/states.h"
#include "core/log.h"
#include "crypt/crypt.h"

#define LOOKS_BYTES ((size_t)CONTACT_LOOKS_MAX * (4 + CONTACT_KEY_MAX))
#define PEOPLE_BYTES ((size_t)50 * (4 + LIMIT_ADDRESS_BYTES))
#define CUTS_BYTES ((size_t)LIMIT_HEADER_FIELDS * 12) /* every field of a header: length, offset, length */

static struct auth_envelope envelope_of(const struct inspect_judge_req *req) {
    struct auth_envelope envelope = {
        .helo = req->helo, .mail_from = req->mail_from, .tls = req->tls, .received_unix_ms = req->received_ms};
    for (size_t i = 0; i < sizeof envelope.ip; i++)
        envelope.ip[i] = req->ip.p[i];
    return envelope;
}

static struct auth_policy policy_of(const struct inspector *in) {
    struct auth_policy policy = in->policy;
    policy.deadline = deadline_in_ms(JUDGE_MS);
    return policy;
}

static void put_cuts(const struct auth_judgement *judgement, const uint8_t *start, struct ipc_list *cuts, struct buf *raw) {
    for (size_t i = 0; i < judgement->cut_count; i++) {
        struct buf cut SD_CLEANUP(buf_free) = buf_new(8);
        buf_u32(&cut, (uint32_t)(judgement->cuts[i].p - start));
        buf_u32(&cut, (uint32_t)judgement->cuts[i].n);
        ipc_list_add(cuts, raw, buf_span(&cut));
    }
}

struct work {
    struct arena *arena;
    struct mail_message message;
    struct auth_policy policy; /* with the deadline, and what the spam filter's word weighs */
    struct auth_judgement judgement;
    struct letter_facets facets;
    struct letter_ids ids;
    struct sha256 digest;
    struct auth_contact contact;
    struct letter_found *found; /* NULL: nothing is known */
    struct buf verdict;
    struct buf cuts;
    struct buf looks;
    struct buf people;
};

static void work_free(struct work *w) {
    buf_free(&w->facets.bundle);
    buf_free(&w->ids.raw);
    buf_free(&w->verdict);
    buf_free(&w->cuts);
    buf_free(&w->looks);
    buf_free(&w->people);
    arena_free(&w->arena);
}

static bool refused(enum disposition disposition) {
    return disposition == DISPOSITION_REJECT || disposition == DISPOSITION_TEMPFAIL;
}

/* ---- what was found in it ---- */

/* Whoever is not verified is told nothing: the address may be anybody's. */
static void refuse_or_quarantine(const struct inspector *in, struct auth_judgement *j) {
    j->disposition_reason = SPAN("The virus scanner knows something in it.");
    if (in->scan.reject_malicious && j->trust == TRUST_VERIFIED) {
        j->disposition = DISPOSITION_REJECT;
        j->smtp_reply = SPAN("554 5.7.1 A virus scanner found something malicious in this message");
    } else {
        j->disposition = DISPOSITION_QUARANTINE;
    }
}

static void put_off(struct auth_judgement *j) {
    j->disposition = DISPOSITION_TEMPFAIL;
    j->smtp_reply = SPAN("451 4.7.1 Attachments cannot be scanned now, try again later");
    j->disposition_reason = SPAN("The virus scanner did not answer.");
}

static void dispose(const struct inspector *in, const struct letter_found *found, struct auth_judgement *j) {
    if (found_worst(found) == OBJECT_MALICIOUS && j->disposition >= DISPOSITION_QUARANTINE)
        refuse_or_quarantine(in, j);
    else if (found->scanner_down && found->count && in->scan.tempfail_when_down)
        put_off(j);
}

/* What cannot be looked into is not known; that is no reason to have it sent again. */
static enum sd_err look_into(struct inspector *in, struct deadline deadline, struct span letter, struct work *w) {
    struct letter_found *found = ARENA_NEW(w->arena, struct letter_found);
    struct letter_parts *parts = ARENA_NEW(w->arena, struct letter_parts);
    if (!found || !parts)
        return SD_ERR_NOMEM;
    parts->bytes = letter;
    parts->digest = w->digest;
    parts->message = &w->message;
    parts->ambiguities = w->judgement.ambiguities;
    facets_parts(&w->facets, parts);
    enum sd_err err = found_look(in, parts, deadline, found);
    if (err && err != SD_ERR_UNSUPPORTED)
        log_error("inspect.look", "error=%s", sd_err_name(err));
    if (err)
        return SD_OK;
    w->found = found;
    dispose(in, found, &w->judgement);
    return SD_OK;
}

/* ---- the spam filter ---- */

#define SPAM_MS 5000

/* While the others look; -1: it is not asked, or does not answer. */
static int ask_spam_filter(struct inspector *in, const struct inspect_judge_req *req, const struct auth_envelope *envelope,
                           struct work *w) {
    struct ipc_list_iter iter = ipc_list_start(req->recipients);
    struct span *recipients = arena_array(w->arena, req->recipients.count + 1, sizeof *recipients);
    struct spam_question question = {.envelope = envelope, .host = w->judgement.iprev.name, .letter = req->letter};
    int fd = -1;
    if (in->rspamd.check == RSPAMD_NOWHERE || !in->rspamd.connector || !recipients)
        return -1;
    while (ipc_list_next(&iter, &recipients[question.recipient_count]))
        question.recipient_count++;
    question.recipients = recipients;
    return rspamd_begin(&in->rspamd, &question, deadline_in_ms(SPAM_MS), &fd) == SD_OK ? fd : -1;
}

static void hear_spam_filter(struct inspector *in, int fd, struct work *w) {
    uint16_t *weight = &w->policy.weights[AUTH_SIGNAL_SPAM_FILTER];
    struct spam_answer answer;
    if (fd < 0 || rspamd_collect(&in->rspamd, fd, deadline_in_ms(SPAM_MS), w->arena, &answer) != SD_OK)
        return;
    *weight = spam_weight(answer.action, *weight);
    w->judgement.spam_sentence = answer.sentence;
    if (*weight)
        auth_signal_later(&w->judgement, AUTH_SIGNAL_SPAM_FILTER, &w->policy);
}

/* ---- all of it ---- */

static void tell(const struct inspector *in, const struct ipc_call *call, const struct work *w) {
    static const uint8_t at_the_door[16] = {0};
    if (!w->found || !in->health.keeper || refused(w->judgement.disposition) || ipc_conn_peer(call->conn) != PEER_EDGE)
        return;
    enum sd_err err = found_tell(in, at_the_door, w->found);
    if (err)
        log_info("inspect.tell", "error=%s", sd_err_name(err)); /* it counts as not scanned, and is looked into again */
}

static enum sd_err judge_sender(struct inspector *in, const struct inspect_judge_req *req, const struct auth_envelope *envelope,
                                struct work *w) {
    enum sd_err err = req->envelope_only ? SD_OK : mail_parse(req->letter, w->arena, &w->message);
    return err ? err
               : auth_judge(envelope, req->envelope_only ? NULL : &w->message, &w->policy, &in->dns, w->arena, &w->judgement);
}

static enum sd_err judge_content(struct inspector *in, const struct inspect_judge_req *req,
                                 const struct auth_envelope *envelope, struct deadline deadline, struct work *w) {
    int spam = ask_spam_filter(in, req, envelope, w);
    enum sd_err err = facets_begin(&w->message, &w->policy, &w->judgement, &w->facets);
    err = err ? err : crypt_sha256(req->letter, &w->digest);
    err = err ? err : look_into(in, deadline, req->letter, w);
    hear_spam_filter(in, spam, w);
    return err;
}

/* Facets, contact and ids are made only for a letter that will be kept. */
static enum sd_err judge(struct inspector *in, const struct inspect_judge_req *req, struct work *w) {
    const struct auth_envelope envelope = envelope_of(req);
    const struct deadline deadline = deadline_in_ms(LETTER_MS);
    w->policy = policy_of(in);
    enum sd_err err = judge_sender(in, req, &envelope, w);
    if (err || req->envelope_only || refused(w->judgement.disposition))
        return err;
    err = judge_content(in, req, &envelope, deadline, w);
    if (err || refused(w->judgement.disposition))
        return err;
    err = facets_finish(&w->message, &w->policy, &w->judgement, &w->facets);
    err = err ? err : auth_contact_make(&w->message, &w->judgement, &w->policy, w->arena, &w->contact);
    return err ? err : letter_ids_make(&w->message, &w->ids);
}

static enum object_state state_of(const struct work *w) {
    return w->found ? found_worst(w->found) : OBJECT_UNSCANNED;
}

/* A letter that is refused is not kept, and has no facets. */
static void drop_facets(struct work *w) {
    buf_free(&w->facets.bundle);
    w->facets.attachments = 0;
}

static struct inspect_judge_rep reply_of(const struct inspect_judge_req *req, const struct work *w) {
    const struct auth_judgement *j = &w->judgement;
    bool automatic = !req->envelope_only && (mail_is_automatic(&w->message) || req->mail_from.n == 0);
    return (struct inspect_judge_rep){
        .disposition = (uint8_t)j->disposition,
        .trust = (uint8_t)j->trust,
        .state = (uint8_t)state_of(w),
        .digest = span_of(w->digest.b, sizeof w->digest.b),
        .smtp_reply = text_at_most(j->smtp_reply, 512),
        .verdict = buf_span(&w->verdict),
        .prepend = span_sub(j->results_field, 0, 16384),
        .from_address = span_sub(lower_case(j->from.address, w->arena), 0, 320),
        .message_id_hash = span_of(w->ids.message_id_hash, 32),
        .reference_hashes = w->ids.reference_hashes,
        .automatic = automatic,
        .signals = j->signals,
        .weight = j->weight,
        .trust_domain = j->trust_domain,
        .contact_domain = w->contact.domain,
        .contact_name = w->contact.name,
        .attachments = w->facets.attachments,
        .facets = buf_span(&w->facets.bundle),
    };
}

static void put_contact(struct work *w, struct inspect_judge_rep *rep) {
    for (size_t i = 0; i < w->contact.look_count; i++)
        ipc_list_add(&rep->contact_looks, &w->looks, w->contact.looks[i]);
    for (size_t i = 0; i < w->contact.people_count; i++)
        ipc_list_add(&rep->people, &w->people, w->contact.people[i]);
}

static enum sd_err answer(struct ipc_call *call, const struct inspect_judge_req *req, struct work *w) {
    if (ipc_conn_peer(call->conn) == PEER_ADMIN) /* the edge has no use for it */
        auth_judgement_json(&w->judgement, w->policy.weights, &w->verdict);
    struct inspect_judge_rep rep = reply_of(req, w);
    put_cuts(&w->judgement, req->letter.p, &rep.cuts, &w->cuts);
    put_contact(w, &rep);
    enum sd_err err = buf_err(&w->verdict);
    err = err ? err : buf_err(&w->cuts);
    err = err ? err : buf_err(&w->looks);
    err = err ? err : buf_err(&w->people);
    if (err == SD_OK)
        inspect_judge_reply(call, &rep);
    return err;
}

static enum sd_err judge_and_answer(struct inspector *in, struct ipc_call *call, const struct inspect_judge_req *req) {
    struct work w SD_CLEANUP(work_free) = {.arena = arena_new(LETTER_ARENA_BYTES),
                                           .verdict = buf_new(32768),
                                           .cuts = buf_new(CUTS_BYTES),
                                           .looks = buf_new(LOOKS_BYTES),
                                           .people = buf_new(PEOPLE_BYTES)};
    if (!w.arena)
        return SD_ERR_NOMEM;
    enum sd_err err = judge(in, req, &w);
    if (err == SD_OK && refused(w.judgement.disposition))
        drop_facets(&w);
    if (err == SD_OK)
        tell(in, call, &w);
    if (err == SD_OK)
        err = answer(call, req, &w);
    if (err)
        log_warn("inspect.judge", "error=%s", sd_err_name(err));
    return err;
}

enum sd_err inspect_on_judge(void *ctx, struct ipc_call *call, const struct inspect_judge_req *req) {
    struct inspector *in = ctx;
    size_t slot = watch_begin(&in->watch, clock_mono_ns());
    enum sd_err err = judge_and_answer(in, call, req);
    watch_end(&in->watch, slot);
    return err;
}
