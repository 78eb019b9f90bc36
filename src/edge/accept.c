#include "edge/accept.h"

#include "auth/auth.h"
#include "core/codec.h"
#include "core/ipc/states.h"
#include "core/log.h"
#include "edge/received.h"
#include "edge/seal_letter.h"

#define KEY_WAIT_MS 3000                      /* for the first intake key, right after start */
#define LARGE_BYTES ((size_t)2 * 1024 * 1024) /* sealed one at a time */
#define SEAL_SPARE_BYTES ((size_t)256 * 1024) /* header, card and tags of a record */

#define TEXT_UNAVAILABLE "451 4.3.0 Cannot take mail right now, try again later"

/* One message on its way from the last dot to the reply; freed in one place. */
struct acceptance {
    struct session *s;
    struct transaction *t;
    char id[17]; /* in the reply and in Received */
    struct intake_key key;
    struct ipc_msg *verdict_msg;
    struct inspect_judge_rep verdict;
    struct buf unparsed; /* facets made here, when the letter breaks the parser */
    struct buf source;
    struct letter letter;
};

static void acceptance_free(struct acceptance *a) {
    ipc_msg_free(&a->verdict_msg);
    buf_free(&a->unparsed);
    buf_free(&a->source);
}

static void new_id(char id[17]) {
    uint8_t random[8];
    struct buf hex SD_CLEANUP(buf_free) = buf_new(17);
    random_bytes(random, sizeof random);
    put_hex(&hex, span_of(random, sizeof random));
    for (size_t i = 0; i < 16; i++)
        id[i] = i < hex.n ? (char)hex.p[i] : '0';
    id[16] = 0;
}

/* ---- the verdict ---- */

static enum judge_outcome ask(struct acceptance *a) {
    struct session *s = a->s;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LIMIT_RECIPIENTS * (LIMIT_ADDRESS_BYTES + 4));
    struct inspect_judge_req req = {.ip = span_of(s->ip, sizeof s->ip),
                                    .helo = buf_span(&s->helo),
                                    .mail_from = a->t->mail_from,
                                    .tls = buf_span(&s->tls),
                                    .received_ms = a->letter.received_ms,
                                    .letter = buf_span(&a->t->body)};
    for (const struct recipient *r = a->t->recipients; r; r = r->next)
        ipc_list_add(&req.recipients, &raw, r->address);
    return judge_letter(s->edge->judge, &req, deadline_in_ms(JUDGE_MS), &a->verdict_msg, &a->verdict);
}

/* The inspector's reply line, when it is one that this disposition may have. */
static bool reply_fits(struct span reply, uint8_t first_digit) {
    if (reply.n < 5 || reply.p[0] != first_digit || reply.p[3] != ' ')
        return false;
    for (size_t i = 0; i < reply.n; i++)
        if (reply.p[i] < 0x20 || reply.p[i] > 0x7e || (i < 3 && (reply.p[i] < '0' || reply.p[i] > '9')))
            return false;
    return true;
}

/* True when the letter is not taken, and the reply says so. */
static bool turned_away(struct acceptance *a) {
    struct span reply = a->verdict.smtp_reply;
    if (a->verdict.disposition == DISPOSITION_REJECT) {
        bool fits = reply_fits(reply, '5');
        session_reply(a->s, "%.*s", SPAN_FMT(fits ? reply : SPAN("550 5.7.1 Message refused by policy")));
        return true;
    }
    bool taken = a->verdict.disposition > DISPOSITION_REJECT && a->verdict.disposition <= DISPOSITION_ACCEPT;
    if (!taken) { /* tempfail, and anything unknown */
        bool fits = reply_fits(reply, '4');
        session_reply(a->s, "%.*s", SPAN_FMT(fits ? reply : SPAN(TEXT_UNAVAILABLE)));
    }
    return !taken;
}

static void letter_from_verdict(struct acceptance *a) {
    const struct inspect_judge_rep *v = &a->verdict;
    struct letter *letter = &a->letter;
    letter->disposition = v->disposition;
    letter->trust = v->trust;
    letter->state = v->state;
    memcpy(letter->letter_digest.b, v->digest.p, SHA256_BYTES);
    letter->facets = v->facets;
    letter->attachments = v->attachments;
    letter->from_address = v->from_address;
    letter->message_id_hash = v->message_id_hash;
    letter->reference_hashes = v->reference_hashes;
    letter->automatic = v->automatic;
    letter->signals = v->signals;
    letter->weight = v->weight;
    letter->trust_domain = v->trust_domain;
    letter->contact_domain = v->contact_domain;
    letter->contact_name = v->contact_name;
    letter->contact_looks = v->contact_looks;
    letter->people = v->people;
}

/* Nobody could read it: it is kept, and opens for no one without a release. */
static enum sd_err letter_unparsed(struct acceptance *a) {
    static const uint8_t no_hash[SHA256_BYTES];
    struct letter *letter = &a->letter;
    a->verdict = (struct inspect_judge_rep){0}; /* nothing to prepend, nothing to cut */
    letter->disposition = DISPOSITION_QUARANTINE;
    letter->trust = TRUST_FAILED;
    letter->state = OBJECT_UNSCANNABLE;
    letter->message_id_hash = span_of(no_hash, sizeof no_hash);
    letter->automatic = true;
    enum sd_err err = put_unparsed_facets(&a->unparsed);
    letter->facets = buf_span(&a->unparsed);
    log_warn("edge.quarantine", "id=%s reason=breaks-the-parser", a->id);
    return err;
}

