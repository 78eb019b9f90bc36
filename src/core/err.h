/*
 * err.h - the one error convention.
 *
 * Every fallible function returns enum sd_err, 0 or negative; results come through ret_* parameters that stay untouched on
 * failure. Each error names whose fault it was: ours (logged as a problem of this installation) or the peer's (counted,
 * answered). An error is never a security verdict: verdicts are enums whose zero value denies.
 */
#ifndef SD_CORE_ERR_H
#define SD_CORE_ERR_H

#include "core/base.h"

#define SD_ERR_LIST(X)                                                                                                         \
    X(NOMEM, -1, OURS, "out of memory")                                                                                        \
    X(IO, -2, OURS, "input/output failed")                                                                                     \
    X(FULL, -3, OURS, "no space left")                                                                                         \
    X(BUG, -4, OURS, "internal rule broken")                                                                                   \
    X(CONFIG, -5, OURS, "configuration is wrong")                                                                              \
    X(UNAVAILABLE, -6, OURS, "a part of Sealdesk is not running")                                                              \
    X(BUSY, -7, OURS, "too much to do, try again")                                                                             \
    X(TIMEOUT, -8, PEER, "no answer in time")                                                                                  \
    X(CLOSED, -9, PEER, "connection closed")                                                                                   \
    X(PARSE, -10, PEER, "input is malformed")                                                                                  \
    X(LIMIT, -11, PEER, "input is over a limit")                                                                               \
    X(PROTOCOL, -12, PEER, "message out of order")                                                                             \
    X(DENIED, -13, PEER, "not permitted")                                                                                      \
    X(NOTFOUND, -14, PEER, "not there")                                                                                        \
    X(EXISTS, -15, PEER, "already there")                                                                                      \
    X(STALE, -16, PEER, "changed meanwhile")                                                                                   \
    X(FORGED, -17, PEER, "authentication of data failed")                                                                      \
    X(UNSUPPORTED, -18, PEER, "not supported")                                                                                 \
    X(GESTURE, -19, PEER, "a fresh gesture with a passkey is needed")                                                          \
    X(APPROVAL, -20, PEER, "a second person has to approve")                                                                   \
    X(BUDGET, -21, PEER, "the budget is used up; a gesture buys as much again")                                                \
    X(SPENT, -22, PEER, "the budget is used up, and what a gesture bought too")                                                \
    X(LOCKED, -23, OURS, "the keeper is locked")

enum sd_err {
    SD_OK = 0,
#define X(name, number, fault, text) SD_ERR_##name = number,
    SD_ERR_LIST(X)
#undef X
};

enum sd_fault { SD_FAULT_OURS, SD_FAULT_PEER };

/* "nomem", "io" … for logs; "ok" for SD_OK; "unknown" for a number that is none of ours. */
const char *sd_err_name(enum sd_err err);

/* A sentence fragment for people. */
const char *sd_err_text(enum sd_err err);

enum sd_fault sd_err_fault(enum sd_err err);

/* True for 0 and every number of the list: what a peer may put on the wire. */
bool sd_err_known(int32_t number);

/* errno to the nearest sd_err: ENOSPC and EDQUOT are SD_ERR_FULL. */
enum sd_err sd_err_from_errno(int error_number);

#endif
