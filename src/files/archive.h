/* archive.h - libarchive, inside the files library; archive.c is its only user. */
#ifndef SD_FILES_ARCHIVE_H
#define SD_FILES_ARCHIVE_H

#include "files/judge.h"

#define ARCHIVE_SLACK ((size_t)128 * 1024) /* above what may come out: the step that goes over the limit has room */

/* The paths of an archive's entry: outside of its folder, or none that a program should write. */
uint64_t archive_judge_path(struct span path);
/* One entry of a zip file with a method that zlib has not. False: it could not be read to its end. */
bool archive_unpack_zip(struct unpacking *u, struct span entry, struct buf *to, struct span *ret);
/* files_list() of all but zip files. */
enum sd_err archive_list(struct files_budget *budget, struct span bytes, struct buf *to) SD_MUST_CHECK;

#endif
