/*
 * What others answer the inspector. First byte 0: clamd to FILDES; 1: clamd's version; 2: rspamd, by HTTP; 3: rspamd's JSON;
 * else a child that looked into files (the byte says into how many). Whatever they say, what is found stays within what they
 * may say.
 */
#include "core/ipc/states.h"
#include "inspect/clamd.h"
#include "inspect/file_child.h"
#include "inspect/http.h"
#include "inspect/rspamd.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HTTP_MAX_BYTES ((size_t)64 * 1024) /* what a socket takes at once */

static void must(bool ok) {
    if (!ok)
        abort();
}

static void scan(struct span answer) {
    struct scan_result result = {.findings = FINDING_BIT(CRASHED)};
    enum sd_err err = clamd_read_answer(answer, 7, &result);
    must(err == SD_OK || err == SD_ERR_PROTOCOL || err == SD_ERR_UNAVAILABLE);
    must(err == SD_OK || result.findings == FINDING_BIT(CRASHED));
    must(err || result.findings || span_ends(answer, SPAN(": OK"))); /* clean is said in one way only */
    must(span_is_ascii(span_cstr(result.signature)) || !result.signature[0]);
}

static void version(struct span answer) {
    char engine[ENGINE_BYTES + 1];
    int64_t made_ms = 0;
    enum sd_err err = clamd_read_version(answer, engine, &made_ms);
    must(err == SD_ERR_PROTOCOL || (err == SD_OK && span_is_ascii(span_cstr(engine)) && engine[0]));
}

static void opinion(struct span json) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(65536);
    struct spam_answer answer = {0};
    enum sd_err err = rspamd_read_answer(json, arena, &answer);
    must(err == SD_ERR_PROTOCOL || (err == SD_OK && span_is_ascii(answer.sentence) && answer.sentence.n < 4096));
}

static void http(struct span bytes) {
    struct buf body SD_CLEANUP(buf_free) = buf_new(HTTP_ANSWER_BYTES);
    unsigned status = 0;
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    bytes = span_sub(bytes, 0, HTTP_MAX_BYTES);
    must(bytes.n == 0 || send(pair[1], bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)bytes.n);
    (void)close(pair[1]);
    enum sd_err err = http_receive(pair[0], deadline_in_ms(5000), &status, &body);
    (void)close(pair[0]);
    must(err != SD_ERR_TIMEOUT && (err || (status >= 200 && status <= 999)));
    if (err == SD_OK)
        opinion(buf_span(&body));
}

static void files(struct span bytes, size_t count) {
    uint64_t findings[UINT8_MAX + 1] = {0};
    struct file_answer answer = file_answer_read(bytes, findings, count);
    must(answer.answered <= count && (!answer.whole || answer.answered == count));
    for (size_t i = 0; i < SD_COUNT(findings); i++)
        must((findings[i] & ~spawner_findings()) == 0 && (i < count || findings[i] == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    struct span rest = span_of(data + 1, size - 1);
    if (data[0] == 0)
        scan(rest);
    else if (data[0] == 1)
        version(rest);
    else if (data[0] == 2)
        http(rest);
    else if (data[0] == 3)
        opinion(rest);
    else
        files(rest, data[0]);
    return 0;
}
