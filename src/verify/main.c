/*
 * sealdesk-verify - is this export of a Sealdesk log whole, and is it the log that an earlier checkpoint covered?
 *
 *   sealdesk-verify --key KEY [--checkpoint FILE]… [--json] EXPORT|-
 *   sealdesk-verify --key KEY --proof FILE --record FILE [--json]        one record is in the log
 *   sealdesk-verify --key KEY --proof FILE --checkpoint FILE [--json]    the log goes on from that checkpoint
 *
 * KEY is the log's public key as `sealdesk audit key` prints it, or a file with it. Exit status: 0 whole, 1 not, 2 usage, or a
 * file that cannot be read.
 */
#include "verify/verify.h"

#include <getopt.h>
#include <stdlib.h>

#define PROOF_MAX 16384

struct arguments {
    const char *key, *proof, *record, *export;
    const char *checkpoints[KEPT_MAX];
    size_t checkpoint_count;
    bool json;
};

static int usage(void) {
    (void)fprintf(stderr, "usage: sealdesk-verify --key KEY|FILE [--checkpoint FILE]... [--json] EXPORT|-\n"
                          "       sealdesk-verify --key KEY|FILE --proof FILE --record FILE [--json]\n"
                          "       sealdesk-verify --key KEY|FILE --proof FILE --checkpoint FILE [--json]\n");
    return 2;
}

static bool take_option(int option, struct arguments *a) {
    switch (option) {
    case 'k':
        a->key = optarg;
        return true;
    case 'c':
        if (a->checkpoint_count == KEPT_MAX)
            return false;
        a->checkpoints[a->checkpoint_count++] = optarg;
        return true;
    case 'p':
        a->proof = optarg;
        return true;
    case 'r':
        a->record = optarg;
        return true;
    case 'j':
        a->json = true;
        return true;
    default:
        return false;
    }
}

static bool parse(int argc, char **argv, struct arguments *a) {
    static const struct option options[] = {{"key", 1, NULL, 'k'},    {"checkpoint", 1, NULL, 'c'}, {"proof", 1, NULL, 'p'},
                                            {"record", 1, NULL, 'r'}, {"json", 0, NULL, 'j'},       {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (!take_option(option, a))
            return false;
    a->export = optind < argc ? argv[optind++] : NULL;
    return optind == argc && a->key && !a->proof == !!a->export && !(a->record && !a->proof);
}

/* A whole small file: false when it cannot be read, or is larger. */
static bool read_file(const char *path, char *to, size_t max, size_t *ret_n) {
    FILE *f = fopen(path, "r");
    if (f)
        *ret_n = fread(to, 1, max, f);
    bool good = f && !ferror(f) && getc(f) == EOF;
    if (!good)
        (void)fprintf(stderr, "sealdesk-verify: %s cannot be read, or is too large to be what it should be\n", path);
    if (f)
        (void)fclose(f);
    return good;
}

static bool read_kept(const struct arguments *a, const struct key *key, struct kept *kept, struct report *report) {
    for (size_t i = 0; i < a->checkpoint_count; i++) {
        char note[NOTE_MAX];
        size_t n = 0;
        kept[i] = (struct kept){.name = a->checkpoints[i]};
        if (!read_file(kept[i].name, note, sizeof note, &n))
            return false;
        const char *wrong = checkpoint_read(key, (struct text){note, n}, &kept[i].checkpoint);
        if (wrong)
            problem(report, "%s %s.", kept[i].name, wrong);
    }
    return true;
}

static int run_export(const struct arguments *a, const struct key *key, struct kept *kept, struct report *report) {
    FILE *in = strcmp(a->export, "-") == 0 ? stdin : fopen(a->export, "r");
    if (!in) {
        (void)fprintf(stderr, "sealdesk-verify: %s cannot be read\n", a->export);
        return 2;
    }
    if (!report->bad)
        verify_export(in, key, kept, a->checkpoint_count, report);
    if (in != stdin)
        (void)fclose(in);
    return report_end(report, "the log is whole");
}

static int run_proof(const struct arguments *a, const struct key *key, const struct kept *kept, struct report *report) {
    char proof[PROOF_MAX], record[PROOF_MAX];
    size_t proof_n = 0, record_n = 0;
    if (!read_file(a->proof, proof, sizeof proof, &proof_n) ||
        (a->record && !read_file(a->record, record, sizeof record, &record_n)))
        return 2;
    if (record_n && record[record_n - 1] == '\n')
        record_n--;
    struct text line = {record, record_n};
    if (!report->bad)
        verify_proof((struct text){proof, proof_n}, key, a->record ? &line : NULL, kept, a->checkpoint_count, report);
    return report_end(report, a->record ? "the record is in the log" : "the log goes on from there");
}

int main(int argc, char **argv) {
    struct arguments a = {0};
    struct kept kept[KEPT_MAX];
    struct key key;
    if (!parse(argc, argv, &a))
        return usage();
    if (!key_read(a.key, &key)) {
        (void)fprintf(stderr, "sealdesk-verify: %s is no log's public key, and no file with one\n", a.key);
        return 2;
    }
    struct report report = {.json = a.json};
    if (!read_kept(&a, &key, kept, &report))
        return 2;
    return a.proof ? run_proof(&a, &key, kept, &report) : run_export(&a, &key, kept, &report);
}
