/* test_intake.h - for the clerk's tests: records, segments made of them, and a keeper that answers as it is told. */
#ifndef SD_CLERK_TEST_INTAKE_H
#define SD_CLERK_TEST_INTAKE_H

#include "store/test_store.h"

#include "clerk/record.h"
#include "core/crc32c.h"
#include "core/ipc/keeper.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEST_RECORD_MAX ((size_t)16 * 1024 * 1024)

struct test_letter {
    unsigned n;      /* names the object */
    uint8_t key;     /* the intake key's id, all bytes */
    uint16_t files;  /* attachments */
    size_t bytes;    /* of the sealed source; 0: a few */
    uint8_t version; /* 0: the present one */
    bool html;       /* with a sanitised page */
    uint8_t twice;   /* a facet that comes twice; 0: none */
};

static inline void put_sealed(struct buf *facets, const struct object_id *object, enum facet facet, struct span sealed) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(TEST_RECORD_MAX);
    assert_int_equal(cards_sealed_facet_v1_encode(&card, &(struct cards_sealed_facet_v1){.object = object_id_span(object),
                                                                                         .facet = (uint8_t)facet,
                                                                                         .sealed = sealed}),
                     SD_OK);
    buf_blob(facets, buf_span(&card.body));
}

static inline void put_facets(struct buf *facets, const struct test_letter *letter, const struct object_id *object) {
    struct buf source SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    buf_fill(&source, (uint8_t)letter->n, letter->bytes ? letter->bytes : 40);
    put_sealed(facets, object, FACET_HEAD, SPAN("\001\003\0\0\0\0\0\0\0head"));
    put_sealed(facets, object, FACET_SOURCE, buf_span(&source));
    if (letter->html)
        put_sealed(facets, object, FACET_HTML, SPAN("sealed page"));
    if (letter->twice)
        put_sealed(facets, object, (enum facet)letter->twice, SPAN("once more"));
    for (uint16_t i = 0; i < letter->files; i++) {
        struct object_id file;
        assert_int_equal(attachment_object_id(object, i, &file), SD_OK);
        put_sealed(facets, &file, FACET_FILE, SPAN("\001\007\0\0\0\0\0\0\0sealed file"));
    }
}

/* Appends the body of a record. */
static inline void put_record(struct buf *to, const struct test_letter *letter) {
    struct object_id object = test_object_id(letter->n);
    uint8_t key[16];
    memset(key, letter->key, sizeof key);
    struct cards_intake_header_v1 header = {.version = letter->version ? letter->version : 3,
                                            .object = object_id_span(&object),
                                            .key_id = span_of(key, sizeof key),
                                            .queue = SPAN("support"),
                                            .disposition = 5,
                                            .trust = 2,
                                            .state = OBJECT_CLEAN,
                                            .received_ms = 1000 + letter->n,
                                            .attachments = letter->files,
                                            .size_bytes = 77};
    struct ipc_out head SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct ipc_out record SD_CLEANUP(ipc_out_free) = ipc_card_new(TEST_RECORD_MAX);
    struct buf facets SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    assert_int_equal(cards_intake_header_v1_encode(&head, &header), SD_OK);
    put_facets(&facets, letter, &object);
    struct cards_intake_record_v1 card = {
        .header = buf_span(&head.body), .sealed_card = SPAN("sealed card"), .facets = buf_span(&facets)};
    assert_int_equal(cards_intake_record_v1_encode(&record, &card), SD_OK);
    buf_put(to, buf_span(&record.body));
}

static inline void put_frame(struct buf *to, struct span body) {
    buf_text(to, "SDI1");
    buf_u32(to, (uint32_t)body.n);
    buf_u32(to, crc32c(body));
    buf_put(to, body);
}

static inline void put_letter(struct buf *to, unsigned n) {
    struct buf body SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    put_record(&body, &(struct test_letter){.n = n, .key = 1, .files = (uint16_t)(n % 3)});
    put_frame(to, buf_span(&body));
}

