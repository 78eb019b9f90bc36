#include "letters.h"

#include "core/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARENA_BYTES ((size_t)48 * 1024 * 1024)

struct letter letters[LETTERS];
struct dns_script *zone;
static struct buf zone_lines;
static struct span own_domain = {(const uint8_t *)"desk.example", 12};
static struct arena *policy_arena;
static struct auth_policy prepared;
static const char *program;

void must(enum sd_err err, const char *what) {
    if (err) {
        (void)fprintf(stderr, "%s: %s: %s\n", program, what, sd_err_text(err));
        exit(2);
    }
}

int64_t cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct arena *fresh_arena(void) {
    struct arena *arena = arena_new(ARENA_BYTES);
    must(arena ? SD_OK : SD_ERR_NOMEM, "arena");
    return arena;
}

struct mail_message parsed(const struct letter *l, struct arena *arena) {
    struct mail_message m;
    must(mail_parse(buf_span(&l->bytes), arena, &m), "mail_parse");
    return m;
}

static void prepare_policy(void) {
    policy_arena = fresh_arena();
    prepared = auth_policy_default();
    prepared.authserv_id = SPAN("mail.desk.example");
    prepared.own_domains = &own_domain;
    prepared.own_domain_count = 1;
    must(auth_policy_prepare(&prepared, policy_arena), "auth_policy_prepare");
}

struct auth_policy bench_policy(void) {
    struct auth_policy policy = prepared;
    policy.deadline = deadline_in_ms(10000);
    return policy;
}

void judged(const struct letter *l, const struct mail_message *m, const struct dns_source *dns, struct arena *arena,
            struct auth_judgement *ret) {
    const struct auth_envelope envelope = {.ip = {[10] = 0xff, 0xff, 198, 51, 100, 10},
                                           .helo = SPAN("client.relay.example"),
                                           .mail_from = span_cstr(l->sender),
                                           .received_unix_ms = clock_unix_ms()};
    const struct auth_policy policy = bench_policy();
    must(auth_judge(&envelope, m, &policy, dns, arena, ret), "auth_judge");
    must(ret->spf.result == AUTH_PASS && ret->dmarc.result == AUTH_PASS && ret->dkim_count == 1 &&
                 ret->dkim[0].result == AUTH_PASS
             ? SD_OK
             : SD_ERR_FORGED,
         "a letter did not pass");
}

void renew_zone(void) {
    dns_script_free(&zone);
    must(dns_script_new(&zone), "zone");
    must(dns_script_load(zone, buf_span(&zone_lines)), "zone");
}

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

/* "name. 3600 IN TYPE rdata" is "name TYPE rdata" in a script. */
static void read_zone(const char *path) {
    char name[300], type[16], rdata[3000];
    FILE *f = fopen(path, "r");
    if (!f)
        must(SD_ERR_IO, path);
    zone_lines = buf_new(1024 * 1024);
    while (fscanf(f, "%299[^ ] 3600 IN %15s %2999[^\n]\n", name, type, rdata) == 3) {
        size_t n = strlen(rdata);
        buf_printf(&zone_lines, "%.*s %s %.*s\n", (int)strlen(name) - 1, name, type, (int)(n - (rdata[n - 1] == '.')), rdata);
    }
    (void)fclose(f);
    must(buf_err(&zone_lines), path);
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

void letters_start(const char *name, const char *corpus) {
    program = name;
    prepare_policy();
    read_corpus(corpus);
}
