/*
 * rspamd.h - Rspamd's opinion of a letter (POST /checkv2), and what it learns from people's (POST /learnspam, /learnham). Its
 * score is one signal among others; when it does not answer there is none.
 */
#ifndef SD_INSPECT_RSPAMD_H
#define SD_INSPECT_RSPAMD_H

#include "auth/auth.h"
#include "core/connector.h"
#include "core/secret.h"

#include <stdatomic.h>

/* X(name, Rspamd's word, weight of the signal in percent of what an "add header" weighs) */
#define SPAM_ACTION_LIST(X)                                                                                                    \
    X(NONE, "no action", 0)                                                                                                    \
    X(GREYLIST, "greylist", 0)                                                                                                 \
    X(ADD_HEADER, "add header", 100)                                                                                           \
    X(REWRITE_SUBJECT, "rewrite subject", 100)                                                                                 \
    X(SOFT_REJECT, "soft reject", 100)                                                                                         \
    X(REJECT, "reject", 167)
enum spam_action {
#define X(name, word, percent) SPAM_##name,
    SPAM_ACTION_LIST(X)
#undef X
};

#define RSPAMD_NOWHERE CONNECTOR_ENDPOINTS_MAX
struct rspamd {
    struct connector *connector;
    size_t check, learn;    /* endpoints; RSPAMD_NOWHERE: not configured */
    struct secret password; /* of its controller; empty: none */
    atomic_bool down;       /* it did not answer last time */
};

/* What it is told about how a letter came. */
struct spam_question {
    const struct auth_envelope *envelope;
    struct span host; /* confirmed name of the sending host; empty: none */
    const struct span *recipients;
    size_t recipient_count;
    struct span letter;
};

struct spam_answer {
    enum spam_action action;
    struct span sentence; /* score and symbols; in the arena */
};

/* Asks; *ret_fd is then for rspamd_collect(), which must follow. SD_ERR_UNAVAILABLE, SD_ERR_TIMEOUT: it is down. */
enum sd_err rspamd_begin(struct rspamd *rspamd, const struct spam_question *question, struct deadline deadline,
                         int *ret_fd) SD_MUST_CHECK;
enum sd_err rspamd_collect(struct rspamd *rspamd, int fd, struct deadline deadline, struct arena *arena,
                           struct spam_answer *ret) SD_MUST_CHECK;
/* What its answer says. SD_ERR_PROTOCOL: no such answer. */
enum sd_err rspamd_read_answer(struct span json, struct arena *arena, struct spam_answer *ret) SD_MUST_CHECK;

/* What the action weighs when "add header" weighs so much. */
uint16_t spam_weight(enum spam_action action, uint16_t base);

/* problem: a sentence when it did not learn; empty when it did, or knew it already. */
void rspamd_learn(struct rspamd *rspamd, bool spam, struct span letter, struct deadline deadline, const char **ret_problem);

#endif
