/*
 * POST /api/v1/tickets/{id}/replies: builds the answer, has the keeper sign it, seals it, and stores message, facets and
 * outbound row in one transaction. Under one Idempotency-Key it happens once, whatever is repeated.
 */
#include "auth/auth.h"
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "core/role.h"
#include "desk/reading.h"
#include "desk/reply.h"
#include "desk/ticket_find.h"
#include "store/event.h"
#include "store/facet.h"
#include "store/idempotency.h"
#include "store/message.h"
#include "store/outbound.h"

#define SEALED_MAX (REPLY_MESSAGE_MAX + SEALED_EXTRA)

/* One answer on its way. Bytes that are only ours until they are stored: wiped with it. */
struct answer {
    struct ticket_row ticket;
    struct if_match condition;
    struct reply_wish wish;
    struct reply_fingerprint fingerprint;
    struct head answered;
    struct addressee to;
    struct reply_plan plan;
    struct buf message;        /* finished, then with the signatures on top */
    struct ipc_msg *signed_by; /* keeper.reply's answer: the object's key is in it */
    struct keeper_reply_rep signature;
    struct object_id object;
    struct warrant_id warrant;
    struct buf head, text, source; /* sealed */
    int64_t now_ms;
};

static void answer_free(struct answer *a) {
    head_free(&a->answered);
    buf_free(&a->message);
    ipc_msg_free(&a->signed_by);
    buf_free(&a->head);
    buf_free(&a->text);
    buf_free(&a->source);
}

static void respond_accepted(struct exchange *x, const struct object_id *object) {
    struct json_out j = respond_json(x, 202);
    json_begin_object(&j, NULL);
    json_hex(&j, "id", object_id_span(object));
    json_begin_object(&j, "delivery");
    json_cstr(&j, "state", delivery_state_text(DELIVERY_QUEUED)); /* as it was accepted; repeated as it was */
    json_end(&j);
    json_end(&j);
}

/* ---- what is asked ---- */

/* True: the request is refused and the response is there. */
static bool refuse_request(struct exchange *x, struct answer *a, enum sd_err *ret_err) {
    struct json_in *body SD_CLEANUP(in_free) = NULL;
    struct field_errors errors = {0};
    if (x->request->idempotency_key.n && !idempotency_key_valid(x->request->idempotency_key))
        respond_problem(x, PROBLEM_KEY_MALFORMED, SPAN_NONE);
    else if (in_body(x->request, &body) != SD_OK)
        respond_problem(x, PROBLEM_MALFORMED, SPAN("The body is not a JSON object."));
    else if ((*ret_err = reply_read(body, x->arena, &a->wish, &errors)) == SD_OK && errors.count)
        respond_invalid(x, &errors);
    else
        return false;
    return true;
}

/* The answer that this key made before: 202 again, or 422 when it was another. SD_ERR_NOTFOUND: the key is new. */
static enum sd_err repeat(struct desk *desk, struct exchange *x, const struct answer *a) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct object_id object, same;
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = idempotency_get(lease.store, x->session.person, span_of(a->fingerprint.key.b, SHA256_BYTES), a->now_ms, &object);
    if (err)
        return err;
    err = idempotency_get(lease.store, x->session.person, span_of(a->fingerprint.request.b, SHA256_BYTES), a->now_ms, &same);
    if (err == SD_OK && span_eq(object_id_span(&object), object_id_span(&same)))
        respond_accepted(x, &object);
    else if (err == SD_OK || err == SD_ERR_NOTFOUND)
        respond_problem(x, PROBLEM_KEY_REUSED, SPAN_NONE);
    else
        return err;
    return SD_OK;
}

