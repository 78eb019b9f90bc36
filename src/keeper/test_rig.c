#include "keeper/test_rig.h"
#include "core/codec.h"
#include "core/ipc/cards.h"
#include "keeper/totp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
/* cmocka.h wants the headers above */
#include <cmocka.h>

#define CHEAP ((struct password_cost){64, 1})

int64_t rig_now_ms = INT64_C(1790000000000);

static int64_t now(void) {
    return rig_now_ms;
}

static enum sd_err examine(void *arg, SD_UNUSED struct span message, struct examined *ret) {
    struct rig *rig = arg;
    rig->examined++;
    buf_put(&ret->from, span_cstr(rig->from));
    for (size_t i = 0; i < SD_COUNT(rig->recipients) && rig->recipients[i]; i++) {
        buf_blob(&ret->recipients, span_cstr(rig->recipients[i]));
        ret->recipient_count++;
    }
    ret->ambiguities = rig->ambiguities;
    ret->hidden_recipients = rig->hidden;
    return crypt_sha256(SPAN("<answer@example.test>"), &ret->message_id_hash);
}

struct deadline rig_deadline(void) {
    return deadline_in_ms(20000); /* a busy machine must not fail a test */
}

struct ipc_msg **rig_msg(struct rig *rig) {
    ipc_msg_free(&rig->msg);
    return &rig->msg;
}

static enum sd_err settle_in(SD_UNUSED void *arg, struct keeper *k) {
    static const struct queue_setting queues[] = {
        {{(const uint8_t *)"support", 7}, {(const uint8_t *)RIG_SUPPORT, sizeof RIG_SUPPORT - 1}},
        {{(const uint8_t *)"billing", 7}, {(const uint8_t *)"billing@example.test", 20}},
    };
    static const struct span domain = {(const uint8_t *)RIG_DOMAIN, sizeof RIG_DOMAIN - 1};
    assert_int_equal(keeper_set_queues(k, queues, SD_COUNT(queues)), SD_OK);
    assert_int_equal(keeper_set_domains(k, &domain, 1), SD_OK);
    return SD_OK;
}

static struct keeper_spec spec_of(struct rig *rig) {
    return (struct keeper_spec){.dir = rig->dir,
                                .now_ms = now,
                                .cost = CHEAP,
                                .examine = examine,
                                .examine_arg = rig,
                                .root = rig->root,
                                .credential = span_cstr(rig->credential),
                                .opened = settle_in};
}

static void connect_peers(struct rig *rig) {
    static const uint32_t peers[RIG_PEERS] = {PEER_EDGE, PEER_CLERK, PEER_DESK, PEER_COURIER, PEER_ADMIN, PEER_INSPECT};
    for (size_t i = 0; i < RIG_PEERS; i++) {
        int fds[2];
        assert_int_equal(ipc_pair(fds), SD_OK);
        ipc_conn_unref(&rig->servers[i]);
        rig->servers[i] = ipc_conn_new(fds[0], peers[i], 0);
        assert_non_null(rig->servers[i]);
        if (!rig->clients[i])
            rig->clients[i] = ipc_client_new("keeper");
        ipc_client_attach(rig->clients[i], fds[1]);
    }
}

void rig_open(struct rig *rig) {
    struct keeper_spec spec = spec_of(rig);
    assert_int_equal(keeper_open(&spec, &rig->k), SD_OK);
    if (keeper_is_open(rig->k))
        (void)settle_in(NULL, rig->k);
    connect_peers(rig);
    rig_turn(rig);
}

