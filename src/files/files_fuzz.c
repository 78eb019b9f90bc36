/* Any bytes as an attachment, under a few names and a small budget; and as an archive to be listed. */
#include <stdlib.h>

#include "files/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct files *files;
    static const char *const names[] = {"", "a.html", "a.csv", "a.docx", "a.pdf", "a.eml", "a.xml", "a.zip"};
    static const char *const types[] = {"", "text/html", "message/rfc822", "application/pdf"};
    if (!files)
        require(files_new(&files) == SD_OK);
    if (size < 1)
        return 0;
    struct span content = span_of(data + 1, size - 1);
    struct files_budget budget = {.entries_left = 200, .depth = 6, .bytes_left = (uint64_t)8 * 1024 * 1024, .ratio = 100};
    budget.deadline = deadline_in_ms(5000);
    struct files_subject s = {
        .content = content, .name = span_cstr(names[data[0] & 7]), .type = span_cstr(types[data[0] >> 3 & 3])};
    uint64_t findings = 0;
    require(files_judge(files, &budget, &s, &findings) == SD_OK);
    require(findings >> FINDING_COUNT == 0);
    require(budget.entries_left <= 200 && budget.bytes_left <= (uint64_t)8 * 1024 * 1024);
    (void)files_kind(files, content);
    (void)files_judge_name(span_sub(content, 0, 256));
    struct buf list = buf_new(64 * 1024);
    enum sd_err err = files_list(&budget, content, &list);
    require(err == SD_OK || err == SD_ERR_PARSE || err == SD_ERR_LIMIT);
    require(list.n == 0 || span_is_utf8(buf_span(&list)));
    buf_free(&list);
    return 0;
}
