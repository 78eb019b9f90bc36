#include "keeper/gates.h"
#include "core/log.h"

static const struct {
    const char *key, *config_key, *levels;
} table[GATE_COUNT] = {
#define X(name, key, levels, meaning) {key, "gates." key, levels},
    GATE_LIST(X)
#undef X
};

struct gates gates_default(void) {
    struct gates gates = {0};
    struct span wrong;
    for (size_t i = 0; i < GATE_COUNT; i++)
        if (policy_levels(span_cstr(table[i].levels), &gates.levels[i], &wrong))
            gates.levels[i] = 0;
    return gates;
}

enum sd_err gates_from_config(const struct config *config, struct gates *ret) {
    struct gates gates = {0};
    struct span wrong;
    for (size_t i = 0; i < GATE_COUNT; i++)
        if (policy_levels(span_cstr(config_text(config, table[i].config_key)), &gates.levels[i], &wrong)) {
            log_error("keeper.gates", "gate=%s: \"%.*s\" is no trust level", table[i].key, SPAN_FMT(wrong));
            return SD_ERR_CONFIG;
        }
    *ret = gates;
    return SD_OK;
}

static bool may_pass_any(enum gate gate, enum disposition disposition) {
    if (disposition == DISPOSITION_ACCEPT || disposition == DISPOSITION_FLAG)
        return true;
    return gate == GATE_REVIEW && disposition == DISPOSITION_REVIEW;
}

enum gate_verdict gate_opens(const struct gates *gates, enum gate gate, enum trust_level level, enum disposition disposition) {
    if (gate >= GATE_COUNT || level > TRUST_VERIFIED || !may_pass_any(gate, disposition))
        return GATE_SHUT;
    return gates->levels[gate] >> level & 1 ? GATE_OPENS : GATE_SHUT;
}

enum auto_answer gates_auto_answer(const struct gates *gates, enum trust_level level, enum disposition disposition,
                                   bool automatic, bool as_customer) {
    if (automatic || !as_customer)
        return AUTO_ANSWER_NO;
    return gate_opens(gates, GATE_AUTO_ANSWER, level, disposition) == GATE_OPENS ? AUTO_ANSWER_YES : AUTO_ANSWER_NO;
}
