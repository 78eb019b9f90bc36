/* sealdesk audit: the log read, verified, proven, and taken out for others to check (sealdesk-verify). */
#include "sealdesk/cli.h"

#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "core/role.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS 30000
#define VERIFY_MS 600000
#define FOLLOW_MS 1000
#define NOTE_BYTES 1024 /* of a checkpoint: keeper.def */

struct audit_options {
    struct common_options common;
    const char *out, *consistency;
    uint64_t record, from, until, count;
    bool has_record, follow, bad_number;
};

static uint64_t take_number(struct audit_options *o) {
    uint64_t number = 0;
    o->bad_number |= span_to_u64(span_cstr(optarg), &number) != SD_OK;
    return number;
}

static bool take_audit_option(int option, struct audit_options *o) {
    switch (option) {
    case 'r':
        o->has_record = true;
        o->record = take_number(o);
        return true;
    case 'F':
        o->from = take_number(o);
        return true;
    case 'U':
        o->until = take_number(o);
        return true;
    case 'n':
        o->count = take_number(o);
        return true;
    case 'f':
        o->follow = true;
        return true;
    case 'O':
        o->out = optarg;
        return true;
    case 'C':
        o->consistency = optarg;
        return true;
    default:
        return take_common_option(option, &o->common);
    }
}

static bool parse_audit(int argc, char **argv, struct audit_options *o) {
    static const struct option options[] = {COMMON_LONG,
                                            {"record", 1, NULL, 'r'},
                                            {"from", 1, NULL, 'F'},
                                            {"until", 1, NULL, 'U'},
                                            {"out", 1, NULL, 'O'},
                                            {"consistency", 1, NULL, 'C'},
                                            {"lines", 1, NULL, 'n'},
                                            {"follow", 0, NULL, 'f'},
                                            {0}};
    int option;
    optind = 1;
    *o = (struct audit_options){.until = UINT64_MAX, .count = 10};
    while ((option = getopt_long(argc, argv, COMMON_SHORT "n:f", options, NULL)) != -1)
        if (!take_audit_option(option, o))
            return false;
    if (optind < argc)
        (void)fprintf(stderr, "sealdesk: \"%s\" is not expected here\n", argv[optind]);
    if (o->bad_number)
        (void)fprintf(stderr, "sealdesk: that is no number of a record\n");
    return optind == argc && !o->bad_number;
}

/* ---- list, tail ---- */

