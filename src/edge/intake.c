#include "edge/intake.h"

#include "core/crc32c.h"
#include "core/log.h"
#include "core/role.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES 20      /* 12 digits, ".log", NUL */
#define NUMBER_TRIES 10000 /* numbers that exist although the listing did not show them */

/* One letter that waits; on its session's stack. */
struct waiting {
    struct waiting *next;
    struct span frames;
    unsigned records;
    bool done;
    enum sd_err err;
    pthread_cond_t ready;
};

struct intake {
    int dir_fd;
    uint64_t next_number;
    /* The commit thread's own. */
    int fd;              /* of the segment; -1: begin one */
    uint64_t good_bytes; /* of it: whole records, written */
    bool spoilt;         /* of it: nothing more may go in */
    unsigned long thread;
    /* Shared. */
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct waiting *first, **last;
    bool stopping, started;
    enum sd_err health;
    int bell;
};

/* "000000000042.log" to 42; anything else to 0. */
static uint64_t number_of(const char *name) {
    uint64_t number = 0;
    struct span s = span_cstr(name);
    if (s.n != NAME_BYTES - 4 || !span_ends(s, SPAN(".log")) || span_to_u64(span_sub(s, 0, 12), &number) != SD_OK)
        return 0;
    return number;
}

static enum sd_err highest_number(int dir_fd, uint64_t *ret) {
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    uint64_t highest = 0;
    if (!dir) {
        enum sd_err err = sd_err_from_errno(errno);
        if (fd >= 0)
            (void)close(fd);
        return err;
    }
    for (struct dirent *e; (e = readdir(dir));)
        if (number_of(e->d_name) > highest)
            highest = number_of(e->d_name);
    (void)closedir(dir);
    *ret = highest;
    return SD_OK;
}

enum sd_err intake_new(int dir_fd, struct intake **ret) {
    struct intake *intake = calloc(1, sizeof *intake);
    uint64_t highest = 0;
    enum sd_err err = intake ? highest_number(dir_fd, &highest) : SD_ERR_NOMEM;
    if (err) {
        (void)close(dir_fd);
        free(intake);
        return err;
    }
    *intake = (struct intake){.dir_fd = dir_fd, .next_number = highest + 1, .fd = -1, .bell = -1};
    intake->last = &intake->first;
    pthread_mutex_init(&intake->lock, NULL);
    pthread_cond_init(&intake->work, NULL);
    *ret = intake;
    return SD_OK;
}

/* ---- the commit thread ---- */

/* File too large is a full disk to us: a quota by another name. */
static enum sd_err write_err(int error_number) {
    return error_number == EFBIG ? SD_ERR_FULL : sd_err_from_errno(error_number);
}

static void leave_segment(struct intake *intake) {
    if (intake->fd >= 0)
        (void)close(intake->fd);
    intake->fd = -1;
    intake->good_bytes = 0;
    intake->spoilt = false;
}

static enum sd_err begin_segment(struct intake *intake) {
    char name[32];
    int fd = -1;
    for (int tries = 0; fd < 0 && tries < NUMBER_TRIES; tries++) {
        (void)snprintf(name, sizeof name, "%012llu.log", (unsigned long long)intake->next_number);
        fd = openat(intake->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0 && errno != EEXIST)
            return write_err(errno);
        intake->next_number++;
    }
    if (fd < 0)
        return SD_ERR_EXISTS;
    /* The clerk reads it through the group, whatever our umask says; the entry itself must survive a power cut too. */
    if (fchmod(fd, 0640) != 0 || fsync(intake->dir_fd) != 0) {
        (void)close(fd);
        return SD_ERR_IO;
    }
    intake->fd = fd;
    intake->good_bytes = 0;
    return SD_OK;
}

static enum sd_err write_all(int fd, struct span bytes) {
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR)
            return write_err(errno);
        if (n > 0)
            bytes = span_from(bytes, (size_t)n);
    }
    return SD_OK;
}

/* A torn record is cut off again. When several records were being written, the clerk may have passed the first of them already.
 */
static void undo(struct intake *intake, const struct waiting *w) {
    off_t good = (off_t)intake->good_bytes;
    bool cut = ftruncate(intake->fd, good) == 0 && lseek(intake->fd, good, SEEK_SET) == good;
    intake->spoilt = !cut || w->records > 1;
}

static enum sd_err write_one(struct intake *intake, const struct waiting *w) {
    enum sd_err err = SD_OK;
    if (intake->fd < 0)
        err = begin_segment(intake);
    if (err)
        return err;
    err = write_all(intake->fd, w->frames);
    if (err)
        undo(intake, w);
    else
        intake->good_bytes += w->frames.n;
    return err;
}

/* What a failed sync has lost is unknown: nothing of it counts, and nothing more goes into that segment. */
static enum sd_err sync_segment(struct intake *intake) {
    if (fdatasync(intake->fd) == 0)
        return SD_OK;
    enum sd_err err = write_err(errno);
    leave_segment(intake);
    return err;
}

/*
 * Syncs for the letters written since `from` up to, not including, `to`, all in the present segment, which is then left when it
 * is full or spoilt.
 */
