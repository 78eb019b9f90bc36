/* What an administrator says about the audit log: how long it is kept, and who witnesses it. */
#include "sealdesk/settings_check.h"

#define KEEP_DAYS_MIN 90 /* as the keeper has it: retention.h */
#define KEEP_DAYS_MAX 36500

unsigned settings_check_log(const struct settings *s, FILE *to) {
    static const char *const keys[] = {"log.keep_access_days", "log.keep_security_days", "log.keep_system_days"};
    unsigned n = 0;
    for (size_t i = 0; i < SD_COUNT(keys); i++)
        if (settings_int(s, keys[i]) < KEEP_DAYS_MIN || settings_int(s, keys[i]) > KEEP_DAYS_MAX)
            n += settings_problem(to, "%s = %s: expected %d to %d", keys[i], settings_text(s, keys[i]), KEEP_DAYS_MIN,
                                  KEEP_DAYS_MAX);
    return n;
}
