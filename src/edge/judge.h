/*
 * judge.h - asks the inspectors about a letter: the least busy worker, in turn among equals, and the rule that hostile input
 * costs little (design.md, promise 6). A letter whose worker dies while judging is asked about once more, alone on another
 * worker; when that one dies too, the letter breaks the parser. All letters that were in flight with it go the same way, one
 * after the other, so only the guilty one is left.
 */
#ifndef SD_EDGE_JUDGE_H
#define SD_EDGE_JUDGE_H

#include "core/ipc/inspect.h"

#define JUDGE_WORKERS_MAX 7 /* with the keeper's: what role.h has room for */
#define JUDGE_MS 120000     /* the inspector's own time-outs come first; the sender waits ten minutes (RFC 5321 §4.5.3.2.6) */

struct judge;

/* NULL: no memory. clients: borrowed, count of them at least 1. */
struct judge *judge_new(struct ipc_client *const *clients, size_t count);
void judge_free(struct judge **judge);

/* Zero keeps the letter out. */
enum judge_outcome {
    JUDGE_UNAVAILABLE = 0, /* no inspector, or no usable answer: 451 4.3.0 */
    JUDGE_TIMEOUT,         /* 451 4.4.3 */
    JUDGE_BREAKS,          /* the letter alone broke the parser: quarantine */
    JUDGE_DONE,            /* *ret holds the verdict, whose spans live as long as *ret_msg */
};
enum judge_outcome judge_letter(struct judge *judge, const struct inspect_judge_req *req, struct deadline deadline,
                                struct ipc_msg **ret_msg, struct inspect_judge_rep *ret);

#endif
