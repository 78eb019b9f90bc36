/*
 * reply.c - signing: lets one message out. Examined by an inspector (worker), judged (loop), signed (worker), kept with its
 * warrant (loop); the record, then the answer.
 */
#include "core/codec.h"
#include "keeper/answer_rules.h"
#include "keeper/handlers.h"
#include "keeper/permit.h"
#include "keeper/warrant.h"

#include <stdlib.h>
#include <string.h>

#define RECIPIENTS_MAX_BYTES ((size_t)40 * 1024)
#define SIGNATURES_MAX_BYTES ((size_t)8192)

struct answer {
    struct job job;
    struct ipc_call *call;
    struct keeper_reply_req req; /* spans in the call's message, the message itself perhaps mapped */
    struct keeper *k;            /* workers touch its spec and its keys only: neither changes after start */
    struct who who;
    struct ticket ticket;
    struct queue_row queue;
    struct examined examined;
    const struct dkim_key *keys[2]; /* RSA first: its field comes on top */
    int64_t now_ms;
    struct buf fields;
    struct sha256 digest;
    uint32_t added; /* recipients who took no part before: named by hand */
    enum sd_err err;
};

void examined_free(struct examined *examined) {
    buf_free(&examined->from);
    buf_free(&examined->recipients);
}

static void answer_free(struct answer *answer) {
    who_free(&answer->who);
    examined_free(&answer->examined);
    buf_free(&answer->fields);
    free(answer);
}

static struct leaf reply_leaf(const struct answer *answer) {
    struct leaf leaf = leaf_by(&answer->who, answer->req.origin, "reply");
    leaf.object = "answer";
    if (answer->ticket.there)
        leaf.ticket = span_of(answer->ticket.id, ID_BYTES);
    return leaf;
}

static enum sd_err refuse_answer(struct keeper *k, struct answer *answer, enum answer_verdict verdict) {
    static const uint8_t nothing[KEY_BYTES];
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct leaf leaf = reply_leaf(answer);
    leaf.reason = answer_word(verdict);
    struct keeper_reply_rep rep = {.outcome = REPLY_REFUSED,
                                   .reason = span_cstr(answer_sentence(verdict)),
                                   .object = span_of(nothing, ID_BYTES),
                                   .object_key = span_of(nothing, KEY_BYTES),
                                   .warrant = span_of(nothing, ID_BYTES)};
    enum sd_err err = keeper_reply_rep_encode(&out, &rep);
    return err ? err : answer_recorded(k, answer->call, &out, &leaf);
}

/* ---- who gets it ---- */

static bool in_list(struct ipc_list list, struct span address) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item;
    while (ipc_list_next(&iter, &item))
        if (span_ieq(item, address))
            return true;
    return false;
}

static enum sd_err takes_part(struct keeper *k, const struct answer *answer, struct span address, bool *ret) {
    struct sha256 hash;
    enum sd_err err = participant_hash(k, address, &hash);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_PARTICIPANT_GET);
    query_blob(&q, span_of(answer->ticket.id, ID_BYTES));
    query_blob(&q, span_of(hash.b, SHA256_BYTES));
    *ret = query_row(&q);
    return query_end(&q);
}

/* Strangers are refused; who was no participant and is named in cc is counted too, for the record. */
static enum sd_err count_strangers(struct keeper *k, struct answer *answer, uint32_t *ret) {
    struct reader r = reader_of(buf_span(&answer->examined.recipients));
    uint32_t strangers = 0;
    enum sd_err err = SD_OK;
    answer->added = 0;
    for (uint32_t i = 0; i < answer->examined.recipient_count && err == SD_OK; i++) {
        bool part = false;
        struct span address = read_blob(&r, LIMIT_ADDRESS_BYTES);
        if (is_address(address))
            err = takes_part(k, answer, address, &part);
        if (!part && is_address(address) && in_list(answer->req.cc, address))
            answer->added++;
        else
            strangers += !part;
    }
    if (err == SD_OK)
        err = reader_end(&r);
    if (err == SD_OK)
        *ret = strangers;
    return err;
}

/* ---- the keys ---- */

/* Both kinds of key of the first of our domains that covers the address. */
static bool choose_keys(struct keeper *k, struct answer *answer) {
    size_t n = 0;
    for (size_t d = 0; d < k->domain_count && n == 0; d++) {
        struct span domain = buf_span(&k->domains[d]);
        if (!domain_covers(domain, answer->queue.address))
            continue;
        n = dkim_choose(k, domain, answer->keys);
    }
    return n > 0;
}

