/*
 * corpus.h - replays test suites written by others (JSON files, read in place) against the library and prints what deviates.
 * Test-only. Strings of these files are octet strings: one character, U+0000 to U+00FF, is one octet.
 */
#ifndef SD_AUTH_CORPUS_H
#define SD_AUTH_CORPUS_H

#include "auth/auth.h"
#include "auth/dns_script.h"

#include <jansson.h>

struct tally {
    const char *suite;
    unsigned cases;
    unsigned deviations;
};

/* "dir/name" parsed, or NULL when it is not there; ends the program when it is there and cannot be read. */
json_t *corpus_load(const char *dir, const char *name);
struct span corpus_file(const char *dir, const char *name, struct arena *arena);
/* Octets of a string; empty when it is missing. */
struct span corpus_octets(const json_t *string, struct arena *arena);
struct span corpus_get(const json_t *object, const char *key, struct arena *arena);
/* One more case; prints "suite id: text" and counts when it is not ok. */
void corpus_case(struct tally *t, const char *id, bool ok, const char *format, ...) SD_PRINTF(4, 5);
/* True when text is the string, or one of the strings, that expected allows. */
bool corpus_allows(const json_t *expected, const char *text);
void corpus_check(enum sd_err err, const char *what); /* ends the program */
struct dns_script *corpus_script(void);
/* {"name":{"TXT":[…],"A":[…],"MX":[[10,"host"]]}} or {"name":"SERVFAIL"} */
void corpus_zone(struct dns_script *script, const json_t *zone, struct arena *arena);

void corpus_spf(const char *dir, struct tally *t);
void corpus_dkim(const char *dir, struct tally *t);
void corpus_dmarc(const char *dir, struct tally *t);
void corpus_arc(const char *dir, struct tally *t);
void corpus_authres(const char *dir, struct tally *t);
void corpus_spoofing(const char *dir, struct tally *t);
void corpus_lookalike(const char *dir, struct tally *t);

#endif
