/*
 * parts.c - what the parts of a letter's way cost alone, over the benchmark's own letters: nanoseconds of CPU per letter, one
 * thread, the DNS answered from memory. To see where the time of the whole goes, not how long a letter takes.
 *
 *   parts CORPUS [--json]
 */
#include "letters.h"

#include "core/crc32c.h"
#include "crypt/crypt.h"
#include "crypt/seal.h"
#include "edge/intake.h"
#include "inspect/inspect.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEAST_NS 700000000 /* each part runs at least so long */
#define APPENDERS 20
#define RECORD_BYTES 5000 /* about what a letter of the benchmark takes in the intake */

static uint8_t intake_public[KEY_BYTES];
static struct secret intake_private;
static struct hpke_sender *sender;
static struct hpke_receiver *receiver;

/* ---- what is measured; each once for one letter ---- */

static void do_arena(const struct letter *l) {
    (void)l;
    struct arena *arena SD_CLEANUP(arena_free) = fresh_arena();
    must(arena_alloc(arena, 64) ? SD_OK : SD_ERR_NOMEM, "arena");
}

static void do_parse(const struct letter *l) {
    struct arena *arena SD_CLEANUP(arena_free) = fresh_arena();
    (void)parsed(l, arena);
}

static void do_judge(const struct letter *l) {
    struct arena *arena SD_CLEANUP(arena_free) = fresh_arena();
    struct auth_judgement j;
    const struct dns_source dns = dns_script_source(zone);
    const struct mail_message m = parsed(l, arena);
    judged(l, &m, &dns, arena, &j);
}

static void do_dkim(const struct letter *l) {
    struct arena *arena SD_CLEANUP(arena_free) = fresh_arena();
    const struct mail_message m = parsed(l, arena);
    const struct dns_source dns = dns_script_source(zone);
    const struct dkim_verdict *verdicts;
    size_t n;
    must(dkim_verify(&m, clock_unix_ms(), &dns, deadline_in_ms(10000), arena, &verdicts, &n), "dkim_verify");
}

static void do_text(const struct letter *l) {
    struct arena *arena SD_CLEANUP(arena_free) = fresh_arena();
    struct buf text SD_CLEANUP(buf_free) = buf_new(LIMIT_TEXT_BYTES + 4096);
    mail_ambiguities found = 0;
    const struct mail_message m = parsed(l, arena);
    must(mail_text(&m, &text, &found), "mail_text");
}

static void do_facets(const struct letter *l) {
    struct arena *arena SD_CLEANUP(arena_free) = fresh_arena();
    struct auth_judgement j;
    struct letter_facets facets;
    struct letter_ids ids;
    const struct dns_source dns = dns_script_source(zone);
    const struct mail_message m = parsed(l, arena);
    judged(l, &m, &dns, arena, &j);
    const struct auth_policy policy = bench_policy();
    must(facets_begin(&m, &policy, &j, &facets), "facets_begin");
    must(facets_finish(&m, &policy, &j, &facets), "facets_finish");
    must(letter_ids_make(&m, &ids), "letter_ids_make");
    buf_free(&facets.bundle);
    buf_free(&ids.raw);
}

static void do_hash(const struct letter *l) {
    struct sha256 hash;
    must(crypt_sha256(buf_span(&l->bytes), &hash), "crypt_sha256");
}

static void do_facet_key(const struct letter *l) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    must(facet_key(span_sub(buf_span(&l->bytes), 0, KEY_BYTES), FACET_SOURCE, &key), "facet_key");
}

static void do_seal(const struct letter *l) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(64 * 1024);
    const struct object_id object = {{1}};
    must(seal_facet(span_sub(buf_span(&l->bytes), 0, KEY_BYTES), &object, FACET_SOURCE, buf_span(&l->bytes), &sealed),
         "seal_facet");
}

static void do_gcm(const struct letter *l) {
    static const uint8_t nonce[GCM_NONCE_BYTES];
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(64 * 1024);
    must(crypt_gcm_seal(span_sub(buf_span(&l->bytes), 0, KEY_BYTES), nonce, SPAN_NONE, buf_span(&l->bytes), &sealed), "gcm");
}

static void do_hpke_seal(const struct letter *l) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(4096);
    must(hpke_seal(intake_public, SPAN("bench"), SPAN("header"), span_sub(buf_span(&l->bytes), 0, 300), &sealed), "hpke_seal");
}

static void do_hpke_both(const struct letter *l) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(4096), opened SD_CLEANUP(buf_free) = buf_new(4096);
    must(hpke_seal(intake_public, SPAN("bench"), SPAN("header"), span_sub(buf_span(&l->bytes), 0, 300), &sealed), "hpke_seal");
    must(hpke_open(&intake_private, SPAN("bench"), SPAN("header"), buf_span(&sealed), &opened), "hpke_open");
}

/* As the edge and the keeper do it: many cards under one encapsulation. */
static void do_card_seal(const struct letter *l) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(4096);
    must(hpke_sender_seal(sender, SPAN("header"), span_sub(buf_span(&l->bytes), 0, 300), &sealed), "hpke_sender_seal");
}

static void do_card_both(const struct letter *l) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(4096), opened SD_CLEANUP(buf_free) = buf_new(4096);
    must(hpke_sender_seal(sender, SPAN("header"), span_sub(buf_span(&l->bytes), 0, 300), &sealed), "hpke_sender_seal");
    must(hpke_receiver_open(receiver, SPAN("header"), buf_span(&sealed), &opened), "hpke_receiver_open");
}

