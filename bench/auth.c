/*
 * auth.c - what it costs to judge a letter: verifications per second of one core over the benchmark's own letters (10 KB, SPF,
 * DKIM RSA-2048, DMARC), one thread, CPU by getrusage, and beside it what RSA verification and SHA-256 alone would cost for the
 * same letters. DNS answers come from a script behind dns_recent, as they come from the dns process behind it in the inspector.
 *
 *   bench-auth CORPUS [ROUNDS]        prints nanoseconds of CPU per letter as JSON
 */
#include "auth/auth.h"
#include "auth/dns_recent.h"
#include "auth/dns_script.h"
#include "crypt/crypt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define LETTERS 200
#define ARENA_BYTES ((size_t)48 * 1024 * 1024)
#define LEAST_NS 100000000 /* a round of one part: at least so long */
#define RSA_BITS 2048

struct letter {
    struct buf bytes;
    char sender[330];
};

static struct letter letters[LETTERS];
static struct buf zone_lines;
static struct dns_script *zone;
static struct dns_recent *recent;
static struct span own_domain = {(const uint8_t *)"desk.example", 12};
static struct arena *policy_arena;
static struct auth_policy prepared;
static struct verify_key *rsa_key;
static struct buf rsa_signature;

static void must(enum sd_err err, const char *what) {
    if (err) {
        (void)fprintf(stderr, "bench-auth: %s: %s\n", what, sd_err_text(err));
        exit(2);
    }
}

static int64_t used_ns(void) {
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return ((int64_t)u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
           ((int64_t)u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

/* ---- what is measured, each for one letter ---- */

static struct mail_message parsed(const struct letter *l, struct arena *arena) {
    struct mail_message m;
    must(arena ? SD_OK : SD_ERR_NOMEM, "arena");
    must(mail_parse(buf_span(&l->bytes), arena, &m), "mail_parse");
    return m;
}

/* Prepared once, as the inspector prepares it; only the deadline is the letter's own. */
static void prepare_policy(void) {
    policy_arena = arena_new(ARENA_BYTES);
    must(policy_arena ? SD_OK : SD_ERR_NOMEM, "arena");
    prepared = auth_policy_default();
    prepared.authserv_id = SPAN("mail.desk.example");
    prepared.own_domains = &own_domain;
    prepared.own_domain_count = 1;
    must(auth_policy_prepare(&prepared, policy_arena), "auth_policy_prepare");
}

static struct auth_policy bench_policy(void) {
    struct auth_policy policy = prepared;
    policy.deadline = deadline_in_ms(10000);
    return policy;
}

static void do_parse(const struct letter *l) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    (void)parsed(l, arena);
}

static void do_dkim(const struct letter *l) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    const struct mail_message m = parsed(l, arena);
    const struct dns_source dns = dns_recent_source(recent);
    const struct dkim_verdict *verdicts;
    size_t n;
    must(dkim_verify(&m, clock_unix_ms(), &dns, deadline_in_ms(10000), arena, &verdicts, &n), "dkim_verify");
    must(n == 1 && verdicts[0].result == AUTH_PASS ? SD_OK : SD_ERR_FORGED, "a letter did not pass");
}

static void do_judge(const struct letter *l) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    const struct mail_message m = parsed(l, arena);
    const struct auth_policy policy = bench_policy();
    const struct dns_source dns = dns_recent_source(recent);
    const struct auth_envelope envelope = {.ip = {[10] = 0xff, 0xff, 198, 51, 100, 10},
                                           .helo = SPAN("client.relay.example"),
                                           .mail_from = span_cstr(l->sender),
                                           .received_unix_ms = clock_unix_ms()};
    struct auth_judgement j;
    must(auth_judge(&envelope, &m, &policy, &dns, arena, &j), "auth_judge");
    must(j.spf.result == AUTH_PASS && j.dmarc.result == AUTH_PASS && j.dkim_count == 1 && j.dkim[0].result == AUTH_PASS
             ? SD_OK
             : SD_ERR_FORGED,
         "a letter did not pass");
}

static void do_hash(const struct letter *l) {
    struct sha256 hash;
    must(crypt_sha256(buf_span(&l->bytes), &hash), "crypt_sha256");
}

static void do_rsa(const struct letter *l) {
    (void)l;
    must(verify_signature(rsa_key, SPAN("bench"), buf_span(&rsa_signature)), "verify_signature");
}

static const struct part {
    const char *name;
    void (*run)(const struct letter *);
} parts[] = {{"rsa", do_rsa}, {"sha256", do_hash}, {"parse", do_parse}, {"parse_dkim", do_dkim}, {"judge", do_judge}};

/* ---- measuring: the best of several rounds, because others use the machine too ---- */

/* A script answers a limited number of questions: a fresh one for each pass over the letters, not counted. */
static void renew_zone(void) {
    dns_script_free(&zone);
    must(dns_script_new(&zone), "zone");
    must(dns_script_load(zone, buf_span(&zone_lines)), "zone");
}

