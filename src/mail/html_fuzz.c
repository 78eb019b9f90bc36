/* Any bytes as HTML. */
#include <stdlib.h>

#include "core/limits.h"
#include "mail/mail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf utf8 SD_CLEANUP(buf_free) = buf_new(4 * LIMIT_MESSAGE_BYTES);
    struct buf text SD_CLEANUP(buf_free) = buf_new(32 * LIMIT_TEXT_BYTES);
    mail_ambiguities seen = 0;
    if (mail_to_utf8(span_of(data, size), SPAN("utf-8"), &utf8, &seen) != SD_OK)
        return 0;
    if (mail_html_to_text(buf_span(&utf8), &text) != SD_OK || (text.n && !span_is_utf8(buf_span(&text))))
        abort();
    return 0;
}
