/* answer.h - the operations of render.def; a thread of main.c takes calls off a channel with render_ops. */
#ifndef SD_RENDER_ANSWER_H
#define SD_RENDER_ANSWER_H

#include "render/render.h"

/* One message of the clerk's, with a struct renderer; as ipc_serve_one. */
enum sd_err answer_one(struct renderer *renderer, struct ipc_conn *conn, struct deadline deadline) SD_MUST_CHECK;

#endif
