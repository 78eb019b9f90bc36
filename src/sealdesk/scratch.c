#include "sealdesk/cli.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum sd_err scratch_make(char dir[SCRATCH_BYTES]) {
    char path[SCRATCH_BYTES + 16];
    (void)snprintf(dir, SCRATCH_BYTES, "/tmp/sealdesk-scratch.XXXXXX");
    if (!mkdtemp(dir))
        return SD_ERR_IO;
    bool good = chmod(dir, 0711) == 0;
    (void)snprintf(path, sizeof path, "%s/run", dir);
    good = good && mkdir(path, 0711) == 0;
    (void)snprintf(path, sizeof path, "%s/run/empty", dir);
    if (good && mkdir(path, 0755) == 0)
        return SD_OK;
    scratch_remove(dir);
    return SD_ERR_IO;
}

void scratch_remove(const char *dir) {
    static const char *const parts[] = {"/run/empty", "/run", ""};
    for (size_t i = 0; i < SD_COUNT(parts); i++) {
        char path[SCRATCH_BYTES + 16];
        (void)snprintf(path, sizeof path, "%s%s", dir, parts[i]);
        (void)rmdir(path);
    }
}