static inline void segment_path(const struct test_dir *dir, unsigned number, char to[128]) {
    (void)snprintf(to, 128, "%s/intake/%012u.log", dir->path, number);
}

/* Appends to a segment, which is made. */
static inline void append_segment(const struct test_dir *dir, unsigned number, struct span bytes) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/intake", dir->path);
    (void)mkdir(path, 0770);
    segment_path(dir, number, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.p, bytes.n), bytes.n);
    (void)close(fd);
}

static inline bool segment_exists(const struct test_dir *dir, unsigned number) {
    char path[128];
    segment_path(dir, number, path);
    return access(path, F_OK) == 0;
}

/* ---- the keeper ---- */

#define FAKE_OBJECTS 400

struct fake_keeper {
    pthread_t thread;
    int fds[2];
    struct ipc_client *client;
    /* What it is told: by letter's number. */
    unsigned refuse;  /* refuses this one */
    unsigned choke;   /* answers a question with this one in it by SD_ERR_PARSE */
    atomic_bool away; /* answers nothing but SD_ERR_UNAVAILABLE */
    bool one_ticket;  /* all letters on one ticket */
    /* What it has seen. */
    atomic_uint calls, already, reports, last_keys;
    atomic_uchar adopted[FAKE_OBJECTS];
};

static inline unsigned fake_number(struct span header_bytes) {
    struct cards_intake_header_v1 header;
    unsigned n = 0;
    if (cards_intake_header_v1_decode(header_bytes, NULL, &header) == SD_OK)
        memcpy(&n, header.object.p + 8, sizeof n);
    return n < FAKE_OBJECTS ? n : 0;
}

/* Another disposition than the edge's, and signals that only a keeper knows of. */
#define FAKE_DISPOSITION 4
#define FAKE_SIGNALS 0x1003

/* Of letter n and its attachments: not the edge's word, which is clean. Of letter 7 the keeper says nothing. */
static inline enum object_state fake_state(unsigned n, unsigned item) {
    return n == 7 ? OBJECT_UNSCANNED : (enum object_state)((n + item) % (OBJECT_UNSCANNABLE + 1));
}

static inline struct ipc_list fake_states(unsigned n, struct buf *raw) {
    struct ipc_list list = {0};
    for (unsigned i = 0; i <= n % 3 && n != 7; i++) {
        uint8_t state = (uint8_t)fake_state(n, i);
        ipc_list_add(&list, raw, span_of(&state, 1));
    }
    return list;
}

static inline void fake_adopt_one(struct fake_keeper *k, unsigned n, struct ipc_list *results, struct buf *raw) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct object_id object = test_object_id(n);
    struct ticket_id ticket = test_ticket_id(k->one_ticket ? 1 : n);
    bool refused = n == k->refuse && n;
    uint8_t tag[16] = {(uint8_t)n}; /* of letter 0: none */
    struct buf states SD_CLEANUP(buf_free) = buf_new(1024);
    struct cards_adopted_v1 answer = {.object = object_id_span(&object),
                                      .outcome = refused         ? ADOPT_REFUSED
                                                 : k->adopted[n] ? ADOPT_ALREADY
                                                                 : ADOPT_ADOPTED,
                                      .ticket = ticket_id_span(&ticket),
                                      .new_ticket = !k->one_ticket,
                                      .queue = refused ? SPAN_NONE : SPAN("support"),
                                      .ticket_state = TICKET_OPEN,
                                      .disposition = FAKE_DISPOSITION,
                                      .signals = FAKE_SIGNALS,
                                      .known = n,
                                      .known_since_ms = n ? 500 : 0,
                                      .domain_tag = span_of(tag, sizeof tag),
                                      .as_customer = n % 2 == 1,
                                      .encrypted = n % 2 == 0,
                                      .states = fake_states(n, &states)};
    if (k->adopted[n])
        atomic_fetch_add(&k->already, 1);
    k->adopted[n] = !refused;
    if (cards_adopted_v1_encode(&card, &answer) == SD_OK)
        ipc_list_add(results, raw, buf_span(&card.body));
}

