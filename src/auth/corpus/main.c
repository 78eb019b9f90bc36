#include "auth/corpus/corpus.h"

#include <stdio.h>
#include <sys/stat.h>

#define SKIPPED 77 /* meson: not run, and says so */

static const struct {
    const char *suite;
    void (*run)(const char *dir, struct tally *t);
} suites[] = {{"spf", corpus_spf},         {"dkim", corpus_dkim},         {"dmarc", corpus_dmarc},        {"arc", corpus_arc},
              {"authres", corpus_authres}, {"spoofing", corpus_spoofing}, {"lookalike", corpus_lookalike}};

int main(int argc, char **argv) {
    struct stat st;
    unsigned deviations = 0;
    if (argc < 2 || stat(argv[1], &st) != 0) {
        printf("no corpora at %s: skipped\n", argc < 2 ? "(no argument)" : argv[1]);
        return SKIPPED;
    }
    for (size_t i = 0; i < SD_COUNT(suites); i++) {
        struct tally t = {.suite = suites[i].suite};
        suites[i].run(argv[1], &t);
        printf("%s: %u cases, %u deviations%s\n", t.suite, t.cases, t.deviations, t.cases ? "" : " (suite absent)");
        deviations += t.deviations;
    }
    return deviations > 0;
}
