/* The words of auth.h's lists. */
#include "auth/auth.h"

#define X(name, text) text,
static const char *const results[] = {AUTH_RESULT_LIST(X)};
static const char *const dispositions[] = {DISPOSITION_LIST(X)};
static const char *const overrides[] = {AUTH_OVERRIDE_LIST(X)};
#undef X

const char *auth_result_text(enum auth_result result) {
    return (size_t)result < SD_COUNT(results) ? results[result] : "none";
}

const char *disposition_text(enum disposition disposition) {
    return (size_t)disposition < SD_COUNT(dispositions) ? dispositions[disposition] : "tempfail";
}

const char *dmarc_policy_text(enum dmarc_policy policy) {
    return policy == DMARC_POLICY_REJECT ? "reject" : policy == DMARC_POLICY_QUARANTINE ? "quarantine" : "none";
}

const char *auth_override_text(enum auth_override_kind kind) {
    return (size_t)kind < SD_COUNT(overrides) ? overrides[kind] : "none";
}

struct auth_policy auth_policy_default(void) {
    struct auth_policy policy = {.flag_at = POLICY_FLAG_AT, .review_at = POLICY_REVIEW_AT};
    struct span wrong;
    (void)!policy_weights(SPAN_NONE, policy.weights, &wrong); /* nothing in it that could be wrong */
    return policy;
}
