/* sealdesk unlock: opens the keeper of a running Sealdesk with the passphrase of its root. */
#include "sealdesk/cli.h"

#include "core/ipc/keeper.h"

#include <getopt.h>
#include <string.h>

#define ASK_MS 60000

struct unlock_options {
    struct common_options common;
    const char *file;
};

static bool parse_unlock(int argc, char **argv, struct unlock_options *o) {
    static const struct option options[] = {COMMON_LONG, {"passphrase-file", 1, NULL, 'P'}, {0}};
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, COMMON_SHORT, options, NULL)) != -1) {
        if (option == 'P')
            o->file = optarg;
        else if (!take_common_option(option, &o->common))
            return false;
    }
    return optind == argc;
}

static int unlock(struct ipc_client *keeper, const struct unlock_options *o) {
    struct secret passphrase SD_CLEANUP(secret_free) = {0};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_unlock_rep rep;
    enum sd_err err = o->file ? passphrase_from_file(o->file, &passphrase)
                              : passphrase_from_terminal("Passphrase of the root key", &passphrase);
    if (err)
        return exit_status_of(err);
    struct keeper_unlock_req req = {.passphrase = secret_span(&passphrase)};
    err = keeper_unlock_call(keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err)
        (void)fprintf(stderr, "sealdesk unlock: %s\n", sd_err_text(err));
    else if (rep.problem.n)
        (void)fprintf(stderr, "sealdesk unlock: %.*s\n", SPAN_FMT(rep.problem));
    return err ? exit_status_of(err) : rep.problem.n ? EXIT_NO : EXIT_YES;
}

int cmd_unlock(int argc, char **argv) {
    struct unlock_options o = {0};
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct ipc_client *keeper = NULL;
    hold_secrets();
    if (!parse_unlock(argc, argv, &o))
        return usage_of(argv[0]);
    int status = load_quiet(&o.common, &settings);
    if (status)
        return status;
    enum sd_err err = door_to_running(settings, &keeper);
    if (err && err != SD_ERR_DENIED)
        (void)fprintf(stderr, "%s: Sealdesk is not running here (`sealdesk run` starts it)\n", settings->data_dir);
    if (err)
        return err == SD_ERR_DENIED ? EXIT_NOT_ALLOWED : EXIT_NOT_RUNNING;
    status = unlock(keeper, &o);
    ipc_client_free(&keeper);
    return status;
}
