/* narrow.h - UTF-16 for readers that look for ASCII, inside the files library. */
#ifndef SD_FILES_NARROW_H
#define SD_FILES_NARROW_H

#include "core/buf.h"

/* Without its byte order mark and its zeros; check buf_err(to). Like a browser, whatever the declared charset. */
struct span narrowed(struct span content, struct buf *to);

#endif
