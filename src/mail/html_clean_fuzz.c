/* Any bytes as HTML to be made safe: nothing but what is allowed comes out, and the same when it goes in again. */
#include <stdio.h>
#include <stdlib.h>

#include "core/limits.h"
#include "mail/html_clean.h"
#include "mail/html_strict.h"
#include "mail/mail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what) {
    if (holds)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf utf8 SD_CLEANUP(buf_free) = buf_new(4 * LIMIT_MESSAGE_BYTES);
    struct buf once SD_CLEANUP(buf_free) = buf_new(2 * HTML_CLEAN_MAX_BYTES);
    struct buf twice SD_CLEANUP(buf_free) = buf_new(2 * HTML_CLEAN_MAX_BYTES);
    struct html_clean_report report = {0};
    mail_ambiguities seen = 0;
    if (mail_to_utf8(span_of(data, size), SPAN("utf-8"), &utf8, &seen) != SD_OK)
        return 0;
    require(mail_html_clean(buf_span(&utf8), &once, &report) == SD_OK, "an error");
    const char *fault = strict_fault(buf_span(&once));
    require(!fault, fault);
    require(mail_html_clean(buf_span(&once), &twice, &report) == SD_OK, "an error of the second time");
    require(span_eq(buf_span(&once), buf_span(&twice)), "the second time gives something else");
    return 0;
}
