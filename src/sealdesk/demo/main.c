/*
 * sealdesk-demo - plays the story (story.c) on this machine's loopback and prints what happened; then, unless --once, keeps the
 * desk running until Ctrl-C. Exit status 0 when every step was as it should be, else 1.
 */
#include "sealdesk/demo/demo.h"

#include "core/log.h"

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DESK_PORT 8025 /* what the documentation tells newcomers */

struct result {
    bool ok;
    char detail[DETAIL_BYTES];
    int64_t ms;
};

static volatile sig_atomic_t interrupted;

static void on_signal(SD_UNUSED int signal_number) {
    interrupted = 1;
}

/* The TOTP of now, from the otpauth line as an authenticator would. */
void demo_code(const struct demo_person *person, char ret[7]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const char *secret = strstr(person->otpauth, "secret=");
    uint8_t key[64], counter[8], mac[20];
    size_t n = 0;
    uint32_t held = 0;
    unsigned bits = 0;
    for (const char *c = secret ? secret + 7 : ""; *c && strchr(digits, *c) && n < sizeof key; c++) {
        held = held << 5 | (uint32_t)(strchr(digits, *c) - digits);
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            key[n++] = (uint8_t)(held >> bits);
        }
    }
    uint64_t step = (uint64_t)clock_unix_ms() / 30000;
    for (size_t i = 0; i < sizeof counter; i++)
        counter[i] = (uint8_t)(step >> (8 * (7 - i)));
    ret[0] = 0;
    if (crypt_hmac_sha1(span_of(key, n), span_of(counter, sizeof counter), mac) != SD_OK)
        return;
    size_t at = mac[19] & 15;
    uint32_t value = ((uint32_t)mac[at] << 24 | (uint32_t)mac[at + 1] << 16 | (uint32_t)mac[at + 2] << 8 | mac[at + 3]) &
                     0x7fffffff;
    (void)snprintf(ret, 7, "%06u", value % 1000000);
}

static bool choose_places(struct demo *d, const char *dir, bool once) {
    ssize_t n = readlink("/proc/self/exe", d->program, sizeof d->program - 1);
    d->program[n > 0 ? n : 0] = 0;
    char *libexec = strstr(d->program, "/libexec/"); /* build/libexec/sealdesk-demo: the program is build/sealdesk */
    const char *named = getenv("SEALDESK_PROGRAM");
    if (named)
        (void)snprintf(d->program, sizeof d->program, "%s", named);
    else if (libexec)
        memcpy(libexec, "/sealdesk", sizeof "/sealdesk");
    if (dir)
        (void)snprintf(d->dir, sizeof d->dir, "%s", dir);
    else {
        (void)snprintf(d->dir, sizeof d->dir, "/tmp/sealdesk-demo.XXXXXX");
        if (!mkdtemp(d->dir))
            return false;
    }
    if (snprintf(d->conf, sizeof d->conf, "%s/sealdesk.conf", d->dir) >= (int)sizeof d->conf)
        return false;
    d->desk_port = DESK_PORT;
    if (demo_free_port(&d->smtp_port) != SD_OK || (once && demo_free_port(&d->desk_port) != SD_OK))
        return false;
    (void)snprintf(d->base_url, sizeof d->base_url, "http://127.0.0.1:%u", d->desk_port);
    return true;
}

#define TABLE_COLUMNS 100
#define DETAIL_COLUMN 59

/* Details longer than their column go on in it on the next line, broken between words. */
static void print_step(bool ok, const char *title, const char *detail) {
    size_t room = TABLE_COLUMNS - DETAIL_COLUMN;
    (void)printf("%s  %-50s ", ok ? "ok    " : "NOT OK", title);
    for (size_t left = strlen(detail); left > room; left = strlen(detail)) {
        size_t n = room;
        while (n > 0 && detail[n] != ' ')
            n--;
        if (n == 0) /* one long word, such as a hash */
            n = strcspn(detail, " ");
        if (n == left)
            break;
        (void)printf("%.*s\n%*s", (int)n, detail, DETAIL_COLUMN, "");
        detail += n + 1;
    }
    (void)printf("%s\n", detail);
}

static unsigned play(struct demo *d, struct result *results, bool json) {
    unsigned played = 0;
    for (; played < demo_story_length && !interrupted; played++) {
        struct result *r = &results[played];
        int64_t start = clock_mono_ns();
        r->ok = demo_story[played].run(d, r->detail);
        r->ms = (clock_mono_ns() - start) / 1000000;
        if (!json)
            print_step(r->ok, demo_story[played].title, r->detail);
        (void)fflush(stdout);
        if (!r->ok && played < 3) /* without a running desk the rest means nothing */
            return played + 1;
    }
    return played;
}

