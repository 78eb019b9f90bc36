/*
 * preview.h - pictures of attachments are made: the desk wants them (store/preview.h), with a warrant for one rendering from
 * the keeper. The clerk opens the file, the renderer makes pictures of it, the clerk seals them under the attachment's key for
 * pictures and keeps them. It looks at neither.
 *
 * Two threads, woken by the bell "preview" and every few seconds: the renderer makes two at a time. In memory at most: two
 * files (26 MiB each) or their pictures (130 MiB), and what one of those becomes when it is sealed.
 */
#ifndef SD_CLERK_PREVIEW_H
#define SD_CLERK_PREVIEW_H

#include "core/ipc/ipc.h"

struct previewer;

struct previewer_spec {
    const char *store_dir;              /* copied */
    struct ipc_client *keeper, *render; /* borrowed */
    int64_t wait_ms;                    /* between looks at what is wanted */
    int64_t render_ms;                  /* longest rendering */
    int64_t give_up_ms;                 /* after so long without a renderer or keeper it has failed */
    int64_t keep_again_ms;              /* between the attempts to keep what was sealed */
};
#define PREVIEW_WAIT_MS 3000
#define PREVIEW_GIVE_UP_MS (2 * 60 * 1000)
#define PREVIEW_KEEP_AGAIN_MS 1000

enum sd_err previewer_new(const struct previewer_spec *spec, struct previewer **ret) SD_MUST_CHECK;
enum sd_err previewer_start(struct previewer *previewer) SD_MUST_CHECK;
/* Owns fd. */
void previewer_bell(struct previewer *previewer, int fd);
/* A rendering goes on until the renderer's client is detached; then it is still wanted. */
void previewer_tell_stop(struct previewer *previewer);
void previewer_free(struct previewer **previewer); /* waits for its threads */

/* The next one that is wanted. Milliseconds to the next step: 0 when there may be more. Called by the threads; by tests without
 * them, for one of PREVIEWERS. */
#define PREVIEWERS 2
int64_t previewer_step(struct previewer *previewer, unsigned number);

#endif