/* All pages from *from on, which is moved behind the last record there is. */
static enum sd_err list_from(struct ipc_client *keeper, bool json, uint64_t *from) {
    for (;;) {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        struct keeper_audit_list_rep rep;
        struct keeper_audit_list_req req = {.from = *from};
        enum sd_err err = keeper_audit_list_call(keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
        if (err)
            return err;
        print_lines(rep.records, json, print_record);
        if (rep.next <= *from || rep.records.count == 0)
            return SD_OK;
        *from = rep.next;
    }
}

static int audit_list(struct ipc_client *keeper, const struct audit_options *o) {
    uint64_t from = o->from;
    enum sd_err err = list_from(keeper, o->common.json, &from);
    if (err)
        (void)fprintf(stderr, "sealdesk audit list: %s\n", sd_err_text(err));
    return exit_status_of(err);
}

static int audit_tail(struct ipc_client *keeper, const struct audit_options *o) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_audit_tail_rep rep;
    struct keeper_audit_tail_req req = {.count = o->count};
    enum sd_err err = keeper_audit_tail_call(keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    uint64_t next = rep.next;
    if (err == SD_OK)
        print_lines(rep.records, o->common.json, print_record);
    if (err == SD_OK && rep.records.count < o->count)
        err = list_from(keeper, o->common.json, &next);
    while (err == SD_OK && o->follow) {
        (void)fflush(stdout);
        (void)poll(NULL, 0, FOLLOW_MS);
        err = list_from(keeper, o->common.json, &next);
    }
    if (err)
        (void)fprintf(stderr, "sealdesk audit tail: %s\n", sd_err_text(err));
    return exit_status_of(err);
}

/* ---- verify ---- */

static void put_verified_json(const struct keeper_audit_verify_rep *rep) {
    struct buf out SD_CLEANUP(buf_free) = buf_new(4096);
    struct json_out j = json_out(&out);
    json_begin_object(&j, NULL);
    json_bool(&j, "ok", rep->good);
    json_int(&j, "size", (int64_t)rep->size);
    json_hex(&j, "root", rep->root);
    if (!rep->good) {
        json_int(&j, "first_bad", (int64_t)rep->first_bad);
        json_text(&j, "problem", rep->problem);
    }
    json_end(&j);
    (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
}

static int audit_verify(struct ipc_client *keeper, const struct audit_options *o) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct buf root SD_CLEANUP(buf_free) = buf_new(128);
    struct keeper_audit_verify_rep rep;
    enum sd_err err = keeper_audit_verify_call(keeper, &(struct keeper_audit_verify_req){}, deadline_in_ms(VERIFY_MS), &msg,
                                               &rep);
    if (err) {
        (void)fprintf(stderr, "sealdesk audit verify: %s\n", sd_err_text(err));
        return exit_status_of(err);
    }
    put_hex(&root, rep.root);
    if (o->common.json)
        put_verified_json(&rep);
    else if (rep.good)
        (void)printf("the log is whole: %llu records, root %.*s\n", (unsigned long long)rep.size, SPAN_FMT(buf_span(&root)));
    else
        (void)printf("the log is NOT whole: record %llu: %.*s\n", (unsigned long long)rep.first_bad, SPAN_FMT(rep.problem));
    return rep.good ? EXIT_YES : EXIT_NO;
}

/* ---- key ---- */

static enum sd_err get_key(struct ipc_client *keeper, struct buf *to) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_public_keys_rep rep;
    enum sd_err err = keeper_public_keys_call(keeper, &(struct keeper_public_keys_req){}, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err)
        return err;
    json_t *doc = json_loadb((const char *)rep.json.p, rep.json.n, 0, NULL);
    const char *key = json_string_value(json_object_get(doc, "log"));
    buf_text(to, key ? key : "");
    json_decref(doc);
    return to->n ? buf_err(to) : SD_ERR_BUG;
}

static int audit_key(struct ipc_client *keeper, const struct audit_options *o) {
    struct buf key SD_CLEANUP(buf_free) = buf_new(1024);
    enum sd_err err = get_key(keeper, &key);
    if (err)
        (void)fprintf(stderr, "sealdesk audit key: %s\n", sd_err_text(err));
    else
        (void)printf(o->common.json ? "{\"key\":\"%.*s\"}\n" : "%.*s\n", SPAN_FMT(buf_span(&key)));
    return exit_status_of(err);
}

/* ---- checkpoints ---- */

/* The second line of a checkpoint. */
static uint64_t size_of_note(struct span note) {
    uint64_t size = 0;
    struct span rest = span_from(note, span_find(note, '\n') + 1);
    return span_to_u64(span_sub(rest, 0, span_find(rest, '\n')), &size) == SD_OK ? size : 0;
}

static enum sd_err ask_checkpoint(struct ipc_client *keeper, bool now, uint64_t *ret_size) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_checkpoint_rep rep;
    struct keeper_checkpoint_req req = {.now = now};
    enum sd_err err = keeper_checkpoint_call(keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
    if (err == SD_OK)
        *ret_size = size_of_note(rep.note);
    return err;
}

/* One after another, in the order they were made. */
struct checkpoints {
    struct ipc_client *keeper;
    struct ipc_msg *msg;
    struct ipc_list_iter iter;
    uint64_t from; /* where the next page begins */
    struct span note;
    uint64_t size; /* of the present one; UINT64_MAX behind the last */
};

static void checkpoints_free(struct checkpoints *c) {
    ipc_msg_free(&c->msg);
}

