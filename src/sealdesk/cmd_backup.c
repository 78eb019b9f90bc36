/*
 * sealdesk backup: everything there is in one sealed file, made while Sealdesk runs, and the root in another. What the order of
 * reading is for: every letter in the file has its key in the file. First, with nothing being filed, the intake's segments are
 * opened and the store's moment is fixed; then the keeper's database, which by then knows all of them; then the log, which is
 * ahead of that database as it is after a crash.
 */
#include "sealdesk/cli.h"

#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "sealdesk/archive.h"
#include "store/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ASK_MS 60000
#define LOCK_MS 60000
#define PATH_BYTES 4096
#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

struct backup_options {
    struct common_options common;
    const char *to, *root_to, *out, *prune;
};

static int backup_usage(void) {
    (void)fprintf(stderr, "usage: sealdesk backup -c CONF --to FILE [--root-to FILE] [--json]\n"
                          "       sealdesk backup -c CONF --prune DIR     removes backups older than backup.keep\n"
                          "       sealdesk backup keygen --out FILE       the offline recovery key\n");
    return EXIT_USAGE;
}

static bool parse_backup(int argc, char **argv, struct backup_options *o) {
    static const struct option options[] = {COMMON_LONG,           {"to", 1, NULL, 'T'},    {"root-to", 1, NULL, 'R'},
                                            {"out", 1, NULL, 'O'}, {"prune", 1, NULL, 'P'}, {0}};
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, COMMON_SHORT, options, NULL)) != -1) {
        if (option == 'T')
            o->to = optarg;
        else if (option == 'R')
            o->root_to = optarg;
        else if (option == 'O')
            o->out = optarg;
        else if (option == 'P')
            o->prune = optarg;
        else if (!take_common_option(option, &o->common))
            return false;
    }
    return true;
}

/* ---- keygen ---- */

static int keygen(const char *path) {
    struct secret private SD_CLEANUP(secret_free) = {0};
    struct buf text SD_CLEANUP(buf_free) = buf_new(1024), public SD_CLEANUP(buf_free) = buf_new(128);
    uint8_t public_key[KEY_BYTES];
    enum sd_err err = hpke_keypair(&private, public_key);
    put_hex(&public, span_of(public_key, sizeof public_key));
    buf_printf(&text,
               "# Sealdesk recovery key: opens every backup made for it. Keep it off line, in two places.\n# public: %.*s\n",
               SPAN_FMT(buf_span(&public)));
    put_hex(&text, secret_span(&private));
    buf_byte(&text, '\n');
    if (err == SD_OK)
        err = buf_err(&text);
    if (err == SD_OK)
        err = write_private(path, buf_span(&text));
    if (err) {
        (void)fprintf(stderr, "%s: %s\n", path, sd_err_text(err));
        return exit_status_of(err);
    }
    (void)printf("backup {\n    recovery_key = \"%.*s\"\n}\n", SPAN_FMT(buf_span(&public)));
    (void)fprintf(
        stderr,
        "The lines above belong into sealdesk.conf. %s opens every backup: move it off this machine now, to two places,\n"
        "never beside the backups.\n",
        path);
    return EXIT_YES;
}

/* ---- what is open while the store's moment is fixed ---- */

#define PINS_MAX 8192

struct pin {
    char *name;
    int fd;
};

struct pins {
    char dir[PATH_BYTES];
    struct pin *pins;
    size_t count;
};

static void pins_free(struct pins *pins) {
    for (size_t i = 0; i < pins->count; i++) {
        free(pins->pins[i].name);
        (void)close(pins->pins[i].fd);
    }
    free(pins->pins);
}

static enum sd_err pin_one(struct pins *pins, int dir, const char *name) {
    struct stat st;
    struct pin pin = {.fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    if (pin.fd < 0)
        return errno == ENOENT ? SD_OK : sd_err_from_errno(errno); /* wholly filed meanwhile */
    pin.name = fstat(pin.fd, &st) == 0 && S_ISREG(st.st_mode) ? strdup(name) : NULL;
    if (!pin.name || pins->count == PINS_MAX) {
        free(pin.name);
        (void)close(pin.fd);
        return S_ISREG(st.st_mode) ? SD_ERR_LIMIT : SD_OK;
    }
    pins->pins[pins->count++] = pin;
    return SD_OK;
}

/* The log's checkpoints and hashes before its records: what is copied is then never behind what covers it. */
static int by_name(const void *a, const void *b) {
    const char *left = ((const struct pin *)a)->name, *right = ((const struct pin *)b)->name;
    bool left_segment = *left >= '0' && *left <= '9', right_segment = *right >= '0' && *right <= '9';
    return left_segment != right_segment ? (left_segment ? 1 : -1) : strcmp(left, right);
}

static enum sd_err pin_all(void *arg) {
    struct pins *pins = arg;
    DIR *dir = opendir(pins->dir);
    enum sd_err err = dir ? SD_OK : sd_err_from_errno(errno);
    pins->pins = calloc(PINS_MAX, sizeof *pins->pins);
    if (!pins->pins)
        err = SD_ERR_NOMEM;
    for (struct dirent *e; err == SD_OK && (e = readdir(dir));)
        if (e->d_name[0] != '.')
            err = pin_one(pins, dirfd(dir), e->d_name);
    if (dir)
        (void)closedir(dir);
    if (err == SD_OK)
        qsort(pins->pins, pins->count, sizeof *pins->pins, by_name);
    return err;
}

/* ---- making ---- */

struct making {
    const struct settings *settings;
    struct ipc_client *keeper;
    struct archive_out *out;
    struct archive_head head, root;
    char store_part[PATH_BYTES];
    uint64_t bytes;
};

static enum sd_err put_pins(struct making *m, const struct pins *pins, const char *folder) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < pins->count && err == SD_OK; i++) {
        char name[ARCHIVE_NAME_MAX + 1];
        (void)snprintf(name, sizeof name, "%s/%s", folder, pins->pins[i].name);
        err = archive_put_file(m->out, name, pins->pins[i].fd);
    }
    return err;
}

