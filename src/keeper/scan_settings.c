/* scan_settings.c - what the administrator set about looking again, and about pictures of what is suspicious. */
#include "core/config.h"
#include "core/log.h"
#include "keeper/keeper.h"

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)
#define RETRO_DAYS 30
#define RETRO_DAYS_MAX 3650

struct scan_settings scan_settings_default(void) {
    return (struct scan_settings){.retro_ms = RETRO_DAYS * DAY_MS, .show_suspicious = true};
}

enum sd_err scan_settings_from_config(const struct config *config, struct scan_settings *ret) {
    int64_t days = config_int(config, "scan.retro_days");
    if (days < 0 || days > RETRO_DAYS_MAX) {
        log_error("keeper.settings", "scan.retro_days is not 0 to %d", RETRO_DAYS_MAX);
        return SD_ERR_CONFIG;
    }
    *ret = (struct scan_settings){.retro_ms = days * DAY_MS, .show_suspicious = config_bool(config, "preview.suspicious")};
    return SD_OK;
}

void keeper_set_scan(struct keeper *k, const struct scan_settings *settings) {
    k->scan = *settings;
}
