/*
 * letters.h - what the programs that measure parts share: the benchmark's own letters (10 KB, SPF, DKIM RSA-2048, DMARC; made
 * by corpus.py), the DNS they need, answered from memory, and the policy they are judged by. One thread; what fails ends the
 * program.
 */
#ifndef SD_BENCH_LETTERS_H
#define SD_BENCH_LETTERS_H

#include "auth/auth.h"
#include "auth/dns_script.h"

#define LETTERS 200

struct letter {
    struct buf bytes;
    char sender[330];
};
extern struct letter letters[LETTERS];
extern struct dns_script *zone; /* the one of now: renew_zone() */

/* Reads the folder that corpus.py made. program: for messages. */
void letters_start(const char *program, const char *corpus);
/* A script answers a limited number of questions: a fresh one for each pass over the letters, not counted. */
void renew_zone(void);

void must(enum sd_err err, const char *what);
int64_t cpu_ns(void); /* of this process */

struct arena *fresh_arena(void);
struct mail_message parsed(const struct letter *l, struct arena *arena);
/* Prepared once, as the inspector prepares it; only the deadline is the letter's own. */
struct auth_policy bench_policy(void);
/* Must pass: SPF, its one signature, DMARC. */
void judged(const struct letter *l, const struct mail_message *m, const struct dns_source *dns, struct arena *arena,
            struct auth_judgement *ret);

#endif
