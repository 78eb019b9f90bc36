#include "keeper/weighing.h"
#include "core/log.h"

_Static_assert(AUTH_SIGNAL_COUNT < 63, "signals are a signed column");

struct weighing weighing_default(void) {
    struct weighing w = {.flag_at = POLICY_FLAG_AT, .review_at = POLICY_REVIEW_AT};
    struct span wrong;
    if (policy_weights(SPAN_NONE, w.weights, &wrong))
        w.review_at = 1; /* cannot be: no text, nothing to misread */
    return w;
}

static enum sd_err limit_from(const struct config *config, const char *key, uint32_t *ret) {
    int64_t value = config_int(config, key);
    if (value < 0 || value > UINT32_MAX) {
        log_error("keeper.trust", "%s is out of range", key);
        return SD_ERR_CONFIG;
    }
    *ret = (uint32_t)value;
    return SD_OK;
}

enum sd_err weighing_from_config(const struct config *config, struct weighing *ret) {
    struct weighing w = {0};
    struct span wrong;
    if (policy_weights(span_cstr(config_text(config, "trust.weights")), w.weights, &wrong)) {
        log_error("keeper.trust", "weights: \"%.*s\" is no signal=weight", SPAN_FMT(wrong));
        return SD_ERR_CONFIG;
    }
    enum sd_err err = limit_from(config, "trust.flag_at", &w.flag_at);
    if (err == SD_OK)
        err = limit_from(config, "trust.review_at", &w.review_at);
    if (err == SD_OK)
        *ret = w;
    return err;
}

enum disposition weighing_decide(const struct weighing *weighing, enum disposition disposition, uint32_t weight,
                                 uint64_t found) {
    uint64_t sum = (uint64_t)weight + policy_weight(found, weighing->weights);
    if (sum == 0 || disposition < DISPOSITION_FLAG)
        return disposition;
    if (sum >= weighing->review_at)
        return DISPOSITION_REVIEW;
    return sum >= weighing->flag_at ? DISPOSITION_FLAG : disposition;
}
