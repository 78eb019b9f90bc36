/* policy.h - a warrant that the clerk has by policy (access.warrant_policies), for one purpose and all queues: taken from the
 * keeper when it is needed, kept until it is nearly over. Of one thread. */
#ifndef SD_CLERK_POLICY_H
#define SD_CLERK_POLICY_H

#include "core/ipc/ipc.h"
#include "store/id.h"

struct policy {
    const char *purpose; /* keeper/warrant.h; set by the owner, all else zero */
    bool there;
    struct warrant_id warrant;
    uint32_t uses; /* left */
    int64_t expires_ms;
    bool refused;
    struct deadline ask_again; /* when it was refused: each refusal is a record in the log */
};

/* One use of it. SD_ERR_DENIED: the policy is switched off; the keeper is asked again in an hour. Else as keeper calls. */
#define POLICY_ASK_AGAIN_MS (60 * 60 * 1000)
enum sd_err policy_use(struct policy *policy, struct ipc_client *keeper, struct deadline deadline,
                       struct warrant_id *ret) SD_MUST_CHECK;
/* The keeper does not take it any more: somebody revoked it. */
void policy_forget(struct policy *policy);

#endif
