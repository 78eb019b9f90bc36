/*
 * replay.c - judges one case per line, for tests that generate thousands of them (tests/differential): no process, socket or
 * resolver per case, the zone comes with it. The same auth_judge() as everywhere.
 *
 *   auth_replay < CASES
 *
 * A line is {"zone":{name:{type:[…]}|"SERVFAIL"},"ip","helo","from","at":UNIXTIME,"message":BASE64|absent}; the answer is the
 * judgement's JSON, one line each, in order.
 */
#include "auth/corpus/corpus.h"
#include "core/codec.h"

#include <stdio.h>
#include <stdlib.h>

#define CASE_MAX_BYTES ((size_t)8 * 1024 * 1024)
#define CASE_ARENA_BYTES ((size_t)64 * 1024 * 1024)

static void read_ip(const char *text, uint8_t ip[16]) {
    corpus_check(ip_parse(span_cstr(text), ip), "ip");
}

static struct auth_envelope read_envelope(const json_t *one, struct arena *arena) {
    struct auth_envelope envelope = {
        .helo = corpus_get(one, "helo", arena),
        .mail_from = corpus_get(one, "from", arena),
        .received_unix_ms = json_integer_value(json_object_get(one, "at")) * 1000,
    };
    read_ip(json_string_value(json_object_get(one, "ip")), envelope.ip);
    return envelope;
}

static struct auth_policy replay_policy(void) {
    static const struct span own_domain = {(const uint8_t *)"desk.example", 12};
    struct auth_policy policy = auth_policy_default();
    policy.authserv_id = SPAN("mx.desk.example");
    policy.own_domains = &own_domain;
    policy.own_domain_count = 1;
    policy.deadline = deadline_in_ms(10000);
    return policy;
}

static void judge(const json_t *one, struct arena *arena, struct buf *to) {
    struct dns_script *script = corpus_script();
    struct buf letter SD_CLEANUP(buf_free) = buf_new(CASE_MAX_BYTES);
    struct mail_message message;
    struct auth_judgement judgement;
    const json_t *encoded = json_object_get(one, "message");
    const struct auth_policy policy = replay_policy();
    const struct auth_envelope envelope = read_envelope(one, arena);
    corpus_zone(script, json_object_get(one, "zone"), arena);
    const struct dns_source dns = dns_script_source(script);
    if (encoded) {
        corpus_check(base64_decode(corpus_octets(encoded, arena), &letter), "message");
        corpus_check(mail_parse(buf_span(&letter), arena, &message), "mail_parse");
    }
    corpus_check(auth_judge(&envelope, encoded ? &message : NULL, &policy, &dns, arena, &judgement), "auth_judge");
    corpus_check(dns_script_open(script) ? SD_ERR_BUG : SD_OK, "a question was never waited for");
    auth_judgement_json(&judgement, policy.weights, to);
    dns_script_free(&script);
}

static void replay(const char *line, size_t n) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(CASE_ARENA_BYTES);
    struct buf out SD_CLEANUP(buf_free) = buf_new(CASE_MAX_BYTES);
    json_error_t error;
    json_t *one = json_loadb(line, n, JSON_ALLOW_NUL, &error);
    corpus_check(one && arena ? SD_OK : SD_ERR_PARSE, "case");
    judge(one, arena, &out);
    corpus_check(buf_err(&out), "judgement");
    (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
    json_decref(one);
}

int main(void) {
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getline(&line, &size, stdin)) > 0)
        replay(line, (size_t)n);
    free(line);
    return 0;
}