static int64_t one_round(void (*run)(const struct letter *)) {
    int64_t n = 0, used = 0;
    for (; used < LEAST_NS; n += LETTERS) {
        renew_zone();
        int64_t start = used_ns();
        for (size_t i = 0; i < LETTERS; i++)
            run(&letters[i]);
        used += used_ns() - start;
    }
    return used / n;
}

static int64_t best[SD_COUNT(parts)];

/* The parts by turns, so that what disturbs one disturbs the others too. */
static void measure(unsigned rounds) {
    for (unsigned round = 0; round < rounds; round++)
        for (size_t i = 0; i < SD_COUNT(parts); i++) {
            int64_t ns = one_round(parts[i].run);
            best[i] = round == 0 || ns < best[i] ? ns : best[i];
        }
}

/* ---- the letters and the zone ---- */

static void read_into(const char *path, struct buf *to) {
    FILE *f = fopen(path, "rb");
    uint8_t block[4096];
    size_t n;
    if (!f)
        must(SD_ERR_IO, path);
    while ((n = fread(block, 1, sizeof block, f)))
        buf_put(to, span_of(block, n));
    (void)fclose(f);
    must(buf_err(to), path);
}

static enum sd_err zone_start(void *ctx, struct span name, enum dns_type type, struct dns_ticket *ret) {
    const struct dns_source script = dns_script_source(*(struct dns_script **)ctx);
    return script.start(script.ctx, name, type, ret);
}

/* A resolver remembers for a while what is not there as well (RFC 2308); a script gives such answers no time to live. */
static enum sd_err zone_wait(void *ctx, struct dns_ticket ticket, struct deadline deadline, struct arena *arena,
                             struct dns_answer *ret) {
    const struct dns_source script = dns_script_source(*(struct dns_script **)ctx);
    enum sd_err err = script.wait(script.ctx, ticket, deadline, arena, ret);
    if (err == SD_OK && ret->outcome != DNS_TEMPFAIL)
        ret->ttl_s = 300;
    return err;
}

/* "name. 3600 IN TYPE rdata" is "name TYPE rdata" in a script. */
static void read_zone(const char *path) {
    char name[300], type[16], rdata[3000];
    zone_lines = buf_new(1024 * 1024);
    FILE *f = fopen(path, "r");
    if (!f)
        must(SD_ERR_IO, path);
    while (fscanf(f, "%299[^ ] 3600 IN %15s %2999[^\n]\n", name, type, rdata) == 3) {
        size_t n = strlen(rdata);
        buf_printf(&zone_lines, "%.*s %s %.*s\n", (int)strlen(name) - 1, name, type, (int)(n - (rdata[n - 1] == '.')), rdata);
    }
    (void)fclose(f);
    must(buf_err(&zone_lines), path);
    const struct dns_source script = {.ctx = &zone, .start = zone_start, .wait = zone_wait};
    must(dns_recent_new(&script, &recent), "dns_recent");
}

static void read_corpus(const char *corpus) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/zone", corpus);
    read_zone(path);
    (void)snprintf(path, sizeof path, "%s/list", corpus);
    FILE *f = fopen(path, "r");
    if (!f)
        must(SD_ERR_IO, path);
    for (size_t i = 0; i < LETTERS; i++) {
        letters[i].bytes = buf_new(64 * 1024);
        if (fscanf(f, "%4095s %329s", path, letters[i].sender) != 2)
            must(SD_ERR_PARSE, "list");
        read_into(path, &letters[i].bytes);
    }
    (void)fclose(f);
}

static void make_rsa(void) {
    struct secret private_key SD_CLEANUP(secret_free) = {0};
    struct buf public_key SD_CLEANUP(buf_free) = buf_new(4096);
    struct signer *signer = NULL;
    rsa_signature = buf_new(4096);
    must(sign_generate(SIGN_RSA_SHA256, RSA_BITS, &private_key, &public_key), "sign_generate");
    must(signer_new(SIGN_RSA_SHA256, &private_key, &signer), "signer_new");
    must(signer_sign(signer, SPAN("bench"), &rsa_signature), "signer_sign");
    must(verify_key_new(SIGN_RSA_SHA256, buf_span(&public_key), &rsa_key), "verify_key_new");
    signer_free(&signer);
}

int main(int argc, char **argv) {
    unsigned rounds = 10;
    if (argc < 2)
        return 2;
    if (argc > 2)
        rounds = (unsigned)strtoul(argv[2], NULL, 10);
    must(crypt_start(), "crypt");
    prepare_policy();
    make_rsa();
    read_corpus(argv[1]);
    measure(rounds ? rounds : 1);
    for (size_t i = 0; i < SD_COUNT(parts); i++)
        (void)printf("%s\"%s\":%lld", i ? "," : "{", parts[i].name, (long long)best[i]);
    (void)printf("}\n");
    return 0;
}
