/*
 * segment.h - reads the intake's segment files, which the edge appends to at the same time: DIR/intake/NNNNNNNNNNNN.log, frames
 * of u32 magic "SDI1", u32 body length, u32 CRC-32C of the body, body; little endian. Nothing in a frame is believed before its
 * checksum fits, and nothing makes the reader loop or end: bytes that are no frame are passed on as damaged.
 */
#ifndef SD_CLERK_SEGMENT_H
#define SD_CLERK_SEGMENT_H

#include "core/buf.h"

#define FRAME_HEAD_BYTES 12
/* The facets of a record, its card and header (cards.def), and their length fields. */
#define FRAME_BODY_MAX ((size_t)120 * 1024 * 1024 + 128 * 1024)

struct segment {
    int fd; /* -1: none is open */
    uint64_t number;
    uint64_t offset;         /* the next frame begins here; moved by the caller */
    uint64_t size_bytes;     /* when it was last looked at */
    uint64_t searched_bytes; /* the size at which a search behind this offset found no frame */
};

enum frame_found {
    FRAME_NONE,    /* at the end */
    FRAME_CUT,     /* a frame begins here and is not all there: being written, or torn by a crash */
    FRAME_RECORD,  /* a whole one */
    FRAME_DAMAGED, /* no frame until the next offset, where one begins or the segment ends */
};

/* The lowest segment that is at least `from`; SD_ERR_NOTFOUND. */
enum sd_err segment_find(const char *dir, uint64_t from, uint64_t *ret_number) SD_MUST_CHECK;
/* Opens it at this offset; closes the one before. SD_ERR_NOTFOUND. */
enum sd_err segment_open(struct segment *segment, const char *dir, uint64_t number, uint64_t offset) SD_MUST_CHECK;
void segment_close(struct segment *segment);
enum sd_err segment_remove(const char *dir, uint64_t number) SD_MUST_CHECK;

/*
 * What is at segment->offset, and where to go on after it. FRAME_RECORD: its body is put into `body`, which must be empty and
 * have room for FRAME_BODY_MAX. SD_ERR_IO, SD_ERR_NOMEM: try again later.
 */
enum sd_err segment_next(struct segment *segment, struct buf *body, enum frame_found *ret_found,
                         uint64_t *ret_next) SD_MUST_CHECK;

/* The first bytes, at most max, of the body of the frame at `offset`, unverified, and where the next frame begins: to count and
 * to look at headers. FRAME_RECORD, FRAME_CUT, FRAME_NONE, or FRAME_DAMAGED when no frame begins there. */
enum sd_err segment_peek(const struct segment *segment, uint64_t offset, size_t max, struct buf *to,
                         enum frame_found *ret_found, uint64_t *ret_next) SD_MUST_CHECK;

/* Bytes as they are, for what is set aside. */
enum sd_err segment_bytes(const struct segment *segment, uint64_t offset, size_t n, struct buf *to) SD_MUST_CHECK;
/* How many there are by now. */
enum sd_err segment_size(const struct segment *segment, uint64_t *ret) SD_MUST_CHECK;

#endif
