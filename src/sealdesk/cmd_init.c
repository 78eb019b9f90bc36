/* sealdesk init: a new installation in one folder. Never overwrites; a failed attempt leaves nothing behind. */
#include "sealdesk/cli.h"

#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMES_MAX 32

struct init_options {
    const char *dir, *hostname;
    const char *domains[NAMES_MAX];
    size_t domain_count;
    const char *queues[NAMES_MAX]; /* NAME=ADDRESS */
    size_t queue_count;
};

static int init_usage(void) {
    (void)fprintf(stderr, "usage: sealdesk init DIR --hostname H --domain D [--domain D2 …] [--queue NAME=ADDRESS …]\n"
                          "  without --queue there is one, support=support@D\n");
    return EXIT_USAGE;
}

static bool parse_init(int argc, char **argv, struct init_options *o) {
    static const struct option options[] = {{"hostname", 1, NULL, 'H'}, {"domain", 1, NULL, 'D'}, {"queue", 1, NULL, 'Q'}, {0}};
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'H')
            o->hostname = optarg;
        else if (option == 'D' && o->domain_count < NAMES_MAX)
            o->domains[o->domain_count++] = optarg;
        else if (option == 'Q' && o->queue_count < NAMES_MAX && strchr(optarg, '=') && strchr(optarg, '@'))
            o->queues[o->queue_count++] = optarg;
        else
            return false;
    }
    o->dir = optind < argc ? argv[optind] : NULL;
    return o->dir && o->hostname && o->domain_count && optind + 1 == argc;
}

/* Names end up in a configuration file and in DNS lines: nothing but what domain names and addresses consist of. */
static bool plain_name(const char *text) {
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+@=") == strlen(text) &&
           strlen(text) <= 320;
}

static bool plain_names(const struct init_options *o) {
    bool good = plain_name(o->hostname);
    for (size_t i = 0; i < o->domain_count; i++)
        good &= plain_name(o->domains[i]) && !strchr(o->domains[i], '@');
    for (size_t i = 0; i < o->queue_count; i++)
        good &= plain_name(o->queues[i]);
    if (!good)
        (void)fprintf(stderr, "sealdesk init: host, domains and queues are names of letters, digits, '.', '-', '_'; write "
                              "international domains as xn--…\n");
    return good;
}

static enum sd_err make_folders(const struct init_options *o) {
    static const char *const folders[] = {"intake", "store", "keeper", "run", "run/empty"};
    char path[4096];
    if (mkdir(o->dir, 0711) != 0 && errno != EEXIST) {
        (void)fprintf(stderr, "%s: %s\n", o->dir, strerror(errno));
        return sd_err_from_errno(errno);
    }
    for (size_t i = 0; i < SD_COUNT(folders); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", o->dir, folders[i]);
        if (mkdir(path, strncmp(folders[i], "run", 3) == 0 ? 0755 : 0700) != 0) {
            (void)fprintf(stderr, "%s: %s. `sealdesk init` never overwrites: choose another folder.\n", path, strerror(errno));
            return sd_err_from_errno(errno);
        }
    }
    return SD_OK;
}

static void put_conf(const struct init_options *o, struct buf *to) {
    buf_printf(to,
               "# Sealdesk. `sealdesk check --keys` lists every key; `sealdesk check -c` this file.\n\n"
               "main {\n    hostname = \"%s\"\n    domains = \"",
               o->hostname);
    for (size_t i = 0; i < o->domain_count; i++)
        buf_printf(to, "%s%s", i ? "," : "", o->domains[i]);
    buf_printf(to, "\"\n}\n\nsmtp {\n    listen = \"127.0.0.1:8024\"   # where mail comes in; the world needs port 25\n"
                   "    # tls_cert = \"/etc/sealdesk/smtp.crt\"\n    # tls_key = \"/etc/sealdesk/smtp.key\"\n}\n\n"
                   "desk {\n    listen = \"127.0.0.1:8025\"\n}\n");
    for (size_t i = 0; i < o->queue_count; i++) {
        const char *equals = strchr(o->queues[i], '=');
        buf_printf(to, "\nqueue \"%.*s\" {\n    address = \"%s\"\n}\n", (int)(equals - o->queues[i]), o->queues[i], equals + 1);
    }
    if (o->queue_count == 0)
        buf_printf(to, "\nqueue \"support\" {\n    address = \"support@%s\"\n}\n", o->domains[0]);
}

