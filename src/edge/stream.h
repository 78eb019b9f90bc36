/*
 * stream.h - bytes to and from one SMTP client: a socket, TLS over it, or a script in tests. Blocking by deadline; owns
 * nothing.
 */
#ifndef SD_EDGE_STREAM_H
#define SD_EDGE_STREAM_H

#include "core/clock.h"

struct tls_session;
struct stream;

struct stream_ops {
    /* At least one byte; *ret_n = 0 is the end. */
    enum sd_err (*read)(struct stream *stream, void *p, size_t n, struct deadline deadline, size_t *ret_n);
    enum sd_err (*write)(struct stream *stream, struct span bytes, struct deadline deadline); /* all of it */
};

struct stream {
    const struct stream_ops *ops;
    int fd; /* non-blocking; -1 for a script */
    struct tls_session *tls;
    void *script;
};

struct stream stream_of_fd(int fd);
struct stream stream_of_tls(int fd, struct tls_session *tls);

enum sd_err stream_read(struct stream *stream, void *p, size_t n, struct deadline deadline, size_t *ret_n) SD_MUST_CHECK;
enum sd_err stream_write(struct stream *stream, struct span bytes, struct deadline deadline) SD_MUST_CHECK;

#endif
