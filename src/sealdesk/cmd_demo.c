/* sealdesk demo: the story is a program of its own, libexec/sealdesk-demo; this hands over to it. */
#include "sealdesk/cli.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int cmd_demo(SD_UNUSED int argc, char **argv) {
    char program[4096];
    (void)snprintf(program, sizeof program, "%s/sealdesk-demo", libexec_dir());
    (void)execv(program, argv);
    (void)fprintf(stderr, "%s: %s\n", program, strerror(errno));
    return EXIT_NO;
}