static void sign_run(struct job *job) {
    struct answer *answer = (struct answer *)(void *)job;
    struct hash_stream *hash SD_CLEANUP(hash_stream_free) = NULL;
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < SD_COUNT(answer->keys) && answer->keys[i] && err == SD_OK; i++) {
        const struct dkim_key *key = answer->keys[i];
        struct dkim_sign_key sign = {.domain = buf_span(&key->domain),
                                     .selector = buf_span(&key->selector),
                                     .signer = key->signer,
                                     .is_ed25519 = key->algorithm == SIGN_ED25519};
        err = dkim_sign(answer->req.message, &sign, answer->now_ms, &answer->fields);
    }
    if (err == SD_OK)
        err = hash_stream_new(&hash);
    if (err == SD_OK)
        err = hash_stream_add(hash, buf_span(&answer->fields));
    if (err == SD_OK)
        err = hash_stream_add(hash, answer->req.message);
    if (err == SD_OK)
        err = hash_stream_end(hash, &answer->digest);
    answer->err = err;
}

/* ---- keeping it ---- */

static enum sd_err add_person(struct keeper *k, struct span ticket, struct span address) {
    struct sha256 hash;
    enum sd_err err = participant_hash(k, address, &hash);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_PARTICIPANT_ADD);
    query_blob(&q, ticket);
    query_blob(&q, span_of(hash.b, SHA256_BYTES));
    query_int(&q, TRUST_UNVERIFIED); /* named by us: they have proved nothing yet */
    return query_run(&q);
}

/* So that answers to this one find the ticket: its Message-ID, and the people it went to. */
static enum sd_err remember(struct keeper *k, const struct answer *answer) {
    struct span ticket = span_of(answer->ticket.id, ID_BYTES), address;
    struct query q = db_query(k->db, SQL_MESSAGE_ADD);
    query_blob(&q, span_of(answer->examined.message_id_hash.b, SHA256_BYTES));
    query_blob(&q, ticket);
    query_int(&q, true); /* ours */
    enum sd_err err = query_run(&q);
    struct reader r = reader_of(buf_span(&answer->examined.recipients));
    for (uint32_t i = 0; i < answer->examined.recipient_count && err == SD_OK; i++) {
        address = read_blob(&r, LIMIT_ADDRESS_BYTES);
        err = add_person(k, ticket, address);
    }
    return err;
}

static enum sd_err keep(struct keeper *k, struct answer *answer, struct span object, const struct secret *key,
                        const struct warrant *warrant, struct records *records, const struct leaf *leaf) {
    struct object_new answered = {
        .id = object,
        .facts = {.kind = OBJECT_ANSWER, .state = OBJECT_CLEAN, .disposition = DISPOSITION_ACCEPT, .trust = TRUST_VERIFIED},
        .key = secret_span(key),
        .digest = span_of(answer->digest.b, SHA256_BYTES),
        .ticket = span_of(answer->ticket.id, ID_BYTES)};
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = object_add(k, &answered);
    if (err == SD_OK)
        err = pages_flush(&k->pages);
    if (err == SD_OK)
        err = remember(k, answer);
    if (err == SD_OK)
        err = warrant_add(k, warrant);
    if (err == SD_OK)
        records_add_changed(records, leaf);
    err = db_end(k->db, err ? err : records->err);
    if (err)
        pages_forget(&k->pages);
    return err;
}

static enum sd_err let_out(struct keeper *k, struct answer *answer) {
    uint8_t object_bytes[ID_BYTES] = {0};
    struct span object = span_of(object_bytes, sizeof object_bytes);
    struct warrant warrant = {.object = object,
                              .digest = answer->digest,
                              .mail_from = answer->queue.address,
                              .recipients = buf_span(&answer->examined.recipients),
                              .person = span_of(answer->who.person, ID_BYTES)};
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    struct buf added SD_CLEANUP(buf_free) = buf_new(16);
    records_start(&records, k);
    buf_printf(&added, "%u", answer->added);
    random_bytes(object_bytes, sizeof object_bytes);
    random_bytes(warrant.id, sizeof warrant.id);
    enum sd_err err = secret_random(KEY_BYTES, &key);
    if (err)
        return err;
    struct keeper_reply_rep rep = {.outcome = REPLY_SIGNED,
                                   .object = object,
                                   .object_key = secret_span(&key),
                                   .warrant = span_of(warrant.id, ID_BYTES),
                                   .signature_fields = buf_span(&answer->fields)};
    err = keeper_reply_rep_encode(&out, &rep);
    if (err)
        return err;
    struct leaf leaf = reply_leaf(answer);
    leaf.outcome = OUTCOME_GRANTED;
    leaf.object_id = object;
    leaf.digest = span_of(answer->digest.b, SHA256_BYTES);
    leaf.reason = answer->added ? "signed, people added by hand:" : "signed";
    leaf.detail = answer->added ? buf_span(&added) : SPAN_NONE;
    err = keep(k, answer, object, &key, &warrant, &records, &leaf);
    return err ? err : records_send(&records, answer->call, SD_OK, &out);
}

