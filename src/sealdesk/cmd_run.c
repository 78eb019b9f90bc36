/* sealdesk run, check, status, dns: commands about the installation as a whole. */
#include "sealdesk/cli.h"

#include "core/ipc/keeper.h"
#include "sealdesk/listen.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct option plain_options[] = {COMMON_LONG, {"keys", 0, NULL, 'K'}, {0}};

/* The usual options; false after having said what is wrong. */
static bool parse_plain(int argc, char **argv, struct common_options *options, bool *ret_keys) {
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, COMMON_SHORT, plain_options, NULL)) != -1) {
        if (option == 'K' && ret_keys)
            *ret_keys = true;
        else if (!take_common_option(option, options)) {
            (void)fprintf(stderr, "usage: sealdesk %s -c CONF [-o section.key=value …] [--json]\n", argv[0]);
            return false;
        }
    }
    return true;
}

int cmd_run(int argc, char **argv) {
    struct common_options options = {0};
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    if (!parse_plain(argc, argv, &options, NULL))
        return EXIT_USAGE;
    if (load_common(&options, &settings) != SD_OK || settings_check(settings, stderr) > 0)
        return EXIT_CONFIG;
    return supervisor_run(settings);
}

/* Swap that is not encrypted can hold what was never to be on a disk in clear. */
static void warn_swap(void) {
    struct buf swaps SD_CLEANUP(buf_free) = buf_new(65536);
    FILE *f = fopen("/proc/swaps", "r");
    char line[512];
    unsigned lines = 0;
    while (f && fgets(line, sizeof line, f))
        if (lines++ > 0 && !strstr(line, "/zram") && !strstr(line, "/dm-"))
            (void)printf("warning: swap is on and does not look encrypted (%.*s): switch it off or encrypt it\n",
                         (int)strcspn(line, " \t\n"), line);
    if (f)
        (void)fclose(f);
}

int cmd_check(int argc, char **argv) {
    struct common_options options = {0};
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    bool keys = false;
    if (!parse_plain(argc, argv, &options, &keys))
        return EXIT_USAGE;
    if (keys) {
        settings_describe(stdout);
        return EXIT_YES;
    }
    if (load_common(&options, &settings) != SD_OK)
        return EXIT_CONFIG;
    unsigned problems = settings_check(settings, stderr);
    warn_swap();
    if (!*settings_text(settings, "smtp.tls_cert"))
        (void)printf("warning: smtp.tls_cert is not set: senders cannot encrypt\n");
    (void)printf(problems ? "%u problem(s)\n" : "ok\n", problems);
    return problems ? EXIT_CONFIG : EXIT_YES;
}

/* ---- status ---- */

static void print_sandbox(json_t *sandbox) {
    const char *network = json_string_value(json_object_get(sandbox, "network"));
    size_t i;
    json_t *item;
    (void)printf(
        "           uid %lld%s, network: %s, Landlock ABI %lld, files:", json_integer_value(json_object_get(sandbox, "uid")),
        json_is_true(json_object_get(sandbox, "own_root")) ? " in its own root" : "", network ? network : "?",
        json_integer_value(json_object_get(sandbox, "landlock_abi")));
    json_array_foreach(json_object_get(sandbox, "files"), i, item)(void)
        printf(" %s (%s%s)", json_string_value(json_object_get(item, "dir")),
               json_is_true(json_object_get(item, "read")) ? "r" : "", json_is_true(json_object_get(item, "write")) ? "w" : "");
    (void)printf("%s, seccomp %s\n", json_array_size(json_object_get(sandbox, "files")) ? "" : " none",
                 json_is_true(json_object_get(sandbox, "seccomp")) ? "on" : "OFF");
    json_array_foreach(json_object_get(sandbox, "missing"), i, item)(void)
        printf("           not enforced: %s\n", json_string_value(item));
}

