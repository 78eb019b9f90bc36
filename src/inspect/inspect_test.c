#include "core/ipc/cards.h"
#include "core/ipc/states.h"
#include "crypt/seal.h"
#include "inspect/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OWN_RESULTS "Authentication-Results: mx.sealdesk.example; dmarc=pass\r\n"

static struct rig rig;

static int set_up(SD_UNUSED void **state) {
    rig_start(&rig, "customer.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n_dmarc.customer.example TXT \"v=DMARC1; p=reject\"\n");
    return 0;
}

static int tear_down(SD_UNUSED void **state) {
    rig_stop(&rig);
    return 0;
}

/* A letter with its verdict, and its facets opened. */
struct judged {
    struct buf letter;
    struct ipc_msg *answer;
    struct inspect_judge_rep rep;
    struct cards_head_v1 head;
    struct span text;
    size_t files, file_bytes;
};

static void judged_free(struct judged *j) {
    ipc_msg_free(&j->answer);
    buf_free(&j->letter);
}

static void open_facets(struct judged *j) {
    struct reader r = reader_of(j->rep.facets);
    while (r.rest.n && !r.err) {
        struct cards_facet_v1 f;
        assert_int_equal(cards_facet_v1_decode(read_blob(&r, j->rep.facets.n), NULL, &f), SD_OK);
        if (f.facet == FACET_HEAD)
            assert_int_equal(cards_head_v1_decode(f.content, NULL, &j->head), SD_OK);
        if (f.facet == FACET_TEXT)
            j->text = f.content;
        if (f.facet == FACET_FILE) {
            assert_int_equal(f.index, j->files);
            j->files++;
            j->file_bytes += f.content.n;
        }
    }
    assert_int_equal(r.err, SD_OK);
}

static struct judged letter_begin(void) {
    struct judged j = {.letter = buf_new(LIMIT_MESSAGE_BYTES)};
    buf_text(&j.letter, "From: \"Kim\" <Kim@Customer.example>\r\nTo: support@sealdesk.example\r\nSubject: where is it\r\n"
                        "Message-ID: <1@customer.example>\r\n");
    return j;
}

static void judge_it(struct judged *j) {
    assert_int_equal(buf_err(&j->letter), SD_OK);
    assert_int_equal(rig_judge(&rig, buf_span(&j->letter), &j->answer, &j->rep), SD_OK);
    open_facets(j);
}

static void put_times(struct buf *b, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        buf_text(b, text);
}

static void assert_span(struct span s, const char *expected) {
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p, expected, s.n);
}

static bool is_ambiguous(const struct judged *j, const char *id) {
    return span_search(j->head.ambiguities, span_cstr(id)) < j->head.ambiguities.n;
}

static void an_ordinary_letter(SD_UNUSED void **state) {
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    buf_text(&j.letter, "References: <a@sealdesk.example> <b@sealdesk.example>\r\n\r\nHello\r\n");
    judge_it(&j);
    assert_int_equal(j.rep.disposition, DISPOSITION_ACCEPT);
    assert_int_equal(j.rep.trust, TRUST_VERIFIED);
    assert_int_equal(j.rep.state, OBJECT_CLEAN);
    assert_false(j.rep.automatic);
    assert_span(j.rep.from_address, "kim@customer.example");
    assert_int_equal(j.rep.reference_hashes.count, 2);
    assert_span(j.head.subject, "where is it");
    assert_span(j.head.from_name, "Kim");
    assert_span(j.head.trust_domain, "customer.example");
    assert_true(span_starts(j.text, SPAN("Hello")));
    assert_true(span_starts(j.rep.prepend, SPAN("Authentication-Results: mx.sealdesk.example;")));
}

static void html_alone_reads_as_text(SD_UNUSED void **state) {
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    buf_text(&j.letter, "Content-Type: text/html; charset=utf-8\r\n\r\n<html><head><style>p{color:red}</style></head><body>"
                        "<script>steal()</script><p>Order <b>4711</b> &amp; more</p><ul><li>late</li></ul></body></html>\r\n");
    judge_it(&j);
    assert_true(span_search(j.text, SPAN("Order 4711 & more")) < j.text.n);
    assert_true(span_search(j.text, SPAN("late")) < j.text.n);
    assert_int_equal(span_search(j.text, SPAN("steal")), j.text.n);
    assert_int_equal(span_search(j.text, SPAN("color")), j.text.n);
}

static void assert_list(struct ipc_list list, const char *const *expected, size_t count) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item;
    assert_int_equal(list.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(ipc_list_next(&iter, &item));
        assert_span(item, expected[i]);
    }
}