/* Why this ticket takes no answer; an empty span when it does. */
static struct span unanswerable(const struct ticket_row *ticket) {
    switch (ticket->state) {
    case TICKET_REVIEW:
        return SPAN(
            "The ticket is in Review: who sent it could not be verified. Release it first if you are sure who wrote it.");
    case TICKET_QUARANTINE:
        return SPAN("The ticket is in quarantine and takes no answers.");
    case TICKET_SPAM:
        return SPAN("The ticket is marked as spam; open it again before you answer.");
    default:
        return ticket->has_last_inbound ? SPAN_NONE : SPAN("Nobody has written to this ticket, so there is nobody to answer.");
    }
}

static bool refuse_ticket(struct exchange *x, const struct answer *a) {
    struct span reason = unanswerable(&a->ticket);
    if (!if_match_permits(a->condition, (uint64_t)a->ticket.revision))
        respond_problem(x, PROBLEM_STALE, SPAN_NONE);
    else if (reason.n)
        respond_problem(x, PROBLEM_NOT_ANSWERABLE, reason);
    else
        return false;
    return true;
}

/* ---- the message ---- */

static enum sd_err choose(struct desk *desk, struct exchange *x, const struct answer *a, struct addressee_choice *ret) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = addressee_find(lease.store, &a->ticket, ret);
    return err == SD_OK && !ret->is_there ? SD_ERR_PARSE : err;
}

static enum sd_err load_answered(struct desk *desk, struct exchange *x, struct answer *a) {
    struct keys keys;
    struct addressee_choice choice;
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = choose(desk, x, a, &choice);
    if (err == SD_OK)
        err = read_head_keys(desk, x, &choice.answered, 1, &keys);
    if (err == SD_OK && keys.keys[0].n == 0)
        err = SD_ERR_NOTFOUND;
    if (err == SD_OK)
        err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = read_head(lease.store, &choice.answered, keys.keys[0], &a->answered);
    return err ? err : addressee_of(&a->answered.card, &choice, x->arena, &a->to);
}

static enum sd_err build(struct desk *desk, struct exchange *x, struct answer *a, struct span *ret_token) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_reply_token_req req = {
        .token = x->session.token, .origin = x->request->client, .ticket = ticket_id_span(&a->ticket.id)};
    struct keeper_reply_token_rep rep;
    enum sd_err err = keeper_reply_token_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    struct reply_facts facts = {.answered = &a->answered.card,
                                .to = a->to,
                                .queue = a->ticket.queue,
                                .queue_address = arena_span(x->arena, rep.queue_address),
                                .reply_token = arena_span(x->arena, rep.reply_token),
                                .hostname = span_cstr(desk->hostname),
                                .now_ms = a->now_ms};
    err = reply_plan(&facts, &a->wish, x->arena, &a->plan);
    if (err == SD_OK)
        err = mail_build(&a->plan.draft, &a->message);
    *ret_token = facts.reply_token;
    return err;
}

static enum sd_err ask_signature(struct desk *desk, struct exchange *x, struct answer *a, struct span reply_token) {
    struct buf cc SD_CLEANUP(buf_free) = buf_new(64 * 1024);
    struct keeper_reply_req req = {.token = x->session.token,
                                   .origin = x->request->client,
                                   .ticket = ticket_id_span(&a->ticket.id),
                                   .reply_token = reply_token,
                                   .message = buf_span(&a->message)};
    for (size_t i = 0; i < a->wish.cc_count; i++)
        ipc_list_add(&req.cc, &cc, a->wish.cc[i].address);
    if (a->to.is_reply_to) /* takes no part yet: named, and so on the record */
        ipc_list_add(&req.cc, &cc, a->to.address);
    enum sd_err err = buf_err(&cc);
    return err ? err : keeper_reply_call(desk->keeper, &req, x->deadline, &a->signed_by, &a->signature);
}

static enum sd_err seal_one(const struct answer *a, enum facet facet, struct span plain, struct buf *to) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    enum sd_err err = facet_key(a->signature.object_key, facet, &key);
    return err ? err : seal_facet(secret_span(&key), &a->object, facet, plain, to);
}

