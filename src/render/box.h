/*
 * box.h - the sandbox of one document: bubblewrap with everything unshared, a root of /usr and of little from /etc (read-only),
 * one bounded tmpfs, no /proc, four devices, no capabilities, nobody's user id, a list of system calls that fail, and limits.
 */
#ifndef SD_RENDER_BOX_H
#define SD_RENDER_BOX_H

#include "core/err.h"

#define BOX_EXTENSION_BYTES 8

struct box_spec {
    const char *program;          /* absolute path of what is run in it; it is seen as /paginate */
    uint64_t address_space_bytes; /* of each process; UINT64_MAX: not limited (builds with sanitizers) */
};

struct box_job {
    uint32_t pages_max, side_max;            /* the program's first two arguments */
    uint32_t seconds;                        /* of processor time, for each process; who starts it watches the clock */
    char extension[BOX_EXTENSION_BYTES + 1]; /* the third: a hint, [a-z0-9]*, "-" for none */
};

#define BOX_BWRAP "/usr/bin/bwrap"

/* In a process that was forked for this and has one thread: becomes the sandbox with `content` as its standard input and `to`
 * as its standard output, and no other descriptor. Returns when it could not. */
void box_enter(const struct box_spec *spec, const struct box_job *job, int content, int to);

#endif
