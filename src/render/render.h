/* render.h - what the threads of this process share. */
#ifndef SD_RENDER_RENDER_H
#define SD_RENDER_RENDER_H

#include "render/album.h"
#include "render/launch.h"

#include "core/ipc/render.h"

#include <semaphore.h>

struct renderer {
    int launcher; /* launch.h */
    uint32_t pages_max, side_max, seconds;
    bool documents, pdf, pictures; /* their programs are installed */
    bool bubblewrap;               /* the same */
    bool sandbox;                  /* and one could be made */
    sem_t places;                  /* for as many at once as the launcher takes */
};

/* Looks for the programs: before confinement. */
void renderer_look(struct renderer *renderer);
/* Makes places, and a sandbox of nothing, to see that one can be made. */
void renderer_try(struct renderer *renderer);

/* What became of one file. */
struct shown {
    struct album album;
    uint8_t outcome;       /* RENDER_* */
    const char *reason;    /* for people; "" when done */
    struct stream_end end; /* when the program in the sandbox said it */
    bool complete;         /* it did */
    bool full;             /* or the album is */
};
/* Shows it; as long as renderer->seconds. Free ret->album whatever comes. SD_ERR_UNAVAILABLE: the process aside is gone, and
 * this process should follow it; SD_ERR_NOMEM. */
enum sd_err renderer_show(struct renderer *renderer, struct span content, struct span name, struct shown *ret) SD_MUST_CHECK;

#endif
