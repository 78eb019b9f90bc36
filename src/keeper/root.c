#include "keeper/root.h"
#include "core/codec.h"
#include "core/file.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MAX_BYTES 4096
#define FILE_MAX_BYTES 512 /* of a sealed root, in hexadecimal */
#define SEALED_MARK "sealdesk-root-1"
#define SEALED_AAD SPAN("sealdesk root v1")
#define CREDENTIAL_INFO SPAN("sealdesk root credential v1")

const char *root_source_text(enum root_source source) {
    static const char *const texts[] = {
#define X(name, text) text,
        ROOT_SOURCE_LIST(X)
#undef X
    };
    return (size_t)source < SD_COUNT(texts) ? texts[source] : "unknown";
}

enum sd_err root_source_from(const char *setting, enum root_source *ret) {
    struct span text = span_cstr(setting), credential = SPAN("credential:");
    if (span_eq(text, SPAN("file")))
        *ret = ROOT_FILE;
    else if (span_eq(text, SPAN("passphrase")))
        *ret = ROOT_PASSPHRASE;
    else if (span_starts(text, credential) && text.n > credential.n)
        *ret = ROOT_CREDENTIAL;
    else {
        log_error("keeper.root", "keeper.root is not file, credential:NAME or passphrase");
        return SD_ERR_CONFIG;
    }
    return SD_OK;
}

void root_free(struct root *root) {
    secret_free(&root->secret);
    secret_free(&root->wrapper.key);
    *root = (struct root){0};
}

/* ---- files ---- */

struct path {
    char text[PATH_MAX_BYTES];
};

static const char *path_of(const char *dir, enum root_source source, enum root_copy copy, struct path *path) {
    int n = snprintf(path->text, sizeof path->text, "%s/%s%s", dir, source == ROOT_FILE ? "root.key" : "root.sealed",
                     copy == ROOT_NEXT ? ".next" : "");
    return n > 0 && n < (int)sizeof path->text ? path->text : "";
}

static enum sd_err write_new(const char *path, struct span text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? SD_ERR_EXISTS : sd_err_from_errno(errno);
    ssize_t n = write(fd, text.p, text.n);
    enum sd_err err = n == (ssize_t)text.n && fsync(fd) == 0 ? SD_OK : sd_err_from_errno(n < 0 ? errno : ENOSPC);
    (void)close(fd);
    return err;
}

/* Overwritten in place, as far as the file system writes in place. */
static void wipe(int fd) {
    struct stat st;
    uint8_t zeros[FILE_MAX_BYTES] = {0};
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    size_t n = st.st_size < (off_t)sizeof zeros ? (size_t)st.st_size : sizeof zeros;
    if (pwrite(fd, zeros, n, 0) != (ssize_t)n || fsync(fd) != 0)
        log_warn("keeper.root", "the root before could not be overwritten");
}

static void remove_file(const char *path) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        wipe(fd);
        (void)close(fd);
    }
    (void)unlink(path);
}

bool root_is_there(const char *dir, enum root_source source, enum root_copy copy) {
    struct path path;
    struct stat st;
    return lstat(path_of(dir, source, copy, &path), &st) == 0;
}

static enum sd_err read_private(const char *path, struct secret *ret) {
    struct secret text SD_CLEANUP(secret_free) = {0};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return sd_err_from_errno(errno);
    enum sd_err err = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? SD_OK : SD_ERR_CONFIG;
    if (err == SD_OK && (st.st_mode & 077))
        err = SD_ERR_DENIED;
    if (err == SD_OK)
        err = secret_new(FILE_MAX_BYTES, &text);
    ssize_t n = err ? 0 : read(fd, text.p, text.n);
    (void)close(fd);
    if (err || n < 0)
        return err ? err : SD_ERR_IO;
    return secret_copy(span_trim(span_of(text.p, (size_t)n)), ret);
}

/* ---- the plain file ---- */

static enum sd_err write_root(const char *path, const struct root *root);

enum sd_err root_create(const char *dir, struct root *ret) {
    struct root root SD_CLEANUP(root_free) = {.source = ROOT_FILE};
    struct path path;
    enum sd_err err = secret_random(KEY_BYTES, &root.secret);
    if (err == SD_OK)
        err = write_root(path_of(dir, ROOT_FILE, ROOT_PRESENT, &path), &root);
    if (err == SD_OK)
        err = folder_sync(dir);
    if (err)
        return err;
    *ret = root;
    root = (struct root){0};
    return SD_OK;
}

enum sd_err root_read(const char *dir, enum root_copy copy, struct root *ret) {
    struct secret text SD_CLEANUP(secret_free) = {0}, root SD_CLEANUP(secret_free) = {0};
    struct path path;
    enum sd_err err = read_private(path_of(dir, ROOT_FILE, copy, &path), &text);
    if (err == SD_OK)
        err = secret_new(KEY_BYTES, &root);
    if (err == SD_OK && hex_to_bytes(secret_span(&text), root.p, KEY_BYTES) != SD_OK)
        err = SD_ERR_CONFIG;
    if (err)
        return err;
    *ret = (struct root){.secret = secret_take(&root), .source = ROOT_FILE};
    return SD_OK;
}

/* ---- the sealed file ---- */

static enum sd_err derive(enum root_source source, struct span opener, struct root_wrapper *wrapper) {
    struct span salt = span_of(wrapper->salt, sizeof wrapper->salt);
    if (source == ROOT_PASSPHRASE)
        return password_key(opener, salt, wrapper->cost, &wrapper->key);
    if (opener.n < ROOT_CREDENTIAL_MIN_BYTES)
        return SD_ERR_CONFIG;
    return crypt_hkdf(opener, salt, CREDENTIAL_INFO, KEY_BYTES, &wrapper->key);
}

