/* What an administrator says about the audit log: how long it is kept, and who witnesses it. */
#include "sealdesk/settings_check.h"

#include "core/endpoint.h"

#include <string.h>

#define KEEP_DAYS_MIN 90 /* as the keeper has it: retention.h */
#define KEEP_DAYS_MAX 36500

/* A witness under the same roof as the log goes with it. */
static unsigned check_witnesses(const struct settings *s, FILE *to) {
    const char *file = settings_text(s, "log.checkpoint_file"), *syslog = settings_text(s, "log.syslog");
    struct endpoint endpoint;
    size_t dir = strlen(s->data_dir);
    bool inside = strncmp(file, s->data_dir, dir) == 0 && (file[dir] == '/' || file[dir] == 0);
    unsigned n = 0;
    if (*file && (file[0] != '/' || inside))
        n += settings_problem(to, "log.checkpoint_file = \"%s\": expected an absolute path outside of the data directory",
                              file);
    if (endpoint_parse(span_cstr(syslog), &endpoint) != SD_OK)
        n += settings_problem(to, "log.syslog = \"%s\": expected tls:HOST:PORT, tcp:HOST:PORT or unix:/path", syslog);
    return n;
}

unsigned settings_check_log(const struct settings *s, FILE *to) {
    static const char *const keys[] = {"log.keep_access_days", "log.keep_security_days", "log.keep_system_days"};
    unsigned n = 0;
    for (size_t i = 0; i < SD_COUNT(keys); i++)
        if (settings_int(s, keys[i]) < KEEP_DAYS_MIN || settings_int(s, keys[i]) > KEEP_DAYS_MAX)
            n += settings_problem(to, "%s = %s: expected %d to %d", keys[i], settings_text(s, keys[i]), KEEP_DAYS_MIN,
                                  KEEP_DAYS_MAX);
    return n + check_witnesses(s, to);
}
