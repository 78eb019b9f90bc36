/*
 * log.c - what the audit log costs: appending (CPU and time for a record, 64 of them to one fdatasync), verifying, proofs, and
 * rebuilding the hashes on disk.
 *
 *   bench-log DIR RECORDS       DIR is made, and stays
 */
#include "keeper/audit_prove.h"
#include "keeper/tiles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ROUND 64

static double seconds_of(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(enum sd_err err, const char *what) {
    if (err == SD_OK)
        return;
    (void)fprintf(stderr, "bench-log: %s: %s\n", what, sd_err_text(err));
    exit(1);
}

static void add_round(struct audit *audit, unsigned long number) {
    struct audit_entry *first = NULL, **last = &first;
    for (unsigned i = 0; i < ROUND; i++) {
        struct audit_entry *entry = audit_entry_new();
        if (!entry)
            exit(1);
        buf_printf(
            &entry->rest,
            "\"time\":\"2026-01-01T00:00:00.000Z\",\"actor\":{\"kind\":\"person\",\"id\":\"%032lx\"},\"action\":\"open\","
            "\"object\":{\"kind\":\"letter\",\"id\":\"%032lx\"},\"ticket\":\"%032lx\",\"outcome\":\"granted\","
            "\"reason\":\"text\",\"origin\":\"192.0.2.7\"}",
            number, number * ROUND + i, number);
        *last = entry;
        last = &entry->next;
    }
    audit_submit(audit, first);
    (void)audit_turn(audit, (struct deadline){0});
}

static void append(struct audit *audit, unsigned long records) {
    double cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID), wall = seconds_of(CLOCK_MONOTONIC);
    for (unsigned long i = 0; i < records / ROUND; i++)
        add_round(audit, i);
    cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu;
    wall = seconds_of(CLOCK_MONOTONIC) - wall;
    (void)printf("append: %lu records, %.2f us CPU each, %.2f us each in all\n", records, cpu * 1e6 / (double)records,
                 wall * 1e6 / (double)records);
}

static void prove(const char *dir, const struct merkle_range *range, unsigned long count) {
    struct checkpoint newest = {.size = range->size}, earlier;
    struct merkle_proof proof;
    struct merkle_range before;
    double records = 0, continuations = 0, start;
    must(merkle_root(range, &newest.root), "root");
    for (unsigned long i = 0; i < count; i++) {
        struct buf line SD_CLEANUP(buf_free) = buf_new(MERKLE_LEAF_MAX);
        struct sha256 leaf;
        uint64_t seq = (uint64_t)random() % range->size;
        start = seconds_of(CLOCK_MONOTONIC);
        must(audit_read_record(dir, seq, &line, &leaf), "record");
        must(audit_prove_record(dir, seq, &leaf, &newest, &proof), "proof of a record");
        records += seconds_of(CLOCK_MONOTONIC) - start;
        must(audit_range_at(dir, seq + 1, &before), "range");
        earlier.size = seq + 1;
        must(merkle_root(&before, &earlier.root), "root");
        start = seconds_of(CLOCK_MONOTONIC);
        must(audit_prove_continuation(dir, &earlier, &newest, &proof), "proof of a continuation");
        continuations += seconds_of(CLOCK_MONOTONIC) - start;
    }
    (void)printf("proofs: of a record %.3f ms, reading it included; of a continuation %.3f ms\n", records * 1e3 / (double)count,
                 continuations * 1e3 / (double)count);
    start = seconds_of(CLOCK_MONOTONIC);
    must(tiles_rebuild(dir, range->size), "rebuilding");
    (void)printf("rebuilding the hashes: %.2f s\n", seconds_of(CLOCK_MONOTONIC) - start);
}

int main(int argc, char **argv) {
    struct secret private SD_CLEANUP(secret_free) = {0};
    struct buf public SD_CLEANUP(buf_free) = buf_new(256);
    struct audit_spec spec = {.key.origin = SPAN("bench.example/sealdesk")};
    struct signer *signer = NULL;
    struct audit *audit = NULL;
    struct audit_report report;
    uint64_t trimmed;
    bool damaged;
    if (argc != 3)
        return 2;
    must(sign_generate(SIGN_ED25519, 0, &private, &public), "key");
    must(signer_new(SIGN_ED25519, &private, &signer), "key");
    memcpy(spec.key.public_key, public.p + public.n - KEY_BYTES, KEY_BYTES);
    spec.signer = signer;
    spec.dir = argv[1];
    (void)mkdir(argv[1], 0700);
    must(audit_open(&spec, &audit, &trimmed, &damaged), "open");
    append(audit, strtoul(argv[2], NULL, 10));
    double wall = seconds_of(CLOCK_MONOTONIC);
    must(audit_verify(argv[1], &spec.key, NULL, &report), "verify");
    (void)printf("verify: %s, %.2f s\n", report.good ? "whole" : report.problem, seconds_of(CLOCK_MONOTONIC) - wall);
    struct merkle_range range;
    audit_range(audit, &range);
    prove(argv[1], &range, 200);
    audit_stop(audit);
    while (audit_turn(audit, (struct deadline){0}))
        ;
    audit_close(&audit);
    signer_free(&signer);
    return 0;
}
