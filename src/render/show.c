#include "core/log.h"
#include "render/render.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_BYTES 65536
#define TRIAL_SECONDS 3
#define GRACE_MS 2000 /* beyond the sandbox's own time: it ends, and says so */

/* ---- what there is ---- */

static bool installed(const char *program) {
    return access(program, R_OK | X_OK) == 0;
}

void renderer_look(struct renderer *renderer) {
    renderer->bubblewrap = installed(BOX_BWRAP);
    renderer->pdf = installed("/usr/bin/pdftoppm") && installed("/usr/bin/pdfinfo");
    renderer->pictures = installed("/usr/bin/gm");
    renderer->documents = renderer->pdf && installed("/usr/lib/libreoffice/program/soffice.bin") &&
                          access("/usr/lib/libreoffice/program/libswlo.so", R_OK) == 0;
}

/* The program answers to nothing that it is empty; any answer tells that the sandbox works. */
void renderer_try(struct renderer *renderer) {
    struct shown shown;
    uint32_t seconds = renderer->seconds;
    (void)sem_init(&renderer->places, 0, LAUNCH_JOBS_MAX);
    renderer->sandbox = true;
    renderer->seconds = TRIAL_SECONDS;
    enum sd_err err = renderer_show(renderer, SPAN_NONE, SPAN_NONE, &shown);
    renderer->seconds = seconds;
    renderer->sandbox = err == SD_OK && shown.complete;
    album_free(&shown.album);
    if (!renderer->sandbox)
        log_warn("render.sandbox", "cannot be made; nothing can be shown bubblewrap=%s",
                 renderer->bubblewrap ? "installed" : "missing");
}

/* ---- one file ---- */

/* Of a name only its last letters go in, and only plain ones. */
static void take_extension(struct span name, char to[BOX_EXTENSION_BYTES + 1]) {
    size_t dot = span_rfind(name, '.');
    struct span extension = span_from(name, dot + 1);
    memcpy(to, "-", 2);
    if (dot >= name.n || extension.n == 0 || extension.n > BOX_EXTENSION_BYTES)
        return;
    char lower[BOX_EXTENSION_BYTES + 1] = {0};
    for (size_t i = 0; i < extension.n; i++) {
        uint8_t c = extension.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (uint8_t)(c | 0x20);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return;
        lower[i] = (char)c;
    }
    memcpy(to, lower, sizeof lower);
}

/* To the stream's end, which is the sandbox's. */
static enum sd_err read_pixels(int fd, struct album *album, struct deadline deadline) {
    uint8_t *part = malloc(READ_BYTES);
    enum sd_err err = part ? SD_OK : SD_ERR_NOMEM;
    while (err == SD_OK) {
        err = wait_fd(fd, POLLIN, deadline);
        ssize_t n = err ? 0 : read(fd, part, READ_BYTES);
        if (n < 0 && errno != EINTR)
            err = SD_ERR_IO;
        else if (n == 0)
            break;
        else if (n > 0)
            err = album_feed(album, span_of(part, (size_t)n));
    }
    free(part);
    return err;
}

static void fail(struct shown *shown, const char *reason) {
    shown->outcome = RENDER_FAILED;
    shown->reason = reason;
}

/* Whole pages that came before something went wrong are shown: they are pixels like any others. */
static void conclude(struct shown *shown, enum sd_err err, enum launch_end end) {
    const struct album *album = &shown->album;
    shown->complete = err == SD_OK && end == LAUNCH_EXITED && album->parser.ended;
    shown->full = err == SD_ERR_LIMIT && album->count > 0;
    shown->outcome = RENDER_DONE;
    shown->reason = "";
    if (shown->complete) {
        shown->end = album->parser.end;
        shown->outcome = show_reason_outcome(shown->end.reason);
        shown->reason = show_reason_sentence(shown->end.reason);
    } else if (err == SD_ERR_PROTOCOL)
        fail(shown, "What showed the file broke: it did not send pictures.");
    else if (album->count == 0 && (end == LAUNCH_TOO_LONG || err == SD_ERR_TIMEOUT))
        fail(shown, "Showing the file took too long.");
    else if (album->count == 0)
        fail(shown, "What shows such files broke on it.");
}

static enum sd_err show_in_sandbox(const struct renderer *renderer, struct box_job *job, struct span content,
                                   struct shown *ret) {
    struct launch launch;
    int fd = -1;
    enum sd_err err = sealed_memfd(content, &fd);
    if (err)
        return err;
    err = launch_start(renderer->launcher, job, fd, &launch);
    (void)close(fd);
    if (err)
        return err;
    err = read_pixels(launch.pixels, &ret->album, deadline_in_ms((int64_t)job->seconds * 1000 + GRACE_MS));
    enum launch_end end = launch_finish(&launch, deadline_in_ms(GRACE_MS));
    if (err == SD_ERR_NOMEM)
        return err;
    conclude(ret, err, end);
    return SD_OK;
}

enum sd_err renderer_show(struct renderer *renderer, struct span content, struct span name, struct shown *ret) {
    struct box_job job = {.pages_max = renderer->pages_max, .side_max = renderer->side_max, .seconds = renderer->seconds};
    *ret = (struct shown){0};
    album_start(&ret->album, job.pages_max, job.side_max);
    if (!renderer->bubblewrap || !renderer->sandbox) {
        ret->outcome = RENDER_UNSUPPORTED;
        ret->reason = renderer->bubblewrap ? "No sandbox can be made on this machine (bubblewrap fails): nothing can be shown."
                                           : "bubblewrap is not installed: nothing can be shown.";
        return SD_OK;
    }
    take_extension(name, job.extension);
    while (sem_wait(&renderer->places) != 0)
        continue; /* a signal */
    enum sd_err err = show_in_sandbox(renderer, &job, content, ret);
    (void)sem_post(&renderer->places);
    return err;
}
