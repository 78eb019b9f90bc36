/*
 * test_peers.h - for tests of what the clerk does beside filing: a store with letters that are really sealed, and a keeper, an
 * inspector and a renderer that answer as they are told. Each is a thread at the other end of a channel.
 */
#ifndef SD_CLERK_TEST_PEERS_H
#define SD_CLERK_TEST_PEERS_H

#include "store/test_store.h"

#include "core/ipc/cards.h"
#include "core/ipc/inspect.h"
#include "core/ipc/keeper.h"
#include "core/ipc/render.h"
#include "store/event.h"
#include "store/facet.h"
#include "store/learn.h"
#include "store/preview.h"
#include "store/remove.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* ---- a peer ---- */

struct fake_peer {
    pthread_t thread;
    bool running;
    int fds[2];
    struct ipc_client *client;
    const struct ipc_op *ops;
    size_t op_count;
    void *ctx;
};

/* A handler that fails ends its peer, as if it had died. */
static inline void *fake_peer_run(void *arg) {
    struct fake_peer *peer = arg;
    struct ipc_conn *conn = ipc_conn_new(peer->fds[1], PEER_CLERK, 0);
    enum sd_err err = conn ? SD_OK : SD_ERR_NOMEM;
    while (err == SD_OK || err == SD_ERR_TIMEOUT)
        err = ipc_serve_one(conn, peer->ops, peer->op_count, 1, peer->ctx, deadline_in_ms(1000));
    if (conn)
        ipc_conn_unref(&conn);
    return NULL;
}

static inline void fake_peer_stop(struct fake_peer *peer) {
    if (peer->client)
        ipc_client_attach(peer->client, -1); /* its end sees the channel close */
    if (peer->running)
        assert_int_equal(pthread_join(peer->thread, NULL), 0);
    peer->running = false;
}

/* Anew after it died, too. */
static inline void fake_peer_start(struct fake_peer *peer, const char *service, const struct ipc_op *ops, size_t op_count,
                                   void *ctx) {
    fake_peer_stop(peer);
    if (!peer->client)
        peer->client = ipc_client_new(service);
    assert_non_null(peer->client);
    peer->ops = ops;
    peer->op_count = op_count;
    peer->ctx = ctx;
    assert_int_equal(ipc_pair(peer->fds), SD_OK);
    ipc_client_attach(peer->client, peer->fds[0]);
    assert_int_equal(pthread_create(&peer->thread, NULL, fake_peer_run, peer), 0);
    peer->running = true;
}

static inline void fake_peer_free(struct fake_peer *peer) {
    fake_peer_stop(peer);
    ipc_client_free(&peer->client);
}

/* ---- letters that are really sealed ---- */

#define FAKE_LETTERS 8
#define FAKE_FILES 2 /* attachments of each */
#define FAKE_CONTENT_MAX ((size_t)26 * 1024 * 1024)

struct fake_object {
    struct object_id id;
    uint8_t key[32];
    struct sha256 digest;
};

/* A letter's source and its files: of so many bytes, all of them what names it. */
static inline void fake_content(struct buf *to, unsigned letter, unsigned file, size_t bytes) {
    buf_printf(to, "letter %u file %u ", letter, file);
    buf_fill(to, (uint8_t)('a' + letter), bytes);
}

static inline void fake_seal(struct store *store, struct fake_object *object, enum facet facet, struct span plain) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(FAKE_CONTENT_MAX * 2);
    struct secret key SD_CLEANUP(secret_free) = {0};
    assert_int_equal(crypt_sha256(plain, &object->digest), SD_OK);
    assert_int_equal(facet_key(span_of(object->key, 32), facet, &key), SD_OK);
    assert_int_equal(seal_facet(secret_span(&key), &object->id, facet, plain, &sealed), SD_OK);
    assert_int_equal(facet_put(store, &object->id, facet, buf_span(&sealed)), SD_OK);
}

/* ---- the keeper ---- */

struct fake_warrants {
    struct fake_peer peer;
    struct fake_object letters[FAKE_LETTERS], files[FAKE_LETTERS][FAKE_FILES];
    /* What it is told. */
    unsigned due_retry, due_hunt; /* letters, bits by number; handed out once */
    atomic_bool no_policy, away;
    atomic_uint refused_facets; /* bits by facet */
    /* What it has seen. */
    atomic_uint due_asked, policies, opened, refused;
    uint8_t warrant; /* the one that is good: the latest by policy, or what a test says */
};

static inline enum sd_err fake_scan_due(void *ctx, struct ipc_call *call) {
    struct fake_warrants *k = ctx;
    struct keeper_scan_due_rep rep = {0};
    struct buf retry SD_CLEANUP(buf_free) = buf_new(4096), hunt SD_CLEANUP(buf_free) = buf_new(4096);
    atomic_fetch_add(&k->due_asked, 1);
    if (atomic_load(&k->away)) {
        ipc_refuse(call, SD_ERR_UNAVAILABLE);
        return SD_OK;
    }
    for (unsigned n = 0; n < 32; n++) {
        struct object_id id = test_object_id(n);
        if (k->due_retry >> n & 1)
            ipc_list_add(&rep.retry, &retry, object_id_span(&id));
        if (k->due_hunt >> n & 1)
            ipc_list_add(&rep.hunt, &hunt, object_id_span(&id));
    }
    k->due_retry = k->due_hunt = 0;
    keeper_scan_due_reply(call, &rep);
    return SD_OK;
}

