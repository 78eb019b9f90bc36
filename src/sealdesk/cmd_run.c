/* sealdesk run, status: serving, and how it goes. */
#include "sealdesk/cli.h"

#include "sealdesk/listen.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int cmd_run(int argc, char **argv) {
    struct common_options options = {0};
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    if (!parse_plain(argc, argv, &options, NULL))
        return EXIT_USAGE;
    int status = load_common(&options, &settings);
    if (status == EXIT_YES && settings_check(settings, stderr) > 0)
        status = EXIT_CONFIG;
    return status ? status : supervisor_run(settings);
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
        json_int_t restarts = json_integer_value(json_object_get(item, "restarts"));
        (void)printf("  %-8s pid %-7lld %s since %s, ", json_string_value(json_object_get(item, "name")),
                     json_integer_value(json_object_get(item, "pid")), json_string_value(json_object_get(item, "state")),
                     json_string_value(json_object_get(item, "since")));
        (void)printf(restarts == 0 ? "never died\n" : restarts == 1 ? "died once\n" : "died %lld times\n", restarts);
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
    int wrong = load_common(&options, &settings);
    if (wrong)
        return wrong;
    enum sd_err err = ask_status(settings, &json);
    if (err) {
        (void)fprintf(stderr,
                      err == SD_ERR_DENIED ? "%s: only root, or the user who runs Sealdesk, may ask\n"
                                           : "%s: Sealdesk is not running here (`sealdesk run` starts it)\n",
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
