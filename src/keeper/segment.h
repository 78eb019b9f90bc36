/*
 * segment.h - the files of the audit log: DIR/NNNNNNNNNNNN.log, named by the number of their first record.
 *
 * Head: "SDAUDIT1", u64 first record, u32 count, as many peaks of the tree before it (32 bytes each). Then per record: u32
 * length, the first four bytes of its leaf hash (which tell a torn tail from a record), the record: one line of JSON without
 * its line end.
 *
 * A record whose data was dropped keeps its place and its length, with the length's highest bit set: in it stands the text that
 * leaf.h has for it, with its leaf hash, and zeros behind.
 */
#ifndef SD_KEEPER_SEGMENT_H
#define SD_KEEPER_SEGMENT_H

#include "keeper/merkle.h"

#define SEGMENT_BYTES ((size_t)4 * 1024 * 1024) /* a new one is begun when one is larger; a reader holds one in memory */
#define SEGMENT_MAX_BYTES (2 * SEGMENT_BYTES + 4 * 1024 * 1024)
#define SEGMENT_FRAME_BYTES 8
#define SEGMENT_DROPPED UINT32_C(0x80000000)
#define SEGMENT_NAME_MAX 4096

void segment_put_head(struct buf *to, const struct merkle_range *range);
/* Appends the frame of a record and gives its leaf hash. */
enum sd_err segment_put_record(struct buf *to, struct span record, struct sha256 *ret_leaf) SD_MUST_CHECK;

enum sd_err segment_path(const char *dir, uint64_t first, char ret[SEGMENT_NAME_MAX]) SD_MUST_CHECK;
/* The first records of all segments, ascending; *ret from malloc, freed by the caller. */
enum sd_err segment_list(const char *dir, uint64_t **ret, size_t *ret_count) SD_MUST_CHECK;

/* One segment in memory, read record by record. */
struct segment {
    struct buf bytes;
    struct merkle_range start; /* the tree before the first record, as the head says */
    uint64_t next;             /* number of the next record */
    size_t at;                 /* its offset */
};
/* SD_ERR_PARSE: the head is not whole. */
enum sd_err segment_open(const char *dir, uint64_t first, struct segment *ret) SD_MUST_CHECK;
/* A part of a segment, from a record on whose place is known; its end may cut a record (SD_ERR_PARSE). `at` counts from there.
 */
#define SEGMENT_PART_BYTES ((size_t)128 * 1024)
enum sd_err segment_open_at(const char *dir, uint64_t first, uint64_t offset, uint64_t seq, struct segment *ret) SD_MUST_CHECK;
void segment_close(struct segment *segment);
/* SD_OK: a record, moved behind. SD_ERR_NOTFOUND: exactly at the end. SD_ERR_PARSE: bytes that are no whole record. */
enum sd_err segment_next(struct segment *segment, struct span *ret_record, struct sha256 *ret_leaf) SD_MUST_CHECK;
/* Moves behind a record without looking into it; false when there is no whole one. */
bool segment_skip(struct segment *segment);
/*
 * The same segment with the data of some records dropped: those of which the callback says so. It replaces the file as a whole;
 * a crash leaves the one or the other. Never the newest segment: that is being written.
 */
typedef bool segment_choose(void *arg, uint64_t seq, struct span record);
enum sd_err segment_drop(const char *dir, uint64_t first, segment_choose *choose, void *arg,
                         uint64_t *ret_dropped) SD_MUST_CHECK;
/* Removes what a crash left of that. */
enum sd_err segment_sweep(const char *dir) SD_MUST_CHECK;
/* One record by its offset. */
enum sd_err segment_read_at(const char *dir, uint64_t first, uint64_t offset, struct buf *to) SD_MUST_CHECK;

#endif
