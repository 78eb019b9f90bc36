/* trust_settings.c - the administrator's word on who may do what: sections trust and gates of the configuration. */
#include "core/log.h"
#include "keeper/keeper.h"

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)
#define HISTORY_DAYS 730
#define HISTORY_DAYS_MAX 36500

struct trust_settings trust_settings_default(void) {
    return (struct trust_settings){gates_default(), weighing_default(), HISTORY_DAYS * DAY_MS};
}

enum sd_err trust_settings_from_config(const struct config *config, struct trust_settings *ret) {
    struct trust_settings settings;
    int64_t days = config_int(config, "trust.history_days");
    enum sd_err err = gates_from_config(config, &settings.gates);
    if (err == SD_OK)
        err = weighing_from_config(config, &settings.weighing);
    if (err == SD_OK && (days < 1 || days > HISTORY_DAYS_MAX)) {
        log_error("keeper.trust", "trust.history_days is out of range");
        err = SD_ERR_CONFIG;
    }
    settings.history_ms = days * DAY_MS;
    if (err == SD_OK)
        *ret = settings;
    return err;
}

void keeper_set_trust(struct keeper *k, const struct trust_settings *settings) {
    k->trust = *settings;
}
