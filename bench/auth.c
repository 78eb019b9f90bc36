/*
 * auth.c - what it costs to judge a letter: verifications per second of one core over the benchmark's own letters (10 KB, SPF,
 * DKIM RSA-2048, DMARC), one thread, CPU of the process, and beside it what RSA verification and SHA-256 alone would cost for
 * the same letters. DNS answers come from a script behind dns_recent, as they come from the dns process behind it in the
 * inspector.
 *
 *   bench-auth CORPUS [ROUNDS]        prints nanoseconds of CPU per letter as JSON
 */
#include "letters.h"

#include "auth/dns_recent.h"
#include "crypt/crypt.h"

#include <stdio.h>
#include <stdlib.h>

#define LEAST_NS 100000000 /* a round of one part: at least so long */
#define RSA_BITS 2048

static struct dns_recent *recent;
static struct verify_key *rsa_key;
static struct buf rsa_signature;

/* ---- what is measured, each for one letter ---- */

static void do_parse(const struct letter *l) {
    struct arena *arena SD_CLEANUP(arena_free) = fresh_arena();
    (void)parsed(l, arena);
}

static void do_dkim(const struct letter *l) {
    struct arena *arena SD_CLEANUP(arena_free) = fresh_arena();
    const struct mail_message m = parsed(l, arena);
    const struct dns_source dns = dns_recent_source(recent);
    const struct dkim_verdict *verdicts;
    size_t n;
    must(dkim_verify(&m, clock_unix_ms(), &dns, deadline_in_ms(10000), arena, &verdicts, &n), "dkim_verify");
    must(n == 1 && verdicts[0].result == AUTH_PASS ? SD_OK : SD_ERR_FORGED, "a letter did not pass");
}

static void do_judge(const struct letter *l) {
    struct arena *arena SD_CLEANUP(arena_free) = fresh_arena();
    const struct mail_message m = parsed(l, arena);
    const struct dns_source dns = dns_recent_source(recent);
    struct auth_judgement j;
    judged(l, &m, &dns, arena, &j);
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

static int64_t one_round(void (*run)(const struct letter *)) {
    int64_t n = 0, used = 0;
    for (; used < LEAST_NS; n += LETTERS) {
        renew_zone();
        int64_t start = cpu_ns();
        for (size_t i = 0; i < LETTERS; i++)
            run(&letters[i]);
        used += cpu_ns() - start;
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

/* ---- the DNS and the key ---- */

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

static void make_recent(void) {
    const struct dns_source script = {.ctx = &zone, .start = zone_start, .wait = zone_wait};
    must(dns_recent_new(&script, &recent), "dns_recent");
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
    letters_start("bench-auth", argv[1]);
    must(crypt_start(), "crypt");
    make_recent();
    make_rsa();
    measure(rounds ? rounds : 1);
    for (size_t i = 0; i < SD_COUNT(parts); i++)
        (void)printf("%s\"%s\":%lld", i ? "," : "{", parts[i].name, (long long)best[i]);
    (void)printf("}\n");
    return 0;
}