void rig_new(struct rig *rig) {
    static const struct span domain = {(const uint8_t *)RIG_DOMAIN, sizeof RIG_DOMAIN - 1};
    *rig = (struct rig){.from = RIG_SUPPORT};
    (void)snprintf(rig->dir, sizeof rig->dir, "/tmp/keeper-test-XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    struct keeper_spec spec = spec_of(rig);
    assert_int_equal(keeper_create(&spec, &domain, 1), SD_OK);
    rig_open(rig);
    struct keeper_intake_key_rep rep;
    assert_int_equal(RIG_CALL(rig, RIG_EDGE, intake_key, &(struct keeper_intake_key_req){}, &rep), SD_OK);
    memcpy(rig->key_id, rep.id.p, 16);
    memcpy(rig->key, rep.public_key.p, 32);
}

void rig_crash(struct rig *rig) {
    /* Closes descriptors without writing: settles nothing, signs nothing. */
    struct keeper *k = rig->k;
    while (k->settled) {
        struct audit_entry *next = k->settled->next;
        audit_entry_free(k->settled);
        k->settled = next;
    }
    k->settled_last = &k->settled;
    for (struct audit_entry *e = k->audit ? audit_finished(k->audit) : NULL; e;) {
        struct audit_entry *next = e->next;
        audit_entry_free(e);
        e = next;
    }
    keeper_close(&rig->k);
}

void rig_free(struct rig *rig) {
    char command[128];
    if (rig->k && !rig->k->audit)
        keeper_close(&rig->k);
    if (rig->k) {
        audit_stop(rig->k->audit);
        while (audit_turn(rig->k->audit, (struct deadline){0}))
            ;
        keeper_close(&rig->k);
    }
    ipc_msg_free(&rig->msg);
    for (size_t i = 0; i < RIG_PEERS; i++) {
        ipc_conn_unref(&rig->servers[i]);
        ipc_client_free(&rig->clients[i]);
    }
    (void)snprintf(command, sizeof command, "rm -rf '%s'", rig->dir);
    assert_int_equal(system(command), 0);
}

static bool serve_all(struct rig *rig) {
    bool any = false, open = keeper_is_open(rig->k);
    for (size_t i = 0; i < RIG_PEERS; i++) {
        enum sd_err err = rig->servers[i] ? SD_OK : SD_ERR_TIMEOUT;
        while (err == SD_OK) {
            err = ipc_serve_one_or(rig->servers[i], keeper_ops, keeper_op_count, open ? KEEPER_READY : KEEPER_LOCKED, rig->k,
                                   open ? SD_OK : SD_ERR_LOCKED, (struct deadline){0});
            any |= err == SD_OK;
        }
        if (err != SD_ERR_TIMEOUT)
            ipc_conn_unref(&rig->servers[i]); /* as the loop drops a peer */
    }
    return any;
}

void rig_turn(struct rig *rig) {
    struct keeper *k = rig->k;
    bool busy = true;
    while (busy) {
        busy = serve_all(rig);
        while (!work_idle(&k->sign_ins) || !work_idle(&k->examinations) || !work_idle(&k->signatures) ||
               !work_idle(&k->checks)) {
            (void)work_turn(&k->sign_ins, (struct deadline){0});
            (void)work_turn(&k->examinations, (struct deadline){0});
            (void)work_turn(&k->signatures, (struct deadline){0});
            (void)work_turn(&k->checks, (struct deadline){0});
            keeper_collect(k);
        }
        if (k->audit && audit_backlog(k->audit)) {
            (void)audit_turn(k->audit, (struct deadline){0});
            busy = true;
        }
    }
}

/* ---- people ---- */

static void decode_base32(struct span text, uint8_t *to, size_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint32_t held = 0;
    unsigned bits = 0;
    size_t at = 0;
    for (size_t i = 0; i < text.n && at < n; i++) {
        held = held << 5 | (uint32_t)(strchr(digits, text.p[i]) - digits);
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            to[at++] = (uint8_t)(held >> bits);
        }
    }
    assert_int_equal(at, n);
}

void rig_read_otpauth(struct span uri, uint8_t ret[20]) {
    struct span mark = SPAN("secret=");
    struct span secret = span_from(uri, span_search(uri, mark) + mark.n);
    decode_base32(span_sub(secret, 0, span_find(secret, '&')), ret, 20);
}

