#include "sealdesk/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *libexec_dir(void) {
    static char dir[PATH_MAX];
    if (dir[0])
        return dir;
    ssize_t n = readlink("/proc/self/exe", dir, sizeof dir - 32);
    char *slash = n > 0 ? memrchr(dir, '/', (size_t)n) : NULL;
    if (!slash)
        return SEALDESK_LIBEXEC;
    memcpy(slash, "/libexec", sizeof "/libexec");
    char probe[PATH_MAX + 32];
    (void)snprintf(probe, sizeof probe, "%s/sealdesk-keeper", dir);
    if (access(probe, X_OK) != 0)
        (void)snprintf(dir, sizeof dir, "%s", SEALDESK_LIBEXEC);
    return dir;
}

/* Owner and group of a folder and of the files in it; folders below are not expected. */
static enum sd_err own_folder(int data_dir, const char *name, uid_t uid, gid_t gid, mode_t folder_mode, mode_t file_mode) {
    int fd = openat(data_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return sd_err_from_errno(errno);
    enum sd_err err = fchown(fd, uid, gid) == 0 && fchmod(fd, folder_mode) == 0 ? SD_OK : sd_err_from_errno(errno);
    DIR *dir = fdopendir(fd);
    if (!dir) {
        (void)close(fd);
        return SD_ERR_NOMEM;
    }
    for (struct dirent *e; err == SD_OK && (e = readdir(dir));) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || S_ISLNK(st.st_mode))
            continue;
        if (S_ISDIR(st.st_mode)) {
            err = own_folder(fd, e->d_name, uid, gid, folder_mode, file_mode);
            continue;
        }
        if (fchownat(fd, e->d_name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0 || fchmodat(fd, e->d_name, file_mode, 0) != 0)
            err = sd_err_from_errno(errno);
    }
    (void)closedir(dir);
    return err;
}

enum sd_err prepare_dirs(const struct settings *settings) {
    int dir = open(settings->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return sd_err_from_errno(errno);
    enum sd_err err = SD_OK;
    if (geteuid() == 0) {
        uid_t base = (uid_t)settings_int(settings, "run.uid_base");
        /* Others may pass through to their own folder, and see nothing on the way. */
        err = fchmod(dir, 0711) == 0 ? SD_OK : SD_ERR_IO;
        if (err == SD_OK)
            err = own_folder(dir, "intake", base + role_kind("edge")->uid_offset, base + GROUP_INTAKE, 02770, 0640);
        if (err == SD_OK)
            err = own_folder(dir, "store", base + role_kind("clerk")->uid_offset, base + GROUP_STORE, 02770, 0660);
        if (err == SD_OK)
            err = own_folder(dir, "keeper", base + role_kind("keeper")->uid_offset, base + role_kind("keeper")->gid_offset,
                             0700, 0600);
    }
    (void)close(dir);
    if (err)
        (void)fprintf(stderr, "%s: cannot give the roles their folders: %s. Was it made by `sealdesk init`?\n",
                      settings->data_dir, sd_err_text(err));
    return err;
}
