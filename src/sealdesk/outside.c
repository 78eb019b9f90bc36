#include "sealdesk/outside.h"
#include "core/endpoint.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const names[] = {"checkpoint_file", "syslog"};

const char *outside_name(size_t i) {
    return i < SD_COUNT(names) ? names[i] : NULL;
}

/* Every write goes behind what is there. No symbolic link: who may change the folder should not choose what root opens. */
static enum sd_err open_append(const char *path, int *ret_fd) {
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return sd_err_from_errno(errno);
    *ret_fd = fd;
    return SD_OK;
}

/* A datagram is a message; connecting to a unix socket does not wait. */
static enum sd_err connect_unix(const char *path, int *ret_fd) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof un.sun_path)
        return SD_ERR_CONFIG;
    memcpy(un.sun_path, path, n);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return sd_err_from_errno(errno);
    if (connect(fd, (const struct sockaddr *)&un, sizeof un) != 0) {
        enum sd_err err = sd_err_from_errno(errno);
        (void)close(fd);
        return err;
    }
    *ret_fd = fd;
    return SD_OK;
}

enum sd_err outside_open(const struct settings *settings, const char *name, int *ret_fd) {
    const char *file = settings_text(settings, "log.checkpoint_file");
    struct endpoint endpoint = {0};
    enum sd_err err = SD_OK;
    if (strcmp(name, names[0]) == 0 && *file)
        err = open_append(file, ret_fd);
    else if (strcmp(name, names[0]) != 0 &&
             endpoint_parse(span_cstr(settings_text(settings, "log.syslog")), &endpoint) == SD_OK &&
             endpoint.kind == ENDPOINT_UNIX)
        err = connect_unix(endpoint.host, ret_fd);
    else
        return SD_ERR_NOTFOUND;
    if (err)
        log_warn("run.witness", "name=%s error=%s", name, sd_err_name(err));
    return err ? SD_ERR_UNAVAILABLE : SD_OK;
}
