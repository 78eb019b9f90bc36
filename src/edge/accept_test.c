/*
 * From the last dot to the 250: what the keeper and the desk will find in the intake, what the sender hears when a part of
 * Sealdesk is away, and a letter that breaks the parser.
 */
#include "auth/auth.h"
#include "core/ipc/states.h"
#include "edge/test_rig.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

static struct rig rig;

static int set_up(void **state) {
    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    rig_start(&rig);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    rig_stop(&rig);
    return 0;
}

#define HELLO "EHLO client.example\r\nMAIL FROM:<a@example.org>\r\n"
#define TO_SUPPORT HELLO "RCPT TO:<support@sealdesk.example>\r\nDATA\r\n"

/* The reply to the message: the last line but none. */
static void send_letter(const char *envelope, const char *letter, struct buf *reply) {
    struct buf input SD_CLEANUP(buf_free) = buf_new(64 << 20);
    struct buf replies SD_CLEANUP(buf_free) = buf_new(1 << 20);
    buf_text(&input, envelope);
    buf_text(&input, letter);
    rig_talk(&rig, buf_span(&input), 0, &replies);
    struct span all = span_trim(buf_span(&replies));
    size_t last = span_rfind(all, '\n');
    buf_put(reply, last < all.n ? span_from(all, last + 1) : all);
}

static void assert_reply(const char *envelope, const char *letter, const char *expected) {
    struct buf reply SD_CLEANUP(buf_free) = buf_new(4096);
    send_letter(envelope, letter, &reply);
    if (!span_starts(buf_span(&reply), span_cstr(expected)))
        fail_msg("got %.*s, expected %s", SPAN_FMT(buf_span(&reply)), expected);
}

static size_t record_count(void) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256 << 20);
    return rig_records(&rig, 0, &raw, NULL);
}

static void assert_facet(const struct rig_record *record, enum facet facet, uint16_t index, const char *content) {
    struct buf plain SD_CLEANUP(buf_free) = buf_new(64 << 20);
    assert_int_equal(rig_open_facet(record, facet, index, &plain), SD_OK);
    assert_true(span_eq(buf_span(&plain), span_cstr(content)));
}

static void assert_source(const struct rig_record *record, const char *after_received) {
    struct buf plain SD_CLEANUP(buf_free) = buf_new(64 << 20);
    struct sha256 digest;
    assert_int_equal(rig_open_facet(record, FACET_SOURCE, 0, &plain), SD_OK);
    assert_int_equal(crypt_sha256(buf_span(&plain), &digest), SD_OK);
    assert_true(span_eq(span_of(digest.b, sizeof digest.b), record->card.source_digest));
    assert_int_equal(record->header.size_bytes, plain.n);
    assert_true(span_starts(buf_span(&plain), SPAN("Received: from client.example ([192.0.2.1])\r\n")));
    assert_true(span_ends(buf_span(&plain), span_cstr(after_received)));
}

/* By what the keeper knows the sender again. */
static void assert_contact(const struct rig_record *record) {
    const struct cards_adoption_v3 *card = &record->card;
    assert_true(card->signals == RIG_SIGNALS && card->weight == RIG_WEIGHT);
    assert_true(span_eq(card->trust_domain, SPAN("mail.example.org")));
    assert_true(span_eq(card->contact_domain, SPAN("example.org")));
    assert_true(span_eq(card->contact_name, SPAN("anna meier")));
    assert_int_equal(card->contact_looks.count, 2);
    assert_int_equal(card->people.count, 1);
    assert_int_equal(card->tls.n, 0); /* in clear */
    struct ipc_list_iter iter = ipc_list_start(card->people);
    struct span item;
    assert_true(ipc_list_next(&iter, &item) && span_eq(item, SPAN("cc@example.net")));
}

