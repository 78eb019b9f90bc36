/*
 * rspamd as it is set up on this machine: does it answer, and does it keep what it should not. Sealdesk asks it not to log and
 * not to remember its letters; this looks whether it does.
 */
#include "sealdesk/scan_check.h"

#include "core/role.h"

#include <jansson.h>
#include <string.h>

#define ANSWER_BYTES ((size_t)4 * 1024 * 1024)

static bool get(const struct endpoint *endpoint, const char *path, struct span password, struct buf *answer,
                const char **ret_problem) {
    struct buf request SD_CLEANUP(buf_free) = buf_new(8192);
    buf_printf(&request, "GET %s HTTP/1.0\r\nConnection: close\r\n", path);
    if (password.n)
        buf_printf(&request, "Password: %.*s\r\n", SPAN_FMT(password));
    buf_text(&request, "\r\n");
    return buf_err(&request) == SD_OK && scan_ask(endpoint, buf_span(&request), answer, ret_problem);
}

static bool is_good(struct span answer) {
    struct span line = span_sub(answer, 0, span_find(answer, '\n'));
    return span_starts(line, SPAN("HTTP/1.")) && span_search(line, SPAN(" 200")) < line.n;
}

static void warn_ping(const struct settings *settings, const char *key, const char *cost, FILE *to) {
    struct buf answer SD_CLEANUP(buf_free) = buf_new(ANSWER_BYTES);
    struct endpoint endpoint = {0};
    const char *text = settings_text(settings, key), *problem = "it does not answer as rspamd does";
    if (!*text || endpoint_parse(span_cstr(text), &endpoint) != SD_OK || endpoint.kind == ENDPOINT_TLS)
        return;
    if (!get(&endpoint, "/ping", SPAN_NONE, &answer, &problem) || !is_good(buf_span(&answer)))
        (void)fprintf(to, "%s: %s: %s: %s; see to rspamd (systemctl status rspamd)\n", key, text, problem, cost);
}

/* ---- history: what rspamd remembers of the letters that it saw ---- */

/* With remarks left out, does it say "enabled = false"? */
static bool says_disabled(const char *path) {
    struct buf text SD_CLEANUP(buf_free) = buf_new((size_t)64 * 1024);
    struct span line;
    bool disabled = false;
    if (file_read(path, &text) != SD_OK)
        return false;
    struct span_split split = span_split_start(buf_span(&text));
    while (span_split_next(&split, '\n', &line)) {
        line = span_trim(span_sub(line, 0, span_find(line, '#')));
        struct span value = span_trim(span_from(line, span_find(line, '=') + 1));
        if (span_eq(span_trim(span_sub(line, 0, span_find(line, '='))), SPAN("enabled")))
            disabled = span_starts(value, SPAN("false")) || span_starts(value, SPAN("no")) || span_starts(value, SPAN("off"));
    }
    return disabled;
}

static bool is_local(const struct settings *settings) {
    const char *text = settings_text(settings, "scan.rspamd");
    return strncmp(text, "unix:", 5) == 0 || strncmp(text, "tcp:127.", 8) == 0 || strncmp(text, "tcp:[::1]:", 10) == 0;
}

static void warn_history_module(const struct settings *settings, FILE *to) {
    struct buf text SD_CLEANUP(buf_free) = buf_new((size_t)64 * 1024);
    if (!is_local(settings) || file_read("/etc/rspamd/modules.d/history_redis.conf", &text) != SD_OK)
        return;
    if (!says_disabled("/etc/rspamd/local.d/history_redis.conf") && !says_disabled("/etc/rspamd/override.d/history_redis.conf"))
        (void)fprintf(
            to,
            "rspamd's module history_redis is not switched off: as soon as it has a Redis, rspamd keeps the subject, senders "
            "and recipients of letters there in clear; write \"enabled = false;\" into "
            "/etc/rspamd/local.d/history_redis.conf\n");
}

/* As many as it remembers; its own list of them is {"rows": […]} or […]. */
static size_t rows_in(struct span answer) {
    struct span body = span_from(answer, span_search(answer, SPAN("\r\n\r\n")) + 4);
    json_t *all = json_loadb((const char *)body.p, body.n, 0, NULL);
    size_t n = json_array_size(json_is_array(all) ? all : json_object_get(all, "rows"));
    json_decref(all);
    return n;
}

static void warn_history_kept(const struct settings *settings, FILE *to) {
    struct buf answer SD_CLEANUP(buf_free) = buf_new(ANSWER_BYTES), password SD_CLEANUP(buf_free) = buf_new(4096);
    struct endpoint endpoint = {0};
    const char *file = settings_text(settings, "scan.rspamd_password_file"), *problem = "";
    const char *text = settings_text(settings, "scan.rspamd_controller");
    if (!*text || endpoint_parse(span_cstr(text), &endpoint) != SD_OK || (*file && file_read(file, &password) != SD_OK))
        return;
    struct span word = span_sub(buf_span(&password), 0, span_find(buf_span(&password), '\n'));
    if (!get(&endpoint, "/history", span_trim(word), &answer, &problem))
        return; /* said by warn_ping() */
    if (!is_good(buf_span(&answer)))
        (void)fprintf(
            to, "scan.rspamd_controller refuses the password of scan.rspamd_password_file: nothing is learned, and whether "
                "rspamd keeps a history is not known\n");
    else if (rows_in(buf_span(&answer)) > 0)
        (void)fprintf(to,
                      "rspamd keeps a history (%zu letters of other programs or of before): with ids and addresses in clear, "
                      "and on disk when "
                      "it stops; set history_file = \"/dev/null\"; in /etc/rspamd/local.d/options.inc\n",
                      rows_in(buf_span(&answer)));
}

void scan_warn_rspamd(const struct settings *settings, FILE *to) {
    if (!*settings_text(settings, "scan.rspamd") && !*settings_text(settings, "scan.rspamd_controller"))
        return; /* nothing depends on it */
    warn_ping(settings, "scan.rspamd", "letters are judged without its score", to);
    warn_ping(settings, "scan.rspamd_controller", "it learns nothing from Spam and Not spam", to);
    warn_history_module(settings, to);
    warn_history_kept(settings, to);
}
