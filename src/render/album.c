#include "render/album.h"

#define PAGE_BYTES_MAX ((size_t)52 * 1024 * 1024) /* 4000 * 4000 * 3 that cannot be compressed, and some */

static enum sd_err begin_page(void *ctx, uint32_t width, uint32_t height) {
    struct album *album = ctx;
    buf_reset(&album->page);
    return png_begin(width, height, &album->page, &album->png);
}

static enum sd_err put_row(void *ctx, struct span rgb) {
    struct album *album = ctx;
    return png_row(album->png, rgb);
}

/* A page that does not fit leaves the others as they are. */
static enum sd_err end_page(void *ctx) {
    struct album *album = ctx;
    enum sd_err err = png_end(album->png);
    png_free(&album->png);
    if (err)
        return err;
    if (album->pages.n + album->page.n + sizeof(uint32_t) > album->pages.max)
        return SD_ERR_LIMIT;
    buf_blob(&album->pages, buf_span(&album->page));
    err = buf_err(&album->pages);
    album->count += err == SD_OK;
    return err;
}

void album_start(struct album *album, uint32_t pages_max, uint32_t side_max) {
    album->pages = buf_new(ALBUM_BYTES_MAX);
    album->page = buf_new(PAGE_BYTES_MAX);
    album->png = NULL;
    album->count = 0;
    album->sink = (struct stream_sink){.page = begin_page, .row = put_row, .page_end = end_page, .ctx = album};
    stream_start(&album->parser, &album->sink, pages_max, side_max);
}

void album_free(struct album *album) {
    png_free(&album->png);
    buf_free(&album->page);
    buf_free(&album->pages);
}

enum sd_err album_feed(struct album *album, struct span bytes) {
    return stream_feed(&album->parser, bytes);
}
