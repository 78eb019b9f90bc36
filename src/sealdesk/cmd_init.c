/* sealdesk init: a new installation in one folder. Never overwrites; a failed attempt leaves nothing behind. */
#include "sealdesk/cli.h"

#include "core/json_out.h"
#include "sealdesk/gates.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMES_MAX 32

struct init_options {
    char *dir;
    const char *hostname;
    const char *domains[NAMES_MAX];
    size_t domain_count;
    const char *queues[NAMES_MAX]; /* NAME=ADDRESS */
    size_t queue_count;
    bool json;
};

static int init_usage(void) {
    (void)fprintf(stderr, "usage: sealdesk init DIR --hostname H --domain D [--domain D2 …] [--queue NAME=ADDRESS …] [--json]\n"
                          "  without --queue there is one, support=support@D\n");
    return EXIT_USAGE;
}

/* One option; false when it is none of ours or there are too many of it. */
static bool take_option(int option, struct init_options *o) {
    switch (option) {
    case 'H':
        o->hostname = optarg;
        return true;
    case 'D':
        if (o->domain_count < NAMES_MAX)
            o->domains[o->domain_count++] = optarg;
        return o->domain_count < NAMES_MAX;
    case 'Q':
        if (o->queue_count < NAMES_MAX)
            o->queues[o->queue_count++] = optarg;
        return o->queue_count < NAMES_MAX;
    case 'j':
        o->json = true;
        return true;
    default:
        return false;
    }
}

static bool parse_init(int argc, char **argv, struct init_options *o) {
    static const struct option options[] = {
        {"hostname", 1, NULL, 'H'}, {"domain", 1, NULL, 'D'}, {"queue", 1, NULL, 'Q'}, {"json", 0, NULL, 'j'}, {0}};
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (!take_option(option, o))
            return false;
    o->dir = optind < argc ? argv[optind] : NULL;
    return o->dir && *o->dir && o->hostname && o->domain_count && optind + 1 == argc;
}

/* ---- names: checked before anything is made ---- */

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define DOMAIN_BYTES 253 /* RFC 1035 §2.3.4, as text */
#define LABEL_BYTES 63
#define QUEUE_NAME_BYTES 64

static bool is_label(struct span label) {
    if (label.n < 1 || label.n > LABEL_BYTES || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++)
        if (!strchr(LETTERS_AND_DIGITS "-_", label.p[i]))
            return false;
    return true;
}

static bool is_domain(const char *text) {
    struct span_split split = span_split_start(span_cstr(text));
    struct span label;
    bool good = *text && strlen(text) <= DOMAIN_BYTES;
    while (good && span_split_next(&split, '.', &label))
        good = is_label(label);
    return good;
}

static bool own_address(const struct init_options *o, const char *address) {
    size_t local = strspn(address, LETTERS_AND_DIGITS ".-_");
    if (local == 0 || local > 64 || address[local] != '@')
        return false;
    for (size_t i = 0; i < o->domain_count; i++)
        if (strcasecmp(address + local + 1, o->domains[i]) == 0)
            return true;
    return false;
}

/* NAME=ADDRESS, both of them new. */
static bool good_queue(const struct init_options *o, size_t index) {
    const char *text = o->queues[index];
    size_t name = strspn(text, LETTERS_AND_DIGITS ".-_");
    if (name == 0 || name > QUEUE_NAME_BYTES || text[name] != '=' || !own_address(o, text + name + 1)) {
        (void)fprintf(stderr,
                      "sealdesk init: --queue %s: expected NAME=ADDRESS, such as support=support@%s, the address in a "
                      "domain that --domain names\n",
                      text, o->domains[0]);
        return false;
    }
    for (size_t i = 0; i < index; i++)
        if (strncmp(o->queues[i], text, name + 1) == 0 || strcasecmp(strchr(o->queues[i], '='), text + name) == 0) {
            (void)fprintf(stderr, "sealdesk init: --queue %s: name and address of each queue must be its own\n", text);
            return false;
        }
    return true;
}

static bool good_domain(const char *option, const char *text) {
    if (is_domain(text))
        return true;
    (void)fprintf(stderr, "sealdesk init: %s %s: not a domain name (write international ones as xn--…)\n", option, text);
    return false;
}

static bool good_names(const struct init_options *o) {
    bool good = good_domain("--hostname", o->hostname);
    for (size_t i = 0; i < o->domain_count; i++)
        good &= good_domain("--domain", o->domains[i]);
    for (size_t i = 0; i < o->queue_count && good; i++)
        good &= good_queue(o, i);
    return good;
}

/* ---- folders ---- */

static const char *const parts[] = {"intake", "store", "keeper", "run", "sealdesk.conf"};

/* A folder with something in it may be an installation, a home, or /tmp: `run` would change its mode. */
static bool is_empty(const char *path) {
    DIR *dir = opendir(path);
    bool empty = dir != NULL;
    for (struct dirent *e; empty && (e = readdir(dir));)
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, "lost+found") == 0;
    if (dir)
        (void)closedir(dir);
    return empty;
}

/* The database library takes no longer paths (SQLITE_MAX_PATHNAME is 512). */
#define DIR_BYTES_MAX 400