static enum sd_err next_checkpoint(struct checkpoints *c) {
    while (!ipc_list_next(&c->iter, &c->note)) {
        struct keeper_audit_checkpoints_rep rep;
        struct keeper_audit_checkpoints_req req = {.from = c->from};
        ipc_msg_free(&c->msg);
        enum sd_err err = keeper_audit_checkpoints_call(c->keeper, &req, deadline_in_ms(ASK_MS), &c->msg, &rep);
        c->size = UINT64_MAX;
        if (err || rep.notes.count == 0)
            return err;
        c->iter = ipc_list_start(rep.notes);
        c->from = rep.next;
    }
    c->size = size_of_note(c->note);
    return SD_OK;
}

/* The first that covers at least so many records. */
static enum sd_err find_checkpoint(struct checkpoints *c, uint64_t size) {
    enum sd_err err = next_checkpoint(c);
    while (err == SD_OK && c->size < size)
        err = next_checkpoint(c);
    return err;
}

/* ---- prove ---- */

/* c2sp.org/tlog-proof@v1; for a continuation what witnesses are sent (c2sp.org/tlog-witness): old size, proof, checkpoint. */
static void print_proof(struct span first, struct ipc_list hashes, struct span note) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(16 * 1024);
    struct ipc_list_iter iter = ipc_list_start(hashes);
    struct span hash;
    buf_put(&text, first);
    while (ipc_list_next(&iter, &hash)) {
        put_base64(&text, hash);
        buf_byte(&text, '\n');
    }
    buf_byte(&text, '\n');
    buf_put(&text, note);
    (void)printf("%.*s", SPAN_FMT(buf_span(&text)));
}

struct proven {
    const char *kind; /* "record" or "old", with its number */
    uint64_t number;
    struct span problem, line, note;
    struct ipc_list hashes;
};

static void print_proven_json(const struct proven *p) {
    struct buf out SD_CLEANUP(buf_free) = buf_new(64 * 1024), hash_text SD_CLEANUP(buf_free) = buf_new(128);
    struct json_out j = json_out(&out);
    struct ipc_list_iter iter = ipc_list_start(p->hashes);
    struct span hash;
    json_begin_object(&j, NULL);
    json_bool(&j, "ok", p->problem.n == 0);
    json_int(&j, p->kind, (int64_t)p->number);
    if (p->problem.n)
        json_text(&j, "problem", p->problem);
    if (p->line.n)
        json_text(&j, "line", p->line);
    json_text(&j, "checkpoint", p->note);
    json_begin_array(&j, "hashes");
    while (ipc_list_next(&iter, &hash)) {
        buf_reset(&hash_text);
        put_base64(&hash_text, hash);
        json_text(&j, NULL, buf_span(&hash_text));
    }
    json_end(&j);
    json_end(&j);
    (void)printf("%.*s\n", SPAN_FMT(buf_span(&out)));
}

static int print_proven(const struct proven *p, const char *first_line, bool json) {
    char first[128];
    int n = snprintf(first, sizeof first, first_line[0] == 'o' ? "old %llu\n" : "c2sp.org/tlog-proof@v1\nindex %llu\n",
                     (unsigned long long)p->number);
    if (json)
        print_proven_json(p);
    else if (p->problem.n == 0)
        print_proof(span_of(first, (size_t)n), p->hashes, p->note);
    if (p->problem.n)
        (void)fprintf(stderr, "sealdesk audit prove: %.*s\n", SPAN_FMT(p->problem));
    return p->problem.n ? EXIT_NO : EXIT_YES;
}

static enum sd_err prove_record(struct ipc_client *keeper, const struct audit_options *o, int *ret_status) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_audit_prove_rep rep;
    struct keeper_audit_prove_req req = {.record = o->record};
    uint64_t size = 0;
    enum sd_err err = ask_checkpoint(keeper, false, &size);
    if (err == SD_OK && size <= o->record)
        err = ask_checkpoint(keeper, true, &size);
    if (err == SD_OK)
        err = keeper_audit_prove_call(keeper, &req, deadline_in_ms(VERIFY_MS), &msg, &rep);
    if (err)
        return err;
    struct proven p = {"record", o->record, rep.problem, rep.line, rep.note, rep.hashes};
    *ret_status = print_proven(&p, "record", o->common.json);
    return SD_OK;
}