void rig_add(struct rig *rig, const char *email, const char *role, const char *queue, struct rig_person *ret) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1024);
    struct keeper_user_add_req req = {.email = span_cstr(email),
                                      .name = SPAN("Test Person"),
                                      .role = span_cstr(role),
                                      .password = SPAN(RIG_PASSWORD),
                                      .reason = SPAN("another one for the test")};
    struct keeper_user_add_rep rep;
    if (queue)
        ipc_list_add(&req.queues, &raw, span_cstr(queue));
    *ret = (struct rig_person){0};
    assert_int_equal(RIG_CALL(rig, RIG_ADMIN, user_add, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    assert_int_equal(hex_to_bytes(rep.person, ret->id, 16), SD_OK);
    rig_read_otpauth(rep.otpauth, ret->totp);
}

void rig_code(const struct rig_person *person, char ret[7]) {
    uint32_t code = 0;
    assert_int_equal(totp_code(span_of(person->totp, 20), (uint64_t)rig_now_ms / 30000, 6, &code), SD_OK);
    (void)snprintf(ret, 7, "%06u", code % 1000000);
}

unsigned rig_try(struct rig *rig, const char *email, const char *password, const char *code, const char *origin,
                 uint32_t *ret_wait_s) {
    struct keeper_sign_in_req req = {
        .email = span_cstr(email), .password = span_cstr(password), .totp = span_cstr(code), .origin = span_cstr(origin)};
    struct keeper_sign_in_rep rep;
    assert_int_equal(RIG_CALL(rig, RIG_DESK, sign_in, &req, &rep), SD_OK);
    if (ret_wait_s)
        *ret_wait_s = rep.retry_after_s;
    if (rep.outcome != SIGN_IN_OK)
        assert_int_equal(rep.token.n + rep.csrf.n + rep.person.n + rep.name.n, 0);
    return rep.outcome;
}

unsigned rig_sign_in(struct rig *rig, const char *email, const char *password, struct rig_person *person) {
    char code[7];
    rig_now_ms += 30000;
    rig_code(person, code);
    struct keeper_sign_in_req req = {
        .email = span_cstr(email), .password = span_cstr(password), .totp = span_cstr(code), .origin = SPAN("192.0.2.1")};
    struct keeper_sign_in_rep rep;
    assert_int_equal(RIG_CALL(rig, RIG_DESK, sign_in, &req, &rep), SD_OK);
    if (rep.outcome == SIGN_IN_OK) {
        assert_int_equal(rep.token.n, 32);
        memcpy(person->token, rep.token.p, 32);
    }
    return rep.outcome;
}

/* ---- letters ---- */

void rig_object_id(const struct rig_letter *letter, uint8_t ret[16]) {
    memset(ret, letter->object, 16);
    if (letter->id)
        memcpy(ret, letter->id, 16);
}

void rig_object_key(const struct rig_letter *letter, uint8_t ret[32]) {
    memset(ret, letter->object ^ 0xff, 32);
}

static void put_hash(struct ipc_list *list, struct buf *raw, const char *text) {
    struct sha256 hash;
    if (!text)
        return;
    assert_int_equal(crypt_sha256(span_cstr(text), &hash), SD_OK);
    ipc_list_add(list, raw, span_of(hash.b, 32));
}

static void put_texts(struct ipc_list *list, struct buf *raw, const char *const *texts, size_t count) {
    for (size_t i = 0; i < count && texts[i]; i++)
        ipc_list_add(list, raw, span_cstr(texts[i]));
}

static struct span text_or_none(const char *text) {
    return text ? span_cstr(text) : SPAN_NONE;
}

static void encode_card(const struct rig_letter *letter, const struct cards_adoption_v3 *c, struct ipc_out *out) {
    struct cards_adoption_v1 first = {c->object_key,         c->attachment_keys, c->source_digest,
                                      c->attachment_digests, c->from_address,    c->message_id_hash,
                                      c->reference_hashes,   c->tokens,          c->automatic};
    struct cards_adoption_v2 second = {c->object_key,
                                       c->attachment_keys,
                                       c->source_digest,
                                       c->attachment_digests,
                                       c->from_address,
                                       c->message_id_hash,
                                       c->reference_hashes,
                                       c->tokens,
                                       c->automatic,
                                       c->signals,
                                       c->weight,
                                       c->trust_domain,
                                       c->contact_domain,
                                       c->contact_name,
                                       c->contact_looks,
                                       c->people,
                                       c->tls};
    if (letter->version == 1)
        assert_int_equal(cards_adoption_v1_encode(out, &first), SD_OK);
    else if (letter->version == 2)
        assert_int_equal(cards_adoption_v2_encode(out, &second), SD_OK);
    else
        assert_int_equal(cards_adoption_v3_encode(out, c), SD_OK);
}

static void put_card(const struct rig_letter *letter, struct ipc_out *out) {
    uint8_t key[32];
    static const uint8_t digest[32] = {RIG_SOURCE_DIGEST};
    struct sha256 hash = {0}, inspected = {0};
    struct buf keys SD_CLEANUP(buf_free) = buf_new(8192), digests SD_CLEANUP(buf_free) = buf_new(8192);
    struct buf references SD_CLEANUP(buf_free) = buf_new(256), tokens SD_CLEANUP(buf_free) = buf_new(256);
    struct buf looks SD_CLEANUP(buf_free) = buf_new(1024), people SD_CLEANUP(buf_free) = buf_new(1024);
    rig_object_key(letter, key);
    if (letter->message_id)
        assert_int_equal(crypt_sha256(span_cstr(letter->message_id), &hash), SD_OK);
    if (letter->inspected)
        assert_int_equal(crypt_sha256(span_cstr(letter->inspected), &inspected), SD_OK);
    struct cards_adoption_v3 card = {.object_key = span_of(key, 32),
                                     .source_digest = span_of(digest, 32),
                                     .from_address = text_or_none(letter->from),
                                     .message_id_hash = span_of(hash.b, 32),
                                     .automatic = letter->automatic,
                                     .signals = letter->signals,
                                     .weight = letter->weight,
                                     .trust_domain = text_or_none(letter->trust_domain),
                                     .contact_domain = text_or_none(letter->domain),
                                     .contact_name = text_or_none(letter->name),
                                     .tls = text_or_none(letter->tls),
                                     .letter_digest = span_of(inspected.b, 32)};
    for (uint16_t i = 0; i < letter->attachments; i++) {
        ipc_list_add(&card.attachment_keys, &keys, span_of(key, 32));
        ipc_list_add(&card.attachment_digests, &digests, span_of(digest, 32));
    }
    put_hash(&card.reference_hashes, &references, letter->reference);
    if (letter->token)
        ipc_list_add(&card.tokens, &tokens, span_cstr(letter->token));
    put_texts(&card.contact_looks, &looks, letter->looks, SD_COUNT(letter->looks));
    put_texts(&card.people, &people, letter->people, SD_COUNT(letter->people));
    encode_card(letter, &card, out);
}

static void put_adopt(struct rig *rig, const struct rig_letter *letter, struct ipc_list *list, struct buf *raw) {
    uint8_t id[16];
    struct ipc_out header SD_CLEANUP(ipc_out_free) = ipc_card_new(1024), card SD_CLEANUP(ipc_out_free) = ipc_card_new(65536);
    struct ipc_out adopt SD_CLEANUP(ipc_out_free) = ipc_card_new(70000);
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(65536);
    rig_object_id(letter, id);
    struct cards_intake_header_v1 h = {.version = letter->version,
                                       .object = span_of(id, 16),
                                       .key_id = span_of(rig->key_id, 16),
                                       .queue = span_cstr(letter->queue),
                                       .disposition = letter->disposition,
                                       .trust = letter->trust,
                                       .state = letter->state,
                                       .received_ms = rig_now_ms,
                                       .attachments = letter->attachments,
                                       .size_bytes = 100};
    assert_int_equal(cards_intake_header_v1_encode(&header, &h), SD_OK);
    put_card(letter, &card);
    assert_int_equal(hpke_seal(rig->key, SPAN("sealdesk intake v1"), buf_span(&header.body), buf_span(&card.body), &sealed),
                     SD_OK);
    if (letter->flip >= 0)
        sealed.p[(size_t)letter->flip / 8 % sealed.n] ^= (uint8_t)(1u << (letter->flip % 8));
    struct cards_adopt_v1 a = {.header = buf_span(&header.body), .sealed_card = buf_span(&sealed)};
    assert_int_equal(cards_adopt_v1_encode(&adopt, &a), SD_OK);
    ipc_list_add(list, raw, buf_span(&adopt.body));
}

enum sd_err rig_adopt_many(struct rig *rig, const struct rig_letter *letters, size_t count, struct rig_adopted *ret) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(65536);
    struct keeper_adopt_req req = {0};
    struct keeper_adopt_rep rep;
    for (size_t i = 0; i < count; i++)
        put_adopt(rig, &letters[i], &req.records, &raw);
    enum sd_err err = RIG_CALL(rig, RIG_CLERK, adopt, &req, &rep);
    if (err)
        return err;
    assert_int_equal(rep.results.count, count);
    struct ipc_list_iter iter = ipc_list_start(rep.results);
    struct span item;
    for (size_t i = 0; ipc_list_next(&iter, &item); i++) {
        struct cards_adopted_v1 adopted;
        assert_int_equal(cards_adopted_v1_decode(item, NULL, &adopted), SD_OK);
        ret[i] = (struct rig_adopted){.outcome = adopted.outcome,
                                      .new_ticket = adopted.new_ticket,
                                      .state = adopted.ticket_state,
                                      .disposition = adopted.disposition,
                                      .signals = adopted.signals,
                                      .known = adopted.known,
                                      .known_since_ms = adopted.known_since_ms,
                                      .as_customer = adopted.as_customer,
                                      .encrypted = adopted.encrypted};
        struct ipc_list_iter states = ipc_list_start(adopted.states);
        struct span state;
        while (ret[i].state_count < SD_COUNT(ret[i].states) && ipc_list_next(&states, &state))
            ret[i].states[ret[i].state_count++] = state.p[0];
        memcpy(ret[i].domain_tag, adopted.domain_tag.p, 16);
        memcpy(ret[i].ticket, adopted.ticket.p, 16);
        memcpy(ret[i].queue, adopted.queue.p, adopted.queue.n);
    }
    return SD_OK;
}