static inline enum sd_err fake_adopt(void *ctx, struct ipc_call *call) {
    struct fake_keeper *k = ctx;
    struct keeper_adopt_req req;
    struct keeper_adopt_rep rep = {0};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(64 * 1024);
    if (keeper_adopt_req_decode(call->msg->body, call->msg, &req) != SD_OK)
        return SD_ERR_PROTOCOL;
    atomic_fetch_add(&k->calls, 1);
    struct ipc_list_iter iter = ipc_list_start(req.records);
    struct span bytes;
    enum sd_err status = atomic_load(&k->away) ? SD_ERR_UNAVAILABLE : SD_OK;
    while (status == SD_OK && ipc_list_next(&iter, &bytes)) {
        struct cards_adopt_v1 question;
        if (cards_adopt_v1_decode(bytes, NULL, &question) != SD_OK)
            return SD_ERR_PROTOCOL;
        unsigned n = fake_number(question.header);
        if (n && n == k->choke)
            status = SD_ERR_PARSE;
        else
            fake_adopt_one(k, n, &rep.results, &raw);
    }
    if (status)
        ipc_refuse(call, status);
    else
        keeper_adopt_reply(call, &rep);
    return SD_OK;
}

static inline enum sd_err fake_pending(void *ctx, struct ipc_call *call) {
    struct fake_keeper *k = ctx;
    struct keeper_intake_pending_req req;
    if (keeper_intake_pending_req_decode(call->msg->body, call->msg, &req) != SD_OK)
        return SD_ERR_PROTOCOL;
    atomic_store(&k->last_keys, req.key_ids.count);
    atomic_fetch_add(&k->reports, 1);
    keeper_intake_pending_reply(call, &(struct keeper_intake_pending_rep){});
    return SD_OK;
}

static inline enum sd_err fake_nothing_due(SD_UNUSED void *ctx, struct ipc_call *call) {
    keeper_scan_due_reply(call, &(struct keeper_scan_due_rep){});
    return SD_OK;
}

static inline void *fake_run(void *arg) {
    static const struct ipc_op ops[] = {
        {2, "adopt", PEER_CLERK, KEEPER_READY, false, false, fake_adopt},
        {3, "intake_pending", PEER_CLERK, KEEPER_READY, false, false, fake_pending},
        {99, "scan_due", PEER_CLERK, KEEPER_READY, false, false, fake_nothing_due},
    };
    struct fake_keeper *k = arg;
    struct ipc_conn *conn = ipc_conn_new(k->fds[1], PEER_CLERK, 0);
    enum sd_err err = conn ? SD_OK : SD_ERR_NOMEM;
    while (err == SD_OK || err == SD_ERR_TIMEOUT)
        err = ipc_serve_one(conn, ops, SD_COUNT(ops), KEEPER_READY, k, deadline_in_ms(1000));
    if (conn)
        ipc_conn_unref(&conn);
    return NULL;
}

/* One channel, as the supervisor makes it. */
static inline void fake_keeper_start(struct fake_keeper *k) {
    k->client = ipc_client_new("keeper");
    assert_non_null(k->client);
    assert_int_equal(ipc_pair(k->fds), SD_OK);
    ipc_client_attach(k->client, k->fds[0]);
    assert_int_equal(pthread_create(&k->thread, NULL, fake_run, k), 0);
}

static inline void fake_keeper_stop(struct fake_keeper *k) {
    ipc_client_attach(k->client, -1); /* its end sees the channel close */
    assert_int_equal(pthread_join(k->thread, NULL), 0);
    ipc_client_free(&k->client);
}

#endif
