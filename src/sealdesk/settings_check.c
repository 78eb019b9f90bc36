/* Values against each other and against this machine. */
#include "sealdesk/settings_check.h"

#include "core/network.h"
#include "sealdesk/listen.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define PROBLEM_BYTES 4096 /* longer values are cut in the message */

unsigned settings_problem(FILE *to, const char *format, ...) {
    char line[PROBLEM_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    (void)fprintf(to, "%s\n", line);
    return 1;
}

static unsigned check_tls(const struct settings *s, const char *section, FILE *to) {
    char name[64];
    (void)snprintf(name, sizeof name, "%s.tls_cert", section);
    const char *cert = settings_text(s, name);
    (void)snprintf(name, sizeof name, "%s.tls_key", section);
    const char *key = settings_text(s, name);
    if (!*cert != !*key)
        return settings_problem(to, "%s.tls_cert and %s.tls_key go together: set both or neither", section, section);
    unsigned n = 0;
    if (*cert && access(cert, R_OK) != 0)
        n += settings_problem(to, "%s.tls_cert \"%s\": %s", section, cert, strerror(errno));
    if (*key && access(key, R_OK) != 0)
        n += settings_problem(to, "%s.tls_key \"%s\": %s", section, key, strerror(errno));
    return n;
}

static unsigned check_listen(const struct settings *s, const char *key, bool unix_allowed, FILE *to, bool *ret_public) {
    struct listen_address addresses[LISTEN_ADDRESSES_MAX];
    size_t count = 0;
    *ret_public = false;
    if (listen_parse(settings_text(s, key), unix_allowed, addresses, &count) != SD_OK || count == 0)
        return settings_problem(to, "%s = \"%s\": expected ADDR:PORT, [V6]:PORT%s, comma-separated", key, settings_text(s, key),
                                unix_allowed ? ", unix:/path" : "");
    for (size_t i = 0; i < count; i++)
        *ret_public |= !addresses[i].is_loopback;
    return 0;
}

static bool own_domain(const struct settings *s, const char *address) {
    const char *domain = strchr(address, '@');
    struct span_split split = span_split_start(span_cstr(settings_text(s, "main.domains")));
    struct span part;
    while (domain && span_split_next(&split, ',', &part))
        if (span_ieq(span_trim(part), span_cstr(domain + 1)))
            return true;
    return false;
}

static unsigned check_queues(const struct settings *s, FILE *to) {
    unsigned n = s->queue_count ? 0
                                : settings_problem(to, "no queue: add queue \"support\" { address = \"support@your.domain\" }");
    for (size_t i = 0; i < s->queue_count; i++) {
        if (!own_domain(s, s->queues[i].address))
            n += settings_problem(to, "queue \"%s\": the domain of %s is not in main.domains", s->queues[i].name,
                                  s->queues[i].address);
        for (size_t k = 0; k < i; k++)
            if (strcmp(s->queues[i].address, s->queues[k].address) == 0)
                n += settings_problem(to, "queues \"%s\" and \"%s\" have the same address", s->queues[k].name,
                                      s->queues[i].name);
    }
    return n;
}

/* IP@PORT, or IP for port 53. */
static bool is_resolver(struct span text) {
    uint8_t address[16];
    uint64_t port = 53;
    size_t at = span_find(text, '@');
    if (at < text.n && (span_to_u64(span_from(text, at + 1), &port) != SD_OK || port < 1 || port > 65535))
        return false;
    return ip_parse(span_sub(text, 0, at), address) == SD_OK;
}

static unsigned check_resolvers(const struct settings *s, FILE *to) {
    const char *text = settings_text(s, "dns.resolver");
    struct span_split split = span_split_start(span_cstr(text));
    struct span part;
    while (*text && span_split_next(&split, ',', &part))
        if (!is_resolver(span_trim(part)))
            return settings_problem(to, "dns.resolver = \"%s\": expected IP@PORT, comma-separated", text);
    return 0;
}

static unsigned check_words(const struct settings *s, FILE *to) {
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    const char *level = settings_text(s, "log.level"), *relay = settings_text(s, "courier.relay");
    const char *colon = strrchr(relay, ':');
    uint64_t port = 0;
    unsigned n = 1;
    for (size_t i = 0; i < SD_COUNT(levels); i++)
        if (strcmp(level, levels[i]) == 0)
            n = 0;
    if (n)
        (void)settings_problem(to, "log.level = \"%s\": expected error, warn, info or debug", level);
    if (*relay && strncmp(relay, "unix:/", 6) != 0 &&
        (!colon || colon == relay || span_to_u64(span_cstr(colon + 1), &port) != SD_OK || port < 1 || port > 65535))
        n += settings_problem(to, "courier.relay = \"%s\": expected HOST:PORT or unix:/path", relay);
    return n;
}

unsigned settings_check(const struct settings *s, FILE *to) {
    unsigned n = check_resolvers(s, to) + check_words(s, to) + settings_check_senders(s, to) + settings_check_keys(s, to) +
                 settings_check_log(s, to) + settings_check_scan(s, to);
    bool smtp_public, desk_public;
    if (!*settings_text(s, "main.hostname"))
        n += settings_problem(to, "main.hostname is empty: name this server as the world knows it");
    if (!*settings_text(s, "main.domains"))
        n += settings_problem(to, "main.domains is empty: name your mail domain");
    n += check_listen(s, "smtp.listen", true, to, &smtp_public);
    n += check_listen(s, "desk.listen", false, to, &desk_public);
    n += check_tls(s, "smtp", to);
    n += check_tls(s, "desk", to);
    if (strcmp(settings_text(s, "smtp.listen"), settings_text(s, "desk.listen")) == 0)
        n += settings_problem(to, "smtp.listen and desk.listen are the same: give each a port of its own");
    if (desk_public && !*settings_text(s, "desk.tls_cert"))
        n += settings_problem(
            to,
            "desk.listen = \"%s\" is reachable from other machines: set desk.tls_cert and desk.tls_key, or listen on "
            "127.0.0.1 behind a proxy on this host",
            settings_text(s, "desk.listen"));
    if (settings_int(s, "inspect.workers") < 1 || settings_int(s, "inspect.workers") > 7)
        n += settings_problem(to, "inspect.workers = %s: expected 1 to 7", settings_text(s, "inspect.workers"));
    if (settings_int(s, "inspect.threads") < 1 || settings_int(s, "inspect.threads") > 256)
        n += settings_problem(to, "inspect.threads = %s: expected 1 to 256", settings_text(s, "inspect.threads"));
    return n + check_queues(s, to);
}