static inline enum sd_err fake_policy(void *ctx, struct ipc_call *call) {
    struct fake_warrants *k = ctx;
    struct warrant_id id = {{0}};
    atomic_fetch_add(&k->policies, 1);
    if (atomic_load(&k->no_policy)) {
        ipc_refuse(call, SD_ERR_DENIED);
        return SD_OK;
    }
    id.b[0] = ++k->warrant;
    struct keeper_warrant_by_policy_rep rep = {
        .warrant = warrant_id_span(&id), .uses = 5, .expires_ms = clock_unix_ms() + 24 * 60 * 60 * 1000};
    keeper_warrant_by_policy_reply(call, &rep);
    return SD_OK;
}

static inline struct fake_object *fake_find(struct fake_warrants *k, struct span id) {
    for (unsigned n = 0; n < FAKE_LETTERS; n++) {
        if (span_eq(object_id_span(&k->letters[n].id), id))
            return &k->letters[n];
        for (unsigned f = 0; f < FAKE_FILES; f++)
            if (span_eq(object_id_span(&k->files[n][f].id), id))
                return &k->files[n][f];
    }
    return NULL;
}

static inline enum sd_err fake_open(void *ctx, struct ipc_call *call) {
    struct fake_warrants *k = ctx;
    struct keeper_warrant_open_req req;
    struct secret key SD_CLEANUP(secret_free) = {0};
    if (keeper_warrant_open_req_decode(call->msg->body, call->msg, &req) != SD_OK)
        return SD_ERR_PROTOCOL;
    struct fake_object *object = fake_find(k, req.object);
    bool refused = !object || req.warrant.p[0] != k->warrant || atomic_load(&k->refused_facets) >> req.facet & 1;
    if (atomic_load(&k->away) || refused) {
        atomic_fetch_add(&k->refused, 1);
        ipc_refuse(call, refused ? SD_ERR_DENIED : SD_ERR_UNAVAILABLE);
        return SD_OK;
    }
    atomic_fetch_add(&k->opened, 1);
    if (facet_key(span_of(object->key, 32), (enum facet)req.facet, &key) != SD_OK)
        return SD_ERR_BUG;
    struct keeper_warrant_open_rep rep = {.key = secret_span(&key), .digest = span_of(object->digest.b, SHA256_BYTES)};
    keeper_warrant_open_reply(call, &rep);
    return SD_OK;
}

static inline void fake_warrants_start(struct fake_warrants *k) {
    static const struct ipc_op ops[] = {
        {58, "warrant_by_policy", PEER_CLERK, 1, false, false, fake_policy},
        {74, "warrant_open", PEER_CLERK, 1, false, false, fake_open},
        {99, "scan_due", PEER_CLERK, 1, false, false, fake_scan_due},
    };
    for (unsigned n = 0; n < FAKE_LETTERS; n++) {
        k->letters[n].id = test_object_id(n);
        memset(k->letters[n].key, (int)(n + 1), 32);
        for (unsigned f = 0; f < FAKE_FILES; f++) {
            assert_int_equal(attachment_object_id(&k->letters[n].id, (uint16_t)f, &k->files[n][f].id), SD_OK);
            memset(k->files[n][f].key, (int)(0x80 + n * FAKE_FILES + f), 32);
        }
    }
    fake_peer_start(&k->peer, "keeper", ops, SD_COUNT(ops), k);
}

/* Files letter n on ticket n with its attachments, clean, of so many bytes each. */
static inline void fake_file(struct fake_warrants *k, struct store *store, unsigned n, size_t bytes) {
    struct message_row m = {.object = test_object_id(n),
                            .ticket = test_ticket_id(n),
                            .direction = DIRECTION_IN,
                            .at_ms = 1000 + n,
                            .state = OBJECT_CLEAN,
                            .attachments = FAKE_FILES};
    struct buf plain SD_CLEANUP(buf_free) = buf_new(FAKE_CONTENT_MAX);
    test_begin(store);
    assert_int_equal(ticket_ensure(store, &m.ticket, SPAN("support"), TICKET_OPEN, &m.object, 1), SD_OK);
    assert_int_equal(message_add(store, &m, TICKET_OPEN), SD_OK);
    fake_content(&plain, n, 99, bytes);
    fake_seal(store, &k->letters[n], FACET_SOURCE, buf_span(&plain));
    for (unsigned f = 0; f < FAKE_FILES; f++) {
        struct attachment_row a = {
            .object = k->files[n][f].id, .message = m.object, .index = (uint16_t)f, .state = OBJECT_CLEAN};
        assert_int_equal(attachment_add(store, &a), SD_OK);
        buf_reset(&plain);
        fake_content(&plain, n, f, bytes);
        fake_seal(store, &k->files[n][f], FACET_FILE, buf_span(&plain));
    }
    assert_int_equal(store_commit(store), SD_OK);
}

#endif
