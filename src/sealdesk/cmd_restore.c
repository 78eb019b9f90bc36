/* sealdesk restore: an installation from a backup, in an empty folder; or, with --drill, only the proof that it would be one.
 */
#include "sealdesk/cli.h"

#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "sealdesk/restore.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ASK_MS 60000
#define SAMPLE 20

struct restore_options {
    struct common_options common;
    const char *from, *root, *recovery, *to, *destructions;
    bool drill;
    unsigned sample;
};

static int restore_usage(void) {
    (void)fprintf(stderr,
                  "usage: sealdesk restore --from FILE --root FILE.root --recovery-key PRIVATE --to DIR [--destructions LOG]\n"
                  "       sealdesk restore --drill --from FILE --root FILE.root --recovery-key PRIVATE [--destructions LOG]\n"
                  "                [--sample N] [-c CONF] [--json]\n"
                  "LOG: what `sealdesk audit export` wrote since, or the folder of the installation that was lost\n"
                  "-c CONF with --drill: record it in that installation's log\n");
    return EXIT_USAGE;
}

static bool parse_restore(int argc, char **argv, struct restore_options *o) {
    static const struct option options[] = {COMMON_LONG,
                                            {"from", 1, NULL, 'F'},
                                            {"root", 1, NULL, 'R'},
                                            {"recovery-key", 1, NULL, 'K'},
                                            {"to", 1, NULL, 'T'},
                                            {"destructions", 1, NULL, 'D'},
                                            {"drill", 0, NULL, 'd'},
                                            {"sample", 1, NULL, 's'},
                                            {0}};
    int option;
    uint64_t sample = SAMPLE;
    bool good = true;
    optind = 1;
    while ((option = getopt_long(argc, argv, COMMON_SHORT, options, NULL)) != -1) {
        if (option == 'F')
            o->from = optarg;
        else if (option == 'R')
            o->root = optarg;
        else if (option == 'K')
            o->recovery = optarg;
        else if (option == 'T')
            o->to = optarg;
        else if (option == 'D')
            o->destructions = optarg;
        else if (option == 'd')
            o->drill = true;
        else if (option == 's')
            good &= span_to_u64(span_cstr(optarg), &sample) == SD_OK && sample <= 1000;
        else
            good &= take_common_option(option, &o->common);
    }
    o->sample = (unsigned)sample;
    return good && optind == argc && o->from && o->root && o->recovery && !o->drill == (o->to != NULL);
}

