#include "inspect/rspamd_rig.h"

#include "core/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RSPAMD "/usr/bin/rspamd"
#define START_MS 120000 /* it compiles its patterns first */

static void must(bool ok) {
    if (!ok)
        abort();
}

struct span gtube(void) {
    static char text[69];
    (void)snprintf(text, sizeof text, "%s%s%s", "XJS*C4JDBQADN1.NSBN3*2IDNEN*", "GTUBE-STANDARD-ANTI-UBE-TEST", "-EMAIL*C.34X");
    return span_cstr(text);
}

static void write_file(const struct rspamd_rig *rig, const char *name, const char *text) {
    char path[160];
    (void)snprintf(path, sizeof path, "%s/%s", rig->dir, name);
    FILE *f = fopen(path, "w");
    must(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void make_dir(const struct rspamd_rig *rig, const char *name) {
    char path[160];
    (void)snprintf(path, sizeof path, "%s/%s", rig->dir, name);
    must(mkdir(path, 0755) == 0);
}

/* What would ask the network, or another daemon. */
static const char *const quiet[] = {"rbl",      "dkim",           "spf",        "dmarc",    "arc",    "fuzzy_check",
                                    "phishing", "surbl",          "emails",     "greylist", "asn",    "history_redis",
                                    "redis",    "ratelimit",      "reputation", "mx_check", "neural", "replies",
                                    "hfilter",  "url_redirector", "maillist",   "antivirus"};

static void write_conf(const struct rspamd_rig *rig) {
    char text[1024];
    static const char *const dirs[] = {"local.d", "run", "db", "log"};
    for (size_t i = 0; i < SD_COUNT(dirs); i++)
        make_dir(rig, dirs[i]);
    for (size_t i = 0; i < SD_COUNT(quiet); i++) {
        (void)snprintf(text, sizeof text, "local.d/%s.conf", quiet[i]);
        write_file(rig, text, "enabled = false;\n");
    }
    write_file(rig, "tld", "com\nexample\n"); /* the whole list takes half a minute to compile */
    (void)snprintf(text, sizeof text,
                   "dns { nameserver = [\"127.0.0.1:9\"]; timeout = 0.05s; retransmits = 1; }\nurl_tld = \"%s/tld\";\n",
                   rig->dir);
    write_file(rig, "local.d/options.inc", text);
    (void)snprintf(text, sizeof text, "bind_socket = \"%s/run/normal mode=0666\";\ncount = 1;\n", rig->dir);
    write_file(rig, "local.d/worker-normal.inc", text);
    (void)snprintf(text, sizeof text,
                   "bind_socket = \"%s/run/controller mode=0666\";\npassword = \"open sesame\";\nsecure_ip = [];\n", rig->dir);
    write_file(rig, "local.d/worker-controller.inc", text);
    write_file(rig, "local.d/worker-proxy.inc", "enabled = false;\n");
    write_file(rig, "local.d/worker-fuzzy.inc", "enabled = false;\n");
    write_file(rig, "local.d/logging.inc", "level = \"error\";\n");
    (void)snprintf(text, sizeof text,
                   "backend = \"sqlite3\";\ncache { type = \"sqlite3\"; path = \"%s/db/learned\"; }\nmin_learns = 1;\n"
                   "statfile { symbol = \"BAYES_HAM\"; path = \"%s/db/ham\"; spam = false; }\n"
                   "statfile { symbol = \"BAYES_SPAM\"; path = \"%s/db/spam\"; spam = true; }\nlearn_condition = \"return "
                   "function() return true end\";\n",
                   rig->dir, rig->dir, rig->dir);
    write_file(rig, "local.d/classifier-bayes.conf", text);
    write_file(rig, "password", "open sesame\n");
}

static void run(const struct rspamd_rig *rig) {
    static const char *const names[] = {"LOCAL_CONFDIR", "RUNDIR", "DBDIR", "LOGDIR"};
    static const char *const dirs[] = {"", "/run", "/db", "/log"};
    char vars[4][128];
    char log[128];
    (void)snprintf(log, sizeof log, "%s/log/output", rig->dir);
    for (size_t i = 0; i < SD_COUNT(names); i++)
        (void)snprintf(vars[i], sizeof vars[i], "--var=%s=%s%s", names[i], rig->dir, dirs[i]);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(out, STDERR_FILENO);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void)setpgid(0, 0); /* its workers end with it */
    if (geteuid() == 0)
        (void)execl(RSPAMD, RSPAMD, "-f", "-i", "-u", "root", "-g", "root", vars[0], vars[1], vars[2], vars[3], (char *)NULL);
    else
        (void)execl(RSPAMD, RSPAMD, "-f", vars[0], vars[1], vars[2], vars[3], (char *)NULL);
    _exit(127);
}

static bool answers(const struct rspamd_rig *rig, const char *name) {
    static const char request[] = "GET /ping HTTP/1.0\r\n\r\n";
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char answer[8] = {0};
    (void)snprintf(un.sun_path, sizeof un.sun_path, "%s/run/%s", rig->dir, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&un, sizeof un) == 0 && write(fd, request, sizeof request - 1) > 0 &&
              read(fd, answer, sizeof answer - 1) > 0 && span_starts(span_cstr(answer), SPAN("HTTP"));
    (void)close(fd);
    return ok;
}

bool rspamd_rig_start(struct rspamd_rig *rig) {
    struct deadline deadline = deadline_in_ms(START_MS);
    *rig = (struct rspamd_rig){.dir = "/tmp/rspamd-test-XXXXXX"};
    if (access(RSPAMD, X_OK) != 0) {
        (void)fprintf(stderr, "SKIPPED: %s is not there (package rspamd)\n", RSPAMD);
        return false;
    }
    must(mkdtemp(rig->dir) != NULL && chmod(rig->dir, 0755) == 0);
    write_conf(rig);
    (void)snprintf(rig->check, sizeof rig->check, "unix:%s/run/normal", rig->dir);
    (void)snprintf(rig->controller, sizeof rig->controller, "unix:%s/run/controller", rig->dir);
    (void)snprintf(rig->password_file, sizeof rig->password_file, "%s/password", rig->dir);
    rig->pid = fork();
    must(rig->pid >= 0);
    if (rig->pid == 0)
        run(rig);
    while (!answers(rig, "normal") || !answers(rig, "controller")) {
        must(!deadline_passed(deadline) && waitpid(rig->pid, NULL, WNOHANG) == 0);
        (void)nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    return true;
}

void rspamd_rig_kill(struct rspamd_rig *rig) {
    if (rig->pid > 0) {
        (void)kill(-rig->pid, SIGKILL);
        (void)waitpid(rig->pid, NULL, 0);
    }
    rig->pid = 0;
}

void rspamd_rig_stop(struct rspamd_rig *rig) {
    char command[160];
    rspamd_rig_kill(rig);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", rig->dir);
    must(!rig->dir[0] || system(command) == 0);
}
