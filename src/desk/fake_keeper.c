/* A keeper of a few lines, for tests: every object's key is the hash of its id; one agent with one queue is signed in. */
#include "core/ipc/keeper.h"
#include "core/ipc/states.h"
#include "core/role.h"
#include "crypt/seal.h"
#include "desk/fixture_test.h"

#include <pthread.h>
#include <string.h>

struct fake_keeper fake;

#define IPC_DEF "core/ipc/keeper.def"
#define IPC_TABLE fake_ops
#include "core/ipc/gen_dispatch.h"

static bool signed_in(struct span token) {
    uint8_t want[32], next[32];
    memset(want, TOKEN_BYTE, sizeof want);
    memset(next, NEXT_TOKEN_BYTE, sizeof next);
    return span_eq(token, span_of(want, sizeof want)) || span_eq(token, span_of(next, sizeof next));
}

/* Ids of the tests are one byte, repeated. */
static bool is_hidden(struct span id) {
    return fake.refuse_heads || (id.n && id.p[0] < 64 && (fake.hidden >> id.p[0] & 1));
}

static enum sd_err object_key(struct span object, struct sha256 *ret) {
    return crypt_sha256(object, ret);
}

enum sd_err fake_facet_key(struct span object, enum facet facet, struct secret *ret);
enum sd_err fake_facet_key(struct span object, enum facet facet, struct secret *ret) {
    struct sha256 key;
    enum sd_err err = object_key(object, &key);
    return err ? err : facet_key(span_of(key.b, sizeof key.b), facet, ret);
}

static struct ipc_list queues(struct buf *raw) {
    struct ipc_list list = {0};
    ipc_list_add(&list, raw, SPAN("support"));
    ipc_list_add(&list, raw, SPAN("sales"));
    return list;
}

