#include "dns/question.h"

#include <string.h>

static bool askable(uint16_t type) {
    switch (type) {
    case DNS_A:
    case DNS_NS:
    case DNS_CNAME:
    case DNS_PTR:
    case DNS_MX:
    case DNS_TXT:
    case DNS_AAAA:
    case DNS_TLSA:
        return true;
    default:
        return false;
    }
}

static bool good_labels(struct span name) {
    struct span_split split = span_split_start(name);
    struct span label;
    if (name.n == 0 || name.n > QUESTION_NAME_BYTES)
        return false;
    while (span_split_next(&split, '.', &label))
        if (label.n == 0 || label.n > QUESTION_LABEL_BYTES)
            return false;
    return true;
}

enum sd_err question_make(struct span name, uint16_t type, struct question *ret) {
    if (name.n > 1 && name.p[name.n - 1] == '.')
        name.n--;
    if (!askable(type))
        return SD_ERR_UNSUPPORTED;
    if (!good_labels(name))
        return SD_ERR_PARSE;
    struct question q = {.type = type, .name_bytes = (uint16_t)name.n};
    for (size_t i = 0; i < name.n; i++)
        q.name[i] = (uint8_t)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
    *ret = q;
    return SD_OK;
}

static bool plain(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

void question_text(const struct question *question, char text[QUESTION_TEXT_BYTES]) {
    char *to = text;
    for (size_t i = 0; i < question->name_bytes; i++) {
        uint8_t c = question->name[i];
        if (plain(c)) {
            *to++ = (char)c;
            continue;
        }
        *to++ = '\\';
        *to++ = (char)('0' + c / 100);
        *to++ = (char)('0' + c / 10 % 10);
        *to++ = (char)('0' + c % 10);
    }
    *to++ = '.';
    *to = 0;
}

static bool digit(char c) {
    return c >= '0' && c <= '9';
}

/* One byte of presentation form; false when the escape is none, or gives a dot inside a label, which our names cannot say. */
static bool next_byte(const char **at, uint8_t *ret) {
    const char *p = *at;
    unsigned value = (uint8_t)*p;
    size_t used = 1;
    if (*p == '\\' && digit(p[1]) && digit(p[2]) && digit(p[3])) {
        value = (unsigned)(p[1] - '0') * 100 + (unsigned)(p[2] - '0') * 10 + (unsigned)(p[3] - '0');
        used = 4;
    } else if (*p == '\\') {
        value = (uint8_t)p[1];
        used = 2;
    }
    if (value == 0 || value > 255 || (used > 1 && value == '.'))
        return false;
    *at = p + used;
    *ret = (uint8_t)value;
    return true;
}

enum sd_err question_from_text(const char *text, uint16_t type, struct question *ret) {
    uint8_t name[QUESTION_NAME_BYTES + 1];
    size_t n = 0;
    while (*text) {
        uint8_t byte;
        if (n == sizeof name || !next_byte(&text, &byte))
            return SD_ERR_PARSE;
        name[n++] = byte;
    }
    return question_make(span_of(name, n), type, ret);
}

bool question_same(const struct question *a, const struct question *b) {
    return a->type == b->type && a->name_bytes == b->name_bytes && memcmp(a->name, b->name, a->name_bytes) == 0;
}
