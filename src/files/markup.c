#include "files/markup.h"

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '/';
}

static bool is_name_start(uint8_t c) {
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c >= 0x80;
}

/* The value from *at on, behind an equals sign. An unclosed quote goes to the end, as in a browser. */
static struct span read_value(struct span s, size_t *at) {
    size_t i = *at;
    while (i < s.n && is_space(s.p[i]) && s.p[i] != '/')
        i++;
    struct span value = span_from(s, i);
    if (value.n && (value.p[0] == '"' || value.p[0] == '\'')) {
        value = span_sub(span_from(value, 1), 0, span_find(span_from(value, 1), value.p[0]));
        *at = i + value.n + 2;
        return value;
    }
    size_t n = 0;
    while (n < value.n && value.p[n] != '>' && (!is_space(value.p[n]) || value.p[n] == '/'))
        n++;
    *at = i + n;
    return span_sub(value, 0, n);
}

/* One attribute from *at on, as the HTML standard's tokenizer cuts it; false at the tag's end, where *at then stands. */
static bool read_attribute(struct span s, size_t *at, struct markup_attribute *ret) {
    size_t i = *at;
    while (i < s.n && is_space(s.p[i]))
        i++;
    size_t start = i;
    while (i < s.n && s.p[i] != '>' && !is_space(s.p[i]) && (s.p[i] != '=' || i == start))
        i++;
    *at = i;
    if (i == start)
        return false;
    *ret = (struct markup_attribute){span_sub(s, start, i - start), SPAN_NONE};
    while (i < s.n && is_space(s.p[i]) && s.p[i] != '/')
        i++;
    if (i < s.n && s.p[i] == '=') {
        *at = i + 1;
        ret->value = read_value(s, at);
    }
    return true;
}

static size_t tag_end(struct span s) {
    struct markup_attribute a;
    size_t at = 0;
    while (read_attribute(s, &at, &a))
        ;
    return at < s.n ? at : s.n;
}

bool markup_next(struct span *rest, struct markup_tag *ret) {
    for (;;) {
        size_t at = span_find(*rest, '<');
        if (at + 1 >= rest->n)
            return false;
        struct span s = span_from(*rest, at + 1);
        bool closes = s.p[0] == '/';
        struct span name = closes ? span_from(s, 1) : s;
        if (!name.n || !is_name_start(name.p[0])) {
            *rest = s;
            continue;
        }
        size_t n = 0, prefix = 0;
        for (; n < name.n && !is_space(name.p[n]) && name.p[n] != '>'; n++)
            if (name.p[n] == ':')
                prefix = n + 1;
        struct span inner = span_from(name, n);
        size_t end = tag_end(inner);
        struct span after = span_from(inner, end + 1);
        *ret = (struct markup_tag){span_sub(name, prefix, n - prefix), span_sub(inner, 0, end), after, closes};
        *rest = after;
        return true;
    }
}

bool markup_next_attribute(struct span *rest, struct markup_attribute *ret) {
    size_t at = 0;
    bool found = read_attribute(*rest, &at, ret);
    *rest = span_from(*rest, at);
    return found;
}

struct span markup_attribute_of(const struct markup_tag *tag, struct span name) {
    struct span rest = tag->inner;
    struct markup_attribute a;
    while (markup_next_attribute(&rest, &a)) {
        size_t colon = span_rfind(a.name, ':');
        if (span_ieq(colon < a.name.n ? span_from(a.name, colon + 1) : a.name, name))
            return a.value;
    }
    return SPAN_NONE;
}

struct span markup_text(const struct markup_tag *tag) {
    return span_sub(tag->after, 0, span_find(tag->after, '<'));
}

/* &#106; &#x6a; and the few names that matter in a URL. Returns how many bytes it is long, 0: none. */
static size_t reference(struct span s, uint8_t *ret) {
    static const struct {
        const char *text;
        uint8_t c;
    } names[] = {{"&colon;", ':'}, {"&tab;", '\t'},  {"&newline;", '\n'}, {"&amp;", '&'},
                 {"&quot;", '"'},  {"&apos;", '\''}, {"&lpar;", '('},     {"&sol;", '/'}};
    for (size_t i = 0; i < SD_COUNT(names); i++)
        if (span_istarts(s, span_cstr(names[i].text))) {
            *ret = names[i].c;
            return span_cstr(names[i].text).n;
        }
    if (s.n < 4 || s.p[1] != '#')
        return 0;
    bool hex = (s.p[2] | 0x20) == 'x';
    size_t i = hex ? 3 : 2, start = i;
    uint32_t v = 0;
    for (; i < s.n && i < 12; i++) {
        uint8_t c = s.p[i] | 0x20;
        uint32_t digit = s.p[i] >= '0' && s.p[i] <= '9' ? s.p[i] - 48U : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10U : 99;
        if (digit == 99)
            break;
        v = v * (hex ? 16 : 10) + digit;
    }
    *ret = v < 0x80 ? (uint8_t)v : '?';
    return i == start ? 0 : i + (i < s.n && s.p[i] == ';');
}

void markup_put_url(struct span value, struct buf *to) {
    for (size_t i = 0; i < value.n;) {
        uint8_t c = value.p[i];
        size_t n = c == '&' ? reference(span_from(value, i), &c) : 0;
        i += n ? n : 1;
        if (c > ' ' && c != 0x7f)
            buf_byte(to, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
}

bool markup_is_remote(struct span url) {
    static const char *const schemes[] = {
        "http:", "https:", "ftp:", "\\\\", "//", "mhtml:", "ms-", "script:", "dav", "smb:", "search-ms:"};
    struct buf plain SD_CLEANUP(buf_free) = buf_new(4096);
    markup_put_url(span_sub(url, 0, 512), &plain);
    struct span s = buf_span(&plain);
    for (size_t i = 0; i < SD_COUNT(schemes); i++)
        if (span_starts(s, span_cstr(schemes[i])))
            return true;
    if (!span_starts(s, SPAN("file:")))
        return false;
    s = span_from(s, 5);
    size_t slashes = 0;
    while (slashes < s.n && (s.p[slashes] == '/' || s.p[slashes] == '\\'))
        slashes++;
    bool drive = s.n > slashes + 1 && (s.p[slashes + 1] == ':' || s.p[slashes + 1] == '|');
    return !drive && (slashes == 2 || slashes >= 4) && s.n > slashes;
}