/* The source is the signed message: the signatures on top, byte for byte. */
static enum sd_err seal_all(struct answer *a) {
    struct buf source SD_CLEANUP(buf_free) = buf_new(SEALED_MAX);
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(HEAD_PLAIN_MAX);
    enum sd_err err = object_id_from(a->signature.object, &a->object);
    if (err == SD_OK)
        err = warrant_id_from(a->signature.warrant, &a->warrant);
    buf_put(&source, a->signature.signature_fields);
    buf_put(&source, buf_span(&a->message));
    if (err == SD_OK)
        err = buf_err(&source);
    if (err == SD_OK)
        err = reply_card(&a->plan, &card);
    if (err == SD_OK)
        err = seal_one(a, FACET_HEAD, buf_span(&card.body), &a->head);
    if (err == SD_OK)
        err = seal_one(a, FACET_TEXT, a->wish.text, &a->text);
    if (err == SD_OK)
        err = seal_one(a, FACET_SOURCE, buf_span(&source), &a->source);
    return err;
}

/* ---- the store ---- */

static enum sd_err file_message(struct store *store, const struct exchange *x, const struct answer *a) {
    struct message_row message = {.object = a->object,
                                  .ticket = a->ticket.id,
                                  .direction = DIRECTION_OUT,
                                  .at_ms = a->now_ms,
                                  .trust = TRUST_VERIFIED,
                                  .disposition = DISPOSITION_ACCEPT,
                                  .state = OBJECT_CLEAN, /* our own text, nothing attached */
                                  .size_bytes = a->message.n + a->signature.signature_fields.n,
                                  .author = x->session.person};
    enum sd_err err = message_add(store, &message, TICKET_PENDING);
    if (err == SD_OK)
        err = facet_put(store, &a->object, FACET_HEAD, buf_span(&a->head));
    if (err == SD_OK)
        err = facet_put(store, &a->object, FACET_TEXT, buf_span(&a->text));
    if (err == SD_OK)
        err = facet_put(store, &a->object, FACET_SOURCE, buf_span(&a->source));
    return err;
}

static enum sd_err file_delivery(struct store *store, const struct exchange *x, const struct answer *a) {
    struct outbound_row outbound = {.object = a->object,
                                    .warrant = a->warrant,
                                    .ticket = a->ticket.id,
                                    .state = DELIVERY_QUEUED,
                                    .next_ms = a->now_ms,
                                    .created_ms = a->now_ms};
    struct event_row event = {.at_ms = a->now_ms,
                              .kind = EVENT_QUEUED,
                              .actor = x->session.person,
                              .detail = SPAN("Answer queued for delivery."),
                              .has_object = true,
                              .object = a->object};
    enum sd_err err = outbound_add(store, &outbound);
    return err ? err : event_add(store, &a->ticket.id, &event);
}

/* Inside the transaction the ticket is looked at again: it may have changed while the keeper signed. */
static enum sd_err still_wanted(struct store *store, struct exchange *x, const struct answer *a) {
    struct ticket_row now;
    enum sd_err err = ticket_get(store, &a->ticket.id, x->arena, &now);
    if (err)
        return err;
    return if_match_permits(a->condition, (uint64_t)now.revision) && unanswerable(&now).n == 0 ? SD_OK : SD_ERR_STALE;
}

static enum sd_err file_all(struct desk *desk, struct exchange *x, const struct answer *a) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = store_begin(lease.store, x->deadline);
    if (err == SD_OK)
        err = still_wanted(lease.store, x, a);
    if (err == SD_OK)
        err = idempotency_claim(lease.store, x->session.person, span_of(a->fingerprint.key.b, SHA256_BYTES), &a->object,
                                a->now_ms);
    if (err == SD_OK)
        err = idempotency_claim(lease.store, x->session.person, span_of(a->fingerprint.request.b, SHA256_BYTES), &a->object,
                                a->now_ms);
    if (err == SD_OK)
        err = file_message(lease.store, x, a);
    if (err == SD_OK)
        err = file_delivery(lease.store, x, a);
    return err ? err : store_commit(lease.store);
}

