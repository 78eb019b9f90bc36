/* report.c - what is said: sentences for people, or one JSON object. */
#include "verify/verify.h"

#include <stdarg.h>

static void keep(struct report *report, const char *format, va_list arguments) {
    if (report->bad)
        return;
    report->bad = true;
    (void)vsnprintf(report->problem, sizeof report->problem, format, arguments);
}

void problem(struct report *report, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    keep(report, format, arguments);
    va_end(arguments);
}

void problem_at(struct report *report, uint64_t record, const char *format, ...) {
    va_list arguments;
    if (!report->bad) {
        report->first_bad = record;
        report->has_first_bad = true;
    }
    va_start(arguments, format);
    keep(report, format, arguments);
    va_end(arguments);
}

/* Sentences hold our own words and file names: whatever in those is not printable ASCII is shown as such. */
static void put_json_text(const char *name, const char *text) {
    (void)printf(",\"%s\":\"", name);
    for (; *text; text++)
        if (*text == '"' || *text == '\\' || (unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
            (void)printf("\\u%04x", (unsigned)(unsigned char)*text);
        else
            (void)putchar(*text);
    (void)putchar('"');
}

static void put_hash(const struct hash *hash) {
    for (size_t i = 0; i < HASH_BYTES; i++)
        (void)printf("%02x", hash->b[i]);
}

static void put_json(const struct report *report, const char *what) {
    (void)printf("{\"ok\":%s", report->bad ? "false" : "true");
    put_json_text("what", what);
    (void)printf(",\"from\":%llu,\"size\":%llu,\"checkpoints\":%llu,\"dropped\":%llu", (unsigned long long)report->from,
                 (unsigned long long)report->size, (unsigned long long)report->checkpoints,
                 (unsigned long long)report->dropped);
    if (report->has_root) {
        (void)printf(",\"root\":\"");
        put_hash(&report->root);
        (void)putchar('"');
    }
    if (report->bad)
        put_json_text("problem", report->problem);
    if (report->bad && report->has_first_bad)
        (void)printf(",\"first_bad\":%llu", (unsigned long long)report->first_bad);
    if (report->remark[0])
        put_json_text("remark", report->remark);
    (void)printf("}\n");
}

static void put_sentences(const struct report *report, const char *what) {
    unsigned long long from = report->from, size = report->size;
    if (report->bad && report->has_first_bad)
        (void)printf("NOT whole, from record %llu on: %s\n", (unsigned long long)report->first_bad, report->problem);
    else if (report->bad)
        (void)printf("NOT proven: %s\n", report->problem);
    else
        (void)printf("%s: ", what);
    if (!report->bad && report->one)
        (void)printf("%llu records\n", size);
    else if (!report->bad)
        (void)printf("%llu records from number %llu on, %llu checkpoints; %llu records dropped when their time was over\n",
                     size - from, from, (unsigned long long)report->checkpoints, (unsigned long long)report->dropped);
    if (!report->bad) {
        (void)printf("root ");
        put_hash(&report->root);
        (void)putchar('\n');
    }
    if (report->remark[0])
        (void)printf("remark: %s\n", report->remark);
}

int report_end(const struct report *report, const char *what) {
    if (report->json)
        put_json(report, what);
    else
        put_sentences(report, what);
    return fflush(stdout) != 0 ? 2 : report->bad ? 1 : 0;
}
