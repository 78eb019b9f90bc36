/* sealdesk - the command line. Each command is a file cmd_*.c. */
#include "sealdesk/cli.h"

#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *arguments, *help;
} commands[] = {
    {"init", cmd_init, "DIR --hostname H --domain D [--queue NAME=ADDRESS …]", "make a new installation"},
    {"run", cmd_run, "-c CONF [-o section.key=value …]", "serve, in the foreground"},
    {"status", cmd_status, "-c CONF [--json]", "how each role is and what confines it"},
    {"check", cmd_check, "-c CONF [--json] | --keys", "is the configuration right; all keys"},
    {"dns", cmd_dns, "-c CONF [--json] | check -c CONF [--json] [--resolver IP@PORT]",
     "the DNS records to publish; does the world see them"},
    {"user", cmd_user,
     "add -c CONF --email A --name N --role R [--queue Q …] [--password-file F] | list -c CONF [--json] |\n"
     "           suspend|resume|remove|invite|reset ADDRESS | role ADDRESS R | name ADDRESS N | queues|roles ADDRESS [WORD …]",
     "people"},
    {"session", cmd_session, "list -c CONF [--person A] [--json] | end -c CONF ID | end -c CONF --person A",
     "who is signed in, and out with them"},
    {"audit", cmd_audit,
     "verify|list|key -c CONF [--json] | tail [-n N] [-f] -c CONF [--json] | export [--from N] [--until N] [--out FILE] -c "
     "CONF |\n"
     "           prove --record N | --consistency OLD_CHECKPOINT_FILE -c CONF [--json]",
     "is the log whole; who did what; proofs, and the log for others to check"},
    {"keys", cmd_keys, "list|rotate|wrap … -c CONF", "every key there is; new ones; how the root is kept"},
    {"backup", cmd_backup, "-c CONF --to FILE [--root-to FILE] | -c CONF --prune DIR | keygen --out FILE",
     "everything in one sealed file, and the root in another"},
    {"restore", cmd_restore,
     "--from FILE --root FILE.root --recovery-key PRIVATE (--to DIR | --drill [-c CONF]) [--destructions LOG]",
     "an installation from a backup; or try out whether that would work"},
    {"unlock", cmd_unlock, "-c CONF [--passphrase-file F]", "open the keeper with the passphrase of its root"},
    {"verify", cmd_verify,
     "[-c CONF] [--resolver IP@PORT] [--at UNIXTIME] [--tls \"VERSION CIPHER\"] --ip IP --helo NAME --from ADDR [FILE|-]",
     "judge one message as the door would"},
    {"who-can", cmd_who_can, "-c CONF ACT [ticket N | queue Q [--category C]] [--json]", "everybody who may do this, and why"},
    {"why", cmd_why, "-c CONF PERSON ACT [ticket N | queue Q [--category C]] [--json]", "why somebody may, or may not"},
    {"role", cmd_role, "list -c CONF | set NAME --verb A,B [--queue Q|*] [--category C,D] [--deny] | remove NAME",
     "roles of your own"},
    {"grant", cmd_grant,
     "list -c CONF [--person A] | add --person A --verb B,C --reason TEXT [--queue Q|*] [--category D] [--deny] [--from T] "
     "[--until T] "
     "| remove NUMBER",
     "rules for one person, for a time or for good"},
    {"token", cmd_token, "list -c CONF | revoke ID", "API tokens of all people"},
    {"warrant", cmd_warrant,
     "list -c CONF [--live] | issue --purpose export|rescan|index --until T [--uses N] ticket N|queue Q | revoke ID",
     "what processes may open without a person"},
    {"alarm", cmd_alarm, "list -c CONF [--json]", "what people were told at once"},
    {"quarantine", cmd_quarantine,
     "list -c CONF [--json] | show ID -c CONF [--json] | release ID --reason R -c CONF | destroy ID --break-glass REASON -c "
     "CONF",
     "what is held: why, letting it out, destroying it"},
    {"incident", cmd_incident, "list -c CONF [--json] | close NUMBER --note N -c CONF",
     "what turned out to be malicious after it was let in, and who opened it"},
    {"demo", cmd_demo, "[--once] [--json] [DIR]", "a short true story on this machine"},
};

static void put_usage(FILE *to, size_t command) {
    (void)fprintf(to, "  sealdesk %s %s\n      %s\n", commands[command].name, commands[command].arguments,
                  commands[command].help);
}

static int usage(FILE *to, int status) {
    (void)fprintf(to, "usage: sealdesk COMMAND …\n\n");
    for (size_t i = 0; i < SD_COUNT(commands); i++)
        put_usage(to, i);
    (void)fprintf(to, "\nExit status: 0 yes, 1 no, 2 usage, 69 not running, 75 try again, 77 not allowed, 78 configuration.\n");
    return status;
}

int usage_of(const char *command) {
    for (size_t i = 0; i < SD_COUNT(commands); i++)
        if (strcmp(command, commands[i].name) == 0)
            (void)fprintf(stderr, "usage: sealdesk %s %s\n", command, commands[i].arguments);
    return EXIT_USAGE;
}

/* `sealdesk COMMAND --help`, before the command looks at anything. */
static bool asks_help(int argc, char **argv) {
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run_command(size_t command, int argc, char **argv) {
    if (!asks_help(argc, argv))
        return commands[command].run(argc - 1, argv + 1);
    put_usage(stdout, command);
    return EXIT_YES;
}

int main(int argc, char **argv) {
    if (argc < 2)
        return usage(stderr, EXIT_USAGE);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return usage(stdout, EXIT_YES);
    if (strcmp(argv[1], "--version") == 0)
        return printf("sealdesk %s\n", SEALDESK_VERSION) > 0 ? EXIT_YES : EXIT_NO;
    for (size_t i = 0; i < SD_COUNT(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run_command(i, argc, argv);
    (void)fprintf(stderr, "sealdesk: no command \"%s\"\n", argv[1]);
    return usage(stderr, EXIT_USAGE);
}
