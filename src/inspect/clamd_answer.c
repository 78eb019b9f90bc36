/* What clamd says. */
#include "inspect/clamd.h"

#include "core/ipc/states.h"

#include <time.h>

/* Findings of clamd that are no virus. */
static const struct {
    const char *prefix;
    uint64_t finding;
} heuristics[] = {
    {"Heuristics.Limits.Exceeded", FINDING_BIT(SCANNER_LIMIT)},
    {"Heuristics.Encrypted.", FINDING_BIT(ENCRYPTED_ENTRY)},
    {"Heuristics.OLE2.ContainsMacros", FINDING_BIT(MACRO)},
};

/* Takes a number and what must follow it off the front. */
static bool take_number(struct span *s, const char *behind, uint64_t *ret) {
    size_t digits = 0;
    while (digits < s->n && s->p[digits] >= '0' && s->p[digits] <= '9')
        digits++;
    struct span rest = span_from(*s, digits);
    if (span_to_u64(span_sub(*s, 0, digits), ret) != SD_OK || !span_starts(rest, span_cstr(behind)))
        return false;
    *s = span_from(rest, strlen(behind));
    return true;
}

static void found(struct span name, struct scan_result *ret) {
    *ret = (struct scan_result){.findings = FINDING_BIT(VIRUS)};
    for (size_t i = 0; i < name.n && i < SIGNATURE_BYTES; i++)
        ret->signature[i] = name.p[i] > ' ' && name.p[i] < 0x7f ? (char)name.p[i] : '?';
    for (size_t i = 0; i < SD_COUNT(heuristics); i++)
        if (span_starts(name, span_cstr(heuristics[i].prefix)))
            ret->findings = heuristics[i].finding;
}

static enum sd_err failed(struct span why, struct scan_result *ret) {
    if (span_isearch(why, SPAN("size limit")) == why.n)
        return SD_ERR_UNAVAILABLE;
    *ret = (struct scan_result){.findings = FINDING_BIT(SCANNER_LIMIT)};
    return SD_OK;
}

enum sd_err clamd_read_answer(struct span answer, uint32_t id, struct scan_result *ret) {
    uint64_t number = 0, file = 0;
    if (!take_number(&answer, ": fd[", &number) || number != id || !take_number(&answer, "]: ", &file))
        return SD_ERR_PROTOCOL;
    if (span_eq(answer, SPAN("OK"))) {
        *ret = (struct scan_result){0};
        return SD_OK;
    }
    if (span_ends(answer, SPAN(" ERROR")))
        return failed(answer, ret);
    if (!span_ends(answer, SPAN(" FOUND")) || answer.n == strlen(" FOUND"))
        return SD_ERR_PROTOCOL;
    found(span_sub(answer, 0, answer.n - strlen(" FOUND")), ret);
    return SD_OK;
}

/* As asctime(3) writes it. Its zone is not said, nor does an hour matter. */
static int64_t read_date(struct span text) {
    char date[64] = {0};
    struct tm tm = {0};
    if (text.n >= sizeof date)
        return 0;
    memcpy(date, text.p, text.n);
    const char *end = strptime(date, "%a %b %d %H:%M:%S %Y", &tm);
    return end && *end == 0 ? (int64_t)timegm(&tm) * 1000 : 0;
}

enum sd_err clamd_read_version(struct span answer, char engine[ENGINE_BYTES + 1], int64_t *ret_made_ms) {
    size_t first = span_find(answer, '/');
    size_t second = first + 1 + span_find(span_from(answer, first + 1), '/');
    struct span name = span_sub(answer, 0, second);
    if (!span_starts(answer, SPAN("ClamAV ")) || !span_is_ascii(answer) || name.n > ENGINE_BYTES / 2)
        return SD_ERR_PROTOCOL;
    memset(engine, 0, ENGINE_BYTES + 1);
    for (size_t i = 0; i < name.n; i++)
        engine[i] = name.p[i] >= ' ' && name.p[i] < 0x7f ? (char)name.p[i] : '?';
    *ret_made_ms = second < answer.n ? read_date(span_from(answer, second + 1)) : 0;
    return SD_OK;
}
