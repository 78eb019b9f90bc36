/* list.h - one line of a listing, inside the files library. */
#ifndef SD_FILES_LIST_H
#define SD_FILES_LIST_H

#include "core/buf.h"

void list_line(struct buf *to, uint64_t size, int year, int month, int day, struct span name);

#endif
