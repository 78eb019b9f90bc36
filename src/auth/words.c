/* The words of auth.h's lists. */
#include "auth/auth.h"

#define X(name, text) text,
static const char *const results[] = {AUTH_RESULT_LIST(X)};
static const char *const dispositions[] = {DISPOSITION_LIST(X)};
#undef X

static const struct {
    const char *id;
    const char *sentence;
} signals[] = {
#define X(name, id, sentence) {id, sentence},
    AUTH_SIGNAL_LIST(X)
#undef X
};

const char *auth_result_text(enum auth_result result) {
    return (size_t)result < SD_COUNT(results) ? results[result] : "none";
}

const char *disposition_text(enum disposition disposition) {
    return (size_t)disposition < SD_COUNT(dispositions) ? dispositions[disposition] : "tempfail";
}

const char *auth_signal_id(enum auth_signal signal) {
    return (size_t)signal < SD_COUNT(signals) ? signals[signal].id : "";
}

const char *auth_signal_sentence(enum auth_signal signal) {
    return (size_t)signal < SD_COUNT(signals) ? signals[signal].sentence : "";
}

const char *trust_level_text(enum trust_level level) {
    return level == TRUST_VERIFIED ? "verified" : level == TRUST_UNVERIFIED ? "unverified" : "failed";
}

const char *dmarc_policy_text(enum dmarc_policy policy) {
    return policy == DMARC_POLICY_REJECT ? "reject" : policy == DMARC_POLICY_QUARANTINE ? "quarantine" : "none";
}
