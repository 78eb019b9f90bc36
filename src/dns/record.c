#include "dns/record.h"
#include "dns/question.h"

#include <arpa/inet.h>
#include <string.h>

#define NAME_WIRE_BYTES 255 /* RFC 1035 §2.3.4 */
#define STRING_BYTES 255    /* RFC 1035 §3.3 */
#define DEFAULT_TTL_S 3600

static bool digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

/* One byte of text, \X or \DDD (RFC 1035 §5.1), taken off the front; *ret_escaped: it is no dot or quote that means something.
 */
static enum sd_err take_byte(struct span *text, uint8_t *ret, bool *ret_escaped) {
    const uint8_t *p = text->p;
    size_t width = 1;
    unsigned value = p[0];
    if (p[0] == '\\' && text->n >= 4 && digit(p[1]) && digit(p[2]) && digit(p[3])) {
        width = 4;
        value = (unsigned)(p[1] - '0') * 100 + (unsigned)(p[2] - '0') * 10 + (unsigned)(p[3] - '0');
    } else if (p[0] == '\\') {
        width = 2;
        value = text->n >= 2 ? p[1] : 256;
    }
    if (value > 255)
        return SD_ERR_PARSE;
    *ret = (uint8_t)value;
    *ret_escaped = width > 1;
    *text = span_from(*text, width);
    return SD_OK;
}

static enum sd_err put_label(uint8_t *label, size_t *n, struct buf *to) {
    if (*n == 0 || *n > QUESTION_LABEL_BYTES)
        return SD_ERR_PARSE;
    buf_byte(to, (uint8_t)*n);
    buf_put(to, span_of(label, *n));
    *n = 0;
    return SD_OK;
}

enum sd_err record_put_name(struct span text, struct buf *to) {
    uint8_t label[QUESTION_LABEL_BYTES + 1];
    size_t n = 0, before = to->n;
    enum sd_err err = text.n ? SD_OK : SD_ERR_PARSE;
    if (span_eq(text, SPAN(".")))
        text = SPAN_NONE;
    while (text.n && err == SD_OK) {
        uint8_t byte;
        bool escaped;
        err = take_byte(&text, &byte, &escaped);
        if (err == SD_OK && byte == '.' && !escaped)
            err = put_label(label, &n, to);
        else if (err == SD_OK && n < sizeof label)
            label[n++] = byte;
    }
    if (err == SD_OK && n)
        err = put_label(label, &n, to);
    buf_byte(to, 0);
    return err ? err : to->n - before > NAME_WIRE_BYTES ? SD_ERR_PARSE : buf_err(to);
}

static bool blank(uint8_t c) {
    return c == ' ' || c == '\t';
}

/* The next word as it stands, with its quotes and escapes; empty at the end of the line or at a comment. */
static struct span take_word(struct span *line) {
    size_t n = 0;
    bool quoted = false;
    while (line->n && blank(line->p[0]))
        *line = span_from(*line, 1);
    if (line->n && line->p[0] == ';')
        *line = SPAN_NONE;
    while (n < line->n && (quoted || !blank(line->p[n]))) {
        if (line->p[n] == '"')
            quoted = !quoted;
        n += line->p[n] == '\\' && n + 1 < line->n ? 2 : 1;
    }
    struct span word = span_sub(*line, 0, n);
    *line = span_from(*line, n);
    return word;
}

static enum sd_err put_string(struct span word, struct buf *to) {
    uint8_t string[STRING_BYTES];
    size_t n = 0;
    if (word.p[0] == '"') {
        if (word.n < 2 || word.p[word.n - 1] != '"')
            return SD_ERR_PARSE;
        word = span_sub(word, 1, word.n - 2);
    }
    while (word.n) {
        uint8_t byte;
        bool escaped;
        if (n == sizeof string || take_byte(&word, &byte, &escaped) || (byte == '"' && !escaped))
            return SD_ERR_PARSE;
        string[n++] = byte;
    }
    buf_byte(to, (uint8_t)n);
    buf_put(to, span_of(string, n));
    return SD_OK;
}

static enum sd_err put_txt(struct span *line, struct buf *to) {
    struct span word = take_word(line);
    enum sd_err err = word.n ? SD_OK : SD_ERR_PARSE;
    for (; word.n && err == SD_OK; word = take_word(line))
        err = put_string(word, to);
    return err;
}