static void a_letter_as_the_keeper_and_the_desk_see_it(void **state) {
    (void)state;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1 << 20);
    struct rig_record record;
    assert_reply(TO_SUPPORT, "X-Test: files\r\nSubject: x\r\n\r\n..dot\r\n.\r\n", "250 2.0.0 Accepted as ");
    assert_int_equal(rig_records(&rig, 0, &raw, &record), 1);
    assert_int_equal(record.header.version, 3);
    assert_int_equal(record.card.letter_digest.p[1], 2); /* as the inspector said it */
    assert_true(span_eq(record.header.queue, SPAN("support")));
    assert_int_equal(record.header.disposition, DISPOSITION_ACCEPT);
    assert_int_equal(record.header.trust, TRUST_VERIFIED);
    assert_int_equal(record.header.state, OBJECT_CLEAN);
    assert_int_equal(record.header.attachments, 2);
    assert_int_equal(record.header.key_id.p[0], 7);
    assert_true(span_eq(record.card.from_address, SPAN("a@example.org")));
    assert_int_equal(record.card.message_id_hash.p[2], 3);
    assert_int_equal(record.card.attachment_keys.count, 2);
    assert_int_equal(record.card.attachment_digests.count, 2);
    assert_int_equal(record.card.tokens.count, 0);
    assert_contact(&record);
    assert_facet(&record, FACET_TEXT, 0, "the text");
    assert_facet(&record, FACET_FILE, 0, "file zero");
    assert_facet(&record, FACET_FILE, 1, "file one");
    assert_source(&record, "Authentication-Results: mx.sealdesk.example; none\r\n"
                           "X-Test: files\r\nSubject: x\r\n\r\n.dot\r\n");
    rig_record_free(&record);
}

static void nothing_readable_is_in_the_record(void **state) {
    (void)state;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1 << 20);
    assert_reply(TO_SUPPORT, "Subject: Zebrafish\r\n\r\nElephant\r\n.\r\n", "250");
    assert_int_equal(rig_records(&rig, 9, &raw, NULL), 1);
    assert_int_equal(span_search(buf_span(&raw), SPAN("Zebrafish")), raw.n);
    assert_int_equal(span_search(buf_span(&raw), SPAN("Elephant")), raw.n);
    assert_int_equal(span_search(buf_span(&raw), SPAN("example.org")), raw.n);
}

static void each_queue_has_its_own_object_and_tokens(void **state) {
    (void)state;
    struct rig_record records[2];
    struct buf raws[2] = {buf_new(1 << 20), buf_new(1 << 20)};
    assert_reply(HELLO "RCPT TO:<support+one@sealdesk.example>\r\nRCPT TO:<support+two@sealdesk.example>\r\n"
                       "RCPT TO:<billing@sealdesk.example>\r\nDATA\r\n",
                 "X-Test: files\r\n\r\n.\r\n", "250");
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(rig_records(&rig, i, &raws[i], &records[i]), 2);
    assert_true(span_eq(records[0].header.queue, SPAN("support")));
    assert_true(span_eq(records[1].header.queue, SPAN("billing")));
    assert_false(span_eq(records[0].header.object, records[1].header.object));
    assert_false(span_eq(records[0].card.object_key, records[1].card.object_key));
    assert_int_equal(records[0].card.tokens.count, 2);
    assert_int_equal(records[1].card.tokens.count, 0);
    struct ipc_list_iter iter = ipc_list_start(records[0].card.tokens);
    struct span token;
    assert_true(ipc_list_next(&iter, &token) && span_eq(token, SPAN("one")));
    assert_true(ipc_list_next(&iter, &token) && span_eq(token, SPAN("two")));
    for (size_t i = 0; i < 2; i++) {
        assert_facet(&records[i], FACET_FILE, 1, "file one");
        rig_record_free(&records[i]);
        buf_free(&raws[i]);
    }
}