static enum sd_err prove_continuation(struct ipc_client *keeper, const struct audit_options *o, int *ret_status) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct buf earlier SD_CLEANUP(buf_free) = buf_new(NOTE_BYTES);
    struct keeper_audit_continues_rep rep;
    enum sd_err err = file_read(o->consistency, &earlier);
    if (err) {
        (void)fprintf(stderr, "%s: %s\n", o->consistency, err == SD_ERR_LIMIT ? "too long for a checkpoint" : sd_err_text(err));
        *ret_status = EXIT_USAGE;
        return SD_OK;
    }
    struct keeper_audit_continues_req req = {.earlier = buf_span(&earlier)};
    err = keeper_audit_continues_call(keeper, &req, deadline_in_ms(VERIFY_MS), &msg, &rep);
    if (err)
        return err;
    struct proven p = {"old", rep.size, rep.problem, SPAN_NONE, rep.note, rep.hashes};
    *ret_status = print_proven(&p, "old", o->common.json);
    return SD_OK;
}

static int audit_prove(struct ipc_client *keeper, const struct audit_options *o) {
    int status = EXIT_NO;
    enum sd_err err = o->consistency ? prove_continuation(keeper, o, &status) : prove_record(keeper, o, &status);
    if (err)
        (void)fprintf(stderr, "sealdesk audit prove: %s\n",
                      err == SD_ERR_NOTFOUND ? "there is no such record" : sd_err_text(err));
    return err ? exit_status_of(err) : status;
}

/* ---- export ---- */

struct exporting {
    struct ipc_client *keeper;
    FILE *to;
    uint64_t from, until;
    struct checkpoints checkpoints;
    bool failed; /* to write */
};

static void put_export_line(struct exporting *x, struct span line) {
    x->failed |= fwrite(line.p, 1, line.n, x->to) != line.n || fputc('\n', x->to) == EOF;
}

static void put_head(struct exporting *x, struct span key, struct ipc_list peaks) {
    struct buf out SD_CLEANUP(buf_free) = buf_new(8192);
    struct json_out j = json_out(&out);
    struct ipc_list_iter iter = ipc_list_start(peaks);
    struct span peak;
    json_begin_object(&j, NULL);
    json_int(&j, "sealdesk-log", 1);
    json_text(&j, "origin", span_sub(key, 0, span_find(key, '+')));
    json_text(&j, "key", key);
    json_int(&j, "from", (int64_t)x->from);
    json_int(&j, "size", (int64_t)x->until);
    if (x->from)
        json_begin_array(&j, "peaks");
    while (x->from && ipc_list_next(&iter, &peak))
        json_hex(&j, NULL, peak);
    if (x->from)
        json_end(&j);
    json_end(&j);
    put_export_line(x, buf_span(&out));
}

static void put_checkpoint(struct exporting *x) {
    struct buf out SD_CLEANUP(buf_free) = buf_new(8192);
    struct json_out j = json_out(&out);
    json_begin_object(&j, NULL);
    json_text(&j, "checkpoint", x->checkpoints.note);
    json_end(&j);
    put_export_line(x, buf_span(&out));
}

/* Each checkpoint stands behind the last record that it covers: whoever checks reads once. */
static enum sd_err put_checkpoints(struct exporting *x, uint64_t size) {
    enum sd_err err = SD_OK;
    while (err == SD_OK && x->checkpoints.size <= size) {
        if (x->checkpoints.size == size)
            put_checkpoint(x);
        err = next_checkpoint(&x->checkpoints);
    }
    return err;
}

static enum sd_err put_records(struct exporting *x, struct ipc_list records, uint64_t next) {
    struct ipc_list_iter iter = ipc_list_start(records);
    struct span record;
    enum sd_err err = SD_OK;
    while (err == SD_OK && ipc_list_next(&iter, &record)) {
        put_export_line(x, record);
        err = put_checkpoints(x, ++next);
    }
    return err;
}

