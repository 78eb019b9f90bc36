/* http.h - one POST over a connection that is there already: HTTP/1.1 as far as one server on this host speaks it. The answer
 * has a Content-Length, or ends with the connection. */
#ifndef SD_INSPECT_HTTP_H
#define SD_INSPECT_HTTP_H

#include "core/buf.h"
#include "core/clock.h"

#define HTTP_ANSWER_BYTES ((size_t)256 * 1024)

/* A field for a request. One whose value could be read as another field is left out. */
void http_field(struct buf *fields, const char *name, struct span value);

/* fields: with their line ends. Nothing is read. */
enum sd_err http_send(int fd, const char *path, struct span fields, struct span body, struct deadline deadline) SD_MUST_CHECK;
/* SD_ERR_PROTOCOL: no HTTP, or one that is not read here. The body is appended. */
enum sd_err http_receive(int fd, struct deadline deadline, unsigned *ret_status, struct buf *body) SD_MUST_CHECK;

#endif
