/*
 * file_name.h - names that strangers gave their files, made safe for the disk and the eyes of whoever saves one (RFC 6266
 * §4.3): no path, nothing invisible, nothing that turns the reading direction, no device of Windows, of a length that every
 * file system takes. How it ends stays as it is, so that nobody takes a program for a document.
 */
#ifndef SD_DESK_FILE_NAME_H
#define SD_DESK_FILE_NAME_H

#include "core/arena.h"

#define FILE_NAME_BYTES 180 /* 255 is what file systems take; browsers add to it, and so may their users */

/* Never empty: "attachment" when nothing is left of it. In the arena. */
struct span file_name_safe(struct span name, struct arena *arena);

/* Content-Disposition: an attachment with that name, in ASCII and in RFC 8187's form where that is not the same. */
struct span file_name_disposition(struct span name, struct arena *arena);

#endif