static void print_json(const struct result *results, unsigned played, bool ok) {
    json_t *steps = json_array();
    for (unsigned i = 0; i < played; i++)
        (void)json_array_append_new(steps,
                                    json_pack("{s:s, s:b, s:s, s:I}", "name", demo_story[i].name, "ok", (int)results[i].ok,
                                              "detail", results[i].detail, "ms", (json_int_t)results[i].ms));
    json_t *all = json_pack("{s:b, s:o}", "ok", (int)ok, "steps", steps);
    (void)json_dumpf(all, stdout, JSON_COMPACT);
    (void)printf("\n");
    json_decref(all);
}

static void print_codes(const struct demo *d) {
    for (size_t i = 0; i < DEMO_PEOPLE; i++) {
        const struct demo_person *p = &d->people[i];
        char code[7];
        demo_code(p, code);
        if (strcmp(code, p->spent) == 0)
            (void)printf("  %-36s %-10s used in the story: press Enter in half a minute\n", p->email, p->role);
        else
            (void)printf("  %-36s %-10s code %s\n", p->email, p->role, code);
    }
}

static void keep_open(struct demo *d) {
    (void)printf("\nThe desk is at %s - mail comes in at 127.0.0.1:%u, everything is in %s\n"
                 "Password of all: %s\n",
                 d->base_url, d->smtp_port, d->dir, demo_password);
    for (size_t i = 0; i < DEMO_PEOPLE; i++)
        (void)printf("  %s\n", d->people[i].otpauth);
    (void)printf("Codes of this half minute (each counts once; press Enter for new ones, Ctrl-C to end):\n");
    print_codes(d);
    while (!interrupted) {
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        char line[100];
        (void)fflush(stdout);
        if (demo_ended(&d->run_pid)) {
            (void)printf("Sealdesk ended by itself; %s/demo.log says why\n", d->dir);
            return;
        }
        if (poll(&in, 1, 1000) <= 0)
            continue;
        if (read(STDIN_FILENO, line, sizeof line) <= 0)
            (void)poll(NULL, 0, 1000); /* no terminal: just go on */
        else
            print_codes(d);
    }
}

static void stop_program(int pid) {
    int status;
    if (pid <= 0)
        return;
    (void)kill(pid, SIGTERM);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
}

static void end(struct demo *d, bool remove_dir) {
    demo_api_free(&d->agent);
    demo_api_free(&d->other);
    stop_program(d->run_pid);
    stop_program(d->scanner_pid);
    if (remove_dir)
        demo_remove_tree(d->dir);
}

static int usage(void) {
    (void)fprintf(
        stderr,
        "usage: sealdesk demo [--once] [--json] [DIR]\n  DIR is new, or an empty folder; default: a new one under /tmp\n");
    return 2;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"once", 0, NULL, '1'}, {"json", 0, NULL, 'j'}, {0}};
    static struct demo d = {.people = {{"alex@northwind-shop.example", "Alex", "agent", "support", ""},
                                       {"billie@northwind-shop.example", "Billie", "agent", "billing", ""},
                                       {"sasha@northwind-shop.example", "Sasha", "security", NULL, ""},
                                       {"ash@northwind-shop.example", "Ash", "admin", NULL, ""}}};
    static struct result results[32];
    bool once = false, json = false, ok = true;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != '1' && option != 'j')
            return usage();
        once |= option == '1';
        json |= option == 'j';
    }
    if (optind + 1 < argc)
        return usage();
    const char *dir = optind < argc ? argv[optind] : NULL;
    if (!once && !demo_port_free(DESK_PORT)) {
        (void)fprintf(stderr,
                      "sealdesk demo: port %d is in use: end the other demo or server first, or play the story alone with "
                      "--once\n",
                      DESK_PORT);
        return 1;
    }
    log_setup("demo", LOG_LEVEL_WARN);
    (void)signal(SIGPIPE, SIG_IGN);
    struct sigaction stop = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    if (!choose_places(&d, dir, once) || demo_world_new(&d.world) != SD_OK ||
        demo_receiver_start(&d.world, &d.receiver_port, &d.receiver) != SD_OK) {
        (void)fprintf(stderr, "sealdesk demo: cannot set up: %s\n", strerror(errno));
        return 1;
    }
    unsigned played = play(&d, results, json);
    for (unsigned i = 0; i < played; i++)
        ok &= results[i].ok;
    ok &= played == demo_story_length;
    if (json)
        print_json(results, played, ok);
    (void)fflush(stdout);
    if (!once && !interrupted && played == demo_story_length)
        keep_open(&d);
    end(&d, once && !dir && ok);
    if (!ok && !json)
        (void)printf("\nA step was not as it should be. %s is kept; demo.log in it is Sealdesk's own log.\n", d.dir);
    return ok ? 0 : 1;
}
