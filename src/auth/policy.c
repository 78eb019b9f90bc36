#include "auth/policy.h"

static const struct {
    const char *id;
    uint16_t weight;
    const char *sentence;
} signals[] = {
#define X(name, id, weight, sentence) {id, weight, sentence},
    AUTH_SIGNAL_LIST(X)
#undef X
};

const char *auth_signal_id(enum auth_signal signal) {
    return (size_t)signal < SD_COUNT(signals) ? signals[signal].id : "";
}

const char *auth_signal_sentence(enum auth_signal signal) {
    return (size_t)signal < SD_COUNT(signals) ? signals[signal].sentence : "";
}

enum auth_signal auth_signal_from(struct span id) {
    size_t i = 0;
    while (i < SD_COUNT(signals) && !span_eq(id, span_cstr(signals[i].id)))
        i++;
    return (enum auth_signal)i;
}

static enum sd_err take_weight(struct span element, uint16_t weights[AUTH_SIGNAL_COUNT]) {
    size_t equals = span_find(element, '=');
    uint64_t weight = 0;
    enum auth_signal signal = auth_signal_from(span_trim(span_sub(element, 0, equals)));
    if (equals == element.n || signal == AUTH_SIGNAL_COUNT || span_to_u64(span_trim(span_from(element, equals + 1)), &weight) ||
        weight > SIGNAL_WEIGHT_MAX)
        return SD_ERR_PARSE;
    weights[signal] = (uint16_t)weight;
    return SD_OK;
}

enum sd_err policy_weights(struct span text, uint16_t weights[AUTH_SIGNAL_COUNT], struct span *ret_wrong) {
    struct span part;
    struct span_split split = span_split_start(text);
    for (size_t i = 0; i < SD_COUNT(signals); i++)
        weights[i] = signals[i].weight;
    while (span_trim(text).n && span_split_next(&split, ',', &part))
        if (take_weight(span_trim(part), weights)) {
            *ret_wrong = span_trim(part);
            return SD_ERR_PARSE;
        }
    return SD_OK;
}

uint32_t policy_weight(uint64_t found, const uint16_t weights[AUTH_SIGNAL_COUNT]) {
    uint32_t weight = 0;
    for (enum auth_signal s = 0; s < AUTH_SIGNAL_COUNT; s++)
        weight += found >> s & 1 ? weights[s] : 0;
    return weight;
}

enum auth_signal policy_heaviest(uint64_t found, const uint16_t weights[AUTH_SIGNAL_COUNT]) {
    enum auth_signal best = AUTH_SIGNAL_COUNT;
    for (enum auth_signal s = 0; s < AUTH_SIGNAL_COUNT; s++)
        if (found >> s & 1 && (best == AUTH_SIGNAL_COUNT || weights[s] > weights[best]))
            best = s;
    return best;
}

const char *trust_level_text(enum trust_level level) {
    return level == TRUST_VERIFIED ? "verified" : level == TRUST_UNVERIFIED ? "unverified" : "failed";
}

bool trust_level_from(struct span word, enum trust_level *ret) {
    for (enum trust_level level = TRUST_FAILED; level <= TRUST_VERIFIED; level++)
        if (span_eq(word, span_cstr(trust_level_text(level)))) {
            *ret = level;
            return true;
        }
    return false;
}

enum sd_err policy_levels(struct span text, unsigned *ret, struct span *ret_wrong) {
    struct span part;
    struct span_split split = span_split_start(text);
    unsigned levels = 0;
    if (span_eq(span_trim(text), SPAN("none"))) {
        *ret = 0;
        return SD_OK;
    }
    if (!span_trim(text).n) {
        *ret_wrong = text;
        return SD_ERR_PARSE;
    }
    while (span_split_next(&split, ',', &part)) {
        enum trust_level level;
        if (!trust_level_from(span_trim(part), &level)) {
            *ret_wrong = span_trim(part);
            return SD_ERR_PARSE;
        }
        levels |= 1u << level;
    }
    *ret = levels;
    return SD_OK;
}
