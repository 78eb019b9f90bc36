#include "courier/reply.h"

#include <stdio.h>
#include <string.h>

void reply_start(struct reply_reader *r) {
    r->reply = (struct smtp_reply){0};
    r->lines = 0;
    r->line_bytes = 0;
}

unsigned reply_class(const struct smtp_reply *reply) {
    return reply->code / 100;
}

static bool digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

/* How many of 1 to 3 digits stand at `at`. */
static size_t digits(struct span s, size_t at) {
    size_t n = 0;
    while (n < 3 && at + n < s.n && digit(s.p[at + n]))
        n++;
    return n;
}

/* RFC 2034 §4, RFC 3463 §2: class "." subject "." detail, of the reply's own class. 0: there is none. */
static size_t status_width(struct span text, unsigned class) {
    if (text.n < 5 || text.p[0] != '0' + class || text.p[1] != '.')
        return 0;
    size_t subject = digits(text, 2);
    size_t dot = 2 + subject;
    if (subject == 0 || dot >= text.n || text.p[dot] != '.')
        return 0;
    size_t detail = digits(text, dot + 1);
    size_t end = dot + 1 + detail;
    return detail && (end == text.n || text.p[end] == ' ') ? end : 0;
}

static void take_status(struct smtp_reply *reply, struct span text) {
    size_t n = status_width(text, reply_class(reply));
    if (n && n < sizeof reply->status) {
        memcpy(reply->status, text.p, n);
        reply->status[n] = 0;
    } else {
        (void)snprintf(reply->status, sizeof reply->status, "%u.0.0", reply_class(reply) % 10);
    }
}

static void keep_text(struct smtp_reply *reply, struct span text) {
    size_t room = REPLY_TEXT_BYTES - reply->text_bytes;
    if (reply->text_bytes && room) {
        reply->text[reply->text_bytes++] = '\n';
        room--;
    }
    size_t n = text.n < room ? text.n : room;
    if (n)
        memcpy(reply->text + reply->text_bytes, text.p, n);
    reply->text_bytes += n;
}

/* One line without its end: code, then "-" (more) or a space and text, or nothing (RFC 5321 §4.2.1). */
static enum sd_err take_line(struct reply_reader *r, bool *ret_done) {
    struct span line = span_of(r->line, r->line_bytes);
    if (digits(line, 0) != 3 || line.p[0] < '2' || line.p[0] > '5' || (line.n > 3 && line.p[3] != '-' && line.p[3] != ' '))
        return SD_ERR_PARSE;
    unsigned code = (unsigned)(line.p[0] - '0') * 100 + (unsigned)(line.p[1] - '0') * 10 + (unsigned)(line.p[2] - '0');
    if (r->lines && code != r->reply.code)
        return SD_ERR_PARSE; /* two answers in one */
    if (++r->lines > REPLY_LINES)
        return SD_ERR_LIMIT;
    struct span text = span_from(line, 4);
    r->reply.code = code;
    if (r->lines == 1)
        take_status(&r->reply, text);
    keep_text(&r->reply, text);
    *ret_done = line.n == 3 || line.p[3] == ' ';
    return SD_OK;
}

enum sd_err reply_feed(struct reply_reader *r, struct span bytes, size_t *ret_used, bool *ret_done) {
    bool done = false;
    size_t used = 0;
    while (used < bytes.n && !done) {
        uint8_t c = bytes.p[used++];
        if (c != '\n') {
            if (r->line_bytes == REPLY_LINE_BYTES)
                return SD_ERR_LIMIT;
            r->line[r->line_bytes++] = c;
            continue;
        }
        if (r->line_bytes && r->line[r->line_bytes - 1] == '\r')
            r->line_bytes--;
        enum sd_err err = take_line(r, &done);
        if (err)
            return err;
        r->line_bytes = 0;
    }
    *ret_used = used;
    *ret_done = done;
    return SD_OK;
}

void reply_stored(struct smtp_reply *reply, unsigned code, struct span text) {
    *reply = (struct smtp_reply){.code = code};
    take_status(reply, text);
    keep_text(reply, text);
}

void reply_local(struct smtp_reply *reply, unsigned code, const char *status, const char *text) {
    char line[256];
    (void)snprintf(line, sizeof line, "%s %s", status, text);
    reply_stored(reply, code, span_cstr(line));
}
