/*
 * The whole dispatcher: bytes become messages of any peer to any operation, routed by the table into a keeper with its database
 * in memory. Input: per message u8 peer, u16 operation, u16 length, body. With peer 0xfe the body is a letter: u16 length,
 * header, plain adoption card, which is sealed here as an edge would. What is looked for is a crash; the keeper may refuse what
 * it likes.
 */
#include "keeper/handlers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES_MAX 16
#define OP_ADOPT 2 /* keeper.def */
#define A_LETTER 0xfe
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keeper *k;
static uint8_t token[SESSION_TOKEN_BYTES];

static int64_t now(void) {
    return INT64_C(1790000000000);
}

static enum sd_err examine(SD_UNUSED void *arg, SD_UNUSED struct span message, struct examined *ret) {
    buf_text(&ret->from, "support@example.invalid");
    buf_blob(&ret->recipients, SPAN("a@b.example"));
    ret->recipient_count = 1;
    return buf_err(&ret->recipients);
}

static void must(enum sd_err err) {
    if (err)
        abort();
}

/* One person with a session, so that operations behind it are reached. */
static void add_person(void) {
    static const uint8_t id[ID_BYTES] = {1};
    struct buf wrapped SD_CLEANUP(buf_free) = buf_new(512), encoded SD_CLEANUP(buf_free) = buf_new(512);
    must(vault_wrap(&k->vault, "person.totp", span_of(id, ID_BYTES), SPAN("12345678901234567890"), &wrapped));
    must(vault_wrap(&k->vault, "person.password", span_of(id, ID_BYTES), buf_span(&k->dummy_password), &encoded));
    struct query q = db_query(k->db, SQL_PERSON_ADD);
    query_blob(&q, span_of(id, ID_BYTES));
    query_text(&q, SPAN("a@example.invalid"));
    query_text(&q, SPAN("A"));
    query_int(&q, ROLE_AGENT);
    query_blob(&q, buf_span(&encoded));
    query_blob(&q, buf_span(&wrapped));
    query_int(&q, now());
    query_int(&q, PERSON_ACTIVE);
    must(query_run(&q));
    q = db_query(k->db, SQL_PERSON_QUEUE_ADD);
    query_blob(&q, span_of(id, ID_BYTES));
    query_text(&q, SPAN("support"));
    must(query_run(&q));
    struct session_new session = {.person = id, .origin = SPAN("127.0.0.1"), .factor = FACTOR_TOTP};
    uint8_t session_id[ID_BYTES];
    must(session_make(k, &session, session_id, token));
}

/* A ticket with a letter, both with ids of which every byte is 0x11. */
static void add_ticket(void) {
    uint8_t id[ID_BYTES], key[KEY_BYTES] = {3};
    struct object_new object = {.id = span_of(id, ID_BYTES),
                                .facts = {.kind = OBJECT_LETTER, .state = OBJECT_CLEAN, .disposition = DISPOSITION_ACCEPT},
                                .key = span_of(key, KEY_BYTES),
                                .digest = span_of(key, SHA256_BYTES),
                                .ticket = span_of(id, ID_BYTES),
                                .opened_ticket = true};
    memset(id, 0x11, sizeof id);
    struct query q = db_query(k->db, SQL_TICKET_ADD);
    query_blob(&q, span_of(id, ID_BYTES));
    query_text(&q, SPAN("support"));
    query_int(&q, TICKET_OPEN);
    query_int(&q, now());
    must(query_run(&q));
    must(object_add(k, &object));
    must(pages_flush(&k->pages));
}

static char log_dir[] = "/tmp/keeper-fuzz-XXXXXX";

static void remove_log(void) {
    char command[64];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", log_dir);
    if (system(command) != 0)
        (void)fprintf(stderr, "%s is left behind\n", log_dir);
}

static void begin(void) {
    static const struct queue_setting queue = {{(const uint8_t *)"support", 7},
                                               {(const uint8_t *)"support@example.invalid", 23}};
    static const struct span domain = {(const uint8_t *)"example.invalid", 15};
    if (!mkdtemp(log_dir))
        abort();
    (void)atexit(remove_log);
    struct keeper_spec spec = {.log_dir = log_dir, .now_ms = now, .cost = {8, 1}, .examine = examine};
    must(keeper_open(&spec, &k));
    must(keeper_set_queues(k, &queue, 1));
    must(keeper_set_domains(k, &domain, 1));
    add_person();
    add_ticket();
}