enum sd_err root_wrapper_new(enum root_source source, struct span opener, struct password_cost cost, struct root_wrapper *ret) {
    struct root_wrapper wrapper = {.cost = cost};
    random_bytes(wrapper.salt, sizeof wrapper.salt);
    enum sd_err err = derive(source, opener, &wrapper);
    if (err == SD_OK)
        *ret = wrapper;
    return err;
}

static enum sd_err write_root(const char *path, const struct root *root) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(FILE_MAX_BYTES), wrapped SD_CLEANUP(buf_free) = buf_new(128);
    if (root->source == ROOT_FILE) {
        put_hex(&text, secret_span(&root->secret));
    } else {
        enum sd_err err = crypt_wrap(secret_span(&root->wrapper.key), SEALED_AAD, secret_span(&root->secret), &wrapped);
        if (err)
            return err;
        buf_printf(&text, SEALED_MARK " %s %u %u ", root_source_text(root->source), root->wrapper.cost.memory_kib,
                   root->wrapper.cost.passes);
        put_hex(&text, span_of(root->wrapper.salt, sizeof root->wrapper.salt));
        buf_byte(&text, ' ');
        put_hex(&text, buf_span(&wrapped));
    }
    buf_byte(&text, '\n');
    enum sd_err err = buf_err(&text);
    return err ? err : write_new(path, buf_span(&text));
}

#define COST_KIB_MAX (1024 * 1024) /* what a file may ask of this machine */
#define COST_PASSES_MAX 64

static enum sd_err parse_cost(struct span memory, struct span passes, struct password_cost *ret) {
    uint64_t kib = 0, n = 0;
    if (span_to_u64(memory, &kib) != SD_OK || span_to_u64(passes, &n) != SD_OK || kib > COST_KIB_MAX || n > COST_PASSES_MAX)
        return SD_ERR_CONFIG;
    *ret = (struct password_cost){(uint32_t)kib, (uint32_t)n};
    return SD_OK;
}

#define SEALED_WORDS 6

static enum sd_err parse_sealed(struct span text, struct root *root, struct buf *wrapped) {
    struct span_split split = span_split_start(text);
    struct span word[SEALED_WORDS];
    size_t n = 0;
    while (n < SEALED_WORDS && span_split_next(&split, ' ', &word[n]))
        n++;
    if (n != SEALED_WORDS || !span_eq(word[0], SPAN(SEALED_MARK)))
        return SD_ERR_CONFIG;
    root->source = span_eq(word[1], span_cstr(root_source_text(ROOT_PASSPHRASE))) ? ROOT_PASSPHRASE : ROOT_CREDENTIAL;
    enum sd_err err = parse_cost(word[2], word[3], &root->wrapper.cost);
    if (err == SD_OK && hex_to_bytes(word[4], root->wrapper.salt, ROOT_SALT_BYTES) != SD_OK)
        err = SD_ERR_CONFIG;
    uint8_t *p = buf_reserve(wrapped, word[5].n / 2);
    if (err == SD_OK && (!p || hex_to_bytes(word[5], p, word[5].n / 2) != SD_OK))
        err = SD_ERR_CONFIG;
    if (err == SD_OK)
        buf_grew(wrapped, word[5].n / 2);
    return err;
}

enum sd_err root_unseal(const char *dir, enum root_copy copy, struct span opener, struct root *ret) {
    struct secret text SD_CLEANUP(secret_free) = {0};
    struct root root SD_CLEANUP(root_free) = {0};
    struct buf wrapped SD_CLEANUP(buf_free) = buf_new(FILE_MAX_BYTES);
    struct path path;
    enum sd_err err = read_private(path_of(dir, ROOT_PASSPHRASE, copy, &path), &text);
    if (err == SD_OK)
        err = parse_sealed(secret_span(&text), &root, &wrapped);
    if (err == SD_OK)
        err = derive(root.source, opener, &root.wrapper);
    if (err == SD_OK)
        err = crypt_unwrap(secret_span(&root.wrapper.key), SEALED_AAD, buf_span(&wrapped), &root.secret);
    if (err == SD_OK && root.secret.n != KEY_BYTES)
        err = SD_ERR_CONFIG;
    if (err)
        return err;
    *ret = root;
    root = (struct root){0};
    return SD_OK;
}

/* ---- replacing ---- */

enum sd_err root_stage(const char *dir, const struct root *next) {
    struct path path;
    remove_file(path_of(dir, next->source, ROOT_NEXT, &path));
    enum sd_err err = write_root(path.text, next);
    return err ? err : folder_sync(dir);
}

enum sd_err root_settle(const char *dir, enum root_source source) {
    struct path present, next;
    int before = open(path_of(dir, source, ROOT_PRESENT, &present), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    enum sd_err err = SD_OK;
    if (rename(path_of(dir, source, ROOT_NEXT, &next), present.text) != 0)
        err = sd_err_from_errno(errno);
    if (err == SD_OK)
        err = folder_sync(dir);
    if (before >= 0 && err == SD_OK)
        wipe(before); /* nobody can name it any more, and now nobody can read it */
    if (before >= 0)
        (void)close(before);
    return err;
}

void root_unstage(const char *dir, enum root_source source) {
    struct path path;
    if (root_is_there(dir, source, ROOT_NEXT))
        remove_file(path_of(dir, source, ROOT_NEXT, &path));
}

void root_remove(const char *dir, enum root_source source) {
    struct path path;
    root_unstage(dir, source);
    if (root_is_there(dir, source, ROOT_PRESENT))
        remove_file(path_of(dir, source, ROOT_PRESENT, &path));
    if (folder_sync(dir) != SD_OK)
        log_warn("keeper.root", "the folder could not be synced");
}
