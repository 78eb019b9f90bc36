/* launcher.h - the inside of the process aside; only launch.c includes it. */
#ifndef SD_RENDER_LAUNCHER_H
#define SD_RENDER_LAUNCHER_H

#include "core/aside.h"
#include "render/launch.h"

/* A request is a struct box_job and these descriptors: content, pixels (to write to), answer (to write to). */
#define LAUNCH_FDS 3

void launcher_run(int fd, void *box_spec);

#endif
