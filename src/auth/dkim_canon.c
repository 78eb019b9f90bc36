/* RFC 6376 §3.4: canonicalisation. White space is SP and HTAB; only CRLF ends a line, bare CR and LF are data. */
#include "auth/dkim.h"
#include "core/limits.h"

#include <string.h>

static bool is_wsp(uint8_t c) {
    return c == ' ' || c == '\t';
}

static struct span without_end(struct span s) {
    return span_ends(s, SPAN("\r\n")) ? span_sub(s, 0, s.n - 2) : s;
}

static bool crlf_at(struct span s, size_t i) {
    return i + 1 < s.n && s.p[i] == '\r' && s.p[i + 1] == '\n';
}

static void put_lower(struct span s, struct buf *to) {
    uint8_t *p = buf_reserve(to, s.n);
    for (size_t i = 0; p && i < s.n; i++)
        p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (uint8_t)(s.p[i] + 32) : s.p[i];
    if (p)
        buf_grew(to, s.n);
}

/* Unfolds, makes runs of white space one SP, drops it at both ends. */
static void put_unfolded(struct span s, struct buf *to) {
    uint8_t *p = buf_reserve(to, s.n);
    size_t n = 0;
    bool gap = false;
    for (size_t i = 0; p && i < s.n; i++) {
        if (is_wsp(s.p[i]) || crlf_at(s, i)) {
            i += crlf_at(s, i);
            gap = gap || is_wsp(s.p[i]);
            continue;
        }
        if (gap && n)
            p[n++] = ' ';
        gap = false;
        p[n++] = s.p[i];
    }
    if (p)
        buf_grew(to, n);
}

void dkim_canon_header(struct span raw, bool relaxed, bool with_end, struct buf *to) {
    struct span line = without_end(raw);
    if (relaxed) {
        size_t colon = span_find(line, ':');
        put_lower(span_trim(span_sub(line, 0, colon)), to);
        buf_byte(to, ':');
        put_unfolded(span_from(line, colon + 1), to);
    } else {
        buf_put(to, line);
    }
    if (with_end)
        buf_text(to, "\r\n");
}

void dkim_canon_signature(struct span raw, struct span b_extent, bool relaxed, struct buf *to) {
    struct buf emptied SD_CLEANUP(buf_free) = buf_new(raw.n + 1);
    size_t before = (size_t)(b_extent.p - raw.p); /* an extent of the field it was parsed from */
    buf_put(&emptied, span_sub(raw, 0, before));
    buf_put(&emptied, span_from(raw, before + b_extent.n));
    if (buf_err(&emptied))
        buf_fail(to, buf_err(&emptied));
    dkim_canon_header(buf_span(&emptied), relaxed, false, to);
}

static void flush(struct dkim_sink *sink) {
    uint64_t left = sink->limit > sink->total ? sink->limit - sink->total : 0;
    struct span s = span_sub(sink->run, 0, left < sink->run.n ? (size_t)left : sink->run.n);
    sink->total += sink->run.n;
    sink->run = SPAN_NONE;
    if (s.n == 0 || sink->err)
        return;
    if (sink->copy)
        buf_put(sink->copy, s);
    if (sink->hash)
        sink->err = hash_stream_add(sink->hash, s);
}

