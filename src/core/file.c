#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void fd_close(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

enum sd_err file_write(int fd, struct span bytes) {
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR)
            return sd_err_from_errno(errno);
        if (n > 0)
            bytes = span_from(bytes, (size_t)n);
    }
    return SD_OK;
}

enum sd_err file_write_at(int fd, struct span bytes, uint64_t offset) {
    while (bytes.n) {
        ssize_t n = pwrite(fd, bytes.p, bytes.n, (off_t)offset);
        if (n < 0 && errno != EINTR)
            return sd_err_from_errno(errno);
        if (n > 0) {
            bytes = span_from(bytes, (size_t)n);
            offset += (uint64_t)n;
        }
    }
    return SD_OK;
}

enum sd_err folder_sync(const char *dir) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sd_err_from_errno(errno);
    enum sd_err err = fsync(fd) == 0 ? SD_OK : sd_err_from_errno(errno);
    (void)close(fd);
    return err;
}