/* By what the keeper knows the sender again, and who else is written to. */
static void the_answer_names_the_contact(SD_UNUSED void **state) {
    struct buf letter SD_CLEANUP(buf_free) = buf_new(4096);
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_judge_rep rep;
    static const char *const people[] = {"lee@elsewhere.example", "bo@elsewhere.example"};
    struct ipc_list_iter iter;
    struct span look;
    buf_text(&letter,
             "From: \"Morgan, Kim\" <kim@mail.customer.example>\r\nTo: support@sealdesk.example, Lee@Elsewhere.example\r\n"
             "Cc: bo@elsewhere.example\r\nReply-To: x@third.example\r\nSubject: a\r\nSubject: b\r\n\r\nx\r\n");
    assert_int_equal(rig_judge(&rig, buf_span(&letter), &answer, &rep), SD_OK);
    assert_span(rep.contact_domain, "customer.example");
    assert_span(rep.contact_name, "klrn rnorgan"); /* as they look: m is rn, i is l */
    assert_list(rep.people, people, 2);
    assert_true(rep.contact_looks.count > 8 && rep.contact_looks.count <= CONTACT_LOOKS_MAX);
    iter = ipc_list_start(rep.contact_looks);
    assert_true(ipc_list_next(&iter, &look));
    assert_span(look, "scustorner.exarnple");
    assert_span(rep.trust_domain, "mail.customer.example");
    assert_int_equal(rep.signals, (1 << AUTH_SIGNAL_REPLY_TO_ELSEWHERE) | (1 << AUTH_SIGNAL_REPEATED_FIELD));
    assert_int_equal(rep.weight, 40);
}

/* The link weighs less than a flag; with answers that go elsewhere it is one. */
static void a_link_that_misleads_is_a_signal(SD_UNUSED void **state) {
    static const char *const body =
        "Content-Type: text/html\r\n\r\n<a href=\"https://evil.example/\">https://bank.example/</a>\r\n";
    struct judged alone SD_CLEANUP(judged_free) = letter_begin();
    struct judged more SD_CLEANUP(judged_free) = letter_begin();
    buf_text(&alone.letter, body);
    judge_it(&alone);
    assert_int_equal(alone.rep.signals, 1 << AUTH_SIGNAL_LINK_MISMATCH);
    assert_int_equal(alone.rep.weight, 20);
    assert_int_equal(alone.rep.disposition, DISPOSITION_ACCEPT);
    assert_true(span_search(alone.head.signals, SPAN("\"link-mismatch\"")) < alone.head.signals.n);
    buf_text(&more.letter, "Reply-To: kim@third.example\r\n");
    buf_text(&more.letter, body);
    judge_it(&more);
    assert_int_equal(more.rep.weight, 30);
    assert_int_equal(more.rep.disposition, DISPOSITION_FLAG);
}

/* However many fields pretend to be ours, each is cut; 65 of them once made a 451 for ever. */
static void every_forged_result_is_cut(SD_UNUSED void **state) {
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    put_times(&j.letter, OWN_RESULTS "X-Between: 1\r\n", 300);
    buf_text(&j.letter, "\r\nHello\r\n");
    judge_it(&j);
    assert_int_equal(j.rep.cuts.count, 300);
    assert_int_equal(j.rep.disposition, DISPOSITION_ACCEPT);
}