static void print_status(json_t *status) {
    size_t i;
    json_t *item;
    (void)printf("%s\n", json_is_true(json_object_get(status, "ready")) ? "ready" : "not ready");
    json_array_foreach(json_object_get(status, "reasons"), i, item)(void) printf("  %s\n", json_string_value(item));
    json_array_foreach(json_object_get(status, "roles"), i, item) {
        (void)printf("  %-8s pid %-7lld %s, died %lld times\n", json_string_value(json_object_get(item, "name")),
                     json_integer_value(json_object_get(item, "pid")), json_string_value(json_object_get(item, "state")),
                     json_integer_value(json_object_get(item, "restarts")));
        if (json_is_object(json_object_get(item, "sandbox")))
            print_sandbox(json_object_get(item, "sandbox"));
    }
    (void)printf("  waiting to be filed: %lld, to be sent: %lld\n",
                 json_integer_value(json_object_get(status, "intake_waiting")),
                 json_integer_value(json_object_get(status, "outbound")));
}

static enum sd_err ask_status(const struct settings *settings, struct buf *to) {
    char path[4096];
    int fd = -1;
    (void)snprintf(path, sizeof path, "%s/run/status.sock", settings->data_dir);
    enum sd_err err = connect_private(path, &fd);
    if (err)
        return err;
    uint8_t *p = buf_reserve(to, 65536);
    err = wait_fd(fd, 1 /* POLLIN */, deadline_in_ms(20000));
    ssize_t n = err == SD_OK && p ? recv(fd, p, 65536, 0) : -1;
    if (n > 0)
        buf_grew(to, (size_t)n);
    (void)close(fd);
    return n > 0 ? SD_OK : SD_ERR_UNAVAILABLE;
}

int cmd_status(int argc, char **argv) {
    struct common_options options = {0};
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct buf json SD_CLEANUP(buf_free) = buf_new(128 * 1024);
    if (!parse_plain(argc, argv, &options, NULL))
        return EXIT_USAGE;
    if (load_common(&options, &settings) != SD_OK)
        return EXIT_CONFIG;
    enum sd_err err = ask_status(settings, &json);
    if (err) {
        (void)fprintf(stderr,
                      err == SD_ERR_DENIED ? "only root, or the user who runs Sealdesk, may ask\n" : "not running on %s\n",
                      settings->data_dir);
        return err == SD_ERR_DENIED ? EXIT_NOT_ALLOWED : EXIT_NOT_RUNNING;
    }
    json_t *status = json_loadb((const char *)json.p, json.n, 0, NULL);
    bool ready = json_is_true(json_object_get(status, "ready"));
    if (options.json)
        (void)printf("%.*s\n", SPAN_FMT(buf_span(&json)));
    else if (status)
        print_status(status);
    json_decref(status);
    return ready ? EXIT_YES : EXIT_NO;
}

/* ---- dns ---- */

int cmd_dns(int argc, char **argv) {
    struct common_options options = {0};
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct door door;
    if (!parse_plain(argc, argv, &options, NULL))
        return EXIT_USAGE;
    if (load_common(&options, &settings) != SD_OK)
        return EXIT_CONFIG;
    enum sd_err err = door_open(settings, &door);
    if (err)
        return exit_status_of(err);
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_public_keys_rep rep;
    struct buf zone SD_CLEANUP(buf_free) = buf_new(65536);
    err = keeper_public_keys_call(door.keeper, &(struct keeper_public_keys_req){}, deadline_in_ms(10000), &msg, &rep);
    if (err == SD_OK && options.json)
        (void)printf("%.*s\n", SPAN_FMT(rep.json));
    else if (err == SD_OK)
        err = put_zone(settings, rep.json, &zone);
    if (err == SD_OK)
        (void)printf("%.*s", SPAN_FMT(buf_span(&zone)));
    else
        (void)fprintf(stderr, "sealdesk dns: %s\n", sd_err_text(err));
    door_close(&door);
    return exit_status_of(err);
}
