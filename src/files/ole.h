/* ole.h - a file dragged into a document, inside the files library. */
#ifndef SD_FILES_OLE_H
#define SD_FILES_OLE_H

#include "files/judge.h"

/* A Package's native data: its size, label, path, and the file. */
void ole_judge_native(struct judge *j, struct span stream);

#endif
