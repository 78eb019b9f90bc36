/* vba.h - Visual Basic of Office: its source code, decompressed ([MS-OVBA] 2.4.1). Inside the files library. */
#ifndef SD_FILES_VBA_H
#define SD_FILES_VBA_H

#include "core/buf.h"

/* Appends what the compressed container gives, at most to->max; stops where it is damaged. False: it is none. */
bool vba_decompress(struct span container, struct buf *to);
/* A procedure that runs when the document is opened, closed or made, or when a control of it is drawn. */
bool vba_runs_by_itself(struct span source);

#endif
