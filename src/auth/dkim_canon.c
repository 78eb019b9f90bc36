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

/* Among the first 16 of 17 bytes a tab, or a space before white space or CR? */
static bool block_changes(const uint8_t *p) {
    bytes16 here, next;
    uint64_t found[2];
    memcpy(&here, p, sizeof here);
    memcpy(&next, p + 1, sizeof next);
    const bytes16 change = (bytes16)((here == '\t') | ((here == ' ') & ((next == ' ') | (next == '\t') | (next == '\r'))));
    memcpy(found, &change, sizeof found);
    return (found[0] | found[1]) != 0;
}

/* White space that relaxed canonicalisation changes: any but one SP inside a line. */
static bool is_changed(struct span text, size_t at, size_t end) {
    return text.p[at] == '\t' || end - at > 1 || crlf_at(text, end);
}

/*
 * The next run of white space that is not kept as it is, from `from` on, which is not within one; false: there is none. Sixteen
 * bytes at a time where nothing changes, because this is where canonicalisation spends its time.
 */
static bool next_change(struct span text, size_t from, size_t *ret_at, size_t *ret_end) {
    for (size_t i = from; i < text.n;) {
        if (text.n - i > sizeof(bytes16) && !block_changes(text.p + i)) {
            i += sizeof(bytes16); /* white space that began in it ended in it */
            continue;
        }
        for (size_t stop = i + sizeof(bytes16); i < stop && i < text.n; i++) {
            size_t at = i;
            while (i < text.n && is_wsp(text.p[i]))
                i++;
            if (i > at && is_changed(text, at, i)) {
                *ret_at = at;
                *ret_end = i;
                return true;
            }
        }
    }
    return false;
}

/* Without the empty lines at its end, those of white space among them, and without the last line's end (§3.4.4). */
static struct span without_last_lines(struct span s) {
    for (size_t before = s.n + 1; s.n < before;) {
        before = s.n;
        s = without_end(s);
        while (s.n && is_wsp(s.p[s.n - 1]))
            s.n--;
    }
    return s;
}

/* Each run of white space one SP, none at the end of a line; what is kept goes on from the message itself. */
static void canon_relaxed(struct span body, struct dkim_sink *sink) {
    const struct span text = without_last_lines(body);
    size_t kept = 0, at, end;
    while (next_change(text, kept, &at, &end)) {
        bool inside = !crlf_at(text, end);
        bool has_space = inside && text.p[at] == ' ';
        emit(sink, span_sub(text, kept, at - kept + (has_space ? 1 : 0)));
        if (inside && !has_space)
            emit(sink, SPAN(" "));
        kept = end;
    }
    emit(sink, span_from(text, kept));
    if (text.n) /* a CRLF is added when it lacks */
        emit(sink, crlf_at(body, text.n) ? span_sub(body, text.n, 2) : SPAN("\r\n"));
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
