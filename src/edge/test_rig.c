#include "edge/test_rig.h"

#include "auth/auth.h"
#include "core/crc32c.h"
#include "core/ipc/states.h"
#include "edge/session.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define IPC_DEF "core/ipc/inspect.def"
#define IPC_TABLE inspect_ops
#include "core/ipc/gen_dispatch.h"

enum sd_err inspect_on_scan(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                            SD_UNUSED const struct inspect_scan_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err inspect_on_learn(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                             SD_UNUSED const struct inspect_learn_req *req) {
    return SD_ERR_UNSUPPORTED;
}

/* A rig that cannot be set up is no test result. */
static void must(bool ok) {
    if (!ok)
        abort();
}

/* ---- the fake inspector ---- */

static bool letter_says(struct span letter, const char *word) {
    char line[64];
    (void)snprintf(line, sizeof line, "X-Test: %s\r\n", word);
    return span_search(letter, span_cstr(line)) < letter.n;
}

static void remember(struct rig *rig, const struct inspect_judge_req *req) {
    if (rig->letter_count < RIG_LETTERS_MAX) {
        rig->letters[rig->letter_count] = buf_new(LIMIT_MESSAGE_BYTES);
        buf_put(&rig->letters[rig->letter_count], req->letter);
    }
    rig->letter_count++;
    buf_reset(&rig->mail_from);
    buf_put(&rig->mail_from, req->mail_from);
    buf_reset(&rig->helo);
    buf_put(&rig->helo, req->helo);
    rig->recipient_count = req->recipients.count;
}

static void put_facet(struct buf *to, uint8_t facet, uint16_t index, struct span content) {
    struct ipc_out out = ipc_card_new(27 * 1024 * 1024);
    must(cards_facet_v1_encode(&out, &(struct cards_facet_v1){facet, index, content}) == SD_OK);
    buf_blob(to, buf_span(&out.body));
    ipc_out_free(&out);
}

static void put_head(struct buf *to) {
    struct ipc_out out = ipc_card_new(64 * 1024);
    must(cards_head_v1_encode(&out, &(struct cards_head_v1){.subject = SPAN("head"), .trust = TRUST_VERIFIED}) == SD_OK);
    put_facet(to, FACET_HEAD, 0, buf_span(&out.body));
    ipc_out_free(&out);
}

static void put_facets(struct span letter, struct inspect_judge_rep *rep, struct buf *facets) {
    put_head(facets);
    put_facet(facets, FACET_TEXT, 0, SPAN("the text"));
    if (letter_says(letter, "files")) {
        put_facet(facets, FACET_FILE, 0, SPAN("file zero"));
        put_facet(facets, FACET_FILE, 1, SPAN("file one"));
        rep->attachments = 2;
    }
    if (letter_says(letter, "page"))
        put_facet(facets, FACET_HTML, 0, SPAN("<p>the page</p>"));
    if (letter_says(letter, "two-pages"))
        put_facet(facets, FACET_HTML, 0, SPAN("<p>another page</p>"));
    if (letter_says(letter, "forged-facet"))
        put_facet(facets, FACET_SOURCE, 0, SPAN("not the source"));
    if (letter_says(letter, "garbage"))
        buf_text(facets, "\1\2\3");
    rep->facets = buf_span(facets);
}

static void decide(struct span letter, struct inspect_judge_rep *rep) {
    if (letter_says(letter, "reject")) {
        rep->disposition = DISPOSITION_REJECT;
        rep->smtp_reply = SPAN("550 5.7.26 Refused by the test");
    } else if (letter_says(letter, "tempfail")) {
        rep->disposition = DISPOSITION_TEMPFAIL;
        rep->smtp_reply = SPAN("451 4.4.3 Later by the test");
    } else if (letter_says(letter, "rude")) {
        rep->disposition = DISPOSITION_REJECT;
        rep->smtp_reply = SPAN("250 2.0.0 fine\r\n354 more");
    }
}

enum sd_err inspect_on_examine(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                               SD_UNUSED const struct inspect_examine_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err inspect_on_judge(void *ctx, struct ipc_call *call, const struct inspect_judge_req *req) {
    static const uint8_t hash[SHA256_BYTES] = {1, 2, 3};
    struct rig_worker *worker = ctx;
    struct rig *rig = worker->rig;
    struct buf facets SD_CLEANUP(buf_free) = buf_new(32 * 1024 * 1024);
    struct buf cuts SD_CLEANUP(buf_free) = buf_new(1024), contact SD_CLEANUP(buf_free) = buf_new(1024);
    struct inspect_judge_rep rep = {.disposition = DISPOSITION_ACCEPT,
                                    .trust = TRUST_VERIFIED,
                                    .state = OBJECT_CLEAN,
                                    .digest = span_of(hash, sizeof hash),
                                    .smtp_reply = SPAN("250 2.0.0 Ok"),
                                    .verdict = SPAN("{}"),
                                    .prepend = SPAN("Authentication-Results: mx.sealdesk.example; none\r\n"),
                                    .from_address = SPAN("a@example.org"),
                                    .message_id_hash = span_of(hash, sizeof hash),
                                    .signals = RIG_SIGNALS,
                                    .weight = RIG_WEIGHT,
                                    .trust_domain = SPAN("mail.example.org"),
                                    .contact_domain = SPAN("example.org"),
                                    .contact_name = SPAN("anna meier")};
    ipc_list_add(&rep.contact_looks, &contact, SPAN("example"));
    ipc_list_add(&rep.contact_looks, &contact, SPAN("exarnple"));
    struct buf people SD_CLEANUP(buf_free) = buf_new(1024);
    ipc_list_add(&rep.people, &people, SPAN("cc@example.net"));
    pthread_mutex_lock(&rig->lock);
    remember(rig, req);
    worker->judged++;
    if (++rig->in_flight > rig->most_in_flight)
        rig->most_in_flight = rig->in_flight;
    pthread_mutex_unlock(&rig->lock);
    size_t at = span_search(req->letter, SPAN("X-Cut: "));
    if (at < req->letter.n) {
        uint8_t cut[8] = {(uint8_t)at, (uint8_t)(at >> 8), 0, 0, 10};
        ipc_list_add(&rep.cuts, &cuts, span_of(cut, sizeof cut));
    }
    decide(req->letter, &rep);
    put_facets(req->letter, &rep, &facets);
    bool die = !rig->tame && letter_says(req->letter, "die");
    bool hang = !rig->tame && letter_says(req->letter, "hang");
    pthread_mutex_lock(&rig->lock);
    rig->in_flight--;
    rig->deaths += die;
    pthread_mutex_unlock(&rig->lock);
    if (die)
        (void)shutdown(worker->fd, SHUT_RDWR);
    if (hang && !rig->hung)
        rig->hung = call;
    else
        inspect_judge_reply(call, &rep);
    return SD_OK;
}

size_t rig_judged(struct rig *rig, size_t worker) {
    pthread_mutex_lock(&rig->lock);
    size_t judged = rig->workers[worker].judged;
    pthread_mutex_unlock(&rig->lock);
    return judged;
}

static bool is_away(struct rig *rig) {
    pthread_mutex_lock(&rig->lock);
    bool away = rig->away;
    pthread_mutex_unlock(&rig->lock);
    return away;
}

static void *inspector(void *arg) {
    struct rig_worker *worker = arg;
    while (!is_away(worker->rig)) {
        int fds[2];
        must(ipc_pair(fds) == SD_OK);
        worker->fd = fds[1];
        ipc_client_attach(worker->client, fds[0]);
        struct ipc_conn *conn = ipc_conn_new(fds[1], PEER_EDGE, 0);
        enum sd_err err = SD_OK;
        while ((err == SD_OK || err == SD_ERR_TIMEOUT) && !is_away(worker->rig))
            err = ipc_serve_one(conn, inspect_ops, SD_COUNT(inspect_ops), 1, worker, deadline_in_ms(50));
        ipc_conn_unref(&conn);
    }
    ipc_client_attach(worker->client, -1);
    return NULL;
}

/* ---- start, stop ---- */

static void make_dir(struct rig *rig) {
    char path[96];
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* the fuzz target writes a lot */
    (void)snprintf(rig->dir, sizeof rig->dir, "%s/sealdesk-edge-XXXXXX", base);
    must(mkdtemp(rig->dir) != NULL);
    (void)snprintf(path, sizeof path, "%s/intake", rig->dir);
    must(mkdir(path, 0700) == 0);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(fd >= 0 && intake_new(fd, &rig->edge.intake) == SD_OK && intake_start(rig->edge.intake) == SD_OK);
}

static void make_key(struct rig *rig) {
    struct intake_key key = {.id = {7}};
    must(hpke_keypair(&rig->private_key, key.public_key) == SD_OK);
    rig->edge.keys = key_cache_new(NULL);
    must(rig->edge.keys != NULL);
    key_cache_put(rig->edge.keys, &key, 0);
}

void rig_start(struct rig *rig) {
    memset(rig, 0, sizeof *rig);
    struct edge *edge = &rig->edge;
    pthread_mutex_init(&rig->lock, NULL);
    pthread_mutex_init(&edge->large, NULL);
    rig->mail_from = buf_new(LIMIT_ADDRESS_BYTES);
    rig->helo = buf_new(LIMIT_ADDRESS_BYTES);
    edge->hostname = SPAN("mx.sealdesk.example");
    limits_default(&edge->limits);
    edge->budget.max = (uint64_t)edge->limits.value[EDGE_DATA_TOTAL];
    edge->door = door_new(100, 100);
    roster_init(&edge->roster);
    must(edge->door && queues_add(&edge->queues, SPAN("support"), SPAN("support@sealdesk.example")) == SD_OK &&
         queues_add(&edge->queues, SPAN("billing"), SPAN("billing@sealdesk.example")) == SD_OK);
    make_dir(rig);
    make_key(rig);
    static struct ipc_client *clients[RIG_WORKERS]; /* made once, as in the process: nothing frees one */
    for (size_t i = 0; i < RIG_WORKERS; i++) {
        if (!clients[i])
            clients[i] = ipc_client_new("inspect");
        rig->workers[i] = (struct rig_worker){.rig = rig, .client = clients[i]};
        rig->clients[i] = clients[i];
        must(rig->clients[i] && pthread_create(&rig->workers[i].thread, NULL, inspector, &rig->workers[i]) == 0);
    }
    edge->judge = judge_new(rig->clients, RIG_WORKERS);
    must(edge->judge != NULL);
}

static void remove_dir(struct rig *rig) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/intake", rig->dir);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (e->d_name[0] != '.')
            (void)unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        (void)closedir(dir);
    (void)rmdir(path);
    (void)rmdir(rig->dir);
}

void rig_stop(struct rig *rig) {
    pthread_mutex_lock(&rig->lock);
    rig->away = true;
    pthread_mutex_unlock(&rig->lock);
    for (size_t i = 0; i < RIG_WORKERS; i++)
        pthread_join(rig->workers[i].thread, NULL);
    if (rig->hung)
        ipc_refuse(rig->hung, SD_ERR_TIMEOUT);
    intake_free(&rig->edge.intake);
    judge_free(&rig->edge.judge);
    key_cache_free(&rig->edge.keys);
    door_free(&rig->edge.door);
    tls_context_free(&rig->edge.tls);
    secret_free(&rig->private_key);
    for (size_t i = 0; i < RIG_LETTERS_MAX; i++)
        buf_free(&rig->letters[i]);
    buf_free(&rig->mail_from);
    buf_free(&rig->helo);
    remove_dir(rig);
}

/* ---- a scripted client ---- */

struct script {
    struct span rest;
    size_t chunk;
    struct buf *replies;
};

static enum sd_err script_read(struct stream *stream, void *p, size_t n, SD_UNUSED struct deadline deadline, size_t *ret_n) {
    struct script *script = stream->script;
    size_t take = script->rest.n < n ? script->rest.n : n;
    if (script->chunk && take > script->chunk)
        take = script->chunk;
    if (take)
        memcpy(p, script->rest.p, take);
    script->rest = span_from(script->rest, take);
    *ret_n = take;
    return SD_OK;
}

static enum sd_err script_write(struct stream *stream, struct span bytes, SD_UNUSED struct deadline deadline) {
    struct script *script = stream->script;
    buf_put(script->replies, bytes);
    return buf_err(script->replies);
}

void rig_talk(struct rig *rig, struct span input, size_t chunk, struct buf *replies) {
    static const struct stream_ops ops = {script_read, script_write};
    static const uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 1};
    struct script script = {input, chunk, replies};
    struct session *s = session_new(&rig->edge, (struct stream){.ops = &ops, .fd = -1, .script = &script}, ip);
    must(s != NULL);
    session_run(s);
    session_free(&s);
}

