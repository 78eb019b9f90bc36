/* ClamAV as it is set up on this machine: does it answer, how old are its signatures, and what do its limits let through. */
#include "sealdesk/scan_check.h"

#include "core/role.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define CLOSED "; until then no attachment can be opened"
#define OUR_BYTES (INT64_C(25) * 1024 * 1024) /* the largest letter: smtp.max_message_bytes */
#define SIGNATURES_DAYS 7
#define TMPFS 0x01021994
#define RAMFS 0x858458f6

/* ---- its socket ---- */

/* What others than its owner may, for the roles have user ids of their own: every folder above, and the socket itself. */
static bool others_may(const char *path) {
    char folder[LIMIT_DOMAIN_BYTES + 1];
    struct stat st;
    if (stat(path, &st) != 0 || !(st.st_mode & S_IWOTH))
        return false;
    (void)snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strrchr(folder, '/'); slash && slash != folder; slash = strrchr(folder, '/')) {
        *slash = 0;
        if (stat(folder, &st) != 0 || !(st.st_mode & S_IXOTH))
            return false;
    }
    return true;
}

static bool warn_reach(const struct endpoint *clamd, struct buf *version, FILE *to) {
    const char *problem = "";
    if (access(clamd->host, F_OK) != 0 && errno == ENOENT) {
        (void)fprintf(to,
                      "scan.clamd: there is no %s: start it (systemctl start clamav-daemon, which waits for freshclam to get "
                      "signatures)" CLOSED "\n",
                      clamd->host);
        return false;
    }
    if (!scan_ask(clamd, SPAN("zVERSION\0"), version, &problem)) {
        (void)fprintf(to, "scan.clamd: %s: %s: see to clamd (systemctl status clamav-daemon)" CLOSED "\n", clamd->host,
                      problem);
        return false;
    }
    if (geteuid() == 0 && !others_may(clamd->host))
        (void)fprintf(to,
                      "scan.clamd: Sealdesk's processes have user ids of their own and may not connect to %s: set "
                      "LocalSocketMode 666 in clamd.conf, and let others into its folders (chmod o+x)" CLOSED "\n",
                      clamd->host);
    return true;
}

/* ---- its signatures: "ClamAV 1.4.6/27001/Wed Nov 26 09:00:00 2025", or no more than the first when it has no database ---- */

void scan_warn_version(struct span version, int64_t now_s, FILE *to) {
    char date[64] = "";
    struct tm tm = {0};
    struct span rest = span_from(version, span_find(version, '/') + 1);
    rest = span_trim(span_from(rest, span_find(rest, '/') + 1));
    if (rest.n > 0 && rest.n < sizeof date)
        (void)snprintf(date, sizeof date, "%.*s", SPAN_FMT(rest));
    if (!*date || !strptime(date, "%a %b %d %H:%M:%S %Y", &tm)) {
        (void)fprintf(to, "clamd names no date of its signatures: is there a daily database? (apt install clamav-freshclam; "
                          "freshclam) Without it hardly any virus is known\n");
        return;
    }
    int64_t days = (now_s - (int64_t)timegm(&tm)) / 86400;
    if (days > SIGNATURES_DAYS)
        (void)fprintf(to,
                      "clamd's signatures are %lld days old: new viruses pass as clean; see to freshclam (systemctl status "
                      "clamav-freshclam)\n",
                      (long long)days);
}

/* ---- clamd.conf ---- */

/* The last value of this option; lines are "Name value". */
static struct span option_of(struct span text, const char *name) {
    struct span_split split = span_split_start(text);
    struct span line, found = SPAN_NONE;
    while (span_split_next(&split, '\n', &line)) {
        line = span_trim(line);
        size_t n = span_find(line, ' ') < span_find(line, '\t') ? span_find(line, ' ') : span_find(line, '\t');
        if (span_ieq(span_sub(line, 0, n), span_cstr(name)))
            found = span_trim(span_from(line, n));
    }
    return found;
}

static bool option_on(struct span text, const char *name) {
    struct span value = option_of(text, name);
    return span_ieq(value, SPAN("yes")) || span_ieq(value, SPAN("true")) || span_ieq(value, SPAN("1"));
}

