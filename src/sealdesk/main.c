/* sealdesk - the command line. Each command is a file cmd_*.c. */
#include "sealdesk/cli.h"

#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"init", cmd_init, "DIR --hostname H --domain D [--queue NAME=ADDRESS …]   make a new installation"},
    {"run", cmd_run, "-c CONF [-o section.key=value …]                        serve, in the foreground"},
    {"status", cmd_status, "-c CONF [--json]                                        how each role is and what confines it"},
    {"check", cmd_check, "-c CONF | --keys                                        is the configuration right; all keys"},
    {"dns", cmd_dns, "-c CONF                                                 the DNS records to publish"},
    {"user", cmd_user, "add -c CONF --email A --name N --role R --queue Q … --password-file F;  list"},
    {"audit", cmd_audit, "verify|list -c CONF [--json]                            the log of who did what"},
    {"verify", cmd_verify, "[--resolver IP@PORT] --ip IP --helo NAME --from ADDR [FILE|-]   judge one message"},
    {"demo", cmd_demo, "[--once] [--json] [DIR]                                 a short true story on this machine"},
};

static int usage(FILE *to, int status) {
    (void)fprintf(to, "usage: sealdesk COMMAND …\n\n");
    for (size_t i = 0; i < SD_COUNT(commands); i++)
        (void)fprintf(to, "  sealdesk %-7s %s\n", commands[i].name, commands[i].help);
    (void)fprintf(to, "\nExit status: 0 yes, 1 no, 2 usage, 69 not running, 75 try again, 77 not allowed, 78 configuration.\n");
    return status;
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
            return commands[i].run(argc - 1, argv + 1);
    (void)fprintf(stderr, "sealdesk: no command \"%s\"\n", argv[1]);
    return usage(stderr, EXIT_USAGE);
}