/* ---- reading the intake ---- */

static void read_file(const char *path, struct buf *to) {
    FILE *f = fopen(path, "rb");
    struct stat st;
    must(f && fstat(fileno(f), &st) == 0);
    uint8_t *p = buf_reserve(to, (size_t)st.st_size);
    must(p && fread(p, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
    buf_grew(to, (size_t)st.st_size);
    (void)fclose(f);
}

/* The whole records of one segment go to raw; a torn tail does not. */
static void read_segment(const char *path, struct buf *raw) {
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(256 * 1024 * 1024);
    read_file(path, &bytes);
    struct reader r = reader_of(buf_span(&bytes));
    while (r.rest.n) {
        struct span magic = read_bytes(&r, 4);
        uint32_t n = read_u32(&r);
        uint32_t crc = read_u32(&r);
        struct span body = read_bytes(&r, n);
        if (r.err || !span_eq(magic, SPAN(INTAKE_MAGIC)) || crc32c(body) != crc)
            return;
        buf_blob(raw, body);
    }
}

static void open_record(struct rig *rig, struct span body, struct rig_record *ret) {
    struct cards_intake_record_v1 record;
    *ret = (struct rig_record){.card_plain = buf_new(128 * 1024)};
    must(cards_intake_record_v1_decode(body, NULL, &record) == SD_OK);
    ret->header_raw = record.header;
    must(cards_intake_header_v1_decode(record.header, NULL, &ret->header) == SD_OK);
    must(hpke_open(&rig->private_key, SPAN("sealdesk intake v1"), record.header, record.sealed_card, &ret->card_plain) ==
         SD_OK);
    must(cards_adoption_v3_decode(buf_span(&ret->card_plain), NULL, &ret->card) == SD_OK);
    ret->facets = record.facets;
}

size_t rig_records(struct rig *rig, size_t index, struct buf *raw, struct rig_record *ret) {
    size_t count = 0;
    for (unsigned number = 1; number < 1000; number++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/intake/%012u.log", rig->dir, number);
        if (access(path, R_OK) == 0)
            read_segment(path, raw);
    }
    struct reader r = reader_of(buf_span(raw));
    while (r.rest.n && !r.err) {
        struct span body = read_blob(&r, SIZE_MAX);
        if (count++ == index && ret)
            open_record(rig, body, ret);
    }
    return count;
}

void rig_record_free(struct rig_record *record) {
    buf_free(&record->card_plain);
}

static struct span list_item(struct ipc_list list, size_t index) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item = SPAN_NONE;
    for (size_t i = 0; i <= index; i++)
        if (!ipc_list_next(&iter, &item))
            return SPAN_NONE;
    return item;
}

enum sd_err rig_open_facet(const struct rig_record *record, enum facet facet, uint16_t index, struct buf *to) {
    struct object_id object;
    struct secret key SD_CLEANUP(secret_free) = {0};
    memcpy(object.b, record->header.object.p, sizeof object.b);
    struct span object_key = record->card.object_key;
    if (facet == FACET_FILE) {
        struct object_id letter = object;
        must(attachment_object_id(&letter, index, &object) == SD_OK);
        object_key = list_item(record->card.attachment_keys, index);
    }
    must(facet_key(object_key, facet, &key) == SD_OK);
    struct reader r = reader_of(record->facets);
    while (r.rest.n && !r.err) {
        struct cards_sealed_facet_v1 sealed;
        must(cards_sealed_facet_v1_decode(read_blob(&r, SIZE_MAX), NULL, &sealed) == SD_OK);
        if (sealed.facet == facet && span_eq(sealed.object, span_of(object.b, sizeof object.b)))
            return open_facet(secret_span(&key), &object, facet, sealed.sealed, LIMIT_MESSAGE_BYTES * 2, to);
    }
    return SD_ERR_NOTFOUND;
}