static enum sd_err put_address(struct span word, int family, struct buf *to) {
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16];
    if (word.n == 0 || word.n >= sizeof text)
        return SD_ERR_PARSE;
    memcpy(text, word.p, word.n);
    text[word.n] = 0;
    if (inet_pton(family, text, address) != 1)
        return SD_ERR_PARSE;
    buf_put(to, span_of(address, family == AF_INET ? 4 : 16));
    return SD_OK;
}

static enum sd_err put_number(struct span word, uint64_t max, struct buf *to) {
    uint64_t value;
    if (span_to_u64(word, &value) || value > max)
        return SD_ERR_PARSE;
    if (max > UINT8_MAX)
        buf_byte(to, (uint8_t)(value >> 8));
    buf_byte(to, (uint8_t)(value & 0xff));
    return SD_OK;
}

static enum sd_err put_mx(struct span *line, struct buf *to) {
    enum sd_err err = put_number(take_word(line), UINT16_MAX, to);
    return err ? err : record_put_name(take_word(line), to);
}

static int nibble(uint8_t c) {
    return digit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* RFC 6698 §2.2: three numbers, then hexadecimal that blanks may divide. */
static enum sd_err put_tlsa(struct span *line, struct buf *to) {
    enum sd_err err = SD_OK;
    int high = -1;
    for (int i = 0; i < 3 && err == SD_OK; i++)
        err = put_number(take_word(line), UINT8_MAX, to);
    for (struct span word = take_word(line); word.n && err == SD_OK; word = take_word(line))
        for (size_t i = 0; i < word.n; i++) {
            int value = nibble(word.p[i]);
            err = value < 0 ? SD_ERR_PARSE : err;
            if (high >= 0)
                buf_byte(to, (uint8_t)(high << 4 | value));
            high = high >= 0 ? -1 : value;
        }
    return err ? err : high >= 0 ? SD_ERR_PARSE : SD_OK;
}

static enum sd_err put_rdata(uint16_t type, struct span *line, struct buf *to) {
    switch (type) {
    case DNS_A:
        return put_address(take_word(line), AF_INET, to);
    case DNS_AAAA:
        return put_address(take_word(line), AF_INET6, to);
    case DNS_MX:
        return put_mx(line, to);
    case DNS_TXT:
        return put_txt(line, to);
    case DNS_TLSA:
        return put_tlsa(line, to);
    case RECORD_SILENT:
        *line = SPAN_NONE;
        return SD_OK;
    case RECORD_FAILURE:
        return SD_OK;
    default:
        return record_put_name(take_word(line), to);
    }
}

static enum sd_err type_of(struct span word, uint16_t *ret) {
    static const struct {
        const char *word;
        uint16_t type;
    } types[] = {{"A", DNS_A},
                 {"AAAA", DNS_AAAA},
                 {"MX", DNS_MX},
                 {"TXT", DNS_TXT},
                 {"PTR", DNS_PTR},
                 {"NS", DNS_NS},
                 {"CNAME", DNS_CNAME},
                 {"TLSA", DNS_TLSA},
                 {"SERVFAIL", RECORD_FAILURE},
                 {"TIMEOUT", RECORD_FAILURE},
                 {"SOA", RECORD_SILENT},
                 {"SRV", RECORD_SILENT},
                 {"CAA", RECORD_SILENT},
                 {"SPF", RECORD_SILENT}};
    for (size_t i = 0; i < SD_COUNT(types); i++)
        if (span_ieq(word, span_cstr(types[i].word))) {
            *ret = types[i].type;
            return SD_OK;
        }
    return SD_ERR_UNSUPPORTED;
}

/* [TTL] [class] or [class] [TTL], then the type. */
static struct span take_type(struct span *line, uint32_t *ttl_s) {
    struct span word = take_word(line);
    for (int i = 0; i < 2; i++) {
        uint64_t ttl;
        if (span_to_u64(word, &ttl) == SD_OK && ttl <= INT32_MAX)
            *ttl_s = (uint32_t)ttl;
        else if (!span_ieq(word, SPAN("IN")))
            break;
        word = take_word(line);
    }
    return word;
}

enum sd_err record_parse(struct span line, struct record_line *to) {
    enum sd_err err = record_put_name(take_word(&line), &to->name);
    to->ttl_s = DEFAULT_TTL_S;
    if (err == SD_OK)
        err = type_of(take_type(&line, &to->ttl_s), &to->type);
    if (err == SD_OK)
        err = put_rdata(to->type, &line, &to->rdata);
    if (err == SD_OK && take_word(&line).n)
        err = SD_ERR_PARSE; /* something is left over */
    return err ? err : buf_err(&to->rdata);
}
