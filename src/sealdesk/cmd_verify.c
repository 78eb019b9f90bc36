/*
 * sealdesk verify: judges one message exactly as the edge would, because the same two processes do it: an inspector and a dns
 * process of our own, with nobody else in the house.
 */
#include "sealdesk/cli.h"

#include "core/ipc/inspect.h"
#include "core/network.h"
#include "core/role.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define JUDGE_MS 60000

struct verify_options {
    struct common_options common;
    const char *ip, *helo, *from, *file, *at, *tls;
    char resolver[300];
};

static int verify_usage(void) {
    (void)fprintf(stderr,
                  "usage: sealdesk verify [-c CONF] [--resolver IP@PORT] [--at UNIXTIME] [--tls \"VERSION CIPHER\"] --ip IP "
                  "--helo NAME --from ADDR [FILE|-]\n"
                  "  without FILE the envelope alone; a FILE with bare LF line ends is read as if they were CRLF\n"
                  "  --at: seconds since 1970, judged as of then; --tls: the hop was encrypted, such as \"TLSv1.3 "
                  "TLS_AES_256_GCM_SHA384\"\n");
    return EXIT_USAGE;
}

static bool take_option(int option, struct verify_options *o) {
    switch (option) {
    case 'R':
        (void)snprintf(o->resolver, sizeof o->resolver, "dns.resolver=%s", optarg);
        o->common.overrides[o->common.override_count++] = o->resolver;
        return true;
    case 'I':
        o->ip = optarg;
        return true;
    case 'H':
        o->helo = optarg;
        return true;
    case 'F':
        o->from = optarg;
        return true;
    case 'A':
        o->at = optarg;
        return true;
    case 'T':
        o->tls = optarg;
        return true;
    default:
        return take_common_option(option, &o->common);
    }
}

static bool parse_verify(int argc, char **argv, struct verify_options *o) {
    static const struct option options[] = {COMMON_LONG,
                                            {"resolver", 1, NULL, 'R'},
                                            {"ip", 1, NULL, 'I'},
                                            {"helo", 1, NULL, 'H'},
                                            {"from", 1, NULL, 'F'},
                                            {"at", 1, NULL, 'A'},
                                            {"tls", 1, NULL, 'T'},
                                            {0}};
    int option;
    optind = 1;
    while (o->common.override_count + 2 < OVERRIDES_MAX &&
           (option = getopt_long(argc, argv, COMMON_SHORT, options, NULL)) != -1)
        if (!take_option(option, o))
            return false;
    o->file = optind < argc ? argv[optind] : NULL;
    return o->ip && o->helo && o->from && optind + 1 >= argc;
}

#define AT_MAX_S 253402300799 /* the end of the year 9999: what a date in a message can say */

/* Seconds since 1970; now without --at. */
static bool parse_at(const char *text, int64_t *ret_ms) {
    uint64_t seconds = 0;
    if (!text) {
        *ret_ms = clock_unix_ms();
        return true;
    }
    if (span_to_u64(span_cstr(text), &seconds) || seconds > AT_MAX_S) {
        (void)fprintf(stderr, "--at %s: not a number of seconds since 1970\n", text);
        return false;
    }
    *ret_ms = (int64_t)seconds * 1000;
    return true;
}

#define TLS_BYTES 64 /* inspect.def */

/* "TLSv1.3 TLS_AES_256_GCM_SHA384": two words. */
static bool good_tls(const char *text) {
    struct span tls = span_cstr(text);
    size_t space = span_find(tls, ' ');
    if (!text || (tls.n <= TLS_BYTES && space > 0 && space + 1 < tls.n && span_rfind(tls, ' ') == space && span_is_ascii(tls)))
        return true;
    (void)fprintf(stderr, "--tls %s: expected version and cipher, such as \"TLSv1.3 TLS_AES_256_GCM_SHA384\"\n", text);
    return false;
}

/* "<a@b.example>", as SMTP says it, is a@b.example; "<>" is nobody. */
static struct span without_brackets(struct span path) {
    bool bracketed = span_starts(path, SPAN("<")) && span_ends(path, SPAN(">"));
    return bracketed ? span_sub(path, 1, path.n - 2) : path;
}

/* SMTP carries CRLF; a file without a single CR was saved with LF. */
static void put_crlf(struct span file, struct buf *to) {
    if (span_find(file, '\r') != file.n) {
        buf_put(to, file);
        return;
    }
    while (file.n) {
        size_t at = span_find(file, '\n');
        buf_put(to, span_sub(file, 0, at));
        if (at < file.n)
            buf_put(to, SPAN("\r\n"));
        file = span_from(file, at + 1);
    }
}