/* The worker has signed. The session and the ticket may have changed while it did: asked again before anything goes out. */
static enum sd_err finish(struct keeper *k, struct answer *answer) {
    struct ticket now = {0};
    if (answer->err)
        return answer->err;
    who_free(&answer->who);
    answer->who = (struct who){0};
    const char *reason = NULL;
    enum sd_err err = session_check(k, answer->req.token, answer->req.origin, &answer->who);
    if (err)
        return err;
    err = ticket_for(k, &answer->who, VERB_REPLY, answer->req.ticket, &now, &reason);
    if (err == SD_OK && (!span_eq(now.queue, answer->ticket.queue) || right_answer(now.state) != RIGHT_GRANTED))
        err = SD_ERR_STALE;
    if (is_refusal(err) || err == SD_ERR_STALE) {
        struct leaf leaf = reply_leaf(answer);
        leaf.reason = err == SD_ERR_STALE ? "ticket-changed" : reason;
        return refuse_recorded(k, answer->call, err, &leaf);
    }
    return err ? err : let_out(k, answer);
}

static void sign_done(struct keeper *k, struct job *job) {
    struct answer *answer = (struct answer *)(void *)job;
    enum sd_err err = finish(k, answer);
    if (err)
        ipc_refuse(answer->call, err);
    answer_free(answer);
}

/* ---- judging ---- */

static enum sd_err judge(struct keeper *k, struct answer *answer, enum answer_verdict *ret) {
    struct answer_facts facts = {.from = buf_span(&answer->examined.from),
                                 .queue_address = answer->queue.address,
                                 .hidden_recipients = answer->examined.hidden_recipients,
                                 .ambiguities = answer->examined.ambiguities,
                                 .recipients = answer->examined.recipient_count};
    enum sd_err err = answer->err ? answer->err : count_strangers(k, answer, &facts.strangers);
    if (err)
        return err;
    *ret = answer_examined(&facts);
    if (*ret == ANSWER_FIT && !choose_keys(k, answer))
        *ret = ANSWER_DOMAIN;
    return SD_OK;
}

static void examine_run(struct job *job) {
    struct answer *answer = (struct answer *)(void *)job;
    const struct keeper_spec *spec = &answer->k->spec;
    answer->err = spec->examine(spec->examine_arg, answer->req.message, &answer->examined);
}

static void examine_done(struct keeper *k, struct job *job) {
    struct answer *answer = (struct answer *)(void *)job;
    enum answer_verdict verdict = ANSWER_REFUSED;
    enum sd_err err = judge(k, answer, &verdict);
    if (err == SD_OK && verdict == ANSWER_FIT) {
        answer->job = (struct job){.run = sign_run, .done = sign_done};
        answer->now_ms = k->spec.now_ms();
        err = work_add(&k->signatures, &answer->job);
        if (err == SD_OK)
            return;
    } else if (err == SD_OK) {
        err = refuse_answer(k, answer, verdict);
    }
    if (err)
        ipc_refuse(answer->call, err);
    answer_free(answer);
}

static enum sd_err token_fits(struct keeper *k, const struct answer *answer, bool *ret) {
    struct sha256 hash;
    uint8_t ticket[ID_BYTES] = {0};
    *ret = answer->req.reply_token.n == 0;
    if (*ret)
        return SD_OK;
    enum sd_err err = crypt_sha256(answer->req.reply_token, &hash);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_TOKEN_GET);
    query_blob(&q, span_of(hash.b, SHA256_BYTES));
    if (query_row(&q)) {
        query_get_fixed(&q, 0, ticket, ID_BYTES);
        *ret = memcmp(ticket, answer->ticket.id, ID_BYTES) == 0;
    }
    return query_end(&q);
}

/* What can be said before an inspector has looked. */
static enum sd_err judge_first(struct keeper *k, struct answer *answer, enum answer_verdict *ret) {
    bool token = false;
    enum sd_err err = queue_find(k, answer->ticket.queue, &answer->queue);
    if (err == SD_OK)
        err = token_fits(k, answer, &token);
    if (err)
        return err;
    if (right_answer(answer->ticket.state) != RIGHT_GRANTED)
        *ret = ANSWER_STATE;
    else if (!answer->queue.there || !answer->queue.active)
        *ret = ANSWER_QUEUE;
    else if (!token)
        *ret = ANSWER_TOKEN;
    else
        *ret = answer_message(answer->req.message,
                              &(struct answer_from){.address = answer->queue.address, .reply_token = answer->req.reply_token});
    return SD_OK;
}