/* Attachments that cannot be listed flag the mail: nobody may believe that they see all of them. */
static void more_attachments_than_are_listed(SD_UNUSED void **state) {
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    buf_text(&j.letter, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    put_times(&j.letter, "--b\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nx\r\n", LIMIT_ATTACHMENTS + 1);
    buf_text(&j.letter, "--b--\r\n");
    judge_it(&j);
    assert_int_equal(j.rep.attachments, LIMIT_ATTACHMENTS);
    assert_int_equal(j.files, LIMIT_ATTACHMENTS);
    assert_int_equal(j.head.attachments.count, LIMIT_ATTACHMENTS);
    assert_int_equal(j.rep.state, OBJECT_UNSCANNED);
    assert_int_equal(j.rep.disposition, DISPOSITION_REVIEW);
    assert_int_equal(j.rep.trust, TRUST_UNVERIFIED);
    assert_int_equal(j.head.trust, TRUST_UNVERIFIED);
    assert_true(is_ambiguous(&j, "parts-too-many"));
}

/* A message in a message in a message, each listed whole: once too much for one answer, and a 451 for ever. */
static void nested_messages_do_not_multiply(SD_UNUSED void **state) {
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    buf_text(&j.letter, "Content-Type: message/rfc822\r\n\r\n");
    put_times(&j.letter, "Content-Type: message/rfc822\r\n\r\n", 17);
    buf_text(&j.letter, "Content-Type: application/octet-stream\r\n\r\n");
    put_times(&j.letter, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n", 300 * 1024);
    judge_it(&j);
    assert_int_equal(j.files, 2);
    assert_true(j.file_bytes <= 2 * LIMIT_MESSAGE_BYTES);
    assert_int_equal(j.rep.disposition, DISPOSITION_REVIEW);
    assert_true(is_ambiguous(&j, "parts-too-many"));
}

/* What only decoding shows counts as if it had been known when the sender was judged. */
static void what_decoding_shows_holds_the_letter(SD_UNUSED void **state) {
    struct judged j SD_CLEANUP(judged_free) = letter_begin();
    buf_text(&j.letter, "Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\nV29ybGQ=\r\n");
    judge_it(&j);
    assert_true(is_ambiguous(&j, "base64-after-end"));
    assert_int_equal(j.rep.disposition, DISPOSITION_REVIEW);
    assert_int_equal(j.rep.trust, TRUST_UNVERIFIED);
    assert_int_equal(j.head.trust, TRUST_UNVERIFIED);
    assert_span(j.head.trust_sentence, "Not verified: claims to be customer.example");
    assert_span(j.head.disposition_reason, "Mail programs may read this message in different ways.");
}

static void a_refused_letter_has_no_facets(SD_UNUSED void **state) {
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_judge_rep rep;
    assert_int_equal(rig_judge(&rig, SPAN("From: boss@sealdesk.example\r\nSubject: x\r\n\r\npay\r\n"), &answer, &rep), SD_OK);
    assert_int_equal(rep.disposition, DISPOSITION_REJECT);
    assert_true(span_starts(rep.smtp_reply, SPAN("550 5.7.1 ")));
    assert_int_equal(rep.facets.n, 0);
}

static void a_dns_that_does_not_answer_accepts_nothing(SD_UNUSED void **state) {
    struct rig dark;
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_judge_rep rep;
    rig_start(&dark, "customer.example SERVFAIL\n_dmarc.customer.example SERVFAIL\n");
    assert_int_equal(rig_judge(&dark, SPAN("From: kim@customer.example\r\n\r\nx\r\n"), &answer, &rep), SD_OK);
    assert_int_equal(rep.disposition, DISPOSITION_TEMPFAIL);
    assert_true(span_starts(rep.smtp_reply, SPAN("451 4.7.0 ")));
    assert_int_not_equal(rep.trust, TRUST_VERIFIED);
    rig_stop(&dark);
}

static void examine_tells_what_the_keeper_compares(SD_UNUSED void **state) {
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_examine_rep rep;
    struct ipc_list_iter iter;
    struct span item;
    assert_int_equal(
        rig_examine(&rig,
                    SPAN("From: Support@Sealdesk.example\r\nTo: \"K\" <Kim@Customer.example>\r\n"
                         "Cc: lee@customer.example\r\nBcc: x@y.example\r\nMessage-ID: <m@sealdesk.example>\r\n\r\nhi\r\n"),
                    &answer, &rep),
        SD_OK);
    assert_span(rep.from_address, "support@sealdesk.example");
    assert_int_equal(rep.recipients.count, 2);
    iter = ipc_list_start(rep.recipients);
    assert_true(ipc_list_next(&iter, &item));
    assert_span(item, "kim@customer.example");
    assert_true(ipc_list_next(&iter, &item));
    assert_span(item, "lee@customer.example");
    assert_true(rep.hidden_recipients);
    assert_int_equal(rep.ambiguities, 0);
}

static void examine_refuses_what_it_cannot_tell(SD_UNUSED void **state) {
    struct buf many SD_CLEANUP(buf_free) = buf_new(65536);
    const struct {
        struct span message;
        enum sd_err err;
    } cases[] = {{SPAN("To: a@b.example\r\n\r\nx\r\n"), SD_ERR_PARSE},
                 {SPAN("From: a@b.example\r\nFrom: c@d.example\r\n\r\nx\r\n"), SD_ERR_PARSE},
                 {SPAN("From: a@b.example, c@d.example\r\n\r\nx\r\n"), SD_ERR_PARSE}};
    struct inspect_examine_rep rep;
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
        assert_int_equal(rig_examine(&rig, cases[i].message, &answer, &rep), cases[i].err);
    }
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    buf_text(&many, "From: a@b.example\r\nTo: z@b.example");
    put_times(&many, ",\r\n b@c.example", 100);
    buf_text(&many, "\r\n\r\nx\r\n");
    assert_int_equal(rig_examine(&rig, buf_span(&many), &answer, &rep), SD_ERR_LIMIT);
}

static void text_is_cut_between_characters(SD_UNUSED void **state) {
    assert_span(text_at_most(SPAN("a\xc3\xa9z"), 2), "a");
    assert_span(text_at_most(SPAN("a\xc3\xa9z"), 3), "a\xc3\xa9");
    assert_span(text_at_most(SPAN("a\xf0\x9f\x99\x82"), 4), "a");
    assert_int_equal(text_at_most(SPAN("\xff\xfe\xff\xfe\xff"), 4).n, 0);
    assert_span(text_at_most(SPAN("abc"), 3), "abc");
}

static void a_peer_that_may_not_ask_is_dropped(SD_UNUSED void **state) {
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    assert_int_equal(inspect_examine_req_encode(&out, &(struct inspect_examine_req){.message = SPAN("x")}), SD_OK);
    assert_int_equal(rig_serve(&rig, PEER_EDGE, 2, &out, &answer), SD_ERR_PROTOCOL);
    assert_int_equal(rig_serve(&rig, PEER_KEEPER, 9, &out, &answer), SD_ERR_PROTOCOL);
    buf_byte(&out.body, 0); /* one byte too many */
    assert_int_equal(rig_serve(&rig, PEER_KEEPER, 2, &out, &answer), SD_ERR_PROTOCOL);
    assert_null(answer);
}

static void a_letter_that_never_ends_is_noticed(SD_UNUSED void **state) {
    static struct watch watch;
    int64_t limit = (int64_t)WATCH_MS * 1000000;
    size_t first = watch_begin(&watch, 1000);
    size_t second = watch_begin(&watch, 2000);
    assert_int_not_equal(first, second);
    assert_false(watch_is_stuck(&watch, 1000 + limit));
    assert_true(watch_is_stuck(&watch, 1001 + limit));
    watch_end(&watch, first);
    assert_false(watch_is_stuck(&watch, 2000 + limit));
    assert_true(watch_is_stuck(&watch, 2001 + limit));
    watch_end(&watch, second);
    assert_false(watch_is_stuck(&watch, 10 * limit));
    for (size_t i = 0; i < WATCH_SLOTS; i++)
        assert_int_equal(watch_begin(&watch, 1), i);
    assert_int_equal(watch_begin(&watch, 1), WATCH_SLOTS);
    watch_end(&watch, WATCH_SLOTS);
    assert_false(watch_is_stuck(&rig.inspector.watch, INT64_MAX)); /* all that was judged has ended */
}

/* However the administrator writes a domain, it is the one that letters name. */
static void domains_are_read_as_they_are_compared(void **state) {
    (void)state;
    static const char lines[] =
        "main.hostname=mx.acme.example\nmain.domains=Acme.Example., b\xc3\xbc"
        "cher.example ,,\ninspect.public_suffix=no\n"
        "upstream.id=\nupstream.addresses=\ntrust.protected_domains=\ntrust.protected_names=\ntrust.trusted_sealers=L.example."
        "\n"
        "trust.forwarders=192.0.2.0/24\ntrust.refused_senders=A@Evil.example\ntrust.weights=\ntrust.flag_at=30\n"
        "trust.review_at=100\n";
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(1024 * 1024);
    struct config *config = NULL;
    struct auth_policy policy;
    assert_int_equal(config_new(span_cstr(lines), &config), SD_OK);
    assert_int_equal(policy_read(config, arena, &policy), SD_OK);
    assert_int_equal(policy.own_domain_count, 2);
    assert_true(span_eq(policy.own_domains[0], SPAN("acme.example")));
    assert_true(span_eq(policy.own_domains[1], SPAN("xn--bcher-kva.example")));
    assert_true(span_eq(policy.trusted_sealers[0], SPAN("l.example")));
    assert_true(span_eq(policy.forwarders[0], SPAN("192.0.2.0/24")));
    assert_true(span_eq(policy.refused_senders[0], SPAN("a@evil.example")));
    config_free(&config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains_are_read_as_they_are_compared),
        cmocka_unit_test(an_ordinary_letter),
        cmocka_unit_test(html_alone_reads_as_text),
        cmocka_unit_test(the_answer_names_the_contact),
        cmocka_unit_test(a_link_that_misleads_is_a_signal),
        cmocka_unit_test(every_forged_result_is_cut),
        cmocka_unit_test(more_attachments_than_are_listed),
        cmocka_unit_test(nested_messages_do_not_multiply),
        cmocka_unit_test(what_decoding_shows_holds_the_letter),
        cmocka_unit_test(a_refused_letter_has_no_facets),
        cmocka_unit_test(a_dns_that_does_not_answer_accepts_nothing),
        cmocka_unit_test(examine_tells_what_the_keeper_compares),
        cmocka_unit_test(examine_refuses_what_it_cannot_tell),
        cmocka_unit_test(text_is_cut_between_characters),
        cmocka_unit_test(a_peer_that_may_not_ask_is_dropped),
        cmocka_unit_test(a_letter_that_never_ends_is_noticed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
