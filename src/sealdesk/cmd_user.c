/* sealdesk user: people, as root adds, invites, changes and lists them. */
#include "sealdesk/user_cli.h"

#include "core/json_out.h"
#include "core/role.h"
#include "core/secret.h"

#include <getopt.h>
#include <string.h>

int user_usage(void) {
    (void)fprintf(
        stderr, "usage: sealdesk user add -c CONF --email A --name N --role R [--queue Q …] [--password-file F]\n"
                "       sealdesk user list -c CONF [--json]\n"
                "       sealdesk user suspend|resume|remove|invite|reset ADDRESS -c CONF\n"
                "       sealdesk user role ADDRESS R | name ADDRESS NAME | queues ADDRESS [Q …] | roles ADDRESS [ROLE …]\n"
                "       --break-glass REASON: for a reset, and for an administrator once there is one; everybody is told\n"
                "roles: agent supervisor security privacy admin auditor; F may be - for standard input; without it the person\n"
                "is invited: a link and a code are printed, which go to them by two different ways\n");
    return EXIT_USAGE;
}

/* What is no option: the command's own word, then its arguments. */
static bool parse_user(int argc, char **argv, struct user_options *o) {
    static const struct option options[] = {COMMON_LONG,
                                            {"email", 1, NULL, 'E'},
                                            {"name", 1, NULL, 'N'},
                                            {"role", 1, NULL, 'R'},
                                            {"queue", 1, NULL, 'Q'},
                                            {"password-file", 1, NULL, 'P'},
                                            {"break-glass", 1, NULL, 'B'},
                                            {0}};
    const struct {
        int letter;
        const char **to;
    } texts[] = {{'E', &o->email}, {'N', &o->name}, {'R', &o->role}, {'P', &o->password_file}, {'B', &o->reason}};
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, COMMON_SHORT, options, NULL)) != -1) {
        bool taken = option == 'Q';
        if (taken)
            ipc_list_add(&o->queues, &o->queue_bytes, span_cstr(optarg));
        for (size_t i = 0; i < SD_COUNT(texts) && !taken; i++)
            if (texts[i].letter == option) {
                *texts[i].to = optarg;
                taken = true;
            }
        if (!taken && !take_common_option(option, &o->common))
            return false;
    }
    o->words = argv + optind + 1;
    o->word_count = argc - optind - 1;
    return o->word_count >= 0;
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

static void print_added(const struct keeper_user_add_rep *rep, bool json) {
    struct buf out SD_CLEANUP(buf_free) = buf_new(8192);
    struct json_out j = json_out(&out);
    if (!json) {
        (void)printf("%.*s\n", SPAN_FMT(rep->otpauth));
        return;
    }
    json_begin_object(&j, NULL);
    json_text(&j, "id", rep->person);
    json_text(&j, "otpauth", rep->otpauth);
    json_end(&j);
    (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
}

static int add_with_password(struct door *door, const struct user_options *o, const struct secret *password) {
    struct keeper_user_add_req req = {.email = span_cstr(o->email),
                                      .name = span_cstr(o->name),
                                      .role = span_cstr(o->role),
                                      .queues = o->queues,
                                      .password = secret_span(password),
                                      .reason = span_cstr(o->reason)};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_user_add_rep rep = {0};
    enum sd_err err = keeper_user_add_call(door->keeper, &req, deadline_in_ms(USER_ASK_MS), &msg, &rep);
    int status = user_report("add", err, rep.problem);
    if (status == EXIT_YES)
        print_added(&rep, o->common.json);
    return status;
}

static int invite(struct door *door, const struct settings *settings, const struct user_options *o) {
    struct keeper_person_invite_req req = {.email = span_cstr(o->email),
                                           .name = span_cstr(o->name),
                                           .role = span_cstr(o->role),
                                           .queues = o->queues,
                                           .reason = span_cstr(o->reason)};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_person_invite_rep rep = {0};
    enum sd_err err = keeper_person_invite_call(door->keeper, &req, deadline_in_ms(USER_ASK_MS), &msg, &rep);
    int status = user_report("add", err, rep.problem);
    struct user_link link = {rep.person, rep.link, rep.code, rep.expires_ms};
    if (status == EXIT_YES)
        print_link(settings, &link, o->common.json);
    return status;
}

static int user_add(struct user_options *o) {
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct secret password SD_CLEANUP(secret_free) = {0};
    struct door door;
    if (!o->email || !o->name || !o->role || o->word_count)
        return user_usage();
    int status = load_quiet(&o->common, &settings);
    if (status)
        return status;
    enum sd_err err = o->password_file ? read_password(o->password_file, &password) : SD_OK;
    if (err == SD_OK)
        err = door_open(settings, &door);
    if (err)
        return exit_status_of(err);
    status = o->password_file ? add_with_password(&door, o, &password) : invite(&door, settings, o);
    door_close(&door);
    return status;
}

static enum sd_err print_people(struct ipc_client *keeper, bool json) {
    struct buf after SD_CLEANUP(buf_free) = buf_new(LIMIT_ADDRESS_BYTES);
    do {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        struct keeper_user_list_rep rep;
        struct keeper_user_list_req req = {.after = buf_span(&after)};
        enum sd_err err = keeper_user_list_call(keeper, &req, deadline_in_ms(USER_ASK_MS), &msg, &rep);
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
    if (o->word_count) {
        (void)fprintf(stderr, "sealdesk: \"%s\" is not expected here\n", o->words[0]);
        return user_usage();
    }
    int status = load_quiet(&o->common, &settings);
    if (status)
        return status;
    enum sd_err err = door_open(settings, &door);
    if (err)
        return exit_status_of(err);
    status = user_report("list", print_people(door.keeper, o->common.json), SPAN_NONE);
    door_close(&door);
    return status;
}

int cmd_user(int argc, char **argv) {
    struct user_options o = {.queue_bytes = buf_new(8192)};
    const char *word = argc >= 2 ? argv[1] : "";
    int status = EXIT_USAGE;
    if (!parse_user(argc, argv, &o))
        (void)user_usage();
    else if (strcmp(word, "add") == 0)
        status = user_add(&o);
    else if (strcmp(word, "list") == 0)
        status = user_list(&o);
    else
        status = user_change(word, &o);
    buf_free(&o.queue_bytes);
    return status;
}
