#include "sealdesk/credential.h"

#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "credential:"
#define CREDENTIAL_MAX_BYTES 1024

static bool read_into(const char *path, struct secret *ret) {
    struct secret text SD_CLEANUP(secret_free) = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum sd_err err = fd < 0 ? sd_err_from_errno(errno) : secret_new(CREDENTIAL_MAX_BYTES, &text);
    ssize_t n = err ? -1 : read(fd, text.p, text.n);
    if (fd >= 0)
        (void)close(fd);
    if (n <= 0) {
        log_error("run.credential", "path=%s error=%s", path, err ? sd_err_name(err) : "empty");
        return false;
    }
    return secret_copy(span_trim(span_of(text.p, (size_t)n)), ret) == SD_OK;
}

bool credential_read(const struct settings *settings, struct secret *ret) {
    const char *root = settings_text(settings, "keeper.root"), *dir = getenv("CREDENTIALS_DIRECTORY");
    char path[4096];
    if (strncmp(root, PREFIX, strlen(PREFIX)) != 0)
        return false;
    const char *name = root + strlen(PREFIX);
    if (!dir || !*name || strchr(name, '/') || snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
        log_error("run.credential", "keeper.root = %s, and systemd handed over no such credential (LoadCredential=)", root);
        return false;
    }
    return read_into(path, ret);
}
