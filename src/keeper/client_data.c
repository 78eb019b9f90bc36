#include "keeper/client_data.h"

#include <string.h>

static bool at(const struct reader *r, uint8_t byte) {
    return r->rest.n && r->rest.p[0] == byte;
}

static void expect(struct reader *r, struct span literal) {
    if (!span_eq(read_bytes(r, literal.n), literal))
        reader_fail(r, SD_ERR_PARSE);
}

/* A string without escapes, from its opening quote on. */
static struct span read_plain_string(struct reader *r) {
    expect(r, SPAN("\""));
    struct span s = span_sub(r->rest, 0, span_find(r->rest, '"'));
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\\' || s.p[i] < 0x20)
            reader_fail(r, SD_ERR_PARSE);
    (void)read_bytes(r, s.n);
    expect(r, SPAN("\""));
    return r->err ? SPAN_NONE : s;
}

static bool is_hex(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* RFC 8259 §7, behind the backslash. */
static void skip_escape(struct reader *r) {
    uint8_t c = read_u8(r);
    if (c == 'u') {
        struct span digits = read_bytes(r, 4);
        for (size_t i = 0; i < digits.n; i++)
            if (!is_hex(digits.p[i]))
                reader_fail(r, SD_ERR_PARSE);
    } else if (c == 0 || !strchr("\"\\/bfnrt", c)) {
        reader_fail(r, SD_ERR_PARSE);
    }
}

static void skip_string(struct reader *r) {
    expect(r, SPAN("\""));
    for (uint8_t c = read_u8(r); c != '"'; c = read_u8(r)) {
        if (c < 0x20) /* the end, too */
            reader_fail(r, SD_ERR_PARSE);
        else if (c == '\\')
            skip_escape(r);
        if (r->err)
            return;
    }
}

static void skip_digits(struct reader *r) {
    size_t n = 0;
    while (n < r->rest.n && r->rest.p[n] >= '0' && r->rest.p[n] <= '9')
        n++;
    if (n == 0)
        reader_fail(r, SD_ERR_PARSE);
    (void)read_bytes(r, n);
}

/* RFC 8259 §6. */
static void skip_number(struct reader *r) {
    if (at(r, '-'))
        (void)read_u8(r);
    if (at(r, '0'))
        (void)read_u8(r);
    else
        skip_digits(r);
    if (at(r, '.')) {
        (void)read_u8(r);
        skip_digits(r);
    }
    if (at(r, 'e') || at(r, 'E')) {
        (void)read_u8(r);
        if (at(r, '+') || at(r, '-'))
            (void)read_u8(r);
        skip_digits(r);
    }
}

static void skip_value(struct reader *r, unsigned depth);

/* An array or an object. */
static void skip_inside(struct reader *r, unsigned depth) {
    bool object = read_u8(r) == '{';
    uint8_t close = object ? '}' : ']';
    if (depth == 0)
        reader_fail(r, SD_ERR_LIMIT);
    for (bool first = true; !r->err && !(first && at(r, close)); first = false) {
        if (object) {
            skip_string(r);
            expect(r, SPAN(":"));
        }
        skip_value(r, depth - 1);
        if (!at(r, ','))
            break;
        (void)read_u8(r);
    }
    expect(r, span_of(&close, 1));
}

static void skip_value(struct reader *r, unsigned depth) {
    if (at(r, '"'))
        skip_string(r);
    else if (at(r, '{') || at(r, '['))
        skip_inside(r, depth);
    else if (at(r, 't'))
        expect(r, SPAN("true"));
    else if (at(r, 'f'))
        expect(r, SPAN("false"));
    else if (at(r, 'n'))
        expect(r, SPAN("null"));
    else
        skip_number(r);
}

struct names {
    struct span seen[CLIENT_DATA_MEMBERS_MAX];
    size_t n;
};

static void remember(struct reader *r, struct names *names, struct span name) {
    for (size_t i = 0; i < names->n; i++)
        if (span_eq(names->seen[i], name))
            reader_fail(r, SD_ERR_PARSE);
    if (names->n == CLIENT_DATA_MEMBERS_MAX)
        reader_fail(r, SD_ERR_LIMIT);
    else
        names->seen[names->n++] = name;
}

static void read_member(struct reader *r, struct names *names, struct client_data *data) {
    struct span name = read_plain_string(r);
    remember(r, names, name);
    expect(r, SPAN(":"));
    if (span_eq(name, SPAN("crossOrigin"))) {
        data->cross_origin = at(r, 't');
        expect(r, data->cross_origin ? SPAN("true") : SPAN("false"));
        return;
    }
    data->has_top_origin |= span_eq(name, SPAN("topOrigin"));
    data->has_token_binding |= span_eq(name, SPAN("tokenBinding"));
    skip_value(r, CLIENT_DATA_DEPTH_MAX);
}

enum sd_err client_data_read(struct span json, struct client_data *ret) {
    struct names names = {{SPAN("type"), SPAN("challenge"), SPAN("origin")}, 3};
    struct client_data data = {0};
    struct reader r = reader_of(json);
    if (json.n > CLIENT_DATA_MAX)
        return SD_ERR_LIMIT;
    if (!span_is_utf8(json))
        return SD_ERR_PARSE;
    expect(&r, SPAN("{\"type\":"));
    data.type = read_plain_string(&r);
    expect(&r, SPAN(",\"challenge\":"));
    data.challenge = read_plain_string(&r);
    expect(&r, SPAN(",\"origin\":"));
    data.origin = read_plain_string(&r);
    while (at(&r, ',')) {
        (void)read_u8(&r);
        read_member(&r, &names, &data);
    }
    expect(&r, SPAN("}"));
    enum sd_err err = reader_end(&r);
    if (!err)
        *ret = data;
    return err;
}