static void put_time(int64_t ms, char to[32]) {
    time_t at = (time_t)(ms / 1000);
    struct tm tm = {0};
    (void)gmtime_r(&at, &tm);
    (void)strftime(to, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static enum sd_err note(struct ipc_client *keeper, uint8_t what, const char *detail) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_backup_note_rep rep;
    struct keeper_backup_note_req req = {.what = what, .detail = span_cstr(detail)};
    return keeper_backup_note_call(keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
}

/* What the copy's own log knows, which is a little newer than its keys, and what was given. */
static enum sd_err replay(const struct restoring *r, struct ipc_client *keeper, const char *log, struct replayed *ret) {
    char own[4200];
    (void)snprintf(own, sizeof own, "%s/keeper/log", r->dir);
    *ret = (struct replayed){0};
    enum sd_err err = replay_destructions(keeper, own, ret);
    ret->asked = 0;
    if (err == SD_OK && log)
        err = replay_destructions(keeper, log, ret);
    if (err == SD_OK && log && ret->asked == 0) {
        (void)fprintf(stderr, "%s: there is no record in it\n", log);
        err = SD_ERR_PARSE;
    }
    return err;
}

static void warn_destroyed(const char *made, const struct restore_options *o) {
    if (!o->destructions)
        (void)fprintf(
            stderr,
            "No --destructions: what was destroyed after %s, the date of this backup, may be back. Destroy it again, or\n"
            "restore anew with the log since then.\n",
            made);
}

/* ---- restore ---- */

static enum sd_err finish(const struct restoring *r, struct door *door, const char *made, const struct replayed *replayed) {
    char detail[128], from[4200], to[4200];
    (void)snprintf(detail, sizeof detail, "backup of %s, destroyed again: %llu", made, (unsigned long long)replayed->destroyed);
    enum sd_err err = note(door->keeper, BACKUP_RESTORED, detail);
    door_close(door);
    (void)snprintf(from, sizeof from, "%s/" CONF_UNFINISHED, r->dir);
    (void)snprintf(to, sizeof to, "%s/sealdesk.conf", r->dir);
    if (err == SD_OK && rename(from, to) != 0)
        err = sd_err_from_errno(errno);
    return err;
}

static enum sd_err put_in_service(const struct restoring *r, const struct restore_options *o, const char *made,
                                  struct replayed *ret) {
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct door door = {0};
    struct drilled drilled;
    enum sd_err err = restore_keeper(r, &settings, &door);
    if (err)
        return err;
    err = replay(r, door.keeper, o->destructions, ret);
    if (err == SD_OK)
        err = drill(r, door.keeper, o->sample, &drilled);
    if (err == SD_OK && (!drilled.log_good || drilled.wrong)) {
        (void)fprintf(stderr, "sealdesk restore: %s\n", drilled.log_good ? "letters do not open" : "the log is not whole");
        err = SD_ERR_FORGED;
    }
    if (err) {
        door_close(&door);
        return err;
    }
    return finish(r, &door, made, ret);
}

static int restore(struct restoring *r, const struct restore_options *o) {
    struct replayed replayed = {0};
    char made[32];
    enum sd_err err = restore_extract(r);
    if (err)
        return exit_status_of(err);
    put_time(r->head.stamp.made_ms, made);
    err = put_in_service(r, o, made, &replayed);
    if (err) {
        restore_wipe(r->dir);
        (void)fprintf(stderr, "sealdesk restore: %s; nothing was left in %s\n", sd_err_text(err), r->dir);
        return exit_status_of(err);
    }
    (void)printf("%s: restored from the backup of %s: %llu files; destroyed again: %llu.\n"
                 "Its root lies in keeper/root.key: sealdesk keys wrap seals it. Check sealdesk.conf, then: sealdesk run -c "
                 "%s/sealdesk.conf\n",
                 r->dir, made, (unsigned long long)r->files, (unsigned long long)replayed.destroyed, r->dir);
    warn_destroyed(made, o);
    return EXIT_YES;
}

/* ---- drill ---- */

struct drill_times {
    int64_t extracted_ms, all_ms;
};

static void report(const struct restoring *r, const struct drilled *d, const struct replayed *replayed,
                   const struct drill_times *times, bool good, bool json) {
    struct buf out SD_CLEANUP(buf_free) = buf_new(8192), root SD_CLEANUP(buf_free) = buf_new(128);
    struct json_out j = json_out(&out);
    char made[32];
    put_time(r->head.stamp.made_ms, made);
    put_base64(&root, span_of(d->log_root, sizeof d->log_root));
    if (!json) {
        (void)printf("%s: the backup of %s, root generation %llu\n"
                     "  %llu files, %llu bytes, restored in %lld ms, tried in %lld ms\n"
                     "  the log is %s: %llu records, root %.*s\n"
                     "  %llu messages; letters opened and compared: %u right, %u wrong, %u destroyed; destroyed again: %llu\n",
                     good ? "good" : "NOT GOOD", made, (unsigned long long)r->head.stamp.root_generation,
                     (unsigned long long)r->files, (unsigned long long)r->bytes, (long long)times->extracted_ms,
                     (long long)times->all_ms, d->log_good ? "whole" : "NOT whole", (unsigned long long)d->log_size,
                     SPAN_FMT(buf_span(&root)), (unsigned long long)d->messages, d->right, d->wrong, d->destroyed,
                     (unsigned long long)replayed->destroyed);
        return;
    }
    json_begin_object(&j, NULL);
    json_bool(&j, "ok", good);
    json_cstr(&j, "made_at", made);
    json_int(&j, "files", (int64_t)r->files);
    json_int(&j, "bytes", (int64_t)r->bytes);
    json_int(&j, "restored_ms", times->extracted_ms);
    json_int(&j, "all_ms", times->all_ms);
    json_int(&j, "log_size", (int64_t)d->log_size);
    json_text(&j, "log_root", buf_span(&root));
    json_int(&j, "messages", (int64_t)d->messages);
    json_int(&j, "right", d->right);
    json_int(&j, "wrong", d->wrong);
    json_int(&j, "destroyed", d->destroyed);
    json_int(&j, "destroyed_again", (int64_t)replayed->destroyed);
    json_end(&j);
    (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
}

static enum sd_err try_out(struct restoring *r, const struct restore_options *o, struct drilled *d, struct replayed *replayed) {
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct door door = {0};
    enum sd_err err = restore_keeper(r, &settings, &door);
    if (err)
        return err;
    err = replay(r, door.keeper, o->destructions, replayed);
    if (err == SD_OK)
        err = drill(r, door.keeper, o->sample, d);
    door_close(&door);
    return err;
}

/* In the log of the installation that the backup is of. */
static enum sd_err record_drill(const struct restore_options *o, const struct drilled *d, int64_t made_ms, bool good) {
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct door door;
    char made[32], detail[128];
    if (!o->common.conf)
        return SD_OK;
    if (load_quiet(&o->common, &settings) != EXIT_YES)
        return SD_ERR_CONFIG;
    enum sd_err err = door_open(settings, &door);
    if (err)
        return err;
    put_time(made_ms, made);
    (void)snprintf(detail, sizeof detail, "backup of %s, %u letters right, %u wrong", made, d->right, d->wrong);
    err = note(door.keeper, good ? BACKUP_DRILL : BACKUP_DRILL_FAILED, detail);
    door_close(&door);
    return err;
}

static int run_drill(struct restoring *r, const struct restore_options *o) {
    struct drilled d = {0};
    struct replayed replayed = {0};
    struct drill_times times = {0};
    int64_t began_ns = clock_mono_ns();
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(r->dir, sizeof r->dir, "%s/sealdesk-drill.XXXXXX", tmp && *tmp == '/' ? tmp : "/var/tmp");
    if (!mkdtemp(r->dir)) {
        (void)fprintf(stderr, "%s: %s\n", r->dir, strerror(errno));
        return EXIT_NO;
    }
    enum sd_err err = restore_extract(r);
    times.extracted_ms = (clock_mono_ns() - began_ns) / 1000000;
    if (err == SD_OK)
        err = try_out(r, o, &d, &replayed);
    times.all_ms = (clock_mono_ns() - began_ns) / 1000000;
    restore_wipe(r->dir);
    bool good = err == SD_OK && d.log_good && d.wrong == 0;
    if (err == SD_OK)
        report(r, &d, &replayed, &times, good, o->common.json);
    else
        (void)fprintf(stderr, "sealdesk restore --drill: %s\n", sd_err_text(err));
    if (record_drill(o, &d, r->head.stamp.made_ms, good) != SD_OK)
        (void)fprintf(stderr, "sealdesk restore --drill: it could not be recorded\n");
    return good ? EXIT_YES : err ? exit_status_of(err) : EXIT_NO;
}

int cmd_restore(int argc, char **argv) {
    struct restore_options o = {0};
    hold_secrets();
    if (!parse_restore(argc, argv, &o))
        return restore_usage();
    struct restoring r = {.from = o.from, .root_file = o.root, .recovery_file = o.recovery};
    if (o.drill)
        return run_drill(&r, &o);
    char *full = realpath(o.to, NULL);
    bool made = !full && mkdir(o.to, 0711) == 0 && (full = realpath(o.to, NULL));
    if (!full || strlen(full) > 400) { /* SQLite's own limit of paths: see cmd_init.c */
        (void)fprintf(stderr, "%s: %s\n", o.to, full ? "this path is too long" : strerror(errno));
        free(full);
        return EXIT_NO;
    }
    (void)snprintf(r.dir, sizeof r.dir, "%s", full);
    free(full);
    int status = restore(&r, &o);
    if (status != EXIT_YES && made)
        (void)rmdir(r.dir);
    return status;
}