static void do_crc(const struct letter *l) {
    static volatile uint32_t sum;
    sum = crc32c(buf_span(&l->bytes));
    (void)sum;
}

static void do_random(const struct letter *l) {
    (void)l;
    struct secret key SD_CLEANUP(secret_free) = {0};
    must(secret_random(KEY_BYTES, &key), "secret_random");
}

/* less: what the part's own preparation costs, taken off. */
static const struct part {
    const char *name, *less;
    void (*run)(const struct letter *);
} parts[] = {
    {"an arena", NULL, do_arena},
    {"mail_parse", "an arena", do_parse},
    {"auth_judge", "mail_parse", do_judge},
    {"of it dkim_verify", "mail_parse", do_dkim},
    {"facets_make and ids", "auth_judge", do_facets},
    {"of it mail_text", "mail_parse", do_text},
    {"crypt_sha256 of the letter", NULL, do_hash},
    {"facet_key", NULL, do_facet_key},
    {"seal_facet of the letter", NULL, do_seal},
    {"AES-256-GCM alone", NULL, do_gcm},
    {"hpke_seal", NULL, do_hpke_seal},
    {"hpke_open", "hpke_seal", do_hpke_both},
    {"hpke_sender_seal", NULL, do_card_seal},
    {"hpke_receiver_open", "hpke_sender_seal", do_card_both},
    {"secret_random", NULL, do_random},
    {"crc32c", NULL, do_crc},
};

static int64_t whole[SD_COUNT(parts)]; /* with the preparation */

static int64_t one_pass(void (*run)(const struct letter *)) {
    renew_zone();
    int64_t start = cpu_ns();
    for (size_t i = 0; i < LETTERS; i++)
        run(&letters[i]);
    return cpu_ns() - start;
}

static int64_t measured(void (*run)(const struct letter *)) {
    int64_t n = 0, used = 0;
    (void)one_pass(run);
    for (; used < LEAST_NS; n += LETTERS)
        used += one_pass(run);
    return used / n;
}

static int64_t cost_of(const char *name) {
    for (size_t i = 0; name && i < SD_COUNT(parts); i++)
        if (strcmp(parts[i].name, name) == 0)
            return whole[i];
    return 0;
}

/* ---- the intake: CPU and letters per fdatasync, with as many appenders as the benchmark has sessions ---- */

struct appending {
    struct intake *intake;
    int64_t until;
    unsigned done;
};

static void *append(void *arg) {
    struct appending *a = arg;
    struct buf frame SD_CLEANUP(buf_free) = buf_new(2 * RECORD_BYTES);
    struct intake_frame at = intake_frame_begin(&frame);
    buf_fill(&frame, 7, RECORD_BYTES);
    intake_frame_end(&frame, at);
    while (clock_mono_ns() < a->until) {
        must(intake_append(a->intake, buf_span(&frame), 1), "intake_append");
        a->done++;
    }
    return NULL;
}

static void measure_intake(const char *corpus, int64_t *ret_cpu_ns, int64_t *ret_wall_ns) {
    char dir[4096];
    pthread_t threads[APPENDERS];
    struct appending appending[APPENDERS];
    struct intake *intake;
    unsigned done = 0;
    (void)snprintf(dir, sizeof dir, "%s/../parts-intake", corpus);
    (void)mkdir(dir, 0700);
    must(intake_new(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), &intake), "intake");
    must(intake_start(intake), "intake");
    int64_t cpu = cpu_ns(), start = clock_mono_ns();
    for (size_t i = 0; i < APPENDERS; i++) {
        appending[i] = (struct appending){intake, start + LEAST_NS, 0};
        must(pthread_create(&threads[i], NULL, append, &appending[i]) ? SD_ERR_NOMEM : SD_OK, "thread");
    }
    for (size_t i = 0; i < APPENDERS; i++) {
        (void)pthread_join(threads[i], NULL);
        done += appending[i].done;
    }
    *ret_cpu_ns = (cpu_ns() - cpu) / done;
    *ret_wall_ns = (clock_mono_ns() - start) / done;
    intake_free(&intake);
}

int main(int argc, char **argv) {
    int64_t cpu, wall;
    bool json = argc == 3 && strcmp(argv[2], "--json") == 0;
    if (argc < 2)
        return 2;
    letters_start("parts", argv[1]);
    must(crypt_start(), "crypt");
    must(hpke_keypair(&intake_private, intake_public), "hpke_keypair");
    must(hpke_sender_new(intake_public, SPAN("bench"), &sender), "hpke_sender_new");
    must(hpke_receiver_new(&intake_private, SPAN("bench"), &receiver), "hpke_receiver_new");
    for (size_t i = 0; i < SD_COUNT(parts); i++) {
        whole[i] = measured(parts[i].run);
        (void)printf(json ? "%s\"%s\":%lld" : "%s%-32s %9lld\n",
                     !json ? ""
                     : i   ? ","
                           : "{",
                     parts[i].name, (long long)(whole[i] - cost_of(parts[i].less)));
    }
    measure_intake(argv[1], &cpu, &wall);
    (void)printf(json ? ",\"intake_append\":%lld,\"intake_append_wall\":%lld}\n"
                      : "intake_append, 20 at once          %6lld\n  the same, time passed          %9lld\n",
                 (long long)cpu, (long long)wall);
    return 0;
}