static enum sd_err put_path(struct making *m, const char *name, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum sd_err err = fd < 0 ? sd_err_from_errno(errno) : archive_put_file(m->out, name, fd);
    if (fd >= 0)
        (void)close(fd);
    return err;
}

static enum sd_err put_store(struct making *m) {
    struct pins intake SD_CLEANUP(pins_free) = {0};
    char dir[PATH_BYTES];
    (void)snprintf(intake.dir, sizeof intake.dir, "%s/intake", m->settings->data_dir);
    (void)snprintf(dir, sizeof dir, "%s/store", m->settings->data_dir);
    enum sd_err err = store_copy(dir, m->store_part, deadline_in_ms(LOCK_MS), pin_all, &intake);
    if (err == SD_OK)
        err = put_path(m, "store/store.db", m->store_part);
    (void)unlink(m->store_part);
    return err ? err : put_pins(m, &intake, "intake");
}

static enum sd_err read_keeper(struct making *m, struct ipc_msg **msg, struct keeper_backup_read_rep *rep) {
    struct keeper_backup_read_req req = {.id = span_of(m->head.stamp.id, sizeof m->head.stamp.id)};
    ipc_msg_free(msg);
    return keeper_backup_read_call(m->keeper, &req, deadline_in_ms(ASK_MS), msg, rep);
}

static enum sd_err put_keeper(struct making *m) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_backup_read_rep rep;
    enum sd_err err;
    do
        err = read_keeper(m, &msg, &rep);
    while (err == SD_OK && rep.data.n == 0);
    if (err)
        return err;
    struct archive_entry entry = {
        .kind = ARCHIVE_KEEPER, .name = "keeper/keeper.db", .mode = 0600, .bytes = stream_sealed_bytes(rep.bytes)};
    err = archive_entry(m->out, &entry);
    if (err == SD_OK)
        err = archive_put(m->out, rep.data);
    while (err == SD_OK && !rep.last) {
        err = read_keeper(m, &msg, &rep);
        if (err == SD_OK)
            err = archive_put(m->out, rep.data);
    }
    return err;
}

static enum sd_err put_log(struct making *m) {
    struct pins log SD_CLEANUP(pins_free) = {0};
    (void)snprintf(log.dir, sizeof log.dir, "%s/keeper/log", m->settings->data_dir);
    enum sd_err err = pin_all(&log);
    return err ? err : put_pins(m, &log, "keeper/log");
}

static enum sd_err put_everything(struct making *m) {
    enum sd_err err = put_store(m);
    if (err == SD_OK)
        err = put_keeper(m);
    if (err == SD_OK)
        err = put_log(m);
    if (err == SD_OK)
        err = put_path(m, "sealdesk.conf", m->settings->path);
    return err ? err : archive_finish(m->out, &m->bytes);
}

/* Takes over what the keeper gives at the beginning. */
static enum sd_err begin(struct making *m, struct secret *files_key) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_backup_begin_rep rep;
    enum sd_err err = keeper_backup_begin_call(m->keeper, &(struct keeper_backup_begin_req){}, deadline_in_ms(ASK_MS), &msg,
                                               &rep);
    if (err)
        return err;
    if (rep.problem.n) {
        (void)fprintf(stderr, "sealdesk backup: %.*s\n", SPAN_FMT(rep.problem));
        return SD_ERR_CONFIG;
    }
    if (rep.archive_key.n != BACKUP_WRAPPED_BYTES || rep.root.n != BACKUP_WRAPPED_BYTES)
        return SD_ERR_PROTOCOL;
    m->head = (struct archive_head){.stamp = {.made_ms = rep.made_ms, .root_generation = rep.root_generation}};
    memcpy(m->head.stamp.id, rep.id.p, sizeof m->head.stamp.id);
    m->root = m->head;
    memcpy(m->head.wrapped, rep.archive_key.p, BACKUP_WRAPPED_BYTES);
    memcpy(m->root.wrapped, rep.root.p, BACKUP_WRAPPED_BYTES);
    return secret_copy(rep.files_key, files_key);
}

