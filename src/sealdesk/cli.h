/*
 * cli.h - the command line: what commands share. Exit status: 0 yes, 1 no, 2 usage, 69 not running, 75 try again, 77 not
 * allowed, 78 configuration (sysexits.h).
 */
#ifndef SD_SEALDESK_CLI_H
#define SD_SEALDESK_CLI_H

#include "core/secret.h"
#include "sealdesk/supervisor.h"

enum exit_status {
    EXIT_YES = 0,
    EXIT_NO = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_RUNNING = 69,
    EXIT_TRY_AGAIN = 75,
    EXIT_NOT_ALLOWED = 77,
    EXIT_CONFIG = 78,
};

/* An error as exit status. */
int exit_status_of(enum sd_err err);

/* One line of usage for a command that has no more to say; EXIT_USAGE. */
int usage_of(const char *command);

/* Commands; argv[0] is the command's own word. */
int cmd_init(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_dns(int argc, char **argv);
int cmd_user(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_unlock(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_who_can(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_role(int argc, char **argv);
int cmd_grant(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_warrant(int argc, char **argv);
int cmd_alarm(int argc, char **argv);
int cmd_session(int argc, char **argv);
int cmd_quarantine(int argc, char **argv);
int cmd_incident(int argc, char **argv);

/* Options that most commands have: -c CONF, -o key=value …, --json. Others are left to the caller. */
#define OVERRIDES_MAX 64
struct common_options {
    const char *conf; /* NULL: not given */
    const char *overrides[OVERRIDES_MAX];
    size_t override_count;
    bool json;
    bool too_many; /* -o more than OVERRIDES_MAX times */
};
/* One getopt_long result: true when it was a common option. */
bool take_common_option(int option, struct common_options *options);
#define COMMON_SHORT "c:o:jh"
#define COMMON_LONG                                                                                                            \
    {"config", 1, NULL, 'c'}, {"option", 1, NULL, 'o'}, {"json", 0, NULL, 'j'}, {                                              \
        "help", 0, NULL, 'h'                                                                                                   \
    }

/* The whole line of a command that takes only the usual options, and --keys where ret_keys is given; false after having said
 * what is wrong. */
bool parse_plain(int argc, char **argv, struct common_options *options, bool *ret_keys);

/* UTC by a format of strptime(3), the whole text; else false and nothing is changed. */
bool take_time(const char *text, const char *format, int64_t *ret_ms);

/* Loads what -c names. EXIT_YES, or the exit status after having said what is wrong. */
int load_common(const struct common_options *options, struct settings **ret);
/* The same for commands that end: their processes log warnings and errors only. */
int load_quiet(const struct common_options *options, struct settings **ret);

/* ---- the way to the keeper ---- */

/* Through run/admin.sock when Sealdesk runs, else by a keeper of our own for as long as the door is open. */
struct door {
    struct supervisor own;
    struct ipc_client *keeper;
    bool is_own;
};
enum sd_err door_open(const struct settings *settings, struct door *door) SD_MUST_CHECK; /* says what failed */
void door_close(struct door *door);
/* The running one's alone, locked or not. Says it when it may not; SD_ERR_UNAVAILABLE and others: none is there. */
enum sd_err door_to_running(const struct settings *settings, struct ipc_client **ret) SD_MUST_CHECK;

/* cli.c: for commands that hold a passphrase or a key: this process is not dumped, and nobody else reads its memory. */
void hold_secrets(void);

/* passphrase.c: the first line of a file ("-": standard input), or asked at the terminal; they say what failed. */
enum sd_err passphrase_from_file(const char *path, struct secret *ret) SD_MUST_CHECK;
enum sd_err passphrase_from_terminal(const char *prompt, struct secret *ret) SD_MUST_CHECK;
enum sd_err passphrase_twice(struct secret *ret) SD_MUST_CHECK;

/* scratch.c: an empty data directory for roles that run for one question, as the roles' frame wants one. */
#define SCRATCH_BYTES 64
enum sd_err scratch_make(char dir[SCRATCH_BYTES]) SD_MUST_CHECK;
void scratch_remove(const char *dir);

/* zone.c: the DNS records to publish, as zone-file lines. json: keeper.public_keys. */
enum sd_err put_zone(const struct settings *settings, struct span json, struct buf *to) SD_MUST_CHECK;
/* cmd_dns.c: "records", the same lines without remarks. */
struct json_out;
void put_zone_json(struct json_out *j, struct span zone);

/* print.c: the keeper's JSON lines for people. */
void print_person(struct span line);
void print_session(struct span line);
void print_record(struct span line);
void print_who(struct span line);
void print_role(struct span line);
void print_grant(struct span line);
void print_token(struct span line);
void print_warrant(struct span line);
void print_alarm(struct span line);
void print_held(struct span line);
void print_custody(struct span line);
void print_incident(struct span line);
/* Lines of JSON as they are with --json, else by `print`. */
void print_lines(struct ipc_list list, bool json, void (*print)(struct span line));

#endif
