#include "clerk/policy.h"
#include "core/ipc/keeper.h"
#include "core/log.h"

#define NEARLY_OVER_MS (INT64_C(5) * 60 * 1000)

static bool holds(const struct policy *policy) {
    return policy->there && policy->uses > 0 && policy->expires_ms - clock_unix_ms() > NEARLY_OVER_MS;
}

static void note_refusal(struct policy *policy) {
    if (!policy->refused)
        log_warn("clerk.policy", "purpose=%s refused=yes", policy->purpose);
    policy->refused = true;
    policy->ask_again = deadline_in_ms(POLICY_ASK_AGAIN_MS);
}

static enum sd_err ask(struct policy *policy, struct ipc_client *keeper, struct deadline deadline) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_warrant_by_policy_req req = {.purpose = span_cstr(policy->purpose), .queue = SPAN("*")};
    struct keeper_warrant_by_policy_rep rep;
    if (policy->refused && !deadline_passed(policy->ask_again))
        return SD_ERR_DENIED;
    enum sd_err err = keeper_warrant_by_policy_call(keeper, &req, deadline, &msg, &rep);
    if (err == SD_ERR_DENIED)
        note_refusal(policy);
    if (err == SD_OK)
        err = warrant_id_from(rep.warrant, &policy->warrant);
    if (err)
        return err;
    policy->there = true;
    policy->refused = false;
    policy->uses = rep.uses;
    policy->expires_ms = rep.expires_ms;
    return rep.uses ? SD_OK : SD_ERR_PROTOCOL;
}

enum sd_err policy_use(struct policy *policy, struct ipc_client *keeper, struct deadline deadline, struct warrant_id *ret) {
    enum sd_err err = holds(policy) ? SD_OK : ask(policy, keeper, deadline);
    if (err)
        return err;
    policy->uses--;
    *ret = policy->warrant;
    return SD_OK;
}

void policy_forget(struct policy *policy) {
    policy->there = false;
}
