#include "inspect/signatures.h"

#include "core/aside.h"
#include "core/crc32c.h"
#include "core/ipc/ipc.h"
#include "core/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 10000 /* a hundred is many */

struct signatures {
    int fd;
    uint32_t next_id;
};

/* ---- the process aside ---- */

static int64_t ms_of(struct timespec t) {
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What freshclam writes about itself, each time that it looks whether there is something new. */
static bool is_signature(const char *name) {
    return name[0] != '.' && strncmp(name, "freshclam", 9) != 0 && strncmp(name, "tmp", 3) != 0 &&
           strcmp(name, "mirrors.dat") != 0;
}

/* A sum over the files' own marks: the order in which a folder lists them does not matter. */
static void count_file(int folder, const char *name, struct signatures_stamp *stamp) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(1024);
    struct stat st;
    if (!is_signature(name) || fstatat(folder, name, &st, 0) != 0 || !S_ISREG(st.st_mode))
        return;
    buf_text(&text, name);
    buf_u64(&text, (uint64_t)st.st_size);
    buf_u64(&text, (uint64_t)st.st_mtim.tv_sec);
    buf_u64(&text, (uint64_t)st.st_mtim.tv_nsec);
    stamp->mark += crc32c(buf_span(&text));
    if (ms_of(st.st_mtim) > stamp->newest_ms)
        stamp->newest_ms = ms_of(st.st_mtim);
    if (ms_of(st.st_ctim) > stamp->changed_ms)
        stamp->changed_ms = ms_of(st.st_ctim);
}

static struct signatures_stamp look(DIR *folder) {
    struct signatures_stamp stamp = {0};
    const struct dirent *entry;
    rewinddir(folder);
    for (size_t i = 0; i < FILES_MAX && (entry = readdir(folder)); i++)
        count_file(dirfd(folder), entry->d_name, &stamp);
    return stamp;
}

static enum sd_err answer(int fd, const struct ipc_msg *asked, void *folder) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    const struct ipc_msg head = {.id = asked->id, .is_reply = true};
    const struct signatures_stamp stamp = look(folder);
    buf_u32(&out.body, stamp.mark);
    buf_u64(&out.body, (uint64_t)stamp.newest_ms);
    buf_u64(&out.body, (uint64_t)stamp.changed_ms);
    return ipc_send(fd, &head, &out, deadline_in_ms(ASIDE_SEND_MS));
}

/* The folder is opened by its path once, as whoever the role is run as; then nothing is any more. */
static void run(int fd, void *arg) {
    DIR *folder = opendir(arg);
    enum sd_err err = folder ? sandbox_no_files() : SD_ERR_NOTFOUND;
    if (err == SD_ERR_UNSUPPORTED) /* an old kernel: what its user may read stays readable */
        err = SD_OK;
    err = err ? err : sandbox_calls_only(CALLS_FILES);
    if (err == SD_OK)
        aside_serve(fd, answer, folder);
}

/* ---- the role's side ---- */

enum sd_err signatures_start(const char *folder, uint32_t uid, uint32_t gid, struct signatures **ret) {
    struct signatures *signatures = calloc(1, sizeof *signatures);
    struct signatures_stamp stamp;
    const struct aside_spec aside = {
        .name = "signatures", .uid = uid, .gid = gid, .no_network = true, .run = run, .arg = (void *)(uintptr_t)folder};
    if (!signatures)
        return SD_ERR_NOMEM;
    enum sd_err err = aside_start(&aside, &signatures->fd);
    if (err) {
        free(signatures);
        return err;
    }
    err = signatures_look(signatures, deadline_in_ms(5000), &stamp); /* it ends when it cannot open the folder */
    if (err)
        signatures_free(&signatures);
    else
        *ret = signatures;
    return err == SD_ERR_CLOSED ? SD_ERR_NOTFOUND : err;
}

void signatures_free(struct signatures **signatures) {
    if (!*signatures)
        return;
    (void)close((*signatures)->fd);
    free(*signatures);
    *signatures = NULL;
}

enum sd_err signatures_look(struct signatures *signatures, struct deadline deadline, struct signatures_stamp *ret) {
    struct ipc_out none SD_CLEANUP(ipc_out_free) = ipc_out_new();
    const struct ipc_msg head = {.id = ++signatures->next_id};
    enum sd_err err = ipc_send(signatures->fd, &head, &none, deadline);
    while (err == SD_OK) {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        err = ipc_recv(signatures->fd, deadline, &msg);
        if (err || msg->id != head.id)
            continue; /* one that was given up */
        struct reader r = reader_of(msg->body);
        struct signatures_stamp stamp = {.mark = read_u32(&r)};
        stamp.newest_ms = (int64_t)read_u64(&r);
        stamp.changed_ms = (int64_t)read_u64(&r);
        err = reader_end(&r);
        if (err == SD_OK)
            *ret = stamp;
        break;
    }
    return err;
}

bool signatures_gone(const struct signatures *signatures) {
    struct pollfd p = {.fd = signatures->fd, .events = 0};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}
