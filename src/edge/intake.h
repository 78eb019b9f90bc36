/*
 * intake.h - the intake log's writer: append-only segment files DIR/intake/NNNNNNNNNNNN.log that it never reads. intake_append
 * returns when the bytes are on the disk: one thread writes what waits and syncs once for all of it.
 *
 * A record is a frame: u32 magic "SDI1", u32 body length, u32 CRC-32C of the body, then the body (cards_intake_record_v1);
 * little endian. The clerk reads while we write, so nothing that it may have passed is ever overwritten: a record that did not
 * fit is cut off again, and after anything else that went wrong the segment is left and a new one begun.
 */
#ifndef SD_EDGE_INTAKE_H
#define SD_EDGE_INTAKE_H

#include "core/buf.h"

#define INTAKE_FRAME_BYTES 12
#define INTAKE_MAGIC "SDI1"
#define INTAKE_SEGMENT_BYTES ((uint64_t)64 * 1024 * 1024) /* a new segment once one is larger */

struct intake;

/*
 * dir_fd: the intake folder, opened before confinement; owned from here on, also on failure. The first segment's number is the
 * one after the highest there. Opens no file yet.
 */
enum sd_err intake_new(int dir_fd, struct intake **ret) SD_MUST_CHECK;
/* Starts the commit thread. */
enum sd_err intake_start(struct intake *intake) SD_MUST_CHECK;
/* Ends the thread when all that waited is committed. For tests; a process just ends. */
void intake_free(struct intake **intake);
void intake_set_bell(struct intake *intake, int fd); /* owned; replaces the last one */

/*
 * Frames, records of them in one go, all or none. SD_OK: durable. SD_ERR_FULL: no space, nothing kept; SD_ERR_IO likewise. Not
 * bounded in time: an answer before the disk's would be a guess.
 */
enum sd_err intake_append(struct intake *intake, struct span frames, unsigned records) SD_MUST_CHECK;
/* What the last commit met: SD_OK, SD_ERR_FULL or SD_ERR_IO. */
enum sd_err intake_health(struct intake *intake) SD_MUST_CHECK;

/* A frame around what is put into buf between begin and end. */
struct intake_frame {
    size_t at;
};
struct intake_frame intake_frame_begin(struct buf *to);
void intake_frame_end(struct buf *to, struct intake_frame frame);

#endif