static void a_header_that_was_changed_opens_nothing(void **state) {
    (void)state;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1 << 20);
    struct buf header SD_CLEANUP(buf_free) = buf_new(2048);
    struct buf plain SD_CLEANUP(buf_free) = buf_new(1 << 20);
    struct rig_record record;
    struct cards_intake_record_v1 parts;
    assert_reply(TO_SUPPORT, "Subject: x\r\n\r\n.\r\n", "250");
    assert_int_equal(rig_records(&rig, 0, &raw, &record), 1);
    struct reader r = reader_of(buf_span(&raw));
    assert_int_equal(cards_intake_record_v1_decode(read_blob(&r, SIZE_MAX), NULL, &parts), SD_OK);
    for (size_t i = 0; i < parts.header.n; i++) {
        buf_reset(&header);
        buf_put(&header, parts.header);
        header.p[i] ^= 1;
        assert_int_equal(hpke_open(&rig.private_key, SPAN("sealdesk intake v1"), buf_span(&header), parts.sealed_card, &plain),
                         SD_ERR_FORGED);
    }
    rig_record_free(&record);
}

static void cut_fields_are_not_in_the_source(void **state) {
    (void)state;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1 << 20);
    struct rig_record record;
    assert_reply(TO_SUPPORT, "A: 1\r\nX-Cut: a\r\nB: 2\r\n\r\nbody\r\n.\r\n", "250");
    assert_int_equal(rig_records(&rig, 0, &raw, &record), 1);
    assert_source(&record, "none\r\nA: 1\r\nB: 2\r\n\r\nbody\r\n");
    rig_record_free(&record);
}

static void a_large_letter_goes_the_same_way(void **state) {
    (void)state;
    struct buf letter SD_CLEANUP(buf_free) = buf_new(8 << 20);
    struct buf raw SD_CLEANUP(buf_free) = buf_new(16 << 20);
    struct rig_record record;
    buf_text(&letter, "Subject: x\r\n\r\n");
    for (size_t i = 0; letter.n < (5 << 20); i++)
        buf_printf(&letter, "line %zu of a long letter\r\n", i * 7919);
    buf_text(&letter, ".\r\n");
    buf_byte(&letter, 0);
    assert_reply(TO_SUPPORT, (const char *)letter.p, "250");
    assert_int_equal(rig_records(&rig, 0, &raw, &record), 1);
    assert_source(&record, " of a long letter\r\n");
    assert_int_equal(rig.edge.budget.used, 0);
    rig_record_free(&record);
}

static void what_is_not_taken_leaves_nothing(void **state) {
    (void)state;
    assert_reply(TO_SUPPORT, "X-Test: reject\r\n\r\n.\r\n", "550 5.7.26 Refused by the test");
    assert_reply(TO_SUPPORT, "X-Test: tempfail\r\n\r\n.\r\n", "451 4.4.3 Later by the test");
    assert_reply(TO_SUPPORT, "X-Test: rude\r\n\r\n.\r\n", "550 5.7.1 ");
    assert_reply(TO_SUPPORT, "X-Test: garbage\r\n\r\n.\r\n", "451 4.3.0 ");
    assert_reply(TO_SUPPORT, "X-Test: forged-facet\r\n\r\n.\r\n", "451 4.3.0 ");
    assert_reply(TO_SUPPORT, "X-Test: page\r\nX-Test: two-pages\r\n\r\n.\r\n", "451 4.3.0 ");
    assert_reply(TO_SUPPORT, "bare\n\r\n.\r\n", "550 5.6.11 ");
    assert_int_equal(record_count(), 0);
    assert_int_equal(rig.edge.budget.used, 0);
}

static void a_formatted_letter_keeps_its_page(void **state) {
    (void)state;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1 << 20);
    struct rig_record record;
    assert_reply(TO_SUPPORT, "X-Test: page\r\n\r\nx\r\n.\r\n", "250 2.0.0 Accepted as ");
    assert_int_equal(rig_records(&rig, 0, &raw, &record), 1);
    assert_facet(&record, FACET_HTML, 0, "<p>the page</p>");
}

static void without_a_key_nothing_is_taken(void **state) {
    (void)state;
    struct key_cache *with = rig.edge.keys;
    rig.edge.keys = key_cache_new(NULL);
    assert_reply(TO_SUPPORT, "Subject: x\r\n\r\n.\r\n", "451 4.3.0 ");
    key_cache_free(&rig.edge.keys);
    rig.edge.keys = with;
    assert_int_equal(rig.letter_count, 0); /* not even judged */
    assert_reply(TO_SUPPORT, "Subject: x\r\n\r\n.\r\n", "250");
}

