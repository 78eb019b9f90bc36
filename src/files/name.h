/* name.h - what the end of a name says, inside the files library. */
#ifndef SD_FILES_NAME_H
#define SD_FILES_NAME_H

#include "files/format.h"

/* What the name's extension promises. */
enum promise {
    PROMISE_NOTHING,
    PROMISE_TEXT,
    PROMISE_TABLE, /* text whose cells are formulas to a spreadsheet */
    PROMISE_PAGE,
    PROMISE_PICTURE,
    PROMISE_MEDIA,
    PROMISE_PDF,
    PROMISE_OFFICE,
    PROMISE_ARCHIVE,
    PROMISE_MAIL,
    PROMISE_PROGRAM, /* anything that is a finding by its name */
};
enum promise name_promise(struct span name);
/* As Windows takes it: without trailing dots and spaces, from behind the last slash; lower case is the caller's. */
struct span name_extension(struct span name);
/* One character (UTF-8) that turns or hides what stands around it, or is none that is seen. */
bool name_hides(struct span character);
/* The declared type, in the same words. */
enum promise type_promise(struct span type);

#endif