/* ---- the whole ---- */

static enum sd_err sign_and_file(struct desk *desk, struct exchange *x, struct answer *a, struct span reply_token) {
    enum sd_err err = ask_signature(desk, x, a, reply_token);
    if (err == SD_ERR_UNSUPPORTED || (err == SD_OK && a->signature.outcome != REPLY_SIGNED)) {
        respond_problem(x, PROBLEM_REFUSED, err ? SPAN_NONE : a->signature.reason);
        return SD_OK;
    }
    if (err == SD_OK)
        err = seal_all(a);
    if (err == SD_OK)
        err = file_all(desk, x, a);
    if (err)
        return err;
    if (desk->outbound_bell >= 0)
        bell_ring(desk->outbound_bell);
    respond_accepted(x, &a->object);
    return SD_OK;
}

/* With the key's lock held. */
static enum sd_err answer_once(struct desk *desk, struct exchange *x, struct answer *a) {
    struct span token = SPAN_NONE;
    enum sd_err err = repeat(desk, x, a);
    if (err != SD_ERR_NOTFOUND)
        return err;
    if (refuse_ticket(x, a))
        return ticket_seen(desk, x, &a->ticket);
    err = load_answered(desk, x, a);
    if (err == SD_OK)
        err = build(desk, x, a, &token);
    if (err == SD_ERR_FORGED || err == SD_ERR_PARSE) {
        respond_problem(x, PROBLEM_NOT_ANSWERABLE, SPAN("The customer's letter names no address that can be answered."));
        return SD_OK;
    }
    if (err == SD_ERR_LIMIT && buf_err(&a->message) == SD_ERR_LIMIT) {
        struct field_errors errors = {0};
        field_wrong(&errors, SPAN("text"), "too-long", "Written as mail the answer is larger than 2 MiB.");
        respond_invalid(x, &errors);
        return SD_OK;
    }
    return err ? err : sign_and_file(desk, x, a, token);
}

/* Without a key of the client's nothing can be recognised as a repetition: the request gets one of its own. */
static struct span key_of(struct exchange *x) {
    uint8_t bytes[16];
    if (x->request->idempotency_key.n)
        return x->request->idempotency_key;
    random_bytes(bytes, sizeof bytes);
    return arena_span(x->arena, span_of(bytes, sizeof bytes));
}

static enum sd_err answer_locked(struct desk *desk, struct exchange *x, struct answer *a) {
    enum sd_err err = reply_fingerprint(key_of(x), ticket_id_span(&a->ticket.id), &a->wish, x->arena, &a->fingerprint);
    if (err)
        return err;
    pthread_mutex_t *lock = &desk->reply_locks[a->fingerprint.key.b[0] % REPLY_LOCKS];
    (void)pthread_mutex_lock(lock);
    err = answer_once(desk, x, a);
    (void)pthread_mutex_unlock(lock);
    return err;
}

enum sd_err api_reply_create(struct desk *desk, struct exchange *x) {
    struct answer a SD_CLEANUP(answer_free) = {.message = buf_new(REPLY_MESSAGE_MAX),
                                               .head = buf_new(SEALED_MAX),
                                               .text = buf_new(SEALED_MAX),
                                               .source = buf_new(SEALED_MAX),
                                               .condition = if_match_of(x->request->if_match),
                                               .now_ms = clock_unix_ms()};
    enum sd_err err = ticket_find(desk, x, &a.ticket);
    if (err)
        return err;
    intend(x, VERB_REPLY, ticket_id_span(&a.ticket.id));
    if (refuse_request(x, &a, &err))
        return err ? err : ticket_seen(desk, x, &a.ticket); /* what was wrong is said to those alone who may know the ticket */
    return err ? err : answer_locked(desk, x, &a);
}
