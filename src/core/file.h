/* file.h - writing all of something, and making it stay: what the tail of a plain write(2) forgets. */
#ifndef SD_CORE_FILE_H
#define SD_CORE_FILE_H

#include "core/span.h"

/* For SD_CLEANUP, too: closes what is open, and remembers. */
void fd_close(int *fd);
/* All of it, however many writes that takes. */
enum sd_err file_write(int fd, struct span bytes) SD_MUST_CHECK;
enum sd_err file_write_at(int fd, struct span bytes, uint64_t offset) SD_MUST_CHECK;
/* A new or renamed file is only there after a crash when its folder is on disk too. */
enum sd_err folder_sync(const char *dir) SD_MUST_CHECK;

#endif