static enum sd_err read_letter(const char *path, struct buf *to) {
    struct buf file SD_CLEANUP(buf_free) = buf_new(2 * LIMIT_MESSAGE_BYTES);
    struct stat st;
    enum sd_err err = file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &file);
    if (err == SD_OK)
        put_crlf(buf_span(&file), to);
    if (err == SD_ERR_LIMIT || (err == SD_OK && buf_err(to)))
        (void)fprintf(stderr, "%s: too large: the door takes at most %zu bytes\n", path, (size_t)LIMIT_MESSAGE_BYTES);
    else if (err && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        (void)fprintf(stderr, "%s: is a directory, not a message\n", path);
    else if (err)
        (void)fprintf(stderr, "%s: %s\n", path, sd_err_text(err));
    return err ? err : buf_err(to);
}

static enum sd_err ask(struct supervisor *s, const struct inspect_judge_req *req, int *ret_status) {
    struct ipc_client *inspect = NULL;
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_judge_rep rep;
    (void)supervisor_add(s, "dns", 0);
    (void)supervisor_add(s, "inspect", 0);
    enum sd_err err = supervisor_start(s);
    if (err == SD_OK)
        err = supervisor_connect(s, "inspect", PEER_ADMIN, &inspect);
    if (err == SD_OK)
        err = inspect_judge_call(inspect, req, deadline_in_ms(JUDGE_MS), &msg, &rep);
    ipc_client_free(&inspect);
    if (err)
        return err;
    (void)printf("%.*s\n", SPAN_FMT(rep.verdict));
    *ret_status = rep.smtp_reply.n && rep.smtp_reply.p[0] == '2'   ? EXIT_YES
                  : rep.smtp_reply.n && rep.smtp_reply.p[0] == '4' ? EXIT_TRY_AGAIN
                                                                   : EXIT_NO;
    return SD_OK;
}

static enum sd_err judge_in(const char *dir, struct verify_options *o, const struct inspect_judge_req *req, int *ret_status) {
    char data_dir[SCRATCH_BYTES + 16];
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    (void)snprintf(data_dir, sizeof data_dir, "main.data_dir=%s", dir);
    o->common.overrides[o->common.override_count++] = data_dir;
    enum sd_err err = settings_load(o->common.conf ? o->common.conf : "/dev/null", o->common.overrides,
                                    o->common.override_count, &settings);
    if (err)
        return err;
    struct supervisor s = supervisor_new(settings);
    err = ask(&s, req, ret_status);
    supervisor_stop(&s);
    return err;
}

static int judge(struct verify_options *o, const struct inspect_judge_req *req) {
    char dir[SCRATCH_BYTES];
    int status = EXIT_NO;
    enum sd_err err = scratch_make(dir);
    if (err == SD_OK) {
        err = judge_in(dir, o, req, &status);
        scratch_remove(dir);
    }
    if (err)
        (void)fprintf(stderr, "sealdesk verify: %s\n", sd_err_text(err));
    return err ? exit_status_of(err) : status;
}

int cmd_verify(int argc, char **argv) {
    struct verify_options o = {0};
    struct buf letter SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES + 1024 * 1024);
    uint8_t ip[16];
    int64_t received_ms = 0;
    if (!parse_verify(argc, argv, &o))
        return verify_usage();
    if (ip_parse(span_cstr(o.ip), ip) != SD_OK) {
        (void)fprintf(stderr, "--ip %s: not an IPv4 or IPv6 address\n", o.ip);
        return EXIT_USAGE;
    }
    if (!parse_at(o.at, &received_ms) || !good_tls(o.tls))
        return EXIT_USAGE;
    enum sd_err err = o.file ? read_letter(o.file, &letter) : SD_OK;
    if (err)
        return err == SD_ERR_LIMIT ? EXIT_NO : EXIT_USAGE; /* the door refuses what is too large; the rest it never saw */
    (void)signal(SIGPIPE, SIG_IGN);
    struct span from = without_brackets(span_cstr(o.from));
    struct inspect_judge_req req = {.ip = span_of(ip, 16),
                                    .helo = span_cstr(o.helo),
                                    .mail_from = from,
                                    .tls = span_cstr(o.tls),
                                    .received_ms = received_ms,
                                    .envelope_only = o.file == NULL,
                                    .letter = buf_span(&letter)};
    return judge(&o, &req);
}
