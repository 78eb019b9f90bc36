/* For tests with a browser: documents of HTML from standard input, each ended by NUL, come out clean in the same way. */
#include <stdio.h>
#include <stdlib.h>

#include "mail/html_clean.h"

#define INPUT_MAX_BYTES ((size_t)256 * 1024 * 1024)

static void put_clean(struct span html) {
    struct buf clean SD_CLEANUP(buf_free) = buf_new(2 * HTML_CLEAN_MAX_BYTES);
    struct html_clean_report report;
    if (mail_html_clean(html, &clean, &report) != SD_OK)
        exit(EXIT_FAILURE);
    buf_byte(&clean, 0);
    if (fwrite(clean.p, 1, clean.n, stdout) != clean.n)
        exit(EXIT_FAILURE);
}

int main(void) {
    struct buf input SD_CLEANUP(buf_free) = buf_new(INPUT_MAX_BYTES);
    uint8_t chunk[65536];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, stdin)) > 0;)
        buf_put(&input, span_of(chunk, n));
    if (buf_err(&input) != SD_OK)
        return EXIT_FAILURE;
    struct span rest = buf_span(&input);
    while (rest.n) {
        struct span one = span_sub(rest, 0, span_find(rest, 0));
        put_clean(one);
        rest = span_from(rest, one.n + 1);
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
