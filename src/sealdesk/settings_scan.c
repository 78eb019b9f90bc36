/* What an administrator says about attachments: scanners, how far is looked into files, and their pictures. */
#include "sealdesk/settings_check.h"

#include "core/endpoint.h"
#include "core/network.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct range {
    const char *key;
    int64_t least, most;
    const char *unit;
} ranges[] = {
    {"scan.settle_seconds", 0, 86400, "seconds"},
    {"scan.ask_seconds", 1, 120, "seconds"},
    {"scan.connections", 1, 64, "connections"},
    {"scan.timeout_seconds", 1, 600, "seconds"},
    {"scan.entries", 1, 1000000, "files"},
    {"scan.depth", 1, 100, "levels"},
    {"scan.unpacked_bytes", INT64_C(1024) * 1024, INT64_C(4096) * 1024 * 1024, "bytes"},
    {"scan.ratio", 1, 100000, "times"},
    {"scan.file_seconds", 1, 300, "seconds"},
    {"scan.retro_days", 0, 3650, "days"},
    {"preview.max_pages", 1, 500, "pages"},
    {"preview.seconds", 1, 600, "seconds"},
    {"preview.pixels", 100, 4000, "pixels"},
};

static unsigned check_ranges(const struct settings *s, FILE *to) {
    unsigned n = 0;
    for (size_t i = 0; i < SD_COUNT(ranges); i++) {
        int64_t value = settings_int(s, ranges[i].key);
        if (value < ranges[i].least || value > ranges[i].most)
            n += settings_problem(to, "%s = %s: expected %lld to %lld %s", ranges[i].key, settings_text(s, ranges[i].key),
                                  (long long)ranges[i].least, (long long)ranges[i].most, ranges[i].unit);
    }
    return n;
}

static unsigned check_word(const struct settings *s, const char *key, const char *one, const char *other, FILE *to) {
    const char *text = settings_text(s, key);
    return strcmp(text, one) == 0 || strcmp(text, other) == 0
               ? 0
               : settings_problem(to, "%s = \"%s\": expected %s or %s", key, text, one, other);
}

/* Files go to clamd as descriptors, which only a unix socket takes. */
static unsigned check_clamd(const struct settings *s, FILE *to) {
    const char *text = settings_text(s, "scan.clamd");
    struct endpoint endpoint;
    if (!*text || (endpoint_parse(span_cstr(text), &endpoint) == SD_OK && endpoint.kind == ENDPOINT_UNIX))
        return 0;
    return settings_problem(to, "scan.clamd = \"%s\": expected unix:/path, such as unix:/run/clamav/clamd.ctl", text);
}

/* Who connects asks no DNS. */
static bool is_here(const struct endpoint *endpoint) {
    uint8_t address[16];
    return endpoint->kind == ENDPOINT_UNIX ||
           (endpoint->kind == ENDPOINT_TCP && ip_parse(span_cstr(endpoint->host), address) == SD_OK);
}

static unsigned check_rspamd(const struct settings *s, const char *key, FILE *to) {
    const char *text = settings_text(s, key);
    struct endpoint endpoint;
    if (!*text || (endpoint_parse(span_cstr(text), &endpoint) == SD_OK && is_here(&endpoint)))
        return 0;
    return settings_problem(to, "%s = \"%s\": expected tcp:ADDRESS:PORT with an address in digits, or unix:/path", key, text);
}

/* Whoever knows the controller's password teaches the filter what they like. */
static unsigned check_password(const struct settings *s, FILE *to) {
    const char *file = settings_text(s, "scan.rspamd_password_file");
    struct stat st;
    if (!*file)
        return 0;
    if (!*settings_text(s, "scan.rspamd_controller"))
        return settings_problem(to, "scan.rspamd_password_file is set and scan.rspamd_controller is not: set both or neither");
    if (stat(file, &st) != 0 || access(file, R_OK) != 0)
        return settings_problem(to, "scan.rspamd_password_file \"%s\": %s", file, strerror(errno));
    if (!S_ISREG(st.st_mode) || (st.st_mode & 007))
        return settings_problem(to, "scan.rspamd_password_file \"%s\": expected a file that others cannot read (chmod o= it)",
                                file);
    return 0;
}

static unsigned check_absolute(const struct settings *s, const char *key, FILE *to) {
    const char *path = settings_text(s, key);
    return !*path || *path == '/' ? 0 : settings_problem(to, "%s = \"%s\": expected an absolute path", key, path);
}

unsigned settings_check_scan(const struct settings *s, FILE *to) {
    return check_ranges(s, to) + check_word(s, "scan.when_down", "accept", "tempfail", to) +
           check_word(s, "scan.malicious", "quarantine", "reject", to) + check_clamd(s, to) +
           check_rspamd(s, "scan.rspamd", to) + check_rspamd(s, "scan.rspamd_controller", to) + check_password(s, to) +
           check_absolute(s, "scan.signatures", to) + check_absolute(s, "scan.clamd_conf", to);
}
