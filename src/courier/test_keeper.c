#include "courier/test_keeper.h"

#include "crypt/crypt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OP_DELIVERED 31 /* keeper.def */
#define IDLE_MS 60000

struct object_id test_keeper_object(const uint8_t warrant[16]) {
    struct object_id id = {{'O'}};
    id.b[8] = warrant[0];
    return id;
}

static void answer_redeem(struct test_keeper *k, struct ipc_call *call, const struct keeper_redeem_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(4096);
    struct object_id object = test_keeper_object(req->warrant.p);
    struct keeper_redeem_rep rep = {.object = span_of(object.b, sizeof object.b),
                                    .source_key = span_of(k->source_key, 32),
                                    .receipt_key = span_of(k->receipt_key, 32),
                                    .digest = span_of(k->digest, 32),
                                    .mail_from = SPAN("support@desk.example")};
    for (size_t i = 0; i < SD_COUNT(k->recipients) && k->recipients[i]; i++)
        ipc_list_add(&rep.recipients, &raw, span_cstr(k->recipients[i]));
    keeper_redeem_reply(call, &rep);
}

static void take_report(struct test_keeper *k, struct ipc_call *call, const struct keeper_delivered_req *req) {
    k->reported++;
    k->last_state = req->state;
    k->last_last = req->last;
    (void)snprintf(k->last_status, sizeof k->last_status, "%.*s", SPAN_FMT(req->status));
    if (k->silent_report || k->spent) {
        ipc_refuse(call, k->spent ? SD_ERR_DENIED : SD_ERR_BUSY);
        return;
    }
    k->spent = req->last && !k->reusable;
    keeper_delivered_reply(call, &(struct keeper_delivered_rep){});
}

static void serve_one(struct test_keeper *k, struct ipc_call *call) {
    struct keeper_redeem_req redeem;
    struct keeper_delivered_req delivered;
    (void)pthread_mutex_lock(&k->lock);
    if (call->msg->op == OP_DELIVERED && keeper_delivered_req_decode(call->msg->body, NULL, &delivered) == SD_OK) {
        take_report(k, call, &delivered);
    } else if (keeper_redeem_req_decode(call->msg->body, NULL, &redeem) == SD_OK) {
        k->redeemed++;
        if (k->spent || k->silent_redeem)
            ipc_refuse(call, k->spent ? SD_ERR_DENIED : SD_ERR_BUSY);
        else
            answer_redeem(k, call, &redeem);
    } else {
        ipc_refuse(call, SD_ERR_PROTOCOL);
    }
    (void)pthread_mutex_unlock(&k->lock);
}

static void *keep(void *arg) {
    struct test_keeper *k = arg;
    struct ipc_conn *conn = ipc_conn_new(k->fds[1], PEER_COURIER, 0);
    struct ipc_msg *msg = NULL;
    while (ipc_recv(k->fds[1], deadline_in_ms(IDLE_MS), &msg) == SD_OK) {
        struct ipc_call *call = malloc(sizeof *call);
        if (!call)
            abort();
        *call = (struct ipc_call){ipc_conn_ref(conn), msg};
        serve_one(k, call);
        msg = NULL;
    }
    ipc_conn_unref(&conn);
    return NULL;
}

void test_keeper_init(struct test_keeper *k, struct span letter) {
    struct sha256 digest;
    *k = (struct test_keeper){.recipients = {"a@d.example"}};
    memset(k->source_key, 'S', 32);
    memset(k->receipt_key, 'R', 32);
    if (crypt_sha256(letter, &digest) != SD_OK)
        abort();
    memcpy(k->digest, digest.b, 32);
    (void)pthread_mutex_init(&k->lock, NULL);
}

int test_keeper_start(struct test_keeper *k) {
    if (ipc_pair(k->fds) != SD_OK || pthread_create(&k->thread, NULL, keep, k) != 0)
        abort();
    return k->fds[0];
}

void test_keeper_stop(struct test_keeper *k) {
    (void)pthread_join(k->thread, NULL);
}