static enum sd_err start(struct keeper *k, struct answer *answer, bool *ret_kept) {
    enum answer_verdict verdict = ANSWER_REFUSED;
    const char *reason = NULL;
    enum sd_err err = session_check(k, answer->req.token, answer->req.origin, &answer->who);
    if (err)
        return err;
    err = ticket_for(k, &answer->who, VERB_REPLY, answer->req.ticket, &answer->ticket, &reason);
    if (is_refusal(err)) {
        struct leaf leaf = reply_leaf(answer);
        leaf.reason = reason;
        return refuse_recorded(k, answer->call, err, &leaf);
    }
    if (err == SD_OK)
        err = judge_first(k, answer, &verdict);
    if (err)
        return err;
    if (verdict != ANSWER_FIT)
        return refuse_answer(k, answer, verdict);
    err = work_add(&k->examinations, &answer->job);
    *ret_kept = err == SD_OK;
    return err;
}

enum sd_err keeper_on_reply(void *ctx, struct ipc_call *call, const struct keeper_reply_req *req) {
    struct keeper *k = ctx;
    bool kept = false;
    struct answer *answer = calloc(1, sizeof *answer);
    if (!answer)
        return SD_ERR_NOMEM;
    answer->job = (struct job){.run = examine_run, .done = examine_done};
    answer->k = k;
    answer->call = call;
    answer->req = *req;
    answer->fields = buf_new(SIGNATURES_MAX_BYTES);
    answer->examined = (struct examined){.from = buf_new(LIMIT_ADDRESS_BYTES), .recipients = buf_new(RECIPIENTS_MAX_BYTES)};
    enum sd_err err = start(k, answer, &kept);
    if (!kept)
        answer_free(answer);
    return err;
}

/* ---- reply tokens ---- */

#define REPLY_TOKEN_BYTES 16

static enum sd_err make_token(struct keeper *k, const struct ticket *ticket, struct buf *to) {
    uint8_t raw[REPLY_TOKEN_BYTES];
    struct sha256 hash;
    random_bytes(raw, sizeof raw);
    put_hex(to, span_of(raw, sizeof raw)); /* digits and lower case: safe in every local part */
    enum sd_err err = crypt_sha256(buf_span(to), &hash);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_TOKEN_ADD);
    query_blob(&q, span_of(hash.b, SHA256_BYTES));
    query_blob(&q, span_of(ticket->id, ID_BYTES));
    return query_run(&q);
}

static enum sd_err give_token(struct keeper *k, struct ipc_call *call, const struct ticket *ticket, struct leaf *leaf) {
    struct queue_row queue;
    struct buf token SD_CLEANUP(buf_free) = buf_new(64);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = queue_find(k, ticket->queue, &queue);
    if (err || !queue.there)
        return err ? err : SD_ERR_NOTFOUND;
    err = db_begin(k->db);
    if (err)
        return err;
    leaf->outcome = OUTCOME_GRANTED;
    leaf->ticket = SPAN_NONE; /* the answer itself is what the ticket's history tells */
    err = make_token(k, ticket, &token);
    if (err == SD_OK)
        records_add_changed(&records, leaf);
    err = db_end(k->db, err ? err : records.err);
    struct keeper_reply_token_rep rep = {.reply_token = buf_span(&token), .queue_address = queue.address};
    if (err == SD_OK)
        err = keeper_reply_token_rep_encode(&out, &rep);
    return err ? err : records_send(&records, call, SD_OK, &out);
}

enum sd_err keeper_on_reply_token(void *ctx, struct ipc_call *call, const struct keeper_reply_token_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct ticket ticket = {0};
    const char *reason = NULL;
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err)
        return err;
    err = ticket_for(k, &who, VERB_REPLY, req->ticket, &ticket, &reason);
    struct leaf leaf = leaf_by(&who, req->origin, "reply-token");
    leaf.object = "ticket";
    leaf.object_id = req->ticket;
    leaf.ticket = ticket.there ? span_of(ticket.id, ID_BYTES) : SPAN_NONE;
    if (is_refusal(err)) {
        leaf.reason = reason;
        return refuse_recorded(k, call, err, &leaf);
    }
    return err ? err : give_token(k, call, &ticket, &leaf);
}