static enum sd_err note(struct making *m, uint8_t what) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_backup_note_rep rep;
    char detail[64];
    (void)snprintf(detail, sizeof detail, "bytes %llu", (unsigned long long)m->bytes);
    struct keeper_backup_note_req req = {.what = what, .detail = span_cstr(what == BACKUP_MADE ? detail : "")};
    return keeper_backup_note_call(m->keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
}

static enum sd_err make(struct making *m, const char *to, const char *root_to) {
    struct secret files_key SD_CLEANUP(secret_free) = {0};
    enum sd_err err = begin(m, &files_key);
    if (err)
        return err;
    err = archive_create(to, &m->head, secret_span(&files_key), &m->out);
    if (err == SD_OK)
        err = put_everything(m);
    archive_drop(&m->out);
    if (err == SD_OK)
        err = root_file_write(root_to, &m->root);
    if (err == SD_OK)
        err = note(m, BACKUP_MADE);
    else if (note(m, BACKUP_FAILED) != SD_OK)
        (void)fprintf(stderr, "sealdesk backup: the keeper could not record that it failed\n");
    return err;
}

static void put_day(int64_t ms, char to[16]) {
    time_t at = (time_t)(ms / 1000);
    struct tm tm = {0};
    (void)gmtime_r(&at, &tm);
    (void)strftime(to, 16, "%Y-%m-%d", &tm);
}

static void report(const struct making *m, const char *to, const char *root_to, bool json) {
    struct buf out SD_CLEANUP(buf_free) = buf_new(16384);
    struct json_out j = json_out(&out);
    char until[16];
    int64_t until_ms = m->head.stamp.made_ms + settings_int(m->settings, "backup.keep") * DAY_MS;
    put_day(until_ms, until);
    if (!json) {
        (void)printf("%s: %llu bytes, sealed to the recovery key\n%s: its root. Keep the two apart; after %s remove both\n"
                     "(sealdesk backup --prune does), so that what is destroyed until then is gone.\n",
                     to, (unsigned long long)m->bytes, root_to, until);
        return;
    }
    json_begin_object(&j, NULL);
    json_cstr(&j, "file", to);
    json_cstr(&j, "root_file", root_to);
    json_int(&j, "bytes", (int64_t)m->bytes);
    json_time(&j, "made_at", m->head.stamp.made_ms);
    json_time(&j, "keep_until", until_ms);
    json_end(&j);
    (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
}

static int make_backup(const struct settings *settings, const struct backup_options *o) {
    char root_to[PATH_BYTES];
    struct making m = {.settings = settings};
    struct stat st;
    struct door door;
    (void)snprintf(root_to, sizeof root_to, "%s%s", o->root_to ? o->root_to : o->to, o->root_to ? "" : ".root");
    (void)snprintf(m.store_part, sizeof m.store_part, "%.4000s.store.part", o->to);
    if (lstat(o->to, &st) == 0 || lstat(root_to, &st) == 0) {
        (void)fprintf(stderr, "%s or %s is there already: choose another name\n", o->to, root_to);
        return EXIT_NO;
    }
    enum sd_err err = door_open(settings, &door);
    if (err)
        return exit_status_of(err);
    m.keeper = door.keeper;
    (void)umask(077);
    (void)unlink(m.store_part);
    err = make(&m, o->to, root_to);
    door_close(&door);
    if (err) {
        (void)unlink(o->to);
        (void)unlink(root_to);
        (void)fprintf(stderr, "sealdesk backup: %s; nothing was left\n", sd_err_text(err));
        return exit_status_of(err);
    }
    report(&m, o->to, root_to, o->common.json);
    return EXIT_YES;
}

/* ---- prune ---- */

static int prune(const struct settings *settings, const char *dir) {
    int64_t oldest_ms = clock_unix_ms() - settings_int(settings, "backup.keep") * DAY_MS;
    DIR *folder = opendir(dir);
    unsigned removed = 0, failed = 0;
    if (!folder) {
        (void)fprintf(stderr, "%s: %s\n", dir, strerror(errno));
        return EXIT_NO;
    }
    for (struct dirent *e; (e = readdir(folder));) {
        char path[PATH_BYTES + 256];
        struct archive_head head;
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (archive_head_read(path, false, &head) != SD_OK && archive_head_read(path, true, &head) != SD_OK)
            continue;
        if (head.stamp.made_ms >= oldest_ms)
            continue;
        if (unlink(path) == 0)
            removed++;
        else
            failed++;
        (void)printf("%s%s\n", path, failed ? ": cannot be removed" : "");
    }
    (void)closedir(folder);
    (void)printf("%u files removed\n", removed);
    return failed ? EXIT_NO : EXIT_YES;
}

int cmd_backup(int argc, char **argv) {
    struct backup_options o = {0};
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    bool key = argc >= 2 && strcmp(argv[1], "keygen") == 0;
    hold_secrets();
    if (!parse_backup(argc - key, argv + key, &o) || optind != argc - key)
        return backup_usage();
    if (key)
        return o.out ? keygen(o.out) : backup_usage();
    if (!o.to == !o.prune)
        return backup_usage();
    int status = load_quiet(&o.common, &settings);
    if (status)
        return status;
    return o.prune ? prune(settings, o.prune) : make_backup(settings, &o);
}