static enum sd_err write_new_file(const char *path, struct span bytes) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return sd_err_from_errno(errno);
    }
    ssize_t n = write(fd, bytes.p, bytes.n);
    bool good = n == (ssize_t)bytes.n && fsync(fd) == 0;
    return close(fd) == 0 && good ? SD_OK : SD_ERR_IO;
}

/* `sealdesk-keeper init`: keys are made by the program that keeps them. Its public keys come back as JSON. */
static enum sd_err run_keeper_init(const struct init_options *o, struct buf *json) {
    char program[4096], folder[4096];
    struct buf domains SD_CLEANUP(buf_free) = buf_new(16384);
    int out[2];
    for (size_t i = 0; i < o->domain_count; i++)
        buf_printf(&domains, "%s%s", i ? "," : "", o->domains[i]);
    buf_byte(&domains, 0);
    (void)snprintf(program, sizeof program, "%s/sealdesk-keeper", libexec_dir());
    (void)snprintf(folder, sizeof folder, "%s/keeper", o->dir);
    if (buf_err(&domains) || pipe2(out, O_CLOEXEC) != 0)
        return SD_ERR_IO;
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(out[1], STDOUT_FILENO);
        (void)execl(program, "sealdesk-keeper", "init", folder, (char *)domains.p, (char *)NULL);
        (void)fprintf(stderr, "%s: %s\n", program, strerror(errno));
        _exit(127);
    }
    (void)close(out[1]);
    ssize_t n = 0;
    do {
        uint8_t *p = buf_reserve(json, 4096);
        n = p ? read(out[0], p, 4096) : -1;
        if (n > 0)
            buf_grew(json, (size_t)n);
    } while (n > 0);
    (void)close(out[0]);
    int status = 1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? SD_OK : SD_ERR_IO;
}

static enum sd_err make_installation(const struct init_options *o, struct buf *json, char *conf_path, size_t conf_path_bytes) {
    char path[4096];
    struct buf conf SD_CLEANUP(buf_free) = buf_new(65536);
    enum sd_err err = make_folders(o);
    if (err)
        return err;
    err = run_keeper_init(o, json);
    if (err == SD_OK) {
        (void)snprintf(path, sizeof path, "%s/store", o->dir);
        err = store_create(path);
    }
    put_conf(o, &conf);
    (void)snprintf(conf_path, conf_path_bytes, "%s/sealdesk.conf", o->dir);
    if (err == SD_OK)
        err = buf_err(&conf);
    return err ? err : write_new_file(conf_path, buf_span(&conf));
}

static void say_what_next(const struct init_options *o, struct span zone) {
    (void)printf("%s is ready. Publish in the DNS:\n\n%.*s\n"
                 "Losing %s/keeper/root.key loses all mail: keep a copy of it apart from copies of the data.\n"
                 "Next: sealdesk user add -c %s/sealdesk.conf …, then sealdesk run -c %s/sealdesk.conf\n",
                 o->dir, SPAN_FMT(zone), o->dir, o->dir, o->dir);
}

int cmd_init(int argc, char **argv) {
    struct init_options o = {0};
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct buf json SD_CLEANUP(buf_free) = buf_new(65536);
    struct buf zone SD_CLEANUP(buf_free) = buf_new(65536);
    char conf[4096];
    if (!parse_init(argc, argv, &o))
        return init_usage();
    if (!plain_names(&o))
        return EXIT_USAGE;
    enum sd_err err = make_installation(&o, &json, conf, sizeof conf);
    if (err == SD_OK)
        err = settings_load(conf, NULL, 0, &settings);
    if (err == SD_OK && settings_check(settings, stderr) > 0)
        err = SD_ERR_CONFIG;
    if (err == SD_OK)
        err = put_zone(settings, buf_span(&json), &zone);
    if (err) {
        (void)fprintf(stderr, "sealdesk init: %s; %s is incomplete, remove it before the next attempt\n", sd_err_text(err),
                      o.dir);
        return err == SD_ERR_CONFIG ? EXIT_CONFIG : EXIT_NO;
    }
    say_what_next(&o, buf_span(&zone));
    return EXIT_YES;
}