static void without_inspectors_nothing_is_taken(void **state) {
    (void)state;
    pthread_mutex_lock(&rig.lock);
    rig.away = true;
    pthread_mutex_unlock(&rig.lock);
    for (size_t i = 0; i < RIG_WORKERS; i++)
        while (!ipc_client_broken(rig.clients[i])) {
        }
    assert_reply(TO_SUPPORT, "Subject: x\r\n\r\n.\r\n", "451 4.3.0 ");
    assert_int_equal(record_count(), 0);
}

static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_is_said_and_passes(void **state) {
    (void)state;
    assert_reply(TO_SUPPORT, "Subject: x\r\n\r\n.\r\n", "250");
    limit_files(1000);
    assert_reply(TO_SUPPORT, "Subject: x\r\n\r\n.\r\n", "452 4.3.1 ");
    assert_int_equal(intake_health(rig.edge.intake), SD_ERR_FULL);
    limit_files(RLIM_INFINITY);
    assert_reply(TO_SUPPORT, "Subject: x\r\n\r\n.\r\n", "250");
    assert_int_equal(record_count(), 2);
}

/* It kills a worker, is asked again alone, kills again: kept, unread, in quarantine; and the next letter finds workers. */
static void a_letter_that_breaks_the_parser_is_quarantined(void **state) {
    (void)state;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1 << 20);
    struct buf head SD_CLEANUP(buf_free) = buf_new(1 << 16);
    struct rig_record record;
    struct cards_head_v1 card;
    assert_reply(TO_SUPPORT, "X-Test: die\r\nX-Cut: a\r\n\r\nbody\r\n.\r\n", "250 2.0.0 Accepted as ");
    assert_int_equal(rig.deaths, 2);
    assert_int_equal(rig_records(&rig, 0, &raw, &record), 1);
    assert_int_equal(record.header.disposition, DISPOSITION_QUARANTINE);
    assert_int_equal(record.header.trust, TRUST_FAILED);
    assert_int_equal(record.header.state, OBJECT_UNSCANNABLE);
    assert_int_equal(record.card.from_address.n, 0);
    assert_true(record.card.automatic);
    assert_facet(&record, FACET_TEXT, 0, "");
    assert_source(&record, "X-Test: die\r\nX-Cut: a\r\n\r\nbody\r\n"); /* whole */
    assert_int_equal(rig_open_facet(&record, FACET_HEAD, 0, &head), SD_OK);
    assert_int_equal(cards_head_v1_decode(buf_span(&head), NULL, &card), SD_OK);
    assert_int_equal(card.subject.n, 0);
    assert_true(span_eq(card.disposition_reason, SPAN("the letter could not be parsed safely")));
    rig_record_free(&record);
    assert_reply(TO_SUPPORT, "Subject: x\r\n\r\n.\r\n", "250");
}

/* What the threads below hear: one reply each. */
struct sender {
    pthread_t thread;
    const char *letter;
    char code[4];
};

static void *send_one(void *arg) {
    struct sender *sender = arg;
    struct buf reply SD_CLEANUP(buf_free) = buf_new(4096);
    send_letter(TO_SUPPORT, sender->letter, &reply);
    memcpy(sender->code, reply.p, 3);
    return NULL;
}

/* Only the guilty one ends in quarantine, however many are judged at the same time. */
static void the_innocent_are_judged_again(void **state) {
    (void)state;
    struct sender senders[24] = {0};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(4 << 20);
    size_t quarantined = 0;
    for (size_t i = 0; i < SD_COUNT(senders); i++) {
        senders[i].letter = i % 8 == 0 ? "X-Test: die\r\n\r\n.\r\n" : "Subject: x\r\n\r\n.\r\n";
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_one, &senders[i]), 0);
    }
    for (size_t i = 0; i < SD_COUNT(senders); i++) {
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
        assert_string_equal(senders[i].code, "250");
    }
    for (size_t i = 0; i < SD_COUNT(senders); i++) {
        struct rig_record record;
        buf_reset(&raw);
        assert_int_equal(rig_records(&rig, i, &raw, &record), SD_COUNT(senders));
        quarantined += record.header.disposition == DISPOSITION_QUARANTINE;
        rig_record_free(&record);
    }
    assert_int_equal(quarantined, 3);
}