static enum sd_err export_records(struct exporting *x, struct span key) {
    enum sd_err err = SD_OK;
    for (uint64_t next = x->from; err == SD_OK && !x->failed && (next == x->from || next < x->until);) {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        struct keeper_audit_export_rep rep;
        struct keeper_audit_export_req req = {.from = next, .until = x->until};
        err = keeper_audit_export_call(x->keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep);
        if (err)
            return err;
        if (rep.records.count == 0)
            return SD_ERR_FORGED; /* fewer than a checkpoint covers */
        if (next == x->from)
            put_head(x, key, rep.peaks);
        err = put_records(x, rep.records, next);
        next = rep.next;
    }
    return err;
}

/* An export ends where a checkpoint does: what none covers cannot be checked. */
static enum sd_err find_end(struct exporting *x, uint64_t until) {
    enum sd_err err = ask_checkpoint(x->keeper, true, &x->until);
    if (err || until >= x->until)
        return err;
    struct checkpoints ends SD_CLEANUP(checkpoints_free) = {.keeper = x->keeper};
    err = find_checkpoint(&ends, until);
    if (err == SD_OK && ends.size < x->until)
        x->until = ends.size;
    return err;
}

static enum sd_err export_all(struct exporting *x, uint64_t until) {
    struct buf key SD_CLEANUP(buf_free) = buf_new(1024);
    enum sd_err err = get_key(x->keeper, &key);
    if (err == SD_OK)
        err = find_end(x, until);
    if (err == SD_OK && x->from >= x->until)
        err = SD_ERR_NOTFOUND;
    if (err == SD_OK)
        err = find_checkpoint(&x->checkpoints, x->from + 1);
    if (err == SD_OK)
        err = export_records(x, buf_span(&key));
    checkpoints_free(&x->checkpoints);
    return err ? err : x->failed || fflush(x->to) != 0 ? SD_ERR_IO : SD_OK;
}

static int audit_export(struct ipc_client *keeper, const struct audit_options *o) {
    /* Whose names and hours are in it: not for other users of the machine, whatever the mask is. */
    int fd = o->out ? open(o->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : STDOUT_FILENO;
    FILE *to = fd >= 0 && o->out ? fdopen(fd, "w") : stdout;
    if (fd < 0 || !to) {
        (void)fprintf(stderr, "%s: %s\n", o->out, strerror(errno));
        return EXIT_NO;
    }
    struct exporting x = {.keeper = keeper, .to = to, .from = o->from, .checkpoints.keeper = keeper};
    enum sd_err err = export_all(&x, o->until);
    if (o->out && fclose(to) != 0 && err == SD_OK)
        err = SD_ERR_IO;
    if (err)
        (void)fprintf(stderr, "sealdesk audit export: %s\n",
                      err == SD_ERR_NOTFOUND ? "there are no such records" : sd_err_text(err));
    return exit_status_of(err);
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    int (*run)(struct ipc_client *keeper, const struct audit_options *o);
} commands[] = {{"verify", audit_verify}, {"list", audit_list}, {"tail", audit_tail},
                {"prove", audit_prove},   {"key", audit_key},   {"export", audit_export}};

int cmd_audit(int argc, char **argv) {
    struct audit_options o;
    struct settings *settings SD_CLEANUP(settings_free) = NULL;
    struct door door;
    size_t i = 0;
    while (argc >= 2 && i < SD_COUNT(commands) && strcmp(argv[1], commands[i].name) != 0)
        i++;
    if (argc < 2 || i == SD_COUNT(commands) || !parse_audit(argc - 1, argv + 1, &o))
        return usage_of("audit");
    if (commands[i].run == audit_prove && o.has_record == (o.consistency != NULL))
        return usage_of("audit");
    int status = load_quiet(&o.common, &settings);
    if (status)
        return status;
    enum sd_err err = door_open(settings, &door);
    if (err)
        return exit_status_of(err);
    status = commands[i].run(door.keeper, &o);
    door_close(&door);
    return status;
}
