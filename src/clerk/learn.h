/*
 * learn.h - the spam filter learns from what people decide: of a ticket that somebody took for spam, or said to be none, the
 * newest letter that came in is shown to rspamd (inspect.learn), under a warrant by policy. Only where scan.rspamd_controller
 * is set. What fails for one letter is passed over: it is a lesson less.
 *
 * A thread of its own that gives way to filing.
 */
#ifndef SD_CLERK_LEARN_H
#define SD_CLERK_LEARN_H

#include "core/ipc/ipc.h"

struct learner;

struct learner_spec {
    const char *store_dir;               /* copied */
    struct ipc_client *keeper, *inspect; /* borrowed */
    int64_t wait_ms;                     /* between looks at what was decided */
};
#define LEARN_WAIT_MS 10000

enum sd_err learner_new(const struct learner_spec *spec, struct learner **ret) SD_MUST_CHECK;
enum sd_err learner_start(struct learner *learner) SD_MUST_CHECK;
/* These take NULL, where nothing is learned. */
void learner_tell_stop(struct learner *learner);
void learner_free(struct learner **learner); /* waits for its thread */

/* The next decision. Milliseconds to the next step: 0 when there may be more. Called by the thread, and by tests. */
int64_t learner_step(struct learner *learner);

/* What should be looked at, a sentence; NULL: nothing. From any thread. */
const char *learner_problem(struct learner *learner);

#endif
