/* sealdesk user add, user list: people, as root adds them. */
#include "sealdesk/cli.h"

#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "core/role.h"
#include "core/secret.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS 30000

struct user_options {
    struct common_options common;
    const char *email, *name, *role, *password_file;
    struct ipc_list queues;
    struct buf queue_bytes;
};

static int user_usage(void) {
    (void)fprintf(stderr, "usage: sealdesk user add -c CONF --email A --name N --role R [--queue Q …] --password-file F\n"
                          "       sealdesk user list -c CONF [--json]\n"
                          "roles: agent supervisor security privacy admin auditor; F may be - for standard input\n");
    return EXIT_USAGE;
}

static bool parse_user(int argc, char **argv, struct user_options *o) {
    static const struct option options[] = {COMMON_LONG,
                                            {"email", 1, NULL, 'E'},
                                            {"name", 1, NULL, 'N'},
                                            {"role", 1, NULL, 'R'},
                                            {"queue", 1, NULL, 'Q'},
                                            {"password-file", 1, NULL, 'P'},
                                            {0}};
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, COMMON_SHORT, options, NULL)) != -1) {
        if (option == 'E')
            o->email = optarg;
        else if (option == 'N')
            o->name = optarg;
        else if (option == 'R')
            o->role = optarg;
        else if (option == 'P')
            o->password_file = optarg;
        else if (option == 'Q')
            ipc_list_add(&o->queues, &o->queue_bytes, span_cstr(optarg));
        else if (!take_common_option(option, &o->common))
            return false;
    }
    if (optind < argc)
        (void)fprintf(stderr, "sealdesk: \"%s\" is not expected here\n", argv[optind]);
    return optind == argc;
}

/* The first line of the file; never an argument, where other users of the machine would see it. */
static enum sd_err read_password(const char *path, struct secret *ret) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(4096);
    enum sd_err err = file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &text);
    if (err) {
        (void)fprintf(stderr, "%s: cannot read the password: %s\n", path, sd_err_text(err));
        return err;
    }
    struct span line = buf_span(&text);
    line = span_sub(line, 0, span_find(line, '\n'));
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    return secret_copy(line, ret);
}

static int report_user(enum sd_err err, const struct keeper_user_add_rep *rep, bool json) {
    if (err || rep->problem.n) {
        (void)fprintf(stderr, "sealdesk user add: %.*s\n", SPAN_FMT(err ? span_cstr(sd_err_text(err)) : rep->problem));
        return err ? exit_status_of(err) : EXIT_NO;
    }
    if (!json)
        return printf("%.*s\n", SPAN_FMT(rep->otpauth)) > 0 ? EXIT_YES : EXIT_NO;
    struct buf out SD_CLEANUP(buf_free) = buf_new(8192);
    struct json_out j = json_out(&out);
    json_begin_object(&j, NULL);
    json_text(&j, "id", rep->person);
    json_text(&j, "otpauth", rep->otpauth);
    json_end(&j);
    (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
    return EXIT_YES;
}

static int user_add(struct user_options *o) {
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct secret password SD_CLEANUP(secret_free) = {0};
    struct door door;
    if (!o->email || !o->name || !o->role || !o->password_file)
        return user_usage();
    int status = load_quiet(&o->common, &settings);
    if (status)
        return status;
    enum sd_err err = read_password(o->password_file, &password);
    if (err == SD_OK)
        err = door_open(settings, &door);
    if (err)
        return exit_status_of(err);
    struct keeper_user_add_req req = {.email = span_cstr(o->email),
                                      .name = span_cstr(o->name),
                                      .role = span_cstr(o->role),
                                      .queues = o->queues,
                                      .password = secret_span(&password)};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_user_add_rep rep = {0};
    err = keeper_user_add_call(door.keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    status = report_user(err, &rep, o->common.json);
    door_close(&door);
    return status;
}

static enum sd_err print_people(struct ipc_client *keeper, bool json) {
    struct buf after SD_CLEANUP(buf_free) = buf_new(LIMIT_ADDRESS_BYTES);
    do {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        struct keeper_user_list_rep rep;
        struct keeper_user_list_req req = {.after = buf_span(&after)};
        enum sd_err err = keeper_user_list_call(keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
        if (err)
            return err;
        print_lines(rep.people, json, print_person);
        buf_reset(&after);
        buf_put(&after, rep.next);
    } while (after.n && buf_err(&after) == SD_OK);
    return buf_err(&after);
}

static int user_list(struct user_options *o) {
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct door door;
    int status = load_quiet(&o->common, &settings);
    if (status)
        return status;
    enum sd_err err = door_open(settings, &door);
    if (err)
        return exit_status_of(err);
    err = print_people(door.keeper, o->common.json);
    if (err)
        (void)fprintf(stderr, "sealdesk user list: %s\n", sd_err_text(err));
    door_close(&door);
    return exit_status_of(err);
}

int cmd_user(int argc, char **argv) {
    struct user_options o = {.queue_bytes = buf_new(8192)};
    bool good = argc >= 2 && parse_user(argc - 1, argv + 1, &o);
    int status = EXIT_USAGE;
    if (good && strcmp(argv[1], "add") == 0)
        status = user_add(&o);
    else if (good && strcmp(argv[1], "list") == 0)
        status = user_list(&o);
    else
        (void)user_usage();
    buf_free(&o.queue_bytes);
    return status;
}
