/*
 * data.h - reads the message after DATA (RFC 5321 §4.1.1.4, §4.5.2). Only CRLF.CRLF ends it. Whatever is wrong with it, it is
 * read to its real end before it is refused, so that its rest is never taken for commands.
 */
#ifndef SD_EDGE_DATA_H
#define SD_EDGE_DATA_H

#include "edge/line.h"
#include "edge/transaction.h"

/* What is wrong; the worst that was met first counts. */
enum data_fault {
    DATA_FINE = 0,
    DATA_BARE_LINE_END, /* 550 5.6.11 */
    DATA_TOO_LARGE,     /* 552 5.3.4 */
    DATA_HEADER_TOO_LARGE,
    DATA_LOOPS,
    DATA_NO_ROOM, /* 452 4.3.1 */
};

/*
 * SD_OK: read to the end; *ret_fault says whether t->body is the message (dots removed, every line with CRLF). Errors: the
 * client is gone, too slow (SD_ERR_TIMEOUT), or sent more than EDGE_DISCARD (SD_ERR_LIMIT).
 */
enum sd_err data_read(struct line_reader *in, struct transaction *t, struct limits *limits, uint64_t session,
                      struct deadline until, enum data_fault *ret_fault) SD_MUST_CHECK;

#endif