static enum sd_err settle(struct intake *intake, struct waiting *from, const struct waiting *to) {
    bool any = false;
    for (const struct waiting *w = from; w != to; w = w->next)
        any |= w->err == SD_OK;
    enum sd_err err = any ? sync_segment(intake) : SD_OK;
    for (struct waiting *w = from; err && w != to; w = w->next)
        w->err = err;
    if (intake->spoilt || intake->good_bytes >= INTAKE_SEGMENT_BYTES)
        leave_segment(intake);
    return err;
}

/*
 * All that waits, one sync for it; more only when a segment fills or is spoilt on the way. A letter that does not fit fails
 * alone: a smaller one behind it may still fit.
 */
static enum sd_err commit(struct intake *intake, struct waiting *batch) {
    struct waiting *unsettled = batch;
    enum sd_err health = SD_OK;
    for (struct waiting *w = batch; w; w = w->next) {
        w->err = write_one(intake, w);
        health = w->err ? w->err : health;
        if (intake->spoilt || intake->good_bytes >= INTAKE_SEGMENT_BYTES || !w->next) {
            enum sd_err err = settle(intake, unsettled, w->next);
            health = err ? err : health;
            unsettled = w->next;
        }
    }
    return health;
}

/* Under the lock. */
static void finish(struct intake *intake, struct waiting *batch, enum sd_err health) {
    bool any = false;
    if (health != intake->health)
        log_warn("edge.intake", "state=%s was=%s", sd_err_name(health), sd_err_name(intake->health));
    intake->health = health;
    for (struct waiting *w = batch; w; w = w->next) { /* none of their sessions runs before we let go of the lock */
        any |= w->err == SD_OK;
        w->done = true;
        pthread_cond_signal(&w->ready);
    }
    if (any && intake->bell >= 0)
        bell_ring(intake->bell);
}

static void *run(void *arg) {
    struct intake *intake = arg;
    pthread_mutex_lock(&intake->lock);
    for (;;) {
        while (!intake->first && !intake->stopping)
            pthread_cond_wait(&intake->work, &intake->lock);
        struct waiting *batch = intake->first;
        if (!batch)
            break;
        intake->first = NULL;
        intake->last = &intake->first;
        pthread_mutex_unlock(&intake->lock);
        enum sd_err health = commit(intake, batch);
        pthread_mutex_lock(&intake->lock);
        finish(intake, batch, health);
    }
    pthread_mutex_unlock(&intake->lock);
    return NULL;
}

enum sd_err intake_start(struct intake *intake) {
    enum sd_err err = role_thread("intake", run, intake, &intake->thread);
    intake->started = err == SD_OK;
    return err;
}

void intake_free(struct intake **ref) {
    struct intake *intake = *ref;
    if (!intake)
        return;
    pthread_mutex_lock(&intake->lock);
    intake->stopping = true;
    pthread_cond_signal(&intake->work);
    pthread_mutex_unlock(&intake->lock);
    if (intake->started)
        pthread_join(intake->thread, NULL);
    leave_segment(intake);
    (void)close(intake->dir_fd);
    if (intake->bell >= 0)
        (void)close(intake->bell);
    pthread_cond_destroy(&intake->work);
    pthread_mutex_destroy(&intake->lock);
    free(intake);
    *ref = NULL;
}

/* ---- for sessions ---- */

void intake_set_bell(struct intake *intake, int fd) {
    pthread_mutex_lock(&intake->lock);
    int old = intake->bell;
    intake->bell = fd;
    pthread_mutex_unlock(&intake->lock);
    if (old >= 0)
        (void)close(old);
}

enum sd_err intake_append(struct intake *intake, struct span frames, unsigned records) {
    struct waiting w = {.frames = frames, .records = records, .ready = PTHREAD_COND_INITIALIZER};
    pthread_mutex_lock(&intake->lock);
    *intake->last = &w;
    intake->last = &w.next;
    pthread_cond_signal(&intake->work);
    while (!w.done)
        pthread_cond_wait(&w.ready, &intake->lock);
    pthread_mutex_unlock(&intake->lock);
    pthread_cond_destroy(&w.ready);
    return w.err;
}

enum sd_err intake_health(struct intake *intake) {
    pthread_mutex_lock(&intake->lock);
    enum sd_err health = intake->health;
    pthread_mutex_unlock(&intake->lock);
    return health;
}

struct intake_frame intake_frame_begin(struct buf *to) {
    struct intake_frame frame = {to->n};
    buf_fill(to, 0, INTAKE_FRAME_BYTES);
    return frame;
}

void intake_frame_end(struct buf *to, struct intake_frame frame) {
    if (buf_err(to))
        return;
    struct span body = span_from(buf_span(to), frame.at + INTAKE_FRAME_BYTES);
    struct buf head SD_CLEANUP(buf_free) = buf_new(INTAKE_FRAME_BYTES);
    if (body.n > UINT32_MAX) {
        buf_fail(to, SD_ERR_LIMIT);
        return;
    }
    buf_text(&head, INTAKE_MAGIC);
    buf_u32(&head, (uint32_t)body.n);
    buf_u32(&head, crc32c(body));
    if (buf_err(&head))
        buf_fail(to, buf_err(&head));
    else
        memcpy(to->p + frame.at, head.p, INTAKE_FRAME_BYTES);
}
