/*
 * album.h - the pictures of one document as they come out of the sandbox: pixels in, PNG files out. What the sandbox says is
 * parsed strictly (stream.h); nothing else of it goes further than here.
 */
#ifndef SD_RENDER_ALBUM_H
#define SD_RENDER_ALBUM_H

#include "render/png.h"
#include "render/stream.h"

#define ALBUM_BYTES_MAX ((size_t)119 * 1024 * 1024) /* of all PNG files: cards_preview_v1 holds 120 MiB */

struct album {
    struct buf pages; /* blobs */
    struct buf page;  /* the PNG that is being written */
    struct png *png;
    struct stream_sink sink;
    struct stream_parser parser;
    uint32_t count;
};
void album_start(struct album *album, uint32_t pages_max, uint32_t side_max);
void album_free(struct album *album);
/* SD_ERR_PROTOCOL: the stream is none. SD_ERR_LIMIT: the album is full; what is in it is good. */
enum sd_err album_feed(struct album *album, struct span bytes) SD_MUST_CHECK;

#endif
