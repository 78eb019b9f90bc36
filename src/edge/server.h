/* server.h - accepts connections and gives each a thread. */
#ifndef SD_EDGE_SERVER_H
#define SD_EDGE_SERVER_H

#include "edge/edge.h"

#define LISTENERS_MAX 16

struct server;

struct server *server_new(struct edge *edge); /* NULL: no memory or descriptors */
/* A listening socket; owned. Before server_start, or after it: accepting begins when both have happened. */
enum sd_err server_listen(struct server *server, int fd) SD_MUST_CHECK;
enum sd_err server_start(struct server *server) SD_MUST_CHECK;
/* No new sessions; idle ones end, messages in progress are finished: SD_OK, or SD_ERR_TIMEOUT. */
enum sd_err server_stop(struct server *server, struct deadline deadline) SD_MUST_CHECK;
/* After server_stop: ends all threads, which takes as long as their sessions. For tests; a process just ends. */
void server_free(struct server **server);

#endif