static void a_verdict_that_does_not_come(void **state) {
    (void)state;
    static const uint8_t ip[16];
    struct inspect_judge_req req = {.ip = span_of(ip, 16), .letter = SPAN("X-Test: hang\r\n\r\n")};
    struct inspect_judge_rep rep;
    struct ipc_msg *msg = NULL;
    assert_int_equal(judge_letter(rig.edge.judge, &req, deadline_in_ms(200), &msg, &rep), JUDGE_TIMEOUT);
    assert_null(msg);
    req.letter = SPAN("Subject: x\r\n\r\n");
    assert_int_equal(judge_letter(rig.edge.judge, &req, deadline_in_ms(5000), &msg, &rep), JUDGE_DONE);
    ipc_msg_free(&msg);
}

static enum judge_outcome judge_text(const char *letter, int64_t ms) {
    static const uint8_t ip[16];
    struct inspect_judge_req req = {.ip = span_of(ip, 16), .letter = span_cstr(letter)};
    struct inspect_judge_rep rep;
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    return judge_letter(rig.edge.judge, &req, deadline_in_ms(ms), &msg, &rep);
}

static void *hang_one(SD_UNUSED void *arg) {
    return judge_text("X-Test: hang\r\n\r\n", 3000) == JUDGE_TIMEOUT ? NULL : &rig;
}

/* One that hangs keeps the letter it has, and gets no more while another has fewer. */
static void a_worker_that_hangs_is_left_alone(void **state) {
    (void)state;
    pthread_t thread;
    void *unexpected = NULL;
    struct deadline patience = deadline_in_ms(5000);
    while (ipc_client_broken(rig.clients[0]) || ipc_client_broken(rig.clients[1])) /* both are there */
        assert_false(deadline_passed(patience));
    assert_int_equal(pthread_create(&thread, NULL, hang_one, NULL), 0);
    while (rig_judged(&rig, 0) + rig_judged(&rig, 1) == 0)
        assert_false(deadline_passed(patience));
    size_t hung = rig_judged(&rig, 0) ? 0 : 1;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(judge_text("Subject: x\r\n\r\n", 5000), JUDGE_DONE);
    assert_int_equal(rig_judged(&rig, hung), 1);
    assert_int_equal(rig_judged(&rig, 1 - hung), 6);
    assert_int_equal(pthread_join(thread, &unexpected), 0);
    assert_null(unexpected);
}

static void facets_are_checked(void **state) {
    (void)state;
    struct buf facets SD_CLEANUP(buf_free) = buf_new(1 << 16);
    struct letter letter = {0};
    assert_int_equal(letter_check(&letter), SD_ERR_PARSE);
    assert_int_equal(put_unparsed_facets(&facets), SD_OK);
    letter.facets = buf_span(&facets);
    assert_int_equal(letter_check(&letter), SD_OK);
    letter.attachments = 1;
    assert_int_equal(letter_check(&letter), SD_ERR_PARSE);
    letter.attachments = 0;
    for (size_t n = 0; n < facets.n; n++) {
        letter.facets = span_sub(buf_span(&facets), 0, n);
        assert_int_equal(letter_check(&letter), SD_ERR_PARSE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_letter_as_the_keeper_and_the_desk_see_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_readable_is_in_the_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_queue_has_its_own_object_and_tokens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_header_that_was_changed_opens_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cut_fields_are_not_in_the_source, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_letter_goes_the_same_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_taken_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_formatted_letter_keeps_its_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_key_nothing_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_inspectors_nothing_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_said_and_passes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_letter_that_breaks_the_parser_is_quarantined, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_innocent_are_judged_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_verdict_that_does_not_come, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_that_hangs_is_left_alone, set_up, tear_down),
        cmocka_unit_test(facets_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