/* "25M", "1024K", "26214400"; 0 is no limit, and what is not said is larger than ours. */
static bool is_too_small(struct span value) {
    uint64_t n = 0;
    uint8_t last = value.n ? value.p[value.n - 1] : 0;
    unsigned shift = last == 'K' || last == 'k' ? 10 : last == 'M' || last == 'm' ? 20 : last == 'G' || last == 'g' ? 30 : 0;
    if (!value.n || span_to_u64(span_sub(value, 0, value.n - (shift ? 1 : 0)), &n) != SD_OK || n == 0 || n > UINT32_MAX)
        return false;
    return (int64_t)(n << shift) < OUR_BYTES;
}

static void warn_limits(struct span text, const char *path, FILE *to) {
    static const char *const limits[] = {"MaxFileSize", "MaxScanSize", "StreamMaxLength"};
    for (size_t i = 0; i < SD_COUNT(limits); i++) {
        struct span value = option_of(text, limits[i]);
        if (is_too_small(value))
            (void)fprintf(to,
                          "%s: %s %.*s is less than the largest message: set 25M or more, for clamd calls clean what is "
                          "beyond it\n",
                          path, limits[i], SPAN_FMT(value));
    }
    if (!option_on(text, "AlertExceedsMax"))
        (void)fprintf(to,
                      "%s: AlertExceedsMax is off: clamd calls clean what it did not look into because it is too large or "
                      "nested too deeply; set AlertExceedsMax yes\n",
                      path);
    if (!option_on(text, "AlertEncrypted"))
        (void)fprintf(to,
                      "%s: AlertEncrypted is off: encrypted files that only clamd recognises count as clean; set "
                      "AlertEncrypted yes\n",
                      path);
}

/* What clamd unpacks while it scans is plaintext of letters. */
static void warn_temporary(struct span text, const char *path, FILE *to) {
    char folder[4096];
    struct statfs fs;
    struct span value = option_of(text, "TemporaryDirectory");
    (void)snprintf(folder, sizeof folder, "%.*s", SPAN_FMT(value.n ? value : SPAN("/tmp")));
    if (statfs(folder, &fs) != 0)
        (void)fprintf(to, "%s: TemporaryDirectory %s: %s: clamd cannot unpack there, and archives end unscanned\n", path,
                      folder, strerror(errno));
    else if (fs.f_type != TMPFS && fs.f_type != RAMFS)
        (void)fprintf(to,
                      "%s: TemporaryDirectory %s is on a disk: while it scans, clamd unpacks attachments there in clear; set "
                      "TemporaryDirectory to a folder on tmpfs, such as /run/clamav/tmp or /dev/shm\n",
                      path, folder);
}

void scan_warn_clamd_conf(struct span text, const char *path, FILE *to) {
    warn_limits(text, path, to);
    warn_temporary(text, path, to);
}

static void warn_conf(const struct settings *settings, FILE *to) {
    struct buf text SD_CLEANUP(buf_free) = buf_new((size_t)256 * 1024);
    const char *path = settings_text(settings, "scan.clamd_conf");
    if (!*path)
        return;
    if (file_read(path, &text) != SD_OK)
        (void)fprintf(
            to,
            "scan.clamd_conf \"%s\" cannot be read: whether clamd's limits are large enough, and whether it unpacks in "
            "memory only, is not known\n",
            path);
    else
        scan_warn_clamd_conf(buf_span(&text), path, to);
}

void scan_warn_clamd(const struct settings *settings, FILE *to) {
    struct endpoint clamd = {0};
    struct buf version SD_CLEANUP(buf_free) = buf_new((size_t)16 * 1024);
    const char *text = settings_text(settings, "scan.clamd");
    if (!*text) {
        (void)fprintf(to, "scan.clamd is empty: nothing is scanned for viruses, and no attachment can be opened: apt install "
                          "clamav-daemon, and set it to unix:/run/clamav/clamd.ctl\n");
        return;
    }
    if (endpoint_parse(span_cstr(text), &clamd) != SD_OK || clamd.kind != ENDPOINT_UNIX)
        return; /* a problem, said by settings_check() */
    if (warn_reach(&clamd, &version, to)) {
        struct span answer = buf_span(&version);
        scan_warn_version(span_sub(answer, 0, span_find(answer, 0)), (int64_t)time(NULL), to);
    }
    warn_conf(settings, to);
}
