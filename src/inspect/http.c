#include "inspect/http.h"

#include "core/limits.h"
#include "core/socket.h"

#include <errno.h>
#include <poll.h>

void http_field(struct buf *fields, const char *name, struct span value) {
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] < ' ' || value.p[i] > '~')
            return;
    if (value.n == 0)
        return;
    buf_text(fields, name);
    buf_text(fields, ": ");
    buf_put(fields, value);
    buf_text(fields, "\r\n");
}

enum sd_err http_send(int fd, const char *path, struct span fields, struct span body, struct deadline deadline) {
    struct buf head SD_CLEANUP(buf_free) = buf_new(128 * 1024);
    buf_printf(&head, "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n", path, body.n);
    buf_put(&head, fields);
    buf_text(&head, "\r\n");
    enum sd_err err = buf_err(&head);
    err = err ? err : socket_send(fd, buf_span(&head), deadline);
    return err ? err : socket_send(fd, body, deadline);
}

/* ---- the answer ---- */

struct answer {
    size_t head_bytes; /* with the empty line; 0: not whole yet */
    unsigned status;
    bool has_length;
    uint64_t length;
};

/* RFC 9112 §4 */
static enum sd_err read_status(struct span line, unsigned *ret) {
    uint64_t status = 0;
    if (!span_starts(line, SPAN("HTTP/1.")) || line.n < 12 || span_to_u64(span_sub(line, 9, 3), &status) != SD_OK ||
        status < 200 || (line.n > 12 && line.p[12] != ' '))
        return SD_ERR_PROTOCOL;
    *ret = (unsigned)status;
    return SD_OK;
}

/* RFC 9112 §6: two lengths, or chunks, are nothing that is guessed at. */
static enum sd_err read_field(struct span line, struct answer *answer) {
    size_t colon = span_find(line, ':');
    struct span name = span_sub(line, 0, colon);
    if (span_ieq(name, SPAN("Transfer-Encoding")) || (span_ieq(name, SPAN("Content-Length")) && answer->has_length))
        return SD_ERR_PROTOCOL;
    if (!span_ieq(name, SPAN("Content-Length")))
        return SD_OK;
    answer->has_length = true;
    return span_to_u64(span_trim(span_from(line, colon + 1)), &answer->length) == SD_OK ? SD_OK : SD_ERR_PROTOCOL;
}

static enum sd_err read_head(struct span raw, struct answer *answer) {
    size_t end = span_search(raw, SPAN("\r\n\r\n"));
    struct span head = span_sub(raw, 0, end);
    struct span line, rest = head;
    enum sd_err err = SD_OK;
    if (end == raw.n)
        return SD_OK;
    if (end == 0)
        return SD_ERR_PROTOCOL; /* no status line */
    for (bool first = true; rest.n && err == SD_OK; first = false) {
        line = span_sub(rest, 0, span_search(rest, SPAN("\r\n")));
        rest = span_from(rest, line.n + 2);
        err = first ? read_status(line, &answer->status) : read_field(line, answer);
    }
    answer->head_bytes = end + 4;
    if (answer->status == 204) { /* RFC 9110 §15.3.5: no content, whatever the length says */
        answer->has_length = true;
        answer->length = 0;
    }
    return err ? err : answer->has_length && answer->length > HTTP_ANSWER_BYTES ? SD_ERR_LIMIT : SD_OK;
}

static bool is_whole(const struct answer *answer, size_t n) {
    return answer->head_bytes && answer->has_length && n >= answer->head_bytes + answer->length;
}

/* *ret_more: there may be more to come. */
static enum sd_err receive_part(int fd, struct deadline deadline, struct buf *raw, bool *ret_more) {
    uint8_t *room = buf_reserve(raw, 4096);
    if (!room)
        return buf_err(raw);
    enum sd_err err = wait_fd(fd, POLLIN, deadline);
    ssize_t n = err ? 0 : recv(fd, room, 4096, MSG_DONTWAIT);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
        return SD_ERR_CLOSED;
    if (n > 0)
        buf_grew(raw, (size_t)n);
    *ret_more = n != 0;
    return err;
}

enum sd_err http_receive(int fd, struct deadline deadline, unsigned *ret_status, struct buf *body) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(HTTP_ANSWER_BYTES + 32768);
    struct answer answer = {0};
    bool more = true;
    enum sd_err err = SD_OK;
    while (err == SD_OK && more && !is_whole(&answer, raw.n)) {
        err = receive_part(fd, deadline, &raw, &more);
        if (err == SD_OK && !answer.head_bytes)
            err = read_head(buf_span(&raw), &answer);
    }
    if (err)
        return err;
    if (!answer.head_bytes || (answer.has_length && !is_whole(&answer, raw.n)))
        return SD_ERR_CLOSED;
    struct span content = span_from(buf_span(&raw), answer.head_bytes);
    buf_put(body, answer.has_length ? span_sub(content, 0, answer.length) : content);
    *ret_status = answer.status;
    return buf_err(body);
}
