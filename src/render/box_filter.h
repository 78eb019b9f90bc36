/* box_filter.h - the system calls that fail in the sandbox of a document, as a seccomp program for bubblewrap. */
#ifndef SD_RENDER_BOX_FILTER_H
#define SD_RENDER_BOX_FILTER_H

/* A descriptor to read the program from, from its start; -1 when it cannot be made. */
int box_filter(void);

#endif