enum sd_err keeper_on_sign_in(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_sign_in_req *req) {
    uint8_t token[32], csrf[32];
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    memset(token, TOKEN_BYTE, sizeof token);
    memset(csrf, CSRF_BYTE, sizeof csrf);
    struct keeper_sign_in_rep rep = {.outcome = SIGN_IN_FAILED};
    if (fake.sign_in_outcome == SIGN_IN_PASSKEY)
        rep = (struct keeper_sign_in_rep){.outcome = SIGN_IN_PASSKEY};
    else if (fake.sign_in_outcome == SIGN_IN_THROTTLED)
        rep = (struct keeper_sign_in_rep){.outcome = SIGN_IN_THROTTLED, .retry_after_s = 17};
    else if (span_eq(req->email, SPAN("ada@example.com")) && span_eq(req->password, SPAN("a long enough password")) &&
             span_eq(req->totp, SPAN("123456")))
        rep = (struct keeper_sign_in_rep){.outcome = SIGN_IN_OK,
                                          .token = span_of(token, sizeof token),
                                          .csrf = span_of(csrf, sizeof csrf),
                                          .person = SPAN(PERSON_AGENT),
                                          .name = SPAN("Ada"),
                                          .role = ROLE_AGENT,
                                          .queues = queues(&raw),
                                          .expires_ms = 1795435200000};
    memcpy(fake.origin, req->origin.p, req->origin.n);
    keeper_sign_in_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_session(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_session_req *req) {
    uint8_t csrf[32], next[32];
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    memset(csrf, CSRF_BYTE, sizeof csrf);
    memset(next, NEXT_TOKEN_BYTE, sizeof next);
    if (!signed_in(req->token))
        return SD_ERR_DENIED;
    struct keeper_session_rep rep = {.csrf = span_of(csrf, sizeof csrf),
                                     .person = SPAN(PERSON_AGENT),
                                     .name = SPAN("Ada"),
                                     .role = ROLE_AGENT,
                                     .queues = queues(&raw),
                                     .session = span_of(csrf, 16),
                                     .expires_ms = 1795435200000,
                                     .factor = (uint8_t)fake.factor,
                                     .limited = fake.limited,
                                     .new_token = fake.replaces_token ? span_of(next, sizeof next) : SPAN_NONE,
                                     .verbs = VERB_BIT(LIST) | VERB_BIT(OPEN),
                                     .alarms = 2};
    keeper_session_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_sign_out(SD_UNUSED void *ctx, struct ipc_call *call, SD_UNUSED const struct keeper_sign_out_req *req) {
    fake.sign_outs++;
    keeper_sign_out_reply(call, &(struct keeper_sign_out_rep){});
    return SD_OK;
}

enum sd_err keeper_on_open(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_open_req *req) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    uint8_t ticket[16];
    memset(ticket, 0x01, sizeof ticket);
    fake.opens++;
    fake.facet = req->facet;
    enum sd_err err = fake.open_status ? fake.open_status : fake_facet_key(req->object, req->facet, &key);
    if (err)
        return err;
    keeper_open_reply(call, &(struct keeper_open_rep){.key = secret_span(&key),
                                                      .digest = span_of(fake.digest, sizeof fake.digest),
                                                      .ticket = span_of(ticket, sizeof ticket)});
    return SD_OK;
}

enum sd_err keeper_on_open_heads(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_open_heads_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(8192);
    struct keeper_open_heads_rep rep = {0};
    struct ipc_list_iter iter = ipc_list_start(req->objects);
    struct span object;
    fake.heads++;
    while (ipc_list_next(&iter, &object)) {
        struct secret key SD_CLEANUP(secret_free) = {0};
        enum sd_err err = fake_facet_key(object, FACET_HEAD, &key);
        if (err)
            return err;
        ipc_list_add(&rep.keys, &raw, is_hidden(object) ? SPAN_NONE : secret_span(&key));
    }
    keeper_open_heads_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_reply_token(SD_UNUSED void *ctx, struct ipc_call *call,
                                  SD_UNUSED const struct keeper_reply_token_req *req) {
    keeper_reply_token_reply(
        call, &(struct keeper_reply_token_rep){.reply_token = SPAN("tok123"), .queue_address = SPAN("support@example.com")});
    return SD_OK;
}

enum sd_err keeper_on_reply(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_reply_req *req) {
    struct sha256 key;
    uint8_t object[16], warrant[16];
    fake.replies++;
    fake.reply_cc = req->cc.count;
    memset(object, (int)(0xa0 + fake.replies), sizeof object);
    memset(warrant, (int)(0xb0 + fake.replies), sizeof warrant);
    size_t n = req->message.n < sizeof fake.reply_message - 1 ? req->message.n : sizeof fake.reply_message - 1;
    memcpy(fake.reply_message, req->message.p, n);
    fake.reply_message[n] = 0;
    enum sd_err err = object_key(span_of(object, sizeof object), &key);
    if (err)
        return err;
    struct keeper_reply_rep rep = {.outcome = fake.refuse_reply ? REPLY_REFUSED : REPLY_SIGNED,
                                   .reason = fake.refuse_reply ? SPAN("A recipient takes no part in this ticket.") : SPAN_NONE,
                                   .object = span_of(object, sizeof object),
                                   .object_key = span_of(key.b, sizeof key.b),
                                   .warrant = span_of(warrant, sizeof warrant),
                                   .signature_fields = SPAN("DKIM-Signature: v=1\r\n")};
    keeper_reply_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_move(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_move_req *req) {
    fake.moves++;
    if (!span_eq(req->queue, SPAN("sales")))
        return SD_ERR_DENIED;
    keeper_move_reply(call, &(struct keeper_move_rep){});
    return SD_OK;
}

enum sd_err keeper_on_act(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_act_req *req) {
    fake.acts += req->action != ACTION_LIST;
    if (is_hidden(req->ticket))
        return SD_ERR_DENIED;
    if (fake.act_status && req->action != ACTION_LIST)
        return fake.act_status;
    keeper_act_reply(call, &(struct keeper_act_rep){});
    return SD_OK;
}

enum sd_err keeper_on_history(SD_UNUSED void *ctx, struct ipc_call *call, SD_UNUSED const struct keeper_history_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(8192);
    struct keeper_history_rep rep = {0};
    for (size_t i = 0; i < SD_COUNT(fake.history) && fake.history[i]; i++)
        ipc_list_add(&rep.records, &raw, span_cstr(fake.history[i]));
    keeper_history_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_person(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_person_req *req) {
    if (!span_eq(req->person, SPAN(PERSON_AGENT)) && !span_eq(req->person, SPAN("ada@example.com")))
        return SD_ERR_NOTFOUND;
    keeper_person_reply(call, &(struct keeper_person_rep){.person = SPAN(PERSON_AGENT), .name = SPAN("Ada")});
    return SD_OK;
}

void fake_domain_tag(struct span domain, uint8_t ret[DOMAIN_TAG_BYTES]);
void fake_domain_tag(struct span domain, uint8_t ret[DOMAIN_TAG_BYTES]) {
    memset(ret, 0, DOMAIN_TAG_BYTES);
    if (domain.n)
        memcpy(ret, domain.p, domain.n < DOMAIN_TAG_BYTES ? domain.n : DOMAIN_TAG_BYTES);
}

enum sd_err keeper_on_domain_tag(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_domain_tag_req *req) {
    uint8_t tag[DOMAIN_TAG_BYTES];
    memcpy(fake.domain, req->domain.p, req->domain.n);
    fake.domain[req->domain.n] = 0;
    fake_domain_tag(req->domain, tag);
    keeper_domain_tag_reply(call, &(struct keeper_domain_tag_rep){.tag = span_of(tag, sizeof tag)});
    return SD_OK;
}

enum sd_err keeper_on_state(SD_UNUSED void *ctx, struct ipc_call *call, SD_UNUSED const struct keeper_state_req *req) {
    keeper_state_reply(call, &(struct keeper_state_rep){.open = true});
    return SD_OK;
}

/* ---- channels: a thread each ---- */

#define CHANNELS_MAX 2

static struct channel {
    struct ipc_conn *conn;
    pthread_t thread;
} channels[CHANNELS_MAX];
static size_t channel_count;

static void *serve(void *arg) {
    struct channel *c = arg;
    enum sd_err err = SD_OK;
    while (err == SD_OK || err == SD_ERR_TIMEOUT)
        err = ipc_serve_one(c->conn, fake_ops, SD_COUNT(fake_ops), KEEPER_READY, NULL, deadline_in_ms(60000));
    return NULL;
}

int fake_keeper_start(void);
int fake_keeper_start(void) {
    fake = (struct fake_keeper){0};
    return fixture_keeper_channel();
}

int fixture_keeper_channel(void) {
    int fds[2];
    if (channel_count == CHANNELS_MAX || ipc_pair(fds) != SD_OK)
        return -1;
    struct channel *c = &channels[channel_count++];
    c->conn = ipc_conn_new(fds[1], PEER_DESK, 0);
    return pthread_create(&c->thread, NULL, serve, c) == 0 ? fds[0] : -1;
}

/* When all other ends are closed. */
void fake_keeper_join(void);
void fake_keeper_join(void) {
    while (channel_count > 0) {
        struct channel *c = &channels[--channel_count];
        (void)pthread_join(c->thread, NULL);
        ipc_conn_unref(&c->conn);
    }
}