static enum sd_err open_dir(const struct init_options *o, bool *ret_made) {
    bool made = mkdir(o->dir, 0711) == 0;
    if (!made && errno != EEXIST) {
        (void)fprintf(stderr, "%s: %s\n", o->dir, strerror(errno));
        return sd_err_from_errno(errno);
    }
    char *full = realpath(o->dir, NULL);
    enum sd_err err = full && strlen(full) <= DIR_BYTES_MAX ? SD_OK : SD_ERR_LIMIT;
    free(full);
    if (err) {
        (void)fprintf(stderr, "%.60s…: this path is too long: choose a folder of at most %d characters\n", o->dir,
                      DIR_BYTES_MAX);
        if (made)
            (void)rmdir(o->dir);
    } else if (!made && !is_empty(o->dir)) {
        (void)fprintf(stderr,
                      "%s is not an empty folder, and `sealdesk init` never overwrites. Nothing was changed: choose a new "
                      "folder.\n",
                      o->dir);
        err = SD_ERR_EXISTS;
    }
    if (err == SD_OK)
        *ret_made = made;
    return err;
}

static int remove_entry(const char *path, SD_UNUSED const struct stat *st, SD_UNUSED int type, SD_UNUSED struct FTW *ftw) {
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

/* What a failed attempt made: the folder was empty before. */
static void remove_parts(const struct init_options *o, bool dir_too) {
    char path[4096];
    for (size_t i = 0; i < SD_COUNT(parts); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", o->dir, parts[i]);
        if (nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
            (void)fprintf(stderr, "%s: %s: remove it before the next attempt\n", path, strerror(errno));
    }
    if (dir_too)
        (void)rmdir(o->dir);
}

static enum sd_err make_folders(const struct init_options *o) {
    static const char *const folders[] = {"intake", "store", "keeper", "run", "run/empty"};
    char path[4096];
    for (size_t i = 0; i < SD_COUNT(folders); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", o->dir, folders[i]);
        if (mkdir(path, strncmp(folders[i], "run", 3) == 0 ? 0755 : 0700) != 0) {
            (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
            return sd_err_from_errno(errno);
        }
    }
    return SD_OK;
}

#define CLAMD_SOCKET "/run/clamav/clamd.ctl" /* where Debian's clamav-daemon has it */

static void put_scanner(struct buf *to) {
    struct stat st;
    bool there = stat(CLAMD_SOCKET, &st) == 0 && S_ISSOCK(st.st_mode);
    buf_text(to, "\n# Attachments are opened after a virus scanner has looked into them, and never before.\nscan {\n");
    if (!there)
        buf_text(to, "    # apt install clamav-daemon, then remove the # below. Until then every attachment stays closed.\n");
    buf_printf(to, "    %sclamd = \"unix:%s\"\n}\n", there ? "" : "# ", CLAMD_SOCKET);
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
    put_scanner(to);
    gates_put_conf(to);
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

static void say_what_next(const struct init_options *o, const char *conf, struct span zone) {
    (void)printf("%s is ready. Publish in the DNS:\n\n%.*s\n"
                 "Losing %s/keeper/root.key loses all mail: keep a copy of it apart from copies of the data.\n"
                 "Next: sealdesk user add -c '%s' --email A --name N --role agent --queue %.*s --password-file F\n"
                 "Then: sealdesk run -c '%s'\n",
                 o->dir, SPAN_FMT(zone), o->dir, conf, o->queue_count ? (int)strcspn(o->queues[0], "=") : 7,
                 o->queue_count ? o->queues[0] : "support", conf);
}

static void print_made(const struct init_options *o, const char *conf, struct span zone) {
    char path[4096];
    struct buf out SD_CLEANUP(buf_free) = buf_new((size_t)128 * 1024);
    struct json_out j = json_out(&out);
    (void)snprintf(path, sizeof path, "%s/keeper/root.key", o->dir);
    json_begin_object(&j, NULL);
    json_cstr(&j, "dir", o->dir);
    json_cstr(&j, "conf", conf);
    json_cstr(&j, "root_key", path);
    put_zone_json(&j, zone);
    json_end(&j);
    (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
}

static void trim_slashes(char *dir) {
    for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--)
        dir[n - 1] = 0;
}

static enum sd_err load_made(const char *conf, struct span json, struct buf *zone) {
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    enum sd_err err = settings_load(conf, NULL, 0, &settings);
    if (err == SD_OK && settings_check(settings, stderr) > 0)
        err = SD_ERR_CONFIG;
    return err ? err : put_zone(settings, json, zone);
}

int cmd_init(int argc, char **argv) {
    struct init_options o = {0};
    struct buf json SD_CLEANUP(buf_free) = buf_new(65536);
    struct buf zone SD_CLEANUP(buf_free) = buf_new(65536);
    char conf[4096];
    bool made = false;
    if (!parse_init(argc, argv, &o))
        return init_usage();
    if (!good_names(&o))
        return EXIT_USAGE;
    trim_slashes(o.dir);
    enum sd_err err = open_dir(&o, &made);
    if (err)
        return err == SD_ERR_DENIED ? EXIT_NOT_ALLOWED : EXIT_NO;
    err = make_installation(&o, &json, conf, sizeof conf);
    if (err == SD_OK)
        err = load_made(conf, buf_span(&json), &zone);
    if (err) {
        remove_parts(&o, made);
        (void)fprintf(stderr, "sealdesk init: %s; nothing was left in %s\n", sd_err_text(err), o.dir);
        return exit_status_of(err);
    }
    if (o.json)
        print_made(&o, conf, buf_span(&zone));
    else
        say_what_next(&o, conf, buf_span(&zone));
    return EXIT_YES;
}