void rig_adopt(struct rig *rig, const struct rig_letter *letter, struct rig_adopted *ret) {
    assert_int_equal(rig_adopt_many(rig, letter, 1, ret), SD_OK);
}

/* ---- what inspectors say ---- */

void rig_file_id(const uint8_t letter[16], uint16_t place, uint8_t ret[16]) {
    struct object_id parent, id;
    memcpy(parent.b, letter, 16);
    assert_int_equal(attachment_object_id(&parent, place, &id), SD_OK);
    memcpy(ret, id.b, 16);
}

static void put_verdict(const struct rig_verdict *verdict, unsigned i, struct span own, struct ipc_list *list,
                        struct buf *raw) {
    uint8_t digest[32] = {RIG_SOURCE_DIGEST};
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(256);
    if (i == 0)
        memcpy(digest, own.p, 32);
    if (verdict->wrong >> i & 1)
        digest[5] ^= 1;
    struct cards_verdict_v1 part = {.digest = span_of(digest, 32),
                                    .state = verdict->states[i],
                                    .findings = verdict->findings[i],
                                    .signature = text_or_none(verdict->signature)};
    assert_int_equal(cards_verdict_v1_encode(&card, &part), SD_OK);
    ipc_list_add(list, raw, buf_span(&card.body));
}

