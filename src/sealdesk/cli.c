#include "sealdesk/cli.h"

#include "core/ipc/keeper.h"
#include "core/log.h"
#include "sealdesk/listen.h"

#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define STATE_MS 30000 /* a keeper that has just started may bring its database up to date first */

int exit_status_of(enum sd_err err) {
    switch (err) {
    case SD_OK:
        return EXIT_YES;
    case SD_ERR_CONFIG:
        return EXIT_CONFIG;
    case SD_ERR_DENIED:
        return EXIT_NOT_ALLOWED;
    case SD_ERR_BUSY:
    case SD_ERR_TIMEOUT:
    case SD_ERR_UNAVAILABLE:
    case SD_ERR_LOCKED:
        return EXIT_TRY_AGAIN;
    default:
        return EXIT_NO;
    }
}

bool take_common_option(int option, struct common_options *options) {
    switch (option) {
    case 'c':
        options->conf = optarg;
        return true;
    case 'o':
        if (options->override_count < OVERRIDES_MAX)
            options->overrides[options->override_count++] = optarg;
        else
            options->too_many = true;
        return true;
    case 'j':
        options->json = true;
        return true;
    default:
        return false;
    }
}

static const struct option plain_options[] = {COMMON_LONG, {"keys", 0, NULL, 'K'}, {0}};

bool parse_plain(int argc, char **argv, struct common_options *options, bool *ret_keys) {
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, COMMON_SHORT, plain_options, NULL)) != -1) {
        if (option == 'K' && ret_keys)
            *ret_keys = true;
        else if (!take_common_option(option, options)) {
            (void)usage_of(argv[0]);
            return false;
        }
    }
    if (optind == argc)
        return true;
    (void)fprintf(stderr, "sealdesk %s: \"%s\" is not expected here\n", argv[0], argv[optind]);
    (void)usage_of(argv[0]);
    return false;
}

/* What a command that ends says belongs to its user: its processes log only what is wrong, unless -o says otherwise. */
int load_quiet(const struct common_options *options, struct settings **ret) {
    struct common_options quiet = *options;
    quiet.override_count = 0;
    quiet.overrides[quiet.override_count++] = "log.level=warn";
    for (size_t i = 0; i < options->override_count && quiet.override_count < OVERRIDES_MAX; i++)
        quiet.overrides[quiet.override_count++] = options->overrides[i];
    quiet.too_many |= options->override_count == OVERRIDES_MAX;
    return load_common(&quiet, ret);
}

int load_common(const struct common_options *options, struct settings **ret) {
    if (!options->conf) {
        (void)fprintf(stderr, "sealdesk: -c CONF is missing: name the installation's sealdesk.conf\n");
        return EXIT_USAGE;
    }
    if (options->too_many) {
        (void)fprintf(stderr, "sealdesk: more than %d times -o: put them into the configuration file\n", OVERRIDES_MAX);
        return EXIT_USAGE;
    }
    return exit_status_of(settings_load(options->conf, options->overrides, options->override_count, ret));
}

/* Nobody serves the directory: a keeper of our own, joined to nobody but us. */
static enum sd_err start_own(const struct settings *settings, struct door *door) {
    door->own = supervisor_new(settings);
    (void)signal(SIGPIPE, SIG_IGN);
    log_setup("sealdesk", LOG_LEVEL_WARN);
    enum sd_err err = lock_data_dir(settings, &door->own.lock_fd);
    if (err == SD_ERR_BUSY)
        (void)fprintf(stderr, "%s: Sealdesk is starting or stopping: try again in a moment\n", settings->data_dir);
    if (err)
        return err;
    door->is_own = true;
    err = prepare_dirs(settings);
    if (err)
        return err;
    (void)supervisor_add(&door->own, "keeper", 0);
    err = supervisor_start(&door->own);
    if (err == SD_OK)
        err = supervisor_connect(&door->own, "keeper", PEER_ADMIN, &door->keeper);
    if (err)
        (void)fprintf(stderr, "the keeper does not start: %s. Its own message is above.\n", sd_err_text(err));
    return err;
}

void hold_secrets(void) {
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

enum sd_err door_to_running(const struct settings *settings, struct ipc_client **ret) {
    char path[4096];
    int fd = -1;
    (void)snprintf(path, sizeof path, "%s/run/admin.sock", settings->data_dir);
    enum sd_err err = connect_private(path, &fd);
    if (err == SD_ERR_DENIED)
        (void)fprintf(stderr, "%s: only root, or the user who runs Sealdesk, may ask the keeper\n", path);
    if (err)
        return err;
    *ret = ipc_client_new("keeper");
    if (!*ret) {
        (void)close(fd);
        return SD_ERR_NOMEM;
    }
    ipc_client_attach(*ret, fd);
    return SD_OK;
}

/* A locked keeper answers nothing else: its own words are better than an error's. */
static enum sd_err is_open(struct door *door) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_state_rep rep;
    enum sd_err err = keeper_state_call(door->keeper, &(struct keeper_state_req){}, deadline_in_ms(STATE_MS), &msg, &rep);
    if (err || rep.open)
        return err;
    (void)fprintf(stderr, "sealdesk: %.*s\n", SPAN_FMT(rep.reason));
    return SD_ERR_LOCKED;
}

enum sd_err door_open(const struct settings *settings, struct door *door) {
    *door = (struct door){0};
    enum sd_err err = door_to_running(settings, &door->keeper);
    if (err == SD_ERR_DENIED || err == SD_ERR_NOMEM)
        return err;
    if (err)
        err = start_own(settings, door);
    if (err == SD_OK)
        err = is_open(door);
    if (err)
        door_close(door);
    return err;
}

void door_close(struct door *door) {
    ipc_client_free(&door->keeper);
    if (!door->is_own)
        return;
    supervisor_stop(&door->own);
    (void)close(door->own.lock_fd);
    door->is_own = false;
}

bool take_time(const char *text, const char *format, int64_t *ret_ms) {
    struct tm tm = {0};
    const char *end = strptime(text, format, &tm);
    if (!end || *end)
        return false;
    *ret_ms = (int64_t)timegm(&tm) * 1000;
    return true;
}