/* True when there is a letter to keep; else the reply is made. */
static bool judged(struct acceptance *a) {
    enum sd_err err = SD_OK;
    switch (ask(a)) {
    case JUDGE_DONE:
        if (turned_away(a))
            return false;
        letter_from_verdict(a);
        break;
    case JUDGE_BREAKS:
        err = letter_unparsed(a);
        break;
    case JUDGE_TIMEOUT:
        session_reply(a->s, "451 4.4.3 The checks took too long, try again later");
        return false;
    case JUDGE_UNAVAILABLE:
        session_reply(a->s, TEXT_UNAVAILABLE);
        return false;
    }
    if (err == SD_OK)
        err = letter_check(&a->letter);
    if (err) {
        log_error("edge.verdict", "id=%s error=%s", a->id, sd_err_name(err));
        session_reply(a->s, TEXT_UNAVAILABLE);
    }
    return err == SD_OK;
}

/* ---- the source as it is stored ---- */

static void put_our_received(struct acceptance *a) {
    const struct session *s = a->s;
    struct received_facts facts = {.helo = buf_span(&s->helo),
                                   .by = s->edge->hostname,
                                   .extended = s->hello == HELLO_EHLO,
                                   .tls = buf_span(&s->tls),
                                   .id = span_cstr(a->id),
                                   .recipient = a->t->recipient_count == 1 ? a->t->recipients->address : SPAN_NONE,
                                   .at_unix_ms = a->letter.received_ms};
    for (size_t i = 0; i < sizeof facts.ip; i++)
        facts.ip[i] = s->ip[i];
    put_received(&a->source, &facts);
}

/* The letter without what the inspector cut: ascending, inside the letter, not overlapping. */
static enum sd_err put_without_cuts(struct buf *to, struct span letter, struct ipc_list cuts) {
    struct ipc_list_iter iter = ipc_list_start(cuts);
    struct span item;
    size_t at = 0;
    while (ipc_list_next(&iter, &item)) {
        struct reader r = reader_of(item);
        size_t offset = read_u32(&r);
        size_t n = read_u32(&r);
        if (reader_end(&r) || offset < at || offset > letter.n || n > letter.n - offset)
            return SD_ERR_PARSE;
        buf_put(to, span_sub(letter, at, offset - at));
        at = offset + n;
    }
    buf_put(to, span_from(letter, at));
    return buf_err(to);
}

/* Makes source and its digest; the message as it came is let go. */
static enum sd_err make_source(struct acceptance *a) {
    size_t spare = a->verdict.prepend.n + 2048;
    if (!buf_reserve(&a->source, a->t->body.n + spare))
        return buf_err(&a->source);
    put_our_received(a);
    buf_put(&a->source, a->verdict.prepend);
    enum sd_err err = put_without_cuts(&a->source, buf_span(&a->t->body), a->verdict.cuts);
    if (err)
        return err;
    transaction_drop_body(a->t);
    a->letter.source = buf_span(&a->source);
    return crypt_sha256(a->letter.source, &a->letter.source_digest);
}

/* ---- the records ---- */

#define TOKENS_MAX 8       /* cards.def */
#define TOKEN_MAX_BYTES 64 /* a longer one is none of ours */

static enum sd_err seal_for(const struct acceptance *a, const struct queue *queue, struct buf *frames) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(TOKENS_MAX * (TOKEN_MAX_BYTES + 4));
    struct ipc_list tokens = {0};
    for (const struct recipient *r = a->t->recipients; r; r = r->next)
        if (r->queue == queue && r->token.n && r->token.n <= TOKEN_MAX_BYTES && tokens.count < TOKENS_MAX)
            ipc_list_add(&tokens, &raw, r->token);
    return seal_letter(&a->letter, &a->key, queue->name, tokens, frames);
}

static enum sd_err seal_and_append(const struct acceptance *a) {
    const struct queue *queues[LIMIT_RECIPIENTS];
    size_t count = transaction_queues(a->t, queues, SD_COUNT(queues));
    size_t each = a->letter.source.n + a->letter.facets.n + SEAL_SPARE_BYTES;
    struct buf frames SD_CLEANUP(buf_free) = buf_new(count * (each + each / 64));
    enum sd_err err = SD_OK;
    for (size_t i = 0; err == SD_OK && i < count; i++)
        err = seal_for(a, queues[i], &frames);
    return err ? err : intake_append(a->s->edge->intake, buf_span(&frames), (unsigned)count);
}

static enum sd_err store(struct acceptance *a) {
    pthread_mutex_t *large = &a->s->edge->large;
    bool is_large = a->t->body.n > LARGE_BYTES;
    if (is_large)
        pthread_mutex_lock(large);
    enum sd_err err = make_source(a);
    if (err == SD_OK)
        err = seal_and_append(a);
    if (is_large)
        pthread_mutex_unlock(large);
    return err;
}

void accept_letter(struct session *s) {
    struct acceptance a SD_CLEANUP(acceptance_free) = {
        .s = s, .t = s->transaction, .unparsed = buf_new(64 * 1024), .source = buf_new(2 * LIMIT_MESSAGE_BYTES)};
    new_id(a.id);
    a.letter.received_ms = clock_unix_ms();
    a.letter.tls = buf_span(&s->tls);
    if (key_cache_get(s->edge->keys, deadline_in_ms(KEY_WAIT_MS), &a.key)) {
        session_reply(s, TEXT_UNAVAILABLE);
        return;
    }
    if (!judged(&a))
        return;
    enum sd_err err = store(&a);
    if (err == SD_OK) {
        s->accepted++;
        s->bad_commands = 0;
        session_reply(s, "250 2.0.0 Accepted as %s", a.id);
    } else if (err == SD_ERR_FULL || err == SD_ERR_NOMEM)
        session_reply(s, "452 4.3.1 No space, try again later");
    else
        session_reply(s, TEXT_UNAVAILABLE);
    if (err)
        log_error("edge.accept", "id=%s error=%s", a.id, sd_err_name(err));
}