/* Pieces that are neighbours in the message go on as one: most bodies change only at their ends. */
static void emit(struct dkim_sink *sink, struct span s) {
    if (s.n == 0)
        return;
    if (sink->run.n && sink->run.p + sink->run.n == s.p) {
        sink->run.n += s.n;
        return;
    }
    flush(sink);
    sink->run = s;
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* Among the first 16 of 17 bytes a tab, or a space with another one behind it? */
static bool block_changes(const uint8_t *p) {
    bytes16 here, next;
    uint64_t found[2];
    memcpy(&here, p, sizeof here);
    memcpy(&next, p + 1, sizeof next);
    const bytes16 change = (bytes16)((here == '\t') | ((here == ' ') & (next == ' ')));
    memcpy(found, &change, sizeof found);
    return (found[0] | found[1]) != 0;
}

/*
 * True when the line has neither a tab nor two spaces in a row, as most have: then it stays as it is. Sixteen bytes at a time,
 * the last block over the one before it, because this is where canonicalisation spends its time.
 */
static bool is_plain(struct span line) {
    size_t i = 0;
    for (; i + 17 <= line.n; i += 16)
        if (block_changes(line.p + i))
            return false;
    if (line.n >= 17)
        return !block_changes(line.p + line.n - 17) && line.p[line.n - 1] != '\t';
    for (; i < line.n; i++)
        if (line.p[i] == '\t' || (line.p[i] == ' ' && i + 1 < line.n && line.p[i + 1] == ' '))
            return false;
    return true;
}

/* One line without its end: each run of white space one SP, none at the end. */
static void emit_line(struct dkim_sink *sink, struct span line) {
    size_t start = 0;
    if (is_plain(line)) {
        emit(sink, line);
        return;
    }
    for (size_t i = 0; i < line.n; i++) {
        if (!is_wsp(line.p[i]))
            continue;
        size_t end = i + 1;
        while (end < line.n && is_wsp(line.p[end]))
            end++;
        if (end == i + 1 && line.p[i] == ' ')
            continue; /* already one SP: stays in the run */
        emit(sink, span_sub(line, start, i - start));
        emit(sink, SPAN(" "));
        start = end;
        i = end - 1;
    }
    emit(sink, span_from(line, start));
}

static size_t line_length(struct span s) {
    for (size_t at = span_find(s, '\n'); at < s.n; at += 1 + span_find(span_from(s, at + 1), '\n'))
        if (at > 0 && s.p[at - 1] == '\r')
            return at - 1;
    return s.n;
}

static struct span without_trailing_wsp(struct span s) {
    while (s.n && is_wsp(s.p[s.n - 1]))
        s.n--;
    return s;
}

static void canon_relaxed(struct span body, struct dkim_sink *sink) {
    size_t empty_lines = 0;
    while (body.n) {
        size_t n = line_length(body);
        struct span line = without_trailing_wsp(span_sub(body, 0, n));
        struct span end = n < body.n ? span_sub(body, n, 2) : SPAN("\r\n"); /* §3.4.4: a CRLF is added when it lacks */
        body = span_from(body, n + 2);
        if (line.n == 0) {
            empty_lines++; /* counts only when something follows */
            continue;
        }
        for (; empty_lines; empty_lines--)
            emit(sink, SPAN("\r\n"));
        emit_line(sink, line);
        emit(sink, end);
    }
}

void dkim_canon_body(struct span body, bool relaxed, struct dkim_sink *sink) {
    if (relaxed) {
        canon_relaxed(body, sink);
    } else {
        while (span_ends(body, SPAN("\r\n")))
            body.n -= 2;
        emit(sink, body);
        emit(sink, SPAN("\r\n")); /* §3.4.3: even an empty body is one CRLF */
    }
    flush(sink);
}

/* Fields of which readers show one (RFC 5322 §3.6, RFC 2045 §3, RFC 2183): a second one is an attack on what was signed. */
static bool is_single(struct span name) {
    static const char *const single[] = {"From",
                                         "Sender",
                                         "Reply-To",
                                         "To",
                                         "Cc",
                                         "Subject",
                                         "Date",
                                         "Message-ID",
                                         "In-Reply-To",
                                         "References",
                                         "MIME-Version",
                                         "Content-Type",
                                         "Content-Disposition",
                                         "Content-Transfer-Encoding"};
    for (size_t i = 0; i < SD_COUNT(single); i++)
        if (span_ieq(name, span_cstr(single[i])))
            return true;
    return false;
}

/* The next field from the bottom with this name that is not taken, or header->count. */
static size_t next_field(const struct mail_header *header, struct span name, const bool *taken) {
    for (size_t i = header->count; i > 0; i--)
        if (!taken[i - 1] && span_ieq(header->fields[i - 1].name, name))
            return i - 1;
    return header->count;
}

enum sd_err dkim_canon_fields(const struct mail_header *header, struct span names, bool relaxed, struct buf *to,
                              bool *ret_repeated) {
    bool taken[LIMIT_HEADER_FIELDS] = {false};
    bool repeated = false;
    size_t count = 0;
    struct span name;
    if (header->count > LIMIT_HEADER_FIELDS)
        return SD_ERR_LIMIT;
    for (struct span_split s = span_split_start(names); span_split_next(&s, ':', &name);) {
        name = span_trim(name);
        if (++count > DKIM_MAX_HEADER_NAMES)
            return SD_ERR_PARSE;
        size_t at = next_field(header, name, taken);
        if (at == header->count)
            continue; /* §5.4: a name without a field, or an empty one, signs its absence */
        taken[at] = true;
        dkim_canon_header(header->fields[at].raw, relaxed, true, to);
    }
    for (size_t i = 0; i < header->count && !repeated; i++)
        repeated = !taken[i] && is_single(header->fields[i].name) && dkim_list_has(names, header->fields[i].name);
    *ret_repeated = repeated;
    return buf_err(to);
}
