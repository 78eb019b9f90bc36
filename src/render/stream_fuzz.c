/* Anything in place of the sandbox's stream, in pieces: what is in the album afterwards is whole PNG files within the limits.
 */
#include "render/album.h"

#include <stdlib.h>

#define PAGES_MAX 5
#define SIDE_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct album album SD_CLEANUP(album_free);
    struct span rest = span_of(data, size);
    size_t piece = size ? 1 + data[0] : 1;
    enum sd_err err = SD_OK;
    album_start(&album, PAGES_MAX, SIDE_MAX);
    while (rest.n && err == SD_OK) {
        err = album_feed(&album, span_sub(rest, 0, piece));
        rest = span_from(rest, piece);
    }
    struct reader r = reader_of(buf_span(&album.pages));
    for (uint32_t i = 0; i < album.count; i++)
        if (!span_starts(read_blob(&r, album.pages.n), SPAN("\x89PNG\r\n\x1a\n")))
            abort();
    if (album.count > PAGES_MAX || reader_end(&r) != SD_OK ||
        (album.parser.ended && (album.parser.end.reason == SHOW_SHOWN) != (album.count > 0)))
        abort();
    return 0;
}