/* The token is random: 32 bytes of 0x22 in the input stand for it. */
static void put_token(uint8_t *p, size_t n) {
    uint8_t mark[SESSION_TOKEN_BYTES];
    memset(mark, 0x22, sizeof mark);
    for (size_t i = 0; i + sizeof mark <= n; i++)
        if (memcmp(p + i, mark, sizeof mark) == 0) {
            memcpy(p + i, token, sizeof token);
            i += sizeof mark - 1;
        }
}

static void turn(void) {
    while (!work_idle(&k->sign_ins) || !work_idle(&k->examinations) || !work_idle(&k->signatures) || !work_idle(&k->checks)) {
        (void)work_turn(&k->sign_ins, (struct deadline){0});
        (void)work_turn(&k->examinations, (struct deadline){0});
        (void)work_turn(&k->signatures, (struct deadline){0});
        (void)work_turn(&k->checks, (struct deadline){0});
        keeper_collect(k);
    }
    while (audit_backlog(k->audit))
        (void)audit_turn(k->audit, (struct deadline){0});
    keeper_collect(k);
}

static void one_message(uint32_t peer, uint16_t op, struct span body) {
    int fds[2];
    must(ipc_pair(fds));
    struct ipc_conn *conn = ipc_conn_new(fds[0], peer, 0);
    struct ipc_msg head = {.id = 1, .op = op};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    if (!conn)
        abort();
    buf_put(&out.body, body);
    if (out.body.n)
        put_token(out.body.p, out.body.n);
    if (ipc_send(fds[1], &head, &out, deadline_in_ms(1000)) == SD_OK) {
        enum sd_err err = ipc_serve_one(conn, keeper_ops, keeper_op_count, KEEPER_READY, k, (struct deadline){0});
        if (err != SD_OK && err != SD_ERR_PROTOCOL)
            abort(); /* any message is either handled or a reason to drop the peer */
        turn();
    }
    ipc_conn_unref(&conn);
    (void)close(fds[1]);
}

/* The id of the present intake key: 16 bytes of 0x44 in a header stand for it. */
static void put_key_id(struct buf *header, uint8_t public_key[KEY_BYTES]) {
    uint8_t mark[ID_BYTES], id[ID_BYTES];
    struct query q = db_query(k->db, SQL_INTAKE_NEWEST);
    if (!query_row(&q))
        abort();
    query_get_fixed(&q, 0, id, ID_BYTES);
    query_get_fixed(&q, 1, public_key, KEY_BYTES);
    must(query_end(&q));
    memset(mark, 0x44, sizeof mark);
    for (size_t i = 0; i + sizeof mark <= header->n; i++)
        if (memcmp(header->p + i, mark, sizeof mark) == 0)
            memcpy(header->p + i, id, sizeof id);
}

static void one_letter(struct span body) {
    struct reader r = reader_of(body);
    struct buf header SD_CLEANUP(buf_free) = buf_new(1024), sealed SD_CLEANUP(buf_free) = buf_new(70000);
    struct buf record SD_CLEANUP(buf_free) = buf_new(72000), question SD_CLEANUP(buf_free) = buf_new(73000);
    struct ipc_list list = {0};
    uint8_t public_key[KEY_BYTES];
    size_t n = read_u16(&r);
    buf_put(&header, read_bytes(&r, n < r.rest.n ? n : r.rest.n));
    put_key_id(&header, public_key);
    if (r.err || header.err || hpke_seal(public_key, INTAKE_INFO, buf_span(&header), r.rest, &sealed) != SD_OK)
        return;
    buf_blob(&record, buf_span(&header));
    buf_blob(&record, buf_span(&sealed));
    struct buf raw SD_CLEANUP(buf_free) = buf_new(73000);
    ipc_list_add(&list, &raw, buf_span(&record));
    buf_u32(&question, list.count);
    buf_blob(&question, buf_span(&raw));
    if (record.err == SD_OK && question.err == SD_OK)
        one_message(PEER_CLERK, OP_ADOPT, buf_span(&question));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint32_t peers[] = {PEER_EDGE, PEER_CLERK, PEER_DESK, PEER_COURIER, PEER_ADMIN, PEER_INSPECT};
    struct reader r = reader_of(span_of(data, size));
    if (!k)
        begin();
    for (unsigned i = 0; i < MESSAGES_MAX && r.rest.n; i++) {
        uint8_t peer = read_u8(&r);
        uint16_t op = read_u16(&r);
        size_t n = read_u16(&r);
        if (r.err)
            break;
        struct span body = read_bytes(&r, n < r.rest.n ? n : r.rest.n);
        if (peer == A_LETTER)
            one_letter(body);
        else
            one_message(peers[peer % SD_COUNT(peers)], op, body);
    }
    return 0;
}
