#include "sealdesk/restore.h"
#include "core/file.h"

#include "core/codec.h"
#include "core/role.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4300

static enum sd_err say(const char *path, enum sd_err err, const char *what) {
    (void)fprintf(stderr, "%s: %s\n", path, what ? what : sd_err_text(err));
    return err;
}

/* ---- keys ---- */

/* The first line that is no remark. */
static enum sd_err read_recovery(const char *path, struct secret *ret) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct buf text SD_CLEANUP(buf_free) = buf_new(4096);
    enum sd_err err = file_read(path, &text);
    if (err == SD_OK)
        err = secret_new(KEY_BYTES, &key);
    if (err)
        return say(path, err, NULL);
    struct span_split split = span_split_start(buf_span(&text));
    struct span line;
    while (span_split_next(&split, '\n', &line))
        if (span_trim(line).n && line.p[0] != '#' && hex_to_bytes(span_trim(line), key.p, KEY_BYTES) == SD_OK) {
            *ret = secret_take(&key);
            return SD_OK;
        }
    return say(path, SD_ERR_PARSE, "there is no recovery key in it (sealdesk backup keygen made it)");
}

static enum sd_err unwrap_archive(const struct restoring *r, const struct secret *recovery, struct backup_keys *ret) {
    struct secret archive SD_CLEANUP(secret_free) = {0};
    enum sd_err err = backup_key_unwrap(recovery, r->head.stamp.id, span_of(r->head.wrapped, BACKUP_WRAPPED_BYTES), &archive);
    if (err)
        return say(r->from, err, err == SD_ERR_FORGED ? "this recovery key does not open it" : NULL);
    return backup_keys_derive(&archive, ret);
}

static enum sd_err unwrap_root(const struct restoring *r, const struct secret *recovery, struct secret *ret) {
    struct archive_head head;
    enum sd_err err = archive_head_read(r->root_file, true, &head);
    if (err)
        return say(r->root_file, err, err == SD_ERR_PARSE ? "this is no root of a backup" : NULL);
    if (memcmp(head.stamp.id, r->head.stamp.id, BACKUP_ID_BYTES) != 0)
        return say(r->root_file, SD_ERR_CONFIG, "it is the root of another backup");
    err = backup_root_unwrap(recovery, &head.stamp, span_of(head.wrapped, BACKUP_WRAPPED_BYTES), ret);
    return err ? say(r->root_file, err, err == SD_ERR_FORGED ? "this recovery key does not open it, or it was changed" : NULL)
               : SD_OK;
}

/* ---- the folder ---- */

static bool is_empty(const char *path) {
    DIR *dir = opendir(path);
    bool empty = dir != NULL;
    for (struct dirent *e; empty && (e = readdir(dir));)
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    if (dir)
        (void)closedir(dir);
    return empty;
}

static enum sd_err make_folders(const struct restoring *r) {
    static const char *const folders[] = {"", "/intake", "/store", "/keeper", "/keeper/log", "/run", "/run/empty"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < SD_COUNT(folders); i++) {
        (void)snprintf(path, sizeof path, "%s%s", r->dir, folders[i]);
        mode_t mode = i == 0 ? 0711 : strncmp(folders[i], "/run", 4) == 0 ? 0755 : 0700;
        if (mkdir(path, mode) != 0 && errno != EEXIST)
            return say(path, sd_err_from_errno(errno), strerror(errno));
    }
    if (chmod(r->dir, 0711) != 0)
        return sd_err_from_errno(errno);
    (void)snprintf(path, sizeof path, "%s/store/store.lock", r->dir);
    return write_private(path, SPAN_NONE);
}