enum sd_err rig_tell(struct rig *rig, const struct rig_verdict *verdict) {
    static const uint8_t at_the_door[16];
    struct sha256 letter = {{RIG_SOURCE_DIGEST}};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(4096);
    struct keeper_verdict_req req = {.object = span_of(verdict->object ? verdict->object : at_the_door, 16),
                                     .engine = text_or_none(verdict->engine)};
    struct keeper_verdict_rep rep;
    if (!verdict->object)
        assert_int_equal(crypt_sha256(span_cstr(verdict->inspected), &letter), SD_OK);
    req.letter = span_of(letter.b, 32);
    for (unsigned i = 0; i < verdict->count; i++)
        put_verdict(verdict, i, req.letter, &req.verdicts, &raw);
    return RIG_CALL(rig, RIG_INSPECT, verdict, &req, &rep);
}

void rig_find_clean(struct rig *rig, const struct rig_letter *letter) {
    static const struct rig_verdict clean = {.states = {OBJECT_CLEAN, OBJECT_CLEAN}};
    uint8_t id[16], digest[32] = {RIG_SOURCE_DIGEST};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(32768);
    struct keeper_verdict_req req = {.object = span_of(id, 16), .letter = span_of(digest, 32)};
    struct keeper_verdict_rep rep;
    rig_object_id(letter, id);
    for (unsigned i = 0; i < letter->attachments + 1u; i++)
        put_verdict(&clean, i ? 1 : 0, req.letter, &req.verdicts, &raw);
    assert_int_equal(RIG_CALL(rig, RIG_INSPECT, verdict, &req, &rep), SD_OK);
}

enum sd_err rig_scanner(struct rig *rig, bool up, const char *engine) {
    struct keeper_scanner_req req = {.configured = true, .up = up, .engine = text_or_none(engine)};
    struct keeper_scanner_rep rep;
    return RIG_CALL(rig, RIG_INSPECT, scanner, &req, &rep);
}

/* ---- the log ---- */

struct counting {
    struct span text;
    unsigned count;
};

static bool count_record(void *arg, SD_UNUSED uint64_t seq, SD_UNUSED uint64_t segment, SD_UNUSED uint64_t offset,
                         struct span record) {
    struct counting *c = arg;
    c->count += span_search(record, c->text) < record.n;
    return true;
}

unsigned rig_records(struct rig *rig, const char *text) {
    struct counting c = {.text = span_cstr(text)};
    assert_int_equal(audit_read((const char *)rig->k->log_dir.p, 0, UINT64_MAX, count_record, &c), SD_OK);
    return c.count;
}

struct audit_report rig_verify(struct rig *rig) {
    struct audit_report report = {0};
    struct merkle_range range;
    audit_range(rig->k->audit, &range);
    assert_int_equal(audit_verify((const char *)rig->k->log_dir.p, &rig->k->log_key, &range, &report), SD_OK);
    return report;
}

void rig_add_signed_in(struct rig *rig, const char *email, const char *role, const char *queue, struct rig_person *ret) {
    rig_add(rig, email, role, queue, ret);
    assert_int_equal(rig_sign_in(rig, email, RIG_PASSWORD, ret), SIGN_IN_OK);
}

void rig_without_passkeys(struct rig *rig) {
    struct access_settings access = access_settings_default();
    access.passkey_roles = 0;
    keeper_set_access(rig->k, &access);
}