static int remove_entry(const char *path, SD_UNUSED const struct stat *st, SD_UNUSED int type, SD_UNUSED struct FTW *ftw) {
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

static void overwrite(const char *path) {
    static const uint8_t zeros[128];
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    if (pwrite(fd, zeros, sizeof zeros, 0) < 0 || fsync(fd) != 0)
        (void)fprintf(stderr, "%s: could not be overwritten\n", path);
    (void)close(fd);
}

void restore_wipe(const char *dir) {
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/keeper/root.key", dir);
    overwrite(path);
    if (nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        (void)fprintf(stderr, "%s: %s: remove it\n", dir, strerror(errno));
}

/* ---- content ---- */

/* Where an entry may go: nowhere but into the folders of an installation. */
static bool is_ours(const struct archive_entry *entry) {
    static const char *const places[] = {"intake/", "store/", "keeper/", "keeper/log/"};
    const char *slash = strrchr(entry->name, '/');
    if (strcmp(entry->name, "sealdesk.conf") == 0)
        return true;
    if (!slash || slash[1] == 0 || slash[1] == '.' || strcmp(entry->name, "keeper/root.key") == 0)
        return false;
    for (size_t i = 0; i < SD_COUNT(places); i++)
        if (strlen(places[i]) == (size_t)(slash + 1 - entry->name) && strncmp(entry->name, places[i], strlen(places[i])) == 0)
            return true;
    return false;
}

struct target {
    int fd;
    struct stream *stream; /* of the keeper's part */
    struct buf sealed, plain;
    uint64_t left;
};

static void target_free(struct target *t) {
    if (t->fd >= 0)
        (void)close(t->fd);
    stream_free(&t->stream);
    buf_free(&t->sealed);
    buf_free(&t->plain);
}

static enum sd_err open_sealed(struct target *t) {
    enum sd_err err = SD_OK;
    while (err == SD_OK && (t->sealed.n >= STREAM_SEALED_BYTES || (t->left == 0 && t->sealed.n))) {
        size_t n = t->sealed.n < STREAM_SEALED_BYTES ? t->sealed.n : STREAM_SEALED_BYTES;
        bool last = t->left == 0 && n == t->sealed.n;
        buf_reset(&t->plain);
        err = stream_chunk(t->stream, span_sub(buf_span(&t->sealed), 0, n), last, &t->plain);
        if (err == SD_OK)
            err = file_write(t->fd, buf_span(&t->plain));
        buf_consume(&t->sealed, n);
        if (last)
            break;
    }
    return err;
}

static enum sd_err put(struct target *t, struct span bytes) {
    t->left -= bytes.n;
    if (!t->stream)
        return file_write(t->fd, bytes);
    buf_put(&t->sealed, bytes);
    enum sd_err err = buf_err(&t->sealed);
    return err ? err : open_sealed(t);
}

static enum sd_err extract_one(struct restoring *r, struct archive_in *in, const struct backup_keys *keys,
                               const struct archive_entry *entry) {
    char path[PATH_BYTES];
    struct target t SD_CLEANUP(target_free) = {
        .fd = -1, .sealed = buf_new(3 * STREAM_SEALED_BYTES), .plain = buf_new(STREAM_SEALED_BYTES), .left = entry->bytes};
    bool conf = strcmp(entry->name, "sealdesk.conf") == 0;
    if (!is_ours(entry) || (entry->kind == ARCHIVE_KEEPER) != (strcmp(entry->name, "keeper/keeper.db") == 0))
        return SD_ERR_FORGED;
    (void)snprintf(path, sizeof path, "%s/%s", r->dir, conf ? CONF_UNFINISHED : entry->name);
    t.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, conf ? 0640 : 0600);
    enum sd_err err = t.fd < 0 ? sd_err_from_errno(errno) : SD_OK;
    if (err == SD_OK && entry->kind == ARCHIVE_KEEPER)
        err = stream_new(STREAM_OPEN, secret_span(&keys->keeper), span_of(r->head.stamp.id, sizeof r->head.stamp.id),
                         &t.stream);
    while (err == SD_OK && t.left) {
        struct span part;
        err = archive_get(in, STREAM_CHUNK_BYTES, &part);
        if (err == SD_OK)
            err = put(&t, part);
    }
    if (err == SD_OK && t.stream && !stream_ended(t.stream))
        err = SD_ERR_FORGED;
    if (err == SD_OK && fsync(t.fd) != 0)
        err = sd_err_from_errno(errno);
    r->files++;
    r->bytes += entry->bytes;
    return err;
}

static enum sd_err extract_all(struct restoring *r, const struct backup_keys *keys) {
    struct archive_in *in SD_CLEANUP(archive_close) = NULL;
    struct archive_entry entry = {.kind = ARCHIVE_FILE};
    enum sd_err err = archive_open(r->from, secret_span(&keys->files), &in);
    while (err == SD_OK) {
        err = archive_next(in, &entry);
        if (err || entry.kind == ARCHIVE_END)
            break;
        err = extract_one(r, in, keys, &entry);
    }
    if (err == SD_ERR_FORGED || err == SD_ERR_PARSE)
        return say(r->from, err, "it was changed or cut off: nothing is restored from it");
    return err ? say(r->from, err, NULL) : SD_OK;
}

static enum sd_err write_root(const struct restoring *r, const struct secret *root) {
    char path[PATH_BYTES];
    struct buf text SD_CLEANUP(buf_free) = buf_new(128);
    (void)snprintf(path, sizeof path, "%s/keeper/root.key", r->dir);
    put_hex(&text, secret_span(root));
    buf_byte(&text, '\n');
    enum sd_err err = buf_err(&text);
    return err ? err : write_private(path, buf_span(&text));
}

static enum sd_err fill(struct restoring *r, const struct backup_keys *keys, const struct secret *root) {
    (void)umask(022);
    enum sd_err err = make_folders(r);
    if (err == SD_OK)
        err = extract_all(r, keys);
    return err ? err : write_root(r, root);
}

enum sd_err restore_extract(struct restoring *r) {
    struct secret recovery SD_CLEANUP(secret_free) = {0}, root SD_CLEANUP(secret_free) = {0};
    struct backup_keys keys SD_CLEANUP(backup_keys_free) = {0};
    struct stat st;
    enum sd_err err = archive_head_read(r->from, false, &r->head);
    if (err)
        return say(r->from, err, err == SD_ERR_PARSE ? "this is no backup of Sealdesk" : NULL);
    if (stat(r->dir, &st) == 0 && !is_empty(r->dir))
        return say(r->dir, SD_ERR_EXISTS, "it is not an empty folder; nothing was changed");
    err = read_recovery(r->recovery_file, &recovery);
    if (err == SD_OK)
        err = unwrap_archive(r, &recovery, &keys);
    if (err == SD_OK)
        err = unwrap_root(r, &recovery, &root);
    if (err)
        return err;
    err = fill(r, &keys, &root);
    if (err)
        restore_wipe(r->dir);
    return err;
}

/* ---- its keeper ---- */

enum sd_err restore_keeper(const struct restoring *r, struct settings **ret_settings, struct door *door) {
    char conf[PATH_BYTES], dir[PATH_BYTES];
    const char *overrides[] = {"keeper.root=file", "log.level=warn", dir};
    (void)snprintf(conf, sizeof conf, "%s/" CONF_UNFINISHED, r->dir);
    (void)snprintf(dir, sizeof dir, "main.data_dir=%s", r->dir);
    enum sd_err err = settings_load(conf, overrides, SD_COUNT(overrides), ret_settings);
    return err ? err : door_open(*ret_settings, door);
}
